"""The database's clock decides."""

import ast
import time
from pathlib import Path

import pytest

import ordersaga.store.store
from ordersaga.store.claims import Claimed
from ordersaga.store.settle import SettledOrder
from ordersaga.store.store import Store

from .conftest import Connection
from .factories import LEASE, OWNER, claim, inbox, key, look_up_inbox, order, put, unknown


@pytest.fixture(params=[-10 * 365 * 86_400, 10 * 365 * 86_400])
def shifted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of this process is ten years wrong."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + request.param)


@pytest.mark.usefixtures("shifted")
async def test_an_application_whose_clock_is_wrong_changes_nothing(store: Store, connection: Connection) -> None:
    truth = await connection.fetchval("SELECT extract(epoch FROM now())::float8")
    async with store.intake_transaction() as tx:
        now = (await look_up_inbox(tx, [inbox("a")])).clock.now
    assert now == pytest.approx(truth, abs=10)
    await put(store, order("due"), due_at=now)
    await put(store, order("later"), due_at=now + 60)
    claimed: Claimed = await claim(store)
    [leased] = claimed.orders
    assert leased.order.key == key("due")
    assert leased.until == pytest.approx(truth + LEASE, abs=10)
    async with store.settle_transaction() as tx:
        clock, rows = await tx.lock(unknown(key("due")))
        kept = await tx.write(
            [SettledOrder(rows[key("due")].order, rows[key("due")], leased.token, None, keep=True)], OWNER, LEASE
        )
    assert clock.now == pytest.approx(truth, abs=10)
    lease = kept[key("due")]
    assert lease is not None
    assert lease.until == pytest.approx(truth + LEASE, abs=10)
    stamps = "SELECT extract(epoch FROM {} - now())::float8 FROM {}"
    for column, table in (("taken_at", "inbox"), ("created_at", "orders"), ("updated_at", "orders")):
        assert abs(await connection.fetchval(stamps.format(column, table))) < 10


def test_no_module_of_the_store_reads_a_clock() -> None:
    for module in Path(ordersaga.store.store.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            source = node.module if isinstance(node, ast.ImportFrom) else None
            assert not {"time", "datetime"} & {source, *names}, module.name
