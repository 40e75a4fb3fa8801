"""Three accounts of the same money: what the events ask, what the provider's ledger took, what the outcomes said."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordersaga_local.outcomes import Books, Told

COLUMNS = ("captured", "refunded", "authorized still")
Money = dict[str, dict[str, int]]  # merchant -> column -> minor units
Place = tuple[str, str, str]


@dataclass(frozen=True)
class Expected:
    """What the maker of the sample worked out."""

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

    def events(self, *, final: bool) -> dict[Place, dict[str, Any]]:
        """(merchant, source, event id) -> the outcome that ends it; not final: those that a dead letter holds open."""
        return {
            (order["merchant"], "/shop", event): outcome
            for order in self.orders
            for event, outcome in order["events"].items()
            if outcome.get("final", True) is final
        }


def of_ledger(effects: Iterable[Mapping[str, Any]]) -> Money:
    """The ledger's effects, added up by account."""
    open_amounts: dict[tuple[str, str], int] = defaultdict(int)
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    taken: Counter[tuple[str, str]] = Counter()
    for effect in effects:
        place = (effect["account"], effect["order_id"])
        amount = effect["amount"] or 0
        match effect["kind"]:
            case "authorize":
                open_amounts[place] = amount
            case "update":
                open_amounts[place] = amount - taken[place]
            case "capture":
                taken[place] += amount
                open_amounts[place] -= amount
                sums[effect["account"]]["captured"] += amount
            case "refund":
                sums[effect["account"]]["refunded"] += amount
            case "cancel" | "release" | "expire":
                open_amounts[place] -= amount
    for (account, _), amount in open_amounts.items():
        sums[account]["authorized still"] += amount
    return {account: dict(sums_) for account, sums_ in sums.items()}


def of_outcomes(books: Books) -> Money:
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for told in books.seen.values():
        operation = told.data.get("operation")
        if operation and told.what in {"captured", "refunded"}:
            sums[told.merchant][told.what] += operation["amount"]
    for (merchant, _), told in books.last_of_each().items():
        sums[merchant]["authorized still"] += told.data["order"]["remaining_authorized_amount"]
    return {merchant: dict(sums_) for merchant, sums_ in sums.items()}


def doubled(effects: Iterable[Mapping[str, Any]]) -> list[str]:
    """References that were captured or refunded more than once (I1)."""
    counts = Counter(
        (effect["account"], effect["kind"], effect["token"] if effect["kind"] == "authorize" else effect["reference"])
        for effect in effects
        if effect["kind"] in {"authorize", "capture", "refund"}
    )
    return [" ".join(map(str, key)) for key, count in counts.items() if count > 1]


def differences(expected: Expected, books: Books) -> list[str]:
    """Events whose outcome isn't the one that was worked out: missing, twice, or another; orders whose books differ."""
    amiss = [
        problem
        for place, wanted in expected.events(final=True).items()
        if (problem := _final_amiss(books, place, wanted))
    ]
    amiss += [
        f"{place[2]}: ended, though a dead letter holds it"
        for place in expected.events(final=False)
        if books.finals.get(place)
    ]
    last = books.last_of_each()
    return amiss + [problem for order in expected.orders if (problem := _books_amiss(order, last))]


def _final_amiss(books: Books, place: Place, wanted: Mapping[str, Any]) -> str | None:
    finals = books.finals.get(place, [])
    if len(finals) != 1:
        return f"{place[2]}: {len(finals)} final outcomes, expected {wanted['type']} {wanted.get('code', '')}"
    code = (finals[0].data.get("error") or {}).get("code")
    if (finals[0].what, code) != (wanted["type"], wanted.get("code")):
        return f"{place[2]} of order {finals[0].order}: {finals[0].what} {code or ''}, expected {wanted}"
    moved = books.moved[place]
    if "amount" in wanted and moved != wanted["amount"]:
        return f"{place[2]} of order {finals[0].order}: {finals[0].what} of {moved}, expected {wanted['amount']}"
    return None


def _books_amiss(order: Mapping[str, Any], last: Mapping[tuple[str, str], Told]) -> str | None:
    told = last.get((order["merchant"], order["subject"]))
    if order["order_amount"] is None:
        return f"order {order['subject']}: has books, though it was never accepted" if told else None
    if told is None:
        return f"order {order['subject']}: no outcome tells its books"
    ours = told.data["order"]
    got = (
        ours["order_amount"],
        ours["captured_amount"],
        ours["released_amount"],
        ours["refunded_amount"],
        ours["status"],
    )
    wanted = (order["order_amount"], order["captured"], order["released"], order["refunded"], order["status"])
    return None if got == wanted else f"order {order['subject']} ({order['history']}): books {got}, expected {wanted}"
