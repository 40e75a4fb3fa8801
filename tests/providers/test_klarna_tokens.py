"""Klarna's customer tokens: requests byte for byte, limits, and what each answer means."""

from typing import Any, Final

import msgspec
import pytest

from ordersaga.domain.model.events import Payment, Placed
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import OperationType, Request
from ordersaga.domain.model.results import Rejected, Result, Succeeded, Unknown
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna import answers
from ordersaga.providers.klarna.operations.table import OPERATIONS

from .orders import TERMS, operation, order, placed

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


LINE: Final = {"name": "A", "quantity": 1, "unit_price": 100, "total_amount": 100}


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
