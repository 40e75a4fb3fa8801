"""The provider's books beside ours."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from domain.shop import Story
from domain.uncertain import A
from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Read
from ordersaga.domain.model.results import CaptureSeen, Rejected, Result, Snapshot, Succeeded, Unknown
from ordersaga.operating.checking import Check
from ordersaga.operating.errors import OperatingError
from ordersaga.store.engine import Engine
from ordersaga.store.intake import Change
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault


@pytest.fixture
def order() -> Order:
    story = Story(A)
    story.shipped("A:1")
    return story.order


def seen(order: Order) -> Snapshot:
    return Snapshot(
        provider_id=order.provider_order_id or "",
        status="part_captured",
        fraud_status="ACCEPTED",
        currency=order.currency,
        order_amount=order.order_amount,
        captured_amount=order.captured_amount,
        refunded_amount=0,
        remaining_amount=order.remaining,
        captures=tuple(CaptureSeen(one.id, one.amount) for one in order.captures),
    )


class Checked:
    """A check of one order, whose provider answers with one result."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls: list[Read] = []

    def against(self, result: Result, provider: str = "klarna") -> Check:
        async def read(call: Read) -> Result:
            self.calls.append(call)
            return result

        return Check(self.store, {("default", provider): read})


@pytest.fixture
async def checked(database: str, order: Order) -> AsyncIterator[Checked]:
    async with Store(Engine(database), Vault({"1": bytes(32)}, "1")) as store:
        async with store.intake_transaction() as tx:
            await tx.write([Change(order, None, None), Change(Order(Key("default", "order", "new")), None, None)])
        yield Checked(store)


async def test_books_that_agree_are_said_to(checked: Checked, order: Order) -> None:
    comparison = await checked.against(Succeeded(snapshot=seen(order))).check(order.key)
    assert comparison.agree
    assert (comparison.only_ours, comparison.only_theirs, comparison.under_way) == ((), (), ())
    assert checked.calls == [Read(order.provider_order_id or "")]


async def test_what_differs_is_named_with_the_captures_that_one_side_lacks(checked: Checked, order: Order) -> None:
    theirs = replace(seen(order), captured_amount=100, remaining_amount=0, captures=(CaptureSeen("capture-9", 100),))
    comparison = await checked.against(Succeeded(snapshot=theirs)).check(order.key)
    assert not comparison.agree
    assert [(one.name, one.differs) for one in comparison.amounts] == [
        ("captured", True),
        ("refunded", False),
        ("remaining", True),
    ]
    assert comparison.only_ours == (order.captures[0].id,)
    assert comparison.only_theirs == ("capture-9",)


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        (Rejected("NOT_FOUND"), "refuses a read of order '536365' of merchant 'default': NOT_FOUND"),
        (Unknown("deadline"), "didn't respond to a read of order '536365' of merchant 'default': deadline"),
    ],
)
async def test_a_read_that_fails_is_one_line(checked: Checked, order: Order, result: Result, wanted: str) -> None:
    with pytest.raises(OperatingError, match=wanted):
        await checked.against(result).check(order.key)


async def test_another_order_is_not_compared(checked: Checked, order: Order) -> None:
    theirs = replace(seen(order), provider_id="another")
    with pytest.raises(OperatingError, match="showed one with another id"):
        await checked.against(Succeeded(snapshot=theirs)).check(order.key)


async def test_an_order_in_checkout_is_not_one_yet(checked: Checked) -> None:
    async with checked.store.intake_transaction() as tx:
        key = Key("default", "order", "open")
        await tx.write([Change(Order(key, "klarna", "checkout-1", "checkout"), None, None)])
    with pytest.raises(OperatingError, match="'open' of merchant 'default' is in Checkout"):
        await checked.against(Unknown("deadline")).check(key)
    assert checked.calls == []


async def test_an_order_without_an_id_or_an_account_is_not_read(checked: Checked, order: Order) -> None:
    check = checked.against(Unknown("deadline"), provider="mollie")
    with pytest.raises(OperatingError, match="has no account with 'klarna'"):
        await check.check(order.key)
    with pytest.raises(OperatingError, match="has no id at a provider"):
        await check.check(Key("default", "order", "new"))
    assert checked.calls == []
