"""Klarna's Checkout: requests byte for byte, limits, and what each answer means."""

from typing import Any, Final

import msgspec
import pytest

from ordersaga.domain.model.events import CheckoutAbandoned, CheckoutStarted, CheckoutUpdated, Payment, ReferenceChanged
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import OperationType, Request
from ordersaga.domain.model.outcomes import Read
from ordersaga.domain.model.results import CheckoutSeen, Rejected, Result, Retryable, ShippingSeen, Succeeded, Unknown
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna import answers, notifications
from ordersaga.providers.klarna.operations.table import OPERATIONS
from ordersaga.providers.klarna.provider import Klarna

from .orders import ORDER_ID, PATH, TERMS, A, operation, order, placed
from .raw import Exchange, serving

CHECKOUT: Final = f"/checkout/v3/orders/{ORDER_ID}"
URLS: Final = {
    "terms": "https://shop/terms",
    "checkout": "https://shop/checkout",
    "confirmation": "https://shop/thanks",
    "push": "https://shop/push",
}
_LINE: Final = (
    '{"name":"A","quantity":2,"reference":"a","tax_rate":2500,"total_amount":100,"total_discount_amount":0,'
    '"total_tax_amount":20,"type":"physical","unit_price":50}'
)
_URLS: Final = (
    '"merchant_urls":{"checkout":"https://shop/checkout","confirmation":"https://shop/thanks",'
    '"push":"https://shop/push","terms":"https://shop/terms"}'
)


def started(**fields: Any) -> CheckoutStarted:
    given = {
        "purchase_country": "SE",
        "purchase_currency": "SEK",
        "locale": "sv-SE",
        "order_amount": 100,
        "order_lines": (A,),
        "merchant_urls": URLS,
    }
    return CheckoutStarted(**{**given, **fields})


def answered(kind: OperationType, status: int, data: bytes = b"", **headers: str) -> Result:
    return answers.result_of(OPERATIONS[kind], Answer(status, headers, data), 0.0)


def refused(kind: OperationType, status: int, code: str) -> Result:
    error = {"error_code": code, "error_messages": ["no"], "correlation_id": "corr-1"}
    return answered(kind, status, msgspec.json.encode(error))


# requests


def test_a_new_checkout_order_is_pinned() -> None:
    data = started(recurring=True, options={"auto_capture": False}, gui={"options": ["disable_autofocus"]})
    assert TERMS.freeze(order(), operation("create_checkout"), data) == Request(
        "POST",
        "/checkout/v3/orders",
        '{"gui":{"options":["disable_autofocus"]},"locale":"sv-SE","merchant_reference1":"536365",'
        f'{_URLS},"options":{{"auto_capture":false}},"order_amount":100,"order_lines":[{_LINE}],"order_tax_amount":20,'
        '"purchase_country":"SE","purchase_currency":"SEK","recurring":true}',
        None,
    )


def test_an_update_sends_what_was_given_and_nothing_else() -> None:
    data = CheckoutUpdated(order_amount=100, order_lines=(A,))
    expected = f'{{"order_amount":100,"order_lines":[{_LINE}],"order_tax_amount":20}}'
    assert TERMS.freeze(order(), operation("update_checkout"), data) == Request("POST", CHECKOUT, expected, None)
    alone = TERMS.freeze(order(), operation("update_checkout"), CheckoutUpdated(merchant_reference2="x"))
    assert alone.body == '{"merchant_reference2":"x"}'


def test_abandoning_acknowledging_and_referencing_are_pinned() -> None:
    assert TERMS.freeze(order(), operation("abandon_checkout"), CheckoutAbandoned()) == Request(
        "POST", f"{CHECKOUT}/abort", "", None
    )
    assert TERMS.freeze(order(), operation("acknowledge"), None) == Request(
        "POST", f"{PATH}/acknowledge", "", "0c0a9b2e-op"
    )
    assert TERMS.freeze(order(), operation("set_references"), ReferenceChanged(merchant_reference1="77")) == Request(
        "PATCH", f"{PATH}/merchant-references", '{"merchant_reference1":"77"}', "0c0a9b2e-op"
    )


@pytest.mark.parametrize("kind", ["update_checkout", "abandon_checkout"])
def test_what_changes_a_checkout_order_needs_one(kind: OperationType) -> None:
    with pytest.raises(ValueError, match=f"'536365' has no Checkout order: {kind} can't be frozen"):
        TERMS.freeze(order(provider_order_id=None), operation(kind), CheckoutUpdated())


def test_a_placed_that_names_it_needs_neither_amount_nor_lines() -> None:
    data = placed(payment=Payment(provider="klarna", checkout_order_id=ORDER_ID), order_lines=(), order_amount=-1)
    assert TERMS.supports("complete_checkout", data)
    assert not TERMS.supports("create_order", data)
    assert TERMS.refusals(data) == []
    dots = placed(payment=Payment(provider="klarna", checkout_order_id=".."))
    assert TERMS.refusals(dots) == ["$.payment.checkout_order_id: not an id"]
    long = placed(payment=Payment(provider="klarna", checkout_order_id="k"), merchant_reference2="x" * 256)
    assert TERMS.refusals(long) == ["$.merchant_reference2: 256 characters, at most 255"]


# limits


def line(**fields: Any) -> OrderLine:
    return OrderLine(**{"name": "A", "quantity": 1, "unit_price": 1, "total_amount": 1, **fields})


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        (
            {"order_lines": (line(unit_price=100_000_001, total_amount=100_000_001),)},
            [
                "$.order_lines[0].unit_price: at most 100000000 in Checkout",
                "$.order_lines[0].total_amount: at most 100000000 in Checkout",
            ],
        ),
        ({"order_lines": (line(tax_rate=10_001),)}, ["$.order_lines[0].tax_rate: 0 to 10000"]),
        ({"order_tax_amount": -1}, ["$.order_tax_amount: at least 0"]),
        ({"locale": "sv_SE"}, ["$.locale: must match ^[A-Za-z]{2}(?:-[A-Za-z]{2})*$"]),
        ({"merchant_reference1": "x" * 256}, ["$.merchant_reference1: 256 characters, at most 255"]),
        ({"merchant_data": "x" * 6001}, ["$.merchant_data: 6001 characters, at most 6000"]),
        (
            {"merchant_urls": URLS | {"push": "", "terms": "x" * 2001}},
            ["$.merchant_urls.push: is needed in Checkout", "$.merchant_urls.terms: 2001 characters, at most 2000"],
        ),
        (
            {"merchant_urls": URLS | {"validation": "http://shop/v"}},
            ["$.merchant_urls.validation: a URL with https"],
        ),
        (
            {"options": {"acquiring_channel": "PHONE"}},
            ["$.options.acquiring_channel: ECOMMERCE, MOTO, IN_STORE, TELESALES"],
        ),
    ],
)
def test_what_checkout_would_not_take_is_refused_before_the_call(fields: dict[str, Any], refusal: list[str]) -> None:
    assert TERMS.refusals(started(**fields)) == refusal
    assert TERMS.refusals(CheckoutUpdated(**fields)) == refusal


def test_what_checkout_takes_is_taken() -> None:
    most = line(unit_price=100_000_000, total_amount=100_000_000, tax_rate=10_000)
    assert TERMS.refusals(started(order_lines=(most,))) == []
    assert TERMS.refusals(CheckoutUpdated()) == []


# answers


def test_the_snippet_is_for_the_shop_and_location_is_not_followed() -> None:
    body = msgspec.json.encode({"order_id": "k-1", "html_snippet": "<div/>", "status": "checkout_incomplete"})
    made = answered("create_checkout", 201, body, location="https://elsewhere.example/checkout/v3/orders/k-2")
    assert made == Succeeded("k-1", result={"html_snippet": "<div/>"})
    assert answered("update_checkout", 200, body) == Succeeded(result={"html_snippet": "<div/>"})
    assert answered("create_checkout", 201, b"{}") == Unknown("broken_body", None, 201)
    assert answered("abandon_checkout", 200, b"{}") == Succeeded()
    assert answered("create_checkout", 502) == Unknown("http_502", None, 502)


@pytest.mark.parametrize("kind", ["update_checkout", "abandon_checkout"])
def test_a_completed_order_is_refused_with_advice(kind: OperationType) -> None:
    result = refused(kind, 403, "READ_ONLY_ORDER")
    assert isinstance(result, Rejected)
    assert (result.code, result.status, result.messages) == ("READ_ONLY_ORDER", 403, ("no",))
    assert "amended or cancelled" in (result.advice or "")


SEEN: Final = {
    "order_id": ORDER_ID,
    "status": "checkout_complete",
    "purchase_currency": "SEK",
    "order_amount": 100,
    "order_lines": [
        {"name": "A", "quantity": 2, "unit_price": 50, "total_amount": 100, "reference": None, "total_tax_amount": 20}
    ],
    "recurring_token": "chargeable",
}


@pytest.mark.parametrize(
    ("status", "complete"),
    [("checkout_complete", True), ("CHECKOUT_COMPLETE", True), ("CHECKOUT_INCOMPLETE", False), ("incomplete", False)],
)
def test_a_read_shows_whether_the_customer_has_completed_it(status: str, complete: bool) -> None:
    result = answered("complete_checkout", 200, msgspec.json.encode(SEEN | {"status": status}))
    line = OrderLine(name="A", quantity=2, unit_price=50, total_amount=100, total_tax_amount=20)
    seen = CheckoutSeen(ORDER_ID, complete, "SEK", 100, (line,), customer_token="chargeable")
    assert result == Succeeded(checkout=seen)


def test_a_read_shows_the_shipping_option_that_the_customer_chose() -> None:
    chosen = {"id": "home", "name": "Home delivery", "price": 30, "tax_rate": 2500, "preselected": True}
    result = answered("complete_checkout", 200, msgspec.json.encode(SEEN | {"selected_shipping_option": chosen}))
    assert isinstance(result, Succeeded)
    assert result.checkout is not None
    assert result.checkout.shipping == ShippingSeen("home", 30)


@pytest.mark.parametrize("ident", ["", ".", "..", "a b", "a\x00", "é", "x" * 256])
def test_an_id_that_can_not_be_part_of_a_path_is_none(ident: str) -> None:
    body = msgspec.json.encode({"order_id": ident, "html_snippet": "<div/>"})
    assert answered("create_checkout", 201, body) == Unknown("broken_body", None, 201)


@pytest.mark.parametrize(
    "broken", [{"status": "checkout_paused"}, {"order_amount": -1}, {"order_lines": None}, {"order_id": 7}]
)
def test_a_read_that_shows_neither_is_made_again(broken: dict[str, Any]) -> None:
    result = answered("complete_checkout", 200, msgspec.json.encode(SEEN | broken))
    assert result == Retryable("broken_body", None, None, 200)


async def test_the_reads_are_of_checkout_and_then_of_order_management() -> None:
    async def seen(exchange: Exchange) -> None:
        await exchange.read()
        body = msgspec.json.encode(SEEN)
        await exchange.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with serving(seen) as raw:
        klarna = Klarna("user", "password", f"http://127.0.0.1:{raw.port}", 1, TERMS)
        for call in (Read(ORDER_ID, of="checkout"), Read(ORDER_ID, operation("complete_checkout"))):
            result = await klarna.call(call, 5.0)
            assert isinstance(result, Succeeded)
            assert result.checkout is not None
        other = await klarna.call(Read(ORDER_ID, operation("confirm_checkout")), 5.0)
        assert other == Retryable("broken_body", None, None, 200)
        await klarna.close()
    lines = [request.partition(b" HTTP")[0].decode() for request in raw.requests]
    assert lines == [f"GET {CHECKOUT}", f"GET {CHECKOUT}", f"GET {PATH}"]


def test_a_push_names_its_order_unless_the_placeholder_was_not_replaced() -> None:
    assert notifications.order_id_of("push", b"", {"klarna_order_id": ORDER_ID}) == ORDER_ID
    assert notifications.order_id_of("push", b"", {"klarna_order_id": "{checkout.order.id}"}) is None


@pytest.mark.parametrize("kind", ["acknowledge", "set_references"])
@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_success_ends_what_no_read_could_show(kind: OperationType, status: int) -> None:
    assert answered(kind, status) == Succeeded()
