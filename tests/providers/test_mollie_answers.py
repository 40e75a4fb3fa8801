"""What each of Mollie's answers means, for writes and for reads."""

from typing import Any

import pytest

from ordersaga.domain.model.results import PaymentSeen, Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.providers.http import Answer, Lost, NotSent, Reply
from ordersaga.providers.mollie.answers import result_of
from ordersaga.providers.mollie.operations.table import OPERATIONS

from .mollie_orders import ORDER_ID, eur, shown_line, shown_order, shown_payment, text
from .orders import operation

NOW = 1_700_000_000.0


def error(status: int, detail: str = "No.", **fields: Any) -> bytes:
    return text({"status": status, "title": "Title", "detail": detail, **fields})


def write(reply: Reply, kind: str = "capture", **fields: Any) -> Result:
    return result_of(OPERATIONS[kind], operation(kind, **fields), reply, NOW)


def read(reply: Reply) -> Result:
    return result_of(OPERATIONS["take_over"], None, reply, NOW)


def test_a_refusal_has_the_status_as_its_code_and_mollies_words() -> None:
    body = error(422, "VAT amount is off.", field="lines.3.vatAmount")
    refused = Rejected("422", ("VAT amount is off.", "field: lines.3.vatAmount"), None, 422)
    assert write(Answer(422, {}, body)) == refused
    assert read(Answer(422, {}, body)) == refused


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 415, 422])
def test_refusals(status: int) -> None:
    assert write(Answer(status, {}, error(status))) == Rejected(str(status), ("No.",), None, status)


def test_a_provider_that_is_away_may_say_for_how_long() -> None:
    away = Answer(503, {"retry-after": "7"}, error(503))
    assert write(away) == Unknown("http_503", None, 503, 7.0)
    assert read(away) == Retryable("http_503", 7.0, None, 503)
    assert write(Answer(500, {"retry-after": "7"}, error(500))) == Unknown("http_500", None, 500)


def test_the_words_hold_no_personal_data() -> None:
    body = error(422, "anna@example.com or +31 20 820 2070 is wrong: " + "x" * 600)
    refused = write(Answer(422, {}, body))
    assert isinstance(refused, Rejected)
    assert refused.messages[0].startswith("[e-mail] or [phone] is wrong: ")
    assert len(refused.messages[0]) == 500


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"status":"422","detail":"x"}', b'{"status":422}', b"[]"])
def test_a_refusal_that_isnt_mollies_proves_nothing(body: bytes) -> None:
    assert write(Answer(404, {}, body)) == Unknown("http_404", None, 404)
    assert read(Answer(404, {}, body)) == Retryable("http_404", None, None, 404)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (Answer(401, {}, error(401)), Retryable("unauthorized", None, None, 401)),
        (Answer(429, {"retry-after": "7"}, error(429)), Retryable("too_many_requests", 7.0, None, 429)),
        (Answer(429, {}, b""), Retryable("too_many_requests", None, None, 429)),
        (
            Answer(409, {}, error(409, "A duplicate refund has been detected")),
            Retryable("duplicate_refund", 3600.0, None, 409, look=True),
        ),
        (
            Answer(409, {}, error(409, "Another request with this Idempotency-Key is already being processed.")),
            Unknown("http_409", None, 409),
        ),
        (
            Answer(400, {}, error(400, "The Idempotency-Key was used with other parameters.")),
            Unknown("key_reused", None, 400),
        ),
        (Answer(503, {"retry-after": "7"}, error(503)), Unknown("http_503", None, 503, 7.0)),
        (Answer(500, {"x-request-id": "r-1"}, error(500)), Unknown("http_500", "r-1", 500)),
        (Answer(408, {}, b""), Unknown("http_408", None, 408)),
        (Answer(302, {}, b""), Unknown("redirect", None, 302)),
        (Lost("deadline"), Unknown("deadline")),
        (NotSent("refused"), Retryable("refused")),
    ],
)
def test_other_answers_to_writes(answer: Reply, meaning: Result) -> None:
    assert write(answer, "refund") == meaning


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Answer(503, {}, b""), "http_503"),
        (Answer(409, {}, error(409, "A duplicate refund")), "http_409"),
        (Answer(302, {}, b""), "redirect"),
        (Answer(200, {}, b"{}"), "broken_body"),
        (Answer(200, {}, b"\xff"), "broken_body"),
        (Lost("deadline"), "deadline"),
        (NotSent("dns"), "dns"),
    ],
)
def test_a_read_that_tells_nothing_is_made_again(reply: Reply, reason: str) -> None:
    result = read(reply)
    assert isinstance(result, Retryable)
    assert result.reason == reason


def test_a_created_order_is_answered_whole_with_the_link_to_pay_it() -> None:
    result = write(Answer(201, {}, text(shown_order("created"))), "create_order_to_pay")
    assert isinstance(result, Succeeded)
    assert (result.provider_id, result.result) == (ORDER_ID, {"checkout_url": "https://pay.example/tr_1"})
    assert result.snapshot is not None
    assert result.snapshot.status == "pending_payment"
    paid = write(Answer(201, {}, text(shown_order("paid"))), "create_order_to_pay")
    assert isinstance(paid, Succeeded)
    assert paid.result == {}
    assert write(Answer(201, {}, b"{}"), "create_order_to_pay") == Unknown("broken_body", None, 201)


def test_a_retried_payment_tells_where_it_is_made() -> None:
    result = write(Answer(201, {}, text(shown_payment("open", "tr_2"))), "retry_payment")
    seen = PaymentSeen("tr_2", open=True, status="open", url="https://pay.example/tr_2")
    assert result == Succeeded("tr_2", payment=seen)


SHIPMENT = {
    "id": "shp_1",
    "lines": [shown_line(0, "L-1", 1, "50.00", "50.00"), shown_line(1, "V-1", 1, "-10.00", "-10.00")],
}


def test_a_shipment_of_another_worth_is_no_capture_of_what_was_asked_for() -> None:
    answer = Answer(201, {}, text(SHIPMENT))
    assert write(answer, amount=4000) == Succeeded("shp_1")
    assert write(answer, amount=4001) == Unknown("amount_differs", None, 201)
    assert write(answer, "record_shipment", amount=0) == Succeeded("shp_1")
    assert write(Answer(201, {}, b'{"id":"shp_1"}'), amount=4000) == Unknown("broken_body", None, 201)


@pytest.mark.parametrize(
    ("status", "moving"), [("queued", True), ("pending", True), ("processing", True), ("refunded", False)]
)
def test_a_refund_may_fail_until_it_has_arrived(status: str, moving: bool) -> None:
    answer = Answer(201, {}, text({"id": "re_1", "amount": eur("50.00"), "status": status}))
    for kind in ("refund", "refund_payment"):
        assert write(answer, kind, amount=5000) == Succeeded("re_1", moving=moving)
    assert write(answer, "refund", amount=4999) == Unknown("amount_differs", None, 201)


@pytest.mark.parametrize("kind", ["cancel", "release"])
def test_an_order_that_is_answered_as_ended_is_cancelled(kind: str) -> None:
    assert write(Answer(200, {}, text(shown_order("canceled"))), kind) == Succeeded()
    assert write(Answer(200, {}, text(shown_order("authorized"))), kind) == Unknown("not_ended", None, 200)


def test_an_order_that_is_completed_wasnt_cancelled_as_a_whole() -> None:
    answer = Answer(200, {}, text(shown_order("completed")))
    assert write(answer, "release") == Succeeded()
    assert write(answer, "cancel") == Unknown("not_ended", None, 200)


def test_changes_that_are_answered_with_what_they_changed() -> None:
    for kind, status, body in (
        ("cancel_lines", 204, b""),
        ("change_address", 200, text(shown_order("paid"))),
        ("change_reference", 200, text(shown_order("paid"))),
        ("add_tracking", 200, text(SHIPMENT)),
    ):
        assert write(Answer(status, {}, body), kind) == Succeeded()
    assert write(Answer(202, {}, b""), "cancel_lines") == Unknown("http_202", None, 202)


def test_a_read_is_the_whole_order() -> None:
    result = read(Answer(200, {"request-id": "r-2"}, text(shown_order("paid"))))
    assert isinstance(result, Succeeded)
    assert result.correlation_id == "r-2"
    assert result.snapshot is not None
    assert result.snapshot.provider_id == ORDER_ID
