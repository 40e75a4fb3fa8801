"""Checkout v3: create, read, update, abort; limits, life, and what the order becomes."""

import pytest

from ordersaga_sandbox import Switches, create_app

from .checkouts import cart, completed, create, customer, read, started, update, wish
from .merchant import Merchant
from .shop import JSON, MISSING, Shop, amounts, assert_error, line

READ_ONLY = (403, "READ_ONLY_ORDER", "Resource is read-only")
NOT_FOUND = (404, "NOT_FOUND", "Order not found")


async def abort(shop: Shop, order_id: str) -> JSON:
    answer = await shop.call("POST", f"/checkout/v3/orders/{order_id}/abort")
    assert answer.status_code == 200, answer.text
    view: JSON = answer.json()
    return view


async def test_an_order_is_created_with_its_snippet_and_place(shop: Shop) -> None:
    answer = await create(shop, wish(merchant_reference1="R-1"))
    order = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"http://sandbox/checkout/v3/orders/{order['order_id']}"
    assert (order["status"], order["merchant_reference1"]) == ("checkout_incomplete", "R-1")
    assert order["started_at"] == order["last_modified_at"] == "2022-07-08T09:48:00Z"
    assert f"/_sandbox/checkout/{order['order_id']}/page" in order["html_snippet"]
    assert await read(shop, order["order_id"]) == order


async def test_the_place_is_a_path_and_the_status_upper_case_by_a_switch(shop: Shop) -> None:
    await shop.switch(location="path", checkout_status_case="upper")
    answer = await create(shop, wish())
    assert answer.headers["location"] == f"/checkout/v3/orders/{answer.json()['order_id']}"
    assert answer.json()["status"] == "CHECKOUT_INCOMPLETE"


@pytest.mark.parametrize(
    "field",
    [
        "purchase_country",
        "purchase_currency",
        "locale",
        "order_amount",
        "order_tax_amount",
        "order_lines",
        "merchant_urls",
    ],
)
async def test_a_required_field_that_is_missing_is_named(shop: Shop, field: str) -> None:
    body = {name: value for name, value in wish().items() if name != field}
    assert_error(await create(shop, body), 400, "BAD_VALUE", f"Bad value: {field}")


@pytest.mark.parametrize("field", ["terms", "checkout", "confirmation", "push"])
async def test_a_required_url_that_is_missing_is_named(shop: Shop, field: str) -> None:
    body = wish()
    del body["merchant_urls"][field]
    assert_error(await create(shop, body), 400, "BAD_VALUE", f"Bad value: merchant_urls.{field}")


@pytest.mark.parametrize("field", ["name", "quantity", "unit_price", "tax_rate", "total_amount", "total_tax_amount"])
async def test_a_required_field_of_a_line_that_is_missing_is_named(shop: Shop, field: str) -> None:
    body = wish()
    del body["order_lines"][0][field]
    assert_error(await create(shop, body), 400, "BAD_VALUE", f"Bad value: order_lines[0].{field}")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"order_amount": -1}, "order_amount"),
        ({"order_amount": 999}, "order_amount"),
        ({"order_tax_amount": 9}, "order_tax_amount"),
        (cart(100_000_001), "order_lines[0].unit_price"),
        ({"merchant_data": "x" * 6001}, "merchant_data"),
        ({"merchant_reference1": "x" * 256}, "merchant_reference1"),
        ({"options": {"acquiring_channel": "FAX"}}, "options.acquiring_channel"),
        ({"shipping_options": [{"id": "a", "name": "A", "price": 1, "tax_amount": 0}]}, "shipping_options[0].tax_rate"),
    ],
)
async def test_a_wrong_value_is_named(shop: Shop, fields: JSON, path: str) -> None:
    assert_error(await create(shop, wish(**fields)), 400, "BAD_VALUE", f"Bad value: {path}")


@pytest.mark.parametrize("name", ["validation", "address_update", "shipping_option_update", "country_change"])
async def test_a_callback_must_be_https_but_on_this_machine(shop: Shop, name: str) -> None:
    answer = await create(shop, wish(urls={name: "http://shop.example/"}))
    assert_error(answer, 400, "BAD_VALUE", f"Bad value: merchant_urls.{name}")
    for url in ("https://shop.example/", "http://127.0.0.1:9/", "http://localhost/"):
        assert (await create(shop, wish(urls={name: url}))).status_code == 201
    await shop.switch(deliveries_anywhere=True)
    assert (await create(shop, wish(urls={name: "http://shop.example/"}))).status_code == 201


async def test_what_is_no_json_object_is_a_bad_request(shop: Shop) -> None:
    for content in (b"{", b"[]"):
        answer = await shop.http.post("/checkout/v3/orders", content=content)
        assert_error(answer, 400, "BAD_REQUEST", "The request body is malformed")


async def test_an_order_without_lines_is_taken(shop: Shop) -> None:
    assert (await create(shop, wish(order_lines=[], order_amount=0))).status_code == 201


async def test_an_update_changes_what_is_sent_only(shop: Shop) -> None:
    order_id = await started(shop, wish(merchant_reference1="R-1"))
    await shop.advance(seconds=60)
    answer = await update(shop, order_id, cart(700) | {"order_id": "mine", "status": "checkout_complete"})
    order = answer.json()
    assert answer.status_code == 200
    assert (order["order_amount"], order["merchant_reference1"], order["order_id"]) == (700, "R-1", order_id)
    assert (order["status"], order["last_modified_at"]) == ("checkout_incomplete", "2022-07-08T09:49:00Z")
    assert await read(shop, order_id) == order


async def test_a_wrong_update_changes_nothing(shop: Shop) -> None:
    order_id = await started(shop, wish())
    before = await read(shop, order_id)
    assert_error(await update(shop, order_id, {"order_amount": 5}), 400, "BAD_VALUE", "Bad value: order_amount")
    assert await read(shop, order_id) == before


async def test_a_completed_order_is_read_only(shop: Shop) -> None:
    order_id = await completed(shop, wish())
    for _ in range(2):
        assert_error(await update(shop, order_id, cart(700)), *READ_ONLY)
    assert_error(await shop.call("POST", f"/checkout/v3/orders/{order_id}/abort"), *READ_ONLY)
    order = await read(shop, order_id)
    assert (order["status"], order["completed_at"]) == ("checkout_complete", "2022-07-08T09:48:00Z")
    assert (await shop.order(order_id))["order_amount"] == 1000


async def test_an_aborted_order_is_closed(shop: Shop) -> None:
    order_id = await started(shop, wish())
    assert (await abort(shop, order_id))["order_id"] == order_id
    assert_error(await update(shop, order_id, cart(700)), *READ_ONLY)
    assert_error(await shop.call("POST", f"/checkout/v3/orders/{order_id}/abort"), *READ_ONLY)
    refused = await shop.call("POST", f"/_sandbox/checkout/{order_id}", {"action": "complete"})
    assert (refused.status_code, refused.json()["error_code"]) == (409, "READ_ONLY_ORDER")
    assert await shop.effects() == []


async def test_an_order_lives_for_two_days_after_its_last_update(shop: Shop) -> None:
    order_id = await started(shop, wish())
    await shop.advance(hours=47)
    await update(shop, order_id, cart(700))
    await shop.advance(hours=47)
    await customer(shop, order_id, "refuse")
    await shop.advance(hours=48, seconds=-1)
    await read(shop, order_id)
    await shop.advance(seconds=1)
    assert_error(await shop.call("GET", f"/checkout/v3/orders/{order_id}"), *NOT_FOUND)
    assert_error(await update(shop, order_id, cart(5)), *NOT_FOUND)
    assert_error(await shop.call("POST", f"/checkout/v3/orders/{order_id}/abort"), *NOT_FOUND)
    assert (await shop.call("POST", f"/_sandbox/checkout/{order_id}", {"action": "complete"})).status_code == 409


async def test_an_unknown_order_and_another_accounts_are_not_found(shop: Shop) -> None:
    order_id = await started(shop, wish())
    assert_error(await update(shop, MISSING, {}), *NOT_FOUND)
    assert_error(await update(shop.other("rival"), order_id, {}), *NOT_FOUND)


async def test_a_merchant_that_is_not_activated_reads_nothing(shop: Shop) -> None:
    order_id = await started(shop, wish())
    await shop.switch(checkout_activated=False)
    answer = await shop.call("GET", f"/checkout/v3/orders/{order_id}")
    assert_error(answer, 403, "MERCHANT_INACTIVE", "The merchant isn't activated")


# -- after completion -------------------------------------------------------------------------------------------------


async def test_the_order_lives_on_in_order_management_with_its_id(shop: Shop) -> None:
    address = {"given_name": "Ann", "postal_code": "12345", "country": "SE"}
    lines = [line(1000, tax_rate=2500, total_tax_amount=200, reference="A")]
    body = wish(order_lines=lines, order_tax_amount=200, merchant_reference1="R-1", merchant_data="m")
    order_id = await completed(shop, body, billing_address=address, customer={"date_of_birth": "1970-01-01"})
    order = await shop.order(order_id)
    assert (order["status"], order["fraud_status"], amounts(order)) == ("AUTHORIZED", "ACCEPTED", (1000, 0, 0, 1000))
    assert (order["billing_address"], order["merchant_reference1"], order["merchant_data"]) == (address, "R-1", "m")
    assert [(one["kind"], one["order_id"], one["amount"], one["by"]) for one in await shop.effects()] == [
        ("authorize", order_id, 1000, "customer")
    ]
    assert (await shop.capture(order_id, 1000)).status_code == 201
    assert (await shop.control("GET", f"checkout/{order_id}"))["account"] == "shop"


async def test_an_order_goes_to_review(shop: Shop) -> None:
    order_id = await completed(shop, wish(), outcome="pending")
    assert (await shop.order(order_id))["fraud_status"] == "PENDING"


async def test_a_purchase_is_completed_once(shop: Shop) -> None:
    order_id = await completed(shop, wish())
    again = await shop.call("POST", f"/_sandbox/checkout/{order_id}", {"action": "complete"})
    assert again.status_code == 409
    assert [effect["kind"] for effect in await shop.effects()] == ["authorize"]


async def test_a_refusal_leaves_the_order_open(shop: Shop) -> None:
    order_id = await started(shop, wish())
    assert not (await customer(shop, order_id, "refuse"))["completed"]
    assert (await read(shop, order_id))["status"] == "checkout_incomplete"
    assert await shop.effects() == []
    assert (await customer(shop, order_id, "complete"))["completed"]


async def test_a_recurring_order_gives_a_token_that_pays(shop: Shop) -> None:
    order_id = await started(shop, wish(recurring=True))
    assert "recurring_token" not in await read(shop, order_id)
    await customer(shop, order_id, "complete")
    token = (await read(shop, order_id))["recurring_token"]
    assert "recurring_token" not in await shop.order(order_id)
    assert [effect["kind"] for effect in await shop.effects()] == ["customer_token", "authorize"]
    renewal = {name: wish()[name] for name in ("purchase_currency", "order_amount", "order_tax_amount", "order_lines")}
    assert (await shop.call("POST", f"/customer-token/v1/tokens/{token}/order", renewal)).status_code == 200


async def test_the_page_shows_the_cart_and_escapes_it(shop: Shop) -> None:
    body = wish()
    body["order_lines"][0]["name"] = "<script>alert(1)</script>"
    order_id = await started(shop, body)
    answer = await shop.call("GET", f"/_sandbox/checkout/{order_id}/page")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "10.00 SEK" in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert 'data-action="complete"' in answer.text
    assert (await shop.call("GET", f"/_sandbox/checkout/{MISSING}/page")).status_code == 404


async def test_the_confirmation_url_has_the_id(shop: Shop, merchant: Merchant) -> None:
    order_id = await started(shop, wish(merchant))
    assert (await customer(shop, order_id, "complete"))["redirect"] == f"{merchant.url}/thanks?id={order_id}"


async def test_initial_switches_hold_for_checkout() -> None:
    shop = Shop(app=create_app(Switches(checkout_seconds=0)))
    async with shop.http:
        order_id = await started(shop, wish())
        assert_error(await shop.call("GET", f"/checkout/v3/orders/{order_id}"), *NOT_FOUND)
