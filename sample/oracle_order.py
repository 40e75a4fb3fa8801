"""What the events of one order do to it: the contract's books, event by event."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sample.oracle_parts import (
    Line,
    Part,
    Rejected,
    Unsaid,
    copy_of,
    discount_as_sent,
    follow,
    follow_back,
    following,
    give_back,
    goods_of,
    least,
    lines_of,
    name,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

Json = dict[str, Any]


class Waits(Exception):  # noqa: N818 - no error: the event may yet come to its end
    """Something that is awaited may make this event possible; at its deadline it is rejected with `code`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Order:
    """The books of an accepted order, in minor units. `kept` was held back as return fees."""

    country: str
    currency: str
    lines: list[Line]
    order_amount: int
    authorized: int
    """What was authorized first."""
    provider: str = "klarna"
    captured: int = 0
    released: int = 0
    refunded: int = 0
    kept: int = 0
    captures: int = 0
    shipped: bool = False
    cancelled: bool = False
    ids: AbstractSet[tuple[str, str]] = field(default_factory=frozenset)
    shipments: dict[str, int] = field(default_factory=dict)
    """What each shipment captured."""

    @property
    def remaining(self) -> int:
        return self.order_amount - self.captured - self.released

    @property
    def refundable(self) -> int:
        return self.captured - self.refunded - self.kept

    @property
    def over(self) -> bool:
        """Nothing is left to capture; an order of amount 0 is over once it was shipped or cancelled."""
        return self.remaining == 0 and (self.order_amount > 0 or self.shipped or self.cancelled)

    @property
    def status(self) -> str:
        if self.over:
            return "captured" if self.captured or (self.shipped and not self.order_amount) else "cancelled"
        return "part_captured" if self.captured else "authorized"


def place(data: Json) -> Order:
    amount = data["order_amount"]
    return Order(data["purchase_country"], data["purchase_currency"], lines_of(data), amount, amount)


def copy_order(order: Order) -> Order:
    return replace(order, lines=copy_of(order.lines), shipments=dict(order.shipments))


def once(order: Order, what: str, given: str) -> None:
    if (what, given) in order.ids:
        raise Rejected(f"{what}_exists")
    order.ids |= {(what, given)}


def _sum(parts: list[Part]) -> int:
    return sum(part.worth for part in parts)


def ship(order: Order, data: Json, event_id: str) -> int:
    """Rules 1, 4, 5 and 6 for `shipped`; the amount captured."""
    shipment = data.get("shipment_id", event_id)
    once(order, "shipment", shipment)
    if data.get("order_lines") is not None:
        amount = _ship_lines(order, data)
    elif data.get("captured_amount") is not None:
        amount = data["captured_amount"]
        if amount > order.remaining:
            raise Rejected("over_capture" if order.remaining else "nothing_left_to_capture")
    else:
        amount = _ship_rest(order)
    order.captured += amount
    order.captures += 1 if amount else 0
    order.shipments[shipment] = amount
    order.shipped = True
    return amount


def _ship_lines(order: Order, data: Json) -> int:
    named = take(order.lines, data["order_lines"], nothing="nothing_left_to_capture", over="over_capture")
    worth = _sum(named)
    given = data.get("captured_amount")
    if given is not None and following(order.lines):
        raise Unsaid("whether captured_amount holds the lines that follow")
    if worth < 0 or given not in {None, worth}:
        raise Rejected("amounts_do_not_add_up")
    if worth + least(order.lines, "gone_worth", "total") > order.remaining:
        raise Rejected("over_capture")
    followers = follow(order.lines, worth, order.remaining)
    _count_captured(order, named, followers)
    return worth + _sum(followers)


def _count_captured(order: Order, named: list[Part], followers: list[Part]) -> None:
    for part in named:
        part.line.captured += part.quantity
        part.line.captured_worth += part.worth
    for part in followers:
        part.line.captured_worth += part.worth
        part.line.captured = part.line.quantity
    _close_followers(order)


def _close_followers(order: Order) -> None:
    """Once all goods are gone, nothing of the lines that follow them is left."""
    if all(line.left == 0 for line in goods_of(order.lines)):
        for line in following(order.lines):
            line.gone = line.quantity


def _ship_rest(order: Order) -> int:
    left = [line for line in order.lines if line.left]
    if not left and not order.remaining:
        raise Rejected("nothing_left_to_capture")
    if sum(line.total - line.gone_worth for line in order.lines) == order.remaining:
        for line in left:
            line.captured += line.left
            line.captured_worth += line.total - line.gone_worth
        all_gone(order)
    elif not order.remaining:
        raise Unsaid("shipping lines whose money went without lines")
    return order.remaining


def all_gone(order: Order) -> None:
    for line in order.lines:
        line.gone, line.gone_worth = line.quantity, line.total


def give_back_order(order: Order, data: Json, event_id: str) -> int:
    """Rules 2, 4, 5 and 8 for `returned`; the amount refunded."""
    once(order, "return", data.get("return_id", event_id))
    fee: int = data.get("return_fee", {}).get("amount", 0)
    worth = _return_lines(order, data, fee) if data.get("order_lines") is not None else return_amount(order, data, fee)
    if fee and (order.country not in RETURN_FEE or order.captures != 1 or order.remaining):
        raise Unsaid("the code for a return fee which Klarna wouldn't take")
    if fee > worth:
        raise Unsaid("a fee above the refund")
    order.refunded += worth - fee
    order.kept += fee
    return worth - fee


# Klarna's markets for a return fee.
RETURN_FEE = {"AT", "DE", "DK", "FI", "FR", "NL", "NO", "SE", "IT", "ES", "IE", "PT", "CZ", "AU", "GR"}


def _return_lines(order: Order, data: Json, fee: int) -> int:
    enough(order, data["order_lines"])
    named = give_back(order.lines, data["order_lines"])
    worth = _sum(named)
    if worth < 0:
        raise Rejected("amounts_do_not_add_up")
    if worth + least(order.lines, "refunded_worth", "captured_worth") > order.refundable:
        raise Rejected("over_refund")
    worth += _sum(follow_back(order.lines, worth, order.refundable))
    given = data.get("refunded_amount")
    if given is not None and following(order.lines):
        raise Unsaid("whether refunded_amount holds the lines that follow")
    if given not in {None, worth - fee}:
        raise Rejected("amounts_do_not_add_up")
    return worth


def enough(order: Order, wanted: list[Json]) -> None:
    """Wait as long as enough of the lines may still be captured."""
    waits = False
    asked: dict[str, int] = {}
    for want in wanted:
        lines = name(order.lines, want["reference"])
        have = sum(line.returnable for line in lines)
        may = have + (0 if order.over else sum(line.left for line in lines))
        asked[want["reference"]] = asked.get(want["reference"], 0) + want.get("quantity", max(have, 1))
        if asked[want["reference"]] > may:
            raise Rejected("over_refund")
        waits |= asked[want["reference"]] > have
    if waits:
        raise Waits("over_refund")


def return_amount(order: Order, data: Json, fee: int) -> int:
    given = data.get("refunded_amount")
    worth: int = order.refundable if given is None else given + fee
    if worth > order.refundable or not order.refundable:
        raise Waits("over_refund") if order.remaining else Rejected("over_refund")
    if given is None and sum(line.captured_worth - line.refunded_worth for line in order.lines) == worth:
        for line in order.lines:
            line.returned, line.refunded_worth = line.captured, line.captured_worth
    return worth


def cancel(order: Order, data: Json) -> tuple[str, int]:
    """`cancelled`, of the whole or of some lines; the outcome's type and the amount released."""
    if data.get("order_lines") is None:
        if order.over:
            raise Rejected("already_captured" if order.captured else "already_cancelled")
        return end(order)
    worth = _sum(take(order.lines, data["order_lines"], nothing="nothing_left_to_cancel", over="over_cancel"))
    if worth < 0:
        raise Rejected("amounts_do_not_add_up")
    if worth + least(order.lines, "gone_worth", "total") > order.remaining:
        raise Rejected("over_cancel")
    worth += _sum(follow(order.lines, worth, order.remaining))
    _close_followers(order)
    order.released += worth
    if order.remaining:
        return "lines_cancelled", worth
    if not order.order_amount:
        raise Unsaid("whether the lines left of an order of amount 0 keep it open")
    return ("released" if order.captured else "cancelled"), worth


def close(order: Order) -> tuple[str, int]:
    """`closed`: what is left is released; an order that has ended releases 0."""
    return ("released", 0) if order.over else end(order)


def end(order: Order) -> tuple[str, int]:
    amount = order.remaining
    order.released += amount
    order.cancelled = True
    all_gone(order)
    return ("released" if order.captured else "cancelled"), amount


def amend(order: Order, data: Json) -> int:
    """The amended lines are the whole order from then on; captured and refunded is carried over by reference."""
    if order.captured and data["order_amount"] < order.captured:
        raise Rejected("already_captured")
    if order.over or order.captured:
        raise Unsaid("amending an order that has ended, or what was captured onto lines of the same reference")
    order.lines, order.order_amount, order.released = lines_of(data), data["order_amount"], 0
    return order.order_amount


def lines_as_sent(parts: list[Part]) -> list[Json] | None:
    """Rule 7: the lines of a capture; None where the amount goes without."""
    sent = []
    for part in parts:
        discount = discount_as_sent(part.line, part.quantity, part.worth)
        if discount is None:
            return None
        sent.append(
            {
                "reference": part.line.reference,
                "quantity": part.quantity,
                "unit_price": part.line.unit_price,
                "total_discount_amount": discount,
                "total_amount": part.worth,
            },
        )
    return sent
