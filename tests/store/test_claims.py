import asyncio

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.order import Key
from ordersaga.store.claims import Aside, ClaimedOrder, HandBack
from ordersaga.store.intake import Change
from ordersaga.store.settle import SettledOrder
from ordersaga.store.store import Store

from .conftest import Connection
from .factories import FREE, LEASE, OWNER, claim, free_slots, key, locked, order, put


async def put_at(store: Store, merchant: str, provider: str, *subjects: str) -> None:
    made = [replace(order(subject), key=Key(merchant, "order", subject), provider=provider) for subject in subjects]
    await put(store, *made)


async def lose_lease(connection: Connection) -> None:
    """As if the lease had expired."""
    await connection.execute(
        "UPDATE orders SET lease_until = now(), due_at = now(), calling_since = least(calling_since, now() - interval '30 s')"
    )


async def settled(store: Store, leased: ClaimedOrder, due_at: float | None = None) -> bool:
    async with store.settle_transaction() as tx:
        _, rows = await tx.lock([leased.known])
        row = rows[leased.order.key]
        return bool(await tx.write([SettledOrder(row.order, row, leased.token, due_at)], OWNER, LEASE))


async def test_a_claim_leases_what_is_due_once(store: Store) -> None:
    await put(store, order())
    claimed = await claim(store)
    [leased] = claimed.orders
    assert leased.order == order()
    assert (leased.known.version, leased.token, leased.previous_since, leased.previous_until) == (1, 1, None, None)
    assert leased.until == pytest.approx(claimed.clock.now + LEASE, abs=0.001)
    assert (await claim(store)).orders == []


async def test_a_claim_that_finds_nothing_tells_the_time(store: Store, connection: Connection) -> None:
    claimed = await claim(store)
    assert claimed.orders == []
    assert claimed.clock.now == pytest.approx(
        await connection.fetchval("SELECT extract(epoch FROM now())::float8"), abs=5
    )


async def test_what_is_due_later_or_at_rest_is_left(store: Store) -> None:
    now = (await claim(store)).clock.now
    await put(store, order("later"), due_at=now + 60)
    await put(store, order("at rest"), due_at=None)
    assert (await claim(store)).orders == []


async def test_a_claim_takes_as_many_as_there_are_free_slots_the_longest_due_first(store: Store) -> None:
    for subject, due_at in (("new", 300.0), ("old", 100.0), ("middle", 200.0)):
        await put(store, order(subject), due_at=due_at)
    first = await claim(store, free=[free_slots("default", "klarna", 2)])
    assert {leased.order.key.subject for leased in first.orders} == {"old", "middle"}


async def test_an_account_does_not_use_the_slots_of_another(store: Store) -> None:
    await put_at(store, "m1", "klarna", *map(str, range(20)))
    await put_at(store, "m2", "klarna", "a", "b")
    await put_at(store, "m1", "", "unplaced")
    await put_at(store, "m3", "klarna", "nobody's")
    free = [
        free_slots("m1", "klarna", 3),
        free_slots("m2", "klarna", 5),
        free_slots("m1", "", 1),
        free_slots("m2", "", 1),
    ]
    claimed = await claim(store, free=free)
    taken = [(leased.order.key.merchant, leased.order.provider) for leased in claimed.orders]
    assert sorted(taken) == [("m1", ""), *[("m1", "klarna")] * 3, *[("m2", "klarna")] * 2]


async def test_no_accounts_and_no_free_slots_claim_nothing(store: Store) -> None:
    await put(store, order())
    assert (await claim(store, free=[])).orders == []
    assert (await claim(store, free=[free_slots("default", "klarna", 0)])).orders == []


@pytest.mark.parametrize(
    ("merchant", "provider"), [("*", "*"), ("default", "*"), ("*", "klarna"), ("default", "klarna")]
)
async def test_what_is_paused_is_not_claimed_until_it_is_resumed(store: Store, merchant: str, provider: str) -> None:
    await put(store, order())
    await put_at(store, "m2", "mollie", "other")
    await store.pause("ada", merchant, provider)
    [switch] = await store.paused()
    assert (switch.merchant, switch.provider, switch.by) == (merchant, provider, "ada")
    free = [FREE, free_slots("m2", "mollie", 5)]
    claimed = await claim(store, free=free)
    assert [leased.order.key.merchant for leased in claimed.orders] == ([] if merchant == provider == "*" else ["m2"])
    await store.resume("ada", merchant, provider)
    assert await store.paused() == []
    assert key() in [leased.order.key for leased in (await claim(store, free=free)).orders]


async def test_many_workers_at_once_share_the_orders(store: Store) -> None:
    await put(store, *(order(str(number)) for number in range(60)))
    free = [free_slots("default", "klarna", 10)]
    claims = await asyncio.gather(*(claim(store, f"worker-{number}", free=free) for number in range(8)))
    taken = [leased.order.key for one in claims for leased in one.orders]
    assert len(taken) == len(set(taken)) == 60


async def test_an_order_that_the_intake_has_locked_is_passed_by(store: Store) -> None:
    await put(store, order("locked"), order("free"))
    async with store.intake_transaction() as tx:
        await locked(tx, [key("locked")])
        assert [leased.order.key.subject for leased in (await claim(store)).orders] == ["free"]


async def test_an_expired_lease_says_since_when_a_call_may_have_been_sent(store: Store, connection: Connection) -> None:
    await put(store, order())
    first = (await claim(store)).orders[0]
    await lose_lease(connection)
    [second] = (await claim(store, "worker-2")).orders
    assert second.token == first.token + 1
    assert second.previous_since is not None
    assert second.previous_until is not None
    assert second.previous_since < second.previous_until < second.until
    await lose_lease(connection)
    [third] = (await claim(store)).orders
    assert third.previous_since == second.previous_since


async def test_a_settled_order_has_no_previous_lease(store: Store) -> None:
    await put(store, order())
    first = (await claim(store)).orders[0]
    assert await settled(store, first, due_at=0.0)
    [second] = (await claim(store)).orders
    assert (second.previous_since, second.previous_until) == (None, None)
    assert second.token > first.token


async def test_work_handed_back_is_due_at_once_as_if_never_claimed(store: Store) -> None:
    await put(store, order())
    first = (await claim(store)).orders[0]
    assert await store.hand_back([HandBack(key(), first.token)]) == {key()}
    [second] = (await claim(store, "worker-2")).orders
    assert second.previous_since is None


async def test_work_handed_back_is_due_for_the_call_that_was_not_made(store: Store) -> None:
    await put(store, order())
    first = (await claim(store)).orders[0]
    await store.hand_back([HandBack(key(), first.token, call_kind="refunding")])
    second = (await claim(store)).orders[0]
    assert second.call_kind == "refunding"
    await store.hand_back([HandBack(key(), second.token)])
    assert (await claim(store)).orders[0].call_kind == "refunding"


async def test_work_handed_back_keeps_what_an_earlier_lease_left_open(store: Store, connection: Connection) -> None:
    await put(store, order())
    await claim(store)
    await lose_lease(connection)
    second = (await claim(store)).orders[0]
    back = HandBack(key(), second.token, second.previous_since, second.previous_until)
    assert await store.hand_back([back]) == {key()}
    third = (await claim(store)).orders[0]
    assert (third.previous_since, third.previous_until) == (second.previous_since, second.previous_until)


async def test_a_lost_lease_can_neither_be_handed_back_nor_set_aside(store: Store, connection: Connection) -> None:
    await put(store, order())
    lost = (await claim(store)).orders[0]
    await lose_lease(connection)
    held = (await claim(store, "worker-2")).orders[0]
    assert await store.hand_back([HandBack(key(), lost.token)]) == set()
    assert await store.set_aside([Aside(key(), lost.token, "internal_error")]) == set()
    assert await store.hand_back([HandBack(key(), held.token)]) == {key()}
    assert await store.hand_back([HandBack(key(), held.token)]) == set()
    assert await store.hand_back([]) == set()


async def test_an_order_set_aside_waits_for_a_person_or_an_event(store: Store, connection: Connection) -> None:
    await put(store, order())
    leased = (await claim(store)).orders[0]
    assert await store.set_aside([Aside(key(), leased.token, "internal_error")]) == {key()}
    shown = await store.show_order(key())
    assert shown is not None
    assert (shown.attention, shown.due_at, shown.lease_owner) == ("internal_error", None, None)
    assert await store.stuck() == []
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key()]))[key()]
        await tx.write([Change(row.order, row, None)], OWNER, LEASE)
    again = (await claim(store)).orders[0]
    assert again.previous_since is not None, "what was called before has to be found out"


async def test_an_order_set_aside_for_a_while_comes_again(store: Store, connection: Connection) -> None:
    await put(store, order("a"), order("b"))
    tokens = {leased.order.key: leased.token for leased in (await claim(store)).orders}
    pauses = {key("a"): 0.0, key("b"): 60.0}
    aside = [Aside(one, token, "internal_error", pauses[one]) for one, token in tokens.items()]
    assert await store.set_aside(aside) == tokens.keys()
    assert [leased.order.key for leased in (await claim(store)).orders] == [key("a")]


async def test_one_row_that_cannot_be_read_leaves_the_others(store: Store, connection: Connection) -> None:
    await put(store, order("newer"), order("sound"), order("damaged"))
    await connection.execute(
        "UPDATE orders SET state = jsonb_set(state::jsonb, '{version}', '99')::json WHERE subject = 'newer'"
    )
    await connection.execute("UPDATE orders SET sealed = sealed || 'x' WHERE subject = 'damaged'")
    claimed = await claim(store)
    assert [leased.order.key.subject for leased in claimed.orders] == ["sound"]
    reasons = {bad.key.subject: bad.reason for bad in claimed.unreadable}
    assert "order 'newer' of merchant 'default' can't be read: its state has version 99" in reasons["newer"]
    assert "damaged" in reasons["damaged"]
    aside = [Aside(bad.key, bad.token, "unreadable") for bad in claimed.unreadable]
    assert await store.set_aside(aside) == {key("newer"), key("damaged")}
