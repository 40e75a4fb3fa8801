"""Mollie's HTTP: keys, errors, idempotency, rate limit, faults, the log of requests."""

import asyncio
from typing import Any

import pytest

from ordersaga_sandbox.http import ConnectionDropped

from .mollie_shop import MollieShop, eur, line, order_body, refusal
from .shop import JSON, Shop

# -- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "shop", "test_", "test_wrong", "prod_shop", "test_a-b", "access_wrong"])
async def test_a_key_of_another_form_is_unauthorized(mollie: MollieShop, key: str) -> None:
    answer = await mollie.other(key).call("GET", "orders")
    assert refusal(answer) == (401, "Missing authentication, or failed to authenticate", None)
    assert answer.json()["title"] == "Unauthorized Request"


async def test_basic_credentials_are_unauthorized(mollie: MollieShop) -> None:
    answer = await mollie.http.get("/v2/orders", headers={"authorization": "Basic c2hvcDpzZWNyZXQ="})
    assert answer.status_code == 401


async def test_a_key_is_unauthorized_at_klarna(shop: Shop) -> None:
    path = "/ordermanagement/v1/orders/1"
    answer = await shop.http.get(path, headers={"authorization": "Bearer test_shop"}, auth=None)
    assert answer.status_code == 401


@pytest.mark.parametrize("key", ["test_rival", "live_shop"])
async def test_orders_of_other_accounts_and_of_the_other_mode_are_invisible(mollie: MollieShop, key: str) -> None:
    order = await mollie.create()
    other = mollie.other(key)
    for path in (f"orders/{order['id']}", f"payments/{order['_embedded']['payments'][0]['id']}"):
        answer = await other.call("GET", path)
        assert refusal(answer)[0] == 404
    assert (await other.get("orders"))["count"] == 0


async def test_the_account_is_named_in_ledger_and_log(mollie: MollieShop) -> None:
    await mollie.other("live_rival_2").create()
    assert {effect["account"] for effect in await mollie.effects()} == {"rival_2"}
    [entry] = (await mollie.control("GET", "requests"))["requests"]
    assert (entry["account"], entry["route"], entry["status"], entry["effect_seq"]) == ("rival_2", "/v2/orders", 201, 2)


async def test_an_access_token_names_mode_and_profile(mollie: MollieShop) -> None:
    partner = mollie.other("access_shop")
    answer = await partner.call("POST", "orders", order_body())
    assert refusal(answer) == (422, "The 'profileId' field is required when using an access token", "profileId")
    live = (await partner.call("POST", "orders", order_body(profileId="pfl_1"))).json()
    test = (await partner.call("POST", "orders", order_body(profileId="pfl_1", testmode=True))).json()
    assert (live["mode"], test["mode"], live["profileId"]) == ("live", "test", "pfl_1")
    assert (await partner.get(f"orders/{test['id']}?testmode=true"))["id"] == test["id"]
    assert (await partner.call("GET", f"orders/{test['id']}")).status_code == 404
    assert (await mollie.get(f"orders/{test['id']}"))["id"] == test["id"]


async def test_testmode_with_an_api_key_is_refused(mollie: MollieShop) -> None:
    answer = await mollie.call("POST", "orders", order_body(testmode=True))
    expected = 'Non-existent body parameter "testmode" for this API call.'
    assert refusal(answer) == (422, expected, "testmode")
    answer = await mollie.call("GET", "orders?testmode=true")
    assert refusal(answer) == (422, 'Non-existent query parameter "testmode" for this API call.', "testmode")


# -- errors -----------------------------------------------------------------------------------------------------------


async def test_an_unknown_path_and_another_method_are_refused(mollie: MollieShop) -> None:
    assert refusal(await mollie.call("GET", "nothing"))[0] == 404
    answer = await mollie.call("PUT", "orders")
    assert refusal(answer)[0] == 405
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b"{}", "", 415),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    mollie: MollieShop, content: bytes, content_type: str, status: int
) -> None:
    answer = await mollie.http.post("/v2/orders", content=content, headers={"content-type": content_type})
    assert refusal(answer)[0] == status


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "orders", order_body(foo=1)),
        ("PATCH", "orders/{id}", {"foo": 1}),
        ("PATCH", "orders/{id}/lines/{line}", {"foo": 1}),
        ("PATCH", "orders/{id}/lines", {"foo": 1}),
        ("DELETE", "orders/{id}/lines", {"foo": 1}),
        ("POST", "orders/{id}/payments", {"foo": 1}),
        ("POST", "orders/{id}/shipments", {"foo": 1}),
        ("POST", "orders/{id}/refunds", {"foo": 1}),
    ],
)
async def test_an_unknown_field_is_refused(mollie: MollieShop, method: str, path: str, body: JSON) -> None:
    order = await mollie.authorized()
    answer = await mollie.call(method, path.format(id=order["id"], line=order["lines"][0]["id"]), body)
    assert refusal(answer) == (422, 'Non-existent body parameter "foo" for this API call.', "foo")


async def test_an_unknown_embed_is_refused(mollie: MollieShop) -> None:
    order = await mollie.create()
    assert refusal(await mollie.call("GET", f"orders/{order['id']}?embed=captures"))[0] == 400


async def test_responses_are_hal(mollie: MollieShop) -> None:
    order = await mollie.create()
    answer = await mollie.call("GET", f"orders/{order['id']}")
    assert answer.headers["content-type"] == "application/hal+json"
    assert "klarna-correlation-id" not in answer.headers
    assert answer.json()["_links"]["self"] == {
        "href": f"http://sandbox/v2/orders/{order['id']}",
        "type": "application/hal+json",
    }


# -- idempotency ------------------------------------------------------------------------------------------------------


async def test_a_key_gets_the_same_response_for_an_hour(mollie: MollieShop) -> None:
    first = await mollie.call("POST", "orders", order_body(), "k")
    await mollie.advance(seconds=3_599)
    again = await mollie.call("POST", "orders", order_body(), "k")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    await mollie.advance(seconds=1)
    later = await mollie.call("POST", "orders", order_body(), "k")
    assert later.json()["id"] != first.json()["id"]
    assert "idempotent-replayed" not in later.headers


async def test_the_life_of_a_key_by_the_switch(mollie: MollieShop) -> None:
    await mollie.switch(mollie_key_seconds=10)
    first = await mollie.call("POST", "orders", order_body(), "k")
    await mollie.advance(seconds=10)
    assert (await mollie.call("POST", "orders", order_body(), "k")).json()["id"] != first.json()["id"]


async def test_a_replay_has_no_effect_of_its_own(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    part = {"id": order["lines"][0]["id"], "quantity": 1}
    for _ in range(3):
        assert (await mollie.ship(order, part, key="k")).status_code == 201
    assert (await mollie.order(order["id"]))["amountCaptured"] == eur("10.00")
    entries = (await mollie.control("GET", "requests"))["requests"]
    assert [entry["replay"] for entry in entries if entry["path"].endswith("shipments")] == [False, True, True]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("orders/{id}/shipments", {"lines": [], "tracking": {"carrier": "A", "code": "1"}}),
        ("orders/{id}/refunds", {"lines": []}),
        ("orders/{id}/shipments?embed=x", {"lines": []}),
    ],
)
async def test_a_key_for_another_request_is_refused(mollie: MollieShop, path: str, body: JSON) -> None:
    order = await mollie.authorized()
    assert (await mollie.ship(order, key="k")).status_code == 201
    answer = await mollie.call("POST", path.format(id=order["id"]), body, "k")
    assert refusal(answer)[0] == 400


async def test_the_order_of_fields_makes_no_other_request(mollie: MollieShop) -> None:
    body = order_body()
    first = await mollie.call("POST", "orders", body, "k")
    again = await mollie.call("POST", "orders", dict(reversed(body.items())), "k")
    assert again.json() == first.json()


async def test_a_second_request_while_the_first_runs_is_a_conflict(mollie: MollieShop) -> None:
    await mollie.control("POST", "faults", {"action": "delay", "seconds": 0.3, "route": "/v2/orders", "times": 1})
    first = asyncio.create_task(mollie.call("POST", "orders", order_body(), "k"))
    async with asyncio.timeout(5):
        while not (await mollie.control("GET", "faults"))["faults"][0]["fired"]:  # noqa: ASYNC110 - the other request goes on meanwhile
            await asyncio.sleep(0)
    second = await mollie.call("POST", "orders", order_body(), "k")
    expected = "Another request with this Idempotency-Key is already being processed."
    assert refusal(second) == (409, expected, None)
    assert (await first).status_code == 201


@pytest.mark.parametrize(("method", "status"), [("DELETE", 422), ("PATCH", 200)])
async def test_a_key_is_ignored_in_other_methods_than_post(mollie: MollieShop, method: str, status: int) -> None:
    order = await mollie.authorized()
    body = {"orderNumber": "B"} if method == "PATCH" else None
    assert (await mollie.call(method, f"orders/{order['id']}", body, "k")).status_code == 200
    again = await mollie.call(method, f"orders/{order['id']}", body, "k")
    assert again.status_code == status
    assert "idempotent-replayed" not in again.headers


async def test_keys_are_apart_by_account_mode_and_provider(mollie: MollieShop) -> None:
    ids = {
        (await shop.call("POST", "orders", order_body(), "k")).json()["id"]
        for shop in (mollie, mollie.other("live_shop"), mollie.other("test_rival"))
    }
    assert len(ids) == 3
    klarna = Shop("shop", mollie.app)
    order_id = await klarna.place()
    assert (await klarna.capture(order_id, 1, "k")).status_code == 201


async def test_an_error_is_replayed_unless_switched_off(mollie: MollieShop) -> None:
    order = await mollie.create()
    assert (await mollie.ship(order, key="k")).status_code == 422
    await mollie.customer(order["id"], "pay")
    assert (await mollie.ship(order, key="k")).status_code == 422
    await mollie.switch(replay_4xx=False)
    assert (await mollie.ship(order, key="other")).status_code == 201


# -- rate limit and faults --------------------------------------------------------------------------------------------


async def test_the_rate_limit_of_an_account(mollie: MollieShop) -> None:
    await mollie.switch(mollie_rate_limit=2)
    answers = [await mollie.call("GET", "orders") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert refusal(answers[2])[0] == 429
    assert answers[2].headers["retry-after"] == "1"
    assert (await mollie.other("test_rival").call("GET", "orders")).status_code == 200
    await mollie.advance(seconds=1)
    assert (await mollie.call("GET", "orders")).status_code == 200


async def fault(mollie: MollieShop, **fields: Any) -> None:
    await mollie.control("POST", "faults", {"route": "/v2/orders/{order_id}/shipments", "method": "POST", **fields})


@pytest.mark.parametrize(("action", "captured"), [("drop_before", None), ("drop_after", eur("25.00"))])
async def test_a_shipment_whose_response_is_lost(mollie: MollieShop, action: str, captured: JSON | None) -> None:
    order = await mollie.authorized()
    await fault(mollie, action=action)
    with pytest.raises(ConnectionDropped):
        await mollie.ship(order)
    assert (await mollie.order(order["id"])).get("amountCaptured") == captured


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_fault_has_mollies_own_error(mollie: MollieShop, status: int) -> None:
    order = await mollie.authorized()
    await fault(mollie, action="status", status=status, headers={"Retry-After": "2"}, times=1)
    answer = await mollie.ship(order)
    assert refusal(answer)[0] == status
    assert answer.headers["retry-after"] == "2"
    assert "amountCaptured" not in await mollie.order(order["id"])


async def test_half_a_response(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    await fault(mollie, action="broken_body")
    answer = await mollie.ship(order)
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/hal+json")
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert (await mollie.order(order["id"]))["status"] == "completed"


async def test_a_fault_for_an_unknown_route_is_refused(mollie: MollieShop) -> None:
    answer = await mollie.call("POST", "/_sandbox/faults", {"action": "drop_before", "route": "/v2/order"})
    assert answer.status_code == 400
    assert "/v2/orders/{order_id}/shipments" in answer.json()["error"]


async def test_a_reset_forgets_orders_and_keys(mollie: MollieShop) -> None:
    order = (await mollie.call("POST", "orders", order_body(line("1.00")), "k")).json()
    await mollie.control("POST", "reset")
    assert (await mollie.call("GET", f"orders/{order['id']}")).status_code == 404
    again = await mollie.call("POST", "orders", order_body(line("1.00")), "k")
    assert again.json()["id"] != order["id"]
