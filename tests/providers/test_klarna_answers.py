"""Each row of the classification, per call."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

import msgspec
import pytest

from ordersaga.domain.model.order import OperationType
from ordersaga.domain.model.results import (
    CaptureSeen,
    RefundSeen,
    Rejected,
    Result,
    Retryable,
    Snapshot,
    Succeeded,
    Unknown,
)
from ordersaga.providers.http import Answer, Lost, NotSent, Reply
from ordersaga.providers.klarna import answers
from ordersaga.providers.klarna.operations.table import OPERATIONS

NOW: Final = 1_800_000_000.0
CREATED: Final = b'{"order_id":"o-1","fraud_status":"ACCEPTED"}'
ORDER: Final[dict[str, Any]] = {
    "order_id": "o-1",
    "status": "PART_CAPTURED",
    "fraud_status": "ACCEPTED",
    "purchase_currency": "EUR",
    "order_amount": 200,
    "original_order_amount": 300,
    "captured_amount": 120,
    "refunded_amount": 20,
    "remaining_authorized_amount": 80,
    "expires_at": "2022-08-05T00:00:00.000Z",
    "captures": [
        {
            "capture_id": "c-1",
            "captured_amount": 120,
            "reference": "op-1",
            "refunded_amount": 20,
            "order_lines": [{"reference": "a", "quantity": 2, "total_amount": 120, "name": "A"}, {"name": "B"}],
        }
    ],
    "merchant_reference1": "536365",
    "refunds": [{"refund_id": "r-1", "refunded_amount": 20, "reference": "op-2"}],
}

WRITES: Final[tuple[OperationType, ...]] = (
    "create_order", "create_token_order", "cancel_authorization", "capture", "refund", "cancel", "release", "amend",
    "change_reference", "create_customer_token", "cancel_customer_token",
)  # fmt: skip
PAYMENTS: Final = ("create_order", "cancel_authorization", "create_customer_token")
ORDER_MANAGEMENT: Final[tuple[OperationType, ...]] = (
    "capture", "refund", "cancel", "release", "amend", "change_reference",
)  # fmt: skip
READ: Final[OperationType] = "take_over"
BODILESS: Final[tuple[OperationType, ...]] = ("cancel_authorization", "cancel", "release", "amend", "change_reference")
ERROR: Final = b'{"error_code":"NOPE","error_messages":["no","way"],"correlation_id":"corr-1"}'


def result_of(operation: OperationType, reply: Reply, now: float) -> Result:
    return answers.result_of(OPERATIONS[operation], reply, now)


def good(operation: OperationType, status: int = 200) -> Answer:
    """A successful answer with all that it needs."""
    match operation:
        case "create_customer_token":
            return Answer(status, {}, b'{"token_id":"t-1"}')
        case "create_order" | "create_token_order":
            return Answer(status, {}, CREATED)
        case "capture":
            return Answer(status, {"capture-id": "c-9", "location": "/x/captures/c-8"})
        case "refund":
            return Answer(status, {"refund-id": "r-9"})
        case "take_over":
            return Answer(status, {}, msgspec.json.encode(ORDER))
        case _:
            return Answer(status, {})


def judge(operation: OperationType, status: int, body: bytes = ERROR, **headers: str) -> Result:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return result_of(operation, Answer(status, named, body), NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.parametrize(
    "operation",
    ["create_order", "create_token_order", "create_customer_token", "cancel_customer_token", "capture", "refund", READ],
)
def test_any_2xx_that_tells_what_it_must_is_success(operation: OperationType, status: int) -> None:
    assert isinstance(result_of(operation, good(operation, status), NOW), Succeeded)


@pytest.mark.parametrize("operation", BODILESS)
def test_without_a_body_only_the_documented_status_is_believed(operation: OperationType) -> None:
    assert isinstance(result_of(operation, good(operation, 204), NOW), Succeeded)
    for status in (200, 201, 202, 205, 299):
        assert result_of(operation, good(operation, status), NOW) == Unknown(f"http_{status}", None, status)


@pytest.mark.parametrize(
    ("status", "code", "conclusive"),
    [
        (403, "REJECTED", True),
        (400, "BAD_VALUE", True),
        (400, "BAD_REQUEST", True),
        (403, "INVALID_OPERATION", False),
        (403, "BAD_VALUE", False),
        (404, "NOT_FOUND", False),
        (409, "BAD_VALUE", False),
    ],
)
def test_some_refusals_of_an_authorization_prove_that_no_order_was_made(
    status: int, code: str, *, conclusive: bool
) -> None:
    error = msgspec.json.encode({"error_code": code, "error_messages": ["no"], "correlation_id": "c"})
    refusal = judge("create_order", status, error)
    assert isinstance(refusal, Rejected)
    assert refusal.conclusive is conclusive
    refused_capture = judge("capture", status, error)
    assert not (isinstance(refused_capture, Rejected) and refused_capture.conclusive)


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 410, 413, 422, 451])
@pytest.mark.parametrize("operation", [*WRITES, READ])
def test_a_no_is_a_no(operation: OperationType, status: int) -> None:
    assert judge(operation, status) == Rejected("NOPE", ("no", "way"), "corr-1", status)


@pytest.mark.parametrize("operation", [*WRITES, READ])
def test_bad_credentials_are_not_the_orders_fault(operation: OperationType) -> None:
    assert judge(operation, 401) == Retryable("unauthorized", None, "corr-1", 401)


@pytest.mark.parametrize("operation", [*WRITES, READ])
def test_too_many_requests_is_retryable(operation: OperationType) -> None:
    assert judge(operation, 429, retry_after="7") == Retryable("too_many_requests", 7.0, "corr-1", 429)


@pytest.mark.parametrize("operation", PAYMENTS)
def test_a_conflict_at_payments_is_a_no(operation: OperationType) -> None:
    assert judge(operation, 409) == Rejected("NOPE", ("no", "way"), "corr-1", 409)


@pytest.mark.parametrize("operation", ORDER_MANAGEMENT)
def test_a_conflict_at_order_management_tells_nothing(operation: OperationType) -> None:
    assert judge(operation, 409) == Unknown("http_409", "corr-1", 409)


@pytest.mark.parametrize("status", [100, 199, 408, 500, 502, 503, 504, 599, 600, 999])
@pytest.mark.parametrize("operation", WRITES)
def test_what_tells_nothing_is_unknown(operation: OperationType, status: int) -> None:
    assert judge(operation, status) == Unknown(f"http_{status}", "corr-1", status)


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("operation", WRITES)
def test_a_redirect_is_unknown(operation: OperationType, status: int) -> None:
    assert judge(operation, status) == Unknown("redirect", "corr-1", status)


@pytest.mark.parametrize("status", [302, 408, 409, 500, 503, 999])
def test_a_read_that_tells_nothing_is_retryable(status: int) -> None:
    result = judge(READ, status)
    assert isinstance(result, Retryable)
    assert (result.after, result.correlation_id, result.status) == (None, "corr-1", status)


@pytest.mark.parametrize("operation", [*WRITES, READ])
def test_nothing_sent_is_retryable(operation: OperationType) -> None:
    assert result_of(operation, NotSent("refused"), NOW) == Retryable("refused")


@pytest.mark.parametrize("operation", WRITES)
def test_a_lost_answer_to_a_write_is_unknown(operation: OperationType) -> None:
    assert result_of(operation, Lost("disconnected"), NOW) == Unknown("disconnected")


def test_a_lost_answer_to_a_read_is_retryable() -> None:
    assert result_of(READ, Lost("deadline"), NOW) == Retryable("deadline")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"error_code":7}', b"\xff\xfe"])
def test_a_no_that_isnt_klarnas_own_is_in_doubt(body: bytes) -> None:
    assert judge("capture", 403, body) == Unknown("http_403", None, 403)


def test_a_no_with_a_strange_code_is_still_a_no() -> None:
    assert judge("capture", 403, b'{"error_code":"a b"}') == Rejected("http_403", (), None, 403)


def test_messages_are_bounded_and_hold_no_addresses() -> None:
    error = {"error_code": "X", "error_messages": [f"{'ä' * 490} a.b+c@example.com end", 7, *["more"] * 20]}
    result = judge("capture", 400, msgspec.json.encode(error))
    assert isinstance(result, Rejected)
    assert len(result.messages) == 10
    assert result.messages[0] == f"{'ä' * 490} [e-mail] "
    assert result.messages[1] == "more"
    single = judge("capture", 400, b'{"error_code":"X","error_messages":"just text"}')
    assert isinstance(single, Rejected)
    assert single.messages == ("just text",)


def test_the_correlation_id_comes_from_the_header_too() -> None:
    assert judge("cancel", 204, b"", klarna_correlation_id="corr-2") == Succeeded(correlation_id="corr-2")
    assert judge("cancel", 503, b"", klarna_correlation_id="corr-2") == Unknown("http_503", "corr-2", 503)
    assert judge("cancel", 503, b"", klarna_correlation_id="a b\x01") == Unknown("http_503", None, 503)


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (b'"invoice"', {"payment_method": "invoice"}),
        (b'{"type":"invoice","number_of_days":14}', {"payment_method": "invoice"}),
        (b"null", {}),
        (b"7", {}),
        (b"{}", {}),
    ],
)
def test_a_created_order_tells_its_payment_method_in_either_form(method: bytes, told: dict[str, str]) -> None:
    body = (
        b'{"order_id":"o-1","redirect_url":"https://r","fraud_status":"PENDING","authorized_payment_method":'
        + method
        + b',"more":[1]}'
    )
    result = judge("create_order", 200, body, klarna_correlation_id="k")
    assert result == Succeeded("o-1", "k", "PENDING", {"redirect_url": "https://r", **told})


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b'{"order_id":""}', b'{"order_id":7}', b"\xff", b'{"order_id":"\xff"}']
)
def test_a_created_order_that_cannot_be_read_is_unknown(body: bytes) -> None:
    assert judge("create_order", 200, body) == Unknown("broken_body", None, 200)


@pytest.mark.parametrize(
    ("headers", "capture_id"),
    [
        ({"capture_id": "c-1", "location": "/orders/o/captures/c-2"}, "c-1"),
        ({"location": "https://api.klarna.com/ordermanagement/v1/orders/o/captures/c-2"}, "c-2"),
        ({"location": "/ordermanagement/v1/orders/o/captures/c-2/"}, "c-2"),
        ({"location": "/ordermanagement/v1/orders/o/captures/c-2?a=b/c"}, "c-2"),
        ({"capture_id": " ", "location": "/orders/o/captures/c-2"}, "c-2"),
    ],
)
def test_the_id_of_a_capture(headers: dict[str, str], capture_id: str) -> None:
    assert judge("capture", 201, b"", **headers) == Succeeded(capture_id)


@pytest.mark.parametrize(
    "headers",
    [{}, {"location": ""}, {"location": "/orders/o/captures/"}, {"location": "/orders/o"}, {"refund_id": "r"}],
)
def test_a_capture_without_an_id_is_unknown(headers: dict[str, str]) -> None:
    assert judge("capture", 201, b"", **headers) == Unknown("no_id", None, 201)


def test_the_id_of_a_refund() -> None:
    assert judge("refund", 201, b"", refund_id="r-1") == Succeeded("r-1")
    assert judge("refund", 201, b"", location="/orders/o/refunds/r-2") == Succeeded("r-2")


def test_a_read_gives_the_providers_books() -> None:
    result = judge(READ, 200, msgspec.json.encode(ORDER))
    assert result == Succeeded(
        snapshot=Snapshot(
            "o-1", "part_captured", "ACCEPTED", "EUR", 200, 120, 20, 80, 1659657600.0,
            (CaptureSeen("c-1", 120, "op-1", 20, (("a", 2, 120), ("", 0, 0))),),
            (RefundSeen("r-1", 20, "op-2"),),
            300,
            {
                "merchant_reference1": "536365", "merchant_reference2": "",
                "shipping_address": {}, "shipping_info": [], "captures": {"c-1": []},
            },
        )
    )  # fmt: skip


@pytest.mark.parametrize("status", ["AUTHORIZED", "PART_CAPTURED", "CAPTURED", "CANCELLED", "EXPIRED", "CLOSED"])
def test_each_status_is_read(status: str) -> None:
    result = judge(READ, 200, msgspec.json.encode({**ORDER, "status": status}))
    assert isinstance(result, Succeeded)
    assert result.snapshot is not None
    assert result.snapshot.status == status.lower()


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("2022-08-05T00:00:00Z", 1659657600.0), ("2022-08-05T02:00:00+02:00", 1659657600.0), ("soon", None), (None, None)],
)
def test_the_expiry_is_read_or_left_out(given: str | None, seconds: float | None) -> None:
    result = judge(READ, 200, msgspec.json.encode({**ORDER, "expires_at": given, "captures": None, "refunds": []}))
    assert isinstance(result, Succeeded)
    assert result.snapshot is not None
    assert result.snapshot.expires_at == seconds
    assert result.snapshot.captures == ()


@pytest.mark.parametrize(
    "missing", ["order_id", "status", "fraud_status", "order_amount", "remaining_authorized_amount"]
)
def test_a_read_that_lacks_what_counts_is_retryable(missing: str) -> None:
    body = {name: value for name, value in ORDER.items() if name != missing}
    assert judge(READ, 200, msgspec.json.encode(body)) == Retryable("broken_body", None, None, 200)


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "86400"}, 3600.0),
        ({"retry_after": format_datetime(datetime.fromtimestamp(NOW + 30, UTC), usegmt=True)}, 30.0),
        ({"retry_after": format_datetime(datetime.fromtimestamp(NOW - 30, UTC), usegmt=True)}, 0.0),
        ({"retry_after": "later", "x_ratelimit_reset": "2;w=1"}, 2.0),
        ({"x_ratelimit_reset": str(int(NOW) + 12)}, 12.0),
        ({"ratelimit_reset": "3"}, 3.0),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "9" * 400}, None),
        ({"x_ratelimit_limit": "40;w=1"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], after: float | None) -> None:
    result = judge("capture", 429, b"", **headers)
    assert result == Retryable("too_many_requests", after, None, 429)


def test_klarna_may_say_for_how_long_it_is_away() -> None:
    assert judge("capture", 503, b"", retry_after="7") == Unknown("http_503", None, 503, 7.0)
    assert judge("take_over", 503, b"", retry_after="7") == Retryable("http_503", 7.0, None, 503)
