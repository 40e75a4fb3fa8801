"""The encoding of outcomes."""

import importlib
import json
from typing import Any

import pytest
from cloudevents.core.bindings import kafka as sdk
from cloudevents.core.formats.json import JSONFormat

from ordersaga.bus.outcomes import LARGEST, encode, headers_of
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.ids import outcome_id
from ordersaga.domain.model.order import Key, Refusal
from ordersaga.domain.model.outcomes import Books, OperationSummary, Outcome

schemas: Any = importlib.import_module("contracts.schemas")
KEY = Key("default", "order", "536365")
CAUSE = Cause(
    "/shop", "e1", "shop.order.shipped.v1", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=b", 5.0
)
BOOKS = Books("captured", "ACCEPTED", "GBP", 3060, 3060, 0, 0, 0, 1_700_086_400.0)
CAPTURED = Outcome(
    "captured",
    7,
    1_700_000_000.1239,
    final=True,
    cause=CAUSE,
    operation=OperationSummary("6c0f1d7e-7c3b-5a52-9a0e-2f1f4f0f7a11", "capture", "4ba29b50", 3060, 1),
    result={"capture_id": "4ba29b50"},
    books=BOOKS,
    provider="klarna",
    provider_order_id="f3392f8b",
)
BARE = Outcome("rejected", 1, 0.0, final=False, refusal=Refusal("order_unknown"))


def test_an_outcome_is_these_bytes_for_ever() -> None:
    encoded = encode(KEY, CAPTURED, 1, "blue/1")
    assert encoded.type == "payments.order.captured.v1"
    assert encoded.payload == (
        b'{"order_id":"536365","provider":"klarna","provider_order_id":"f3392f8b",'
        b'"operation":{"id":"6c0f1d7e-7c3b-5a52-9a0e-2f1f4f0f7a11","type":"capture","provider_id":"4ba29b50","amount":3060,"attempts":1},'
        b'"cause":{"source":"/shop","id":"e1","type":"shop.order.shipped.v1"},"final":true,'
        b'"order":{"status":"captured","fraud_status":"ACCEPTED","currency":"GBP","order_amount":3060,"captured_amount":3060,'
        b'"released_amount":0,"refunded_amount":0,"remaining_authorized_amount":0,"expires_at":"2023-11-15T22:13:20.000Z"},'
        b'"result":{"capture_id":"4ba29b50"}}'
    )
    assert headers_of(encoded.headers) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", outcome_id(KEY, 1, 7).encode()),
        ("ce_source", b"/ordersaga/blue%2F1"),
        ("ce_type", b"payments.order.captured.v1"),
        ("ce_subject", b"536365"),
        ("ce_time", b"2023-11-14T22:13:20.123Z"),
        ("ce_merchant", b"default"),
        ("ce_kind", b"order"),
        ("ce_epoch", b"1"),
        ("ce_sequence", b"7"),
        ("content-type", b"application/json"),
        ("ce_traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("ce_tracestate", b"a=b"),
    ]
    assert encode(KEY, CAPTURED, 1, "blue/1") == encoded
    assert outcome_id(KEY, 1, 7) != outcome_id(KEY, 2, 7)


def test_what_there_is_not_is_null_and_an_error_is_there_for_rejections_alone() -> None:
    assert json.loads(encode(KEY, BARE, 1, "i").payload) == {
        "order_id": "536365",
        "provider": None,
        "provider_order_id": None,
        "operation": None,
        "cause": None,
        "final": False,
        "order": None,
        "result": {},
        "error": {"code": "order_unknown", "messages": []},
    }
    accepted = Outcome("captured", 2, 0.0, final=True, refusal=Refusal("x"))
    assert "error" not in json.loads(encode(KEY, accepted, 1, "i").payload)
    for what in ("rejected", "attention_required"):
        assert "error" in json.loads(encode(KEY, Outcome(what, 3, 0.0, final=True), 1, "i").payload)


@pytest.mark.parametrize("outcome", [CAPTURED, BARE], ids=["captured", "rejected"])
def test_it_keeps_to_the_contract_and_the_sdk_reads_it(outcome: Outcome) -> None:
    encoded = encode(KEY, outcome, 4, "blue")
    assert schemas.error_paths(encoded.type, json.loads(encoded.payload)) == frozenset()
    event = sdk.from_binary(
        sdk.KafkaMessage(dict(headers_of(encoded.headers)), b"536365", encoded.payload), JSONFormat()
    )
    assert (event.get_type(), event.get_subject()) == (encoded.type, "536365")
    assert (event.get_extension("epoch"), event.get_extension("sequence")) == ("4", str(outcome.sequence))
    assert event.get_data() == json.loads(encoded.payload)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(
            "rejected", 1, 0.0, final=True, refusal=Refusal("x", ("\x01" * 3000,) * 1000, "c" * 300_000, "a" * 300_000)
        ),
        Outcome("authorized", 1, 0.0, final=True, result={"html_snippet": "x" * 300_000, "redirect_url": "https://x"}),
    ],
    ids=["messages", "result"],
)
def test_a_payload_stays_below_256_kib(outcome: Outcome) -> None:
    payload = encode(KEY, outcome, 1, "i").payload
    data = json.loads(payload)
    assert len(payload) < LARGEST
    if outcome.refusal is not None:
        assert data["error"]["code"] == "x"
        assert data["error"]["messages"][-1] == "and 950 more"
    else:
        assert data["result"] == {"redirect_url": "https://x"}
