"""Mollie's orders: what create order requires, the formulae of lines, reading, listing, changing."""

from typing import Any

import pytest

from .mollie_shop import MollieShop, address, eur, line, order_body, refusal, statuses
from .shop import JSON

ORACLE = [
    ("49.94", "26.50", "10.46"),
    ("31.20", "21.00", "5.41"),
    ("-36.50", "20.00", "-6.08"),
    ("-3.95", "16.00", "-0.54"),
    ("3.95", "9.00", "0.33"),
    ("336.53", "21.00", "58.41"),
    ("100.00", "25.00", "20.00"),
    ("0.05", "10.00", "0.00"),
    ("0.55", "10.00", "0.05"),
    ("0.03", "20.00", "0.01"),
    ("0.00", "21.00", "0.00"),
]
"""Total, rate, VAT: the first six from answers of Mollie's."""


def priced(total: str, rate: str, vat: str) -> JSON:
    kind = "discount" if total.startswith("-") else "physical"
    return line(total, type=kind, vatRate=rate) | {"vatAmount": eur(vat)}


def _spoken(text: str) -> str:
    return text.replace("*", "\N{MULTIPLICATION SIGN}")


async def refused(mollie: MollieShop, body: JSON) -> tuple[int, str, str | None]:
    answer = await mollie.call("POST", "orders", body)
    assert answer.status_code != 201, answer.text
    assert (await mollie.get("orders"))["count"] == 0
    return refusal(answer)


# -- creation ---------------------------------------------------------------------------------------------------------


async def test_a_new_order(mollie: MollieShop) -> None:
    order = await mollie.create(line("10.00", 2, sku="S-1", metadata={"a": 1}), line("5.00"), metadata={"b": 2})
    assert order["resource"] == "order"
    assert statuses(order) == ("created", ["created", "created"])
    assert (order["mode"], order["profileId"], order["method"]) == ("test", "pfl_shop", "klarna")
    assert (order["amount"], order["metadata"], order["isCancelable"]) == (eur("25.00"), {"b": 2}, True)
    assert (order["createdAt"], order["expiresAt"]) == ("2022-07-08T09:48:00+00:00", "2022-08-05T09:48:00+00:00")
    assert order["billingAddress"] == order["shippingAddress"] == address()
    assert not {"amountCaptured", "amountRefunded", "authorizedAt"} & set(order)
    first = order["lines"][0]
    assert first["resource"] == "orderline"
    assert (first["sku"], first["metadata"], first["type"], first["orderId"]) == (
        "S-1",
        {"a": 1},
        "physical",
        order["id"],
    )
    names = ("shippableQuantity", "refundableQuantity", "cancelableQuantity", "quantityShipped", "isCancelable")
    assert [first[name] for name in names] == [0, 0, 0, 0, False]
    [payment] = order["_embedded"]["payments"]
    assert (payment["status"], payment["amount"], payment["orderId"]) == ("open", eur("25.00"), order["id"])
    assert order["_links"]["checkout"]["type"] == payment["_links"]["checkout"]["type"] == "text/html"
    ids = (order["id"], first["id"], payment["id"])
    assert [one.partition("_")[0] for one in ids] == ["ord", "odl", "tr"]


@pytest.mark.parametrize("name", ["amount", "orderNumber", "lines", "locale", "billingAddress", "redirectUrl"])
async def test_a_required_field(mollie: MollieShop, name: str) -> None:
    body = order_body()
    del body[name]
    assert await refused(mollie, body) == (422, f"The {name} is required for orders", name)


@pytest.mark.parametrize("name", ["name", "quantity", "unitPrice", "totalAmount", "vatRate", "vatAmount"])
async def test_a_required_field_of_a_line(mollie: MollieShop, name: str) -> None:
    wrong = line("5.00")
    del wrong[name]
    body = order_body(line("5.00"), line("5.00")) | {"lines": [line("5.00"), wrong]}
    assert await refused(mollie, body) == (
        422,
        f"Order line 1 is invalid. The '{name}' field is missing.",
        f"lines.1.{name}",
    )


@pytest.mark.parametrize(
    "name", ["givenName", "familyName", "email", "streetAndNumber", "city", "country", "postalCode"]
)
@pytest.mark.parametrize("which", ["billingAddress", "shippingAddress"])
async def test_a_required_field_of_an_address(mollie: MollieShop, which: str, name: str) -> None:
    wrong = address()
    del wrong[name]
    found = await refused(mollie, order_body() | {which: wrong})
    assert found == (422, f"The '{which}.{name}' field is missing", f"{which}.{name}")


async def test_no_postal_code_where_a_country_has_none(mollie: MollieShop) -> None:
    await mollie.create(billingAddress=address(country="HK", postalCode=None))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"locale": "nl"}, "locale"),
        ({"locale": "nl-NL"}, "locale"),
        ({"locale": "NL_nl"}, "locale"),
        ({"redirectUrl": "shop.example"}, "redirectUrl"),
        ({"webhookUrl": "ftp://shop.example"}, "webhookUrl"),
        ({"method": "cash"}, "method"),
        ({"method": ["ideal", "cash"]}, "method"),
        ({"metadata": "x" * 1_100}, "metadata"),
        ({"expiresAt": "2022-07-08"}, "expiresAt"),
        ({"expiresAt": "2022-10-18", "method": "ideal"}, "expiresAt"),
        ({"expiresAt": "2022-08-06"}, "expiresAt"),
        ({"expiresAt": "2022-08-06", "method": ["ideal", "klarnapaylater"]}, "expiresAt"),
        ({"expiresAt": "tomorrow"}, "expiresAt"),
        ({"consumerDateOfBirth": "1.1.1970"}, "consumerDateOfBirth"),
        ({"shopperCountryMustMatchBillingCountry": "yes"}, "shopperCountryMustMatchBillingCountry"),
        ({"billingAddress": address(phone="020 7070")}, "billingAddress.phone"),
        ({"billingAddress": address(email="anna")}, "billingAddress.email"),
        ({"billingAddress": address(country="NLD")}, "billingAddress.country"),
        ({"billingAddress": address(street="x")}, "billingAddress.street"),
        ({"payment": {"foo": 1}}, "payment.foo"),
        ({"payment": {"sequenceType": "often"}}, "payment.sequenceType"),
        ({"payment": {"sequenceType": "first"}}, "payment.customerId"),
        ({"lines": []}, "lines"),
        ({"lines": {}}, "lines"),
        ({"orderNumber": 1}, "orderNumber"),
    ],
)
async def test_a_wrong_value(mollie: MollieShop, fields: JSON, field: str) -> None:
    assert (await refused(mollie, order_body(**fields)))[::2] == (422, field)


@pytest.mark.parametrize(("method", "latest"), [("klarna", "2022-08-05"), ("ideal", "2022-10-17")])
async def test_the_latest_expiry(mollie: MollieShop, method: str, latest: str) -> None:
    order = await mollie.create(method=method, expiresAt=latest)
    assert order["expiresAt"] == f"{latest}T00:00:00+00:00"


# -- amounts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "rate", "vat"), ORACLE)
async def test_vat_is_exact_to_the_cent(mollie: MollieShop, total: str, rate: str, vat: str) -> None:
    order = await mollie.create(line("400.00"), priced(total, rate, vat))
    assert order["lines"][1]["vatAmount"] == eur(vat)


@pytest.mark.parametrize(
    ("total", "rate", "vat", "text"),
    [
        ("49.94", "26.50", "10.49", "Expected VAT amount to be €10.46 (€49.94 * (26.50 / 126.50)), got €10.49"),
        ("-36.50", "20.00", "-6.09", "Expected VAT amount to be -€6.08 (-€36.50 * (20.00 / 120.00)), got -€6.09"),
        ("31.20", "21.00", "5.42", "Expected VAT amount to be €5.41 (€31.20 * (21.00 / 121.00)), got €5.42"),
    ],
)
async def test_vat_that_is_a_cent_off(mollie: MollieShop, total: str, rate: str, vat: str, text: str) -> None:
    found = await refused(mollie, order_body(line("400.00"), priced(total, rate, vat)))
    assert found == (422, _spoken(f"Order line 1 is invalid. VAT amount is off. {text}"), "lines.1.vatAmount")


async def test_the_amount_is_the_sum_of_the_lines(mollie: MollieShop) -> None:
    found = await refused(mollie, order_body(line("14.68")) | {"amount": eur("13.28")})
    text = (
        "The amount of the order does not match the total amount from the order lines. "
        "Expected order amount to be €14.68 but got €13.28"
    )
    assert found == (422, text, "amount")


async def test_the_total_of_a_line(mollie: MollieShop) -> None:
    wrong = line("10.00", 2, discount="1.00") | {"totalAmount": eur("19.01")}
    found = await refused(mollie, order_body(wrong))
    text = "Total amount is off. Expected total amount to be €19.00 ((2 * €10.00) - €1.00), got €19.01"
    assert found == (422, _spoken(f"Order line 0 is invalid. {text}"), "lines.0.totalAmount")


@pytest.mark.parametrize(
    ("currency", "price", "good"),
    [
        ("EUR", "10.00", True),
        ("EUR", "10", False),
        ("EUR", "10.0", False),
        ("EUR", "10.000", False),
        ("EUR", "010.00", False),
        ("EUR", "10,00", False),
        ("SEK", "10.00", True),
        ("JPY", "1000", True),
        ("JPY", "1000.00", False),
        ("ISK", "1000", True),
        ("ISK", "1000.00", False),
    ],
)
async def test_the_decimals_of_a_currency(mollie: MollieShop, currency: str, price: str, good: bool) -> None:
    amount = eur(price, currency)
    zero = eur("0" if currency in {"JPY", "ISK"} else "0.00", currency)
    one = {"name": "A", "quantity": 1, "vatRate": "0.00", "unitPrice": amount, "totalAmount": amount, "vatAmount": zero}
    body = order_body() | {"amount": amount, "lines": [one]}
    if good:
        answer = await mollie.call("POST", "orders", body)
        assert answer.json()["amount"] == amount
    else:
        assert await refused(mollie, body) == (422, "The amount contains an invalid value", "amount")


@pytest.mark.parametrize("value", [10, 10.0, None, True, {"a": 1}])
async def test_an_amount_is_text(mollie: MollieShop, value: object) -> None:
    body = order_body() | {"amount": {"currency": "EUR", "value": value}}
    assert await refused(mollie, body) == (422, "The amount contains an invalid value", "amount")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (line("5.00", currency="USD"), "lines.0.unitPrice"),
        (line("5.00", vatRate="-0.0", vatAmount=eur("0.00")) | {}, "lines.0.vatRate"),
        (line("-5.00"), "lines.0.unitPrice"),
        (line("5.00", type="discount"), "lines.0.unitPrice"),
        (line("5.00", discount="-1.00"), "lines.0.discountAmount"),
        (line("5.00", discount="6.00"), "lines.0.discountAmount"),
        (line("-5.00", type="gift_card", discount="1.00"), "lines.0.discountAmount"),
        (line("5.00", type="thing"), "lines.0.type"),
        (line("5.00", category="thing"), "lines.0.category"),
        (line("5.00", sku="x" * 65), "lines.0.sku"),
        (line("5.00", metadata="x" * 1_100), "lines.0.metadata"),
        (line("5.00", productUrl="x"), "lines.0.productUrl"),
        (line("5.00", foo=1), "lines.0.foo"),
        (line("5.00") | {"quantity": 0}, "lines.0.quantity"),
        (line("5.00") | {"quantity": 0.5}, "lines.0.quantity"),
        (line("5.00") | {"quantity": "1"}, "lines.0.quantity"),
        (line("5.00") | {"vatRate": "21"}, "lines.0.vatRate"),
        (line("5.00") | {"vatRate": 21.0}, "lines.0.vatRate"),
        (line("5.00") | {"name": ""}, "lines.0.name"),
    ],
)
async def test_a_wrong_line(mollie: MollieShop, wrong: JSON, field: str) -> None:
    assert (await refused(mollie, order_body() | {"lines": [wrong]}))[::2] == (422, field)


async def test_known_texts_about_lines(mollie: MollieShop) -> None:
    rate = await refused(mollie, order_body() | {"lines": [line("5.00") | {"vatRate": "-0.0"}]})
    assert rate[1] == "Order line 0 is invalid. The VAT rate cannot be negative."
    quantity = await refused(mollie, order_body() | {"lines": [line("5.00") | {"quantity": 0.55}]})
    assert quantity[1] == "Order line 0 is invalid. The 'quantity' field should be a whole number."


async def test_discounts_reduce_the_order(mollie: MollieShop) -> None:
    order = await mollie.create(line("10.00"), line("-2.00", type="discount"), line("-1.00", type="gift_card"))
    assert order["amount"] == eur("7.00")
    wrong = await mollie.call("POST", "orders", order_body(line("2.00"), line("-2.00", type="discount")))
    assert refusal(wrong)[::2] == (422, "amount")


# -- list, update -----------------------------------------------------------------------------------------------------


async def test_orders_are_listed_newest_first_in_pages(mollie: MollieShop) -> None:
    made = [(await mollie.create(orderNumber=str(n)))["id"] for n in range(5)][::-1]
    first = await mollie.get("orders?limit=2")
    assert (first["count"], first["_links"]["previous"]) == (2, None)
    second = await mollie.get(first["_links"]["next"]["href"])
    third = await mollie.get(second["_links"]["next"]["href"])
    pages = [[order["id"] for order in page["_embedded"]["orders"]] for page in (first, second, third)]
    assert pages == [made[:2], made[2:4], made[4:]]
    assert third["_links"]["next"] is None
    back = await mollie.get(third["_links"]["previous"]["href"])
    assert [order["id"] for order in back["_embedded"]["orders"]] == made[2:4]
    oldest = await mollie.get("orders?sort=asc&limit=1")
    assert [order["id"] for order in oldest["_embedded"]["orders"]] == made[4:]
    start = await mollie.get(f"orders?from={made[3]}")
    assert [order["id"] for order in start["_embedded"]["orders"]] == made[3:]


@pytest.mark.parametrize(
    ("query", "status"), [("limit=0", 400), ("limit=251", 400), ("limit=x", 400), ("from=ord_x", 400), ("sort=x", 422)]
)
async def test_a_wrong_page_is_refused(mollie: MollieShop, query: str, status: int) -> None:
    assert refusal(await mollie.call("GET", f"orders?{query}"))[0] == status


async def test_an_order_is_updated(mollie: MollieShop) -> None:
    order = await mollie.create()
    changes: dict[str, Any] = {
        "orderNumber": "A-2",
        "billingAddress": address("bert@example.com"),
        "shippingAddress": address(city="Utrecht"),
        "redirectUrl": "https://shop.example/2",
        "cancelUrl": "https://shop.example/3",
        "webhookUrl": "https://shop.example/4",
    }
    answer = await mollie.call("PATCH", f"orders/{order['id']}", changes)
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in changes} == changes
    assert (await mollie.order(order["id"]))["orderNumber"] == "A-2"
    assert [effect["kind"] for effect in await mollie.effects()] == ["create", "payment", "customer_details"]


async def test_an_update_changes_something_and_nothing_else(mollie: MollieShop) -> None:
    order = await mollie.create()
    path = f"orders/{order['id']}"
    assert refusal(await mollie.call("PATCH", path, {}))[0] == 422
    assert refusal(await mollie.call("PATCH", path, {"amount": eur("1.00")}))[::2] == (422, "amount")
    answer = await mollie.call("PATCH", path, {"orderNumber": "B", "webhookUrl": "x"})
    assert refusal(answer)[::2] == (422, "webhookUrl")
    assert (await mollie.order(order["id"]))["orderNumber"] == "A-1"
