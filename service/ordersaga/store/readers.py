"""Which process can read which rows: a row names the version of its state and the master key that it needs."""

from collections.abc import Iterable
from typing import Final

STATE_VERSION: Final = 1
"""Of the state that this process writes. It reads older ones too. A field that older processes may ignore needs no new one."""

LIVE: Final = 60
"""Seconds since its last heartbeat in which a process counts as live."""

GAP: Final = 10
"""Seconds without a heartbeat after which a process starts to watch anew: it, or the database, was away."""

WATCHED: Final = f"""
EXISTS (SELECT FROM heartbeats WHERE since <= now() - interval '{LIVE} s' AND seen_at > now() - interval '{GAP} s')"""
"""Whether some process has been watching for as long as others may be silent: only then a missing heartbeat says something."""

OUTDATED: Final = f"epoch.lowest_version > {STATE_VERSION}"
"""Whether this process may not write any more: only newer ones were live."""


def key_ids(names: Iterable[str]) -> list[bytes]:
    """As in the column `key_id`, which is empty where nothing is encrypted."""
    return [b"", *(name.encode() for name in names)]


def can_read(row: str, keys: str) -> str:
    """Whether this process can. `keys`: its `key_ids`."""
    return f"({row}.state_version <= {STATE_VERSION} AND {row}.key_id = ANY({keys}::bytea[]))"


def somebody_can_read(row: str) -> str:
    """Whether a live process can, or it isn't known which ones are live."""
    return f"""
(EXISTS (SELECT FROM heartbeats AS h WHERE h.seen_at > now() - interval '{LIVE} s' AND h.version >= {row}.state_version
         AND {row}.key_id = ANY(h.key_ids)) OR NOT {WATCHED})"""
