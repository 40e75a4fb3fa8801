"""What a process is made of."""

import pytest

from ordersaga.cli.wiring import Role, store_of, wired
from ordersaga.config import load


@pytest.mark.parametrize(
    ("roles", "watched"), [(["intake"], 1), (["worker"], 1), (["relay"], 0), (["intake", "worker", "relay"], 2)]
)
async def test_the_batches_of_intake_and_worker_are_watched(stored: str, roles: list[Role], watched: int) -> None:
    settings = load()
    store = store_of(settings)
    service = wired(settings, store, roles)
    try:
        assert [seconds() for seconds in service.in_hand] == [0.0] * watched
    finally:
        await service.close()
        await store.close()
