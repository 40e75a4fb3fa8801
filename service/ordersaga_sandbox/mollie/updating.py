"""Changes of orders and their lines.

Sources: mollie/api-documentation, update-order.rst, update-orderline.rst, manage-order-lines.rst.
"""

from collections.abc import Mapping
from copy import copy
from typing import Any, Final

from ordersaga_sandbox.mollie import addresses, ids, lines, money, parts, reading, settling, webhooks
from ordersaga_sandbox.mollie.actor import Actor
from ordersaga_sandbox.mollie.canceling import DECLINED, declined
from ordersaga_sandbox.mollie.errors import invalid
from ordersaga_sandbox.mollie.order import Line, Order, Part

ORDER_FIELDS: Final = frozenset(
    {"billingAddress", "shippingAddress", "orderNumber", "redirectUrl", "cancelUrl", "webhookUrl"}
)
LINE_FIELDS: Final = lines.FIELDS - {"type", "category"}
_MONEY: Final = frozenset({*lines.MONEY_GROUP, "discountAmount"})
_UPDATE_FIELDS: Final = LINE_FIELDS | {"id"}
_CANCEL_FIELDS: Final = frozenset({"id", "quantity", "amount"})


def update_order(actor: Actor, order: Order, body: Mapping[str, Any]) -> None:
    if not body:
        raise invalid("At least one field is required to update an order")
    billing, shipping = addresses.parse(body, "billingAddress"), addresses.parse(body, "shippingAddress")
    number = reading.text(body, "orderNumber", 255)
    urls = {name: reading.url(body, name) for name in ("redirectUrl", "cancelUrl", "webhookUrl")}
    order.billing_address = billing or order.billing_address
    order.shipping_address = shipping or order.shipping_address
    order.order_number = number or order.order_number
    order.redirect_url = urls["redirectUrl"] or order.redirect_url
    order.cancel_url = urls["cancelUrl"] or order.cancel_url
    order.webhook_url = urls["webhookUrl"] or order.webhook_url
    actor.record(order, "customer_details" if billing or shipping else "references")


def update_line(actor: Actor, order: Order, line: Line, body: Mapping[str, Any]) -> None:
    """Raises MollieError: also if Klarna declines, and then nothing changes."""
    if not body:
        raise invalid("At least one field is required to update an order line")
    _require_changeable(order)
    _apply(actor, order, {line.line_id: _changed(order, line, body, order.lines.index(line))}, [], [])


def manage_lines(actor: Actor, order: Order, operations: object) -> None:
    """All operations at once, with one authorization of the final state. Raises MollieError."""
    if not isinstance(operations, list) or not operations:
        raise invalid("The 'operations' field should be an array with at least one operation", "operations")
    _require_changeable(order)
    changed: dict[str, Line] = {}
    added: list[Line] = []
    canceled: list[Part] = []
    for index, item in enumerate(operations):
        path = f"operations.{index}."
        if not isinstance(item, dict) or not isinstance(data := item.get("data"), dict):
            raise invalid("An operation should be an object with the fields 'operation' and 'data'", path.rstrip("."))
        match item.get("operation"):
            case "add":
                line_id = ids.new(actor.state, "odl_1.")
                added.append(lines.parse(data, index, order.currency, line_id, actor.at, where="operations."))
            case "update":
                line = _named(order, data, path, _UPDATE_FIELDS)
                changed[line.line_id] = _changed(order, changed.get(line.line_id, line), data, index)
            case "cancel":
                line = _named(order, data, path, _CANCEL_FIELDS)
                canceled += parts.select(order, [data], _left_to_cancel)
            case _:
                raise invalid("The operation should be one of: add, update, cancel", f"{path}operation")
    if any(part.line.line_id in changed for part in canceled):
        raise invalid("A line can't be updated and canceled at once", "operations")
    _apply(actor, order, changed, added, canceled)


def _left_to_cancel(line: Line) -> parts.Left:
    open_line = line.status in {"created", "authorized"}
    return parts.Left(line.open if open_line else 0, line.amount_open)


def _require_changeable(order: Order) -> None:
    if order.status not in {"created", "pending", "authorized"}:
        raise invalid(f'The order lines cannot be updated when the order status is "{order.status}".')


def _named(order: Order, data: Mapping[str, Any], path: str, known: frozenset[str]) -> Line:
    for name in data:
        if name not in known:
            raise invalid(f'Non-existent body parameter "{path}data.{name}" for this API call.', f"{path}data.{name}")
    line = order.line(data.get("id"))
    if line is None:
        missing = data.get("id") is None
        text = "The 'id' field is missing." if missing else f"No order line exists with token {data['id']}."
        raise invalid(text, f"{path}data.id")
    if line.status not in {"created", "authorized"}:
        raise invalid(f"The order line is {line.status} and cannot be changed.", f"{path}data.id")
    return line


def _changed(order: Order, line: Line, given: Mapping[str, Any], index: int) -> Line:
    """A copy of the line with the changes."""
    if line.status not in {"created", "authorized"}:
        raise invalid(f"The order line is {line.status} and cannot be updated.")
    body = {name: value for name, value in given.items() if name != "id"}
    if not _MONEY.isdisjoint(body):
        for name in lines.MONEY_GROUP:
            if body.get(name) is None:
                raise invalid(f"The '{name}' field is required when the price of the line is updated", name)
    parsed = lines.parse(_as_given(order, line) | body, index, order.currency, line.line_id, line.created_at)
    if parsed.quantity <= line.canceled:
        raise invalid(
            f"The quantity has to be higher than the canceled quantity, which is {line.canceled}.", "quantity"
        )
    parsed.status, parsed.by_capture = line.status, line.by_capture
    parsed.canceled, parsed.amount_canceled = line.canceled, line.amount_canceled
    if not _MONEY.isdisjoint(body):
        return parsed
    unpriced = copy(line)
    unpriced.name, unpriced.sku, unpriced.metadata = parsed.name, parsed.sku, parsed.metadata
    unpriced.image_url, unpriced.product_url = parsed.image_url, parsed.product_url
    return unpriced


def _as_given(order: Order, line: Line) -> dict[str, Any]:
    """The line as in a request."""
    currency = order.currency
    return {
        "type": line.type,
        "category": line.category,
        "name": line.name,
        "quantity": line.quantity,
        "unitPrice": money.view(line.unit_price, currency),
        "discountAmount": money.view(line.discount, currency) if line.discount else None,
        "totalAmount": money.view(line.total, currency),
        "vatRate": f"{line.rate // 100}.{line.rate % 100:02}",
        "vatAmount": money.view(line.vat, currency),
        "sku": line.sku,
        "imageUrl": line.image_url,
        "productUrl": line.product_url,
        "metadata": line.metadata,
    }


def _apply(actor: Actor, order: Order, changed: dict[str, Line], added: list[Line], canceled: list[Part]) -> None:
    after = [changed.get(line.line_id, line) for line in order.lines] + added
    total = sum(line.amount_open for line in after) - parts.total(canceled)
    authorized = order.status == "authorized"
    if total < 0 or (total == 0 and not (canceled and authorized)):
        raise invalid("The amount of the order should be higher than zero", "amount")
    before = sum(line.amount_open for line in order.lines)
    if actor.by == "merchant" and declined(actor, order):
        raise invalid(DECLINED)
    for line in added:
        line.status, line.by_capture = ("authorized", True) if authorized else ("created", False)
    order.lines = after
    for part in canceled:
        settling.cancel_part(part)
    if order.payment.unfinished or authorized:
        order.payment.amount = total
    if all(line.status == "canceled" for line in order.lines):
        settling.settle(actor, order)
        actor.record(order, "cancel", before)
    else:
        actor.record(order, "update", total + order.released)
    if canceled:
        webhooks.call_order_webhook(actor.state, order, actor.at)
