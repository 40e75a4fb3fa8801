"""Customer tokens: made from an authorization, read, charged, suspended, cancelled."""

from typing import Any

import httpx
import pytest

from .shop import JSON, Shop, assert_error, line, purchase

WISH: JSON = {
    "description": "Monthly box",
    "intended_use": "SUBSCRIPTION",
    "locale": "en-SE",
    "purchase_country": "SE",
    "purchase_currency": "SEK",
}
UNKNOWN = (404, "NOT_FOUND", "Invalid customer-token ID")
SUSPENDED = (403, "TOKEN_SUSPENDED", "The customer token is suspended")
CANCELED = (403, "TOKEN_CANCELED", "The customer token has been cancelled")


async def make(shop: Shop, authorization: str, **fields: Any) -> httpx.Response:
    return await shop.call("POST", f"/payments/v1/authorizations/{authorization}/customer-token", WISH | fields)


async def made(shop: Shop, authorization: str = "sbx-1") -> str:
    answer = await make(shop, authorization)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token_id"]
    return token


def renewal(amount: int = 1000, **fields: Any) -> JSON:
    return {
        "purchase_currency": "SEK",
        "order_amount": amount,
        "order_tax_amount": 0,
        "order_lines": [line(amount)],
        **fields,
    }


async def charge(shop: Shop, token: str, body: JSON | None = None, key: str | None = None) -> httpx.Response:
    return await shop.call("POST", f"/customer-token/v1/tokens/{token}/order", body or renewal(), key)


async def read(shop: Shop, token: str) -> JSON:
    answer = await shop.call("GET", f"/customer-token/v1/tokens/{token}")
    assert answer.status_code == 200
    view: JSON = answer.json()
    return view


async def cancel(shop: Shop, token: str) -> httpx.Response:
    return await shop.call("PATCH", f"/customer-token/v1/tokens/{token}/status", {"status": "CANCELLED"})


# -- from an authorization --------------------------------------------------------------------------------------------


async def test_an_authorization_gives_one_customer_token(shop: Shop) -> None:
    first = await make(shop, "sbx-1", customer={"date_of_birth": "1970-01-01"})
    assert set(first.json()) == {"token_id", "redirect_url", "payment_method_reference", "customer"}
    assert (await make(shop, "sbx-1", customer={"date_of_birth": "1970-01-01"})).content == first.content
    message = "The customer token has been already created with different request body"
    assert_error(await make(shop, "sbx-1"), 409, "BAD_VALUE", message)
    assert [(effect["kind"], effect["id"]) for effect in await shop.effects()] == [
        ("customer_token", first.json()["token_id"])
    ]


async def test_the_authorization_can_create_an_order_too(shop: Shop) -> None:
    await made(shop, "sbx-1")
    assert (await shop.create("sbx-1")).status_code == 200


@pytest.mark.parametrize("field", sorted(WISH))
async def test_a_required_field_that_is_missing_is_named(shop: Shop, field: str) -> None:
    body = {name: value for name, value in WISH.items() if name != field}
    answer = await shop.call("POST", "/payments/v1/authorizations/sbx-1/customer-token", body)
    assert_error(answer, 400, "BAD_VALUE", f"Bad value: {field}")


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"description": ""}, "BAD_VALUE", "Bad value: description"),
        ({"description": "x" * 256}, "BAD_VALUE", "Bad value: description"),
        ({"intended_use": "subscription"}, "BAD_VALUE", "Bad value: intended_use"),
        ({"intended_use": "ONE_OFF"}, "BAD_VALUE", "Bad value: intended_use"),
        ({"locale": "e"}, "BAD_VALUE", "Bad value: locale"),
        ({"purchase_country": "ZZ"}, "BAD_VALUE", "Bad value: purchase_country"),
        ({"purchase_currency": "USD"}, "BAD_REQUEST", "USD is not valid for creating customer tokens in SE"),
    ],
)
async def test_a_wrong_value_is_refused(shop: Shop, fields: JSON, code: str, message: str) -> None:
    assert_error(await make(shop, "sbx-1", **fields), 400, code, message)
    assert_error(await make(shop, "sbx-1"), 400, code, message)


async def test_the_intended_use_may_be_lower_case_by_a_switch(shop: Shop) -> None:
    await shop.switch(lower_case_intended_use=True)
    assert (await make(shop, "sbx-1", intended_use="subscription")).status_code == 200


async def test_an_authorization_to_buy_gives_none(shop: Shop) -> None:
    refusal = (403, "INVALID_OPERATION", "Not allowed to create customer tokens for intent buy.")
    assert_error(await make(shop, "sbx-buy-1"), *refusal)
    session = (await shop.call("POST", "/payments/v1/sessions", purchase())).json()["session_id"]
    body = {"account": "shop", "session_id": session}
    assert_error(await make(shop, (await shop.control("POST", "tokens", body))["authorization_token"]), *refusal)
    to_tokenize = purchase(intent="buy_and_tokenize", locale="en-SE")
    session = (await shop.call("POST", "/payments/v1/sessions", to_tokenize)).json()["session_id"]
    token = (await shop.control("POST", "tokens", {"account": "shop", "session_id": session}))["authorization_token"]
    assert (await make(shop, token)).status_code == 200


async def test_what_the_customer_did_not_authorize_does_not_match(shop: Shop) -> None:
    snapshot = {"purchase_country": "NO", "purchase_currency": "NOK"}
    token = (await shop.control("POST", "tokens", {"account": "shop", "snapshot": snapshot}))["authorization_token"]
    message = "Not matching fields: [purchase_country, purchase_currency]"
    assert_error(await make(shop, token), 409, "BAD_VALUE", message)


async def test_an_unknown_an_expired_and_a_rejected_authorization_give_none(shop: Shop) -> None:
    await made(shop, "sbx-1")
    assert_error(await make(shop, "unknown"), 404, "NOT_FOUND", "Invalid authorization token")
    assert_error(await make(shop, "sbx-reject-1"), 403, "REJECTED", "Rejected")
    await shop.advance(hours=1)
    assert_error(await make(shop, "sbx-1"), 404, "NOT_FOUND", "Invalid authorization token")


async def test_a_consumed_authorization_gives_none_by_a_switch(shop: Shop) -> None:
    await shop.switch(replayed_create="consumed")
    await made(shop, "sbx-1")
    assert_error(await make(shop, "sbx-1"), 403, "INVALID_OPERATION", "Authorization token already consumed")


# -- reading ----------------------------------------------------------------------------------------------------------


async def test_a_token_is_read_with_its_payment_method(shop: Shop) -> None:
    token = await made(shop)
    assert await read(shop, token) == {"payment_method_type": "INVOICE", "status": "ACTIVE"}
    await shop.switch(payment_method="card", customer_status_case="lower")
    card = await read(shop, token)
    assert (card["payment_method_type"], card["status"], set(card["card"])) == (
        "CARD",
        "active",
        {"brand", "expiry_date", "masked_number"},
    )
    await shop.switch(payment_method="direct_debit")
    assert set((await read(shop, token))["direct_debit"]) == {"masked_number"}


async def test_an_unknown_token_and_another_accounts_are_not_found(shop: Shop) -> None:
    token = await made(shop)
    for asker, text in ((shop, "unknown"), (shop.other("rival"), token)):
        assert_error(await asker.call("GET", f"/customer-token/v1/tokens/{text}"), *UNKNOWN)
        assert_error(await cancel(asker, text), *UNKNOWN)
        assert_error(await charge(asker, text), 404, "TOKEN_NOT_FOUND", "The customer token doesn't exist")


async def test_another_accounts_token_is_canceled_by_a_switch(shop: Shop) -> None:
    token = await made(shop)
    await shop.switch(linked_elsewhere="canceled", canceled_code="TOKEN_CANCELLED")
    message = "The customer token exists, but isn't linked to your merchant ID"
    assert_error(await charge(shop.other("rival"), token), 403, "TOKEN_CANCELLED", message)


# -- orders -----------------------------------------------------------------------------------------------------------


async def test_an_order_lives_on_in_order_management(shop: Shop) -> None:
    token = await made(shop)
    urls = {"confirmation": "https://shop.example/thanks"}
    answer = await charge(shop, token, renewal(2990, merchant_reference1="R-1", merchant_urls=urls, locale="ignored"))
    body = answer.json()
    assert (answer.status_code, body["fraud_status"]) == (200, "ACCEPTED")
    assert {"authorized_payment_method", "redirect_url"} <= set(body)
    order = await shop.order(body["order_id"])
    assert (order["order_amount"], order["purchase_country"], order["locale"]) == (2990, "SE", "en-SE")
    assert (await shop.capture(body["order_id"], 2990)).status_code == 201
    effect = (await shop.effects())[1]
    assert (effect["kind"], effect["amount"], effect["reference"], effect["token"]) == ("authorize", 2990, "R-1", token)


@pytest.mark.parametrize(
    ("value", "bare", "confirmed"),
    [("always", True, True), ("with_confirmation", False, True), ("never", False, False)],
)
async def test_the_redirect_is_there_by_a_switch(shop: Shop, value: str, *, bare: bool, confirmed: bool) -> None:
    await shop.switch(renewal_redirect_url=value)
    with_url = renewal(merchant_urls={"confirmation": "https://shop.example/thanks"})
    assert ("redirect_url" in (await charge(shop, "sbx-1")).json()) is bare
    assert ("redirect_url" in (await charge(shop, "sbx-1", with_url)).json()) is confirmed


async def test_one_key_is_one_order_for_a_day(shop: Shop) -> None:
    token = await made(shop)
    first = await charge(shop, token, key="k")
    assert (await charge(shop, token, renewal(5), key="k")).content == first.content
    assert (await charge(shop, token)).json()["order_id"] != first.json()["order_id"]
    await shop.advance(hours=24)
    assert (await charge(shop, token, key="k")).json()["order_id"] != first.json()["order_id"]
    assert [effect["kind"] for effect in await shop.effects()] == ["customer_token", *["authorize"] * 3]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"order_amount": 0}, "order_amount"),
        ({"order_amount": None}, "order_amount"),
        ({"order_tax_amount": None}, "order_tax_amount"),
        ({"order_tax_amount": 900}, "order_tax_amount"),
        ({"order_lines": []}, "order_lines"),
        ({"order_lines": [line(100_000_001)]}, "order_lines[0].unit_price"),
        ({"order_lines": [line(1000, reference="r" * 257)]}, "order_lines[0].reference"),
        ({"order_lines": [line(1000, merchant_data="m" * 256)]}, "order_lines[0].merchant_data"),
        (
            {"order_tax_amount": 202, "order_lines": [line(1000, tax_rate=2500, total_tax_amount=202)]},
            "order_lines[0].total_tax_amount",
        ),
        ({"purchase_currency": "EUR"}, "purchase_currency"),
        ({"merchant_urls": {"push": "https://shop.example"}}, "merchant_urls.confirmation"),
        ({"attachment": {"body": "{}"}}, "attachment.content_type"),
    ],
)
async def test_a_wrong_order_is_refused(shop: Shop, change: JSON, path: str) -> None:
    token = await made(shop)
    assert_error(await charge(shop, token, renewal() | change), 400, "BAD_VALUE", f"Bad value: {path}")
    await shop.switch(renewal_bad_value="BAD_REQUEST")
    assert_error(await charge(shop, token, renewal() | change), 400, "BAD_REQUEST", f"Bad value: {path}")


async def test_what_is_no_json_is_a_bad_request(shop: Shop) -> None:
    answer = await shop.http.post("/customer-token/v1/tokens/sbx-1/order", content=b"{")
    assert_error(answer, 400, "BAD_REQUEST", "The request body is malformed")


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("sbx-suspended-1", 403, "TOKEN_SUSPENDED"),
        ("sbx-canceled-1", 403, "TOKEN_CANCELED"),
        ("sbx-failing-1", 403, "PAYMENT_METHOD_FAILED"),
        ("sbx-unavailable-1", 403, "UNAVAILABLE_PAYMENT_METHOD"),
    ],
)
async def test_a_token_that_cannot_pay_says_why(shop: Shop, token: str, status: int, code: str) -> None:
    for _ in range(2):
        answer = await charge(shop, token)
        assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert await shop.effects() == []


async def test_a_payment_method_fails_as_often_as_asked(shop: Shop) -> None:
    await shop.control("POST", "customer-tokens/sbx-1", {"account": "shop", "payment_method": "failing", "times": 2})
    assert [(await charge(shop, "sbx-1")).status_code for _ in range(3)] == [403, 403, 200]


async def test_a_service_that_is_down_is_asked_again_with_the_same_key(shop: Shop) -> None:
    token = await made(shop)
    await shop.control("POST", f"customer-tokens/{token}", {"payment_method": "down", "times": 1})
    down = await charge(shop, token, key="k")
    assert (down.status_code, down.json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")
    assert (await charge(shop, token, key="k")).status_code == 200


async def test_a_pending_token_makes_orders_under_review(shop: Shop) -> None:
    for token in ("sbx-pending-1", await made(shop, "sbx-pending-2")):
        assert (await charge(shop, token)).json()["fraud_status"] == "PENDING"


# -- status -----------------------------------------------------------------------------------------------------------


async def test_a_cancellation_takes_effect_later_and_has_to_be_read(shop: Shop) -> None:
    token = await made(shop)
    answer = await cancel(shop, token)
    assert (answer.status_code, answer.content) == (202, b"")
    assert (await read(shop, token))["status"] == "ACTIVE"
    assert (await charge(shop, token)).status_code == 200
    await shop.advance(seconds=5)
    assert (await read(shop, token))["status"] == "CANCELLED"
    assert_error(await charge(shop, token), *CANCELED)
    assert [effect["kind"] for effect in await shop.effects()] == [
        "customer_token",
        "authorize",
        "cancel_customer_token",
    ]


async def test_a_cancellation_cannot_be_undone_nor_repeated(shop: Shop) -> None:
    token = await made(shop)
    await cancel(shop, token)
    assert_error(await cancel(shop, token), *CANCELED)
    await shop.advance(seconds=5)
    assert_error(await cancel(shop, token), *CANCELED)
    await shop.switch(second_token_cancel=202)
    assert (await cancel(shop, token)).status_code == 202
    undone = await shop.call("POST", f"/_sandbox/customer-tokens/{token}", {"status": "ACTIVE"})
    assert (undone.status_code, (await read(shop, token))["status"]) == (409, "CANCELLED")


@pytest.mark.parametrize("body", [{}, {"status": "SUSPENDED"}, {"status": "cancelled"}])
async def test_only_a_cancellation_may_be_asked_for(shop: Shop, body: JSON) -> None:
    answer = await shop.call("PATCH", "/customer-token/v1/tokens/sbx-1/status", body)
    assert_error(answer, 400, "BAD_VALUE", "Bad value: status")


async def test_a_suspended_token_can_become_active_again_or_be_cancelled(shop: Shop) -> None:
    token = await made(shop)
    await shop.control("POST", f"customer-tokens/{token}", {"status": "SUSPENDED"})
    assert (await read(shop, token))["status"] == "SUSPENDED"
    assert_error(await charge(shop, token), *SUSPENDED)
    await shop.control("POST", f"customer-tokens/{token}", {"status": "ACTIVE"})
    assert (await charge(shop, token)).status_code == 200
    await shop.control("POST", f"customer-tokens/{token}", {"status": "SUSPENDED"})
    await cancel(shop, token)
    await shop.advance(seconds=5)
    assert_error(await charge(shop, token), *CANCELED)


async def test_the_control_plane_makes_and_shows_tokens(shop: Shop) -> None:
    body = {"account": "shop", "token": "mine", "purchase_currency": "EUR"}
    shown = await shop.control("POST", "customer-tokens", body)
    assert shown == await shop.control("GET", "customer-tokens/mine")
    assert (shown["token_id"], shown["status"], shown["payment_method"]) == ("mine", "ACTIVE", "ok")
    assert (await charge(shop, "mine", renewal(purchase_currency="EUR"))).status_code == 200
    assert (await shop.call("POST", "/_sandbox/customer-tokens", body)).status_code == 409
    assert (await shop.call("GET", "/_sandbox/customer-tokens/none")).status_code == 404
