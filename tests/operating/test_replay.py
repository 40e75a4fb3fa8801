"""Dead letters are replayed and discarded while the roles run."""

import json
import time

import pytest
from msgspec.structs import replace

from intake.bugs import bug_in_accept
from ordersaga.bus.records import Record
from ordersaga.domain.model.events import TYPES
from ordersaga.operating.errors import OperatingError
from ordersaga.operating.replay import Replay
from roles_harness import Roles, Shop, roles, run_sql, until


def replay_of(r: Roles, *merchants: str) -> Replay:
    return Replay(r.store, merchants or ["default"], r.rulebook, "test")


def structured(record: Record) -> Record:
    """The same event in structured content mode."""
    attributes = {name.removeprefix("ce_"): value.decode() for name, value in record.headers if name.startswith("ce_")}
    value = json.dumps({**attributes, "data": json.loads(record.value or b"")}).encode()
    return replace(record, value=value, headers=(("content-type", b"application/cloudevents+json"),))


async def test_once_the_bug_is_mended_a_replay_lets_the_order_go_on_in_its_order(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database) as r:
        shop = Shop()
        with monkeypatch.context() as patch:
            bug_in_accept(patch, "bad")
            await r.take(shop.placed(), shop.shipped(quantity=1, name="bad"), shop.shipped(quantity=2, name="later"))
            await r.take(shop.shipped(quantity=1, name="bad"))
        await r.until_idle()
        (dead_letter,) = await r.store.list_dead_letters()
        replaying = replay_of(r)
        await replaying.replay(dead_letter.id)
        r.start_claiming()
        await until(lambda: len(r.fake.calls) == 3)
        await r.until_idle()
        assert [one["cause"]["id"] for one in await r.outcomes()] == ["placed-1", "bad", "later"]
        with pytest.raises(OperatingError):
            await replaying.replay(dead_letter.id)


async def test_a_repaired_event_keeps_its_names(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with roles(database) as r:
        shop = Shop()
        with monkeypatch.context() as patch:
            bug_in_accept(patch, "bad")
            await r.take(shop.placed(), structured(shop.shipped(name="bad")), shop.shipped(name="later"))
        await r.until_idle()
        (dead_letter,) = await r.store.list_dead_letters()
        replaying = replay_of(r)
        for other in (shop.shipped("2", name="bad"), shop.shipped("1", name="good")):
            with pytest.raises(OperatingError, match="must keep its merchant, subject, source and id"):
                await replaying.replay(dead_letter.id, structured(other).value)
        with pytest.raises(OperatingError, match="without a new id"):
            await replaying.replay(dead_letter.id, new_id="good")
        await replaying.replay(dead_letter.id, structured(shop.shipped("1", 2, name="bad")).value)
        r.start_claiming()
        await until(lambda: len(r.fake.calls) == 3)
        await r.until_idle()
        assert [one["cause"]["id"] for one in await r.outcomes()] == ["placed-1", "bad", "later"]


async def test_discarding_what_can_be_read_by_now_ends_it_all_the_same(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database) as r:
        shop = Shop()
        with monkeypatch.context() as patch:
            patch.delitem(TYPES, "shop.order.closed.v1")
            await r.take(shop.placed(), shop.event("closed", "1", {}, name="c"))
        await r.until_idle()
        (dead_letter,) = await r.store.list_dead_letters()
        await replay_of(r).discard(dead_letter.id)
        told = [(one["type"], one["final"]) for one in await r.outcomes() if one["cause"]["id"] == "c"]
        assert told == [("rejected", False), ("rejected", True)]


async def test_a_dead_letter_whose_event_was_taken_in_meanwhile_is_not_replayed(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed(), shop.event("closed", "1", {}, name="c", merchant="stranger"))
        (dead_letter,) = await r.store.list_dead_letters()
        r.intake._merchants = ["default", "stranger"]
        r.rulebook._rules["stranger"] = r.rulebook.of("default")
        await r.take(shop.event("closed", "1", {}, name="c", merchant="stranger"))
        replaying = replay_of(r, "default", "stranger")
        with pytest.raises(OperatingError, match="taken in meanwhile"):
            await replaying.replay(dead_letter.id)


async def test_what_was_taken_in_before_the_inbox_forgot_it_is_not_replayed(database: str) -> None:
    async with roles(database, retention=3600.0) as r:
        shop = Shop()
        await r.take(shop.placed())
        await r.until_idle()
        cancelled = {"order_lines": [{"reference": "A", "quantity": 1}]}
        for _ in range(2):
            await r.take(shop.event("cancelled", "1", cancelled, name="c", timestamp=time.time() - 3700))
            await run_sql(database, "DELETE FROM inbox WHERE id = 'c'")
        two, one = await r.store.list_dead_letters()
        replaying = replay_of(r)
        await replaying.replay(one.id)
        r.start_claiming()
        await until(lambda: len(r.fake.calls) == 2)
        await r.until_idle()
        with pytest.raises(OperatingError, match="already taken in"):
            await replaying.replay(two.id)
        assert (await r.order()).released_amount == 1000
