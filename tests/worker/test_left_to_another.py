"""A worker that can't read its order any more leaves the answer to one that can."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ordersaga.domain import saga
from ordersaga.domain.model.outcomes import Call, Send
from ordersaga.domain.model.results import Rejected, Result, Succeeded
from roles_harness import NEW_KEY, Roles, Shop, roles, run_sql, until, until_async

from .test_settling import hold_calls


@asynccontextmanager
async def with_a_call_under_way(
    database: str, answer: Result | None = None
) -> AsyncIterator[tuple[Roles, Roles, asyncio.Event, Shop]]:
    """The old process calls Klarna for an order that the new process has then written: its `shipped` waits."""
    shop = Shop()
    async with roles(database) as old, roles(database, owner="new", vault=NEW_KEY) as new:
        new.fake.klarna = old.fake.klarna
        go_on = asyncio.Event()

        async def wait(_call: Call) -> Result | None:
            await go_on.wait()
            return answer

        old.fake.on_call = wait
        await old.take(shop.placed())
        await until(lambda: len(old.fake.calls) == 1)
        await new.take(shop.shipped(quantity=3))
        yield old, new, go_on, shop


async def test_the_answer_is_settled_by_who_can_read_the_order(database: str) -> None:
    async with with_a_call_under_way(database) as (old, new, go_on, _):
        new.start_claiming()
        go_on.set()
        await until_async(lambda: told(new, ["authorized", "captured"]))
        assert old.fake.made == ["Send create_order"]
        assert new.fake.made == ["Send capture"], "the order isn't placed again, nor looked for"
        assert [one.what for one in (await new.shown()).journal if one.name == "create_order" and one.what == "call"]
        await old.until_slots_free()
        await new.until_slots_free()
        assert await old.dead_letter_codes() == []
        assert (await new.shown()).attention is None


async def test_a_refusal_is_left_too(database: str) -> None:
    refusal = Rejected("REJECTED", ("no",), status=403)
    async with with_a_call_under_way(database, refusal) as (_, new, go_on, _):
        new.start_claiming()
        go_on.set()
        await until_async(lambda: told(new, ["rejected", "rejected"]))
        assert new.fake.made == []


async def test_an_outdated_worker_leaves_its_answer_and_claims_no_more(database: str) -> None:
    async with roles(database) as old:
        go_on = await hold_calls(old)
        await old.take(Shop().placed())
        await until(lambda: len(old.fake.calls) == 1)
        await run_sql(database, "UPDATE epoch SET lowest_version = 2")
        go_on.set()
        await until_async(lambda: kept(database))
        await old.until_slots_free()
        await run_sql(database, "UPDATE epoch SET lowest_version = 1")  # as if a newer process looked at it
        await old.worker.claim()
        await until_async(lambda: told(old, ["authorized"]))
        assert old.fake.made == ["Send create_order"]


async def test_without_the_kept_answer_it_is_found_out(database: str) -> None:
    async with with_a_call_under_way(database) as (_, new, go_on, _):
        go_on.set()
        await until_async(lambda: kept(database))
        await run_sql(database, "DELETE FROM kept_results")
        new.start_claiming()
        await until_async(lambda: told(new, ["authorized", "captured"]))
        assert new.fake.made == ["Send create_order", "Send capture"], "the same request is repeated"


async def told(r: Roles, types: list[str]) -> bool:
    return await r.outcome_types() == types


async def kept(database: str) -> bool:
    ((count,),) = await run_sql(database, "SELECT count(*) FROM kept_results")
    return bool(count)


async def test_a_kept_answer_to_a_repeat_says_that_an_earlier_one_was_lost(database: str) -> None:
    """The first call took effect, and its worker died; the refusal of the repeat proves nothing."""
    shop = Shop()
    async with roles(database, dispatcher=False) as old, roles(database, owner="new", vault=NEW_KEY) as new:
        new.fake.klarna = old.fake.klarna
        await old.take(shop.placed())
        await old.worker.claim()
        await until_async(lambda: told(old, ["authorized"]))
        await old.take(shop.shipped(quantity=3))
        [dead] = (await old.claim_as("dead", 0.0)).orders
        step = saga.next_call(dead.order, time.time(), old.rulebook.of("default"))
        assert isinstance(step, Send)
        assert isinstance(old.fake.answer(step), Succeeded)
        go_on = asyncio.Event()

        async def refused(_call: Call) -> Result | None:
            await go_on.wait()
            return Rejected("CAPTURE_NOT_ALLOWED", ("no",), status=403)

        old.fake.on_call = refused
        await old.worker.claim()
        await until(lambda: old.fake.made == ["Send create_order", "Send capture"])
        await new.take(shop.event("closed", "1", {}))
        go_on.set()
        await until_async(lambda: kept(database))
        new.start_claiming()
        await until(lambda: bool(new.fake.made))
        assert new.fake.made[0] == "Read capture"
        await until_async(lambda: captured(new))


async def captured(r: Roles) -> bool:
    return (await r.outcome_types())[:2] == ["authorized", "captured"]
