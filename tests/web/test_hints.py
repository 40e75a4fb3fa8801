"""A notification has the order read: once however many came, and never lost."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.outcomes import Call, Read, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.domain.uncertainty.hints import Hint, with_hint
from ordersaga.store.appended import NO_ROWS, AppendedRows
from ordersaga.store.claims import ClaimedOrder
from ordersaga.store.hints import NewHint
from ordersaga.store.kept_results import KeptResult, UnsettledResult
from ordersaga.store.rows import Row
from ordersaga.store.settle import SettledOrder
from roles_harness import Roles, Shop, gives, key, roles, run_sql, until, until_async


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
        assert await r.store.settle_if_unchanged(
            [settled_order(claimed_order)], "other", 30.0, *await appended_and_epoch(r)
        )
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
        invented = [NewHint("default", "klarna", f"invented-{n}", key(f"{n}"), f"op-{n}") for n in range(10_000)]
        assert await r.store.hint(invented) == [False] * 10_000
        assert counts.statements == 1
        assert await row(database) == before


async def test_another_merchant_s_hint_is_of_no_order(database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        assert await r.store.hint([NewHint("gifts", "klarna", name)]) == [False]


# orders whose answer was lost


async def lost(r: Roles) -> tuple[str, str]:
    """A create whose answers are all lost: the operation's id, and the id that nobody knows."""
    made: list[str] = []

    async def drops(call: Call) -> Result | None:
        result = r.fake.answer(call)
        if isinstance(call, Send) and isinstance(result, Succeeded):
            made.append(result.provider_id or "")
        return Unknown("dropped")

    r.fake.on_call = drops
    await r.take(Shop().placed())
    await settled(r)
    (operation,) = (await r.order()).operations
    assert operation.unknown
    r.fake.on_call = None
    return operation.id, made[0]


SLOW = {"backoff": 3_000.0, "backoff_most": 3_000.0}


async def test_the_order_that_a_notification_names_is_read_and_taken_over(database: str) -> None:
    async with roles(database, rules=SLOW) as r:
        operation, name = await lost(r)
        named = NewHint("default", "klarna", name, key(), operation)
        assert await r.store.hint([named, named]) == [True, True]
        assert (await row(database))["hinted_id"] == name
        await claimed(r)
        order = await r.order()
        assert (order.status, order.provider_order_id, order.operations) == ("authorized", name, ())
        assert r.fake.made == ["Send create_order", "Read create_order"]
        assert await r.outcome_types() == ["authorized"]
        assert (await row(database))["hinted_id"] is None
        assert max(r.fake.klarna.effects.values()) == 1


@pytest.mark.parametrize("operation", ["another", None])
async def test_without_the_operation_s_own_id_nothing_is_handed_over(database: str, operation: str | None) -> None:
    async with roles(database, rules=SLOW) as r:
        _, name = await lost(r)
        before = await row(database)
        assert await r.store.hint([NewHint("default", "klarna", name, key(), operation)]) == [False]
        assert await row(database) == before


async def test_an_order_that_does_not_agree_is_not_taken_over_and_the_create_goes_on(database: str) -> None:
    async with roles(database, rules=SLOW) as r:
        operation, name = await lost(r)
        r.fake.klarna.orders[name].amount = r.fake.klarna.orders[name].remaining = 7
        await r.store.hint([NewHint("default", "klarna", name, key(), operation)])
        await claimed(r)
        order = await r.order()
        assert (order.status, order.provider_order_id, order.attentions) == ("new", None, ())
        assert [(one.stage, one.unknown) for one in order.operations] == [("send", True)]


async def test_what_nobody_lost_is_not_replaced(database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        order = await r.order()
        hinted = with_hint(order, Hint(5.0, "op", "forged"))
        assert (hinted.provider_order_id, hinted.refresh) == (name, 5.0)
        assert with_hint(replace(order, provider_order_id=None), Hint(5.0, "op", "forged")).provider_order_id is None


async def test_only_an_operation_whose_answer_was_lost_takes_the_order_that_was_named(database: str) -> None:
    async with roles(database, rules=SLOW) as r:
        operation, name = await lost(r)
        order = await r.order()
        (current,) = order.operations
        sent = replace(order, operations=(replace(current, unknown=False),))
        assert with_hint(order, Hint(5.0, operation, name)).provider_order_id == name
        assert with_hint(order, Hint(5.0, "another", name)) == order
        assert with_hint(order, Hint(5.0)) == order
        assert with_hint(sent, Hint(5.0, operation, name)) == sent, "its answer is still to come"


async def test_a_stuck_operation_whose_order_is_named_needs_no_person_any_more(database: str) -> None:
    async with roles(database, rules={"create_repeats": 0}) as r:
        operation, name = await lost(r)
        r.fake.on_call = gives(Rejected("NOT_FOUND", (), None, 404))
        r.start_claiming()
        await until_async(lambda: has_attention(r))
        await r.store.hint([NewHint("default", "klarna", "invented", key(), operation)])
        await until(lambda: r.fake.made[-1] == "Read create_order")
        await settled(r)
        r.fake.on_call = None
        order = await r.order()
        assert (order.operations[0].stage, order.has_attention("answer_lost")) == ("stuck", True)
        assert await r.store.hint([NewHint("default", "klarna", name, key(), operation)]) == [True]
        await until_async(lambda: is_authorized(r))
        order = await r.order()
        assert (order.status, order.provider_order_id, order.attentions) == ("authorized", name, ())
        assert await r.outcome_types() == ["attention_required", "attention_required", "authorized"]


async def has_attention(r: Roles) -> bool:
    return (await r.order()).has_attention("answer_lost")


async def is_authorized(r: Roles) -> bool:
    return (await r.order()).status == "authorized"
