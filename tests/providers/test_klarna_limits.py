"""Each limit of Klarna's, from both sides."""

from typing import Any

import pytest
from msgspec import UNSET

from ordersaga.domain.model.events import (
    Amended,
    Cancelled,
    Closed,
    Data,
    Payment,
    Placed,
    ReferenceChanged,
    Returned,
    ReturnFee,
    Shipped,
)
from ordersaga.domain.model.fields import OrderLine, PartLine
from ordersaga.providers.klarna.limits import MOST_MESSAGES
from ordersaga.providers.klarna.terms import KlarnaTerms

MOST = 200_000_000


def refusals(data: Data) -> list[str]:
    return KlarnaTerms().refusals(data)


def line(**fields: Any) -> OrderLine:
    return OrderLine(**{"name": "A", "quantity": 1, "unit_price": 100, "total_amount": 100, **fields})


def placed(*lines: OrderLine, **fields: Any) -> Placed:
    given = {
        "payment": Payment(provider="klarna", authorization_token="t"),
        "purchase_country": "GB",
        "purchase_currency": "GBP",
        "order_amount": 100,
        "order_lines": lines or (line(),),
    }
    return Placed(**{**given, **fields})


ADDRESS = {
    "title": 20,
    "given_name": 100,
    "family_name": 100,
    "street_address": 100,
    "street_address2": 100,
    "email": 100,
    "phone": 100,
    "city": 200,
    "region": 200,
    "postal_code": 10,
    "attention": 255,
    "organization_name": 255,
}
PRODUCT = {
    "brand": 70,
    "category_path": 750,
    "global_trade_item_number": 50,
    "manufacturer_part_number": 70,
    "color": 64,
    "size": 64,
}


@pytest.mark.parametrize("name", ["merchant_reference1", "merchant_reference2"])
def test_a_new_reference_has_at_most_255_characters(name: str) -> None:
    assert refusals(ReferenceChanged(**{name: "x" * 255})) == []
    assert refusals(ReferenceChanged(**{name: "x" * 256})) == [f"$.{name}: 256 characters, at most 255"]


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("name", 255),
        ("reference", 255),
        ("quantity_unit", 8),
        ("merchant_data", 1024),
        ("product_url", 1024),
        ("image_url", 1024),
    ],
)
def test_texts_of_a_line(name: str, most: int) -> None:
    assert refusals(placed(line(), line(**{name: "x" * most}))) == []
    (message,) = refusals(placed(line(), line(**{name: "x" * (most + 1)})))
    assert message.startswith(f"$.order_lines[1].{name}: {most + 1} characters, ")
    assert message.endswith(f" {most}")


@pytest.mark.parametrize(("name", "most"), PRODUCT.items())
def test_product_identifiers(name: str, most: int) -> None:
    assert refusals(placed(line(product_identifiers={name: "x" * most}))) == []
    (message,) = refusals(placed(line(product_identifiers={name: "x" * (most + 1)})))
    assert message == f"$.order_lines[0].product_identifiers.{name}: {most + 1} characters, at most {most}"


@pytest.mark.parametrize("name", ["billing_address", "shipping_address"])
@pytest.mark.parametrize(("field", "most"), ADDRESS.items())
def test_addresses(name: str, field: str, most: int) -> None:
    assert refusals(placed(**{name: {field: "x" * most}})) == []
    (message,) = refusals(placed(**{name: {field: "x" * (most + 1)}}))
    assert message == f"$.{name}.{field}: {most + 1} characters, at most {most}"


@pytest.mark.parametrize(
    ("name", "most"), [("merchant_reference1", 255), ("merchant_reference2", 255), ("merchant_data", 6000)]
)
def test_texts_of_an_order(name: str, most: int) -> None:
    assert refusals(placed(**{name: "x" * most})) == []
    assert refusals(placed(**{name: "x" * (most + 1)})) == [f"$.{name}: {most + 1} characters, at most {most}"]


@pytest.mark.parametrize("name", ["confirmation", "notification", "push", "authorization"])
def test_merchant_urls(name: str) -> None:
    assert refusals(placed(merchant_urls={name: "x" * 2000})) == []
    assert refusals(placed(merchant_urls={name: "x" * 2001})) == [
        f"$.merchant_urls.{name}: 2001 characters, at most 2000"
    ]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"unit_price": MOST + 1}, "unit_price"),
        ({"total_amount": MOST + 1}, "total_amount"),
        ({"total_discount_amount": MOST + 1}, "total_discount_amount"),
    ],
)
def test_amounts_of_a_line_are_bounded(fields: dict[str, int], path: str) -> None:
    assert refusals(placed(line(**{path: MOST}))) == []
    assert refusals(placed(line(**fields))) == [f"$.order_lines[0].{path}: at most {MOST}"]


@pytest.mark.parametrize("kind", ["physical", "digital", "shipping_fee", "sales_tax", "surcharge"])
def test_only_deductions_may_be_negative(kind: str) -> None:
    assert refusals(placed(line(type=kind, unit_price=-1, total_amount=-1))) == [
        f"$.order_lines[0].unit_price: at least 0 for type {kind}",
        f"$.order_lines[0].total_amount: at least 0 for type {kind}",
    ]


@pytest.mark.parametrize("kind", ["discount", "gift_card", "store_credit"])
def test_deductions_may_be_negative(kind: str) -> None:
    assert refusals(placed(line(type=kind, unit_price=-1, total_amount=-1))) == []


def test_further_rules_of_a_line() -> None:
    assert refusals(placed(line(total_discount_amount=-1))) == ["$.order_lines[0].total_discount_amount: at least 0"]
    assert refusals(placed(line(quantity=0))) == ["$.order_lines[0].total_amount: 0 for a line of quantity 0"]
    assert refusals(placed(line(quantity=0, total_amount=0))) == []
    for rate in (-1, 10_001):
        assert refusals(placed(line(tax_rate=rate))) == ["$.order_lines[0].tax_rate: 0 to 10000"]
    assert refusals(placed(line(tax_rate=10_000))) == []
    assert refusals(placed(line(quantity_unit=""))) == ["$.order_lines[0].quantity_unit: 0 characters, 1 to 8"]


def test_subscriptions() -> None:
    good = {"name": "S", "interval": "MONTH", "interval_count": 1}
    assert refusals(placed(line(subscription=good))) == []
    bad = {"name": "", "interval": "FORTNIGHT", "interval_count": 0}
    assert refusals(placed(line(subscription=bad))) == [
        "$.order_lines[0].subscription.name: text of 1 to 255 characters",
        "$.order_lines[0].subscription.interval: DAY, WEEK, MONTH or YEAR",
        "$.order_lines[0].subscription.interval_count: at least 1",
    ]
    assert len(refusals(placed(line(subscription={})))) == 3


def test_at_most_a_thousand_lines() -> None:
    assert refusals(placed(*[line()] * 1000)) == []
    assert refusals(placed(*[line()] * 1001)) == ["$.order_lines: 1001 lines, at most 1000"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"purchase_country": "GBR"}, "purchase_country"),
        ({"purchase_currency": "GB1"}, "purchase_currency"),
        ({"locale": "en_GB"}, "locale"),
        ({"locale": "en-GB\n"}, "locale"),
        ({"billing_address": {"country": "Germany"}}, "billing_address.country"),
    ],
)
def test_patterns(fields: dict[str, Any], path: str) -> None:
    (message,) = refusals(placed(**fields))
    assert message.startswith(f"$.{path}: must match ^[A-Za-z]")


def test_tax_of_the_order_is_not_negative() -> None:
    assert refusals(placed(order_tax_amount=-1)) == ["$.order_tax_amount: at least 0"]


@pytest.mark.parametrize("dots", [".", ".."])
def test_an_id_leads_nowhere_else(dots: str) -> None:
    token = Payment(provider="klarna", authorization_token=dots)
    own = Payment(provider="klarna", order_id=dots)
    assert refusals(placed(payment=token)) == ["$.payment.authorization_token: not an id"]
    assert refusals(placed(payment=own)) == ["$.payment.order_id: not an id"]


def test_of_an_order_that_the_shop_made_only_what_is_sent_is_checked() -> None:
    own = Payment(provider="klarna", order_id="o")
    data = placed(line(name="x" * 256), payment=own, billing_address={"city": "x" * 201})
    assert refusals(data) == ["$.order_lines[0].name: 256 characters, 1 to 255"]


def test_shipped() -> None:
    info = {"shipping_method": "Home", "tracking_number": "x" * 100, "tracking_uri": "x" * 1024}
    assert refusals(Shipped(shipping_info=(info,) * 500, description="x" * 255, captured_amount=MOST)) == []
    bad = {"shipping_method": "Pigeon", "tracking_number": "x" * 101, "tracking_uri": "x" * 1025}
    messages = refusals(Shipped(shipping_info=({}, bad), description="x" * 256, captured_amount=MOST + 1))
    assert messages[:4] == [
        f"$.captured_amount: at most {MOST}",
        "$.description: 256 characters, at most 255",
        "$.shipping_info[1].tracking_number: 101 characters, at most 100",
        "$.shipping_info[1].tracking_uri: 1025 characters, at most 1024",
    ]
    assert messages[4].startswith("$.shipping_info[1].shipping_method: one of BoxReg, ")
    assert refusals(Shipped(shipping_info=({},) * 501)) == ["$.shipping_info: 501 entries, at most 500"]


def test_returned() -> None:
    assert refusals(Returned()) == []
    fee = ReturnFee(amount=MOST + 1, name="", tax_rate=10_001)
    assert refusals(Returned(return_fee=fee, description="x" * 256, refunded_amount=MOST + 1)) == [
        f"$.refunded_amount: at most {MOST}",
        "$.description: 256 characters, at most 255",
        f"$.return_fee.amount: at most {MOST}",
        "$.return_fee.name: 0 characters, 1 to 255",
        "$.return_fee.tax_rate: 0 to 10000",
    ]


def test_amended() -> None:
    assert refusals(Amended(order_amount=100, order_lines=(line(),))) == []
    data = Amended(order_amount=MOST + 1, order_lines=(line(name="x" * 256),), description="x" * 256)
    assert [message.split(":")[0] for message in refusals(data)] == [
        "$.order_amount",
        "$.description",
        "$.order_lines[0].name",
    ]


@pytest.mark.parametrize("kind", [Shipped, Returned, Cancelled])
def test_at_most_a_thousand_parts(kind: type[Shipped | Returned | Cancelled]) -> None:
    assert refusals(kind(order_lines=(PartLine(reference="A"),) * 1_000)) == []
    assert refusals(kind(order_lines=(PartLine(reference="A"),) * 1_001)) == ["$.order_lines: 1001 lines, at most 1000"]


def test_events_without_limits() -> None:
    assert refusals(Cancelled(reason="x" * 9999)) == refusals(Closed(reason=UNSET)) == []


def test_messages_hold_no_values_and_are_bounded() -> None:
    data = placed(*[line(name="secret" * 99)] * 300, billing_address={"email": "someone@example.com" * 9})
    messages = refusals(data)
    assert len(messages) == MOST_MESSAGES + 1
    assert messages[-1] == "and 201 more"
    assert not any("secret" in message or "someone" in message for message in messages)
