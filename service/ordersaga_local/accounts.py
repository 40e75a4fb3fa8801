"""Three accounts of the same money: what the events ask, what the provider's ledger took, what the outcomes said."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordersaga_local.outcomes import Books

COLUMNS = ("captured", "refunded", "authorized still")
Money = dict[str, dict[str, int]]  # merchant -> column -> minor units


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
            books = order["books"]
            if books:
                sums[order["merchant"]].update(_columns(books))
        return {merchant: dict(sums_) for merchant, sums_ in sums.items()}

    def finals(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """(merchant, source, event id) -> its final outcome."""
        return {
            (order["merchant"], "/shop", event): outcome
            for order in self.orders
            for event, outcome in order["events"].items()
        }


def _columns(books: Mapping[str, int]) -> dict[str, int]:
    captured, released = books["captured_amount"], books["released_amount"]
    return {
        "captured": captured,
        "refunded": books["refunded_amount"],
        "authorized still": books["order_amount"] - captured - released,
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
        (effect["account"], effect["kind"], effect["reference"])
        for effect in effects
        if effect["kind"] in {"capture", "refund"} and effect["reference"]
    )
    authorized = Counter(
        (effect["account"], effect["kind"], effect["token"]) for effect in effects if effect["kind"] == "authorize"
    )
    return [" ".join(map(str, key)) for key, count in (counts + authorized).items() if count > 1]


def differences(expected: Expected, books: Books) -> list[str]:
    """Events whose final outcome isn't the one that was worked out: missing, twice, or another."""
    amiss = []
    for key, wanted in expected.finals().items():
        finals = books.finals.get(key, [])
        if wanted is None:
            if finals:
                amiss.append(f"{key[2]}: no final outcome expected, got {finals[0].what}")
            continue
        if len(finals) != 1:
            amiss.append(f"{key[2]}: {len(finals)} final outcomes, expected {wanted['type']}")
            continue
        got = finals[0]
        code = (got.data.get("error") or {}).get("code")
        if (got.what, code) != (wanted["type"], wanted.get("code")):
            amiss.append(f"{key[2]} of order {got.order}: {got.what} {code or ''}, expected {wanted}")
    return amiss
