"""Changes without money (references, addresses, tracking, …): all of them take this one generic path."""

from typing import Protocol

import msgspec
from msgspec import UNSET, UnsetType

from ordersaga.domain.deciding import waiting
from ordersaga.domain.deciding.builder import DecisionBuilder, Hold, Refused, summary_of
from ordersaga.domain.model.events import Data, DueDateExtensionRequested
from ordersaga.domain.model.order import Operation, OperationType, Order, Pending, Refusal
from ordersaga.domain.model.results import Succeeded


class OfShipment(Protocol):
    """Data of an event that may name a shipment."""

    @property
    def shipment_id(self) -> str | UnsetType: ...


def decide(operation_type: OperationType, builder: DecisionBuilder, pending: Pending, data: Data) -> None:
    _begin(operation_type, builder, pending, data, None)


def decide_of_shipment(
    operation_type: OperationType, builder: DecisionBuilder, pending: Pending, data: OfShipment
) -> None:
    """Of the capture that the shipment made, or of the order if it made none."""
    shipment = data.shipment_id
    assert isinstance(data, Data)
    capture_id = None if shipment is UNSET else _capture_of(builder, pending, shipment)
    _begin(operation_type, builder, pending, data, capture_id)


def decide_of_capture(
    operation_type: OperationType, builder: DecisionBuilder, pending: Pending, data: OfShipment
) -> None:
    """Of the capture that the shipment made."""
    assert isinstance(data, Data)
    assert data.shipment_id is not UNSET
    capture_id = _capture_of(builder, pending, data.shipment_id)
    if capture_id is None:
        raise _nothing_captured(data.shipment_id)
    _begin(operation_type, builder, pending, data, capture_id)


def decide_due_date(builder: DecisionBuilder, pending: Pending, data: DueDateExtensionRequested) -> None:
    """What the provider offers is read first."""
    capture_id = _capture_of(builder, pending, data.shipment_id)
    if capture_id is None:
        raise _nothing_captured(data.shipment_id)
    _check_supported(builder, pending, "extend_due_date")
    operation = builder.plan("read_due_dates", pending.cause, 0, capture_id=capture_id)
    builder.keep_data(operation, pending)
    builder.drop(pending)
    builder.begin_read(operation)


def due_dates_read(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    data = builder.data_kept(operation)
    assert isinstance(data, DueDateExtensionRequested)
    options = result.result["options"]
    if all(one["number_of_days"] != data.number_of_days for one in options):
        offered = ", ".join(str(one["number_of_days"]) for one in options) or "none"
        refusal = Refusal(
            "not_acceptable_to_provider", (f"$.number_of_days: {data.number_of_days}; offered: {offered}",)
        )
        builder.refuse(operation.cause, refusal)
        return
    following = builder.plan("extend_due_date", operation.cause, 0, step=1, capture_id=operation.capture_id)
    builder.keep(following, msgspec.json.encode(options))
    builder.begin(following, data)


def due_date_extended(builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    kept = builder.kept(operation)
    options = [] if kept is None else msgspec.json.decode(kept)
    builder.emit(
        "due_date_extended", operation.cause, operation=summary_of(operation, None), result={"options": options}
    )


def _begin(
    operation_type: OperationType, builder: DecisionBuilder, pending: Pending, data: Data, capture_id: str | None
) -> None:
    _check_supported(builder, pending, operation_type)
    builder.drop(pending)
    builder.begin(builder.plan(operation_type, pending.cause, 0, capture_id=capture_id), data)


def _check_supported(builder: DecisionBuilder, pending: Pending, operation_type: OperationType) -> None:
    if not builder.terms.supports(operation_type):
        raise Refused("unsupported_by_provider", f"{builder.order.provider} doesn't support {pending.cause.type}")


def _capture_of(builder: DecisionBuilder, pending: Pending, shipment: str) -> str | None:
    """Raises Hold while the shipment may still come."""
    order = builder.order
    if shipment in order.shipments:
        told = next((one.id for one in order.recorded if one.handle == shipment), _taken_at_once(order))
        return next((one.id for one in order.captures if one.shipment == shipment), told)
    waiting.for_decision(builder)  # as its shipment does
    if not _may_ship(order) or waiting.waited_out(builder, pending, "shipment"):
        raise Refused("shipment_unknown", f"the order has no shipment {shipment!r}")
    raise Hold("shipment", builder.rules.waits_shipment)


def _nothing_captured(shipment: str) -> Refused:
    return Refused("shipment_unknown", f"shipment {shipment!r} captured nothing")


def _taken_at_once(order: Order) -> str | None:
    return order.captures[0].id if order.at_once and order.captures else None


def _may_ship(order: Order) -> bool:
    """An order worth 0 is authorized until it ships."""
    return bool(order.remaining) or order.at_once or order.status == "authorized"


def changed(outcome: str, builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    builder.emit(outcome, operation.cause, operation=summary_of(operation, None))


def extended(builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    """The authorization lasts for another period: estimated, until the read that follows shows its end."""
    expires_at = builder.terms.expiry(builder.now)
    near = expires_at - builder.now <= builder.rules.expiry_warning
    builder.change(expires_at=expires_at, expiry_read=near, extended_at=builder.now, refresh=builder.now)
    builder.clear_attention("authorization_expires")
    builder.emit("extended", operation.cause, operation=summary_of(operation, None))


def refused_unasked(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """Of what only prepares an operation: none came about."""
    builder.refuse(operation.cause, refusal)


def not_extended(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """If no event asked for it, a person is told before the authorization ends."""
    if not operation.is_own:
        refused(builder, operation, refusal)
        return
    if builder.order.has_attention("authorization_expires"):
        return
    advice = f"the authorization wasn't extended ({refusal.code}): capture or cancel before it expires"
    builder.raise_attention(None, "authorization_expires", advice, refusal)


def refused(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    builder.refuse(operation.cause, refusal, operation=operation)
