"""The requests that Klarna gets, byte for byte; amounts worked out by hand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.model.events import (
    Amended,
    AuthorizationAbandoned,
    Payment,
    ReferenceChanged,
    Returned,
    ReturnFee,
    Shipped,
)
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import Allocation, OperationType, Order, Request

from .orders import KINDS, PATH, SHIPPING, TERMS, VOUCHER, A, B, body, line_of, operation, order, placed


def test_create_order_is_pinned() -> None:
    data = placed(locale="en-GB", billing_address={"given_name": "Zoë", "city": "Hull"}, merchant_reference2="r2")
    assert TERMS.freeze(order(), operation("create_order", 3060), data) == Request(
        "POST",
        "/payments/v1/authorizations/b4bd3423-24e3/order",
        '{"billing_address":{"city":"Hull","given_name":"Zoë"},"locale":"en-GB",'
        '"merchant_reference1":"536365","merchant_reference2":"r2","order_amount":3060,"order_lines":['
        '{"name":"Light holder","quantity":6,"reference":"85123A","tax_rate":2000,"total_amount":1530,'
        '"total_discount_amount":0,"total_tax_amount":255,"type":"physical","unit_price":255},'
        '{"name":"Voucher code","quantity":6,"quantity_unit":"pcs","tax_rate":0,"total_amount":1530,'
        '"total_discount_amount":0,"total_tax_amount":0,"type":"digital","unit_price":255}],'
        '"order_tax_amount":255,"purchase_country":"GB","purchase_currency":"GBP"}',
    )


def test_create_order_asks_for_notifications_where_there_is_an_address() -> None:
    terms = replace(TERMS, notified_at=lambda key, operation_id: f"https://pay/{key.subject}?operation={operation_id}")
    asked = terms.freeze(order(), operation("create_order", 3060), placed())
    plain = TERMS.freeze(order(), operation("create_order", 3060), placed())
    address = "https://pay/536365?operation=0c0a9b2e-op&order_id={order.id}"
    assert body(asked) == body(plain) | {"merchant_urls": {"notification": address}}
    assert asked == terms.freeze(order(), operation("create_order", 3060), placed()), "the same text each time"
    reference = ReferenceChanged(merchant_reference1="new")
    changed = [one.freeze(order(), operation("change_reference"), reference) for one in (terms, TERMS)]
    assert changed[0] == changed[1]


def test_create_order_passes_on_what_the_shop_gives() -> None:
    extras: dict[str, Any] = {
        "order_tax_amount": 254,
        "customer": {"date_of_birth": "1970-01-01"},
        "shipping_address": {"city": "York"},
        "merchant_reference1": "own",
        "merchant_data": "{}",
        "merchant_urls": {"notification": "https://shop/{order.id}"},
        "custom_payment_method_ids": ("m-1",),
        "attachment": {"content_type": "application/x", "body": "{}"},
        "auto_capture": True,
    }
    sent = body(TERMS.freeze(order(), operation("create_order"), placed(**extras)))
    for name, value in extras.items():
        assert sent[name] == (list(value) if isinstance(value, tuple) else value)
    assert "payment" not in sent


def test_a_tax_that_the_shop_gives_is_sent() -> None:
    line = OrderLine(name="A", quantity=1, unit_price=125, total_amount=125, tax_rate=2500, total_tax_amount=24)
    sent = body(TERMS.freeze(order(), operation("create_order"), placed(order_lines=(line,), order_amount=125)))
    assert sent["order_lines"][0]["total_tax_amount"] == 24
    assert sent["order_tax_amount"] == 24


def test_a_token_stays_one_segment_of_the_path() -> None:
    payment = Payment(provider="klarna", authorization_token="a/b?c#d%é ~")
    data = placed(payment=payment)
    create = TERMS.freeze(order(), operation("create_order"), data)
    segment = "a%2Fb%3Fc%23d%25%C3%A9%20~"
    assert create.path == f"/payments/v1/authorizations/{segment}/order"
    withdraw = Request("DELETE", f"/payments/v1/authorizations/{segment}")
    assert TERMS.revocation(create) == withdraw
    assert TERMS.freeze(order(), operation("cancel_authorization"), data) == withdraw
    abandoned = AuthorizationAbandoned(authorization_token="a/b?c#d%é ~")
    assert TERMS.freeze(order(), operation("cancel_authorization"), abandoned) == withdraw
    assert TERMS.refusals(abandoned) == []
    assert TERMS.refusals(AuthorizationAbandoned(authorization_token="..")) == ["$.authorization_token: not an id"]


def test_capture_is_pinned() -> None:
    data = Shipped(description="Part 1", shipping_info=({"tracking_number": "T1"},), shipping_delay=0)
    allocations = (Allocation(0, 1, 50), Allocation(2, 0, 5))
    frozen = TERMS.freeze(order(A, B, SHIPPING), operation("capture", 55, allocations), data)
    assert frozen == Request(
        "POST",
        f"{PATH}/captures",
        '{"captured_amount":55,"description":"Part 1","order_lines":['
        '{"name":"A","quantity":1,"reference":"a","tax_rate":2500,"total_amount":50,'
        '"total_discount_amount":0,"total_tax_amount":10,"type":"physical","unit_price":50},'
        '{"name":"Post","quantity":1,"reference":"s","tax_rate":0,"total_amount":5,'
        '"total_discount_amount":15,"total_tax_amount":0,"type":"shipping_fee","unit_price":20}],'
        '"reference":"0c0a9b2e-op","shipping_delay":0,"shipping_info":[{"tracking_number":"T1"}]}',
        "0c0a9b2e-op",
    )


def test_a_part_keeps_the_unit_price_and_shows_the_rest_as_discount() -> None:
    line = OrderLine(
        name="A", reference="a", quantity=3, unit_price=40, total_amount=100, total_discount_amount=20, tax_rate=1900
    )
    sent = body(TERMS.freeze(order(line), operation("capture", 33, (Allocation(0, 1, 33),)), Shipped()))
    part = sent["order_lines"][0]
    assert (part["quantity"], part["unit_price"], part["total_discount_amount"], part["total_amount"]) == (1, 40, 7, 33)
    assert part["total_tax_amount"] == 5  # 33 - 33 * 10000 / 11900 = 5.27


def test_a_negative_discount_sends_the_amount_alone() -> None:
    """The voucher's part of -10 would need a discount of 1 * -40 - -10 = -30."""
    allocations = (Allocation(0, 1, 50), Allocation(1, 0, -10))
    sent = body(TERMS.freeze(order(A, VOUCHER), operation("capture", 40, allocations), Shipped(description="x")))
    assert sent == {"captured_amount": 40, "reference": "0c0a9b2e-op", "description": "x"}


def test_a_whole_negative_line_is_sent() -> None:
    allocations = (Allocation(0, 2, 100), Allocation(1, 1, -40))
    sent = body(TERMS.freeze(order(A, VOUCHER), operation("capture", 60, allocations), None))
    assert [line["total_amount"] for line in sent["order_lines"]] == [100, -40]


def test_without_draws_or_with_others_than_the_amount_it_goes_alone() -> None:
    for allocations in ((), (Allocation(0, 1, 50),)):
        sent = body(TERMS.freeze(order(A), operation("capture", 51, allocations), Shipped()))
        assert sent == {"captured_amount": 51, "reference": "0c0a9b2e-op"}


def test_lines_keep_their_further_fields() -> None:
    extras: dict[str, Any] = {
        "quantity_unit": "kg",
        "merchant_data": "m",
        "product_url": "https://p",
        "image_url": "https://i",
        "product_identifiers": {"brand": "B"},
        "subscription": {"name": "S", "interval": "MONTH", "interval_count": 1},
    }
    line = OrderLine(name="A", reference="a", quantity=2, unit_price=50, total_amount=100, **extras)
    sent = body(TERMS.freeze(order(line), operation("capture", 50, (Allocation(0, 1, 50),)), Shipped()))
    assert {name: sent["order_lines"][0][name] for name in extras} == extras


def test_refund_is_pinned_with_its_return_fee() -> None:
    data = Returned(description="Back", return_fee=ReturnFee(amount=10, name="Fee", tax_rate=2500))
    frozen = TERMS.freeze(order(A), operation("refund", 90, (Allocation(0, 2, 100),), kept=10), data)
    assert frozen == Request(
        "POST",
        f"{PATH}/refunds",
        '{"description":"Back","order_lines":['
        '{"name":"A","quantity":2,"reference":"a","tax_rate":2500,"total_amount":100,'
        '"total_discount_amount":0,"total_tax_amount":20,"type":"physical","unit_price":50},'
        '{"name":"Fee","quantity":1,"tax_rate":2500,"total_amount":-10,"total_discount_amount":0,'
        '"total_tax_amount":-2,"type":"return_fee","unit_price":-10}],"reference":"0c0a9b2e-op",'
        '"refunded_amount":90}',
        "0c0a9b2e-op",
    )


def test_a_refund_by_amount_has_no_lines_with_and_without_a_fee() -> None:
    for kept in (0, 10):
        data = Returned(return_fee=ReturnFee(amount=kept))
        sent = body(TERMS.freeze(order(A), operation("refund", 30, kept=kept), data))
        assert sent == {"refunded_amount": 30, "reference": "0c0a9b2e-op"}


@pytest.mark.parametrize(
    ("kind", "path"), [("cancel", f"{PATH}/cancel"), ("release", f"{PATH}/release-remaining-authorization")]
)
def test_cancel_and_release_have_no_body(kind: OperationType, path: str) -> None:
    assert TERMS.freeze(order(A), operation(kind, 100), None) == Request("POST", path, "", "0c0a9b2e-op")


def test_amend_tells_all_that_was_captured_or_still_may_be() -> None:
    """One A of two cancelled, B cancelled whole, a quarter of the fee gone with them."""
    lines = (
        replace(line_of(A), captured_quantity=1, captured=50, cancelled_quantity=1, cancelled=50),
        replace(line_of(B), cancelled_quantity=1, cancelled=100),
        replace(line_of(SHIPPING), cancelled=15),
    )
    frozen = TERMS.freeze(order(A, B, SHIPPING, lines=lines), operation("amend", 165, target=55), None)
    assert frozen == Request(
        "PATCH",
        f"{PATH}/authorization",
        '{"order_amount":55,"order_lines":['
        '{"name":"A","quantity":1,"reference":"a","tax_rate":2500,"total_amount":50,'
        '"total_discount_amount":0,"total_tax_amount":10,"type":"physical","unit_price":50},'
        '{"name":"Post","quantity":1,"reference":"s","tax_rate":0,"total_amount":5,'
        '"total_discount_amount":15,"total_tax_amount":0,"type":"shipping_fee","unit_price":20}]}',
        "0c0a9b2e-op",
    )


def test_amend_by_new_lines_sends_them_with_the_description() -> None:
    data = Amended(order_amount=120, order_lines=(A, SHIPPING), description="Less")
    sent = body(TERMS.freeze(order(A, SHIPPING), operation("amend", 120, target=120), data))
    assert (sent["order_amount"], sent["description"]) == (120, "Less")
    assert [line["total_amount"] for line in sent["order_lines"]] == [100, 20]


def test_amend_whose_lines_differ_from_the_amount_sends_the_amount_alone() -> None:
    assert body(TERMS.freeze(order(A), operation("amend", 1, target=99), None)) == {"order_amount": 99}


def test_what_cannot_be_frozen_says_why() -> None:
    with pytest.raises(ValueError, match="no request to freeze"):
        TERMS.freeze(order(A), operation("take_over"), placed())
    with pytest.raises(ValueError, match="'536365': create_order needs its event"):
        TERMS.freeze(order(A), operation("create_order"), None)
    with pytest.raises(ValueError, match="'536365' has no Klarna order id"):
        TERMS.freeze(order(A, provider_order_id=None), operation("cancel"), None)


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, second = ({"b": 1, "a": 2}, {"a": 2, "b": 1})
    frozen = {
        TERMS.freeze(order(), operation("create_order"), placed(customer=given)).body for given in (first, second)
    }
    assert len(frozen) == 1


@st.composite
def part_draws(allocation: st.DrawFn) -> tuple[Order, tuple[Allocation, ...]]:
    lines, allocations = [], []
    for position in range(allocation(st.integers(1, 5))):
        quantity = allocation(st.integers(1, 20))
        price = allocation(st.integers(0, 5_000))
        discount = allocation(st.integers(0, quantity * price))
        rate = allocation(st.sampled_from([0, 700, 1900, 2000, 2500, 10_000]))
        kind = allocation(st.sampled_from(KINDS))
        total = quantity * price - discount
        line = OrderLine(
            name="x",
            type=kind,
            reference=str(position),
            quantity=quantity,
            unit_price=price,
            total_amount=total,
            total_discount_amount=discount,
            tax_rate=rate,
        )
        lines.append(line)
        gone = allocation(st.integers(0, quantity))
        allocations.append(Allocation(position, gone, allocation(st.integers(0, total))))
    return order(*lines), tuple(allocations)


@given(part_draws(), st.sampled_from(["capture", "refund"]))
def test_lines_as_sent_keep_klarnas_formulae(case: tuple[Order, tuple[Allocation, ...]], kind: OperationType) -> None:
    given_order, allocations = case
    amount = sum(allocation.amount for allocation in allocations)
    sent = body(TERMS.freeze(given_order, operation(kind, amount, allocations), None))
    if "order_lines" not in sent:
        allocated = [(allocation, given_order.lines[allocation.position]) for allocation in allocations]
        assert any(
            (allocation.quantity or line.quantity) * line.unit_price < allocation.amount
            for allocation, line in allocated
        )
        return
    assert sum(line["total_amount"] for line in sent["order_lines"]) == amount
    for line in sent["order_lines"]:
        assert line["quantity"] >= 1
        assert line["total_discount_amount"] >= 0
        assert line["total_amount"] == line["quantity"] * line["unit_price"] - line["total_discount_amount"]
        exact = line["total_amount"] - line["total_amount"] * 10_000 / (10_000 + line["tax_rate"])
        assert abs(line["total_tax_amount"] - exact) <= 1


def test_no_field_is_sent_that_the_shop_did_not_give() -> None:
    sent = TERMS.freeze(order(), operation("create_order"), placed(locale=UNSET)).body
    assert "locale" not in sent
    assert "null" not in sent


def test_a_change_of_references_sends_what_is_given() -> None:
    operation_ = operation("change_reference")
    frozen = TERMS.freeze(order(A), operation_, ReferenceChanged(merchant_reference1="new", merchant_reference2=""))
    body_ = '{"merchant_reference1":"new","merchant_reference2":""}'
    assert frozen == Request("PATCH", f"{PATH}/merchant-references", body_, operation_.id)
    assert body(TERMS.freeze(order(A), operation_, ReferenceChanged(merchant_reference2="b"))) == {
        "merchant_reference2": "b"
    }
