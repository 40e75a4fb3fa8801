"""Records are decoded to events, or to all that is wrong with them."""

import json
import time
from typing import Any

import pytest
from cloudevents.core.bindings import kafka as sdk
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from msgspec.structs import replace

from ordersaga.bus.cloudevents import LARGEST, InvalidInput, ValidInput, decode_record
from ordersaga.bus.envelope import is_structured
from ordersaga.bus.records import Record
from ordersaga.domain.model.events import Cancelled, Placed, Shipped

MERCHANTS = frozenset({"default", "nordic"})
SHIPPED = b'{"shipment_id": "s1", "order_lines": [{"reference": "85123A", "quantity": 2}]}'
HEADERS = {
    "ce_specversion": b"1.0",
    "ce_id": b"e1",
    "ce_source": b"/shop",
    "ce_type": b"shop.order.shipped.v1",
    "ce_subject": b"536365",
    "content-type": b"application/json",
}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ATTRIBUTES = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "shop.order.shipped.v1", "subject": "536365"}


def record(value: bytes | None, headers: dict[str, bytes], key: bytes | None = b"536365") -> Record:
    return Record("shop.orders", 3, 42, 1_700_000_000.5, key, value, tuple(headers.items()))


def binary(value: bytes | None = SHIPPED, key: bytes | None = b"536365", **changes: bytes | None) -> Record:
    headers = HEADERS | {f"ce_{name}": change for name, change in changes.items()}
    return record(value, {name: header for name, header in headers.items() if header is not None}, key)


def structured(data: object = None, key: bytes | None = b"536365", **changes: object) -> Record:
    event = ATTRIBUTES | {"data": json.loads(SHIPPED) if data is None else data} | changes
    value = json.dumps({name: one for name, one in event.items() if one is not ...}).encode()
    return record(value, {"content-type": b"application/cloudevents+json; charset=UTF-8"}, key)


def readable(one: Record) -> ValidInput:
    found = decode_record(one, MERCHANTS)
    assert isinstance(found, ValidInput), found
    return found


def unreadable(one: Record) -> InvalidInput:
    found = decode_record(one, MERCHANTS)
    assert isinstance(found, InvalidInput), found
    return found


@pytest.mark.parametrize("one", [binary(), structured()], ids=["binary", "structured"])
def test_both_content_modes_give_the_same_event(one: Record) -> None:
    event = readable(one).event
    assert (event.merchant, event.kind, event.subject) == ("default", "order", "536365")
    assert (event.cause.source, event.cause.id, event.cause.type) == ("/shop", "e1", "shop.order.shipped.v1")
    assert event.cause.sent == 1_700_000_000.5
    assert isinstance(event.data, Shipped)
    assert event.data.shipment_id == "s1"
    assert json.loads(event.raw) == json.loads(SHIPPED)


@pytest.mark.parametrize("mode", [sdk.to_binary, sdk.to_structured], ids=["binary", "structured"])
def test_what_the_sdk_writes_is_read(mode: Any) -> None:
    attributes = {
        **ATTRIBUTES,
        "merchant": "nordic",
        "traceparent": TRACE,
        "tracestate": "a=b",
        "datacontenttype": "application/json",
    }
    written = mode(CloudEvent(attributes, json.loads(SHIPPED)), JSONFormat())
    event = readable(record(written.value, written.headers)).event
    back = (
        sdk.from_binary(written, JSONFormat()) if mode is sdk.to_binary else sdk.from_structured(written, JSONFormat())
    )
    assert event.merchant == back.get_extension("merchant") == "nordic"
    assert (event.cause.id, event.cause.source, event.cause.type) == (back.get_id(), back.get_source(), back.get_type())
    assert (event.subject, event.cause.traceparent, event.cause.tracestate) == (back.get_subject(), TRACE, "a=b")
    assert json.loads(event.raw) == back.get_data()


def test_without_a_subject_the_record_key_is_it() -> None:
    assert readable(binary(subject=None, key=b"7")).event.subject == "7"
    assert readable(structured(subject=..., key=b"8")).event.subject == "8"
    assert readable(structured(subject=None, key="9ö".encode())).event.subject == "9ö"


@pytest.mark.parametrize("headers", [(), (("content-type", b"application/json"),)])
def test_a_structured_event_under_the_content_type_of_its_data_is_read_too(
    headers: tuple[tuple[str, bytes], ...],
) -> None:
    """As `to_structured` of the Python SDK's first API writes it."""
    one = replace(structured(), headers=headers)
    assert readable(one).event == readable(structured()).event
    assert is_structured(one)
    named = replace(one, headers=(*headers, ("ce_specversion", b"1.0")))
    assert unreadable(named).code == "invalid_envelope", "attributes in headers are those that count"


def test_base64_data_of_a_structured_event_is_read() -> None:
    one = readable(structured(data=..., data_base64="eyJyZWFzb24iOiAieCJ9", type="shop.order.cancelled.v1"))
    assert one.event.data == Cancelled(reason="x")


def test_time_and_trace_do_not_make_another_event_of_it_but_type_subject_merchant_and_data_do() -> None:
    digest = readable(binary()).digest
    assert readable(binary(time=b"2026-01-01T00:00:00Z", traceparent=TRACE.encode())).digest == digest
    assert readable(binary(time=b"not a time")).digest == digest
    others = [
        binary(subject=b"7"),
        binary(merchant=b"nordic"),
        binary(type=b"shop.order.cancelled.v1"),
        binary(SHIPPED + b" "),
    ]
    assert len({digest, *(readable(one).digest for one in others)}) == 5


def test_a_trace_that_cannot_be_carried_on_is_left() -> None:
    cause = readable(binary(traceparent=b"\xff", tracestate=b"x" * 2000)).event.cause
    assert (cause.traceparent, cause.tracestate) == (None, None)
    assert readable(structured(traceparent=7)).event.cause.traceparent is None


@pytest.mark.parametrize(
    ("one", "paths"),
    [
        (record(b"{}", {}), ["ce_specversion", "ce_id", "ce_source", "ce_type"]),
        (record(None, {}, None), ["ce_specversion", "ce_id", "ce_source", "ce_type", "subject"]),
        (binary(specversion=b"0.3"), ["ce_specversion"]),
        (binary(id=None), ["ce_id"]),
        (binary(id=b"", source=b"\xff"), ["ce_id", "ce_source"]),
        (binary(id=b"a\0b"), ["ce_id"]),
        (binary(subject=b"x" * 256), ["ce_subject"]),
        (binary(subject=None, key=None), ["subject"]),
        (binary(subject=None, key=b"\xff"), ["record key (there is no subject)"]),
        (binary(merchant=b""), ["ce_merchant"]),
        (record(SHIPPED, {**HEADERS, "x\ufffd": b""}), ["headers"]),
        (Record("t", 0, 0, 0.0, b"7", SHIPPED, (*HEADERS.items(), ("ce_id", b"e2"))), ["ce_id"]),
        (structured(id=..., source=7, type=""), ["$.id", "$.source", "$.type"]),
        (structured(specversion="1.1"), ["$.specversion"]),
        (structured(subject="a\0b"), ["$.subject"]),
        (structured(merchant=[]), ["$.merchant"]),
        (structured(data=..., data_base64="§"), ["$.data_base64"]),
        (record(b"[]", {"content-type": b"application/cloudevents+json"}), ["$"]),
        (record(b"{", {"content-type": b"application/cloudevents+json"}), ["$"]),
        (record(None, {"content-type": b"application/cloudevents+json"}), ["$"]),
        (record(b"[]", {"content-type": b"application/cloudevents-batch+json"}), ["content-type"]),
    ],
)
def test_without_a_whole_envelope_all_that_is_wrong_with_it_is_told(one: Record, paths: list[str]) -> None:
    found = unreadable(one)
    assert found.code == "invalid_envelope"
    assert [message.split(":")[0] for message in found.messages] == paths
    assert (found.merchant, found.subject, found.cause, found.digest) == (None, None, None, None)


@pytest.mark.parametrize(
    ("one", "code", "path"),
    [
        (binary(merchant=b"elsewhere"), "unknown_merchant", "merchant"),
        (binary(merchant=b"elsewhere", type=b"x.v9", value=b"{"), "unknown_merchant", "merchant"),
        (binary(type=b"shop.order.shipped.v2"), "unknown_type", "type"),
        (binary(b"{"), "not_json", "$"),
        (binary(b""), "not_json", "$"),
        (binary(None), "not_json", "$"),
        (structured(data=...), "not_json", "$"),
        (binary(b'{"description": "\xff"}'), "not_json", "$"),
        (binary(b'{"unknown": "\xff"}'), "not_json", "$"),
        (binary(b'{"description": "\\ud800"}'), "not_json", "$"),
        (binary(b'{"description": NaN}'), "not_json", "$"),
        (binary(b'{"description": 7, "x": tru'), "not_json", "$"),
        (binary(b'{"captured_amount": 1.0}'), "invalid_event", "$.captured_amount"),
        (binary(b'{"captured_amount": true}'), "invalid_event", "$.captured_amount"),
        (binary(b'{"captured_amount": %s}' % (b"9" * 5000)), "invalid_event", "$.captured_amount"),
        (binary(b'{"description": "a\\u0000b"}'), "invalid_event", "$.description"),
        (binary(b'{"description": "a\0b"}'), "not_json", "$"),
        (binary(b"[" * 100_000 + b"]" * 100_000), "invalid_event", "$"),
        (binary(b'{"unknown": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "invalid_event", "$"),
        (binary(b"x" * LARGEST), "too_large", "$"),
    ],
)
def test_with_a_whole_envelope_the_dead_letter_names_its_order(one: Record, code: str, path: str) -> None:
    found = unreadable(one)
    assert (found.code, found.messages[0].split(":")[0]) == (code, path)
    assert found.subject == "536365"
    assert found.merchant is not None
    assert found.cause is not None
    assert found.cause.id == "e1"
    assert found.digest is not None


def test_a_structured_record_that_is_too_large_is_not_even_opened() -> None:
    found = unreadable(structured(data={"description": "x" * LARGEST}))
    assert (found.code, found.cause) == ("too_large", None)


def test_a_record_of_just_one_mebibyte_is_read() -> None:
    room = LARGEST - sum(len(name) + len(value) for name, value in HEADERS.items()) - len(b"536365")
    data = b'{"description": "' + b"x" * (room - 19) + b'"}'
    assert isinstance(decode_record(binary(data), MERCHANTS), ValidInput)
    assert unreadable(binary(data + b" ")).code == "too_large"


def test_a_nul_where_nobody_reads_it_harms_nobody() -> None:
    assert isinstance(readable(binary(b'{"unknown": "a\\u0000b", "description": "\\\\u0000"}')).event.data, Shipped)


def test_of_a_broken_schema_all_is_told_and_no_data_quoted() -> None:
    secret = "Jane Doe"
    line = {"name": "", "quantity": -1, "unit_price": secret, "total_amount": 5}
    data = {"payment": {"provider": "klarna", "authorization_token": "t"}, "purchase_country": secret, "order_amount": 5,
            "order_lines": [line], "billing_address": {"given_name": [secret]}}  # fmt: skip
    found = unreadable(structured(data, type="shop.order.placed.v1"))
    assert sorted(found.messages) == [
        "$.billing_address.given_name: must be of type string",
        "$.order_lines[0].name: must have at least 1 character",
        "$.order_lines[0].quantity: must be at least 0",
        "$.order_lines[0].unit_price: must be of type integer",
        "$.purchase_country: must have at most 2 characters",
        "$.purchase_country: must match ^[A-Za-z]{2}$",
        "$: purchase_currency is missing",
    ]


def test_of_a_hundred_thousand_errors_the_first_hundred_are_told_at_once() -> None:
    started = time.monotonic()
    found = unreadable(binary(b'{"order_lines": [' + b"0," * 100_000 + b"0]}"))
    assert len(found.messages) == 101
    assert time.monotonic() - started < 2


def test_a_customer_tokens_subject_is_a_subscription() -> None:
    assert unreadable(binary(type=b"shop.order.customer_token_requested.v1")).kind == "subscription"
    assert unreadable(binary(type=b"shop.order.checkout_started.v1")).kind == "order"


def test_a_large_order_is_read_fast() -> None:
    line = {"reference": "85123A", "name": "White hanging heart t-light holder", "quantity": 6, "unit_price": 255,
            "tax_rate": 2000, "total_amount": 1530, "total_discount_amount": 0, "total_tax_amount": 255}  # fmt: skip
    data = {"payment": {"provider": "klarna", "authorization_token": "t"}, "purchase_country": "GB", "purchase_currency": "GBP",
            "order_amount": 30600, "order_lines": [line] * 20}  # fmt: skip
    one = binary(json.dumps(data).encode(), type=b"shop.order.placed.v1")
    assert isinstance(readable(one).event.data, Placed)
    started = time.process_time()
    for _ in range(2000):
        decode_record(one, MERCHANTS)
    assert (time.process_time() - started) / 2000 < 200e-6  # it takes 26 µs; more on a busy machine


def test_a_customer_tokens_event_is_of_its_subscription() -> None:
    read = readable(binary(b"{}", type=b"shop.order.customer_token_cancelled.v1"))
    assert read.event.kind == "subscription"
