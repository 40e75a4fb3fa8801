"""Authorization tokens: single use, sticky errors, snapshots, life and deletion."""

import pytest

from .shop import JSON, Shop, assert_error, line, purchase

INVALID = (404, "NOT_FOUND", "Invalid authorization token")
UNDELETABLE = (404, "NOT_FOUND", "Authorization cannot be deleted")


async def test_the_same_body_gets_the_same_order_and_no_second_one(shop: Shop) -> None:
    first, second = await shop.create("sbx-1"), await shop.create("sbx-1")
    assert (second.status_code, second.content) == (200, first.content)
    assert [effect["kind"] for effect in await shop.effects()] == ["authorize"]
    assert [entry["replay"] for entry in await shop.requests()] == [False, True]


async def test_the_order_of_fields_makes_no_other_body(shop: Shop) -> None:
    first = await shop.create("sbx-1", purchase())
    assert (await shop.create("sbx-1", dict(reversed(purchase().items())))).content == first.content


async def test_another_body_after_success_is_a_conflict(shop: Shop) -> None:
    await shop.create("sbx-1", purchase(1000))
    message = "The order has been already completed with different request body"
    assert_error(await shop.create("sbx-1", purchase(900)), 409, "BAD_VALUE", message)
    assert (await shop.create("sbx-1", purchase(1000))).status_code == 200


async def test_an_error_sticks_even_when_the_body_is_put_right(shop: Shop) -> None:
    wrong = await shop.create("sbx-1", purchase() | {"order_amount": 1})
    right = await shop.create("sbx-1", purchase())
    assert (right.status_code, right.content) == (400, wrong.content)
    assert await shop.effects() == []


async def test_a_reject_token_is_refused_for_ever(shop: Shop) -> None:
    for _ in range(2):
        assert_error(await shop.create("sbx-reject-1"), 403, "REJECTED", "Rejected")


async def test_a_pending_token_makes_an_order_under_review(shop: Shop) -> None:
    answer = await shop.create("sbx-pending-1")
    assert (answer.status_code, answer.json()["fraud_status"]) == (200, "PENDING")
    order = await shop.order(answer.json()["order_id"])
    assert (order["status"], order["fraud_status"]) == ("AUTHORIZED", "PENDING")


async def test_an_unknown_token_is_not_found(shop: Shop) -> None:
    assert_error(await shop.create("b4bd3423-24e3"), *INVALID)


async def test_a_token_is_percent_decoded(shop: Shop) -> None:
    await shop.control("POST", "tokens", {"account": "shop", "token": "a/b c"})
    assert (await shop.create("a%2Fb%20c")).status_code == 200


async def test_a_token_lives_sixty_minutes_from_its_first_sight(shop: Shop) -> None:
    await shop.create("sbx-1", purchase() | {"order_amount": 1})
    await shop.create("sbx-2")
    await shop.advance(seconds=3599)
    assert (await shop.create("sbx-1")).status_code == 400
    assert (await shop.create("sbx-2")).status_code == 200
    await shop.advance(seconds=1)
    assert_error(await shop.create("sbx-1"), *INVALID)
    assert_error(await shop.create("sbx-2"), *INVALID)


async def test_an_unused_token_is_deleted_and_makes_no_order_later(shop: Shop) -> None:
    answer = await shop.cancel_authorization("sbx-1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert_error(await shop.create("sbx-1"), *INVALID)
    assert_error(await shop.cancel_authorization("sbx-1"), *UNDELETABLE)
    assert [(effect["kind"], effect["token"]) for effect in await shop.effects()] == [("cancel_authorization", "sbx-1")]


async def test_a_token_whose_create_was_refused_can_be_deleted(shop: Shop) -> None:
    await shop.create("sbx-reject-1")
    assert (await shop.cancel_authorization("sbx-reject-1")).status_code == 204


async def test_a_consumed_an_unknown_and_an_expired_token_cannot_be_deleted(shop: Shop) -> None:
    await shop.create("sbx-1")
    assert_error(await shop.cancel_authorization("sbx-1"), *UNDELETABLE)
    assert_error(await shop.cancel_authorization("unknown"), *UNDELETABLE)
    token = (await shop.control("POST", "tokens", {"account": "shop"}))["authorization_token"]
    await shop.advance(hours=1)
    assert_error(await shop.cancel_authorization(token), *UNDELETABLE)


async def test_each_account_has_its_own_tokens(shop: Shop) -> None:
    rival = shop.other("rival")
    await shop.control("POST", "tokens", {"account": "shop", "token": "mine"})
    assert_error(await rival.create("mine"), *INVALID)
    one, other = await shop.create("sbx-1"), await rival.create("sbx-1")
    assert one.json()["order_id"] != other.json()["order_id"]


SNAPSHOT = purchase(lines=[line(600, reference="A"), line(400, reference="B")], billing_address={"postal_code": "1"})


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (SNAPSHOT | {"billing_address": {"postal_code": "2"}}, "billing_address.postal_code"),
        (SNAPSHOT | {"billing_address": None}, "billing_address"),
        (SNAPSHOT | {"locale": "sv-SE", "purchase_country": "NO"}, "purchase_country, locale"),
        (
            SNAPSHOT | {"order_lines": [line(300, 2, reference="A"), line(400, reference="B")]},
            "order_lines[0].quantity, order_lines[0].unit_price",
        ),
        (
            SNAPSHOT | {"order_lines": [line(1000, reference="A")]},
            "Incorrect number of items in the cart. Expected: 2, Actual: 1",
        ),
    ],
)
async def test_what_the_customer_did_not_authorize_does_not_match(shop: Shop, body: JSON, fields: str) -> None:
    made = await shop.control("POST", "tokens", {"account": "shop", "snapshot": SNAPSHOT})
    token = made["authorization_token"]
    assert_error(await shop.create(token, body), 409, "BAD_VALUE", f"Not matching fields: [{fields}]")
    assert_error(await shop.create(token, SNAPSHOT), 409, "BAD_VALUE", f"Not matching fields: [{fields}]")


async def test_what_the_customer_authorized_matches(shop: Shop) -> None:
    made = await shop.control("POST", "tokens", {"account": "shop", "snapshot": SNAPSHOT})
    zeros = [one | {"total_discount_amount": 0, "total_tax_amount": 0} for one in SNAPSHOT["order_lines"]]
    answer = await shop.create(
        made["authorization_token"], SNAPSHOT | {"order_lines": zeros, "merchant_reference1": "1"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(("outcome", "status"), [("authorize", 200), ("pending", 200), ("reject", 403)])
async def test_a_made_token_has_the_outcome_it_was_made_for(shop: Shop, outcome: str, status: int) -> None:
    made = await shop.control("POST", "tokens", {"account": "shop", "outcome": outcome})
    assert (await shop.create(made["authorization_token"])).status_code == status
