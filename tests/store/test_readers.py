"""A process claims and writes only what it can read, and what newer versions have written stays whole."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.order import Attention, Capture, Details, Order, Request
from ordersaga.domain.model.outcomes import Read, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Snapshot, Succeeded, Unknown
from ordersaga.store.appended import NO_ROWS
from ordersaga.store.claims import Claimed
from ordersaga.store.codec import key_bytes
from ordersaga.store.engine import Engine
from ordersaga.store.errors import OutdatedError, ReadableElsewhereError, UnreadableHereError
from ordersaga.store.heartbeats import Beat
from ordersaga.store.intake import Change
from ordersaga.store.kept_results import KeptResult, UnsettledResult
from ordersaga.store.rows import Row
from ordersaga.store.settle import SettledOrder
from ordersaga.store.store import Store
from ordersaga.store.vault import Sealed, Vault

from .conftest import Connection
from .factories import FREE, LEASE, OWNER, claim, key, locked, order, put

BOTH = Vault({"k1": bytes(range(32)), "k2": bytes(32)}, "k2")


@pytest.fixture
async def other(database: str) -> AsyncIterator[Store]:
    """Of a process with a key that `store` lacks, which encrypts what it writes."""
    async with Store(Engine(database), BOTH) as opened:
        yield opened


async def written_by_a_newer_version(connection: Connection, subject: str = "1") -> None:
    await connection.execute(
        "UPDATE orders SET state_version = 2, state = jsonb_set(state::jsonb, '{version}', '2')::json WHERE subject = $1",
        subject,
    )


async def watched(connection: Connection) -> None:
    """By a process that others could have been seen by, and that can read only what `store` can."""
    await connection.execute(
        "INSERT INTO heartbeats (owner, beat, version, key_ids, since)"
        " VALUES ('watching', 1, 1, '{\"\",k1}', now() - interval '61 s')"
    )


async def newer_process(connection: Connection, seconds_ago: float = 0.0, version: int = 2) -> None:
    await connection.execute(
        "INSERT INTO heartbeats (owner, beat, version, key_ids, seen_at)"
        " VALUES ($3, 1, $2, '{\"\",k1}', now() - make_interval(secs => $1))",
        seconds_ago,
        version,
        f"version {version}",
    )


def subjects(claimed: Claimed) -> set[str]:
    assert not claimed.unreadable
    return {one.order.key.subject for one in claimed.orders}


async def touch(store: Store, subject: str = "1", **changes: Any) -> None:
    """As an event does."""
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key(subject)]))[key(subject)]
        await tx.write([Change(replace(row.order, **changes), row, 0.0)], OWNER, LEASE)


async def settle(store: Store, of: Claimed) -> None:
    async with store.settle_transaction() as tx:
        _, rows = await tx.lock([one.known for one in of.orders])
        settled = [SettledOrder(rows[one.order.key].order, rows[one.order.key], one.token, 0.0) for one in of.orders]
        await tx.write(settled, OWNER, LEASE)


# who claims


async def test_the_key_id_of_a_row_is_that_of_its_details(store: Store, other: Store, connection: Connection) -> None:
    await put(store, order("old"), replace(order("nothing"), details=Details()))
    await put(other, order("new"))
    rows = await connection.fetch("SELECT subject, convert_from(key_id, 'UTF8') AS name FROM orders")
    found = {row["subject"]: row["name"] for row in rows}
    assert found == {"old": "k1", "new": "k2", "nothing": ""}


async def test_only_who_has_the_key_claims(store: Store, other: Store) -> None:
    await put(store, order("old"))
    await put(other, order("new"), replace(order("nothing"), details=Details()))
    assert subjects(await claim(store)) == {"old", "nothing"}
    assert subjects(await claim(other)) == {"new"}


async def test_a_rewrite_of_the_details_needs_the_new_key(store: Store, other: Store) -> None:
    await put(store, order())
    await touch(other, status="authorized")
    assert subjects(await claim(store)) == {"1"}
    await touch(other, details=Details(requests={"x": Request("POST", "/x")}))
    assert not (await store.claim([FREE], OWNER, LEASE)).orders


async def test_what_a_newer_version_has_written_is_left_to_it(store: Store, connection: Connection) -> None:
    await put(store, order("new"), order("old"))
    await written_by_a_newer_version(connection, "new")
    assert subjects(await claim(store)) == {"old"}


# who takes in


async def test_the_intake_is_told_that_another_process_can_read_it(
    store: Store, other: Store, connection: Connection
) -> None:
    await put(store, order("old"))
    await put(other, order("new"), order("newest"))
    await other.beat("other", Beat())
    with pytest.raises(ReadableElsewhereError, match="lacks a master key") as raised:
        async with store.intake_transaction() as tx:
            await locked(tx, [key("new"), key("old"), key("newest")])
    assert raised.value.keys == {key("new"), key("newest")}
    await connection.execute("UPDATE heartbeats SET seen_at = now() - interval '61 s'")
    with pytest.raises(ReadableElsewhereError, match="isn't known yet"):
        async with store.intake_transaction() as tx:
            await locked(tx, [key("new")])
    await watched(connection)
    with pytest.raises(UnreadableHereError, match="needs the master key 'k2'; there are: k1"):
        async with store.intake_transaction() as tx:
            await locked(tx, [key("new")])


async def test_a_newer_process_that_lacks_the_key_is_no_reader(
    store: Store, other: Store, connection: Connection
) -> None:
    await put(other, order())
    await newer_process(connection)
    assert await unreadable(store) == []
    await watched(connection)
    with pytest.raises(UnreadableHereError):
        async with store.intake_transaction() as tx:
            await locked(tx, [key()])
    assert [tuple(one) for one in await unreadable(store)] == [("default", "key", 1)]
    await put(store, order("newest"))
    await written_by_a_newer_version(connection, "newest")
    with pytest.raises(ReadableElsewhereError):
        async with store.intake_transaction() as tx:
            await locked(tx, [key("newest")])
    assert [tuple(one) for one in await unreadable(store)] == [("default", "key", 1)]
    await connection.execute("DELETE FROM heartbeats WHERE version = 2")
    found = sorted(tuple(one) for one in await unreadable(store))
    assert found == [("default", "key", 1), ("default", "version", 1)]


async def unreadable(store: Store) -> list[tuple[str, str, int]]:
    return [(one.first, one.second, one.number) for one in (await store.statistics()).unreadable]


# a result that its worker can't settle

SEND = Send(order().operations[0], Request("POST", "/orders", '{"name":"Ada"}'))
SNAPSHOT = Snapshot("k", "authorized", "ACCEPTED", "GBP", 3060, 0, 0, 3060, facts={"reference": "1"})
RESULTS: list[tuple[Send | Read, Result]] = [
    (SEND, Succeeded("k-1", "corr", "ACCEPTED", {"redirect_url": "https://pay.example"})),
    (SEND, Rejected("REJECTED", ("no",), "corr", 403, conclusive=True)),
    (SEND, Retryable("busy", 2.5)),
    (Read("k", SEND.operation), Succeeded("k", snapshot=SNAPSHOT)),
    (Read("k"), Unknown("timeout")),
]


@pytest.mark.parametrize(("call", "result"), RESULTS)
async def test_a_result_is_kept_for_who_can_settle_it(
    store: Store, other: Store, connection: Connection, call: Send | Read, result: Result
) -> None:
    await put(store, order())
    claimed = await claim(store)
    await touch(other, details=Details(requests={"x": Request("POST", "/x")}))
    with pytest.raises(UnreadableHereError):
        await settle(store, claimed)
    kept = KeptResult(call, result, 0.5)
    assert await store.keep_results([UnsettledResult(key(), claimed.orders[0].token, kept)]) == {key()}
    assert b"Ada" not in (await connection.fetchval("SELECT sealed FROM kept_results"))
    assert not (await store.claim([FREE], OWNER, LEASE)).orders
    [found] = (await claim(other)).orders
    assert found.kept == kept
    assert found.previous_since is not None


async def test_a_result_is_not_kept_for_a_lost_lease(store: Store, connection: Connection) -> None:
    await put(store, order())
    token = (await claim(store)).orders[0].token
    assert await store.keep_results([UnsettledResult(key(), token - 1, KeptResult(*RESULTS[0], None))]) == set()
    assert await connection.fetchval("SELECT count(*) FROM kept_results") == 0


async def test_a_kept_result_is_of_no_use_after_another_call(store: Store, connection: Connection) -> None:
    await put(store, order())
    token = (await claim(store)).orders[0].token
    await store.keep_results([UnsettledResult(key(), token, KeptResult(*RESULTS[0], None))])
    assert (await claim(store)).orders[0].kept is not None
    await connection.execute(
        "UPDATE orders SET lease_until = now(), due_at = now()"
    )  # that process died, and may have called
    [third] = (await claim(store)).orders
    assert third.kept is None
    assert third.previous_since is not None


async def test_a_settled_order_shows_no_kept_result(store: Store) -> None:
    await put(store, order())
    token = (await claim(store)).orders[0].token
    await store.keep_results([UnsettledResult(key(), token, KeptResult(*RESULTS[0], None))])
    await settle(store, await claim(store))
    assert (await claim(store)).orders[0].kept is None


async def test_a_kept_result_that_cannot_be_decrypted_has_to_be_found_out(store: Store, other: Store) -> None:
    await put(store, order())
    token = (await claim(store)).orders[0].token
    await other.keep_results([UnsettledResult(key(), token, KeptResult(*RESULTS[0], None))])
    [found] = (await claim(store)).orders
    assert found.kept is None
    assert found.previous_since is not None


async def test_kept_results_go_after_a_while(store: Store, connection: Connection) -> None:
    await put(store, order())
    token = (await claim(store)).orders[0].token
    await store.keep_results([UnsettledResult(key(), token, KeptResult(*RESULTS[0], None))])
    await store.prune_kept_results(60.0)
    assert await connection.fetchval("SELECT count(*) FROM kept_results") == 1
    await store.prune_kept_results(-1.0)
    assert await connection.fetchval("SELECT count(*) FROM kept_results") == 0


# the lowest version that may write


async def lowest(connection: Connection) -> int:
    found: int = await connection.fetchval("SELECT lowest_version FROM epoch")
    return found


async def test_the_lowest_version_is_raised_when_the_last_older_process_has_gone(
    store: Store, connection: Connection
) -> None:
    await connection.execute("UPDATE epoch SET lowest_version = 0")
    await newer_process(connection, version=0)
    await store.beat("w", Beat())
    assert await lowest(connection) == 0
    await connection.execute("UPDATE heartbeats SET seen_at = now() - interval '61 s' WHERE version = 0")
    assert not (await store.beat("w", Beat())).outdated
    assert await lowest(connection) == 0, "it may only just have come back to the database"
    await connection.execute("UPDATE heartbeats SET since = now() - interval '61 s' WHERE version = 1")
    assert not (await store.beat("w", Beat())).outdated
    assert await lowest(connection) == 1


async def test_who_was_silent_for_a_while_watches_anew(store: Store, connection: Connection) -> None:
    await store.beat("w", Beat())
    for silent, kept in ((5, True), (11, False)):
        await connection.execute(
            "UPDATE heartbeats SET since = now() - interval '99 s', seen_at = now() - make_interval(secs => $1)", silent
        )
        await store.beat("w", Beat())
        since = await connection.fetchval("SELECT since < now() - interval '90 s' FROM heartbeats")
        assert since is kept


async def test_a_newer_process_does_not_raise_it_alone(store: Store, connection: Connection) -> None:
    await newer_process(connection)
    await store.beat("w", Beat())
    assert await lowest(connection) == 1


async def test_an_outdated_process_writes_nothing_more(store: Store, connection: Connection) -> None:
    await put(store, order())
    claimed = await claim(store)
    row_before = await connection.fetchrow("SELECT * FROM orders")
    await connection.execute("UPDATE epoch SET lowest_version = 2")
    with pytest.raises(OutdatedError, match="run the newer version"):
        await store.open()
    with pytest.raises(OutdatedError):
        await claim(store)
    with pytest.raises(OutdatedError):
        await settle(store, claimed)
    with pytest.raises(OutdatedError):
        await touch(store)
    [one] = claimed.orders
    unchanged = SettledOrder(one.order, Row(one.known, one.token, None), one.token, 0.0)
    with pytest.raises(OutdatedError):
        await store.settle_if_unchanged([unchanged], OWNER, LEASE, NO_ROWS, 1)
    assert await connection.fetchrow("SELECT * FROM orders") == row_before
    assert (await store.beat("w", Beat())).outdated


# fields that a newer version has added


async def with_new_fields(connection: Connection) -> None:
    """To the order, to one of its operations, to its second capture, and to its first line."""
    state = json.loads(await connection.fetchval("SELECT state FROM orders"))
    found = state["order"]
    found["loyalty"] = {"points": 7}
    found["operations"][0]["priority"] = "high"
    found["captures"][1]["batch"] = [1, 2]
    found["lines"][0].append("warehouse 3")
    state["fields"] = "of a newer version"
    await connection.execute("UPDATE orders SET state = $1", json.dumps(state))


async def test_unknown_fields_survive_a_rewrite(store: Store, connection: Connection) -> None:
    captures = (Capture("c1", 1), Capture("c2", 2))
    await put(store, order(captures=captures, captured_amount=3))
    await with_new_fields(connection)
    for version in ("first", "second"):  # the second rewrite starts from what the first has written
        new = (Capture("c0", 1), *captures)
        attention = (Attention("slow", 1.0),)
        await touch(store, status="authorized", captures=new, captured_amount=4, attentions=attention)
        await settle(store, await claim(store))
        found = json.loads(await connection.fetchval("SELECT state FROM orders"))["order"]
        assert (found["status"], found["loyalty"]) == ("authorized", {"points": 7}), version
        assert found["operations"][0]["priority"] == "high"
        assert [one.get("batch") for one in found["captures"]] == [None, None, [1, 2]]
        assert found["lines"][0][-1] == "warehouse 3"
        assert len(found["lines"][1]) == len(found["lines"][0]) - 1
        shown = await store.show_order(key())
        assert shown is not None
        assert shown.order.captures == new


async def test_unknown_fields_go_with_what_has_them(store: Store, connection: Connection) -> None:
    await put(store, order(captures=(Capture("c1", 1), Capture("c2", 2)), captured_amount=3))
    await with_new_fields(connection)
    await touch(store, operations=(), captures=(Capture("c1", 1),), captured_amount=1)
    found = json.loads(await connection.fetchval("SELECT state FROM orders"))["order"]
    assert "operations" not in found
    assert found["captures"] == [{"id": "c1", "amount": 1}]


async def test_a_known_field_that_is_emptied_does_not_come_back(store: Store, connection: Connection) -> None:
    await put(
        store,
        order(expires_at=5.0, shipments=("s1",), captures=(Capture("c1", 1), Capture("c2", 2)), captured_amount=3),
    )
    await with_new_fields(connection)
    await touch(store, expires_at=None, shipments=())
    shown = await store.show_order(key())
    assert shown is not None
    assert (shown.order.expires_at, shown.order.shipments) == (None, ())
    assert shown.order.unknown_fields.state


async def test_unknown_fields_of_the_details_survive(store: Store, vault: Vault, connection: Connection) -> None:
    await put(store, order())
    row = await connection.fetchrow("SELECT sealed_key, sealed FROM orders")
    assert row is not None
    details = json.loads(vault.open(Sealed(*row), key_bytes(key())))
    details["customer"] = {"loyal": True}
    details["requests"]["operation-1"]["retry"] = 2
    sealed = vault.seal(json.dumps(details).encode(), key_bytes(key()))
    await connection.execute(
        "UPDATE orders SET sealed_key = $1, sealed = $2, state = jsonb_set(state::jsonb, '{fields}', '\"other\"')::json",
        sealed.key,
        sealed.data,
    )
    async with store.intake_transaction() as tx:
        found = (await locked(tx, [key()]))[key()]
        requests = {**found.order.details.requests, "x": Request("POST", "/x")}
        changed = replace(found.order, details=replace(found.order.details, requests=requests))
        await tx.write([Change(changed, found, 0.0)], OWNER, LEASE)
    row = await connection.fetchrow("SELECT sealed_key, sealed FROM orders")
    assert row is not None
    after = json.loads(vault.open(Sealed(*row), key_bytes(key())))
    assert after["customer"] == {"loyal": True}
    assert after["requests"]["operation-1"]["retry"] == 2
    assert set(after["requests"]) == {"operation-1", "x"}


async def test_an_order_without_unknown_fields_carries_none(store: Store) -> None:
    await put(store, order())
    assert (await claim(store)).orders[0].order.unknown_fields == Order(key()).unknown_fields
