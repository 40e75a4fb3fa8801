"""A push names the Checkout order for as long as its id is known, whatever the shop was told of it."""

from domain.checkouts import MADE, started
from ordersaga.domain.model.outcomes import Call, Read
from ordersaga.domain.model.results import Result, Snapshot, Succeeded
from ordersaga.store.hints import NewHint
from roles_harness import Roles, Shop, roles


async def settled(r: Roles) -> None:
    await r.until_idle()
    await r.until_slots_free()


async def answered(call: Call) -> Result | None:
    """The customer was buying while the shop abandoned it."""
    if isinstance(call, Read):
        return Succeeded(snapshot=Snapshot("checkout-1", "authorized", "ACCEPTED", "SEK", 100, 0, 0, 100))
    return MADE if call.operation.type == "create_checkout" else Succeeded()


async def test_one_that_was_told_as_abandoned_is_read_and_a_person_is_told(database: str) -> None:
    async with roles(database) as r:
        r.fake.on_call = answered
        shop = Shop()
        await r.take(shop.event("checkout_started", "1", started()))
        await settled(r)
        await r.take(shop.event("checkout_abandoned", "1", {}))
        await settled(r)
        assert await r.outcome_types() == ["checkout_created", "checkout_abandoned"]
        assert await r.store.hint([NewHint("default", "klarna", "checkout-1")]) == [True]
        await r.worker.claim()
        await settled(r)
        assert (await r.outcome_types())[2:] == ["attention_required"]
        assert [one.reason for one in (await r.order()).attentions] == ["books_differ"]
