"""Klarna Payments: exact answers, the error table row by row, sessions."""

from typing import Any

import pytest

from .shop import JSON, MISSING, Shop, assert_error, line, purchase

ADDRESS = {"given_name": "Klara", "postal_code": "12345", "country": "SE"}


async def test_an_order_is_created_with_200_and_its_id(shop: Shop) -> None:
    answer = await shop.create("sbx-1", purchase(1000, merchant_reference1="A-1", billing_address=ADDRESS))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"order_id", "fraud_status", "authorized_payment_method"}
    assert body["fraud_status"] == "ACCEPTED"
    order = await shop.order(body["order_id"])
    assert order["merchant_reference1"] == "A-1"
    assert order["billing_address"] == order["shipping_address"] == ADDRESS


async def test_a_redirect_url_is_told_only_where_a_confirmation_url_was_sent(shop: Shop) -> None:
    answer = await shop.create("sbx-1", purchase(merchant_urls={"confirmation": "https://shop.example/thanks"}))
    assert answer.json()["redirect_url"].startswith("http://sandbox/")


async def test_unknown_fields_are_ignored(shop: Shop) -> None:
    body = purchase(lines=[line(1000, colour="red")], something={"new": True})
    assert (await shop.create("sbx-1", body)).status_code == 200


async def test_an_order_of_nothing_can_be_placed(shop: Shop) -> None:
    order = await shop.order(await shop.place(0))
    assert (order["status"], order["remaining_authorized_amount"]) == ("AUTHORIZED", 0)


def with_line(**fields: Any) -> JSON:
    return purchase(lines=[line(1000) | fields])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (purchase() | {"order_amount": 999}, "order_amount"),
        (purchase() | {"order_amount": -1}, "order_amount"),
        (purchase(order_tax_amount=9), "order_tax_amount"),
        (purchase(lines=[]), "order_lines"),
        (purchase(lines=[line(1)] * 1001), "order_lines"),
        (purchase() | {"order_lines": None}, "order_lines"),
        ({k: v for k, v in purchase().items() if k != "order_lines"}, "order_lines"),
        (purchase() | {"purchase_currency": "EURO"}, "purchase_currency"),
        (purchase() | {"purchase_country": "S1"}, "purchase_country"),
        (purchase() | {"locale": "english"}, "locale"),
        (purchase(merchant_reference1="x" * 256), "merchant_reference1"),
        (purchase(merchant_data="x" * 6001), "merchant_data"),
        (purchase(merchant_urls={"push": "x" * 2001}), "merchant_urls.push"),
        (purchase(billing_address={"postal_code": "12345678901"}), "billing_address.postal_code"),
        (purchase(shipping_address={"title": "x" * 21}), "shipping_address.title"),
        (purchase(shipping_address={"city": "x" * 201}), "shipping_address.city"),
        (purchase(billing_address={"attention": "x" * 256}), "billing_address.attention"),
        (with_line(total_tax_amount=2, tax_rate=0), "order_lines[0].total_tax_amount"),
        (with_line(total_amount=999), "order_lines[0].total_amount"),
        (with_line(name=""), "order_lines[0].name"),
        (with_line(name="x" * 256), "order_lines[0].name"),
        (with_line(quantity=-1), "order_lines[0].quantity"),
        (with_line(quantity=1.5), "order_lines[0].quantity"),
        (with_line(unit_price=200_000_001), "order_lines[0].unit_price"),
        (with_line(tax_rate=10_001), "order_lines[0].tax_rate"),
        (with_line(type="return_fee"), "order_lines[0].type"),
        (with_line(reference="x" * 256), "order_lines[0].reference"),
        (with_line(quantity_unit="x" * 9), "order_lines[0].quantity_unit"),
        (with_line(merchant_data="x" * 1025), "order_lines[0].merchant_data"),
        (with_line(product_url="x" * 1025), "order_lines[0].product_url"),
        (with_line(product_identifiers={"brand": "x" * 71}), "order_lines[0].product_identifiers.brand"),
        (
            with_line(subscription={"name": "s", "interval": "DAY", "interval_count": 0}),
            "order_lines[0].subscription.interval_count",
        ),
    ],
)
async def test_a_bad_value_is_refused_with_its_path(shop: Shop, body: JSON, path: str) -> None:
    assert_error(await shop.create("sbx-1", body), 400, "BAD_VALUE", f"Bad value: {path}")


async def test_all_lines_that_do_not_add_up_are_told_at_once(shop: Shop) -> None:
    body = purchase(lines=[line(100) | {"total_amount": 90}, line(100), line(100) | {"total_amount": 80}])
    assert_error(
        await shop.create("sbx-1", body),
        400,
        "BAD_VALUE",
        "Bad value: order_lines[0].total_amount",
        "Bad value: order_lines[2].total_amount",
    )


@pytest.mark.parametrize("kind", ["physical", "digital", "shipping_fee", "surcharge", "sales_tax", None])
async def test_only_discounts_and_credits_may_be_negative(shop: Shop, kind: str | None) -> None:
    negative = line(-100) | ({"type": kind} if kind else {})
    body = purchase(lines=[line(1000), negative])
    answer = await shop.create("sbx-1", body)
    assert_error(
        answer, 400, "BAD_VALUE", "Bad value: order_lines[1].unit_price", "Bad value: order_lines[1].total_amount"
    )


@pytest.mark.parametrize("kind", ["discount", "gift_card", "store_credit"])
async def test_discounts_and_credits_are_negative_lines(shop: Shop, kind: str) -> None:
    answer = await shop.create("sbx-1", purchase(lines=[line(1000), line(-100, type=kind)]))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("total", "rate", "tax", "fits"),
    [
        (1530, 2000, 255, True),
        (1530, 2000, 254, True),
        (1530, 2000, 256, True),
        (1530, 2000, 253, False),
        (1530, 2000, 257, False),
        (495, 700, 32, True),  # 32.38…
        (495, 700, 33, True),
        (495, 700, 34, False),
        (495, 700, 41, False),
        (999, 0, 1, True),
        (999, 0, 2, False),
    ],
)
async def test_tax_may_be_one_off(shop: Shop, total: int, rate: int, tax: int, fits: bool) -> None:
    answer = await shop.create("sbx-1", purchase(lines=[line(total, tax_rate=rate, total_tax_amount=tax)]))
    assert answer.status_code == (200 if fits else 400)


async def test_the_tax_of_an_american_order_is_a_line_of_its_own(shop: Shop) -> None:
    lines = [line(1000, tax_rate=0, total_tax_amount=0), line(80, type="sales_tax", total_tax_amount=0)]
    assert (await shop.create("sbx-1", purchase(lines=lines, order_tax_amount=80))).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"x"'])
async def test_what_is_no_json_object_is_malformed(shop: Shop, body: bytes) -> None:
    answer = await shop.http.post("/payments/v1/authorizations/sbx-1/order", content=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "header",
    [{}, {"Authorization": "Basic c2hvcDp3cm9uZw=="}, {"Authorization": "Bearer x"}, {"Authorization": "Basic !"}],
)
async def test_without_good_credentials_it_is_401(shop: Shop, header: dict[str, str]) -> None:
    shop.http.auth = None  # type: ignore[assignment] # httpx types the setter as it never is None
    answer = await shop.http.post("/payments/v1/authorizations/sbx-1/order", json=purchase(), headers=header)
    assert_error(answer, 401, "UNAUTHORIZED", "Authentication failed")
    assert await shop.effects() == []


async def test_a_body_over_one_mebibyte_is_too_large(shop: Shop) -> None:
    answer = await shop.create("sbx-1", purchase(merchant_data="x" * 1_048_576))
    assert_error(answer, 413, "REQUEST_TOO_LARGE", "Request is too large")


async def test_a_path_or_method_that_is_not_there(shop: Shop) -> None:
    assert (await shop.call("GET", "/payments/v1/nothing")).status_code == 404
    assert (await shop.call("PUT", "/payments/v1/sessions")).status_code == 405


async def test_a_rate_limit_is_told_with_every_answer_and_then_refuses(shop: Shop) -> None:
    await shop.switch(rate_limits="playground")
    answers = [await shop.call("POST", "/payments/v1/sessions", purchase()) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[0].headers["x-ratelimit-limit"].startswith("5;w=1;name=")
    assert answers[5].headers["x-ratelimit-remaining"] == "0"
    assert_error(answers[5], 429, "TOO_MANY_REQUESTS", "Too many requests")
    await shop.advance(seconds=1)
    assert (await shop.call("POST", "/payments/v1/sessions", purchase())).status_code == 200


# -- sessions ---------------------------------------------------------------------------------------------------------


async def session_of(shop: Shop, body: JSON | None = None) -> str:
    answer = await shop.call("POST", "/payments/v1/sessions", body or purchase())
    assert answer.status_code == 200
    assert set(answer.json()) == {"session_id", "client_token", "payment_method_categories"}
    session_id: str = answer.json()["session_id"]
    return session_id


async def test_a_session_is_created_read_and_updated(shop: Shop) -> None:
    session = await session_of(shop)
    update = await shop.call("POST", f"/payments/v1/sessions/{session}", purchase(500))
    assert (update.status_code, update.content) == (204, b"")
    read = await shop.call("GET", f"/payments/v1/sessions/{session}")
    assert (read.status_code, read.json()["order_amount"], read.json()["status"]) == (200, 500, "incomplete")


async def test_a_session_of_nobody_of_another_and_of_long_ago_is_not_found(shop: Shop) -> None:
    session = await session_of(shop)
    path = f"/payments/v1/sessions/{session}"
    assert_error(await shop.call("GET", f"/payments/v1/sessions/{MISSING}"), 404, "NOT_FOUND", "Invalid session id")
    assert_error(await shop.other("rival").call("GET", path), 404, "NOT_FOUND", "Invalid session id")
    await shop.advance(hours=48)
    assert_error(await shop.call("POST", path, purchase()), 404, "NOT_FOUND", "Invalid session id")


async def test_a_bad_session_is_refused(shop: Shop) -> None:
    answer = await shop.call("POST", "/payments/v1/sessions", purchase() | {"order_amount": 1})
    assert_error(answer, 400, "BAD_VALUE", "Bad value: order_amount")
    session = await session_of(shop)
    update = await shop.call("POST", f"/payments/v1/sessions/{session}", {"order_amount": 1})
    assert_error(update, 400, "BAD_VALUE", "Bad value: order_amount")


async def test_a_session_ends_with_its_order(shop: Shop) -> None:
    session = await session_of(shop)
    token = (await shop.control("POST", "tokens", {"account": "shop", "session_id": session}))["authorization_token"]
    assert (await shop.create(token)).status_code == 200
    path = f"/payments/v1/sessions/{session}"
    assert_error(await shop.call("POST", path, purchase()), 404, "SESSION_COMPLETED", "The session has been completed")
    assert (await shop.call("GET", path)).json()["status"] == "complete"
