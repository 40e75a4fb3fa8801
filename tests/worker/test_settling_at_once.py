"""Plain answers are settled in one statement; whatever is amiss with it, the rows are looked at."""

import pytest

from ordersaga.store.errors import StoreUnavailableError
from roles_harness import Roles, Shop, roles, until

from .test_settling import hold_calls


async def claimed(r: Roles) -> None:
    """What is due is claimed once, and settled."""
    await r.worker.claim()
    await r.at_rest()


async def test_plain_answers_are_settled_in_one_statement(database: str) -> None:
    async with roles(database, desk=False) as r:
        shop, counts = Shop(), r.store.engine.counts["settle"]
        await r.take(shop.placed("first"))
        await claimed(r)
        before = counts.statements, counts.commits
        assert before == (3, 1), "its first settle learns the epoch"
        go_on = await hold_calls(r)
        await r.take(*(shop.placed(str(number)) for number in range(20)))
        r.claiming()
        await until(lambda: len(r.fake.calls) == 1 + 20)
        go_on.set()
        await r.at_rest()
        assert (counts.statements, counts.commits) <= (before[0] + 2, before[1] + 2), "at most one for each settler"
        assert len(await r.outcomes()) == 21


async def test_of_a_batch_only_orders_with_news_are_looked_at(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed("first"))
        await r.at_rest()
        go_on = await hold_calls(r)
        await r.take(*(shop.placed(str(number)) for number in range(3)))
        await until(lambda: len(r.fake.calls) == 1 + 3)
        await r.take(shop.shipped("1", 3))
        go_on.set()
        await r.at_rest()
        told = [(one["subject"], one["type"]) for one in await r.outcomes() if one["subject"] == "1"]
        assert told == [("1", "authorized"), ("1", "captured")]
        assert len(await r.outcomes()) == 5
        assert set(r.fake.klarna.effects.values()) == {1}
        await r.free()


async def test_a_store_that_fails_at_once_is_looked_at_and_the_slots_are_kept_right(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed("first"))
        await r.at_rest()
        left: list[Exception] = [StoreUnavailableError("away"), ZeroDivisionError("a bug")]

        async def fail(*_: object) -> None:
            raise left.pop()

        with monkeypatch.context() as patch:
            patch.setattr(r.store, "settle", fail)
            await r.take(shop.placed(), shop.shipped(quantity=3))
            await until(lambda: not left)
        await r.at_rest()
        assert len(await r.outcomes()) == 3
        assert set(r.fake.klarna.effects.values()) == {1}
        await r.free()
