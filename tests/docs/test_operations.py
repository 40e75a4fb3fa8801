"""What the documents compute from measured figures, and what they say of the tables, is so."""

import math
import re
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Table, UniqueConstraint

from ordersaga.store.settings import Database
from ordersaga.store.tables import SHARDS, metadata

from .documents import OPERATIONS, SCALING, rows

RATES: Final = (1_000, 10_000, 100_000)
COMPUTED: Final = "What 1,000, 10,000 and 100,000 orders a second need"
OF_A_DEPLOYMENT: Final = {"switches"}  # not of an order


def table(heading: str) -> dict[str, list[str]]:
    """By the beginning of the first cell."""
    return {cells[0].partition(",")[0]: cells[1:] for cells in rows(SCALING, heading)}


def number(cell: str) -> float:
    return float(re.sub(r"[^\d.]", "", cell))


def test_what_is_computed_follows_from_the_units() -> None:
    text = SCALING.read_text()
    [units] = re.findall(r"\((\S+) ms, (\S+) ms, (\d+) KB, (\d+) KB\), with processes at (\d+) %", text)
    service, postgres, log, grown, busy = map(float, units)
    said = table(COMPUTED)
    for column, rate in enumerate(RATES):
        processes = math.ceil(rate * service / 1000 / (busy / 100))
        assert number(said["provider accounts with Klarna"][column]) == rate / 200
        assert number(said["processes with all roles"][column]) == processes
        assert number(said["partitions of `shop.orders`"][column]) == processes
        assert number(said["connections to Postgres"][column]) == 8 * processes
        assert number(said["slots"][column]) == 2 * 2 * 0.3 * rate
        assert number(said["cores of Postgres"][column]) == rate * postgres / 1000
        per_second = number(said["write-ahead log"][column]) * (1000 if "GB" in said["write-ahead log"][column] else 1)
        assert per_second == rate * log / 1000
        assert math.isclose(number(said["growth of the database"][column]), rate * grown * 86_400 / 1e9, rel_tol=0.05)


def keys(of: Table) -> Iterator[tuple[str, set[str]]]:
    """Names and columns of all that is unique."""
    yield f"{of.name}_pkey", set(of.primary_key.columns.keys())
    yield from ((str(one.name), set(one.columns.keys())) for one in of.constraints if isinstance(one, UniqueConstraint))
    yield from ((str(one.name), set(one.columns.keys())) for one in of.indexes if one.unique)


def lacking(column: str) -> set[str]:
    of_merchants = [one for one in metadata.sorted_tables if "merchant" in one.columns]
    of_orders = [one for one in of_merchants if one.name not in OF_A_DEPLOYMENT]
    return {name for one in of_orders for name, columns in keys(one) if column not in columns}


def test_the_keys_that_stand_in_the_way_of_distributing_are_those_of_the_tables() -> None:
    cells = table("Postgres")["unique keys without it"]
    by_merchant, further = (set(re.findall(r"`(\w+)`", cell)) for cell in cells)
    assert by_merchant == lacking("merchant")
    assert by_merchant | further == lacking("subject")


def test_the_limits_of_connections_and_shards_are_those_of_the_code() -> None:
    size = Database(url="postgresql://somebody@nowhere/nothing").pool_size
    assert f"up to {size} connections" in OPERATIONS.read_text()
    assert f"{SHARDS}, the number of shards" in SCALING.read_text()
