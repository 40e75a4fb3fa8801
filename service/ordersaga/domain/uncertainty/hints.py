"""What a notification is worth: the order is read. Nothing that it says is believed."""

from msgspec import Struct
from msgspec.structs import replace

from ordersaga.domain.model.order import Operation, Order
from ordersaga.domain.operations import spec_of


class Hint(Struct, frozen=True):
    """The provider said at this time that the order has changed there; several hints are one.

    `operation_id`, `provider_id`: it named the provider's order that this operation made, in answer to our own signed address.
    """

    at: float
    operation_id: str | None = None
    provider_id: str | None = None


def with_hint(order: Order, hint: Hint) -> Order:
    """The order as it is to be acted on: read now, by the id that was named if the answer with the id was lost."""
    operation = order.operations[0] if order.operations else None
    if order.provider_order_id is not None:
        refresh = hint.at if order.refresh is None else min(order.refresh, hint.at)
        if operation is not None and operation.stage != "stuck" and spec_of(operation).only_reads:
            sooner = replace(operation, due=min(operation.due, hint.at))
            return replace(order, refresh=refresh, operations=(sooner, *order.operations[1:]))
        return replace(order, refresh=refresh)
    if operation is None or hint.provider_id is None or operation.id != hint.operation_id or not _is_lost(operation):
        return order
    before = operation.before_hint or operation.stage
    named = replace(operation, stage="read", due=min(operation.due, hint.at), attention=False, before_hint=before)
    return replace(
        order,
        provider_order_id=hint.provider_id,
        operations=(named, *order.operations[1:]),
        attentions=tuple(one for one in order.attentions if one.operation_id != operation.id),
    )


def _is_lost(operation: Operation) -> bool:
    """Has it perhaps made an order whose id we don't know?"""
    spec = spec_of(operation)
    return operation.unknown and spec.adopts and not spec.only_reads
