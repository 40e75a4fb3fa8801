"""What Mollie wouldn't take, told before a call, with JSON path and limit."""

from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.model.events import (
    AddressChanged,
    Amended,
    Data,
    ReferenceChanged,
    Returned,
    Shipped,
    TrackingAdded,
)
from ordersaga.domain.model.fields import OrderLine, PartLine

from .mollie_orders import ADDRESS, LAMP, RUG, TERMS, VOUCHER, order, placed

NO_NAME = {name: value for name, value in ADDRESS.items() if name != "family_name"}
PHYSICAL = OrderLine(name="A", quantity=1, unit_price=-100, total_amount=-100)
TRACKED = {"shipping_company": "PostNL", "tracking_number": "3S"}


def test_an_order_within_the_limits_is_taken() -> None:
    assert TERMS.refusals(placed(LAMP, RUG, VOUCHER)) == []
    assert TERMS.refusals(placed(LAMP, locale="nl_nl", shipping_address={**ADDRESS, "phone": "+31 20-8202070"})) == []


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({"purchase_currency": "KWD"}, ["$.purchase_currency: Mollie has no amounts in KWD"]),
        ({"purchase_currency": "krw"}, ["$.purchase_currency: Mollie has no amounts in KRW"]),
        ({"locale": "nl"}, ["$.locale: must match ^([A-Za-z]{2})[-_]([A-Za-z]{2})$"]),
        ({"expiresAt": "24-12-2026"}, ["$.expiresAt: must match ^[0-9]{4}-[0-9]{2}-[0-9]{2}$"]),
        (
            {"customer": {"date_of_birth": "1970"}},
            ["$.customer.date_of_birth: must match ^[0-9]{4}-[0-9]{2}-[0-9]{2}$"],
        ),
        ({"order_amount": 0}, ["$.order_amount: at least 1"]),
        ({"auto_capture": True}, ["$.auto_capture: with Mollie the method of payment decides when money is taken"]),
        (
            {"merchant_reference2": "x"},
            ["$.merchant_reference2: Mollie has one order number, merchant_reference1"],
        ),
        ({"attachment": {}}, ["$.attachment: Mollie takes none"]),
        ({"metadata": {"a": "b" * 900}}, ["$.metadata: at most 900 bytes of JSON"]),
        ({"billing_address": NO_NAME}, ["$.billing_address.family_name: is needed"]),
        ({"shipping_address": {**ADDRESS, "email": ""}}, ["$.shipping_address.email: is needed"]),
        (
            {"billing_address": {**ADDRESS, "postal_code": ""}},
            ["$.billing_address.postal_code: is needed"],
        ),
        ({"billing_address": {**ADDRESS, "postal_code": "", "country": "hk"}}, []),
        (
            {"billing_address": {**ADDRESS, "country": "NLD"}},
            ["$.billing_address.country: must match ^[A-Za-z]{2}$"],
        ),
        (
            {"billing_address": {**ADDRESS, "phone": "020 8202070"}},
            ["$.billing_address.phone: must have the form of E.164, +31208202070"],
        ),
        (
            {"merchant_urls": {"notification": "shop"}},
            ["$.merchant_urls.notification: must be a URL that begins with https://"],
        ),
        (
            {"payment": {"redirect_url": "shop"}},
            ["$.payment.redirect_url: must be a URL that begins with https://"],
        ),
        (
            {"payment": {"sequence_type": "recurring"}},
            ["$.payment.customer_id: is needed with sequence_type recurring"],
        ),
        ({"payment": {"sequence_type": "twice"}}, ["$.payment.sequence_type: oneoff, first or recurring"]),
        ({"payment": {"sequence_type": "first", "customer_id": "cst_1"}, "order_amount": 0}, []),
    ],
)
def test_what_mollie_wouldnt_take_of_an_order(fields: dict[str, Any], messages: list[str]) -> None:
    assert TERMS.refusals(placed(LAMP, **fields)) == messages


@pytest.mark.parametrize(
    ("line", "messages"),
    [
        (
            PHYSICAL,
            [
                "$.order_lines[1].unit_price: at least 0 for type physical",
                "$.order_lines[1].total_amount: at least 0 for type physical",
            ],
        ),
        (
            replace(VOUCHER, unit_price=100, total_amount=100),
            [
                "$.order_lines[1].unit_price: at most 0 for type discount",
                "$.order_lines[1].total_amount: at most 0 for type discount",
            ],
        ),
        (replace(LAMP, quantity=0, total_amount=0), ["$.order_lines[1].quantity: at least 1"]),
        (replace(LAMP, total_discount_amount=-1), ["$.order_lines[1].total_discount_amount: at least 0"]),
        (replace(LAMP, tax_rate=-1), ["$.order_lines[1].tax_rate: 0 to 10000"]),
        (
            replace(LAMP, type="sales_tax"),
            ["$.order_lines[1].type: Mollie has no lines of sales tax; give the lines a tax_rate"],
        ),
        (replace(LAMP, reference="x" * 256), ["$.order_lines[1].reference: 256 characters, at most 255"]),
        (replace(LAMP, category="food"), ["$.order_lines[1].category: meal, eco or gift"]),
        (replace(LAMP, metadata={"a": "b" * 1024}), ["$.order_lines[1].metadata: at most 1024 bytes of JSON"]),
    ],
)
def test_what_mollie_wouldnt_take_of_a_line(line: OrderLine, messages: list[str]) -> None:
    assert TERMS.refusals(placed(LAMP, line)) == messages
    assert TERMS.refusals(Amended(order_amount=100, order_lines=(LAMP, line))) == messages


def test_an_order_that_is_taken_over_is_only_read() -> None:
    bad = {"locale": UNSET, "billing_address": UNSET, "auto_capture": True}
    assert TERMS.refusals(placed(PHYSICAL, payment={"redirect_url": UNSET, "order_id": "ord_1.x"}, **bad)) == []
    (told,) = TERMS.refusals(placed(LAMP, payment={"redirect_url": UNSET, "order_id": "tr_1/.."}))
    assert told.startswith("$.payment.order_id: must match")


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (Shipped(shipping_info=(TRACKED,)), []),
        (Shipped(shipping_info=()), []),
        (Shipped(shipping_info=(TRACKED, TRACKED)), ["$.shipping_info: 2 entries, at most 1"]),
        (
            Shipped(shipping_info=({"tracking_number": "x" * 101},)),
            [
                "$.shipping_info[0].shipping_company: is needed",
                "$.shipping_info[0].tracking_number: 101 characters, at most 100",
            ],
        ),
        (Shipped(shipping_delay=3), ["$.shipping_delay: Mollie takes none"]),
        (TrackingAdded(shipment_id="s", shipping_info=(TRACKED,)), []),
        (TrackingAdded(shipment_id="s", shipping_info=()), ["$.shipping_info: 0 entries, 1"]),
        (
            TrackingAdded(shipping_info=(TRACKED,)),
            ["$.shipment_id: is needed, Mollie has tracking of shipments alone"],
        ),
        (Returned(description="x" * 141), ["$.description: 141 characters, at most 140"]),
        (
            ReferenceChanged(merchant_reference2="x"),
            [
                "$.merchant_reference2: Mollie has one order number, merchant_reference1",
                "$.merchant_reference1: is needed, Mollie's order number can't be cleared",
            ],
        ),
        (
            ReferenceChanged(merchant_reference1=""),
            ["$.merchant_reference1: is needed, Mollie's order number can't be cleared"],
        ),
        (AddressChanged(billing_address=NO_NAME), ["$.billing_address.family_name: is needed"]),
        (Amended(order_amount=0, order_lines=(LAMP,)), ["$.order_amount: at least 1"]),
    ],
)
def test_what_mollie_wouldnt_take_of_other_events(data: Data, messages: list[str]) -> None:
    assert TERMS.refusals(data) == messages


@pytest.mark.parametrize(
    ("part", "messages"),
    [
        (PartLine(reference="L-1", quantity=1), []),
        (PartLine(reference="L-1", quantity=1, total_amount=5000), []),
        (PartLine(reference="L-1", total_amount=10000), []),
        (
            PartLine(reference="L-1", quantity=1, total_amount=4999),
            ["$.order_lines[1].total_amount: Mollie takes it on lines with a discount only"],
        ),
        (PartLine(reference="R-1", quantity=1, total_amount=4000), []),
        (PartLine(reference="R-1", quantity=1, total_amount=0), []),
        (
            PartLine(reference="R-1", quantity=1, total_amount=4001),
            ["$.order_lines[1].total_amount: 0 to 4000, the unit price times the quantity"],
        ),
        (
            PartLine(reference="R-1", quantity=2, total_amount=-1),
            ["$.order_lines[1].total_amount: 0 to 8000, the unit price times the quantity"],
        ),
        (PartLine(reference="R-1", total_amount=9000), []),
    ],
)
def test_an_amount_of_a_part_is_taken_on_discounted_lines_within_the_limits(
    part: PartLine, messages: list[str]
) -> None:
    named = (PartLine(reference="V-1"), part)
    assert TERMS.part_refusals(order(LAMP, RUG, VOUCHER), named) == messages
