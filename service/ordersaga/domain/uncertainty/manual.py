"""A person settles a stuck operation: nothing else ends it when no evidence can be had (I3)."""

import re
from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import replace

from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model.order import Key, Operation, Order, Refusal
from ordersaga.domain.model.results import Succeeded
from ordersaga.domain.operations import ByCheckoutRead, ByReading, ByTokenRead, may_end_unknown, spec_of
from ordersaga.domain.uncertainty import evidence, settling

CODE: Final = "settled_by_hand"
JOURNALLED: Final = "manual"
"""`Entry.what` of a person's verdict; `Entry.name` is the verdict."""
ENDING: Final = frozenset({"took_effect", "had_no_effect"})
"""Verdicts that end the operation."""
CLOSES_ITSELF: Final = frozenset({"authorization_expires"})
"""Attentions that nobody can clear: an authorization must not expire without one (I9)."""
_ID: Final = re.compile(r"[!-~]{1,255}")


class TookEffect(Struct, frozen=True):
    """The provider did it. `provider_id`: of the order, capture or refund that was made."""

    provider_id: str | None = None


class HadNoEffect(Struct, frozen=True):
    """The provider didn't do it. `reason` is shown to the shop."""

    reason: str


class TryAgain(Struct, frozen=True):
    """Look for evidence once more."""


Verdict = TookEffect | HadNoEffect | TryAgain


class NotSettledError(Exception):
    """The operation can't be settled like this; the message names the order, and says why and what to do."""

    def __init__(self, key: Key, reason: str) -> None:
        super().__init__(f"order {key.subject!r} of merchant {key.merchant!r}: {reason}")


def settled(builder: DecisionBuilder, operation_id: str, verdict: Verdict, by: str) -> None:
    """Ends the stuck operation by the person's verdict, or resumes it. Raises NotSettledError."""
    key = builder.order.key
    operation = _stuck(builder.order, operation_id)
    if not by.strip():
        raise NotSettledError(key, "name who settles it")
    match verdict:
        case TookEffect(provider_id=provider_id):
            _check_id(builder.order, operation, provider_id)
            _note(builder, "took_effect", operation, by, provider_id)
            _took_effect(builder, operation, provider_id)
        case HadNoEffect(reason=reason):
            if not reason.strip():
                raise NotSettledError(key, "give the reason: it is shown to the shop")
            _note(builder, "had_no_effect", operation, by)
            settling.fail(builder, operation, Refusal(CODE, (reason,)))
        case TryAgain():
            again = _as_uncertain(builder.order, operation, builder.now)
            _check_repeat(builder, again)
            _note(builder, "try_again", operation, by)
            _go_on(builder, again)
        case _:
            assert_never(verdict)


def resolved(builder: DecisionBuilder, reason: str, by: str) -> None:
    """Clears the attention that a person has looked into. Raises NotSettledError."""
    order = builder.order
    if not by.strip():
        raise NotSettledError(order.key, "name who resolves it")
    named = [one for one in order.attentions if one.reason == reason]
    if not named:
        has = ", ".join(one.reason for one in order.attentions) or "none"
        raise NotSettledError(order.key, f"it has no open attention {reason}; there is: {has}")
    if reason in CLOSES_ITSELF:
        raise NotSettledError(order.key, f"{reason} warns until it is dealt with: {named[0].advice}")
    for one in named:
        for operation in order.operations:
            if one.operation_id == operation.id:
                raise NotSettledError(order.key, _of_operation(operation))
    builder.clear_attention(reason)
    builder.journal(JOURNALLED, "resolved", note=f"{reason}, by {by}")


def _of_operation(operation: Operation) -> str:
    if operation.stage == "stuck":
        return f"the attention is of {operation.type} {operation.id}: use `ordersaga order settle`, which closes it"
    return f"the attention closes when {operation.type} {operation.id} ends, which is tried again by itself"


def _stuck(order: Order, operation_id: str) -> Operation:
    for place, operation in enumerate(order.operations):
        if operation.id != operation_id:
            continue
        if place:
            raise NotSettledError(
                order.key, f"{operation_id} comes after {order.operations[0].id}: settle that one first"
            )
        if operation.stage != "stuck":
            raise NotSettledError(order.key, f"{operation_id} isn't stuck: it goes on by itself, leave it alone")
        return operation
    has = ", ".join(f"{one.type} {one.id}" for one in order.operations) or "none"
    raise NotSettledError(order.key, f"it has no operation {operation_id} under way; there is: {has}")


def _check_id(order: Order, operation: Operation, provider_id: str | None) -> None:
    what = f"{operation.type} {operation.id}"
    spec = spec_of(operation)
    if spec.only_reads:
        raise NotSettledError(
            order.key, f"{what} only reads the order: have it tried again, or record that it had no effect"
        )
    if not spec.creates_id:
        if provider_id is not None:
            raise NotSettledError(order.key, f"{what} has no id at the provider: leave the id out")
    elif provider_id is None:
        raise NotSettledError(order.key, f"{what} needs the id that the provider gave it: look it up there")
    elif not _ID.fullmatch(provider_id):
        raise NotSettledError(order.key, f"{provider_id!r} can't be an id of the provider: copy it from there")
    elif provider_id in order.provider_ids and not (spec.adopts and provider_id == order.provider_order_id):
        raise NotSettledError(order.key, f"{provider_id!r} is another operation's: look up the id of {what}")


def _check_repeat(builder: DecisionBuilder, again: Operation) -> None:
    """What might be done a second time, and shows in no read, isn't tried again."""
    if again.stage != "send" or may_end_unknown(again):
        return
    if evidence.exhausted(builder.order, again, builder.now, builder.rules):
        raise NotSettledError(
            builder.order.key,
            f"{again.type} {again.id} can't be tried again, that might do it a second time: look up"
            f" {spec_of(again).evidence.look_up}, then record that it took effect or had none",
        )


def _took_effect(builder: DecisionBuilder, operation: Operation, provider_id: str | None) -> None:
    spec = spec_of(operation)
    if spec.adopts:
        # Only a read shows its review and its books, and whether the person named the right order.
        builder.change(provider_order_id=provider_id)
    if spec.adopts or spec.ends_by_read:
        _go_on(builder, replace(operation, stage="read", due=builder.now))
        return
    may_fail = builder.terms.follows_others  # of a refund: until a read shows that it has arrived
    settling.succeed(builder, operation, Succeeded(provider_id, moving=may_fail))
    if builder.order.accepted:
        builder.change(refresh=builder.now)  # books that differ from the verdict raise an attention


def _go_on(builder: DecisionBuilder, operation: Operation) -> None:
    """A new attention is raised if it gets stuck again or takes long."""
    builder.clear_attention_of(operation)
    builder.replace_current(replace(operation, attention=False))


def _as_uncertain(order: Order, operation: Operation, now: float) -> Operation:
    """Read the order where that is evidence, else send the same request again: it may have been sent before."""
    again = replace(operation, stage="read", absent=0, lost=0, due=now)
    spec = spec_of(operation)
    if spec.only_reads:
        return again
    attention = order.attention_of(operation.id)
    stuck_since = attention.since if attention else now
    return replace(
        again,
        stage="read" if isinstance(spec.evidence, ByReading | ByTokenRead | ByCheckoutRead) else "send",
        unknown=True,
        first_sent=operation.first_sent or operation.opened,
        last_sent=max(operation.last_sent or stuck_since, stuck_since),
    )


def _note(
    builder: DecisionBuilder, verdict: str, operation: Operation, by: str, provider_id: str | None = None
) -> None:
    shown = "" if spec_of(operation).secret_id else provider_id or ""
    what = f"{operation.type} {shown}".rstrip()
    builder.journal(JOURNALLED, verdict, operation_id=operation.id, amount=operation.amount, note=f"{what}, by {by}")
