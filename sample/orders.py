"""The invoices of the real shop, read from its parquet file."""

import importlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """A line of an invoice; `price` in pence, `quantity` negative for what came back."""

    code: str
    name: str
    quantity: int
    price: int


@dataclass(frozen=True, slots=True)
class Invoice:
    number: str
    time: datetime
    customer: int | None
    country: str
    items: tuple[Item, ...]

    @property
    def is_credit(self) -> bool:
        return self.number.startswith("C")


def read_invoices(parquet: Path) -> list[Invoice]:
    """Every invoice of the file, in the order of time."""
    # pyarrow is wanted by this script alone, so that the project's own environment needs none of it.
    rows = importlib.import_module("pyarrow.parquet").read_table(parquet).to_pylist()
    by_number: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_number[row["InvoiceNo"]].append(row)
    return sorted((_invoice(number, lines) for number, lines in by_number.items()), key=lambda i: (i.time, i.number))


def _invoice(number: str, rows: list[dict[str, Any]]) -> Invoice:
    first = rows[0]
    customer = None if first["CustomerID"] is None else int(first["CustomerID"])
    return Invoice(number, first["InvoiceDate"].replace(tzinfo=UTC), customer, first["Country"], _items(rows))


def _items(rows: Iterable[dict[str, Any]]) -> tuple[Item, ...]:
    return tuple(
        Item(row["StockCode"], _name(row["Description"]), int(row["Quantity"]), round(row["UnitPrice"] * 100))
        for row in rows
    )


def _name(description: str | None) -> str:
    """The file writes a missing description as the text `nan`."""
    return "" if description in {None, "nan"} else str(description).strip()
