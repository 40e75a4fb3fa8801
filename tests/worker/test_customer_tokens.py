"""Customer tokens through intake, worker and database: what is stored is sealed, what was sent once isn't sent again."""

import pytest

from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Call
from ordersaga.domain.model.results import Rejected, Result, TokenStatus, Unknown
from ordersaga.domain.uncertainty.manual import TookEffect
from ordersaga.operating.manual_settlement import ManualSettlement
from roles_harness import OnCall, Roles, Shop, roles, run_sql, until_async

REQUESTED = {
    "authorization_token": "auth-1",
    "purchase_country": "GB",
    "purchase_currency": "GBP",
    "locale": "en-GB",
    "description": "Tea club",
    "intended_use": "SUBSCRIPTION",
}
TOKEN = "customer-auth-1-0"

LINE = {"name": "Lantern", "reference": "A", "quantity": 3, "unit_price": 1000, "total_amount": 3000}
BY_TOKEN = {
    "payment": {"provider": "klarna", "customer_token": TOKEN},
    "purchase_country": "GB",
    "purchase_currency": "GBP",
    "order_amount": 3000,
    "order_lines": [LINE],
}


async def subscription(r: Roles, subject: str = "1") -> Order:
    shown = await r.store.show_order(Key("default", "subscription", subject))
    assert shown is not None
    return shown.order


async def told(r: Roles, *types: str, subject: str = "1") -> None:
    async def are_there() -> bool:
        return await r.outcome_types(subject) == list(types)

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
    async with roles(database) as r:
        r.start_claiming()
        await r.take(shop.event("placed", "1", BY_TOKEN), shop.shipped(quantity=3))
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


def refuses(code: str) -> OnCall:
    async def answer(call: Call) -> Result | None:
        ordering = call.operation is not None and call.operation.type == "create_token_order"
        return Rejected(code, (code,), "corr", 403) if ordering else None

    return answer


@pytest.mark.parametrize(
    ("code", "status", "outcome", "becomes"),
    [
        ("TOKEN_SUSPENDED", "suspended", "attention_required", "active"),
        ("TOKEN_CANCELED", "cancelled", "customer_token_cancelled", "cancelled"),
        ("TOKEN_NOT_FOUND", None, "attention_required", "active"),
    ],
)
async def test_a_token_that_is_refused_as_payment_is_read_and_its_subscription_says_what_it_is(
    database: str, shop: Shop, code: str, status: TokenStatus | None, outcome: str, becomes: str
) -> None:
    async with roles(database) as r:
        r.start_claiming()
        await r.take(shop.event("customer_token_requested", "club", REQUESTED))
        await told(r, "customer_token_created", subject="club")
        del r.fake.klarna.customer_tokens[TOKEN]
        if status is not None:
            r.fake.klarna.customer_tokens[TOKEN] = status
        r.fake.on_call = refuses(code)
        await r.take(shop.event("placed", "1", BY_TOKEN))
        await told(r, "rejected")
        await told(r, "customer_token_created", outcome, subject="club")
        assert (await subscription(r, "club")).status == becomes
        assert r.fake.made.count("Read refresh") == 1
        assert TOKEN not in f"{await run_sql(database, 'SELECT * FROM provider_ids')}"


async def test_a_token_that_no_subscription_has_is_refused_like_any_other(database: str, shop: Shop) -> None:
    async with roles(database) as r:
        r.start_claiming()
        r.fake.on_call = refuses("TOKEN_SUSPENDED")
        await r.take(shop.event("placed", "1", BY_TOKEN))
        await told(r, "rejected")
        await r.until_idle()
        assert r.fake.made == ["Send create_token_order"]


async def test_a_token_that_a_person_has_entered_is_found_too(database: str, shop: Shop) -> None:
    async def lost(_call: Call) -> Result:
        return Unknown("connection lost")

    async with roles(database) as r:
        r.fake.on_call = lost
        r.start_claiming()
        await r.take(shop.event("customer_token_requested", "club", REQUESTED))
        await told(r, "attention_required", subject="club")
        await r.until_idle()
        manual = ManualSettlement(r.store, ["default"], r.rulebook, "test")
        operation = (await subscription(r, "club")).operations[0].id
        await manual.settle(Key("default", "subscription", "club"), operation, TookEffect(TOKEN), "grace")
        r.fake.klarna.customer_tokens[TOKEN] = "cancelled"
        r.fake.on_call = refuses("TOKEN_CANCELED")
        await r.take(shop.event("placed", "1", BY_TOKEN))
        await told(r, "rejected")
        await told(r, "attention_required", "customer_token_created", "customer_token_cancelled", subject="club")
