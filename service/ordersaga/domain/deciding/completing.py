"""What the customer completed in Checkout: the order that came of it is read, compared, acknowledged, and given the shop's references.

A `placed` that names the Checkout order asks for it, or none does: then a read has found that it is completed.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ordersaga.domain.deciding import beginning, claiming, placing
from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model import lines
from ordersaga.domain.model.events import Cause, Data, Placed, ReferenceChanged, own_cause
from ordersaga.domain.model.ids import jitter
from ordersaga.domain.model.order import Checkout, Operation, Order, Refusal
from ordersaga.domain.model.results import CheckoutSeen, Rejected, Snapshot, Succeeded

READ_ONLY: Final = "READ_ONLY_ORDER"
COMPLETED: Final = "the customer has completed it: it is an order now, to be amended or cancelled as such"
DIFFER: Final = beginning.DIFFER
_CONFIRM, _ACKNOWLEDGE = 10, 11  # steps of an event, or of a completion that none asked for
_SETTLE: Final = (
    "the customer completed another order than the shop sent; it isn't acknowledged: change or cancel it at the provider, "
    "then use `ordersaga order settle`; or have the shop send a placed event with the amount that is right"
)
_CORRECTED: Final = Refusal(
    "amounts_do_not_add_up", ("$.order_amount: not what the customer completed; a later placed event was sent",)
)
_SEND_IT: Final = (
    "the customer completed another order than the shop sent; it isn't acknowledged: have the shop send a placed event with the "
    "amount that is right, or change or cancel it at the provider"
)


class _Finding(Struct, frozen=True):
    """What is kept while the order is acknowledged."""

    snapshot: Snapshot
    result: dict[str, Any]


_FINDING: Final = msgspec.json.Decoder(_Finding)


def own(order: Order) -> Cause:
    """Of a completion that no event asked for."""
    return own_cause(f"completion of {order.provider_order_id}")


def _asked(builder: DecisionBuilder, operation: Operation) -> bool:
    """Does a `placed` ask for it?"""
    return operation.cause == builder.order.placed


# the Checkout order, of a `placed` that names it


def read(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    seen = result.checkout
    if seen is not None and seen.complete:
        builder.change(creation=replace(operation, amount=seen.order_amount))
        confirm(builder, operation.cause, operation.target, seen)
    elif seen is not None and operation.refused is not None:
        ended(builder, operation, operation.refused)
    else:  # the provider answers: what is slow is the customer
        _resume(builder, replace(operation, opened=builder.now, attention=False))


def unread(builder: DecisionBuilder, operation: Operation, refusal: Rejected) -> None:
    """The provider refuses the read, which is made again, unless there is no Checkout order (any more)."""
    if refusal.status == 404:
        builder.retire(operation)
        confirm(builder, operation.cause, operation.target, None)
    else:
        _again(builder, operation)


def put_aside(builder: DecisionBuilder, operation: Operation) -> None:
    """While the customer takes their time the shop may change the Checkout order, or end it: its `placed` waits meanwhile."""
    _reopen(builder)
    builder.put_back(operation)


def corrected(builder: DecisionBuilder, operation: Operation) -> bool:
    """Whether a later `placed` is to be decided instead of one that differs from what the customer completed."""
    order = builder.order
    attention = order.attention_of(operation.id)
    if attention is None or attention.reason != DIFFER or not _asked(builder, operation):
        return False
    if not any(_names(builder.data_of(pending), order.provider_order_id) for pending in order.pending):
        return False
    builder.retire(operation)
    _reopen(builder)
    builder.refuse(operation.cause, _CORRECTED, operation=operation)
    return True


def _names(data: Data, checkout_order_id: str | None) -> bool:
    return isinstance(data, Placed) and data.payment.checkout_order_id == checkout_order_id


def _reopen(builder: DecisionBuilder) -> None:
    order = builder.order
    assert order.checkout is not None
    checkout = replace(order.checkout, due=builder.now)
    builder.change(status="checkout", placed=None, creation=None, checkout=checkout)


def _resume(builder: DecisionBuilder, operation: Operation) -> None:
    builder.change(operations=(operation, *builder.order.operations))
    _again(builder, operation)


def _again(builder: DecisionBuilder, operation: Operation) -> None:
    rules = builder.rules
    step = min(rules.backoff * 2.0 ** min(operation.attempts, 30), rules.checkout_poll_most, rules.attention_after / 2)
    due = builder.now + step * (0.5 + 0.5 * jitter(operation.id, operation.attempts))
    builder.replace_current(replace(operation, due=due))


# the order that came of it


def confirm(builder: DecisionBuilder, cause: Cause, expected: int | None, seen: CheckoutSeen | None) -> None:
    """Reads the order that came of it. `seen` None: it shows, if there is one, that the Checkout order was completed."""
    expected = _with_shipping(builder.order, expected, seen)
    if seen is not None and not _accounts_for(builder.order, expected, seen):
        builder.change(
            lines=tuple(lines.line_of(line) for line in seen.lines),
            details=replace(builder.order.details, lines=seen.lines),
        )
    gone_there = None if seen is not None else placing.NOT_COMPLETED
    operation = builder.plan("confirm_checkout", cause, 0, step=_CONFIRM, target=expected, refused=gone_there)
    result = {"customer_token": seen.customer_token} if seen is not None and seen.customer_token else {}
    builder.begin_read(operation)
    builder.keep(operation, msgspec.json.encode(result))


def _with_shipping(order: Order, expected: int | None, seen: CheckoutSeen | None) -> int | None:
    """The provider adds the shipping option that the customer chose of those that the shop offered, at the shop's price."""
    chosen = None if seen is None else seen.shipping
    if seen is None or chosen is None or expected is None or order.details.shipping.get(chosen.id) != chosen.price:
        return expected
    return seen.order_amount if seen.order_amount == expected + chosen.price else expected


def _accounts_for(order: Order, expected: int | None, seen: CheckoutSeen) -> bool:
    """Do the lines that we know make up the amount? If the shop named that alone, the lines are those of Checkout."""
    if not order.details.lines:
        return False
    return expected != seen.order_amount or sum(line.total for line in order.lines) == expected


def unconfirmed(builder: DecisionBuilder, operation: Operation, refusal: Rejected) -> None:
    """The read is made again: an order that has just been completed may take a moment to appear."""
    if refusal.status == 404 and operation.refused is not None:
        builder.retire(operation)
        ended(builder, operation, operation.refused)
    else:
        _again(builder, operation)


def ended(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """No order came of it, or a person has ended it."""
    builder.clear_attentions_of_reads()
    if _asked(builder, operation):
        placing.refused(builder, operation, refusal)
        return
    builder.change(status="abandoned")
    builder.emit("checkout_abandoned", operation.cause)


def confirmed(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """The order is read: acknowledged if it is what the shop sent, else a person has to look."""
    seen = result.snapshot
    if seen is None:
        _resume(builder, operation)
        return
    kept = builder.kept(operation)
    builder.change(order_amount=seen.order_amount if operation.target is None else operation.target)
    differences = placing.differences(builder.order, seen)
    if placing.has_ended(seen) and differences is not None and not seen.captured_amount:
        ended(builder, operation, differences)
        return
    cause = _cause_of_completion(builder, operation)
    if differences is not None:
        _differs(builder, operation, differences)
        return
    builder.clear_attentions_of_reads()
    finding = msgspec.json.encode(_Finding(seen, msgspec.json.decode(kept) if kept is not None else {}))
    steps = [builder.plan("acknowledge", cause, 0, step=_ACKNOWLEDGE)]
    wanted = builder.order.details.references
    if any(seen.facts.get(name) != value for name, value in wanted.items()):
        steps.append(builder.plan("set_references", cause, 0, step=claiming.REFERENCES))
    for step in steps:
        builder.begin(step, ReferenceChanged(**wanted))
        builder.keep(step, finding)


def _cause_of_completion(builder: DecisionBuilder, operation: Operation) -> Cause:
    """An event that was to abandon it came too late, and ends here."""
    if operation.is_own or _asked(builder, operation):
        return operation.cause
    refusal = Refusal(READ_ONLY, ("the Checkout order is completed",), advice=COMPLETED)
    builder.refuse(operation.cause, refusal, operation=operation)
    return own(builder.order)


def _differs(builder: DecisionBuilder, operation: Operation, differences: Refusal) -> None:
    """Nothing is acknowledged. A `placed` can't go on without a person; without one, it may still come with other amounts."""
    order = builder.order
    if _asked(builder, operation):
        stuck = replace(operation, stage="stuck", attention=True)
        builder.change(operations=(stuck, *order.operations))
        builder.raise_attention(stuck, DIFFER, _SETTLE, differences)
    elif order.checkout is not None:
        due = builder.now + builder.rules.checkout_poll_most
        builder.change(checkout=replace(order.checkout, due=due))
        if not order.has_attention(DIFFER):
            builder.raise_attention(None, DIFFER, _SEND_IT, differences)


def acknowledged(builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    """It ends with the last of the steps."""
    if any(one.cause == operation.cause for one in builder.order.operations):
        return
    kept = builder.kept(operation)
    if kept is None:
        claiming.answer(builder, operation.cause)
    else:
        _complete(builder, operation, _FINDING.decode(kept))


def not_acknowledged(builder: DecisionBuilder, operation: Operation, _refusal: Refusal) -> None:
    """It was acknowledged by another hand, or has ended: the order is ours all the same, and a read shows what became of it."""
    acknowledged(builder, operation, Succeeded())
    builder.change(refresh=builder.now)


def _complete(builder: DecisionBuilder, operation: Operation, finding: _Finding) -> None:
    asked = _asked(builder, operation)
    builder.change(checkout=Checkout(builder.now, complete=True, claimed=asked))
    if asked:
        placing.taken_over(builder, operation, finding.snapshot, finding.result)
    else:
        placing.completed_there(builder, operation, finding.snapshot, finding.result)
