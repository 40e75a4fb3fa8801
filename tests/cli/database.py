"""Orders in a test's own database."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ordersaga.domain.model.order import Key, Order
from ordersaga.store.appended import NO_ROWS, AppendedRows
from ordersaga.store.engine import Engine
from ordersaga.store.intake import Change
from ordersaga.store.reads import OrderView
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault

from .conftest import KEY

VAULT = Vault({"1": base64.b64decode(KEY)}, "1")
T = TypeVar("T")


def within(database: str, work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Store(Engine(database), VAULT) as store:
            return await work(store)

    return asyncio.run(run())


def put(database: str, *orders: Order, due_at: float | None = None, appended: AppendedRows = NO_ROWS) -> None:
    async def write(store: Store) -> None:
        async with store.intake_transaction() as tx:
            await tx.write([Change(order, None, due_at) for order in orders], appended=appended)

    within(database, write)


def shown(database: str, key: Key) -> OrderView:
    found = within(database, lambda store: store.show_order(key))
    assert found is not None
    return found
