"""Customer tokens through intake, worker and database: what is stored is sealed, what was sent once isn't sent again."""

import pytest

from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Call
from ordersaga.domain.model.results import Result, Unknown
from roles_harness import Roles, Shop, roles, run_sql, until_async

REQUESTED = {
    "authorization_token": "auth-1",
    "purchase_country": "GB",
    "purchase_currency": "GBP",
    "locale": "en-GB",
    "description": "Tea club",
    "intended_use": "SUBSCRIPTION",
}
TOKEN = "customer-auth-1-0"


async def subscription(r: Roles, subject: str = "1") -> Order:
    shown = await r.store.show_order(Key("default", "subscription", subject))
    assert shown is not None
    return shown.order


async def told(r: Roles, *types: str) -> None:
    async def are_there() -> bool:
        return await r.outcome_types() == list(types)

    await until_async(are_there)


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_a_subscription_is_another_thing_than_the_order_of_its_id(database: str, shop: Shop) -> None:
    async with roles(database) as r:
        r.start_claiming()
        await r.take(shop.placed(), shop.event("customer_token_requested", "1", REQUESTED))

        async def both() -> bool:
            return sorted(await r.outcome_types()) == ["authorized", "customer_token_created"]

        await until_async(both)
        assert (await r.order()).status == "authorized"
        found = await subscription(r)
        assert (found.status, found.details.customer_token) == ("active", TOKEN)
        assert [one["sequence"] for one in await r.outcomes()] == [1, 1], "each has a sequence of its own"


async def test_a_token_is_requested_and_cancelled(database: str, shop: Shop) -> None:
    async with roles(database) as r:
        r.start_claiming()
        await r.take(shop.event("customer_token_requested", "1", REQUESTED))
        await r.take(shop.event("customer_token_cancelled", "1", {}))
        await told(r, "customer_token_created", "customer_token_cancelled")
        assert r.fake.klarna.customer_tokens == {TOKEN: "cancelled"}
        assert (await subscription(r)).status == "cancelled"
        created = (await r.outcomes())[0]
        assert (created["result"], created["order"]) == ({"customer_token": TOKEN}, None)


async def test_a_token_is_stored_sealed_alone(database: str, shop: Shop) -> None:
    async with roles(database) as r:
        r.start_claiming()
        await r.take(shop.event("customer_token_requested", "1", REQUESTED))
        await told(r, "customer_token_created")
        rows = await run_sql(database, "SELECT state::text, subject FROM orders")
        journal = await run_sql(database, "SELECT * FROM journal")
        ids = await run_sql(database, "SELECT * FROM provider_ids")
        assert len(rows) == 1
        assert TOKEN not in f"{rows} {journal} {ids}"
        assert journal
        assert (await subscription(r)).details.customer_token == TOKEN


async def test_a_lost_creation_is_sent_once(database: str, shop: Shop) -> None:
    async def lost(_call: Call) -> Result:
        return Unknown("connection lost")

    async with roles(database) as r:
        r.fake.on_call = lost
        r.start_claiming()
        await r.take(shop.event("customer_token_requested", "1", REQUESTED))
        await told(r, "attention_required")
        await r.until_idle()
        assert r.fake.made == ["Send create_customer_token"]
        assert (await subscription(r)).operations[0].stage == "stuck"


async def test_a_creation_under_a_lease_that_ended_is_not_sent_again(database: str, shop: Shop) -> None:
    async with roles(database, dispatcher=False) as r:
        await r.take(shop.event("customer_token_requested", "1", REQUESTED))
        claimed = await r.claim_as("dead", lease=0.01)
        assert len(claimed.orders) == 1
        r.start_claiming()
        await told(r, "attention_required")
        assert r.fake.made == []


async def test_an_order_by_customer_token_is_made_and_shipped(database: str, shop: Shop) -> None:
    line = {"name": "Lantern", "reference": "A", "quantity": 3, "unit_price": 1000, "total_amount": 3000}
    data = {
        "payment": {"provider": "klarna", "customer_token": TOKEN},
        "purchase_country": "GB",
        "purchase_currency": "GBP",
        "order_amount": 3000,
        "order_lines": [line],
    }
    async with roles(database) as r:
        r.start_claiming()
        await r.take(shop.event("placed", "1", data), shop.shipped(quantity=3))
        await told(r, "authorized", "captured")
        assert (await r.order()).captured_amount == 3000


async def test_an_abandoned_authorization_is_withdrawn_before_any_order(database: str, shop: Shop) -> None:
    async with roles(database) as r:
        r.start_claiming()
        await r.take(shop.event("authorization_abandoned", "1", {"authorization_token": "token-1"}))
        await told(r, "abandoned")
        await r.take(shop.placed())
        await told(r, "abandoned", "rejected")
        assert (await r.order()).status == "rejected"
