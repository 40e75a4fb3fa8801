"""What outlives the new beginning of an order that was rejected or abandoned: money that may still be authorized for it."""

from typing import Final

from msgspec import UNSET, UnsetType

from ordersaga.domain.model.order import OUTLIVE_PLACING, Attention, NamedOrder, Order

DIFFER: Final = "books_differ"


def left_behind(order: Order, now: float, claimed: str | UnsetType = UNSET) -> NamedOrder | None:
    """The order at the provider that is to be looked at: also one that came of a Checkout order which was told as ended.

    `claimed`: the Checkout order that the new beginning completes.
    """
    late = order.provider_order_id
    came_late = order.checkout is not None and not order.accepted and order.has_attention(DIFFER)
    if order.named is not None or not came_late or late is None or late == claimed:
        return order.named
    return NamedOrder(late, now)


def attentions_left(order: Order) -> tuple[Attention, ...]:
    return tuple(one for one in order.attentions if one.reason in OUTLIVE_PLACING)
