"""Two workers with random failures of all kinds: money moves once, outcomes have no gaps, and no slot is lost."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

import pytest

from ordersaga.bus.records import Record
from ordersaga.domain import saga
from ordersaga.domain.model.outcomes import Call
from ordersaga.domain.model.results import Result, Retryable, Unknown
from ordersaga.store.errors import StoreError, StoreUnavailableError
from ordersaga.store.session import Session
from roles_harness import OnCall, Roles, Shop, roles, run_sql, until

MERCHANTS = {"a": 8, "b": 8}


class Faults:
    """Faults with given probabilities, until they are `over`."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.over = False

    def occurs(self, share: float) -> bool:
        return not self.over and self.chance.random() < share

    def of_provider(self, r: Roles) -> OnCall:
        """Responses that are late, lost or refused, and failures of our own adapter."""

        async def call_with_faults(call: Call) -> Result | None:
            await asyncio.sleep(self.chance.random() * 0.02)
            if self.occurs(0.05):
                r.fake.answer(call)
                return Unknown("dropped")
            if self.occurs(0.05):
                return Retryable("503", status=503)
            if self.occurs(0.03):
                raise KeyError("in an adapter")
            if self.occurs(0.02):
                r.fake.answer(call)
                await asyncio.sleep(0.7)
            return None

        return call_with_faults

    def of_store_and_saga(self, patch: pytest.MonkeyPatch) -> None:
        """A store that fails before or after a statement is executed, and a saga with a bug."""
        right_fetch, right_settle = Session.fetch, saga.settle

        async def fetch(session: Session, sql: str, *arguments: Any) -> Any:
            if self.occurs(0.03):
                raise StoreUnavailableError("away")
            found = await right_fetch(session, sql, *arguments)
            if self.occurs(0.03):
                raise StoreUnavailableError("away after it was done")
            return found

        def settle(*arguments: Any) -> Any:
            if self.occurs(0.01):
                raise ZeroDivisionError
            return right_settle(*arguments)

        patch.setattr(Session, "fetch", fetch)
        patch.setattr(saga, "settle", settle)


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_slot_is_lost_and_nothing_is_done_twice(
    database: str, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    faults = Faults(seed)
    options = {"slots": MERCHANTS, "lease": 0.6, "deadline": 0.25}
    async with roles(database, owner="w1", **options) as one, roles(database, owner="w2", **options) as two:
        faults.of_store_and_saga(monkeypatch)
        two.fake.klarna = one.fake.klarna
        for each in (one, two):
            each.fake.on_call = faults.of_provider(each)
            each.start_claiming()
        shop = Shop()
        for number in range(12):
            await _until_taken((one, two)[number % 2], _batch(shop, number))
            await asyncio.sleep(0.1)
        faults.over = True
        await _until_all_finished(database)
        for each in (one, two):
            await _no_slot_is_in_use(each)
        assert set(one.fake.klarna.effects.values()) == {1}
        await _outcomes_are_gapless(one)


def _batch(shop: Shop, number: int) -> list[Record]:
    merchant = "ab"[number % 2]
    placed = [shop.placed(f"{number}-{each}", merchant=merchant) for each in range(10)]
    return placed + [shop.shipped(f"{number}-{each}", 3, merchant=merchant) for each in range(10)]


async def _until_taken(r: Roles, batch: Sequence[Record]) -> None:
    for _ in range(100):
        try:
            await r.take(*batch)
        except StoreError:
            await asyncio.sleep(0.01)
        else:
            return
    raise AssertionError("it was never taken in")


async def _until_all_finished(database: str) -> None:
    """Until every order is finished or has an attention."""
    deadline = time.monotonic() + 30
    while await run_sql(database, "SELECT FROM orders WHERE is_open AND attention IS NULL LIMIT 1"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def _no_slot_is_in_use(r: Roles) -> None:
    await r.worker.stop(5.0)
    await until(lambda: not r.worker._acting)
    assert [(place, bulkhead.in_use) for place, bulkhead in r.bulkheads if bulkhead.in_use] == []
    assert r.under_way == 0


async def _outcomes_are_gapless(r: Roles) -> None:
    by_order: dict[str, list[int]] = {}
    for told in await r.outcomes():
        by_order.setdefault(told["subject"], []).append(told["sequence"])
    assert len(by_order) == 120
    for sequence in by_order.values():
        assert sequence == list(range(1, len(sequence) + 1))
