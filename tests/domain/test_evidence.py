"""An operation whose answer was lost: every sentence of the design's "Evidence" on Klarna's orders."""

from typing import Any

import pytest
from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.evidence import doubted
from ordersaga.domain.outcomes import Outcome, Read, Rest, Revoke, Send, Wait
from ordersaga.domain.results import CaptureSeen, RefundSeen, Rejected, Retryable, Succeeded, Unknown

from .shop import DAY, HOUR, START, Story, code, line, lively, moved, what

A = line("A", 2, 50)
LOST = Unknown("connection lost")
NO = Rejected("CAPTURE_NOT_ALLOWED", ("no",), "corr-1", 403)
GONE = Rejected("NOT_FOUND", ("gone",), "corr-2", 404)


def open_operation(name: str) -> Story:
    """An order with one operation of this type to be sent."""
    story = Story(A)
    if name == "refund":
        story.shipped()
    if name == "release":
        story.shipped("A:1")
    story.eager = False
    match name:
        case "capture":
            story.shipped("A:1")
        case "refund":
            story.returned("A:1")
        case "cancel" | "release":
            story.cancelled()
        case _:
            story.amended(line("A", 3, 50))
    assert story.operation.type == name
    return story


def placing() -> Story:
    story = Story(eager=False)
    story.placed(A)
    return story


def shows(story: Story) -> dict[str, Any]:
    """How the provider's books show the current operation."""
    operation = story.operation
    match operation.type:
        case "capture":
            seen = CaptureSeen("capture-9", operation.amount, operation.id)
            return {"captures": (seen,), "captured_amount": 50, "remaining_amount": 50}
        case "refund":
            return {"refunds": (RefundSeen("refund-9", operation.amount, operation.id),), "refunded_amount": 50}
        case "cancel":
            return {"status": "cancelled", "remaining_amount": 0}
        case "release":
            return {"status": "captured", "remaining_amount": 0}
        case _:
            return {"order_amount": operation.target}


def lose(story: Story) -> None:
    call = story.next()
    assert isinstance(call, Send)
    assert not any(one.final for one in story.answer(LOST))


def request(story: Story) -> Any:
    call = story.next()
    assert isinstance(call, Send), call
    return call.request


def told(outcomes: list[Outcome]) -> tuple[str, bool, str | None]:
    (outcome,) = outcomes
    return outcome.what, outcome.final, outcome.refusal.code if outcome.refusal else None


WRITES = pytest.mark.parametrize("name", ["capture", "refund", "cancel", "release", "amend"])


# repeats while the key is trusted


@WRITES
def test_a_lost_answer_is_repeated_as_it_was_while_the_key_is_trusted(name: str) -> None:
    story = open_operation(name)
    first = request(story)
    lose(story)
    assert story.operation.unknown
    for _ in range(10):
        story.wait()
        assert request(story) == first
        lose(story)
    assert first.key == story.operation.id


@WRITES
def test_a_success_of_a_repeat_ends_the_operation(name: str) -> None:
    story = open_operation(name)
    lose(story)
    story.wait()
    outcomes = story.answer(Succeeded("id-1"))
    assert [one.final for one in outcomes] == [True]
    assert outcomes[0].operation is not None
    assert outcomes[0].operation.attempts == 2
    assert story.order.operations == ()


def test_repeats_come_at_growing_and_spread_intervals() -> None:
    story = open_operation("capture")
    pauses = []
    for _ in range(12):
        lose(story)
        before = story.now
        story.wait()
        pauses.append(story.now - before)
    steps = [min(2.0**n, 300) for n in range(1, 13)]
    assert all(step / 2 <= pause <= step for pause, step in zip(pauses, steps, strict=True))
    assert len({pause / step for pause, step in zip(pauses, steps, strict=True)}) == 12


def test_nothing_was_sent_is_no_doubt() -> None:
    story = open_operation("capture")
    story.answer(Retryable("refused connection"))
    assert not story.operation.unknown
    assert story.operation.first_sent is None
    story.wait()
    assert told(story.answer(NO)) == ("rejected", True, "CAPTURE_NOT_ALLOWED")


def test_a_pause_that_the_provider_asks_for_is_kept() -> None:
    story = open_operation("capture")
    story.answer(Retryable("too many requests", after=77.0))
    assert story.next() == Wait(story.now + 77.0)


# a refusal of what may have succeeded


@WRITES
def test_a_refusal_after_a_lost_answer_leads_to_a_read(name: str) -> None:
    story = open_operation(name)
    lose(story)
    story.wait()
    assert story.answer(NO) == []
    assert isinstance(story.next(), Read)
    assert story.operation.unknown


@WRITES
def test_present_is_a_success(name: str) -> None:
    story = open_operation(name)
    lose(story)
    story.wait()
    story.answer(NO)
    outcomes = story.seen(**shows(story))
    assert [one.final for one in outcomes] == [True]
    assert outcomes[0].what != "rejected"
    if name in {"capture", "refund"}:
        assert outcomes[0].result == {f"{name}_id": f"{name}-9"}


@WRITES
def test_absent_counts_when_read_twice_both_five_minutes_after_the_last_send(name: str) -> None:
    story = open_operation(name)
    lose(story)
    story.wait()
    story.answer(NO)
    sent = story.now
    assert story.seen() == []
    assert story.next() == Wait(sent + 300)  # too early to count
    story.wait()
    assert story.seen() == []
    assert story.order.operations != ()
    assert isinstance(story.next(), Wait)
    story.wait()
    assert story.now > sent + 300
    assert code(story.seen()) == "CAPTURE_NOT_ALLOWED"
    assert story.order.operations == ()


def test_absent_without_a_refusal_is_sent_again() -> None:
    story = open_operation("capture")
    first = request(story)
    lose(story)
    story.now += 24 * HOUR
    story.seen()
    story.wait()
    story.seen()
    assert request(story) == first
    assert not story.operation.unknown
    assert told(story.answer(NO)) == ("rejected", True, "CAPTURE_NOT_ALLOWED")


@pytest.mark.parametrize("name", ["capture", "refund"])
def test_one_of_the_same_amount_that_could_be_ours_goes_to_a_person(name: str) -> None:
    story = open_operation(name)
    lose(story)
    story.wait()
    story.answer(NO)
    seen = {"captures": (CaptureSeen("x", 50),)} if name == "capture" else {"refunds": (RefundSeen("x", 50),)}
    assert told(story.seen(**seen)) == ("attention_required", False, "answer_lost")
    assert story.next() == Rest()
    assert story.order.attention is not None


@pytest.mark.parametrize(
    "other", [CaptureSeen("x", 49), CaptureSeen("x", 50, "another operation"), CaptureSeen("capture-4", 50)]
)
def test_another_amount_another_reference_or_a_known_id_is_not_ours(other: CaptureSeen) -> None:
    story = Story(A)
    story.shipped("A:1")
    assert story.order.captures[0].id == "capture-4"
    story.eager = False
    story.shipped("A:1")
    lose(story)
    story.now += DAY
    assert what(story.seen(captures=(other,))) == ["attention_required"]  # it takes a day by now
    assert (story.operation.absent, story.operation.stage) == (1, "send")


def test_an_amendment_that_keeps_the_amount_cannot_be_told_by_a_read() -> None:
    story = Story(A)
    story.eager = False
    story.amended(line("B", 1, 100))
    lose(story)
    story.wait()
    story.answer(NO)
    assert told(story.seen()) == ("attention_required", False, "answer_lost")


@WRITES
def test_a_read_that_fails_is_made_again(name: str) -> None:
    story = open_operation(name)
    lose(story)
    story.wait()
    story.answer(NO)
    for result in (LOST, Retryable("busy"), Succeeded()):
        assert story.answer(result) == []
        assert isinstance(story.next(), Wait)
        story.wait()
        assert isinstance(story.next(), Read)


def test_a_read_that_is_refused_goes_to_a_person() -> None:
    story = open_operation("capture")
    lose(story)
    story.wait()
    story.answer(NO)
    assert told(story.answer(GONE)) == ("attention_required", False, "answer_lost")


# the key's life


@WRITES
def test_a_key_is_trusted_for_23_hours_from_the_first_send(name: str) -> None:
    story = open_operation(name)
    lose(story)
    sent = story.operation.first_sent
    assert sent is not None
    assert START - 10 <= sent <= START
    story.now = sent + 23 * HOUR - 10
    assert isinstance(story.next(), Send)
    story.now += 0.001  # the call itself may take ten seconds
    assert isinstance(story.next(), Read)


def test_a_later_repeat_does_not_make_the_key_younger() -> None:
    story = open_operation("capture")
    lose(story)
    story.now += 22 * HOUR
    lose(story)
    story.now += 2 * HOUR
    assert isinstance(story.next(), Read)


def test_after_the_keys_life_present_ends_the_operation() -> None:
    story = open_operation("capture")
    lose(story)
    story.now += DAY
    assert moved(story.seen(**shows(story))) == 50


# create order by authorization token


def test_a_create_is_repeated_and_then_withdrawn() -> None:
    story = placing()
    for _ in range(7):
        lose(story)
        story.wait()
    call = story.next()
    assert isinstance(call, Revoke)
    assert call.request.method == "DELETE"


def test_a_create_that_waited_long_before_it_was_lost_is_still_repeated() -> None:
    story = placing()
    for _ in range(20):
        story.answer(Retryable("down"))
        story.wait()
    lose(story)
    story.wait()
    assert isinstance(story.next(), Send)


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_refusal_of_a_repeated_create_is_none(status: int) -> None:
    story = placing()
    lose(story)
    story.wait()
    assert story.answer(Rejected("BAD_VALUE", status=status)) == []
    assert isinstance(story.next(), Revoke)


def test_an_authorization_withdrawn_proves_that_no_order_was_made() -> None:
    story = placing()
    lose(story)
    story.wait()
    story.answer(GONE)
    assert code(story.answer(Succeeded())) == "NOT_FOUND"
    assert (story.order.status, story.order.operations) == ("rejected", ())


def test_an_authorization_withdrawn_after_silence_rejects_with_a_reason_of_ours() -> None:
    story = placing()
    for _ in range(7):
        lose(story)
        story.wait()
    assert code(story.answer(Succeeded())) == "no_answer"


def test_anything_else_on_the_withdrawal_goes_to_a_person() -> None:
    story = placing()
    story.shipped()
    lose(story)
    story.wait()
    story.answer(GONE)
    outcomes = story.answer(GONE)
    assert told(outcomes) == ("attention_required", False, "answer_lost")
    assert outcomes[0].refusal is not None
    assert outcomes[0].refusal.advice is not None
    assert "merchant reference" in outcomes[0].refusal.advice
    assert story.next() == Rest()
    assert lively(story.order, story.now, story.rules)


def test_a_lost_answer_to_the_withdrawal_is_repeated_some_times() -> None:
    story = placing()
    lose(story)
    story.wait()
    story.answer(GONE)
    tries = 0
    while isinstance(story.next(), Revoke):
        assert tries < 20
        tries += 1
        outcomes = story.answer(LOST)
        if isinstance(story.next(), Wait):
            story.wait()
    assert tries > 5
    assert told(outcomes) == ("attention_required", False, "answer_lost")


def test_a_withdrawal_that_was_turned_away_is_tried_again() -> None:
    story = placing()
    lose(story)
    story.wait()
    story.answer(GONE)
    for _ in range(30):
        story.answer(Retryable("busy"))
        story.wait()
    assert isinstance(story.next(), Revoke)


def test_a_create_past_the_life_of_its_token_is_withdrawn_and_not_repeated() -> None:
    story = placing()
    lose(story)
    story.now += HOUR
    assert isinstance(story.next(), Revoke)
    assert code(story.answer(Succeeded())) == "no_answer"


def test_a_repeated_create_that_succeeds_is_the_same_order() -> None:
    story = placing()
    lose(story)
    story.wait()
    outcomes = story.answer(Succeeded("order-1", fraud_status="ACCEPTED"))
    assert what(outcomes) == ["authorized"]
    assert story.order.provider_order_id == "order-1"


def test_a_first_refusal_of_a_create_is_one() -> None:
    story = placing()
    assert code(story.answer(GONE)) == "NOT_FOUND"


# cancel of an authorization


def withdrawing() -> Story:
    story = Story(eager=False)
    story.cancelled()
    story.placed(A)
    return story


def test_an_authorization_that_is_gone_after_a_lost_answer_was_cancelled() -> None:
    story = withdrawing()
    lose(story)
    story.wait()
    assert what(story.answer(GONE)) == ["cancelled", "rejected"]


def test_another_refusal_after_a_lost_answer_goes_to_a_person() -> None:
    story = withdrawing()
    lose(story)
    story.wait()
    assert told(story.answer(NO)) == ("attention_required", False, "answer_lost")


# expired leases


@WRITES
def test_an_expired_lease_is_a_lost_answer(name: str) -> None:
    story = open_operation(name)
    story.order = doubted(story.order, START - 20, START + 10)
    operation = story.operation
    assert (operation.unknown, operation.first_sent, operation.last_sent) == (True, START - 20, START + 10)
    story.now += 60
    story.answer(NO)
    assert isinstance(story.next(), Read)


def test_an_expired_lease_does_not_make_the_key_younger() -> None:
    story = open_operation("capture")
    lose(story)
    sent = story.operation.first_sent
    story.order = doubted(story.order, START + HOUR, START + HOUR + 30)
    assert story.operation.first_sent == sent
    assert story.operation.last_sent == START + HOUR + 30


def test_an_expired_lease_says_nothing_of_what_was_not_due() -> None:
    story = open_operation("capture")
    story.answer(Retryable("busy", after=500.0))
    assert doubted(story.order, START, START + 30) == story.order
    rest = Story(A)
    assert doubted(rest.order, START, START + 30) == rest.order


def test_an_expired_lease_over_a_read_leaves_no_doubt() -> None:
    story = open_operation("capture")
    lose(story)
    story.wait()
    story.answer(NO)
    assert doubted(story.order, story.now, story.now + 30) == story.order


def test_crashes_do_not_end_the_repeats_of_a_create() -> None:
    story = placing()
    for n in range(30):
        story.order = doubted(story.order, START + n, START + n + 1)
        assert isinstance(story.next(), Send)


# restores


@WRITES
def test_after_a_restore_every_operation_of_before_is_read_before_its_first_call(name: str) -> None:
    story = open_operation(name)
    story.rules = replace(story.rules, restored_at=START + 60)
    story.now = START + 120
    assert isinstance(story.next(), Read)
    assert [one.final for one in story.seen(**shows(story))] == [True]


def test_after_a_restore_absent_read_twice_is_sent() -> None:
    story = open_operation("capture")
    story.rules = replace(story.rules, restored_at=START + 60)
    story.now = START + 120
    story.seen()
    assert story.next() == Wait(START + 360)
    story.wait()
    story.seen()
    story.wait()
    story.seen()
    assert isinstance(story.next(), Send)
    assert moved(story.answer(Succeeded("capture-1"))) == 50


def test_after_a_restore_an_expired_lease_does_not_skip_the_read() -> None:
    story = open_operation("capture")
    story.rules = replace(story.rules, restored_at=START + 60)
    story.now = START + 120
    story.order = doubted(story.order, START + 90, START + 120)
    assert isinstance(story.next(), Read)


def test_an_event_read_again_after_a_restore_is_known_by_when_it_was_sent() -> None:
    story = Story(A)
    story.eager = False
    story.rules = replace(story.rules, restored_at=START + 60)
    story.shipped()
    operation = replace(story.operation, opened=START + 500, due=START + 500)
    story.order = replace(story.order, operations=(operation,))
    story.now = START + 500
    assert isinstance(story.next(), Read)


def test_what_was_sent_after_the_restore_is_not_read_first() -> None:
    story = Story(A)
    story.eager = False
    story.rules = replace(story.rules, restored_at=START - 60)
    story.shipped()
    assert isinstance(story.next(), Send)


def test_a_create_refused_after_a_restore_may_be_the_repeat_of_a_success() -> None:
    story = placing()
    story.rules = replace(story.rules, restored_at=START + 60)
    story.now = START + 120
    assert story.answer(GONE) == []
    assert isinstance(story.next(), Revoke)
    assert told(story.answer(GONE)) == ("attention_required", False, "answer_lost")


# somebody is told


def test_somebody_is_told_once_of_an_operation_that_takes_an_hour() -> None:
    story = open_operation("capture")
    seen: list[Outcome] = []
    while story.now < START + 3 * HOUR:
        seen += story.answer(LOST)
        story.wait()
    assert told(seen) == ("attention_required", False, "answer_unknown")
    assert seen[0].at >= START + HOUR
    assert story.order.attention is not None
    assert what(story.answer(Succeeded("capture-1"))) == ["captured"]
    assert story.order.attention is None


def test_somebody_is_told_of_a_provider_that_is_away() -> None:
    story = open_operation("capture")
    seen: list[Outcome] = []
    while story.now < START + 2 * HOUR:
        seen += story.answer(Retryable("refused connection"))
        story.wait()
    assert told(seen) == ("attention_required", False, "provider_unavailable")


@WRITES
def test_a_late_answer_ends_an_operation_that_a_person_has(name: str) -> None:
    story = open_operation(name)
    call = story.next()
    assert isinstance(call, Send)
    lose(story)
    story.wait()
    story.answer(NO)
    story.answer(GONE)
    assert story.next() == Rest()
    outcomes = story.answer(Succeeded("late-1"), call)
    assert [one.final for one in outcomes] == [True]
    assert story.order.attention is None


# our own faults


def test_an_order_on_which_our_code_fails_stands_still_until_a_person_has_looked() -> None:
    story = open_operation("capture")
    decision = saga.stall(story.order, "settle: KeyError", story.now, story.rules)
    assert told(list(decision.outcomes)) == ("attention_required", False, "internal_error")
    assert saga.next_call(decision.order, story.now + 30 * DAY, story.rules) == Rest()


def test_an_order_at_rest_on_which_our_code_fails_stands_still_too() -> None:
    story = Story(A)
    story.returned("A:1")
    decision = saga.stall(story.order, "next_call: KeyError", story.now, story.rules)
    assert saga.next_call(decision.order, story.now + 30 * DAY, story.rules) == Rest()
