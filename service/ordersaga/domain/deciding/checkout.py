"""Checkout: the customer buys on the provider's page, which makes the order; the shop starts, updates and abandons it.

Nobody can complete a Checkout order without its snippet, and one that isn't completed moves no money. Its completion is found
by reading it; then the order that came of it is read, compared, acknowledged, and given the shop's references.
"""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from ordersaga.domain.deciding import placing
from ordersaga.domain.deciding.builder import DecisionBuilder, Refused, summary_of
from ordersaga.domain.model import lines
from ordersaga.domain.model.events import (
    Cause,
    CheckoutAbandoned,
    CheckoutStarted,
    CheckoutUpdated,
    ReferenceChanged,
    decode_data,
    own_cause,
)
from ordersaga.domain.model.ids import jitter
from ordersaga.domain.model.order import Checkout, Operation, Order, Pending, Refusal
from ordersaga.domain.model.results import CheckoutSeen, Snapshot, Succeeded

READ_ONLY: Final = "READ_ONLY_ORDER"
_CONFIRM, _ACKNOWLEDGE, _REFERENCE = 10, 11, 12  # steps of an event, or of a completion that none asked for
_REFERENCES: Final = ("merchant_reference1", "merchant_reference2")
_HAS_ONE: Final = (
    "send shop.order.checkout_updated.v1, or end the one that there is by shop.order.checkout_abandoned.v1"
)
_COMPLETED: Final = "the customer has completed it: it is an order now, to be amended or cancelled as such"
_DIFFER: Final = "books_differ"
_SETTLE: Final = (
    "the customer completed another order than the shop sent; it isn't acknowledged: change or cancel it at the provider, "
    "then use `ordersaga order settle`"
)
_SEND_IT: Final = (
    "the customer completed another order than the shop sent; it isn't acknowledged: have the shop send a placed event with the "
    "amount that is right, or change or cancel it at the provider"
)
_NOT_COMPLETED: Final = Refusal(
    "checkout_not_completed", ("the Checkout order has lapsed, or there was none: no order came of it",)
)


class _Finding(Struct, frozen=True):
    """What is kept while the order is acknowledged."""

    snapshot: Snapshot
    result: dict[str, Any]


_FINDING: Final = msgspec.json.Decoder(_Finding)


# what the shop asks for


def decide_start(builder: DecisionBuilder, pending: Pending, data: CheckoutStarted) -> None:
    order = builder.order
    if not placing.starts_afresh(order):
        advice = _HAS_ONE if order.status == "checkout" else None
        raise Refused("order_exists", f"order is {order.status}", advice=advice)
    builder.turn_to_able("create_checkout")
    builder.drop(pending)
    old = builder.order
    details = replace(old.details, lines=data.order_lines, requests={}, references=_references(old, data))
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
        details=details,
    )
    builder.begin(builder.plan("create_checkout", pending.cause, 0), data)


def _references(order: Order, data: CheckoutUpdated) -> dict[str, str]:
    known = {_REFERENCES[0]: order.key.subject}
    if not isinstance(data, CheckoutStarted):
        known |= order.details.references
    return known | {name: given for name in _REFERENCES if (given := getattr(data, name)) is not UNSET}


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
        builder.wait_for_order(pending)
    if order.status in {"rejected", "abandoned"}:
        raise Refused("order_rejected", "no Checkout order is open")
    if order.checkout is not None and order.checkout.complete:
        raise Refused(READ_ONLY, f"the Checkout order is completed; order is {order.status}", advice=_COMPLETED)
    if order.status != "checkout":
        raise Refused("order_exists", f"order is {order.status}")


def updated(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    order, data = builder.order, builder.data_kept(operation)
    assert isinstance(data, CheckoutUpdated)
    details = replace(order.details, references=_references(order, data))
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
    builder.emit("checkout_abandoned", operation.cause, operation=summary_of(operation, None))


def shows_update(order: Order, operation: Operation, seen: CheckoutSeen | None) -> bool:
    """None: the provider has no such Checkout order any more."""
    data = decode_data(operation.cause.type, order.details.waiting[operation.id])
    assert isinstance(data, CheckoutUpdated)
    if seen is None or data.order_lines is UNSET:
        return False
    wanted = [(line.reference, line.quantity, line.total_amount) for line in data.order_lines]
    shown = [(line.reference, line.quantity, line.total_amount) for line in seen.lines]
    return data.order_amount in {UNSET, seen.order_amount} and wanted == shown


def shows_abandon(_order: Order, operation: Operation, seen: CheckoutSeen | None) -> bool | None:
    """One that isn't completed and is read-only has been abandoned; any other refusal says nothing about it."""
    if seen is None or seen.complete:
        return seen is None
    return True if operation.refused is not None and operation.refused.code == READ_ONLY else None


# its completion, which no event asked for


def looked(builder: DecisionBuilder, seen: CheckoutSeen) -> None:
    """A read of a Checkout order that is open; nothing if it ended meanwhile."""
    order = builder.order
    if order.status != "checkout" or order.checkout is None:
        return
    if seen.complete:
        _confirm(builder, _completion(order), order.order_amount, seen)
    else:
        changed = order.checkout.changed
        builder.change(checkout=replace(order.checkout, due=builder.now + _pause(builder, builder.now - changed)))


def gone(builder: DecisionBuilder) -> None:
    """The provider has no such Checkout order any more: it lapsed, or became an order long ago."""
    if builder.order.status == "checkout":
        _confirm(builder, _completion(builder.order), builder.order.order_amount, None)


def _completion(order: Order) -> Cause:
    return own_cause(f"completion of {order.provider_order_id}")


def _looked_after(builder: DecisionBuilder) -> Checkout:
    return Checkout(builder.now, builder.now + _pause(builder, 0.0))


def _pause(builder: DecisionBuilder, age: float) -> float:
    """Seconds until the next read: the older, the rarer, spread over the upper half of the step."""
    step = min(max(builder.rules.checkout_poll, age / 2), builder.rules.checkout_poll_most)
    return step * (0.5 + 0.5 * jitter(builder.order.key.subject, int(age)))


# its completion, whoever found it


def read(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """Of a `placed` that names it."""
    seen = result.checkout
    if seen is not None and seen.complete:
        builder.change(creation=replace(operation, amount=seen.order_amount))
        _confirm(builder, operation.cause, operation.target, seen)
    else:  # the provider answers: what is slow is the customer
        _again(builder, replace(operation, opened=builder.now))


def not_found(builder: DecisionBuilder, operation: Operation) -> None:
    """Of a `placed` that names it."""
    _confirm(builder, operation.cause, operation.target, None)


def _again(builder: DecisionBuilder, operation: Operation) -> None:
    order, rules = builder.order, builder.rules
    step = min(rules.backoff * 2.0 ** min(operation.attempts, 30), rules.checkout_poll_most, rules.attention_after / 2)
    due = builder.now + step * (0.5 + 0.5 * jitter(operation.id, operation.attempts))
    builder.change(operations=(replace(operation, due=due), *order.operations))


def unreadable(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """The provider refuses the read, which is made again; or a person has ended it."""
    if operation.stage == "stuck":
        _ended(builder, operation, refusal)
    else:
        _again(builder, operation)


def _confirm(builder: DecisionBuilder, cause: Cause, expected: int | None, seen: CheckoutSeen | None) -> None:
    """Reads the order that came of it. `seen` None: it shows, if there is one, that the Checkout order was completed."""
    if seen is not None and not builder.order.details.lines:
        builder.change(
            lines=tuple(lines.line_of(line) for line in seen.lines),
            details=replace(builder.order.details, lines=seen.lines),
        )
    gone_there = None if seen is not None else _NOT_COMPLETED
    operation = builder.plan("confirm_checkout", cause, 0, step=_CONFIRM, target=expected, refused=gone_there)
    result = {"customer_token": seen.customer_token} if seen is not None and seen.customer_token else {}
    builder.begin_read(operation)
    builder.keep(operation, msgspec.json.encode(result))


def not_an_order(builder: DecisionBuilder, operation: Operation) -> None:
    """Neither Checkout nor Order Management has it; an order that has just been completed may take a moment to appear."""
    if operation.refused is None:
        _again(builder, operation)
    else:
        _ended(builder, operation, operation.refused)


def _ended(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """No order came of it."""
    if operation.cause.type:
        placing.refused(builder, operation, refusal)
        return
    builder.change(status="abandoned")
    builder.emit("checkout_abandoned", None)


def confirmed(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """The order is read: acknowledged if it is what the shop sent, else a person has to look."""
    seen = result.snapshot
    if seen is None:
        _again(builder, operation)
        return
    kept = builder.kept(operation)
    amount = seen.order_amount if operation.target is None else operation.target
    builder.change(order_amount=amount)
    differences = placing.differences(builder.order, seen)
    if differences is not None:
        _differs(builder, operation, differences)
        return
    builder.clear_attention("order_unreadable")
    builder.clear_attention(_DIFFER)
    finding = msgspec.json.encode(_Finding(seen, msgspec.json.decode(kept) if kept is not None else {}))
    steps = [builder.plan("acknowledge", operation.cause, 0, step=_ACKNOWLEDGE)]
    wanted = builder.order.details.references
    if any(seen.facts.get(name) != value for name, value in wanted.items()):
        steps.append(builder.plan("set_references", operation.cause, 0, step=_REFERENCE))
    for step in steps:
        builder.begin(step, ReferenceChanged(**wanted))
        builder.keep(step, finding)


def _differs(builder: DecisionBuilder, operation: Operation, differences: Refusal) -> None:
    """Nothing is acknowledged. A `placed` can't go on without a person; without one, it may still come with other amounts."""
    order = builder.order
    if operation.cause.type:
        stuck = replace(operation, stage="stuck", attention=True)
        builder.change(operations=(stuck, *order.operations))
        builder.raise_attention(stuck, _DIFFER, _SETTLE, differences)
    elif differences.code != "amounts_do_not_add_up":  # it has ended there
        _ended(builder, operation, differences)
    elif order.checkout is not None:
        due = builder.now + builder.rules.checkout_poll_most
        builder.change(checkout=replace(order.checkout, due=due))
        if not order.has_attention(_DIFFER):
            builder.raise_attention(None, _DIFFER, _SEND_IT, differences)


def acknowledged(builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    """It ends with the last of the steps."""
    if any(one.cause == operation.cause for one in builder.order.operations):
        return
    kept = builder.kept(operation)
    assert kept is not None
    _complete(builder, operation, _FINDING.decode(kept))


def not_acknowledged(builder: DecisionBuilder, operation: Operation, _refusal: Refusal) -> None:
    """It was acknowledged by another hand, or has ended: the order is ours all the same, and a read shows what became of it."""
    acknowledged(builder, operation, Succeeded())
    builder.change(refresh=builder.now)


def _complete(builder: DecisionBuilder, operation: Operation, finding: _Finding) -> None:
    asked = bool(operation.cause.type)
    builder.change(checkout=Checkout(builder.now, complete=True, claimed=asked))
    if asked:
        placing.taken_over(builder, operation, finding.snapshot, finding.result)
    else:
        placing.completed_there(builder, operation, finding.snapshot, finding.result)
