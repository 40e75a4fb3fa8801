"""Which parts of which lines a shipment, cancellation or refund is for, with their amounts.

Sources: mollie/api-documentation, create-shipment.rst, cancel-order-lines.rst, create-order-refund.rst: an amount is
required for a part of a discounted line, at most the unit price times the quantity. The minimum isn't published: here, what
is left of the line afterwards must not be more than the unit price times the quantity that is left. Text for the one amount
that can be: mollie/magento2#739.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ordersaga_sandbox.mollie import money
from ordersaga_sandbox.mollie.errors import MollieError, invalid
from ordersaga_sandbox.mollie.order import Line, Order, Part

_FIELDS: Final = frozenset({"id", "quantity", "amount"})


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a line for the operation."""

    quantity: int
    amount: int


def to_ship(*, refunded_too: bool) -> Callable[[Line], Left]:
    def left(line: Line) -> Left:
        quantity = line.shippable(refunded_too=refunded_too)
        return Left(quantity, line.amount_open if quantity == line.open else _share(line, quantity, line.amount_open))

    return left


def to_cancel(line: Line) -> Left:
    return Left(line.cancelable, line.amount_open)


def to_refund(line: Line) -> Left:
    return Left(line.refundable, line.amount_refundable)


def _share(line: Line, quantity: int, amount: int) -> int:
    return min(line.unit_price * quantity, amount) if line.discount else line.unit_price * quantity


def select(order: Order, given: object, left: Callable[[Line], Left]) -> list[Part]:
    """The parts of `lines` in a request; None or an empty list: all that is left. Raises MollieError."""
    if given is None or given == []:
        all_left = ((line, left(line)) for line in order.lines)
        return [Part(line, one.quantity, one.amount, line.status) for line, one in all_left if one.quantity]
    if not isinstance(given, list):
        raise invalid("The 'lines' field should be an array", "lines")
    parts: list[Part] = []
    for index, item in enumerate(given):
        part = _part(order, index, item, left)
        if any(part.line is other.line for other in parts):
            raise _wrong(index, "id", "The order line is in the request more than once.")
        parts.append(part)
    return parts


def _part(order: Order, index: int, item: object, left: Callable[[Line], Left]) -> Part:
    if not isinstance(item, dict) or item.get("id") is None:
        raise _wrong(index, "id", "The 'id' field is missing.")
    for name in item:
        if name not in _FIELDS:
            raise invalid(
                f'Non-existent body parameter "lines.{index}.{name}" for this API call.', f"lines.{index}.{name}"
            )
    line = order.line(item["id"])
    if line is None:
        raise _wrong(index, "id", f"No order line exists with token {item['id']}.")
    its_left = left(line)
    quantity = item.get("quantity")
    if quantity is None:
        quantity = its_left.quantity or line.quantity
    elif not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise _wrong(index, "quantity", "The 'quantity' field should be a whole number of at least 1.")
    if quantity > its_left.quantity:
        raise _wrong(
            index,
            "quantity",
            f"The quantity is higher than the maximum quantity. The maximum quantity is {its_left.quantity}.",
        )
    return Part(line, quantity, _amount(order, index, item, line, its_left, quantity), line.status)


def _amount(order: Order, index: int, item: dict[str, Any], line: Line, left: Left, quantity: int) -> int:
    given = item.get("amount")
    if given is None:
        if quantity == left.quantity:
            return left.amount
        if not line.discount:
            return line.unit_price * quantity
    low, high = _bounds(line, left, quantity)
    amount = None
    if given is not None:
        amount = money.require(
            given, order.currency, f"lines.{index}.amount", f"Line {index} contains invalid data. {{}}"
        )
    if amount is None or not low <= amount <= high:
        if amount is not None and low == high:
            only, got = money.spoken(low, order.currency), money.spoken(amount, order.currency)
            raise _wrong(index, "amount", f"Invalid amount specified. Must be exactly {only}, got: {got}.")
        limits = [money.spoken(limit, order.currency) for limit in (low, high)]
        missing = "An amount is required for this API call. " if amount is None else ""
        raise _wrong(
            index,
            "amount",
            f"{missing}The amount must be between {limits[0]} and {limits[1]}.",
            {"minimumAmount": money.view(low, order.currency), "maximumAmount": money.view(high, order.currency)},
        )
    return amount


def _bounds(line: Line, left: Left, quantity: int) -> tuple[int, int]:
    rest = left.quantity - quantity
    if not line.discount:
        amount = left.amount if not rest else line.unit_price * quantity
        return amount, amount
    return max(0, left.amount - line.unit_price * rest), min(line.unit_price * quantity, left.amount)


def _wrong(index: int, name: str, text: str, extra: dict[str, Any] | None = None) -> MollieError:
    return invalid(f"Line {index} contains invalid data. {text}", f"lines.{index}.{name}", extra)


def total(parts: Sequence[Part]) -> int:
    return sum(part.amount for part in parts)
