"""A stuck operation is settled by hand while the roles run."""

import asyncio

import pytest

from ordersaga.domain.model.outcomes import Call
from ordersaga.domain.model.results import Result, Unknown
from ordersaga.domain.uncertainty.manual import HadNoEffect, TookEffect, TryAgain
from ordersaga.operating.errors import OperatingError
from ordersaga.operating.manual_settlement import ManualSettlement
from roles_harness import Roles, Shop, key, roles, until_async

NO_REPEATS = {"create_repeats": 0}


def manual(r: Roles) -> ManualSettlement:
    return ManualSettlement(r.store, ["default"], r.rulebook, "test")


async def stuck_create(r: Roles) -> str:
    """The order is created, but every response is lost. The operation's id."""

    async def lost(call: Call) -> Result:
        r.fake.answer(call)
        return Unknown("connection lost")

    r.fake.on_call = lost
    shop = Shop()
    await r.take(shop.placed(), shop.shipped(name="s"))
    r.start_claiming()
    await until_async(lambda: is_told(r, "attention_required"))
    await r.until_idle()
    r.fake.on_call = None
    operation = (await r.order()).operations[0]
    assert operation.stage == "stuck"
    return operation.id


async def is_told(r: Roles, what: str) -> bool:
    return what in await r.outcome_types()


async def test_an_order_that_was_made_is_read_and_its_events_go_on(database: str) -> None:
    async with roles(database, rules=NO_REPEATS) as r:
        operation = await stuck_create(r)
        await manual(r).settle(key(), operation, TookEffect("order-token-1"), "grace")
        await until_async(lambda: is_told(r, "captured"))
        assert await r.outcome_types() == ["attention_required", "authorized", "captured"]
        assert r.fake.klarna.orders["order-token-1"].captured == (await r.order()).captured_amount == 1000


async def test_an_order_that_was_not_made_rejects_its_events(database: str) -> None:
    async with roles(database, rules=NO_REPEATS) as r:
        operation = await stuck_create(r)
        await manual(r).settle(key(), operation, HadNoEffect("it isn't there"), "grace")
        codes = [one["error"]["code"] for one in await r.outcomes() if one["final"]]
        assert codes == ["settled_by_hand", "order_rejected"]


async def test_a_create_that_is_sent_again_is_the_same_order(database: str) -> None:
    async with roles(database, rules=NO_REPEATS) as r:
        operation = await stuck_create(r)
        await manual(r).settle(key(), operation, TryAgain(), "grace")
        await until_async(lambda: is_told(r, "captured"))
        assert r.fake.klarna.effects["create token-1"] == 1


async def test_of_two_who_settle_at_once_one_does(database: str) -> None:
    async with roles(database, rules=NO_REPEATS) as r:
        operation = await stuck_create(r)
        verdicts = [HadNoEffect("it isn't there")] * 8
        done = await asyncio.gather(
            *(manual(r).settle(key(), operation, one, "grace") for one in verdicts), return_exceptions=True
        )
        refused = [one for one in done if isinstance(one, OperatingError)]
        assert len(refused) == 7, done
        assert len([one for one in await r.outcomes() if one["cause"]["id"] == "placed-1" and one["final"]]) == 1


async def test_an_id_is_given_to_one_of_two_orders_that_are_settled_at_once(database: str) -> None:
    async with roles(database, rules=NO_REPEATS) as r:
        first = await stuck_create(r)
        r.fake.on_call = lost_for_good
        await r.take(Shop(1).placed("2"))
        await until_async(lambda: is_stuck(r, "2"))
        await r.until_idle()
        second = (await r.order("2")).operations[0].id
        verdict = TookEffect("order-token-1")
        done = await asyncio.gather(
            manual(r).settle(key("1"), first, verdict, "grace"),
            manual(r).settle(key("2"), second, verdict, "ada"),
            return_exceptions=True,
        )
        with pytest.raises(OperatingError, match="look up the id of this order"):
            raise next(one for one in done if isinstance(one, BaseException))
        assert len([one for one in done if isinstance(one, BaseException)]) == 1


async def lost_for_good(_call: Call) -> Result:
    return Unknown("connection lost")


async def is_stuck(r: Roles, subject: str) -> bool:
    operations = (await r.order(subject)).operations
    return bool(operations) and operations[0].stage == "stuck"
