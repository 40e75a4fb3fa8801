"""The requests that Mollie gets, byte for byte; amounts worked out by hand."""

from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.model.events import (
    AddressChanged,
    Data,
    PaymentRetried,
    ReferenceChanged,
    Returned,
    ReturnFee,
    Shipped,
    TrackingAdded,
)
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import Allocation, Request
from ordersaga.providers.mollie.terms import MollieTerms

from .mollie_orders import ADDRESS, LAMP, PATH, RUG, SENT_ADDRESS, TERMS, VOUCHER, order, placed
from .orders import body, operation

KEY = "0c0a9b2e-op"


def test_create_order_is_pinned() -> None:
    frozen = TERMS.freeze(order(), operation("create_order_to_pay", 6350), placed(LAMP, VOUCHER))
    assert frozen == Request(
        "POST",
        "/v2/orders?embed=payments",
        '{"amount":{"currency":"EUR","value":"63.50"},"billingAddress":{"city":"Amsterdam","country":"NL",'
        '"email":"anna@example.com","familyName":"Smit","givenName":"Anna","postalCode":"1015 CW",'
        '"streetAndNumber":"Keizersgracht 1"},"lines":[{"name":"Lamp","quantity":2,"sku":"L-1",'
        '"totalAmount":{"currency":"EUR","value":"100.00"},"type":"physical",'
        '"unitPrice":{"currency":"EUR","value":"50.00"},"vatAmount":{"currency":"EUR","value":"17.36"},'
        '"vatRate":"21.00"},{"name":"Voucher","quantity":1,"sku":"V-1",'
        '"totalAmount":{"currency":"EUR","value":"-36.50"},"type":"discount",'
        '"unitPrice":{"currency":"EUR","value":"-36.50"},"vatAmount":{"currency":"EUR","value":"0.00"},'
        '"vatRate":"0.00"}],"locale":"nl_NL","metadata":{"operation":"0c0a9b2e-op","order":"536365"},'
        '"orderNumber":"536365","redirectUrl":"https://shop.example/thanks"}',
        KEY,
    )


def test_create_order_passes_on_what_the_shop_gives_under_mollies_names() -> None:
    data = placed(
        payment={
            "method": ("ideal", "klarna"),
            "cancel_url": "https://shop.example/no",
            "customer_id": "cst_1",
            "sequence_type": "first",
            "mandate_id": "mdt_1",
            "issuer": "ideal_X",
        },
        purchase_currency="jpy",
        locale="EN_us",
        shipping_address={**ADDRESS, "phone": "+31 (20) 820-2070", "attention": "Bob", "street_address2": "2nd floor"},
        customer={"date_of_birth": "1970-01-31"},
        merchant_reference1="A-7",
        merchant_urls={"notification": "https://shop.example/told"},
        expiresAt="2026-12-24",
        shopperCountryMustMatchBillingCountry=True,
        metadata={"shop": 1, "operation": "theirs", "order": "theirs"},
    )
    sent = body(TERMS.freeze(order(), operation("create_order_to_pay"), data))
    assert sent["amount"] == {"currency": "JPY", "value": "10000"}
    assert sent["method"] == ["ideal", "klarna"]
    assert sent["payment"] == {
        "customerId": "cst_1",
        "sequenceType": "first",
        "mandateId": "mdt_1",
        "issuer": "ideal_X",
    }
    assert (sent["locale"], sent["orderNumber"], sent["webhookUrl"]) == ("en_US", "A-7", "https://shop.example/told")
    assert sent["shippingAddress"] == {**SENT_ADDRESS, "phone": "+31208202070", "streetAdditional": "2nd floor"}
    assert (sent["consumerDateOfBirth"], sent["expiresAt"]) == ("1970-01-31", "2026-12-24")
    assert sent["shopperCountryMustMatchBillingCountry"] is True
    assert sent["cancelUrl"] == "https://shop.example/no"
    assert sent["metadata"] == {"shop": 1, "operation": KEY, "order": "536365"}


def test_metadata_stays_within_a_kilobyte_and_keeps_what_the_order_is_found_by() -> None:
    subject = "\N{GRINNING FACE}" * 255
    known = replace(order(), key=replace(order().key, subject=subject))
    sent = body(TERMS.freeze(known, operation("create_order_to_pay"), placed(metadata={"a": "b" * 800})))
    assert sent["metadata"] == {"a": "b" * 800, "operation": KEY}


def test_a_line_has_the_shops_fields_and_mollies_own_vat() -> None:
    line = replace(
        RUG,
        total_tax_amount=1735,  # the shop's, one cent off
        category="eco",
        image_url="https://i.example",
        product_url="https://p.example",
        metadata={"size": "L"},
        reference="x" * 65,
    )
    (sent,) = body(TERMS.freeze(order(), operation("create_order_to_pay"), placed(line)))["lines"]
    assert sent["vatAmount"]["value"] == "17.36"
    assert sent["discountAmount"]["value"] == "20.00"
    assert "sku" not in sent
    assert sent["metadata"] == {"size": "L", "reference": "x" * 65}
    assert (sent["category"], sent["imageUrl"], sent["productUrl"]) == ("eco", "https://i.example", "https://p.example")


def test_notifications_are_asked_for_where_there_is_an_address() -> None:
    terms = MollieTerms(lambda key, operation_id, what: f"https://pay/{what}/{key.subject}?operation={operation_id}")
    frozen = terms.freeze(order(), operation("create_order_to_pay"), placed())
    assert body(frozen)["webhookUrl"] == "https://pay/order/536365?operation=0c0a9b2e-op"
    assert body(frozen)["payment"] == {"webhookUrl": "https://pay/payment/536365?operation=0c0a9b2e-op"}
    assert frozen == terms.freeze(order(), operation("create_order_to_pay"), placed()), "the same text each time"
    own = placed(merchant_urls={"notification": "https://shop.example/told"}, payment={"issuer": "x"})
    sent = body(terms.freeze(order(), operation("create_order_to_pay"), own))
    assert sent["webhookUrl"] == "https://shop.example/told"
    assert sent["payment"]["issuer"] == "x"


def test_an_access_token_tells_its_profile_when_it_creates_and_testmode_always() -> None:
    terms = MollieTerms(profile_id="pfl_1", testmode=True)
    created = body(terms.freeze(order(), operation("create_order_to_pay"), placed()))
    assert (created["profileId"], created["testmode"]) == ("pfl_1", True)
    cancelled = terms.freeze(order(LAMP), operation("cancel", 10000), None)
    assert cancelled == Request("DELETE", PATH, '{"testmode":true}')
    changed = body(terms.freeze(order(), operation("change_reference"), ReferenceChanged(merchant_reference1="n")))
    assert changed == {"orderNumber": "n", "testmode": True}


@pytest.mark.parametrize(("method", "sent"), [(UNSET, "{}"), (None, "{}"), ("ideal", '{"method":"ideal"}')])
def test_a_retried_payment_may_name_a_method(method: Any, sent: str) -> None:
    frozen = TERMS.freeze(order(LAMP), operation("retry_payment"), PaymentRetried(method=method))
    assert frozen == Request("POST", f"{PATH}/payments", sent, KEY)


def test_a_shipment_names_parts_of_lines_and_an_amount_only_where_there_is_a_discount() -> None:
    parts = (Allocation(0, 1, 5000), Allocation(1, 1, 3333), Allocation(2, 1, -3650))
    data = Shipped(
        shipping_info=({"shipping_company": "PostNL", "tracking_number": "3S", "tracking_uri": "https://t"},)
    )
    frozen = TERMS.freeze(order(LAMP, RUG, VOUCHER), operation("capture", 4683, parts), data)
    assert frozen == Request(
        "POST",
        f"{PATH}/shipments",
        '{"lines":[{"id":"odl_1.0","quantity":1},'
        '{"amount":{"currency":"EUR","value":"33.33"},"id":"odl_1.1","quantity":1},'
        '{"id":"odl_1.2","quantity":1}],"tracking":{"carrier":"PostNL","code":"3S","url":"https://t"}}',
        KEY,
    )
    recorded = TERMS.freeze(order(LAMP, RUG, VOUCHER), operation("record_shipment", 0, parts), Shipped())
    assert recorded.path == f"{PATH}/shipments"
    assert body(recorded) == {"lines": body(frozen)["lines"]}


@pytest.mark.parametrize("kind", ["capture", "record_shipment", "cancel_lines"])
def test_no_lines_are_never_sent_for_they_would_mean_all(kind: str) -> None:
    for parts in ((), (Allocation(0, 0, 0),)):
        with pytest.raises(ValueError, match="takes no line"):
            TERMS.freeze(order(LAMP), operation(kind, 0, parts), None)
    without_ids = order(LAMP, lines=tuple(replace(one, id="") for one in order(LAMP).lines))
    with pytest.raises(ValueError, match="'L-1', which has no id at Mollie"):
        TERMS.freeze(without_ids, operation(kind, 5000, (Allocation(0, 1, 5000),)), None)


def test_cancelled_lines_are_a_delete_with_a_body_and_without_a_key() -> None:
    frozen = TERMS.freeze(order(LAMP, RUG), operation("cancel_lines", 8333, (Allocation(0, 1, 5000),)), None)
    assert frozen == Request("DELETE", f"{PATH}/lines", '{"lines":[{"id":"odl_1.0","quantity":1}]}')


@pytest.mark.parametrize("kind", ["cancel", "release"])
def test_cancel_and_release_end_the_order(kind: str) -> None:
    assert TERMS.freeze(order(LAMP), operation(kind, 10000), None) == Request("DELETE", PATH)


@pytest.mark.parametrize("kind", ["refund", "refund_payment"])
def test_a_refund_of_lines_is_of_the_order(kind: str) -> None:
    parts = (Allocation(0, 1, 5000), Allocation(1, 1, 3333))
    frozen = TERMS.freeze(order(LAMP, RUG), operation(kind, 8333, parts), Returned(description="Back"))
    assert frozen == Request(
        "POST",
        f"{PATH}/refunds",
        '{"description":"Back","lines":[{"id":"odl_1.0","quantity":1},'
        '{"amount":{"currency":"EUR","value":"33.33"},"id":"odl_1.1","quantity":1}],'
        '"metadata":{"operation":"0c0a9b2e-op"}}',
        KEY,
    )


@pytest.mark.parametrize(
    ("amount", "parts", "kept"),
    [
        (3000, (), 0),  # of an amount
        (4500, (Allocation(0, 1, 5000),), 500),  # less a fee
        (4999, (Allocation(0, 1, 4999),), 0),  # a line without a discount that isn't worth its price
        (4001, (Allocation(1, 1, 4001),), 0),  # more than the price
        (5000, (Allocation(0, 1, 5000), Allocation(1, 0, 100)), 0),  # lines with another sum
    ],
)
def test_a_refund_that_lines_cant_tell_is_of_the_payment(amount: int, parts: tuple[Allocation, ...], kept: int) -> None:
    data = Returned(return_fee=ReturnFee(amount=kept)) if kept else Returned()
    frozen = TERMS.freeze(order(LAMP, RUG), operation("refund", amount, parts, kept=kept), data)
    assert (frozen.path, frozen.key) == ("/v2/payments/tr_7UhSN1zuXS/refunds", KEY)
    value = f"{amount // 100}.{amount % 100:02}"
    assert body(frozen) == {"amount": {"currency": "EUR", "value": value}, "metadata": {"operation": KEY}}


def test_a_refund_of_the_payment_needs_one() -> None:
    with pytest.raises(ValueError, match="'536365' has no Mollie payment"):
        TERMS.freeze(order(LAMP, payment=None), operation("refund", 1), None)


def test_changes_without_money_are_pinned() -> None:
    tracking = TrackingAdded(shipment_id="s", shipping_info=({"shipping_company": "DHL", "tracking_number": "7"},))
    cases: list[tuple[str, Data, Request]] = [
        (
            "add_tracking",
            tracking,
            Request("PATCH", f"{PATH}/shipments/shp_3w%2Fx", '{"tracking":{"carrier":"DHL","code":"7"}}'),
        ),
        (
            "change_reference",
            ReferenceChanged(merchant_reference1="A-8"),
            Request("PATCH", PATH, '{"orderNumber":"A-8"}'),
        ),
        (
            "change_address",
            AddressChanged(shipping_address={"given_name": "Eve", "country": "de"}),
            Request("PATCH", PATH, '{"shippingAddress":{"country":"DE","givenName":"Eve"}}'),
        ),
    ]
    for kind, data, wanted in cases:
        assert TERMS.freeze(order(LAMP), operation(kind, capture_id="shp_3w/x"), data) == wanted


def test_what_cannot_be_frozen_says_why() -> None:
    with pytest.raises(ValueError, match="no request to freeze"):
        TERMS.freeze(order(LAMP), operation("take_over"), placed())
    with pytest.raises(ValueError, match="'536365' has no Mollie order id"):
        TERMS.freeze(order(LAMP, provider_order_id=None), operation("cancel"), None)
    with pytest.raises(ValueError, match="needs a shipment"):
        TERMS.freeze(order(LAMP), operation("add_tracking"), TrackingAdded(shipping_info=({},)))


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, second = ({"b": 1, "a": 2}, {"a": 2, "b": 1})
    frozen = {
        TERMS.freeze(order(), operation("create_order_to_pay"), placed(metadata=one)).body for one in (first, second)
    }
    assert len(frozen) == 1


def test_an_id_stays_one_segment_of_the_path() -> None:
    frozen = TERMS.freeze(order(LAMP, provider_order_id="ord_/../x?y"), operation("cancel"), None)
    assert frozen.path == "/v2/orders/ord_%2F..%2Fx%3Fy"


def test_a_line_without_a_reference_has_no_sku() -> None:
    line = OrderLine(name="A", quantity=1, unit_price=100, total_amount=100)
    (sent,) = body(TERMS.freeze(order(), operation("create_order_to_pay"), placed(line)))["lines"]
    assert "sku" not in sent
    assert "metadata" not in sent
