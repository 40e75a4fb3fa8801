"""Lost answers are repeated as they were, for as long as the key is trusted; somebody is told when it takes long."""

from ordersaga.domain import saga
from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import Elapsed, Outcome, Read, Rest, Send, Wait
from ordersaga.domain.model.results import Retryable, Succeeded

from .shop import DAY, HOUR, START, Story, moved, what
from .uncertain import GONE, LOST, NO, WRITES, A, lose, open_operation, request, shows, told

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


# somebody is told


def test_somebody_is_told_once_of_an_operation_that_takes_an_hour() -> None:
    story = open_operation("capture")
    seen: list[Outcome] = []
    while story.now < START + 3 * HOUR:
        seen += story.answer(LOST)
        story.wait()
    assert told(seen) == ("attention_required", False, "answer_unknown")
    assert seen[0].at >= START + HOUR
    assert story.order.attentions
    assert what(story.answer(Succeeded("capture-1"))) == ["captured"]
    assert story.order.attentions == ()


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
    assert story.waits_for_a_person()
    outcomes = story.answer(Succeeded("late-1"), call)
    assert [one.final for one in outcomes] == [True]
    assert story.order.attentions == ()


# our own faults


def test_an_order_on_which_our_code_fails_stands_still_until_a_person_has_looked() -> None:
    story = open_operation("capture")
    decision = saga.stall(story.order, "settle: KeyError", story.now, story.rules)
    assert told(list(decision.outcomes)) == ("attention_required", False, "internal_error")
    assert stands_still(story, decision.order)


def stands_still(story: Story, order: Order) -> bool:
    """Nothing is done for it, but to warn of its expiry, once."""
    later = story.now + 30 * DAY
    assert saga.next_call(order, story.now, story.rules) == Wait((order.expires_at or 0) - 2 * DAY)
    warned = saga.settle(order, Elapsed(), None, later, story.rules)
    assert told(list(warned.outcomes)) == ("attention_required", False, "authorization_expires")
    return saga.next_call(warned.order, later, story.rules) == Rest()


def test_an_order_at_rest_on_which_our_code_fails_stands_still_too() -> None:
    story = Story(A)
    story.returned("A:1")
    decision = saga.stall(story.order, "next_call: KeyError", story.now, story.rules)
    assert stands_still(story, decision.order)
