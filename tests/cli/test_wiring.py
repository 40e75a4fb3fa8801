"""The components of a process."""

import pytest

from ordersaga.cli.connections import store_of
from ordersaga.cli.wiring import Role, build
from ordersaga.config import load


@pytest.mark.parametrize(
    ("roles", "watched"), [(["intake"], 1), (["worker"], 1), (["relay"], 0), (["intake", "worker", "relay"], 2)]
)
async def test_the_batches_of_intake_and_worker_are_watched(stored: str, roles: list[Role], watched: int) -> None:
    settings = load()
    store = store_of(settings)
    components = build(settings, store, roles)
    try:
        assert [seconds() for seconds in components.batch_ages] == [0.0] * watched
    finally:
        await components.close()
        await store.close()
