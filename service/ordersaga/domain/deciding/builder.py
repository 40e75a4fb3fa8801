"""The decision builder: the order as it changes, with outcomes and journal entries collected on the way."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Raw
from msgspec.structs import replace

from ordersaga.domain.model import lines
from ordersaga.domain.model.events import Cause, Data, decode_data
from ordersaga.domain.model.fields import PartLine
from ordersaga.domain.model.ids import jitter, operation_id
from ordersaga.domain.model.order import (
    Allocation,
    Attention,
    Operation,
    OperationType,
    Order,
    Pending,
    Refusal,
    Request,
    WaitsFor,
)
from ordersaga.domain.model.outcomes import Books, Decision, Entry, OperationSummary, Outcome
from ordersaga.domain.model.terms import Rules, Terms

_BOOKS: Final = frozenset(
    {"lines", "order_amount", "captured_amount", "released_amount", "refunded_amount", "kept_amount"}
)
_OF_READS: Final = frozenset({"books_differ", "order_unreadable", "another_order_read"})
_MOST_WAITING: Final = 4 * 1024 * 1024  # bytes: they are rewritten with the order


class Hold(Exception):  # noqa: N818 - a decision, not an error
    """The event can't be decided yet. `limit`: for how many seconds it may wait; None: its wait ends by itself."""

    def __init__(self, waits_for: WaitsFor, limit: float | None = None) -> None:
        self.waits_for = waits_for
        self.limit = limit


class Refused(Exception):  # noqa: N818 - a decision, not an error
    """The rules say no."""

    def __init__(self, code: str, *messages: str, advice: str | None = None) -> None:
        self.refusal = Refusal(code, messages, advice=advice)


class DecisionBuilder:
    """Builds one decision: changes the order step by step and collects outcomes and journal entries."""

    def __init__(self, order: Order, now: float, rules: Rules) -> None:
        self.order = order
        self.now = now
        self.rules = rules
        self._outcomes: list[Outcome] = []
        self._entries: list[Entry] = []
        self._requests: dict[str, Request] = {}
        self._fresh: dict[str, tuple[Data, bytes]] = {}

    def decision(self) -> Decision:
        """What was decided; of frozen requests the order keeps those of open operations."""
        if self._requests:
            details, open_ids = self.order.details, self._operations
            known = {name: request for name, request in details.requests.items() if name in open_ids}
            self.change(details=replace(details, requests=known | self._requests))
            self._requests = {}
        return Decision(self.order, tuple(self._outcomes), tuple(self._entries))

    @property
    def terms(self) -> Terms:
        return self.rules.terms[self.order.provider]

    def change(self, **fields: Any) -> None:
        if not _BOOKS.isdisjoint(fields):
            fields["moves"] = self.order.moves + 1
        self.order = replace(self.order, **fields)

    def journal(self, what: str, name: str, **fields: Any) -> None:
        self._entries.append(Entry(what, self.now, name, **fields))

    def able(self, operation: OperationType) -> str | None:
        """The provider of an event that names none: the one that has the order, else one that has the operation."""
        known, given = self.order.provider, self.rules.terms
        names = [known] if self.order.accepted else sorted(given)
        return next((name for name in names if name in given and given[name].supports(operation)), None)

    def turn_to_able(self, operation: OperationType, cause: Cause) -> None:
        """`cause`: the event that asks for it. Raises Refused."""
        if (provider := self.able(operation)) is None:
            raise Refused("unsupported_by_provider", f"no provider of this merchant supports {cause.type}")
        self.change(provider=provider)

    # events that wait

    def arrive(self, cause: Cause, data: Data, raw: bytes, *, first: bool = False, taken: bool = False) -> None:
        """Queues the event behind (or before) those that wait; its data is stored only if it stays."""
        token = f"{len(cause.source)} {cause.source}\n{cause.id}"  # both may hold any character
        self._fresh[token] = (data, raw)
        new, waiting = Pending(cause, token, self.now, taken=taken), self.order.pending
        self.change(pending=(new, *waiting) if first else (*waiting, new))

    def put_back(self, operation: Operation) -> None:
        """Ends the operation as if its event had just come, behind those that wait. Its data was kept."""
        raw, data = self.order.details.waiting[operation.id], self.data_kept(operation)
        self.retire(operation)
        self.arrive(operation.cause, data, bytes(raw))

    def unblock(self, letter: str) -> None:
        """Unblocks the events that wait for this dead letter."""
        if self.order.blocked == letter:
            self.change(blocked=None)

    def data_of(self, pending: Pending) -> Data:
        fresh = self._fresh.get(pending.token)
        if fresh is not None:
            return fresh[0]
        return decode_data(pending.cause.type, self.order.details.waiting[pending.token])

    def keep_waiting(self, pending: Pending, waits_for: WaitsFor, limit: float | None) -> None:
        """The deadline starts anew when the event begins to wait for something else."""
        deadline = pending.deadline
        if pending.waits_for != waits_for:
            deadline = None if limit is None else self.now + limit
        moves = self.order.moves if waits_for in {"shipment", "more_goods"} else 0
        if (pending.waits_for, pending.deadline, pending.moves) == (waits_for, deadline, moves):
            return
        held = replace(pending, waits_for=waits_for, deadline=deadline, moves=moves)
        if pending.waits_for != waits_for:
            self.journal("decision", "waits", event_id=pending.cause.id, note=waits_for)
        self.change(pending=tuple(held if p.token == pending.token else p for p in self.order.pending))

    def store_waiting(self) -> None:
        """Keeps the data of those that wait, and of no others."""
        details = self.order.details
        if not self.order.pending and not details.waiting:
            return
        tokens = {pending.token for pending in self.order.pending}
        waiting = {token: raw for token, raw in details.waiting.items() if token in tokens or token in self._operations}
        for token in tokens - waiting.keys():
            waiting[token] = Raw(self._fresh[token][1])
        if waiting.keys() != details.waiting.keys():
            self.change(details=replace(details, waiting=waiting))

    @property
    def _operations(self) -> set[str]:
        return {operation.id for operation in self.order.operations}

    def keep(self, operation: Operation, raw: bytes | Raw) -> None:
        """Keeps some JSON as long as the operation is open."""
        details = self.order.details
        self.change(details=replace(details, waiting={**details.waiting, operation.id: Raw(raw)}))

    def keep_data(self, operation: Operation, pending: Pending) -> None:
        """Keeps the event's data as long as the operation is open."""
        fresh = self._fresh.get(pending.token)
        self.keep(operation, fresh[1] if fresh is not None else self.order.details.waiting[pending.token])

    def kept(self, operation: Operation) -> Raw | None:
        return self.order.details.waiting.get(operation.id)

    def data_kept(self, operation: Operation) -> Data:
        return decode_data(operation.cause.type, self.order.details.waiting[operation.id])

    def watch_payment(self) -> None:
        """When the order is read next: the longer the customer takes, the less often, each order at its own time."""
        order, rules = self.order, self.rules
        waited = self.now - (order.payment.since if order.payment is not None else self.now)
        pause = min(max(rules.payment_poll, waited / 4), rules.payment_poll_most)
        self.change(watch=self.now + pause * (0.75 + 0.5 * jitter(order.key.subject, int(waited))))

    def watch_refunds(self) -> None:
        """Refunds that may still fail are read now and then, until they can't."""
        moving = [refund for refund in self.order.refunds if refund.moving]
        missing = any(refund.missing is not None for refund in moving)
        pause = self.rules.absent_after if missing else self.rules.refund_poll
        self.change(watch=self.now + pause if moving else None)

    def too_many_wait(self) -> bool:
        """By their number, or by the size of what is kept of them (bytes)."""
        tokens = [pending.token for pending in self.order.pending]
        if len(tokens) > self.rules.waits_most:
            return True
        kept = self.order.details.waiting
        size = sum(len(self._fresh[token][1]) if token in self._fresh else len(kept[token]) for token in tokens)
        return len(tokens) > 1 and size > _MOST_WAITING

    def drop(self, pending: Pending) -> None:
        self.change(pending=tuple(p for p in self.order.pending if p.token != pending.token))

    # lines

    def known(self, named: Sequence[PartLine]) -> None:
        """Refuses references which the order lacks."""
        unknown = lines.unknown(self.order.lines, named)
        if unknown:
            raise Refused("unknown_line", *unknown)

    # operations

    def plan(
        self,
        kind: OperationType,
        cause: Cause,
        amount: int,
        allocations: tuple[Allocation, ...] = (),
        step: int = 0,
        **fields: Any,
    ) -> Operation:
        """A new operation; it isn't the order's yet."""
        name = operation_id(self.order.key, cause, step)
        return Operation(name, kind, cause, amount, self.now, self.now, allocations, **fields)

    def begin(self, operation: Operation, data: Data | None, after: Order | None = None) -> None:
        """Makes it the order's next operation and freezes its request. `after`: the order as a change of lines leaves it."""
        self.begin_read(operation)
        request = self.terms.freeze(self.order, operation, data, after)
        self._requests[operation.id] = request

    def begin_read(self, operation: Operation) -> None:
        """Makes an operation that only reads the order's next one: there is no request to freeze."""
        self.change(operations=(*self.order.operations, operation))
        self.journal(
            "decision", operation.type, event_id=operation.cause.id, operation_id=operation.id, amount=operation.amount
        )

    def replace_current(self, operation: Operation) -> None:
        self.change(operations=(operation, *self.order.operations[1:]))

    def retire(self, operation: Operation, *, following: bool = False) -> None:
        """Removes the operation (and the steps that follow). After the last one, deadlines are extended by the time it took."""
        order = self.order
        rest = tuple(
            o for o in order.operations if o.id != operation.id and not (following and o.cause == operation.cause)
        )
        pending = order.pending
        if not rest:
            pending = tuple(
                p
                if p.deadline is None
                else replace(p, deadline=p.deadline + self.now - max(operation.opened, p.arrived))
                for p in pending
            )
        self.change(operations=rest, pending=pending)
        self.clear_attention_of(operation)

    def clear_attention_of(self, operation: Operation) -> None:
        """Closes the attentions that were raised for this operation, and no others."""
        self._keep_attentions([one for one in self.order.attentions if one.operation_id != operation.id])

    def backoff(self, operation: Operation) -> float:
        """When to try again."""
        return self.now + self.pause_after(operation.attempts, operation.id)

    def pause_after(self, attempts: int, name: str) -> float:
        """Seconds: exponential, spread over the upper half of the step. `name` seeds the spread."""
        step = min(self.rules.backoff * 2.0 ** min(attempts, 30), self.rules.backoff_most)
        return step * (0.5 + 0.5 * jitter(name, attempts))

    # outcomes

    def emit(
        self,
        what: str,
        cause: Cause | None,
        *,
        final: bool = True,
        operation: OperationSummary | None = None,
        result: dict[str, Any] | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        sequence = self.order.sequence + 1
        self.change(sequence=sequence)
        cause = cause if cause is not None and cause.type else None
        order = self.order
        books = books_of(order) if order.accepted else None
        outcome = Outcome(
            what,
            sequence,
            self.now,
            final,
            cause,
            operation,
            result or {},
            refusal,
            books,
            order.provider,
            order.provider_order_id,
        )
        self._outcomes.append(outcome)
        self.journal(
            "outcome",
            what,
            event_id=cause.id if cause else None,
            operation_id=operation.id if operation else None,
            amount=operation.amount if operation else None,
            note=refusal.code if refusal else None,
        )

    def clear_attention(self, reason: str) -> None:
        """Closes the attention that was raised for this reason, and no other."""
        self._keep_attentions([one for one in self.order.attentions if one.reason != reason])

    def clear_attentions_of_reads(self) -> None:
        """Of an order that isn't compared with the provider's any more, or that agrees with it."""
        self._keep_attentions([one for one in self.order.attentions if one.reason not in _OF_READS])

    def _keep_attentions(self, kept: list[Attention]) -> None:
        if len(kept) != len(self.order.attentions):
            self.change(attentions=tuple(kept))

    def refuse(self, cause: Cause, refusal: Refusal, *, operation: Operation | None = None, final: bool = True) -> None:
        self.emit(
            "rejected",
            cause,
            final=final,
            operation=summary_of(operation, None) if operation else None,
            refusal=refusal,
        )

    def raise_attention(
        self, operation: Operation | None, reason: str, advice: str, refusal: Refusal | None = None
    ) -> None:
        """Raises an attention and emits `attention_required`; it ends nothing."""
        messages = refusal.messages if refusal else ()
        attention = Attention(reason, self.now, operation.id if operation else None, advice)
        same = (attention.reason, attention.operation_id)
        others = (one for one in self.order.attentions if (one.reason, one.operation_id) != same)
        self.change(attentions=(*others, attention))
        self.journal("attention", reason, operation_id=attention.operation_id)
        self.emit(
            "attention_required",
            operation.cause if operation else None,
            final=False,
            operation=summary_of(operation, None) if operation else None,
            refusal=Refusal(reason, messages, refusal.correlation_id if refusal else None, advice),
        )


def is_open(order: Order) -> bool:
    """Whether the customer may pay now, as far as we know."""
    return order.payment is not None and (order.payment.open or order.payment.crossed == "unread")


def summary_of(operation: Operation, provider_id: str | None, amount: int | None = None) -> OperationSummary:
    """The operation for an outcome; `amount` only where money moved."""
    return OperationSummary(operation.id, operation.type, provider_id, amount, operation.attempts)


def books_of(order: Order) -> Books:
    return Books(
        order.status,
        order.fraud_status,
        order.currency,
        order.order_amount,
        order.captured_amount,
        order.released_amount,
        order.refunded_amount,
        order.remaining,
        order.expires_at,
    )
