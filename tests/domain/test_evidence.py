"""What a read says of an operation whose answer was lost."""

import pytest
from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.model.outcomes import Read, Revoke, Send, Wait
from ordersaga.domain.model.results import CaptureSeen, RefundSeen, Retryable, Succeeded
from ordersaga.domain.uncertainty.evidence import begun, mark_uncertain

from .shop import DAY, HOUR, START, Story, code, line, moved, snapshot, what
from .uncertain import GONE, LOST, NO, WRITES, A, lose, open_operation, placing, request, shows, told

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


def test_what_is_sent_again_after_the_keys_life_has_no_younger_key() -> None:
    story = open_operation("capture")
    lose(story)
    story.now += 23 * HOUR
    story.seen()
    story.wait()
    story.seen()
    lose(story)
    story.now += HOUR
    assert isinstance(story.next(), Read)


@pytest.mark.parametrize("name", ["capture", "refund"])
def test_one_of_the_same_amount_that_could_be_ours_goes_to_a_person(name: str) -> None:
    story = open_operation(name)
    lose(story)
    story.wait()
    story.answer(NO)
    seen = {"captures": (CaptureSeen("x", 50),)} if name == "capture" else {"refunds": (RefundSeen("x", 50),)}
    assert told(story.seen(**seen)) == ("attention_required", False, "answer_lost")
    assert story.waits_for_a_person()
    assert story.order.attentions


@pytest.mark.parametrize("name", ["capture", "refund"])
def test_ours_with_another_amount_goes_to_a_person(name: str) -> None:
    story = open_operation(name)
    lose(story)
    story.wait()
    story.answer(NO)
    ours = story.operation.id
    seen = {"captures": (CaptureSeen("x", 7, ours),)} if name == "capture" else {"refunds": (RefundSeen("x", 7, ours),)}
    assert told(story.seen(**seen)) == ("attention_required", False, "answer_lost")
    assert story.waits_for_a_person()


@pytest.mark.parametrize("refused", [True, False])
@pytest.mark.parametrize("name", ["capture", "refund"])
def test_a_sum_that_the_list_does_not_account_for_goes_to_a_person(name: str, refused: bool) -> None:
    story = open_operation(name)
    lose(story)
    story.wait() if refused else story.wait(DAY)
    if refused:
        story.answer(NO)
    sums = {"captured_amount": 50, "remaining_amount": 50} if name == "capture" else {"refunded_amount": 50}
    told_of = story.seen(**sums)
    while not story.waits_for_a_person():
        story.wait()
        told_of += story.seen(**sums)
    assert told_of[-1].refusal is not None
    assert (what(told_of)[-1], told_of[-1].refusal.code) == ("attention_required", "answer_lost")
    assert story.waits_for_a_person()


def test_a_list_that_follows_its_sum_late_is_waited_for() -> None:
    story = open_operation("capture")
    lose(story)
    story.wait()
    story.answer(NO)
    assert story.seen(captured_amount=50, remaining_amount=50) == []
    story.wait()
    assert moved(story.seen(**shows(story))) == 50


def test_sums_that_known_captures_account_for_speak_against_nothing() -> None:
    story = Story(A)
    story.shipped("A:1")
    story.eager = False
    story.shipped("A:1")
    lose(story)
    story.now += DAY
    story.seen()
    assert story.operation.absent == 1


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


def test_what_another_hand_captured_was_not_released() -> None:
    story = open_operation("release")
    lose(story)
    story.wait()
    story.answer(NO)
    outcomes = story.seen(status="captured", captured_amount=100, remaining_amount=0)
    assert told(outcomes) == ("attention_required", False, "answer_lost")


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


# expired leases


@WRITES
def test_an_expired_lease_is_a_lost_answer(name: str) -> None:
    story = open_operation(name)
    story.order = mark_uncertain(story.order, START - 20, START + 10)
    operation = story.operation
    assert (operation.unknown, operation.first_sent, operation.last_sent) == (True, START - 20, START + 10)
    story.now += 60
    story.answer(NO)
    assert isinstance(story.next(), Read)


def test_an_expired_lease_does_not_make_the_key_younger() -> None:
    story = open_operation("capture")
    lose(story)
    sent = story.operation.first_sent
    story.order = mark_uncertain(story.order, START + HOUR, START + HOUR + 30)
    assert story.operation.first_sent == sent
    assert story.operation.last_sent == START + HOUR + 30


def test_an_expired_lease_says_nothing_of_what_was_not_due() -> None:
    story = open_operation("capture")
    story.answer(Retryable("busy", after=500.0))
    assert mark_uncertain(story.order, START, START + 30) == story.order
    rest = Story(A)
    assert mark_uncertain(rest.order, START, START + 30) == rest.order


def test_an_expired_lease_over_a_read_leaves_no_doubt() -> None:
    story = open_operation("capture")
    lose(story)
    story.wait()
    story.answer(NO)
    assert mark_uncertain(story.order, story.now, story.now + 30) == story.order


def test_crashes_do_not_end_the_repeats_of_a_create() -> None:
    story = placing()
    for n in range(30):
        story.order = mark_uncertain(story.order, START + n, START + n + 1)
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


def test_a_second_restore_makes_it_read_again() -> None:
    story = open_operation("capture")
    story.rules = replace(story.rules, restored_at=START + 60)
    story.now = START + 120
    for _ in range(2):
        story.seen()
        story.wait()
    story.seen()
    story.answer(Retryable("refused"))
    story.rules = replace(story.rules, restored_at=START + 2 * DAY)
    story.now = START + 2 * DAY + 60
    assert isinstance(story.next(), Read)


def test_after_a_restore_an_expired_lease_does_not_skip_the_read() -> None:
    story = open_operation("capture")
    story.rules = replace(story.rules, restored_at=START + 60)
    story.now = START + 120
    story.order = mark_uncertain(story.order, START + 90, START + 120)
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


def test_the_time_of_the_first_send_is_kept_however_often_it_is_sent() -> None:
    story = open_operation("capture")
    call = story.next()
    assert isinstance(call, Send)
    first = begun(story.order, call, 5.0)
    assert first.operations[0].first_sent == 5.0
    assert begun(first, call, 9.0) == first, "the key's time runs from the first send"


def test_after_a_restore_absence_counts_from_the_restore_or_the_last_send_whichever_is_later() -> None:
    story = open_operation("capture")
    lose(story)
    sent = story.operation.last_sent
    assert sent is not None
    for restored_at, counts_from in ((sent - 50, sent), (sent + 50, sent + 50)):
        story.rules = replace(story.rules, restored_at=max(restored_at, story.operation.opened))
        operation = replace(story.operation, stage="read", due=story.now)
        order = replace(story.order, operations=(operation,))
        read = Read(order.provider_order_id or "", operation)
        decision = saga.settle(order, read, Succeeded(snapshot=snapshot(order)), story.now, story.rules)
        assert decision.order.operations[0].due == counts_from + story.rules.absent_after
