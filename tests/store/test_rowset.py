"""Rows as one argument: what goes in comes out of Postgres as it was, in its order."""

import random
import struct
from uuid import UUID

import pytest
from msgspec import Struct

from ordersaga.domain.model.order import Order
from ordersaga.store.errors import InputRefusedError
from ordersaga.store.intake import Change
from ordersaga.store.rowset import Rowset
from ordersaga.store.store import Store

from .conftest import Connection
from .factories import key, order


class Values(Struct, frozen=True, omit_defaults=True):
    name: str
    count: int
    at: float
    is_open: bool
    note: str | None = None
    letter: UUID | None = None
    amount: int | None = None


ROWS = Rowset(Values, headers="bytea", state="text")
ODD = (
    "",
    "\\u0000",
    '"}],[',
    "null",
    "\x01\x1f\x7f",
    "e\N{COMBINING ACUTE ACCENT}",
    "\N{PIG NOSE}",
    "\u2028",
    "x" * 100_000,
)


async def sent(connection: Connection, rows: list[Values]) -> list[tuple[Values, bytes, str]]:
    headers = [bytes([number % 256, 0, 255]) for number in range(len(rows))]
    state = [row.name[::-1] for row in rows]
    records = await connection.fetch(
        f"SELECT {ROWS.columns} FROM {ROWS.source} ORDER BY position", ROWS.encode(rows), headers, state
    )
    return [(Values(*list(record)[:7]), record["headers"], record["state"]) for record in records]


async def test_values_come_out_as_they_went_in(connection: Connection) -> None:
    rows = [
        *(Values(name, number, 0.0, number % 2 == 0, note=name) for number, name in enumerate(ODD)),
        Values("largest", 2**63 - 1, 1.7976931348623157e308, is_open=True, amount=-(2**63), letter=UUID(int=1)),
        Values("smallest", -(2**63), 5e-324, is_open=False, amount=0, letter=UUID(int=2**128 - 1)),
    ]
    assert await sent(connection, rows) == [
        (row, bytes([number % 256, 0, 255]), row.name[::-1]) for number, row in enumerate(rows)
    ]


async def test_times_are_exact_to_the_last_bit(connection: Connection) -> None:
    """A row that is unchanged is known by its time."""
    drawn = random.Random(5)
    times = [struct.unpack("d", struct.pack("q", drawn.getrandbits(62)))[0] for _ in range(2_000)]
    times += [1_764_000_000 + drawn.random() for _ in range(2_000)]
    rows = [Values("", number, at, is_open=True) for number, at in enumerate(times)]
    assert [row for row, _, _ in await sent(connection, rows)] == rows


async def test_no_rows_are_no_rows(connection: Connection) -> None:
    assert await sent(connection, []) == []


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InputRefusedError):
        ROWS.encode([Values("\ud800", 0, 0.0, is_open=True)])


@pytest.mark.parametrize(
    "bad", [order(provider_order_id="\ud800"), order(provider_order_id="a\0b")], ids=["half", "NUL"]
)
async def test_a_text_that_postgres_cannot_hold_is_refused(store: Store, bad: Order) -> None:
    with pytest.raises(InputRefusedError):
        async with store.intake_transaction() as tx:
            await tx.write([Change(bad, None, 0.0)])
    assert await store.show_order(key()) is None


@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
def test_a_number_that_json_has_not_is_refused_and_does_not_become_null(number: float) -> None:
    with pytest.raises(InputRefusedError, match="at isn't a finite number"):
        ROWS.encode([Values("1", 0, 0.0, is_open=True), Values("2", 0, number, is_open=True)])


async def test_an_amount_that_is_too_large_is_refused_by_the_name_of_its_order(store: Store) -> None:
    with pytest.raises(InputRefusedError, match="order '1' of merchant 'default'"):
        async with store.intake_transaction() as tx:
            await tx.write([Change(order(order_amount=2**63), None, 0.0)])


@pytest.mark.parametrize("due", [float("nan"), float("inf")])
async def test_an_order_that_would_never_be_due_is_refused(store: Store, due: float) -> None:
    with pytest.raises(InputRefusedError, match="due"):
        async with store.intake_transaction() as tx:
            await tx.write([Change(order(), None, due)])
    assert await store.show_order(key()) is None
