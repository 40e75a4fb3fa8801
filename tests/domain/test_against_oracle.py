"""The same histories by the sample's oracle, which was written from the contract alone: every event ends alike."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from sample.oracle import Event, read, replay

from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Outcome, Read, Revoke, Send, Wait
from ordersaga.domain.model.results import Rejected, Result, Succeeded
from ordersaga.domain.model.terms import Rules
from ordersaga.providers.klarna.terms import KlarnaTerms

from .sample_checkout import Customers
from .sample_mollie import LifeOfSample
from .shop import Story

EVENTS = Path(__file__).resolve().parents[2] / "sample" / "events.ndjson.gz"
ONE_IN = 8
MOVES = {"captured", "refunded", "released", "lines_cancelled"}
Ends = dict[str, tuple[str, str | None, int | None]]


REFUSALS = {
    "sbx-reject-": "REJECTED",
    "sbx-buy-": "INVALID_OPERATION",
    "sbx-suspended-": "TOKEN_SUSPENDED",
    "sbx-canceled-": "TOKEN_CANCELED",
    "sbx-failing-": "PAYMENT_METHOD_FAILED",
    "sbx-unavailable-": "UNAVAILABLE_PAYMENT_METHOD",
}
WITH_TOKEN = {"create_order", "create_token_order", "create_customer_token"}
DUE_DATES = [{"number_of_days": days, "amount": 0} for days in (14, 30, 60)]


def provider_answers(story: Story, customers: Customers) -> None:
    """As the sandbox does: by what the token begins with."""
    while isinstance(call := story.next(), Send | Read | Revoke):
        if isinstance(call, Send):
            answer = customers.told(call) or _told(call)
        else:
            answer = (customers.shown(call, story.order) if isinstance(call, Read) else None) or _read(call)
        if answer is None:
            story.yes()
        else:
            story.answer(answer)
        if story.order.status == "pending_review" and not story.order.operations:
            story.wait()
            story.seen(fraud_status="ACCEPTED")


def _told(call: Send) -> Result | None:
    """None: any success will do."""
    if call.operation.type not in WITH_TOKEN:
        return None
    for start, code in REFUSALS.items():
        if f"/{start}" in call.request.path:
            return Rejected(code, status=403)
    if call.operation.type == "create_customer_token":
        return Succeeded(result={"customer_token": "made"})
    return Succeeded("order-1", fraud_status="PENDING") if "/sbx-pending-" in call.request.path else None


def _read(call: Read | Revoke) -> Result | None:
    if call.operation is not None and call.operation.type == "read_due_dates":
        return Succeeded(result={"options": DUE_DATES})
    if call.operation is not None and call.operation.type == "cancel_customer_token":
        return Succeeded(token_status="cancelled")
    return None


def lived(events: list[Event], *, read_soon: bool = False) -> Story:
    """`read_soon`: after each event so much time passes that an open Checkout order is read."""
    merchant, kind, subject = events[0].key
    story = Story(eager=False, rules=Rules({"klarna": KlarnaTerms()}), key=Key(merchant, kind, subject))
    customers = Customers()
    for event in events:
        story.tell(event.type.split(".")[2], event.data, event.id)
        provider_answers(story, customers)
        if read_soon and story.order.status == "checkout" and isinstance(following := story.next(), Wait):
            story.pass_time(following.until - story.now)
            provider_answers(story, customers)
    while _goes_on(story) and isinstance(following := story.next(), Wait):
        story.pass_time(following.until - story.now)
        provider_answers(story, customers)
    return story


def _goes_on(story: Story) -> bool:
    return bool(story.order.pending or story.order.operations or story.order.status == "checkout")


def ends_of(outcomes: Sequence[Outcome]) -> Ends:
    ends: Ends = {}
    for name in {one.cause.id for one in outcomes if one.cause}:
        of_it = [one for one in outcomes if one.cause and one.cause.id == name]
        (final,) = [one for one in of_it if one.final]
        moved = [one.operation for one in of_it if one.final or one.what == "refunded"]
        amounts = [one.amount or 0 for one in moved if one is not None]
        code = final.refusal.code if final.refusal else None
        ends[name] = (final.what, code, sum(amounts) if final.what in MOVES else None)
    return ends


@pytest.fixture(scope="module")
def histories() -> list[list[Event]]:
    records = [json.loads(line) for line in gzip.decompress(EVENTS.read_bytes()).splitlines()]
    return list(read(records).events.values())


def test_every_event_of_the_sample_ends_as_the_oracle_says(histories: list[list[Event]]) -> None:
    chosen = [events for events in histories if not is_at_mollie(events)][::ONE_IN]
    assert len(chosen) > 100
    assert {events[0].key[1] for events in chosen} == {"order", "subscription"}
    for events in chosen:
        compare(lived(events), events)


@pytest.mark.parametrize("read_soon", [False, True], ids=["read late", "read soon"])
def test_what_is_bought_in_checkout_ends_as_the_oracle_says(histories: list[list[Event]], read_soon: bool) -> None:
    chosen = [events for events in histories if any("checkout" in event.type for event in events)]
    assert len(chosen) > 100
    for events in chosen:
        compare(lived(events, read_soon=read_soon), events)


@pytest.mark.parametrize("slow", [False, True], ids=["paid at once", "paid late"])
def test_what_is_paid_at_mollie_ends_as_the_oracle_says(histories: list[list[Event]], slow: bool) -> None:
    chosen = [events for events in histories if is_at_mollie(events)]
    assert len(chosen) > 400
    for events in chosen:
        compare(LifeOfSample(events, slow=slow), events)


def is_at_mollie(events: list[Event]) -> bool:
    return any("redirect_url" in event.data.get("payment", {}) for event in events)


def compare(story: Story | LifeOfSample, events: list[Event]) -> None:
    expected = replay(events)
    ends = {
        name: (end.type, end.code, end.amount if end.type in MOVES else None) for name, end in expected.outcomes.items()
    }
    assert ends_of(story.outcomes) == ends, events
    if expected.order is not None:
        ours, theirs = story.order, expected.order
        assert (ours.order_amount, ours.captured_amount) == (theirs.order_amount, theirs.captured), events
        assert (ours.released_amount, ours.refunded_amount) == (theirs.released, theirs.refunded), events
        assert ours.status == theirs.status, events
