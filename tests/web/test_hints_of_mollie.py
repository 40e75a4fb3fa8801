"""A webhook that names an order or a payment of Mollie's has the order read."""

from typing import Any

import pytest
from msgspec.structs import replace

from mollie_harness import MOLLIE, FakeMollie, order_there, placed
from ordersaga.domain.model.order import NamedOrder
from ordersaga.domain.model.results import Unknown
from ordersaga.domain.uncertainty.hints import Hint, with_hint
from ordersaga.providers.mollie import notifications
from ordersaga.store.hints import NewHint
from ordersaga.web.notifications import NotificationKinds
from roles_harness import Shop, gives, key, roles

from .test_hints import claimed, row, settled


@pytest.mark.parametrize("of", ["order", "payment"])
async def test_the_id_of_an_order_or_of_its_payment_has_it_read(database: str, of: str) -> None:
    async with roles(database, fake=(fake := FakeMollie()), **MOLLIE) as r:
        await r.take(placed(Shop()))
        await settled(r)
        there = await order_there(r, fake)
        fake.mollie.pay(there)
        named = there.id if of == "order" else there.payments[0].id
        assert await r.store.hint([NewHint("default", "mollie", named)]) == [True]
        assert (await row(database))["hinted_id"] is None
        await claimed(r)
        assert fake.made == ["Send create_order_to_pay", "Read refresh"]
        assert await r.outcome_types() == ["payment_pending", "authorized"]


async def test_a_payment_that_nobody_knows_has_the_order_of_its_address_read(database: str) -> None:
    """Of a retry whose answer was lost, say."""
    async with roles(database, fake=(fake := FakeMollie()), **MOLLIE) as r:
        await r.take(placed(Shop()))
        await settled(r)
        fake.mollie.pay(await order_there(r, fake))
        unknown = NewHint("default", "mollie", "tr_unknown", key())
        assert await r.store.hint([unknown]) == [True]
        assert (await row(database))["hinted_id"] is None
        await claimed(r)
        assert fake.made == ["Send create_order_to_pay", "Read refresh"]
        assert await r.outcome_types() == ["payment_pending", "authorized"]


async def test_a_payment_is_not_taken_for_the_order_whose_creation_was_not_answered(database: str) -> None:
    options: dict[str, Any] = MOLLIE | {"rules": {"backoff": 3_000.0, "backoff_most": 3_000.0}}
    async with roles(database, fake=(fake := FakeMollie()), **options) as r:
        fake.on_call = gives(Unknown("dropped"))
        await r.take(placed(Shop()))
        await settled(r)
        assert await r.store.hint([NewHint("default", "mollie", "tr_1", key())]) == [True]
        await claimed(r)
        order = await r.order()
        assert (order.provider_order_id, order.named, [one.stage for one in order.operations]) == (None, None, ["send"])


async def test_an_order_is_read_also_when_a_second_one_is_named_with_it(database: str) -> None:
    """Several webhooks are one hint, which has the other one's id."""
    async with roles(database, fake=(fake := FakeMollie()), **MOLLIE) as r:
        await r.take(placed(Shop()))
        await settled(r)
        order = await r.order()
        named = NamedOrder("ord_second", 5.0)
        assert with_hint(order, Hint(5.0, "op", "ord_second")) == replace(order, named=named, refresh=5.0)
        there = await order_there(r, fake)
        fake.mollie.pay(there)
        hints = [NewHint("default", "mollie", there.id), NewHint("default", "mollie", "ord_second", key(), "op")]
        assert await r.store.hint(hints) == [True, True]
        await claimed(r)
        await claimed(r)
        assert await r.outcome_types() == ["payment_pending", "authorized"]


def test_only_an_order_s_id_names_an_order() -> None:
    kinds = NotificationKinds(notifications.KINDS, notifications.order_id_of, notifications.is_order_id)
    assert kinds.is_order_id("ord_8wmqcHMN4U")
    assert not kinds.is_order_id("tr_7UhSN1zuXS")
