"""A notification that bears a signed operation names an order: the one whose answer was lost, or a second one."""

from copy import copy

from msgspec.structs import replace

from ordersaga.domain.model.order import NamedOrder
from ordersaga.domain.model.outcomes import Call, Send
from ordersaga.domain.model.results import Rejected, Result, Succeeded, Unknown
from ordersaga.domain.uncertainty.hints import Hint, with_hint
from ordersaga.store.hints import NewHint
from roles_harness import Roles, Shop, gives, key, roles, run_sql, until, until_async

from .test_hints import SLOW, claimed, placed, row, settled


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


async def test_without_a_signature_nothing_is_handed_over(database: str) -> None:
    async with roles(database, rules=SLOW) as r:
        _, name = await lost(r)
        before = await row(database)
        assert await r.store.hint([NewHint("default", "klarna", name)]) == [False]
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
        assert hinted == replace(order, named=NamedOrder("forged", 5.0)), "it is only looked at"
        assert with_hint(order, Hint(5.0, "op", name)) == replace(order, refresh=5.0)
        assert with_hint(replace(order, provider_order_id=None), Hint(5.0, "op", "forged")).provider_order_id is None


async def test_only_an_operation_whose_answer_was_lost_takes_the_order_that_was_named(database: str) -> None:
    async with roles(database, rules=SLOW) as r:
        operation, name = await lost(r)
        order = await r.order()
        (current,) = order.operations
        sent = replace(order, operations=(replace(current, unknown=False),))
        assert with_hint(order, Hint(5.0, operation, name)).provider_order_id == name
        looked_at = NamedOrder(name, 5.0)
        assert with_hint(order, Hint(5.0, "another", name)) == replace(order, named=looked_at)
        assert with_hint(order, Hint(5.0)) == order
        assert with_hint(sent, Hint(5.0, operation, name)) == replace(sent, named=looked_at), (
            "its answer is still to come"
        )


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


# second orders


async def test_ten_thousand_forged_ids_beside_one_signed_operation_are_a_read_at_a_time_and_no_attention(
    database: str,
) -> None:
    async with roles(database) as r:
        await placed(r)
        counts = r.store.engine.counts["hint"]
        forged = [NewHint("default", "klarna", f"invented-{n}", key(), "op-1") for n in range(10_000)]
        await r.store.hint(forged)
        assert counts.statements == 1
        r.fake.on_call = gives(Rejected("NO_SUCH_ORDER", (), None, 404))
        await claimed(r)
        await claimed(r)
        assert r.fake.made[1:] == ["Read refresh"]
        order = await r.order()
        assert (order.attentions, order.named, (await row(database))["due"]) == ((), None, False)


async def test_a_second_order_at_the_provider_is_told_to_a_person_once(database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        r.fake.klarna.orders["second"] = copy(r.fake.klarna.orders[name])
        for _ in range(3):
            assert await r.store.hint([NewHint("default", "klarna", "second", key(), "op-1")]) == [True]
            await claimed(r)
        assert r.fake.made[1:] == ["Read refresh"], "until a person has looked into it"
        order = await r.order()
        assert (order.provider_order_id, [one.reason for one in order.attentions]) == (name, ["second_order"])
        assert await r.outcome_types() == ["authorized", "attention_required"]
        (told,) = [one["error"] for one in await r.outcomes() if one["type"] == "attention_required"]
        assert "second" in told["advice"]
        assert name in told["advice"]


async def to_capture_in_vain(r: Roles) -> None:
    """An order whose capture is due while no captures are made."""
    shop = Shop()
    await r.take(shop.placed())
    await settled(r)
    bulkhead = r.bulkheads["default", "klarna"]
    while not r.gates["default", "klarna"]["capturing"].breaker.is_open:
        bulkhead.start_call("capturing")
        bulkhead.end_call("capturing", Unknown("http_500", status=500))
    await r.take(shop.shipped())
    await settled(r)


async def test_a_hint_leaves_a_due_call_to_its_own_kind(database: str) -> None:
    async with roles(database) as r:
        await to_capture_in_vain(r)
        before = await row(database)
        await r.store.hint([NewHint("default", "klarna", "second", key(), "op-1")])
        for _ in range(10):
            await claimed(r)
        after = await row(database)
        assert (after["call_kind"], after["hinted_id"]) == ("capturing", "second")
        assert after["lease_token"] == before["lease_token"]


async def test_an_order_whose_calls_are_stopped_is_not_claimed_over_and_over_as_another_kind(database: str) -> None:
    async with roles(database) as r:
        await to_capture_in_vain(r)
        await run_sql(database, "UPDATE orders SET call_kind = 'reading'")
        before = await row(database)
        for _ in range(10):
            await claimed(r)
        after = await row(database)
        assert (after["call_kind"], after["lease_token"] - before["lease_token"]) == ("capturing", 2)
