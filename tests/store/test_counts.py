"""The numbers of statements and commits of a unit are constant, whether it has 1 row or 500."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from asyncpg.connection import LoggedQuery
from msgspec.structs import replace

from ordersaga.store.appended import AppendedRows
from ordersaga.store.claims import HandBack
from ordersaga.store.dead_letters import Content, DeadLetter
from ordersaga.store.engine import Engine
from ordersaga.store.intake import Change, OffsetProgress
from ordersaga.store.rows import ProviderId, Row
from ordersaga.store.settings import Database
from ordersaga.store.settle import SettledOrder
from ordersaga.store.store import Store
from ordersaga.store.tables import SHARDS
from ordersaga.store.vault import Vault

from .factories import LEASE, OWNER, claim, entry, inbox, key, order, outcome


class Log:
    """The statements sent to the server, as asyncpg logs them."""

    def __init__(self) -> None:
        self._sent: list[str] = []

    def __call__(self, query: LoggedQuery) -> None:
        self._sent.append(query.query.split()[0])

    async def taken(self) -> list[str]:
        """Since the last call."""
        await asyncio.sleep(0)  # asyncpg logs them in the loop's next iteration
        sent, self._sent = self._sent, []
        return sent


@pytest.fixture
async def one(database: str, vault: Vault) -> AsyncIterator[Store]:
    """A store with a single connection, so that every statement is logged."""
    async with Store(Engine(Database(url=database, pool_size=1)), vault) as store:
        yield store


@pytest.fixture
async def log(one: Store) -> Log:
    log = Log()
    async with one.engine.session("test") as session:
        session._driver.add_query_logger(log)
    return log


async def take_in(store: Store, size: int) -> None:
    names = [str(number) for number in range(size)]
    letters = [DeadLetter("t", 0, number, Content(None, b"x"), "code", "reason", "f") for number in range(size)]
    async with store.intake_transaction() as tx:
        _, rows = await tx.look_up([inbox(name) for name in names], [key(name) for name in names])
        assert len(rows) in {0, size // 2}
        changes = [
            Change(replace(rows[key(n)].order, sequence=2) if key(n) in rows else order(n), rows.get(key(n)), 0.0)
            for n in names
        ]
        told = AppendedRows(
            [(key(name), entry()) for name in names for _ in range(3)],
            [outcome(key(name)) for name in names],
            letters,
            [ProviderId(key(name), "klarna", name, "order") for name in names],
        )
        moved = [OffsetProgress("t", partition, 0, size) for partition in range(min(size, 12))]
        assert await tx.write(changes, OWNER, LEASE, told, moved) == []


@pytest.mark.parametrize("size", [1, 500])
async def test_intake_is_three_statements_and_a_commit(one: Store, log: Log, size: int) -> None:
    if size > 1:
        async with one.intake_transaction() as tx:
            await tx.write([Change(order(str(n)), None, None) for n in range(size // 2)], OWNER, LEASE)
        await log.taken()
    before = counted(one, "intake")
    await take_in(one, size)
    sent = await log.taken()
    assert len(sent) == 3 + 1
    assert (sent[0], sent[-1]) == ("BEGIN", "COMMIT")
    assert counted(one, "intake") == (before[0] + 3, before[1] + 1)


@pytest.mark.parametrize("size", [1, 500])
async def test_claim_is_one_and_settle_is_three_and_a_commit(one: Store, log: Log, size: int) -> None:
    await take_in(one, size)
    await log.taken()
    leases = (await claim(one)).orders
    assert len(leases) == size
    assert len(await log.taken()) == 1
    tokens = {leased.order.key: leased.token for leased in leases}
    async with one.settle_transaction() as tx:
        _, rows = await tx.lock([leased.known for leased in leases])
        told = AppendedRows(
            [(name, entry()) for name in rows],
            [outcome(name, 2) for name in rows],
            provider_ids=[ProviderId(name, "klarna", f"c-{name.subject}", "capture") for name in rows],
        )
        settled = [SettledOrder(row.order, row, tokens[name], 0.0) for name, row in rows.items()]
        await tx.write(settled, OWNER, LEASE, told)
    sent = await log.taken()
    assert len(sent) == 3 + 1
    assert (sent[0], sent[-1]) == ("BEGIN", "COMMIT")
    assert counted(one, "settle") == (3, 1)
    again = (await claim(one)).orders
    await log.taken()
    await one.hand_back([HandBack(leased.order.key, leased.token) for leased in again])
    assert len(await log.taken()) == 1


@pytest.mark.parametrize("size", [1, 500])
async def test_relay_is_three(one: Store, log: Log, size: int) -> None:
    await take_in(one, size)
    await log.taken()
    shards = await one.take_shards("r1", 30)
    assert len(shards) == SHARDS
    rows = await one.read_outbox(shards, 500)
    assert await one.delete_outbox([row.id for row in rows], "r1") == size
    assert len(await log.taken()) == 3
    assert counted(one, "relay") == (3, 0)


async def test_plans_that_were_made_of_empty_tables_still_reach_rows_by_their_keys(one: Store) -> None:
    async def scans() -> list[int]:
        async with one.engine.session("test") as session:
            await session.fetch("SELECT pg_stat_force_next_flush()")
            rows = await session.fetch("SELECT seq_scan FROM pg_stat_user_tables WHERE relname IN ('orders', 'inbox')")
        return [row["seq_scan"] for row in rows]

    await take_in(one, 1)
    before = await scans()
    for round_ in range(1, 8):
        names = [f"{round_}-{number}" for number in range(50)]
        async with one.intake_transaction() as tx:
            await tx.look_up([inbox(name) for name in names], [key(name) for name in names])
            await tx.write([Change(order(name), None, 0.0) for name in names])
        leases = (await claim(one)).orders
        settled = [
            SettledOrder(leased.order, Row(leased.known, leased.token, None), leased.token, None) for leased in leases
        ]
        assert (await one.settle_if_unchanged(settled, OWNER, LEASE, AppendedRows(), 1))[1]
    assert await scans() == before


async def test_what_holds_nothing_costs_nothing_more(one: Store, log: Log) -> None:
    async with one.intake_transaction() as tx:
        await tx.look_up([inbox("a")])
        assert await tx.write() == []
    async with one.settle_transaction() as settling:
        assert await settling.write([], OWNER, LEASE) == {}
    assert await log.taken() == ["BEGIN", "WITH", "COMMIT", "BEGIN", "COMMIT"]


def counted(store: Store, kind: str) -> tuple[int, int]:
    counts = store.engine.counts[kind]
    return counts.statements, counts.commits
