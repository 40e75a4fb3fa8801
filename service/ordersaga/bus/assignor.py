"""Which members of the group read which partitions: those of the newest version share them."""

import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka.cluster import ClusterMetadata  # type: ignore[import-untyped]  # it ships no types
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor  # type: ignore[import-untyped]  # as above
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor  # type: ignore[import-untyped]  # as above
from aiokafka.coordinator.protocol import (  # type: ignore[import-untyped]  # as above
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)

_VERSION: Final = struct.Struct(">I")


def assignor(version: int) -> type[AbstractPartitionAssignor]:
    """For a member of this version.

    A partition with a member of an older version would stand as soon as a newer process has written one of its orders.
    It has the name of the one that it extends, so that members that know no versions can be in the group: all share the
    partitions if one of them is the leader, else they count as the oldest. A member can't offer two: aiokafka joins anew
    with each of them, and the group would rebalance for ever.
    """

    class NewestVersion(RoundRobinPartitionAssignor):  # type: ignore[misc]  # its base has no types
        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), _VERSION.pack(version))

        @classmethod
        def assign(cls, cluster: ClusterMetadata, members: Mapping[str, Any]) -> dict[str, Any]:
            return shared_by_the_newest(cluster, members)

    return NewestVersion


def shared_by_the_newest(cluster: ClusterMetadata, members: Mapping[str, Any]) -> dict[str, Any]:
    """The assignment of each member; that of older ones is empty."""
    versions = {name: _version_of(metadata.user_data) for name, metadata in members.items()}
    newest = {name: members[name] for name, version in versions.items() if version == max(versions.values())}
    none = ConsumerProtocolMemberAssignment(RoundRobinPartitionAssignor.version, [], b"")
    shared: dict[str, Any] = RoundRobinPartitionAssignor.assign(cluster, newest)
    return dict.fromkeys(members, none) | shared


def _version_of(user_data: bytes | None) -> int:
    """A later version may append something."""
    version: int = _VERSION.unpack_from(user_data)[0] if user_data and len(user_data) >= _VERSION.size else 0
    return version
