"""One cluster with fake nodes for the session, and namespaces of the tests' own."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from .client import Cluster, Namespace
from .control_plane import control_plane
from .fake_nodes import fake_nodes


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A control plane with two fake nodes."""
    with control_plane() as made, fake_nodes(made, 2):
        yield made


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Callable[[], Namespace]:
    """Makes namespaces that take only pods that comply with `restricted`."""
    return lambda: cluster.namespace(f"payments-{uuid.uuid4().hex[:8]}")
