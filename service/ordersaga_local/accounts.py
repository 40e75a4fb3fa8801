"""Reconciliation: the amounts that the events ask for, those in the service's tables, in the provider's ledger and in the outcomes."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from ordersaga_local.outcomes import Books, EventKey, OrderKey, Told

COLUMNS = ("captured", "refunded", "uncaptured")
Account = tuple[str, str]
"""Merchant and provider."""
Money = dict[Account, dict[str, int]]  # column -> minor units
BOOKS = ("events ask", "service's tables", "provider's ledger", "outcomes say")
"""What each column of money is by."""
_OF_TABLES = """
SELECT merchant, provider, sum(captured_amount)::bigint, sum(refunded_amount)::bigint,
       coalesce(sum(order_amount - captured_amount - released_amount)
                FILTER (WHERE status IN ('authorized', 'part_captured', 'pending_review')), 0)::bigint
  FROM orders WHERE kind = 'order' GROUP BY merchant, provider
"""


@dataclass(frozen=True)
class Expected:
    """The expected results that come with the sample."""

    whole: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> "Expected":
        with gzip.open(path, "rt") as file:
            return cls(json.load(file))

    @property
    def orders(self) -> list[dict[str, Any]]:
        orders: list[dict[str, Any]] = self.whole["orders"]
        return orders

    def money(self) -> Money:
        sums: dict[Account, Counter[str]] = defaultdict(Counter)
        for order in self.orders:
            if order["order_amount"] is not None:
                left = order["order_amount"] - order["captured"] - order["released"]
                columns = {"captured": order["captured"], "refunded": order["refunded"], "uncaptured": left}
                sums[order["merchant"], order["provider"]].update(columns)
        return {account: dict(columns) for account, columns in sums.items()}

    def events(self, *, final: bool) -> dict[EventKey, dict[str, Any]]:
        """(merchant, source, event id) -> its final outcome; not final: events that became dead letters instead."""
        return {
            (order["merchant"], "/shop", event): outcome
            for order in self.orders
            for event, outcome in order["events"].items()
            if outcome.get("final", True) is final
        }


async def of_tables(database: str) -> Money:
    """The service's own books."""
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(_OF_TABLES)
    finally:
        await connection.close()
    return {(row[0], row[1]): dict(zip(COLUMNS, tuple(row)[2:], strict=True)) for row in rows}


def of_ledger(effects: Iterable[Mapping[str, Any]]) -> Money:
    """The totals of the ledger by account."""
    open_amounts: dict[tuple[Account, str], int] = defaultdict(int)
    sums: dict[Account, Counter[str]] = defaultdict(Counter)
    gone: Counter[tuple[Account, str]] = Counter()
    for effect in effects:
        account = (effect["account"], effect["provider"])
        order = (account, effect["order_id"])
        amount = effect["amount"] or 0
        match effect["kind"]:
            case "authorize":
                open_amounts[order] = amount
            case "update" if order in open_amounts:  # else nobody has paid yet
                open_amounts[order] = amount - gone[order]
            case "capture":
                gone[order] += amount
                open_amounts[order] -= amount
                sums[account]["captured"] += amount
            case "refund":
                sums[account]["refunded"] += amount
            case "cancel_refund" | "fail_refund":
                sums[account]["refunded"] -= amount
            case "cancel" | "release" | "expire" | "close":
                open_amounts[order] -= amount
                gone[order] += amount if effect["provider"] == "mollie" else 0  # whose amount keeps what was cancelled
    for (account, _), amount in open_amounts.items():
        sums[account]["uncaptured"] += amount
    return {account: dict(columns) for account, columns in sums.items()}


def of_outcomes(books: Books) -> Money:
    sums: dict[Account, Counter[str]] = defaultdict(Counter)
    for outcome in books.seen.values():
        operation, account = outcome.data.get("operation"), (outcome.merchant, outcome.data["provider"])
        if operation and outcome.what in {"captured", "refunded"}:
            sums[account][outcome.what] += operation["amount"]
    for (merchant, *_), outcome in books.last_of_each().items():
        account = (merchant, outcome.data["provider"])
        sums[account]["uncaptured"] += outcome.data["order"]["remaining_authorized_amount"]
    return {account: dict(columns) for account, columns in sums.items()}


def doubled(effects: Iterable[Mapping[str, Any]]) -> list[str]:
    """References of authorizations, captures and refunds that took effect more than once (I1).

    An authorization token makes one order; a customer token many, each with the order's reference. A capture at Mollie has
    no reference: a shipment bears the key that it was asked for with, and a payment is the only one of its order. What
    bears nothing of ours, as it was done by hand, shows in the amounts alone.
    """
    counts = Counter(
        (effect["account"], effect["kind"], ours)
        for effect in effects
        if effect["kind"] in {"authorize", "capture", "refund"}
        and (ours := effect["reference"] or effect["token"] or _key_of(effect))
    )
    return [" ".join(map(str, key)) for key, count in counts.items() if count > 1]


def _key_of(effect: Mapping[str, Any]) -> str | None:
    """Klarna's effects have a reference or a token."""
    if effect.get("provider") != "mollie":
        return None
    ours = effect["idempotency_key"] or (effect["order_id"] if effect["by"] == "customer" else None)
    return None if ours is None else str(ours)


def figures(columns: Sequence[Money]) -> list[tuple[Account, str, list[int]]]:
    """Each amount as all the books have it, for the accounts with any money."""
    accounts = sorted({account for column in columns for account, sums in column.items() if any(sums.values())})
    return [
        (account, name, [column.get(account, {}).get(name, 0) for column in columns])
        for account in accounts
        for name in COLUMNS
    ]


def disagreements(columns: Sequence[Money]) -> list[str]:
    return [f"{' '.join(account)}, {name}: {found}" for account, name, found in figures(columns) if len(set(found)) > 1]


def differences(expected: Expected, books: Books) -> list[str]:
    """Events whose final outcome is missing, duplicated or not the expected one; orders whose amounts differ."""
    problems = [
        problem
        for event, wanted in expected.events(final=True).items()
        if (problem := _final_problem(books, event, wanted))
    ]
    problems += [
        f"{event[2]}: has a final outcome, though it became a dead letter"
        for event in expected.events(final=False)
        if books.finals.get(event)
    ]
    last = books.last_of_each()
    return problems + [problem for order in expected.orders if (problem := _order_problem(order, last))]


def _final_problem(books: Books, event: EventKey, wanted: Mapping[str, Any]) -> str | None:
    finals = books.finals.get(event, [])
    if len(finals) != 1:
        return f"{event[2]}: {len(finals)} final outcomes, expected {wanted['type']} {wanted.get('code', '')}"
    code = (finals[0].data.get("error") or {}).get("code")
    if (finals[0].what, code) != (wanted["type"], wanted.get("code")):
        return f"{event[2]} of order {finals[0].order}: {finals[0].what} {code or ''}, expected {wanted}"
    amount = books.amounts[event]
    if "amount" in wanted and amount != wanted["amount"]:
        return f"{event[2]} of order {finals[0].order}: {finals[0].what} of {amount}, expected {wanted['amount']}"
    return None


def _order_problem(order: Mapping[str, Any], last: Mapping[OrderKey, Told]) -> str | None:
    outcome = last.get((order["merchant"], order["kind"], order["subject"]))
    if order["order_amount"] is None:
        return f"order {order['subject']}: has outcomes with amounts, though it was never accepted" if outcome else None
    if outcome is None:
        return f"order {order['subject']}: no outcome reports its amounts"
    reported = outcome.data["order"]
    actual = (
        reported["order_amount"],
        reported["captured_amount"],
        reported["released_amount"],
        reported["refunded_amount"],
        reported["status"],
    )
    wanted = (order["order_amount"], order["captured"], order["released"], order["refunded"], order["status"])
    if actual == wanted:
        return None
    return f"order {order['subject']} ({order['history']}): amounts {actual}, expected {wanted}"
