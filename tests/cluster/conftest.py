"""One cluster with fake nodes for the session, and namespaces of the tests' own."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from e2e.conftest import Opening
from e2e.play import Play, playing
from ordersaga_local import parts

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


@pytest.fixture
def opened(kafka: parts.Kafka, postgres: parts.Postgres, migrated: str) -> Opening:
    """Opens stages, as for `e2e`."""

    def open_stage(settings: dict[str, str] | None = None, **options: Any) -> AbstractAsyncContextManager[Play]:
        return playing(parts.Parts(kafka, postgres), migrated, settings, **options)

    return open_stage
