import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.order import Attention, Capture, Order
from ordersaga.store.appended import AppendedRows
from ordersaga.store.errors import ConflictError, InputRefusedError, OffsetsMovedError
from ordersaga.store.intake import Change, OffsetProgress
from ordersaga.store.rows import ProviderId
from ordersaga.store.store import Store

from .conftest import Connection
from .factories import LEASE, OWNER, SECRET, claim, entry, inbox, key, locked, look_up_inbox, order, outcome, put


class CallerError(Exception):
    """Raised by the caller within a transaction."""


async def read(store: Store, subject: str = "1") -> Order:
    shown = await store.show_order(key(subject))
    assert shown is not None
    return shown.order


async def test_an_order_comes_back_as_it_was_written(store: Store) -> None:
    written = order(
        captures=(Capture("c1", 100),),
        captured_amount=100,
        expires_at=1_766_000_000.123456,
        attentions=(Attention("answer_unknown", 1.5),),
        blocked="a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    )
    await put(store, written)
    async with store.intake_transaction() as tx:
        rows = await locked(tx, [key(), key("absent")])
    assert rows.keys() == {key()}
    assert rows[key()].order == written
    assert (rows[key()].version, rows[key()].leased) == (1, False)


async def test_what_may_be_personal_is_nowhere_in_plain_text(store: Store, connection: Connection) -> None:
    await put(store, order())
    row = await connection.fetchrow("SELECT o::text AS whole, sealed, sealed_key FROM orders o")
    assert row is not None
    for plain in (SECRET, "Ada", "White hanging heart"):
        assert plain not in row["whole"]
        assert plain.encode() not in row["sealed"] + row["sealed_key"]


async def test_details_are_sealed_again_only_when_they_changed(store: Store, connection: Connection) -> None:
    await put(store, order())
    before = await connection.fetchrow("SELECT sealed, sealed_key FROM orders")
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key()]))[key()]
        await tx.write([Change(replace(row.order, sequence=2), row, None)], OWNER, LEASE)
    assert await connection.fetchrow("SELECT sealed, sealed_key FROM orders") == before
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key()]))[key()]
        fewer = replace(row.order, details=replace(row.order.details, requests={}))
        await tx.write([Change(fewer, row, None)], OWNER, LEASE)
    assert await connection.fetchrow("SELECT sealed, sealed_key FROM orders") != before
    assert await read(store) == fewer


async def test_details_that_are_gone_are_gone_from_the_row(store: Store, connection: Connection) -> None:
    await put(store, order())
    bare = Order(key(), provider="klarna")
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key()]))[key()]
        await tx.write([Change(bare, row, None)], OWNER, LEASE)
    assert await connection.fetchval("SELECT length(sealed) + length(sealed_key) FROM orders") == 0
    assert await read(store) == bare


async def test_an_exception_undoes_everything(store: Store, connection: Connection) -> None:
    async def fail() -> None:
        async with store.intake_transaction() as tx:
            await look_up_inbox(tx, [inbox("a")])
            await tx.write([Change(order(), None, 0.0)], OWNER, LEASE)
            await tx.write(appended=AppendedRows(entries=[(key(), entry())]))
            raise CallerError

    with pytest.raises(CallerError):
        await fail()
    for table in ("inbox", "orders", "journal"):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_the_inbox_tells_new_same_and_other_in_the_order_given(store: Store) -> None:
    async with store.intake_transaction() as tx:
        lookup = await look_up_inbox(tx, [inbox("b"), inbox("a"), inbox("b"), inbox("b", b"else")])
        assert lookup.matches == ["new", "new", "same", "other"]
    async with store.intake_transaction() as tx:
        given = [inbox("c"), inbox("b"), inbox("a", b"else"), inbox("a", b"else"), inbox("a"), inbox("a", b"third")]
        lookup = await look_up_inbox(tx, given)
        assert lookup.matches == ["new", "same", "other", "other", "same", "other"]
    async with store.intake_transaction() as tx:
        assert (await look_up_inbox(tx, [])).matches == []


async def test_the_same_id_of_another_source_or_merchant_is_new(store: Store) -> None:
    async with store.intake_transaction() as tx:
        await look_up_inbox(tx, [inbox("a")])
        others = [replace(inbox("a"), source="/other"), replace(inbox("a"), merchant="m2")]
        assert (await look_up_inbox(tx, others)).matches == ["new", "new"]


async def test_an_id_that_another_transaction_takes_in_meanwhile_is_never_new_twice(
    store: Store, connection: Connection
) -> None:
    async with store.intake_transaction() as first:
        await look_up_inbox(first, [inbox("a")])

        async def second() -> list[str]:
            async with store.intake_transaction() as tx:
                return list((await look_up_inbox(tx, [inbox("a"), inbox("b")])).matches)

        racing = asyncio.create_task(second())
        await waiting_for_a_lock(connection)
    with pytest.raises(ConflictError):
        await racing
    assert await second() == ["same", "new"]


async def test_two_transactions_make_the_same_order_once(store: Store, connection: Connection) -> None:
    async with store.intake_transaction() as first:
        await first.write([Change(order(), None, 0.0)], OWNER, LEASE)
        racing = asyncio.create_task(put(store, order(sequence=7)))
        await waiting_for_a_lock(connection)
    with pytest.raises(ConflictError):
        await racing
    assert (await read(store)).sequence == 1


NAMES = ["a", "B", "é", "z", "Z", "10", "9", "\U0001f600"]
TURNS = [NAMES[turn:] + NAMES[:turn] for turn in range(len(NAMES))]


async def test_orders_named_in_any_order_are_locked_in_one(store: Store) -> None:
    await put(store, *(order(name) for name in NAMES))

    async def rewrite(wanted: list[str]) -> None:
        async with store.intake_transaction() as tx:
            rows = await locked(tx, [key(name) for name in wanted])
            assert len(rows) == len(NAMES)
            await tx.write([Change(row.order, row, 0.0) for row in rows.values()], OWNER, LEASE)

    await asyncio.gather(*(rewrite(turn) for turn in TURNS * 3))
    shown = await store.show_order(key("z"))
    assert shown is not None
    assert shown.version == 1 + 3 * len(TURNS)


async def test_new_ids_and_orders_in_any_order_never_deadlock(store: Store) -> None:
    async def make(wanted: list[str], round_: int) -> None:
        async with store.intake_transaction() as tx:
            await look_up_inbox(tx, [inbox(f"{name}-{round_}") for name in wanted])
            await tx.write([Change(order(f"{name}-{round_}"), None, 0.0) for name in wanted], OWNER, LEASE)

    for round_ in range(5):
        ended = await asyncio.gather(*(make(turn, round_) for turn in TURNS), return_exceptions=True)
        assert sum(one is None for one in ended) == 1
        assert all("has just" in str(one) for one in ended if one is not None)


async def test_a_lease_is_given_with_the_write_and_not_twice(store: Store) -> None:
    [lease] = await put(store, order(), lease=True)
    assert (lease.key, lease.token) == (key(), 1)
    assert (await claim(store)).orders == []
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key()]))[key()]
        assert (row.leased, row.token) == (True, 1)
        assert await tx.write([Change(row.order, row, 0.0, lease=True)], "worker-2", LEASE) == []
    shown = await store.show_order(key())
    assert shown is not None
    assert (shown.lease_owner, shown.due_at) == (OWNER, lease.until)


async def test_a_lease_that_ended_unsettled_stays_to_be_found_out(store: Store) -> None:
    async with store.intake_transaction() as tx:
        [lost] = await tx.write([Change(order(), None, 0.0, lease=True)], OWNER, 0.0)
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key()]))[key()]
        assert row.leased
        assert await tx.write([Change(row.order, row, None, lease=True)], "worker-2", LEASE) == []
    [found] = (await claim(store, "worker-2")).orders
    assert found.previous_since is not None
    assert found.previous_until == lost.until
    assert found.token == lost.token + 1


async def test_only_what_was_asked_for_is_leased(store: Store) -> None:
    async with store.intake_transaction() as tx:
        leases = await tx.write(
            [Change(order("2"), None, 0.0, lease=True), Change(order("1"), None, 0.0)], OWNER, LEASE
        )
    assert [lease.key for lease in leases] == [key("2")]


@pytest.mark.parametrize(
    "broken",
    [
        {"order_amount": -1},
        {"captured_amount": 4_000},
        {"captured_amount": 2_000, "released_amount": 2_000},
        {"captured_amount": 100, "refunded_amount": 101},
        {"released_amount": -1},
        {"refunded_amount": -1},
    ],
)
async def test_books_that_break_the_rules_are_refused(store: Store, broken: dict[str, Any]) -> None:
    with pytest.raises(InputRefusedError, match=r"CheckViolationError \(orders_"):
        await put(store, order(**broken))


async def test_what_postgres_cannot_hold_is_refused_and_names_the_order(store: Store) -> None:
    for bad in (order(currency="G\0P"), order(country="\0"), order(order_amount=10**20), order("n\0")):
        with pytest.raises(InputRefusedError):
            await put(store, bad)
    with pytest.raises(InputRefusedError, match="order '1' of merchant 'default'") as refused:
        await put(store, order(country="\0"))
    assert refused.value.key == key()


async def test_text_that_only_looks_like_nul_is_kept(store: Store) -> None:
    await put(store, order(country="\\u0000"))
    assert (await read(store)).country == "\\u0000"


async def test_nul_in_details_and_in_notes_of_others_is_no_obstacle(store: Store) -> None:
    made = order()
    requests = {"operation-1": replace(made.details.requests["operation-1"], body='{"name":"\0"}')}
    await put(store, replace(made, details=replace(made.details, requests=requests)))
    async with store.intake_transaction() as tx:
        await tx.write(appended=AppendedRows(entries=[(key(), entry(note="said \0", correlation_id="c\0"))]))
    shown = await store.show_order(key())
    assert shown is not None
    assert shown.order.details.requests == requests
    assert shown.journal[0].note == "said \N{REPLACEMENT CHARACTER}"


async def test_half_a_surrogate_pair_is_refused(store: Store) -> None:
    with pytest.raises(InputRefusedError):
        async with store.intake_transaction() as tx:
            await look_up_inbox(tx, [inbox("\ud800")])


async def test_a_journal_keeps_its_order_and_every_field(store: Store) -> None:
    told = entry(
        "capture", event_id="e", operation_id="o", amount=5, note="n", correlation_id="c", status=201, duration=0.25
    )
    await put(store, order())
    async with store.intake_transaction() as tx:
        await tx.write(
            appended=AppendedRows(entries=[(key(), told), (key("2"), entry("other")), (key(), entry("refund"))])
        )
    shown = await store.show_order(key())
    assert shown is not None
    assert shown.journal == [told, entry("refund")]


async def test_a_sequence_is_published_once(store: Store) -> None:
    async with store.intake_transaction() as tx:
        await tx.write(appended=AppendedRows(outcomes=[outcome(key())]))
    with pytest.raises(InputRefusedError, match="outbox_merchant_kind_subject_sequence_key"):
        async with store.intake_transaction() as tx:
            await tx.write(appended=AppendedRows(outcomes=[outcome(key())]))


async def test_an_order_is_found_by_an_id_of_the_provider(store: Store) -> None:
    async with store.intake_transaction() as tx:
        await tx.write(
            appended=AppendedRows(
                provider_ids=[
                    ProviderId(key("2"), "klarna", "c-1", "capture"),
                    ProviderId(key(), "klarna", "o-1", "order"),
                ]
            )
        )
        await tx.write(appended=AppendedRows(provider_ids=[ProviderId(key("3"), "klarna", "c-1", "capture")]))
    assert await store.find("default", "klarna", "c-1") == key("2")
    assert await store.find("m2", "klarna", "c-1") is None


async def test_offsets_go_on_from_where_the_batch_began(store: Store) -> None:
    async with store.intake_transaction() as tx:
        await tx.write(progress=[OffsetProgress("shop.orders", 1, 0, 10), OffsetProgress("shop.orders", 0, 5, 7)])
    async with store.intake_transaction() as tx:
        await tx.write(
            progress=[OffsetProgress("shop.orders", 1, 12, 20)]
        )  # records of aborted transactions leave gaps
    assert await store.offsets("shop.orders") == {0: 7, 1: 20}
    assert await store.offsets("other") == {}


async def test_a_consumer_that_lost_the_partition_writes_nothing(store: Store, connection: Connection) -> None:
    async with store.intake_transaction() as tx:
        await tx.write(progress=[OffsetProgress("shop.orders", 0, 0, 10)])

    async def take_in_from_nine() -> None:
        async with store.intake_transaction() as tx:
            await look_up_inbox(tx, [inbox("a")])
            await tx.write(progress=[OffsetProgress("shop.orders", 0, 9, 20), OffsetProgress("shop.orders", 1, 0, 1)])

    with pytest.raises(OffsetsMovedError, match=r"shop.orders\[0\] .* beyond offset 9"):
        await take_in_from_nine()
    assert await connection.fetchval("SELECT count(*) FROM inbox") == 0
    assert await store.offsets("shop.orders") == {0: 10}


async def test_two_consumers_with_the_same_batch_write_it_once(store: Store, connection: Connection) -> None:
    async def take() -> None:
        async with store.intake_transaction() as tx:
            await tx.write(progress=[OffsetProgress("shop.orders", 0, 0, 10)])

    async with store.intake_transaction() as first:
        await first.write(progress=[OffsetProgress("shop.orders", 0, 0, 10)])
        racing = asyncio.create_task(take())
        await waiting_for_a_lock(connection)
    with pytest.raises(OffsetsMovedError):
        await racing


async def waiting_for_a_lock(connection: Connection) -> None:
    """Until another connection to this database waits for a lock."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while not await connection.fetchval(waits):  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
