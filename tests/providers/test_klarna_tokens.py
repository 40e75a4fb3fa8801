"""Klarna's customer tokens: requests byte for byte, limits, and what each answer means."""

from typing import Any, Final

import msgspec
import pytest

from ordersaga.domain.model.events import CustomerTokenCancelled, CustomerTokenRequested, Payment, Placed
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import Details, OperationType, Request
from ordersaga.domain.model.outcomes import Read, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna import answers
from ordersaga.providers.klarna.operations.cancel_customer_token import TOKEN_READ
from ordersaga.providers.klarna.operations.table import OPERATIONS
from ordersaga.providers.klarna.provider import Klarna

from .orders import TERMS, body, operation, order, placed
from .raw import Exchange, serving

TOKEN: Final = "0b1d9815/165e"
PATH: Final = "/customer-token/v1/tokens/0b1d9815%2F165e"


def by_token(**fields: Any) -> Placed:
    return placed(payment=Payment(provider="klarna", customer_token=TOKEN), **fields)


def answered(kind: OperationType, status: int, data: bytes = b"", **headers: str) -> Result:
    return answers.result_of(OPERATIONS[kind], Answer(status, headers, data), 0.0)


def refused(kind: OperationType, status: int, code: str) -> Result:
    error = {"error_code": code, "error_messages": ["no"], "correlation_id": "corr-1"}
    return answered(kind, status, msgspec.json.encode(error))


# an order by customer token


def test_a_token_order_is_pinned() -> None:
    line = OrderLine(name="A", reference="a", quantity=2, unit_price=50, total_amount=100, tax_rate=2500)
    data = by_token(
        order_lines=(line,),
        order_amount=100,
        locale="en-GB",
        auto_capture=True,
        billing_address={"city": "Hull"},
        shipping_address={"city": "York"},
        customer={"date_of_birth": "1970-01-01"},
        merchant_urls={"confirmation": "https://shop/thanks"},
    )
    assert TERMS.freeze(order(), operation("create_token_order", 100), data) == Request(
        "POST",
        f"{PATH}/order",
        '{"auto_capture":true,"locale":"en-GB","merchant_reference1":"536365",'
        '"merchant_urls":{"confirmation":"https://shop/thanks"},"order_amount":100,"order_lines":['
        '{"name":"A","quantity":2,"reference":"a","tax_rate":2500,"total_amount":100,'
        '"total_discount_amount":0,"total_tax_amount":20,"type":"physical","unit_price":50}],'
        '"order_tax_amount":20,"purchase_currency":"GBP","shipping_address":{"city":"York"}}',
        "0c0a9b2e-op",
    )


def test_a_token_order_needs_its_event() -> None:
    with pytest.raises(ValueError, match="'536365': create_token_order needs its event, with a customer token"):
        TERMS.freeze(order(), operation("create_token_order"), placed())


def test_the_customer_pays_by_one_way() -> None:
    assert TERMS.supports("create_token_order", by_token())
    assert not TERMS.supports("create_token_order", placed())
    assert not TERMS.supports("create_order", by_token())


def test_its_key_is_trusted_for_less_than_klarna_keeps_it() -> None:
    assert TERMS.key_seconds("create_token_order") == 23 * 3600


LINE: Final[dict[str, Any]] = {"name": "A", "quantity": 1, "unit_price": 100, "total_amount": 100}


@pytest.mark.parametrize(
    ("fields", "refusals"),
    [
        ({}, []),
        ({"order_amount": 0}, ["$.order_amount: at least 1 with a customer token"]),
        (
            {"order_lines": (OrderLine(**{**LINE, "unit_price": 100_000_001, "merchant_data": "m" * 256}),)},
            [
                "$.order_lines[0].unit_price: at most 100000000 with a customer token",
                "$.order_lines[0].merchant_data: 256 characters, at most 255",
            ],
        ),
        (
            {"merchant_urls": {"push": "https://p"}, "attachment": {"body": "{}"}},
            [
                "$.merchant_urls.confirmation: is needed with a customer token",
                "$.attachment.content_type: is needed with a customer token",
            ],
        ),
        ({"purchase_currency": "GBP", "merchant_reference2": "r" * 256}, ["$.merchant_reference2: 256 characters, at most 255"]),
        ({"billing_address": {"postal_code": "1" * 11}}, []),  # it isn't sent
    ],
)  # fmt: skip
def test_limits_of_a_token_order(fields: dict[str, Any], refusals: list[str]) -> None:
    assert TERMS.refusals(by_token(**fields)) == refusals


def test_an_order_worth_nothing_needs_an_authorization() -> None:
    assert TERMS.refusals(placed(order_amount=0)) == []


def test_a_customer_token_is_a_segment_of_the_path() -> None:
    dots = placed(payment=Payment(provider="klarna", customer_token=".."))
    assert TERMS.refusals(dots) == ["$.payment.customer_token: not an id"]


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (404, "TOKEN_NOT_FOUND", "doesn't know it"),
        (404, "NOT_FOUND", "doesn't know it"),
        (403, "TOKEN_SUSPENDED", "may be placed again, under a new event id"),
        (403, "TOKEN_CANCELED", "ask the customer for a new authorization: this token's error is final"),
        (403, "TOKEN_CANCELLED", "ask the customer for a new authorization: this token's error is final"),
        (403, "UNAVAILABLE_PAYMENT_METHOD", "another way of payment"),
        (403, "PAYMENT_METHOD_FAILED", "may be placed again, under a new event id"),
        (400, "BAD_REQUEST", None),
    ],
)
def test_each_refusal_of_a_token_order_has_its_advice(status: int, code: str, advice: str | None) -> None:
    result = refused("create_token_order", status, code)
    assert isinstance(result, Rejected)
    assert (result.code, result.messages, result.correlation_id, result.conclusive) == (code, ("no",), "corr-1", False)
    assert (advice or "") in (result.advice or "")
    assert (result.advice is None) is (advice is None)


@pytest.mark.parametrize("status", [409, 500, 502, 503, 504])
def test_what_tells_nothing_of_a_token_order_is_unknown(status: int) -> None:
    result = refused("create_token_order", status, "SERVICE_UNAVAILABLE")
    assert result == Unknown(f"http_{status}", "corr-1", status)


def test_a_token_order_tells_what_it_made() -> None:
    smallest = b'{"order_id":"o-1","fraud_status":"ACCEPTED"}'
    assert answered("create_token_order", 200, smallest) == Succeeded("o-1", None, "ACCEPTED")
    assert answered("create_token_order", 200, b"{}") == Unknown("broken_body", None, 200)


# making a customer token


def requested(**fields: Any) -> CustomerTokenRequested:
    given = {
        "authorization_token": "b4bd/3423",
        "purchase_country": "GB",
        "purchase_currency": "GBP",
        "locale": "en-GB",
        "description": "Tea club",
        "intended_use": "subscription",
    }
    return CustomerTokenRequested(**{**given, **fields})


def beside(tokenize: dict[str, Any], **fields: Any) -> Placed:
    payment = Payment(provider="klarna", authorization_token="b4bd/3423", tokenize=tokenize)
    return placed(payment=payment, **fields)


def test_a_request_for_a_token_is_pinned() -> None:
    data = requested(customer={"date_of_birth": "1970-01-01"}, billing_address={"city": "Hull"})
    assert TERMS.freeze(order(), operation("create_customer_token"), data) == Request(
        "POST",
        "/payments/v1/authorizations/b4bd%2F3423/customer-token",
        '{"billing_address":{"city":"Hull"},"customer":{"date_of_birth":"1970-01-01"},"description":"Tea club",'
        '"intended_use":"SUBSCRIPTION","locale":"en-GB","purchase_country":"GB","purchase_currency":"GBP"}',
    )


def test_beside_an_order_what_is_left_out_is_the_orders() -> None:
    data = beside(
        {"description": "Tea club", "intended_use": "SUBSCRIPTION", "locale": "de-DE"},
        locale="en-GB",
        billing_address={"city": "Hull"},
    )
    assert body(TERMS.freeze(order(), operation("create_customer_token"), data)) == {
        "billing_address": {"city": "Hull"},
        "description": "Tea club",
        "intended_use": "SUBSCRIPTION",
        "locale": "de-DE",
        "purchase_country": "GB",
        "purchase_currency": "GBP",
    }
    create = TERMS.freeze(order(), operation("create_order"), data)
    assert create.path == "/payments/v1/authorizations/b4bd%2F3423/order"
    assert "tokenize" not in create.body


@pytest.mark.parametrize(
    ("fields", "refusals"),
    [
        ({}, []),
        ({"description": ""}, ["$.description: 0 characters, 1 to 255"]),
        ({"description": "d" * 256}, ["$.description: 256 characters, 1 to 255"]),
        ({"intended_use": "ON_DEMAND"}, ["$.intended_use: SUBSCRIPTION"]),
        ({"locale": "english"}, ["$.locale: must match ^[A-Za-z]{2}(?:-[A-Za-z]{2})*$"]),
        ({"authorization_token": "."}, ["$.authorization_token: not an id"]),
        ({"billing_address": {"postal_code": "1" * 11}}, ["$.billing_address.postal_code: 11 characters, at most 10"]),
    ],
)
def test_limits_of_a_request_for_a_token(fields: dict[str, Any], refusals: list[str]) -> None:
    assert TERMS.refusals(requested(**fields)) == refusals


def test_limits_of_a_token_beside_an_order() -> None:
    given = {"description": "", "intended_use": "SUBSCRIPTION"}
    assert TERMS.refusals(beside(given)) == [
        "$.payment.tokenize.description: 0 characters, 1 to 255",
        "$.payment.tokenize.locale: is needed",
    ]
    assert TERMS.refusals(beside({**given, "description": "Tea"}, locale="en-GB")) == []


def test_a_token_that_was_made_is_a_result_and_no_id() -> None:
    made = b'{"token_id":"t-1","redirect_url":"https://r","customer":{"date_of_birth":"1970-01-01"}}'
    assert answered("create_customer_token", 200, made, **{"klarna-correlation-id": "k"}) == Succeeded(
        None, "k", result={"customer_token": "t-1", "redirect_url": "https://r"}
    )
    assert answered("create_customer_token", 200, b'{"token_id":""}') == Unknown("broken_body", None, 200)


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (403, "INVALID_OPERATION", "an intent that allows customer tokens"),
        (404, "NOT_FOUND", "ask the customer for a new one"),
        (409, "BAD_VALUE", None),
        (400, "BAD_REQUEST", None),
    ],
)
def test_each_refusal_of_a_token(status: int, code: str, advice: str | None) -> None:
    result = refused("create_customer_token", status, code)
    assert isinstance(result, Rejected)
    assert (result.code, result.advice is None) == (code, advice is None)
    assert (advice or "") in (result.advice or "")


def test_neither_has_a_key() -> None:
    assert {TERMS.key_seconds(name) for name in ("create_customer_token", "cancel_customer_token")} == {0}


# cancelling it


def test_a_cancellation_is_pinned_and_read() -> None:
    patch = Request("PATCH", f"{PATH}/status", '{"status":"CANCELLED"}')
    named = CustomerTokenCancelled(customer_token=TOKEN)
    assert TERMS.freeze(order(), operation("cancel_customer_token"), named) == patch
    own = order(details=Details(customer_token=TOKEN))
    assert TERMS.freeze(own, operation("cancel_customer_token"), CustomerTokenCancelled()) == patch
    assert TERMS.reading(patch) == Request("GET", PATH)
    with pytest.raises(ValueError, match="'536365' has no customer token: cancel_customer_token can't be frozen"):
        TERMS.freeze(order(), operation("cancel_customer_token"), CustomerTokenCancelled())


def test_a_token_that_is_no_segment_of_a_path_is_refused() -> None:
    assert TERMS.refusals(CustomerTokenCancelled(customer_token="..")) == ["$.customer_token: not an id"]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_cancellation_is_accepted_by_any_success(status: int) -> None:
    assert answered("cancel_customer_token", status) == Succeeded()


@pytest.mark.parametrize("code", ["NOT_FOUND", "TOKEN_NOT_FOUND"])
def test_an_unknown_token_has_advice(code: str) -> None:
    result = refused("cancel_customer_token", 404, code)
    assert isinstance(result, Rejected)
    assert "doesn't know it" in (result.advice or "")


@pytest.mark.parametrize(
    ("given", "status"),
    [("active", "active"), ("SUSPENDED", "suspended"), ("CANCELLED", "cancelled"), ("canceled", "cancelled")],
)
def test_each_status_of_a_token_is_read(given: str, status: str) -> None:
    seen = msgspec.json.encode({"status": given, "payment_method_type": "INVOICE"})
    assert answers.result_of(TOKEN_READ, Answer(200, {}, seen), 0.0) == Succeeded(token_status=status)  # type: ignore[arg-type]  # one of them


@pytest.mark.parametrize("seen", [b'{"status":"frozen"}', b"{}", b""])
def test_a_status_that_is_not_known_is_read_again(seen: bytes) -> None:
    assert answers.result_of(TOKEN_READ, Answer(200, {}, seen), 0.0) == Retryable("broken_body", None, None, 200)


async def test_the_calls_go_out_as_they_are_documented() -> None:
    async def accepted(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    async def cancelled(exchange: Exchange) -> None:
        await exchange.read()
        seen = b'{"status":"cancelled","payment_method_type":"INVOICE"}'
        await exchange.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(seen), seen))

    own, one = order(details=Details(customer_token=TOKEN)), operation("cancel_customer_token")
    async with serving(accepted, cancelled, accepted) as raw:
        klarna = Klarna("user", "password", f"http://127.0.0.1:{raw.port}", 1, TERMS)
        patch = TERMS.freeze(own, one, CustomerTokenCancelled())
        assert await klarna.call(Send(one, patch), 5.0) == Succeeded()
        assert await klarna.call(Read("", one, TERMS.reading(patch)), 5.0) == Succeeded(token_status="cancelled")
        placing = operation("create_token_order", 3060)
        await klarna.call(Send(placing, TERMS.freeze(order(), placing, by_token())), 5.0)
        await klarna.close()
    first, second, third = raw.requests
    assert first.startswith(f"PATCH {PATH}/status HTTP/1.1".encode())
    assert first.endswith(b'{"status":"CANCELLED"}')
    assert b"klarna-idempotency-key" not in first.lower()
    assert second.startswith(f"GET {PATH} HTTP/1.1".encode())
    assert third.startswith(f"POST {PATH}/order HTTP/1.1".encode())
    assert b"klarna-idempotency-key: 0c0a9b2e-op" in third.lower()
