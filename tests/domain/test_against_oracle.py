"""The same histories by the sample's oracle, which was written from the contract alone: every event ends alike."""

import gzip
import json
from pathlib import Path

import pytest
from sample.oracle import Event, read, replay

from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Read, Revoke, Send, Wait
from ordersaga.domain.model.results import Rejected, Result, Succeeded
from ordersaga.domain.model.terms import Rules
from ordersaga.providers.klarna.terms import KlarnaTerms

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


def provider_answers(story: Story) -> None:
    """As the sandbox does: by what the token begins with."""
    while isinstance(call := story.next(), Send | Read | Revoke):
        answer = _told(call) if isinstance(call, Send) else _read(call)
        if answer is None:
            story.yes()
            continue
        story.answer(answer)
        if isinstance(answer, Succeeded) and answer.fraud_status == "PENDING" and not story.order.operations:
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


def lived(events: list[Event]) -> Story:
    merchant, kind, subject = events[0].key
    story = Story(eager=False, rules=Rules({"klarna": KlarnaTerms()}), key=Key(merchant, kind, subject))
    for event in events:
        story.tell(event.type.split(".")[2], event.data, event.id)
        provider_answers(story)
    while story.order.pending and isinstance(following := story.next(), Wait):
        story.pass_time(following.until - story.now)
    return story


def ends_of(story: Story) -> Ends:
    ends: Ends = {}
    for name in {one.cause.id for one in story.outcomes if one.cause}:
        (final,) = story.finals(name)
        of_it = [one for one in story.outcomes if one.cause and one.cause.id == name]
        amounts = [one.operation.amount or 0 for one in of_it if one.operation]
        code = final.refusal.code if final.refusal else None
        ends[name] = (final.what, code, sum(amounts) if final.what in MOVES else None)
    return ends


def test_every_event_of_the_sample_ends_as_the_oracle_says() -> None:
    if not EVENTS.exists():
        pytest.skip("the sample isn't here")
    records = [json.loads(line) for line in gzip.decompress(EVENTS.read_bytes()).splitlines()]
    histories = list(read(records).events.values())[::ONE_IN]
    assert len(histories) > 100
    assert {events[0].key[1] for events in histories} == {"order", "subscription"}
    for events in histories:
        story, expected = lived(events), replay(events)
        ends = {
            name: (end.type, end.code, end.amount if end.type in MOVES else None)
            for name, end in expected.outcomes.items()
        }
        assert ends_of(story) == ends, events
        if expected.order is not None:
            ours, theirs = story.order, expected.order
            assert (ours.order_amount, ours.captured_amount) == (theirs.order_amount, theirs.captured), events
            assert (ours.released_amount, ours.refunded_amount) == (theirs.released, theirs.refunded), events
            assert ours.status == theirs.status, events
