"""`amended`: new lines and a new amount for the whole order."""

from msgspec.structs import replace

from ordersaga.domain.deciding import cancelling, waiting
from ordersaga.domain.deciding.builder import DecisionBuilder, Hold, Refused, is_open, summary_of
from ordersaga.domain.deciding.shipping import OPEN, status_after
from ordersaga.domain.model import lines
from ordersaga.domain.model.events import Amended
from ordersaga.domain.model.order import Allocation, Capture, Operation, Order, Pending
from ordersaga.domain.model.results import Succeeded

_AMENDABLE = OPEN | {"pending_payment"}


def decide(builder: DecisionBuilder, pending: Pending, data: Amended) -> None:
    order = builder.order
    if order.status != "pending_payment":
        waiting.for_decision(builder)
    elif is_open(order):
        raise Hold("open_payment")
    if order.status not in _AMENDABLE:
        raise Refused("already_cancelled", f"order is {order.status}")
    if data.order_amount < order.captured_amount:
        message = f"$.order_amount: {data.order_amount}, but {order.captured_amount} was captured"
        raise Refused("already_captured", message, advice=cancelling.RETURN_IT)
    builder.drop(pending)
    operation = builder.plan("amend", pending.cause, data.order_amount, target=data.order_amount)
    builder.begin(operation, data, after=_as_amended(order, data))
    builder.keep_data(operation, pending)


def _as_amended(order: Order, data: Amended) -> Order:
    """The amended lines are the whole order from then on; captures keep their lines by reference."""
    current = lines.carried_over(order.lines, data.order_lines)
    places = {line.reference: i for i, line in reversed(list(enumerate(current)))}
    moved = {i: places.get(line.reference) for i, line in enumerate(order.lines)}
    return replace(
        order,
        order_amount=data.order_amount,
        released_amount=0,
        lines=current,
        captures=tuple(_moved(capture, moved) for capture in order.captures),
        refunds=tuple(replace(one, allocations=_to(one.allocations, moved)) for one in order.refunds),
        recorded=tuple(replace(one, allocations=_to(one.allocations, moved)) for one in order.recorded),
        details=replace(order.details, lines=data.order_lines),
    )


def _moved(capture: Capture, places: dict[int, int | None]) -> Capture:
    return replace(
        capture,
        allocations=_to(capture.allocations, places),
        refunded_allocations=_to(capture.refunded_allocations, places),
    )


def _to(allocations: tuple[Allocation, ...], places: dict[int, int | None]) -> tuple[Allocation, ...]:
    found = ((places[allocation.position], allocation) for allocation in allocations)
    return tuple(
        Allocation(place, allocation.quantity, allocation.amount) for place, allocation in found if place is not None
    )


def amended(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """By new lines and a new amount, or (some lines cancelled) by a lower amount."""
    if builder.kept(operation) is None:
        cancelling.lines_cancelled(builder, operation)
        return
    order = builder.order
    data = builder.data_kept(operation)
    assert isinstance(data, Amended)
    view = _as_amended(order, data)
    builder.change(
        order_amount=view.order_amount,
        released_amount=0,
        lines=lines.with_ids(view.lines, result.snapshot.lines if result.snapshot else ()),
        captures=view.captures,
        refunds=view.refunds,
        recorded=view.recorded,
        details=view.details,
    )
    if order.creation is not None:
        builder.change(creation=replace(order.creation, amount=view.order_amount))
    if order.status != "pending_payment" and builder.order.order_amount:
        builder.change(status=status_after(builder.order))
    builder.emit("amended", operation.cause, operation=summary_of(operation, None, operation.amount))
