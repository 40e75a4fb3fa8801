"""What a notification is worth: the order is read. Nothing that it says is believed."""

from msgspec import Struct
from msgspec.structs import replace

from ordersaga.domain.model.order import Operation, Order
from ordersaga.domain.operations import spec_of
from ordersaga.domain.uncertainty.named import with_named


class Hint(Struct, frozen=True):
    """The provider said at this time that the order has changed there; several hints are one.

    `operation_id`, `provider_id`: it named the provider's order that this operation made, in answer to our own signed address.
    """

    at: float
    operation_id: str | None = None
    provider_id: str | None = None


def with_hint(order: Order, hint: Hint) -> Order:
    """The order as it is to be acted on: read now, by the id that was named if the answer with the id was lost.

    An id that isn't the order's, of an operation that has ended or is still to be answered, may be that of a second one.
    An order that is paid at the provider is read too: the hint may be several, and for long no other read would show what they tell.
    """
    operation = order.operations[0] if order.operations else None
    if hint.provider_id is None or hint.provider_id == order.provider_order_id:
        return _to_be_read(order, hint)
    lost = operation is not None and operation.id == hint.operation_id and _is_lost(operation)
    if operation is None or not lost or order.provider_order_id is not None:
        looked_at = with_named(order, hint.provider_id, hint.at)
        return looked_at if order.payment is None else _to_be_read(looked_at, hint)
    before = operation.before_hint or operation.stage
    named = replace(operation, stage="read", due=min(operation.due, hint.at), attention=False, before_hint=before)
    return replace(
        order,
        provider_order_id=hint.provider_id,
        operations=(named, *order.operations[1:]),
        attentions=tuple(one for one in order.attentions if one.operation_id != operation.id),
    )


def _to_be_read(order: Order, hint: Hint) -> Order:
    if order.provider_order_id is None and not order.details.customer_token:
        return order
    operation = order.operations[0] if order.operations else None
    refresh = hint.at if order.refresh is None else min(order.refresh, hint.at)
    if operation is not None and operation.stage != "stuck" and spec_of(operation).only_reads:
        sooner = replace(operation, due=min(operation.due, hint.at))
        return replace(order, refresh=refresh, operations=(sooner, *order.operations[1:]))
    return replace(order, refresh=refresh)


def _is_lost(operation: Operation) -> bool:
    """Has it perhaps made an order whose id we don't know?"""
    spec = spec_of(operation)
    return operation.unknown and spec.adopts and not spec.only_reads
