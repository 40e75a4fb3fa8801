"""Checkout: the customer buys on the provider's page, which makes the order; the shop starts, updates and abandons it.

Nobody can complete a Checkout order without its snippet, and one that isn't completed moves no money. Its completion is found
by reading it: see `completing`.
"""

from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.deciding import beginning, books, completing, placing, waiting
from ordersaga.domain.deciding.builder import DecisionBuilder, Refused, summary_of
from ordersaga.domain.model import lines
from ordersaga.domain.model.events import (
    CheckoutAbandoned,
    CheckoutStarted,
    CheckoutUpdated,
    decode_data,
)
from ordersaga.domain.model.ids import jitter
from ordersaga.domain.model.order import Checkout, Operation, Order, Pending, Refusal
from ordersaga.domain.model.results import CheckoutSeen, Snapshot, Succeeded

_REFERENCES: Final = ("merchant_reference1", "merchant_reference2")
_HAS_ONE: Final = (
    "send shop.order.checkout_updated.v1, or end the one that there is by shop.order.checkout_abandoned.v1"
)
_CAME_LATE: Final = (
    "the customer completed this Checkout order, of which the shop was told that it had ended: have the shop send a placed "
    "event that names it, or cancel the order at the provider"
)


# what the shop asks for


def decide_start(builder: DecisionBuilder, pending: Pending, data: CheckoutStarted) -> None:
    order = builder.order
    if not placing.starts_afresh(order):
        advice = _HAS_ONE if order.status == "checkout" else None
        raise Refused("order_exists", f"order is {order.status}", advice=advice)
    builder.turn_to_able("create_checkout", pending.cause)
    builder.drop(pending)
    old = builder.order
    details = replace(
        old.details,
        lines=data.order_lines,
        requests={},
        references=_references(old, data),
        shipping=_offered(data.shipping_options),
    )
    builder.order = Order(
        old.key,
        provider=old.provider,
        currency=data.purchase_currency.upper(),
        country=data.purchase_country.upper(),
        order_amount=data.order_amount,
        lines=tuple(lines.line_of(line) for line in data.order_lines),
        pending=old.pending,
        blocked=old.blocked,
        sequence=old.sequence,
        named=beginning.left_behind(old, builder.now),
        attentions=beginning.attentions_left(old),
        details=details,
    )
    builder.begin(builder.plan("create_checkout", pending.cause, 0), data)


def _references(order: Order, data: CheckoutUpdated) -> dict[str, str]:
    known = {_REFERENCES[0]: order.key.subject}
    if not isinstance(data, CheckoutStarted):
        known |= order.details.references
    return known | {name: given for name in _REFERENCES if (given := getattr(data, name)) is not UNSET}


def _offered(options: Any) -> dict[str, int]:
    """Their prices by id; the rest of them is the provider's to check."""
    given = [one for one in options if isinstance(one, dict)] if isinstance(options, list) else []
    return {
        ident: price
        for one in given
        if isinstance(ident := one.get("id"), str) and type(price := one.get("price")) is int
    }


def created(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    builder.change(status="checkout", provider_order_id=result.provider_id, checkout=_looked_after(builder))
    builder.emit("checkout_created", operation.cause, operation=summary_of(operation, None), result=result.result)


def not_created(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    builder.change(status="rejected")
    builder.refuse(operation.cause, refusal, operation=operation)


def decide_update(builder: DecisionBuilder, pending: Pending, data: CheckoutUpdated) -> None:
    _check_open(builder, pending)
    builder.drop(pending)
    operation = builder.plan("update_checkout", pending.cause, 0)
    builder.begin(operation, data)
    builder.keep_data(operation, pending)


def decide_abandon(builder: DecisionBuilder, pending: Pending, data: CheckoutAbandoned) -> None:
    _check_open(builder, pending)
    builder.drop(pending)
    builder.begin(builder.plan("abandon_checkout", pending.cause, 0), data)


def _check_open(builder: DecisionBuilder, pending: Pending) -> None:
    order = builder.order
    if order.status == "new":
        waiting.for_order(builder, pending)
    if order.status in {"rejected", "abandoned"}:
        raise Refused("order_rejected", "no Checkout order is open")
    if order.checkout is not None and order.checkout.complete:
        raise Refused(
            completing.READ_ONLY,
            f"the Checkout order is completed; order is {order.status}",
            advice=completing.COMPLETED,
        )
    if order.status != "checkout":
        raise Refused("order_exists", f"order is {order.status}")


def updated(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    order, data = builder.order, builder.data_kept(operation)
    assert isinstance(data, CheckoutUpdated)
    details = replace(order.details, references=_references(order, data))
    if data.shipping_options is not UNSET:
        details = replace(details, shipping=_offered(data.shipping_options))
    if data.order_lines is not UNSET:
        details = replace(details, lines=data.order_lines)
        builder.change(lines=tuple(lines.line_of(line) for line in data.order_lines))
    builder.change(
        details=details,
        order_amount=order.order_amount if data.order_amount is UNSET else data.order_amount,
        currency=order.currency if data.purchase_currency is UNSET else data.purchase_currency.upper(),
        country=order.country if data.purchase_country is UNSET else data.purchase_country.upper(),
        checkout=_looked_after(builder),
    )
    builder.emit("checkout_updated", operation.cause, operation=summary_of(operation, None), result=result.result)


def not_changed(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """The order is read: the customer may have completed it."""
    builder.change(refresh=builder.now)
    builder.refuse(operation.cause, refusal, operation=operation)


def abandoned(builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    builder.change(status="abandoned")
    builder.clear_attentions_of_reads()
    builder.emit("checkout_abandoned", operation.cause, operation=summary_of(operation, None))


def shows_update(order: Order, operation: Operation, seen: CheckoutSeen | None) -> bool:
    """None: the provider has no such Checkout order any more."""
    data = decode_data(operation.cause.type, order.details.waiting[operation.id])
    assert isinstance(data, CheckoutUpdated)
    if seen is None or data.order_lines is UNSET:
        return False
    wanted = [(line.reference, line.quantity, line.total_amount) for line in data.order_lines]
    shown = [(line.reference, line.quantity, line.total_amount) for line in seen.lines]
    if seen.shipping is not None and wanted == shown[:-1] and shown[-1][2] == seen.shipping.price:
        return data.order_amount in {UNSET, seen.order_amount - seen.shipping.price}
    return data.order_amount in {UNSET, seen.order_amount} and wanted == shown


def shows_abandon(_order: Order, operation: Operation, seen: CheckoutSeen | None) -> bool | None:
    """One that isn't completed and is read-only has been abandoned; any other refusal says nothing about it.

    Where the provider has it no more, it may have been completed before: the order is looked for.
    """
    if seen is None or seen.complete:
        return False
    return True if operation.refused is not None and operation.refused.code == completing.READ_ONLY else None


def abandoned_too_late(builder: DecisionBuilder, operation: Operation) -> None:
    """There is no Checkout order any more: it has ended, unless an order came of it long ago."""
    completing.confirm(builder, operation.cause, builder.order.order_amount, None)


# its completion, which no event asked for


def looked(builder: DecisionBuilder, seen: CheckoutSeen) -> None:
    """A read of a Checkout order that is open; nothing if it ended meanwhile."""
    order = builder.order
    if order.status != "checkout" or order.checkout is None:
        return
    if seen.complete:
        completing.confirm(builder, completing.own(order), order.order_amount, seen)
    else:
        changed = order.checkout.changed
        builder.change(checkout=replace(order.checkout, due=builder.now + _pause(builder, builder.now - changed)))


def gone(builder: DecisionBuilder) -> None:
    """The provider has no such Checkout order any more: it lapsed, or became an order long ago."""
    if builder.order.status == "checkout":
        completing.confirm(builder, completing.own(builder.order), builder.order.order_amount, None)


def never_came(order: Order) -> bool:
    """Was the shop told that no order comes of its Checkout order?"""
    return order.checkout is not None and not order.accepted and order.status in {"abandoned", "rejected"}


def came_late(builder: DecisionBuilder, seen: Snapshot) -> None:
    """An order has come of it all the same. It isn't ours, as the shop was told otherwise: a person is, until it has ended."""
    if books.has_ended(seen):
        builder.clear_attention(completing.DIFFER)
        return
    builder.change(refresh=builder.now + builder.rules.checkout_poll_most)
    if not builder.order.has_attention(completing.DIFFER):
        builder.raise_attention(None, completing.DIFFER, _CAME_LATE)


def _looked_after(builder: DecisionBuilder) -> Checkout:
    return Checkout(builder.now, builder.now + _pause(builder, 0.0))


def _pause(builder: DecisionBuilder, age: float) -> float:
    """Seconds until the next read: the older, the rarer, spread over the upper half of the step."""
    step = min(max(builder.rules.checkout_poll, age / 2), builder.rules.checkout_poll_most)
    return step * (0.5 + 0.5 * jitter(builder.order.key.subject, int(age)))
