"""The spans of an event's way: taken in, its waits, its operations, their calls, and the publishing of its outcomes.

The only user of OpenTelemetry. A span of an event or an operation gets its id from theirs, so that no process has to tell
another one, and none is stored: whichever settles the operation records its span, and the outcome names it. Spans have no
personal data: ids, types, the provider and what came of it.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ordersaga.domain.model.events import Cause, Event, own_cause
from ordersaga.domain.model.order import Key, Operation, Order
from ordersaga.domain.model.outcomes import Call, Outcome
from ordersaga.domain.model.results import Result, Succeeded
from ordersaga.telemetry.metrics import operation_of, result_of
from ordersaga.telemetry.traces_settings import TracesSettings

_FLAGS: Final = {True: TraceFlags(TraceFlags.SAMPLED), False: TraceFlags(TraceFlags.DEFAULT)}
_QUEUE: Final = 20_000  # spans; further ones are dropped while the collector is slow or away
_REMEMBERED: Final = 10_000  # traces, each of which is needed some times
_EXPORT_TIMEOUT: Final = 5.0  # seconds, for a batch with all its repetitions
_OWN: Final = own_cause("")
Attributes = dict[str, str | int]


class _Trace(NamedTuple):
    """`parent`: the shop's span, if it named one; `sampled`: whether this trace is recorded here."""

    id: int
    parent: SpanContext | None
    sampled: bool


class _Ids(IdGenerator):
    """Ids that are given for the next span, else random ones."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.trace: int | None = None
        self.span: int | None = None

    def generate_span_id(self) -> int:
        given, self.span = self.span, None
        return self._random.generate_span_id() if given is None else given

    def generate_trace_id(self) -> int:
        given, self.trace = self.trace, None
        return self._random.generate_trace_id() if given is None else given


def exporting(settings: TracesSettings) -> SpanProcessor:
    """Sends spans in batches, from a thread of its own."""
    exporter = OTLPSpanExporter(
        settings.endpoint, certificate_file=settings.ca_file, headers=settings.headers, timeout=_EXPORT_TIMEOUT
    )
    return BatchSpanProcessor(exporter, max_queue_size=_QUEUE)


class Spans:
    """For one event loop: its methods are called from one thread. Times are in seconds since the epoch."""

    def __init__(self, settings: TracesSettings, processor: SpanProcessor) -> None:
        ratio = TraceIdRatioBased(settings.ratio)
        self._sampler = ParentBased(root=ratio, remote_parent_sampled=ratio)
        self._ids = _Ids()
        resource = Resource.create(
            {
                "service.name": "ordersaga",
                "service.instance.id": settings.instance,
                "service.version": settings.version,
            }
        )
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("ordersaga", settings.version)
        self._propagator = TraceContextTextMapPropagator()
        self._trace_of = lru_cache(_REMEMBERED)(self._find_trace)

    def close(self, seconds: float) -> None:
        """Sends what is left. A collector that doesn't answer holds nobody up for longer."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(seconds)

    # the outcome

    def traceparent(self, outcome: Outcome) -> str | None:
        """Of the span of its operation, else of its event's. None: the trace isn't recorded here."""
        operation = outcome.operation
        if outcome.cause is None and operation is None:
            return None
        cause, operation_id = outcome.cause or _OWN, "" if operation is None else operation.id
        trace = self._trace(cause, operation_id)
        if not trace.sampled:
            return None
        span_id = _event_span(cause) if operation is None else _operation_span(operation_id)
        return f"00-{trace.id:032x}-{span_id:016x}-01"

    def trace_id(self, cause: Cause) -> str | None:
        """None: the trace isn't recorded here."""
        trace = self._trace(cause)
        return f"{trace.id:032x}" if trace.sampled else None

    # what happened

    def taken_in(
        self,
        events: Sequence[Event],
        before: Mapping[Key, Order],
        after: Mapping[Key, Order],
        outcomes: Iterable[tuple[Key, Outcome]],
        started: float,
        now: float,
    ) -> None:
        """One batch of the intake. `before`, `after`: its orders; one that is new has no earlier state."""
        told = [outcome for _, outcome in outcomes]
        results = {(one.cause.source, one.cause.id): one.what for one in told if one.cause is not None}
        latest: dict[Key, SpanContext] = {}
        for event in events:
            key, cause = Key(event.merchant, event.kind, event.subject), event.cause
            trace = self._trace(cause)
            if not trace.sampled:
                continue
            latest[key] = _context(trace, _event_span(cause))
            attributes = _attributes(key, type=cause.type, result=results.get((cause.source, cause.id)))
            name = f"take in {cause.type}"
            self._record(name, trace, trace.parent, (started, now), attributes, SpanKind.CONSUMER, _event_span(cause))
        for key, order in before.items():
            if key in after:
                self._decided(order, after[key], told, now, latest.get(key))

    def called(self, key: Key, provider: str, call: Call, result: Result, seconds: float, now: float) -> None:
        """A call that has just ended. A read that is of no operation belongs to no trace."""
        operation = call.operation
        if operation is None:
            return
        trace = self._trace(operation.cause, operation.id)
        if not trace.sampled:
            return
        kind = result_of(result)
        attributes = _attributes(key, operation=operation.id, type=operation.type, provider=provider, result=kind)
        status = None if isinstance(result, Succeeded) else result.status
        if status is not None:
            attributes["http.response.status_code"] = status
        parent = _context(trace, _operation_span(operation.id))
        error = None if isinstance(result, Succeeded) else kind
        span = (now - seconds, now)
        self._record(f"call {operation_of(call)}", trace, parent, span, attributes, SpanKind.CLIENT, error=error)

    def settled(
        self, before: Order, call: Operation | None, after: Order, outcomes: Iterable[Outcome], now: float
    ) -> None:
        """`call`: the operation whose result was applied."""
        link = None
        if call is not None and before.pending:
            link = _context(self._trace(call.cause, call.id), _operation_span(call.id))
        self._decided(before, after, list(outcomes), now, link)

    def published(self, headers: Sequence[tuple[str, bytes]], now: float) -> None:
        """An outcome, by its headers, that Kafka has acknowledged."""
        named = {name: value.decode() for name, value in headers}
        traceparent = named.get("ce_traceparent")
        if traceparent is None:
            return
        trace = self._trace(Cause("", "", "", traceparent, named.get("ce_tracestate")))
        if trace.parent is None or not trace.sampled:
            return
        key = Key(named["ce_merchant"], named["ce_kind"], named["ce_subject"])
        decided = datetime.fromisoformat(named["ce_time"]).timestamp()
        name, span = f"publish {named['ce_type']}", (min(decided, now), now)
        self._record(name, trace, trace.parent, span, _attributes(key, type=named["ce_type"]), SpanKind.PRODUCER)

    def _decided(
        self, before: Order, after: Order, outcomes: Sequence[Outcome], now: float, by: SpanContext | None
    ) -> None:
        """The waits and the operations that have ended. `by`: the span of what ended the waits, to which they are linked."""
        waiting = {pending.token for pending in after.pending}
        for pending in before.pending:
            if pending.token not in waiting:
                trace = self._trace(pending.cause)
                if not trace.sampled:
                    continue
                parent, name = _context(trace, _event_span(pending.cause)), f"wait for {pending.waits_for}"
                attributes = _attributes(before.key, type=pending.cause.type)
                self._record(name, trace, parent, (pending.arrived, now), attributes, links=_links(by))
        still = {operation.id for operation in after.operations}
        results = {one.operation.id: one.what for one in outcomes if one.operation is not None}
        for operation in before.operations:
            if operation.id not in still:
                self._ended(after, operation, results.get(operation.id, "ended"), now)

    def _ended(self, order: Order, operation: Operation, result: str, now: float) -> None:
        """A second event that ends with the operation has a span of it in its own trace, too."""
        span_id, main = _operation_span(operation.id), None
        for cause in (operation.cause, operation.also):
            if cause is None:
                continue
            trace = self._trace(cause, operation.id)
            if not trace.sampled:
                continue
            parent = _context(trace, _event_span(cause)) if cause.type else None
            attributes = _attributes(
                order.key, operation=operation.id, type=operation.type, provider=order.provider, result=result
            )
            error = "rejected" if result == "rejected" else None
            span, links = (operation.opened, now), _links(main)
            self._record(operation.type, trace, parent, span, attributes, span_id=span_id, links=links, error=error)
            main = _context(trace, span_id)

    # spans

    def _trace(self, cause: Cause, operation_id: str = "") -> _Trace:
        """An event that names no trace begins one, and so does an operation that no event asks for."""
        return self._trace_of(cause.traceparent, cause.tracestate, _seed(cause, operation_id))

    def _find_trace(self, traceparent: str | None, tracestate: str | None, seed: str) -> _Trace:
        context = Context()
        if traceparent is not None:
            carrier = {"traceparent": traceparent, "tracestate": tracestate or ""}
            context = self._propagator.extract(carrier, context)
        given = get_current_span(context).get_span_context()
        trace_id = given.trace_id if given.is_valid else _hash(seed, 16)
        decision = self._sampler.should_sample(context, trace_id, "").decision
        sampled = decision is Decision.RECORD_AND_SAMPLE
        return _Trace(trace_id, given if given.is_valid else None, sampled)

    def _record(
        self,
        name: str,
        trace: _Trace,
        parent: SpanContext | None,
        span: tuple[float, float],
        attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
        span_id: int | None = None,
        links: Sequence[Link] = (),
        error: str | None = None,
    ) -> None:
        """Call it for a trace that is sampled."""
        start, end = (int(time * 1e9) for time in span)
        self._ids.trace, self._ids.span = trace.id, span_id
        context = Context() if parent is None else set_span_in_context(NonRecordingSpan(parent), Context())
        recorded = self._tracer.start_span(name, context, kind, attributes, links, start)
        if error is not None:
            recorded.set_attribute("error.type", error)
            recorded.set_status(StatusCode.ERROR)
        recorded.end(max(start, end))


def _seed(cause: Cause, operation_id: str) -> str:
    """Of an event, else of the operation."""
    return f"{len(cause.source)} {cause.source}\n{cause.id}" if cause.type else operation_id


def _event_span(cause: Cause) -> int:
    return _hash(f"event {_seed(cause, '')}", 8)


def _operation_span(operation_id: str) -> int:
    return _hash(f"operation {operation_id}", 8)


def _hash(text: str, size: int) -> int:
    """Never 0, which is no id."""
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest()) or 1


def _context(trace: _Trace, span_id: int) -> SpanContext:
    """Of a span of ours, which may be recorded by another process."""
    state = None if trace.parent is None else trace.parent.trace_state
    return SpanContext(trace.id, span_id, is_remote=True, trace_flags=_FLAGS[trace.sampled], trace_state=state)


def _links(context: SpanContext | None) -> list[Link]:
    return [] if context is None else [Link(context)]


def _attributes(key: Key, **given: str | None) -> Attributes:
    order = {"ordersaga.merchant": key.merchant, "ordersaga.order": key.subject}
    return {**order, **{f"ordersaga.{name}": value for name, value in given.items() if value}}
