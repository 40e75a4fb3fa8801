"""A notification has the order read: once however many came, and never lost."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.outcomes import Call, Read
from ordersaga.domain.model.results import Result, Retryable, Succeeded
from ordersaga.store.appended import NO_ROWS, AppendedRows
from ordersaga.store.claims import ClaimedOrder
from ordersaga.store.hints import NewHint
from ordersaga.store.kept_results import KeptResult, UnsettledResult
from ordersaga.store.rows import Row
from ordersaga.store.settle import SettledOrder
from roles_harness import Roles, Shop, gives, key, roles, run_sql, until, until_async

SLOW = {"backoff": 3_000.0, "backoff_most": 3_000.0}


async def hint(r: Roles, *ids: str | None, times: int = 1) -> list[bool]:
    return await r.store.hint([NewHint("default", "klarna", one or "") for one in ids for _ in range(times)])


async def placed(r: Roles, subject: str = "1") -> str:
    """Its id at the provider, once nothing is left to do."""
    await r.take(Shop().placed(subject))
    await r.until_idle()
    await r.until_slots_free()
    found = (await r.order(subject)).provider_order_id
    assert found is not None
    return found


async def row(database: str, subject: str = "1") -> dict[str, Any]:
    (found,) = await run_sql(
        database,
        """SELECT due_at, due_at <= now() AS due, hinted_at, hinted_id, call_kind, version, updated_at, lease_token,
                  lease_until, lease_owner FROM orders WHERE subject = $1""",
        subject,
    )
    return dict(found)


async def settled(r: Roles) -> None:
    await r.until_idle()
    await r.until_slots_free()


async def claimed(r: Roles) -> None:
    await r.worker.claim()
    await settled(r)


class Held:
    """The next call waits for `go_on`, after the provider has answered it; the others don't."""

    def __init__(self, r: Roles) -> None:
        self.made, self.go_on = asyncio.Event(), asyncio.Event()
        self._r, r.fake.on_call = r, self._answer

    async def _answer(self, call: Call) -> Result:
        self._r.fake.on_call = None
        result = self._r.fake.answer(call)
        self.made.set()
        await self.go_on.wait()
        return result


async def test_any_number_of_hints_is_one_read(database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        assert r.fake.made == ["Send create_order"]
        for _ in range(5):
            assert await hint(r, name, times=100) == [True] * 100
        assert (await row(database))["call_kind"] == "reading"
        await claimed(r)
        await claimed(r)
        assert r.fake.made == ["Send create_order", "Read refresh"]
        assert ((now := await row(database))["hinted_at"], now["due"]) == (None, False)
        await hint(r, name)
        await claimed(r)
        assert r.fake.made[2:] == ["Read refresh"], "a later one is another read"


async def test_a_review_that_was_decided_is_told_at_once(database: str) -> None:
    async with roles(database, rules={"review_poll": 3_000.0}) as r:

        async def reviewed(call: Call) -> Result | None:
            result = r.fake.answer(call)
            return replace(result, fraud_status="PENDING") if isinstance(result, Succeeded) else result

        r.fake.on_call = reviewed
        name = await placed(r)
        r.fake.on_call = None
        assert await r.outcome_types() == ["review_pending"]
        await hint(r, name)
        await claimed(r)
        assert await r.outcome_types() == ["review_pending", "authorized"]


async def test_a_capture_s_or_refund_s_id_names_the_order_too(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed(), shop.shipped(quantity=3))
        await settled(r)
        (capture,) = (await r.order()).captures
        assert (before := await row(database))["due_at"] is None
        assert before["call_kind"] == ""
        assert await hint(r, capture.id, "nobody") == [True, False]
        assert (await row(database))["call_kind"] == "reading", "so that it waits for a slot of reads"
        await claimed(r)
        assert r.fake.made[-1] == "Read refresh"


async def test_a_hint_during_a_read_leads_to_another_one(database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        await hint(r, name)
        held = Held(r)
        await r.worker.claim()
        await held.made.wait()
        await hint(r, name)
        await hint(r, name)
        held.go_on.set()
        await settled(r)
        assert (await row(database))["due"]
        await claimed(r)
        await claimed(r)
        assert r.fake.made[1:] == ["Read refresh", "Read refresh"]


@pytest.mark.parametrize("meanwhile", [False, True], ids=["settled at once", "on a row that has changed"])
async def test_a_hint_during_another_call_leads_to_a_read_after_it(database: str, meanwhile: bool) -> None:
    async with roles(database) as r:
        name, shop = await placed(r), Shop(1)
        held = Held(r)
        await r.take(shop.shipped())
        await held.made.wait()
        await hint(r, name)
        if meanwhile:
            await r.take(shop.shipped())
        held.go_on.set()
        await settled(r)
        r.start_claiming()
        await until(lambda: "Read refresh" in r.fake.made)
        await settled(r)
        sends = ["Send create_order", "Send capture", *["Send capture"] * meanwhile]
        assert sorted(r.fake.made) == sorted([*sends, "Read refresh"])


@pytest.mark.parametrize("meanwhile", [False, True], ids=["settled at once", "on a row that has changed"])
async def test_a_hint_before_an_operation_s_call_outlives_it(database: str, meanwhile: bool) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(shop.placed())
        await claimed(r)
        name = (await r.order()).provider_order_id
        await r.take(shop.shipped())
        await hint(r, name)
        held = Held(r)
        await r.worker.claim()
        await held.made.wait()
        if meanwhile:
            await r.take(shop.shipped())
        held.go_on.set()
        await settled(r)
        r.start_claiming()
        await until(lambda: r.fake.made.count("Read refresh") == 1)
        await settled(r)
        assert r.fake.made.count("Send capture") == 1 + meanwhile


async def test_a_hint_while_an_operation_waits_to_be_repeated_wakes_it_once_and_is_kept(database: str) -> None:
    async with roles(database, rules=SLOW) as r:
        name, shop = await placed(r), Shop(1)
        r.fake.on_call = gives(Retryable("busy"))
        await r.take(shop.shipped())
        await settled(r)
        made = len(r.fake.calls)
        await hint(r, name)
        await claimed(r)
        await claimed(r)
        assert len(r.fake.calls) == made, "the operation isn't repeated any sooner"
        assert ((now := await row(database))["hinted_at"], now["due"]) == (None, False)
        assert (await r.order()).refresh is not None, "the read follows the operation"


async def test_an_event_that_comes_after_a_hint_does_not_take_it_away(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(shop.placed())
        await claimed(r)
        await hint(r, (await r.order()).provider_order_id)
        await r.take(
            shop.event("returned", "1", {"return_id": "r1", "order_lines": [{"reference": "A", "quantity": 1}]})
        )
        assert (await row(database))["due"], "although the event waits for a shipment"
        await claimed(r)
        assert r.fake.made[-1] == "Read refresh"


async def test_who_has_a_lease_is_not_disturbed(database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        await hint(r, name)
        (claimed_order,) = (await r.claim_as("other")).orders
        before = await row(database)
        await hint(r, name)
        after = await row(database)
        assert before.pop("hinted_at") < after.pop("hinted_at")
        assert before == after
        _, written = await r.store.settle_if_unchanged(
            [settled_order(claimed_order)], "other", 30.0, *await appended_and_epoch(r)
        )
        assert written == {claimed_order.order.key: None}
        assert (await row(database))["due"], "the hint that came during the call"


def settled_order(one: ClaimedOrder) -> SettledOrder:
    assert one.hint is not None
    return SettledOrder(one.order, Row(one.known, one.token, None), one.token, None, hint=one.hint.at)


async def appended_and_epoch(r: Roles) -> tuple[AppendedRows, int]:
    async with r.store.settle_transaction() as tx:
        clock, _ = await tx.lock([])
    return NO_ROWS, clock.epoch


async def test_a_lease_that_ends_unsettled_leaves_the_hint(database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        await hint(r, name)
        await r.claim_as("other", lease=0.1)
        await until_async(lambda: is_due(database))
        await claimed(r)
        await claimed(r)
        assert r.fake.made[1:] == ["Read refresh"]


async def is_due(database: str) -> bool:
    return bool((await row(database))["due"])


async def test_a_kept_result_from_before_the_hint_does_not_answer_it(database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        await hint(r, name)
        (one,) = (await r.claim_as("other", lease=0.1)).orders
        read = Read(name)
        kept = UnsettledResult(one.order.key, one.token, KeptResult(read, r.fake.answer(read), 0.1))
        await r.store.keep_results([kept])
        await hint(r, name)
        await until_async(lambda: is_due(database))
        await claimed(r)
        assert r.fake.made[1:] == []
        assert (await row(database))["due"]
        await claimed(r)
        assert r.fake.made[1:] == ["Read refresh"]


async def test_ten_thousand_invented_ids_change_nothing_in_one_statement(database: str) -> None:
    async with roles(database) as r:
        await placed(r)
        before = await row(database)
        counts = r.store.engine.counts["hint"]
        invented = [NewHint("default", "klarna", f"invented-{n}", key(f"none-{n}"), f"op-{n}") for n in range(10_000)]
        assert await r.store.hint(invented) == [False] * 10_000
        assert counts.statements == 1
        assert await row(database) == before


async def test_another_merchant_s_hint_is_of_no_order(database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        assert await r.store.hint([NewHint("gifts", "klarna", name)]) == [False]
