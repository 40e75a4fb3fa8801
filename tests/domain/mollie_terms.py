"""Mollie's rules as its documentation gives them, with just enough of each request for `whole_mollie.py` to act on."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec
from msgspec import UNSET

from ordersaga.domain.model.events import AddressChanged, Data, PaymentRetried, Placed, ReferenceChanged, TrackingAdded
from ordersaga.domain.model.fields import PartLine
from ordersaga.domain.model.order import Allocation, Operation, OperationType, Order, Request
from ordersaga.domain.model.results import Snapshot

from .shop import DAY

Json = dict[str, Any]
HAS: Final = frozenset(
    {
        "create_order_to_pay", "take_over", "retry_payment", "capture", "record_shipment", "refund", "refund_payment",
        "cancel", "release", "cancel_lines", "amend", "change_reference", "change_address", "add_tracking",
    }
)  # fmt: skip
_POSTED: Final = frozenset(
    {"create_order_to_pay", "retry_payment", "capture", "record_shipment", "refund", "refund_payment"}
)
"""An Idempotency-Key works on POST alone, for an hour."""
_TRUSTED: Final = 45 * 60.0
_WITHOUT_REFERENCE: Final = frozenset({"capture", "record_shipment"})


class PlainMollie:
    """Amounts are minor units, unlike Mollie's own strings."""

    extends: ClassVar[bool] = False
    whole_lines: ClassVar[bool] = True
    refund_per_capture: ClassVar[bool] = False
    follows_others: ClassVar[bool] = True

    def refusals(self, data: Data) -> list[str]:
        if isinstance(data, TrackingAdded) and data.shipment_id is UNSET:
            return ["$.shipment_id: tracking is of a shipment"]
        return []

    def supports(self, operation: OperationType, data: Placed | None = None) -> bool:
        return operation in HAS and (data is None or data.payment.provider == "mollie")

    def reduction(self, order: Order, *, to_nothing: bool) -> OperationType:
        if not to_nothing:
            return "cancel_lines"
        return "release" if order.captured_amount or order.status == "captured" else "cancel"

    def freeze(self, order: Order, operation: Operation, data: Data | None, after: Order | None = None) -> Request:
        method, path, body = _request(order, operation, data, after)
        sent = msgspec.json.encode(body).decode() if body is not None else ""
        return Request(method, path, sent, operation.id if method == "POST" else None)

    def revocation(self, request: Request) -> Request:
        raise AssertionError(f"nothing withdraws {request.path}")

    def reading(self, request: Request) -> Request:
        raise AssertionError(f"{request.path} is of no customer token")

    def key_seconds(self, operation: OperationType) -> float:
        return _TRUSTED if operation in _POSTED else 0.0

    def keeps_reference(self, operation: OperationType) -> bool:
        return operation not in _WITHOUT_REFERENCE

    def shows(self, operation: OperationType, request: Request, seen: Snapshot) -> bool | None:
        """`operation` needn't be asked for: a request says itself what it sets."""
        asked = msgspec.json.decode(request.body)
        if operation == "create_order_to_pay":
            return bool(seen.facts["metadata"] == asked["metadata"])
        shown = [seen.facts.get(f"{request.path} {name}") == value for name, value in asked.items()]
        return all(shown)

    def part_refusals(self, order: Order, named: Sequence[PartLine]) -> list[str]:
        """An amount is taken of lines with a discount alone, and of units."""
        discounted = {line.reference for line in order.lines if line.quantity * line.unit_price != line.total}
        return [
            f"$.order_lines[{i}].total_amount: of a line with a discount alone"
            for i, part in enumerate(named)
            if part.total_amount is not UNSET and not (part.reference in discounted and part.quantity)
        ]

    def return_fee_refusals(self, order: Order) -> list[str]:
        return []

    def expiry(self, now: float) -> float:
        return now + 28 * DAY


Sent = tuple[Any, str, Json | None]


def _request(order: Order, operation: Operation, data: Data | None, after: Order | None) -> Sent:
    """Method, path and body."""
    of_order = f"/orders/{order.provider_order_id}"
    match operation.type:
        case "create_order_to_pay":
            return "POST", "/orders", _new(order, operation, data)
        case "refund" | "refund_payment":
            return _refund(order, operation)
        case "amend":
            assert after is not None
            return "PATCH", f"{of_order}/lines", {"operations": _operations(order, after)}
        case "add_tracking":
            assert isinstance(data, TrackingAdded)
            return "PATCH", f"{of_order}/shipments/{operation.capture_id}", {"tracking": data.shipping_info}
        case name:
            method, path = _PATHS[name]
            return method, of_order + path, _body(order, operation, data)


_PATHS: Final = {
    "retry_payment": ("POST", "/payments"),
    "capture": ("POST", "/shipments"),
    "record_shipment": ("POST", "/shipments"),
    "cancel": ("DELETE", ""),
    "release": ("DELETE", ""),
    "cancel_lines": ("DELETE", "/lines"),
    "change_reference": ("PATCH", ""),
    "change_address": ("PATCH", ""),
}


def _body(order: Order, operation: Operation, data: Data | None) -> Json | None:
    match data:
        case PaymentRetried():
            return {"method": None if data.method is UNSET else data.method}
        case ReferenceChanged():
            return {"orderNumber": data.merchant_reference1}
        case AddressChanged():
            given = {"shippingAddress": data.shipping_address, "billingAddress": data.billing_address}
            return {name: value for name, value in given.items() if value is not UNSET}
        case None:
            return None
        case _:
            return {"lines": _parts(order, operation.allocations)}


def _refund(order: Order, operation: Operation) -> Sent:
    """A fee that is kept makes it one of an amount."""
    if operation.allocations and not operation.kept and operation.type == "refund":
        lines = _parts(order, operation.allocations)
        path = f"/orders/{order.provider_order_id}/refunds"
        return "POST", path, {"lines": lines, "metadata": operation.id}
    assert order.payment is not None
    path = f"/payments/{order.payment.id}/refunds"
    return "POST", path, {"amount": operation.amount, "metadata": operation.id}


def _new(order: Order, operation: Operation, data: Data | None) -> Json:
    assert isinstance(data, Placed)
    return {
        "amount": operation.amount,
        "currency": order.currency,
        "method": data.payment.method if data.payment.method is not UNSET else None,
        "recurring": data.payment.sequence_type == "recurring",
        "metadata": operation.id,
        "lines": [_line(one.reference, one.quantity, one.unit_price, one.total_amount) for one in data.order_lines],
    }


def _line(reference: str, quantity: int, unit_price: int, total: int) -> Json:
    return {"sku": reference, "quantity": quantity, "unitPrice": unit_price, "totalAmount": total}


def _parts(order: Order, allocations: Sequence[Allocation]) -> list[Json]:
    """A line with a discount needs the amount."""
    return [{"id": order.lines[one.position].id, "quantity": one.quantity, "amount": one.amount} for one in allocations]


def _operations(before: Order, after: Order) -> list[Json]:
    """Lines that stay are updated in place, unless something of them was cancelled: then they are cancelled and added anew."""
    old = {line.id: line for line in before.lines}
    stays = {line.id for line in after.lines if line.id in old and not old[line.id].cancelled_quantity}
    gone = [line.id for line in before.lines if line.id not in stays and line.cancelled_quantity < line.quantity]
    operations: list[Json] = [{"operation": "cancel", "data": {"id": ident}} for ident in gone]
    for line in after.lines:
        given = _line(line.reference, line.quantity, line.unit_price, line.total)
        if line.id in stays:
            operations.append({"operation": "update", "data": {"id": line.id, **given}})
        else:
            operations.append({"operation": "add", "data": given})
    return operations
