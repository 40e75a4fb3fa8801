"""The port's contract, the same for every adapter, against the sandbox over real TCP; expectations by hand."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from msgspec.structs import replace

from ordersaga.domain.model.events import Cause, Data, Payment, Placed, ReferenceChanged, Returned, ReturnFee, Shipped
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import Allocation, Details, Key, Line, Operation, OperationType, Order
from ordersaga.domain.model.outcomes import Read, Revoke, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Snapshot, Succeeded, Unknown
from ordersaga.providers.accounts import KlarnaAccount, providers_of
from ordersaga.providers.port import Provider
from ordersaga_sandbox import running

LINES = (
    OrderLine(name="A", reference="a", quantity=2, unit_price=50, total_amount=100, tax_rate=2500),
    OrderLine(name="B", reference="b", quantity=1, unit_price=100, total_amount=100),
)
DEADLINE = 5.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    """The URL of a sandbox of this module's own."""
    with running() as url:
        yield url


class Shop:
    """One order of one account, driven through the port alone."""

    def __init__(self, provider: Provider, url: str, account: str) -> None:
        self.provider = provider
        self.account = account
        self.control = httpx.AsyncClient(base_url=f"{url}/_sandbox", trust_env=False)
        self.token = f"sbx-{uuid4()}"
        self.order = Order(
            Key("default", "order", f"order-{uuid4()}"),
            provider="klarna",
            country="DE",
            currency="EUR",
            order_amount=200,
            lines=tuple(
                Line(line.reference, line.type, line.quantity, line.unit_price, line.tax_rate, line.total_amount)
                for line in LINES
            ),
            details=Details(lines=LINES),
        )

    def placed(self, **fields: Any) -> Placed:
        given = {
            "payment": Payment(provider="klarna", authorization_token=self.token),
            "purchase_country": "DE",
            "purchase_currency": "EUR",
            "order_amount": 200,
            "order_lines": LINES,
        }
        return Placed(**{**given, **fields})

    def send(self, kind: OperationType, amount: int = 0, data: Data | None = None, **fields: Any) -> Send:
        cause = Cause("/shop", "e", "shop.order.placed.v1")
        operation = Operation(str(uuid4()), kind, cause, amount, 0.0, 0.0, **fields)
        return Send(operation, self.provider.terms.freeze(self.order, operation, data))

    async def call(self, call: Send | Read | Revoke, deadline: float = DEADLINE) -> Result:
        return await self.provider.call(call, deadline)

    async def create(self) -> None:
        result = await self.call(self.send("create_order", 200, self.placed()))
        assert isinstance(result, Succeeded)
        self.order = replace(self.order, provider_order_id=result.provider_id)

    async def capture(self, amount: int, *allocations: Allocation) -> str:
        result = await self.call(self.send("capture", amount, Shipped(), allocations=allocations))
        assert isinstance(result, Succeeded)
        assert result.provider_id
        return result.provider_id

    async def read(self) -> Snapshot:
        assert self.order.provider_order_id
        result = await self.call(Read(self.order.provider_order_id))
        assert isinstance(result, Succeeded)
        assert result.snapshot is not None
        return result.snapshot

    async def fault(self, action: str, route: str = "*", **fields: Any) -> None:
        given = {"action": action, "route": route, "account": self.account, "times": 1, "probability": 1.0, **fields}
        answer = await self.control.post("/faults", json=given)
        assert answer.is_success, answer.text

    async def effects(self, kind: str) -> list[dict[str, Any]]:
        """The account's effects of a kind, by the sandbox's ledger."""
        answer = await self.control.get("/ledger", params={"limit": 10_000})
        effects = answer.json()["effects"]
        return [effect for effect in effects if effect["account"] == self.account and effect["kind"] == kind]


@pytest.fixture(params=["klarna"])
async def shop(request: pytest.FixtureRequest, sandbox: str) -> AsyncIterator[Shop]:
    account = f"account-{uuid4()}"
    accounts = {("default", request.param): KlarnaAccount(username=account, password="p", base_url=sandbox, slots=4)}
    provider = providers_of(accounts)["default", request.param]
    made = Shop(provider, sandbox, account)
    yield made
    await made.control.aclose()
    await provider.close()


async def test_an_order_is_created_once_however_often_it_is_asked_for(shop: Shop) -> None:
    call = shop.send("create_order", 200, shop.placed())
    first, second = await shop.call(call), await shop.call(call)
    assert isinstance(first, Succeeded)
    assert isinstance(second, Succeeded)
    assert first.provider_id == second.provider_id
    assert first.fraud_status == "ACCEPTED"
    assert first.correlation_id
    (effect,) = await shop.effects("authorize")
    assert (effect["amount"], effect["merchant_reference1"]) == (200, shop.order.key.subject)


async def test_a_refused_authorization_is_rejected(shop: Shop) -> None:
    shop.token = f"sbx-reject-{uuid4()}"
    result = await shop.call(shop.send("create_order", 200, shop.placed()))
    assert isinstance(result, Rejected)
    assert (result.code, result.status) == ("REJECTED", 403)
    assert result.correlation_id


async def test_a_review_is_told(shop: Shop) -> None:
    shop.token = f"sbx-pending-{uuid4()}"
    result = await shop.call(shop.send("create_order", 200, shop.placed()))
    assert isinstance(result, Succeeded)
    assert result.fraud_status == "PENDING"


async def test_a_read_shows_what_was_done(shop: Shop) -> None:
    await shop.create()
    seen = await shop.read()
    assert (seen.status, seen.fraud_status, seen.currency) == ("authorized", "ACCEPTED", "EUR")
    assert (seen.order_amount, seen.captured_amount, seen.remaining_amount) == (200, 0, 200)
    assert seen.expires_at is not None
    assert abs(seen.expires_at - shop.provider.terms.expiry(time.time())) <= 86_400

    call = shop.send("capture", 50, Shipped(description="half of A"), allocations=(Allocation(0, 1, 50),))
    captured = await shop.call(call)
    assert isinstance(captured, Succeeded)
    refund = await shop.call(shop.send("refund", 30, Returned()))
    assert isinstance(refund, Succeeded)
    seen = await shop.read()
    assert (seen.status, seen.captured_amount, seen.refunded_amount, seen.remaining_amount) == (
        "part_captured",
        50,
        30,
        150,
    )
    assert [(one.id, one.amount, one.reference, one.lines) for one in seen.captures] == [
        (captured.provider_id, 50, call.operation.id, (("a", 1, 50),))
    ]
    assert [(one.id, one.amount) for one in seen.refunds] == [(refund.provider_id, 30)]


async def test_a_repeat_with_the_same_key_takes_effect_once(shop: Shop) -> None:
    await shop.create()
    capture = shop.send("capture", 200, Shipped(), allocations=(Allocation(0, 2, 100), Allocation(1, 1, 100)))
    results = [await shop.call(capture) for _ in range(3)]
    assert len({result.provider_id for result in results if isinstance(result, Succeeded)}) == 1
    refund = shop.send("refund", 100, Returned(), allocations=(Allocation(1, 1, 100),))
    results = [await shop.call(refund) for _ in range(3)]
    assert all(isinstance(result, Succeeded) for result in results)
    assert [effect["amount"] for effect in await shop.effects("capture")] == [200]
    assert [effect["amount"] for effect in await shop.effects("refund")] == [100]


async def test_a_return_fee_is_kept_back(shop: Shop) -> None:
    await shop.create()
    await shop.capture(200, Allocation(0, 2, 100), Allocation(1, 1, 100))
    returned = Returned(return_fee=ReturnFee(amount=15, tax_rate=2500))
    refund = shop.send("refund", 85, returned, allocations=(Allocation(1, 1, 100),), kept=15)
    assert isinstance(await shop.call(refund), Succeeded)
    seen = await shop.read()
    assert seen.refunded_amount == 85
    assert sorted(seen.refunds[0].lines) == [("", 1, -15), ("b", 1, 100)]


async def test_lines_that_follow_are_captured_in_part(shop: Shop) -> None:
    """The fee of 20 is sent as a quantity of 1 with a discount of 15."""
    fee = OrderLine(name="Post", reference="s", type="shipping_fee", quantity=1, unit_price=20, total_amount=20)
    line = Line("s", "shipping_fee", 1, 20, 0, 20)
    details = Details(lines=(*LINES, fee))
    shop.order = replace(shop.order, lines=(*shop.order.lines, line), details=details, order_amount=220)
    placed = shop.placed(order_lines=details.lines, order_amount=220)
    result = await shop.call(shop.send("create_order", 220, placed))
    assert isinstance(result, Succeeded)
    shop.order = replace(shop.order, provider_order_id=result.provider_id)
    await shop.capture(55, Allocation(0, 1, 50), Allocation(2, 0, 5))
    assert (await shop.read()).captures[0].lines == (("a", 1, 50), ("s", 1, 5))


async def test_an_order_is_cancelled(shop: Shop) -> None:
    await shop.create()
    assert isinstance(await shop.call(shop.send("cancel", 200)), Succeeded)
    assert (await shop.read()).status == "cancelled"


async def test_the_rest_is_released(shop: Shop) -> None:
    await shop.create()
    await shop.capture(50, Allocation(0, 1, 50))
    assert isinstance(await shop.call(shop.send("release", 150)), Succeeded)
    seen = await shop.read()
    assert (seen.status, seen.remaining_amount) == ("captured", 0)


async def test_an_authorization_is_amended(shop: Shop) -> None:
    await shop.create()
    lines = (shop.order.lines[0], replace(shop.order.lines[1], cancelled_quantity=1, cancelled=100))
    shop.order = replace(shop.order, lines=lines)
    assert isinstance(await shop.call(shop.send("amend", 100, target=100)), Succeeded)
    seen = await shop.read()
    assert (seen.order_amount, seen.remaining_amount, seen.original_amount) == (100, 100, 200)


async def test_a_refusal_tells_code_and_words(shop: Shop) -> None:
    await shop.create()
    result = await shop.call(shop.send("capture", 201, Shipped()))
    assert isinstance(result, Rejected)
    assert (result.code, result.status) == ("CAPTURE_NOT_ALLOWED", 403)
    assert "higher than the remaining" in result.messages[0]
    result = await shop.call(shop.send("refund", 1, Returned()))
    assert isinstance(result, Rejected)
    assert result.code == "REFUND_NOT_ALLOWED"
    assert isinstance(await shop.call(shop.send("release", 200)), Rejected)


async def test_an_unknown_order_is_rejected(shop: Shop) -> None:
    result = await shop.call(Read(str(uuid4())))
    assert isinstance(result, Rejected)
    assert (result.code, result.status) == ("NO_SUCH_ORDER", 404)


async def test_an_unused_authorization_is_withdrawn_and_a_used_one_is_not(shop: Shop) -> None:
    create = shop.send("create_order", 200, shop.placed())
    revoke = Revoke(create.operation, shop.provider.terms.revocation(create.request))
    assert isinstance(await shop.call(revoke), Succeeded)
    assert isinstance(await shop.call(create), Rejected)

    shop.token = f"sbx-{uuid4()}"
    await shop.create()
    used = shop.send("cancel_authorization", 200, shop.placed())
    assert isinstance(await shop.call(used), Rejected)


async def test_a_wrong_password_is_not_the_orders_fault(sandbox: str) -> None:
    accounts = {("default", "klarna"): KlarnaAccount(username="u", password="wrong", base_url=sandbox)}
    provider = providers_of(accounts)["default", "klarna"]
    result = await provider.call(Read(str(uuid4())), DEADLINE)
    assert isinstance(result, Retryable)
    assert (result.reason, result.status) == ("unauthorized", 401)
    await provider.close()


@pytest.mark.parametrize(("action", "effects"), [("drop_before", 0), ("drop_after", 1)])
async def test_a_lost_answer_is_unknown_and_a_repeat_settles_it(shop: Shop, action: str, effects: int) -> None:
    await shop.create()
    capture = shop.send("capture", 50, Shipped(), allocations=(Allocation(0, 1, 50),))
    await shop.fault(action)
    assert await shop.call(capture) == Unknown("disconnected")
    assert len(await shop.effects("capture")) == effects
    assert isinstance(await shop.call(capture), Succeeded)
    assert len(await shop.effects("capture")) == 1


@pytest.mark.parametrize("action", ["drop_before", "drop_after"])
async def test_a_lost_answer_to_a_create_is_unknown_and_a_repeat_settles_it(shop: Shop, action: str) -> None:
    create = shop.send("create_order", 200, shop.placed())
    await shop.fault(action)
    assert await shop.call(create) == Unknown("disconnected")
    assert isinstance(await shop.call(create), Succeeded)
    assert len(await shop.effects("authorize")) == 1


async def test_a_late_answer_is_unknown(shop: Shop) -> None:
    await shop.create()
    await shop.fault("delay", seconds=2.0)
    assert await shop.call(shop.send("cancel", 200), 0.3) == Unknown("deadline")


async def test_a_lost_read_is_retryable(shop: Shop) -> None:
    await shop.create()
    await shop.fault("drop_after")
    assert await shop.call(Read(shop.order.provider_order_id or "")) == Retryable("disconnected")
    assert (await shop.read()).remaining_amount == 200


async def test_a_broken_body_is_unknown_where_a_body_is_needed(shop: Shop) -> None:
    create = shop.send("create_order", 200, shop.placed())
    await shop.fault("broken_body")
    result = await shop.call(create)
    assert isinstance(result, Unknown)
    assert isinstance(await shop.call(create), Succeeded)
    assert len(await shop.effects("authorize")) == 1


async def test_statuses_mean_what_they_say(shop: Shop) -> None:
    await shop.create()
    cancel = shop.send("cancel", 200)
    await shop.fault("status", status=503)
    result = await shop.call(cancel)
    assert isinstance(result, Unknown)
    assert result.status == 503
    await shop.fault("status", status=429, headers={"Retry-After": "3"})
    result = await shop.call(cancel)
    assert isinstance(result, Retryable)
    assert (result.after, result.status) == (3.0, 429)
    await shop.fault("status", status=302, headers={"Location": "/elsewhere"})
    result = await shop.call(cancel)
    assert isinstance(result, Unknown)
    assert result.reason == "redirect"
    assert await shop.effects("cancel") == []


async def test_a_change_of_references_is_made_once_and_shows_in_a_read(shop: Shop) -> None:
    await shop.create()
    call = shop.send("change_reference", 0, ReferenceChanged(merchant_reference1="new", merchant_reference2=""))
    before = await shop.read()
    assert shop.provider.terms.shows("change_reference", call.request, before) is False
    await shop.fault("drop_after", "/ordermanagement/v1/orders/{order_id}/merchant-references")
    assert isinstance(await shop.call(call), Unknown)
    assert shop.provider.terms.shows("change_reference", call.request, await shop.read()) is True
    assert isinstance(await shop.call(call), Succeeded)
    assert len(await shop.effects("references")) == 1
    unreadable = replace(call.request, body='{"merchant_data":"x"}')
    assert shop.provider.terms.shows("change_reference", unreadable, before) is None
    assert shop.provider.terms.shows("capture", call.request, before) is None
