"""Reconciliation: the amounts that the events ask for, those in the provider's ledger, and those in the outcomes."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordersaga_local.outcomes import Books, EventKey, OrderKey, Told

COLUMNS = ("captured", "refunded", "authorized still")
Money = dict[str, dict[str, int]]  # merchant -> column -> minor units


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
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        for order in self.orders:
            if order["order_amount"] is not None:
                left = order["order_amount"] - order["captured"] - order["released"]
                columns = {"captured": order["captured"], "refunded": order["refunded"], "authorized still": left}
                sums[order["merchant"]].update(columns)
        return {merchant: dict(columns) for merchant, columns in sums.items()}

    def events(self, *, final: bool) -> dict[EventKey, dict[str, Any]]:
        """(merchant, source, event id) -> its final outcome; not final: events that became dead letters instead."""
        return {
            (order["merchant"], "/shop", event): outcome
            for order in self.orders
            for event, outcome in order["events"].items()
            if outcome.get("final", True) is final
        }


def of_ledger(effects: Iterable[Mapping[str, Any]]) -> Money:
    """The totals of the ledger by account."""
    open_amounts: dict[tuple[str, str], int] = defaultdict(int)
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    captured: Counter[tuple[str, str]] = Counter()
    for effect in effects:
        order = (effect["account"], effect["order_id"])
        amount = effect["amount"] or 0
        match effect["kind"]:
            case "authorize":
                open_amounts[order] = amount
            case "update":
                open_amounts[order] = amount - captured[order]
            case "capture":
                captured[order] += amount
                open_amounts[order] -= amount
                sums[effect["account"]]["captured"] += amount
            case "refund":
                sums[effect["account"]]["refunded"] += amount
            case "cancel" | "release" | "expire":
                open_amounts[order] -= amount
    for (account, _), amount in open_amounts.items():
        sums[account]["authorized still"] += amount
    return {account: dict(columns) for account, columns in sums.items()}


def of_outcomes(books: Books) -> Money:
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in books.seen.values():
        operation = outcome.data.get("operation")
        if operation and outcome.what in {"captured", "refunded"}:
            sums[outcome.merchant][outcome.what] += operation["amount"]
    for (merchant, *_), outcome in books.last_of_each().items():
        sums[merchant]["authorized still"] += outcome.data["order"]["remaining_authorized_amount"]
    return {merchant: dict(columns) for merchant, columns in sums.items()}


def doubled(effects: Iterable[Mapping[str, Any]]) -> list[str]:
    """References of authorizations, captures and refunds that took effect more than once (I1).

    An authorization token makes one order; a customer token many, each with the order's reference. What bears nothing of
    ours (a shipment at Mollie, what is done by hand) shows in the amounts alone.
    """
    counts = Counter(
        (effect["account"], effect["kind"], ours)
        for effect in effects
        if effect["kind"] in {"authorize", "capture", "refund"} and (ours := effect["reference"] or effect["token"])
    )
    return [" ".join(map(str, key)) for key, count in counts.items() if count > 1]


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
