"""One trace from the shop's event to its outcome, as an OTLP receiver gets it."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from msgspec.structs import replace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ordersaga.bus.outcomes import headers_of
from ordersaga.bus.records import Record
from ordersaga.domain.model.events import Cause, own_cause
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.outcomes import OperationSummary, Outcome, Send
from ordersaga.domain.model.results import Rejected, Succeeded, Unknown
from ordersaga.relay.relay import Relay, RelaySettings
from ordersaga.telemetry import traces
from ordersaga.telemetry.spans import Spans
from ordersaga.telemetry.traces_settings import TracesSettings
from receiver import Receiver, attributes_of, receiving
from roles_harness import FakeProducer, Roles, Shop, gives, key, roles

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = (f"00-{TRACE}-{PARENT}-{flag}" for flag in ("01", "00"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened
        traces.stop()


def start(receiver: Receiver, ratio: float = 1.0) -> None:
    traces.start(TracesSettings(f"{receiver.url}/v1/traces", ratio, {"x-key": "secret"}, None, "one", "0.1.0"))


def traced(record: Record, traceparent: str = SAMPLED) -> Record:
    return replace(
        record, headers=(*record.headers, ("ce_traceparent", traceparent.encode()), ("ce_tracestate", b"a=b"))
    )


async def headers(r: Roles, subject: str = "1") -> dict[str, dict[str, str]]:
    """Of the outcomes in the outbox, by type."""
    rows = [one.row for one in await r.store.read_outbox(range(64), 1_000) if one.row.key.subject == subject]
    return {row.type.split(".")[2]: {name: value.decode() for name, value in headers_of(row.headers)} for row in rows}


async def publish(r: Roles) -> None:
    relay = Relay(r.store, FakeProducer(), RelaySettings("w1", "payments.orders"))  # type: ignore[arg-type]  # a fake
    await relay.round()
    await relay.stop()


async def test_one_trace_goes_from_the_event_to_its_outcome(database: str, receiver: Receiver) -> None:
    start(receiver)
    async with roles(database) as r:
        await r.take(traced(Shop().placed()))
        await r.until_idle()
        [outcome] = (await headers(r)).values()
        await publish(r)
    traces.stop()
    names = [
        "take in shop.order.placed.v1",
        "create_order",
        "call create_order",
        "publish payments.order.authorized.v1",
    ]
    taken, operation, call, published = (receiver.named(name)[0] for name in names)
    assert sorted(span.name for span in receiver.spans) == sorted(names)
    assert {span.trace_id.hex() for span in receiver.spans} == {TRACE}
    assert taken.parent_span_id.hex() == PARENT
    assert operation.parent_span_id == taken.span_id
    assert call.parent_span_id == published.parent_span_id == operation.span_id
    assert outcome["ce_traceparent"] == f"00-{TRACE}-{operation.span_id.hex()}-01"
    assert outcome["ce_tracestate"] == call.trace_state == "a=b"
    assert (taken.kind, call.kind, published.kind) == (
        Span.SPAN_KIND_CONSUMER, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER,
    )  # fmt: skip
    assert attributes_of(call) == {
        "ordersaga.merchant": "default",
        "ordersaga.order": "1",
        "ordersaga.operation": attributes_of(operation)["ordersaga.operation"],
        "ordersaga.type": "create_order",
        "ordersaga.provider": "klarna",
        "ordersaga.result": "succeeded",
    }
    assert attributes_of(operation)["ordersaga.result"] == "authorized"
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in receiver.spans)
    assert receiver.headers["x-key"] == "secret"
    assert receiver.resource["service.name"] == "ordersaga"
    assert receiver.resource["service.instance.id"] == "one"


async def test_what_waited_is_linked_to_what_ended_its_wait(database: str, receiver: Receiver) -> None:
    start(receiver)
    async with roles(database) as r:
        shop = Shop()
        await r.take(traced(shop.shipped()))
        await r.take(shop.placed())
        await r.until_idle()
        outcomes = await headers(r)
    traces.stop()
    waits = receiver.named("wait for order") + receiver.named("wait for operation")
    assert {wait.trace_id.hex() for wait in waits} == {TRACE}
    [placing], [capture] = receiver.named("create_order"), receiver.named("capture")
    assert placing.trace_id.hex() != TRACE, "an event that names no trace begins one"
    assert any(link.span_id in {placing.span_id, receiver.named("take in shop.order.placed.v1")[0].span_id}
               for wait in waits for link in wait.links)  # fmt: skip
    assert all(before.end_time_unix_nano <= capture.end_time_unix_nano for before in waits)
    assert outcomes["captured"]["ce_traceparent"] == f"00-{TRACE}-{capture.span_id.hex()}-01"
    began = f"00-{placing.trace_id.hex()}-{placing.span_id.hex()}-01"
    assert outcomes["authorized"]["ce_traceparent"] == began


async def test_each_attempt_has_a_span_and_what_failed_is_an_error(database: str, receiver: Receiver) -> None:
    start(receiver)
    async with roles(database) as r:
        r.fake.on_call = gives(Rejected("NOPE", ("of Jane Doe",), "corr-1", 403))
        await r.take(traced(Shop().placed()))
        await r.until_idle()
        r.fake.on_call = gives(Unknown("http_502", "corr-1", 502))
        await r.take(traced(Shop(1).placed("2")))
        await r.until_idle()
    traces.stop()
    refused, lost = receiver.named("call create_order")[:2]
    assert refused.status.code == lost.status.code == Status.STATUS_CODE_ERROR
    assert attributes_of(refused)["ordersaga.result"] == "rejected"
    assert attributes_of(refused)["http.response.status_code"] == 403
    assert attributes_of(lost)["error.type"] == "unknown"
    ended = [attributes_of(span)["ordersaga.order"] for span in receiver.named("create_order")]
    assert ended == ["1"], "the other one isn't ended"
    assert not any(b"Jane" in span.SerializeToString() for span in receiver.spans)


@pytest.mark.parametrize(("traceparent", "ratio"), [(NOT_SAMPLED, 1.0), (SAMPLED, 0.0)])
async def test_what_is_not_sampled_has_no_spans_and_its_trace_is_carried_on(
    database: str, receiver: Receiver, traceparent: str, ratio: float
) -> None:
    start(receiver, ratio)
    async with roles(database) as r:
        await r.take(traced(Shop().placed(), traceparent))
        await r.until_idle()
        assert (await headers(r))["authorized"]["ce_traceparent"] == traceparent
        await publish(r)
    traces.stop()
    assert receiver.spans == []


async def test_a_part_of_the_traces_is_recorded_whole(database: str, receiver: Receiver) -> None:
    start(receiver, 0.5)
    async with roles(database) as r:
        await r.take(*(Shop(number).placed(str(number)) for number in range(40)))
        await r.until_idle()
        await publish(r)
    traces.stop()
    spans_of = {span.trace_id: 0 for span in receiver.spans}
    for span in receiver.spans:
        spans_of[span.trace_id] += 1
    assert 5 <= len(spans_of) <= 35
    assert set(spans_of.values()) == {4}


async def test_without_traces_that_of_the_event_is_carried_on(database: str) -> None:
    assert traces.active() is None
    async with roles(database) as r:
        await r.take(traced(Shop().placed()))
        await r.until_idle()
        assert (await headers(r))["authorized"]["ce_traceparent"] == SAMPLED


async def test_an_invalid_trace_is_no_trace(database: str, receiver: Receiver) -> None:
    start(receiver)
    async with roles(database) as r:
        await r.take(traced(Shop().placed(), "00-nonsense"))
        await r.until_idle()
        traceparent = (await headers(r))["authorized"]["ce_traceparent"]
    traces.stop()
    [operation] = receiver.named("create_order")
    assert traceparent == f"00-{operation.trace_id.hex()}-{operation.span_id.hex()}-01"


async def test_two_processes_tell_one_trace(database: str, receiver: Receiver) -> None:
    """One takes the event in, another one acts: they share nothing but the database."""
    start(receiver)
    async with roles(database, dispatcher=False) as intake:
        await intake.take(traced(Shop().placed()))
    traces.stop()
    start(receiver)
    async with roles(database, owner="w2") as worker:
        await worker.worker.claim()
        await worker.until_idle()
    traces.stop()
    ordered = [
        receiver.named(f"{name}")[0] for name in ("take in shop.order.placed.v1", "create_order", "call create_order")
    ]
    assert all(below.parent_span_id == above.span_id for above, below in pairwise(ordered))


def kept() -> tuple[Spans, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    return Spans(TracesSettings(""), SimpleSpanProcessor(exporter)), exporter


def test_a_second_event_that_ends_with_an_operation_has_its_span_in_its_own_trace_too() -> None:
    spans, exporter = kept()
    first, second = (Cause("/shop", name, "shop.order.cancelled.v1") for name in ("1", "2"))
    operation = Operation("op", "cancel", first, 0, 1.0, 1.0, also=second)
    ended = Outcome("cancelled", 2, 2.0, True, second, OperationSummary("op", "cancel", None, None, 1))
    spans.settled(Order(key(), operations=(operation,)), operation, Order(key()), [ended], 2.0)
    main, also = exporter.get_finished_spans()
    assert main.context.span_id == also.context.span_id
    assert main.context.trace_id != also.context.trace_id
    assert [(one.context.trace_id, one.context.span_id) for one in also.links] == [
        (main.context.trace_id, main.context.span_id)
    ]
    assert spans.traceparent(ended) == f"00-{also.context.trace_id:032x}-{also.context.span_id:016x}-01"


def test_an_operation_that_no_event_asks_for_begins_a_trace() -> None:
    spans, exporter = kept()
    operation = Operation("op", "acknowledge", own_cause("acknowledge"), 0, 1.0, 1.0)
    told = Outcome("reconciled", 2, 2.0, True, None, OperationSummary("op", "acknowledge", None, None, 1))
    spans.called(key(), "klarna", Send(operation, Request("POST", "/x")), Succeeded(None), 0.1, 2.0)
    spans.settled(Order(key(), operations=(operation,)), operation, Order(key()), [told], 2.0)
    call, own = exporter.get_finished_spans()
    assert own.parent is None
    assert call.parent is not None
    assert (call.parent.trace_id, call.parent.span_id) == (own.context.trace_id, own.context.span_id)
    assert spans.traceparent(told) == f"00-{own.context.trace_id:032x}-{own.context.span_id:016x}-01"


@pytest.mark.parametrize("traceparent", ["", "00-x", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE[:-1]}é-{PARENT}-01"])
def test_what_is_no_trace_is_not_logged_as_one(traceparent: str) -> None:
    assert traces.trace_id_of(Cause("/shop", "1", "shop.order.placed.v1", traceparent)) is None
    assert traces.trace_id_of(Cause("/shop", "1", "shop.order.placed.v1", SAMPLED)) == TRACE


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    traces.start(TracesSettings("http://127.0.0.1:9/v1/traces"))
    spans = traces.active()
    assert spans is not None
    spans.published([("ce_traceparent", SAMPLED.encode()), *_NAMED], 2.0)
    traces.stop(0.2)
    assert traces.active() is None


_NAMED = [
    ("ce_merchant", b"default"),
    ("ce_kind", b"order"),
    ("ce_subject", b"1"),
    ("ce_type", b"payments.order.captured.v1"),
    ("ce_time", b"2026-01-01T00:00:00.000Z"),
]
