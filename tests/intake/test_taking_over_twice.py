"""One provider order belongs to one subject."""

from typing import Any

import pytest

from ordersaga.bus.records import Record
from ordersaga.domain.model.outcomes import Call, Read
from ordersaga.domain.model.results import Result, Snapshot, Succeeded
from roles_harness import Roles, Shop, roles


def taken_over(
    shop: Shop, subject: str, order_id: str, amount: int = 3000, way: str = "order_id", **more: Any
) -> Record:
    line = {"name": "Lantern", "reference": "A", "quantity": 3, "unit_price": 1000, "total_amount": amount}
    data = {
        "payment": {"provider": "klarna", way: order_id},
        "purchase_country": "GB",
        "purchase_currency": "GBP",
        "order_amount": amount,
        "order_lines": [line],
    }
    return shop.event("placed", subject, data, **more)


async def known(call: Call) -> Result | None:
    """The provider has each order that is asked for."""
    if not isinstance(call, Read):
        return None
    return Succeeded(snapshot=Snapshot(call.provider_order_id, "authorized", "ACCEPTED", "GBP", 3000, 0, 0, 3000))


async def code(r: Roles, subject: str) -> str | None:
    last = (await r.outcomes(subject))[-1]
    return last["error"]["code"] if last.get("error") else None


@pytest.mark.parametrize("way", ["order_id", "checkout_order_id"])
async def test_a_second_take_over_is_rejected_without_a_call(database: str, way: str) -> None:
    async with roles(database) as r:
        shop, r.fake.on_call = Shop(), known
        await r.take(taken_over(shop, "first", "order-9"))
        await r.until_idle()
        calls = len(r.fake.calls)
        await r.take(taken_over(shop, "second", "order-9", way=way))
        await r.until_idle()
        assert await code(r, "second") == "provider_order_taken"
        assert len(r.fake.calls) == calls
        assert (await r.order("second")).status == "rejected"


async def test_of_two_in_one_batch_the_first_has_it_and_one_that_was_refused_has_nothing(database: str) -> None:
    async with roles(database) as r:
        shop, r.fake.on_call = Shop(), known
        await r.take(
            taken_over(shop, "wrong", "order-9", amount=2999),
            taken_over(shop, "first", "order-9"),
            taken_over(shop, "second", "order-9"),
            taken_over(shop, "other", "order-8"),
        )
        await r.until_idle()
        assert await code(r, "wrong") == "amounts_do_not_add_up"
        assert await code(r, "second") == "provider_order_taken"
        assert (await r.order("first")).provider_order_id == "order-9"
        assert (await r.order("other")).provider_order_id == "order-8"
