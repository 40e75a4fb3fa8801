"""A batch and its offsets are one transaction; a failure in it stalls one order at most."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from intake.bugs import bug_in_accept
from ordersaga.bus.records import Partition, Record
from ordersaga.domain import saga
from ordersaga.domain.model.events import Event
from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import Decision
from ordersaga.domain.model.terms import Rules
from ordersaga.intake import slices
from ordersaga.store.errors import (
    ConflictError,
    OffsetsMovedError,
    SchemaMissingError,
    StoreUnavailableError,
    TopicRecreatedError,
)
from ordersaga.store.intake import Change, IntakeTransaction, OffsetProgress
from roles_harness import TOPIC, Roles, Shop, key, roles, run_sql, until


def violated(invariant: str) -> float:
    return REGISTRY.get_sample_value("ordersaga_invariant_violations_total", {"invariant": invariant}) or 0.0


def failing(monkeypatch: pytest.MonkeyPatch, method: str, errors: Sequence[Exception]) -> list[Exception]:
    """The first calls of a method of the transaction raise these errors after their work. Returns those that are left."""
    left, right = list(errors), getattr(IntakeTransaction, method)

    async def fail(tx: IntakeTransaction, *arguments: Any) -> Any:
        done = await right(tx, *arguments)
        if left:
            raise left.pop(0)
        return done

    monkeypatch.setattr(IntakeTransaction, method, fail)
    return left


async def test_a_batch_and_its_offsets_are_one_transaction(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        batch = [shop.placed(), shop.event("placed", "2", {})]
        with monkeypatch.context() as patch:
            failing(patch, "write", [StoreUnavailableError("away")])
            with pytest.raises(StoreUnavailableError):
                await r.take(*batch)
        counts = "SELECT (SELECT count(*) FROM {}) AS n"
        for table in ("orders", "inbox", "journal", "outbox", "dead_letters", "intake_offsets"):
            assert (await run_sql(database, counts.format(table)))[0]["n"] == 0, table
        await r.take(*batch)
        assert await r.store.offsets(TOPIC) == {0: 2}
        assert (await r.order()).operations
        assert await r.dead_letter_codes() == ["invalid_event"]


async def test_offsets_move_for_each_partition_of_the_batch(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        one, two = Shop(0), Shop(5)
        two.next = 40
        await r.take(one.placed("1"), two.placed("2"), one.placed("3"), two.placed("4"))
        assert await r.store.offsets(TOPIC) == {0: 2, 5: 42}


async def test_a_bug_in_accept_stalls_only_its_order(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bug_in_accept(monkeypatch, "bad")
    async with roles(database) as r:
        shop = Shop()
        await r.take(
            shop.placed("0"),
            shop.placed("1"),
            shop.shipped("1", name="bad"),
            shop.shipped("1", name="later"),
            *(shop.placed(str(number)) for number in range(2, 9)),
            *(shop.shipped(str(number), 3) for number in range(2, 9)),
        )
        await r.until_idle()
        (letter,) = await r.store.list_dead_letters()
        assert (letter.code, letter.subject) == ("internal_error", "1")
        assert "ZeroDivisionError" in letter.reason
        stalled = await r.order("1")
        assert stalled.blocked == str(letter.id)
        assert [one.cause.id for one in stalled.pending] == ["later"]
        assert await r.outcome_types("1") == ["authorized"], "what was under way goes on"
        for number in range(2, 9):
            assert await r.outcome_types(str(number)) == ["authorized", "captured"]
        await r.take(shop.shipped("1", name="later still"), shop.shipped("8"))
        assert [one.cause.id for one in (await r.order("1")).pending] == ["later", "later still"]
        assert await r.store.offsets(TOPIC) == {0: shop.next}


async def test_an_event_that_takes_too_long_stands_alone_in_the_end(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = saga.accept

    def slow(order: Order | None, event: Event, now: float, rules: Rules, *, taken: bool = False) -> Decision:
        if event.cause.id == "slow":
            time.sleep(0.5)
        return accept(order, event, now, rules, taken=taken)

    monkeypatch.setattr(saga, "accept", slow)
    monkeypatch.setattr(slices, "_MAX_DECIDING", 0.4)
    async with roles(database) as r:
        shop = Shop()
        first = [shop.placed(str(number)) for number in range(2)]
        slow_one = shop.shipped("1", name="slow")
        await r.take(*first, slow_one, *[shop.placed(str(number)) for number in range(2, 4)])
        await r.until_idle()
        assert await r.dead_letter_codes() == ["internal_error"]
        for number in range(4):
            assert await r.outcome_types(str(number)) == ["authorized"]
        assert await r.store.offsets(TOPIC) == {0: shop.next}


async def test_a_second_bug_on_the_same_order_leaves_it_waiting_for_the_first(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug_in_accept(monkeypatch, "bad", "worse")
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(shop.placed(), shop.shipped(name="bad"), shop.shipped(name="worse"))
        worse, bad = await r.store.list_dead_letters()
        assert (bad.offset, worse.offset) == (1, 2)
        assert (await r.order()).blocked == str(bad.id)


async def test_a_write_that_the_database_refuses_is_narrowed_down_to_its_input(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug_in_accept(monkeypatch, "placed-3", broken=lambda order: replace(order, released_amount=order.order_amount + 1))
    async with roles(database) as r:
        shop, before = Shop(), violated("I2")
        await r.take(*(shop.placed(str(number)) for number in range(8)))
        await r.until_idle()
        (letter,) = await r.store.list_dead_letters()
        assert (letter.code, letter.subject, letter.offset) == ("internal_error", "3", 3)
        assert "orders_books_balance" in letter.reason
        assert violated("I2") == before + 1
        assert (await r.order("3")).blocked == str(letter.id)
        assert {one["subject"] for one in await r.outcomes()} == set("0124567")


async def test_a_failure_that_does_not_come_again_buries_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database, dispatcher=False) as r:
        failing(monkeypatch, "write", [ValueError("once"), ValueError("twice")])
        await r.take(Shop().placed())
        assert await r.dead_letter_codes() == []
        assert (await r.order()).operations


async def test_an_order_that_cannot_be_read_stalls_nobody_else(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed("1"), shop.placed("2"))
        await r.until_idle()
        await run_sql(
            database, "UPDATE orders SET state = jsonb_set(state::jsonb, '{version}', '99')::json WHERE subject = '1'"
        )
        await r.take(shop.shipped("1"), shop.shipped("2"))
        await r.until_idle()
        assert await r.dead_letter_codes() == ["internal_error"]
        assert await r.outcome_types("2") == ["authorized", "captured"]
        assert await r.store.offsets(TOPIC) == {0: 4}


async def test_what_another_consumer_has_taken_in_is_left_out(database: str) -> None:
    async with roles(database, dispatcher=False) as r, roles(database, owner="w2", dispatcher=False) as other:
        shop = Shop()
        batch = [shop.placed(str(number)) for number in range(6)]
        await other.take(*batch[:4])
        await r.take(*batch)
        assert await r.store.offsets(TOPIC) == {0: 6}
        assert len(await run_sql(database, "SELECT FROM orders")) == 6
        assert len(await run_sql(database, "SELECT FROM journal WHERE what = 'event'")) == 6
        await r.take(*batch)
        assert await r.store.offsets(TOPIC) == {0: 6}


async def test_a_batch_that_is_always_beaten_is_given_back_and_not_dropped(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        for error in (OffsetsMovedError(TOPIC, 0, 0), ConflictError("beaten"), SchemaMissingError("no table")):
            with monkeypatch.context() as patch:
                failing(patch, "write", [error] * 50)
                with pytest.raises(type(error)):
                    await r.take(shop.placed("1"), shop.placed("2"))
        assert await r.store.offsets(TOPIC) == {}
        assert await r.dead_letter_codes() == []


async def test_a_topic_made_anew_loses_nothing(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        shop.next = 100
        await r.take(shop.placed("old"))
        anew = Shop()
        batch = [shop.placed("old", offset=0), anew.placed("1"), anew.event("closed", "1", b"{")]
        with pytest.raises(TopicRecreatedError):
            await r.take(*batch)
        await run_sql(database, "DELETE FROM intake_offsets")
        await r.take(*batch)
        await r.until_idle()
        assert await r.outcome_types("old") == ["authorized"]
        assert await r.outcome_types("1") == ["rejected", "authorized"]


async def test_a_race_for_the_same_new_order_is_run_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        failing(monkeypatch, "write", [ConflictError("beaten")] * 3)
        await r.take(shop.placed())
        assert (await r.order()).operations
        assert len(await run_sql(database, "SELECT FROM inbox")) == 1


async def test_two_intakes_that_meet_in_the_same_orders_both_get_through(database: str) -> None:
    async with roles(database, dispatcher=False) as r, roles(database, owner="w2", dispatcher=False) as other:
        names = [str(number) for number in range(40)]
        one, two = Shop(0), Shop(1)
        placed = [one.placed(name) for name in names]
        shipped = [two.shipped(name, 3, f"s-{name}") for name in reversed(names)]

        async def feed(intake: Roles, records: Sequence[Record]) -> None:
            for at in range(0, 40, 10):
                await intake.take(*records[at : at + 10])

        await asyncio.gather(feed(r, placed), feed(other, shipped))
        assert await r.dead_letter_codes() == []
        for name in names:
            order = await r.order(name)
            assert [one.cause.id for one in order.pending] == [f"s-{name}"]
            assert len(order.operations) == 1


async def test_a_batch_that_empties_its_partition_says_when_that_was_seen(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database, dispatcher=False) as r:
        shop, right = Shop(), IntakeTransaction.look_up
        began = time.time()

        async def slow(tx: IntakeTransaction, *given: Any) -> Any:
            await asyncio.sleep(0.3)
            return await right(tx, *given)

        monkeypatch.setattr(IntakeTransaction, "look_up", slow)
        failing(monkeypatch, "write", [ConflictError("beaten")])
        await r.intake.take([shop.placed()], {Partition(TOPIC, 0): 0.5})
        ((at,),) = await run_sql(database, "SELECT extract(epoch FROM caught_up_at)::float8 FROM intake_offsets")
        assert at <= began - 0.5 + 0.05, "a transaction that waits or is repeated hears nothing more by it"


async def test_an_event_for_a_leased_order_leaves_the_lease(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(shop.placed())
        (leased,) = (await r.claim_as()).orders
        await r.take(shop.shipped())
        async with r.store.intake_transaction() as tx:
            _, rows = await tx.look_up([], [key()])
            row = rows[key()]
            assert (row.token, row.leased) == (leased.token, True)
            await tx.write([Change(row.order, row, None)], "", 0.0)
            await tx.write(progress=[OffsetProgress(TOPIC, 0, 2, 2)])
        assert (await r.claim_as()).orders == []


async def test_an_order_that_waits_for_a_dead_letter_is_still_read_at_the_provider(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug_in_accept(monkeypatch, "bad")
    async with roles(database, rules={"review_poll": 0.05}) as r:
        shop = Shop()
        placed = shop.placed()
        assert placed.value
        await r.take(replace(placed, value=placed.value.replace(b"token-1", b"pending-1")))
        await r.until_idle()
        await r.take(shop.shipped(name="bad"))
        r.fake.klarna.decide("ACCEPTED")
        r.start_claiming()
        await until(lambda: "Read refresh" in r.fake.made)
        await r.until_idle()
        assert await r.outcome_types() == ["review_pending", "authorized"]
