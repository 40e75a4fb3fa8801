"""An order that a notification names besides the one that is known: it is read, and told to a person if it is there."""

import pytest
from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.model.outcomes import Outcome, Read, Rest, Send, Wait
from ordersaga.domain.model.results import Rejected, Result, Retryable, Snapshot, Succeeded, Unknown
from ordersaga.domain.uncertainty.hints import Hint, with_hint

from .checkouts import started
from .shop import KEY, START, Story, lively, order_of, what
from .uncertain import NO, A, lose, told

OTHER = Snapshot("order-9", "authorized", "ACCEPTED", "GBP", 100, 0, 0, 100)
ABSENT = Rejected("NO_SUCH_ORDER", ("none",), "corr", 404)


def hinted(story: Story, name: str = "order-9", operation: str = "op-1") -> Story:
    story.order = with_hint(story.order, Hint(story.now, operation, name))
    return story


def authorized() -> Story:
    story = Story(A)
    story.eager = False
    return story


def looked(story: Story, result: Result) -> list[Outcome]:
    step = story.next()
    assert step == Read("order-9", of="named")
    assert lively(story.order, story.now, story.rules)
    return story.answer(result)


def test_it_is_read_and_told_with_both_ids() -> None:
    story = hinted(authorized())
    before = story.order
    (outcome,) = looked(story, Succeeded(snapshot=replace(OTHER, facts={"merchant_reference1": KEY.subject})))
    assert told([outcome]) == ("attention_required", False, "second_order")
    assert outcome.cause is None
    assert outcome.refusal is not None
    for name in ("order-9", before.provider_order_id or "", "100 GBP", "its merchant reference is this order's"):
        assert name in (outcome.refusal.advice or "")
    changed = replace(story.order, attentions=(), sequence=before.sequence, named=before.named)
    assert changed == before, "nothing of it is taken over"
    assert isinstance(story.next(), Wait)


def test_that_its_reference_is_another_is_said() -> None:
    (outcome,) = looked(hinted(authorized()), Succeeded(snapshot=OTHER))
    assert outcome.refusal is not None
    assert "its merchant reference is another one's" in (outcome.refusal.advice or "")


@pytest.mark.parametrize(
    "result",
    [
        ABSENT,
        NO,
        Succeeded(snapshot=replace(OTHER, status="cancelled", remaining_amount=0)),
        Succeeded(snapshot=replace(OTHER, provider_id="order-1")),
    ],
    ids=["invented", "refused", "without money", "an answer about another"],
)
def test_what_is_not_there_or_holds_no_money_is_told_to_nobody(result: Result) -> None:
    story = hinted(authorized())
    assert looked(story, result) == []
    assert story.order.attentions == ()


@pytest.mark.parametrize(
    "answer", [Retryable("down"), Unknown("lost"), Succeeded(snapshot=replace(OTHER, provider_id="x"))]
)
def test_a_read_that_fails_is_made_again(answer: Result) -> None:
    story = hinted(authorized())
    assert looked(story, answer) == []
    assert isinstance(story.next(), Wait)
    story.wait()
    assert what(looked(story, Succeeded(snapshot=OTHER))) == ["attention_required"]


def test_the_order_itself_is_only_read() -> None:
    story = authorized()
    hinted(story, story.order.provider_order_id or "")
    assert story.next() == Read(story.order.provider_order_id or "")


def test_an_order_that_was_rejected_may_have_been_made() -> None:
    story = Story(eager=False)
    story.tell("placed", order_of(A), "placed")
    operation = story.operation.id
    story.answer(NO)
    assert (story.order.status, story.next()) == ("rejected", Rest())
    hinted(story, operation=operation)
    (outcome,) = looked(story, Succeeded(snapshot=OTHER))
    assert told([outcome]) == ("attention_required", False, "second_order")
    assert outcome.refusal is not None
    assert "Ours is none" in (outcome.refusal.advice or "")
    story.tell("placed", order_of(A, token="again"), "again")
    assert story.order.has_attention("second_order"), "it outlives a new beginning"


def test_one_of_an_earlier_placed_is_told_although_another_is_under_way() -> None:
    story = Story(eager=False)
    story.tell("placed", order_of(A), "placed")
    earlier = story.operation.id
    story.answer(NO)
    story.tell("placed", order_of(A, token="again"), "again")
    hinted(story, operation=earlier)
    assert isinstance(story.next(), Send), "what is due comes first"
    lose(story)
    assert what(looked(story, Succeeded(snapshot=OTHER))) == ["attention_required"]
    assert (story.order.provider_order_id, story.operation.unknown) == (None, True)
    story.wait()
    assert what(story.answer(Succeeded("order-1", fraud_status="ACCEPTED"))) == ["authorized"]
    assert story.order.has_attention("second_order")


def test_one_that_is_named_before_its_answer_came_is_the_order_itself() -> None:
    story = Story(eager=False)
    story.tell("placed", order_of(A), "placed")
    call = story.next()
    hinted(story, operation=story.operation.id)
    assert isinstance(call, Send)
    story.answer(Succeeded("order-9", fraud_status="ACCEPTED"), call)
    assert looked(story, Succeeded(snapshot=OTHER)) == []
    assert story.order.attentions == ()


def test_any_number_of_others_is_one_attention() -> None:
    story = authorized()
    for n in range(20):
        name = f"order-{n + 50}"
        hinted(story, name)
        if isinstance(step := story.next(), Read):
            story.answer(Succeeded(snapshot=replace(OTHER, provider_id=step.provider_order_id)))
    assert [one.reason for one in story.order.attentions] == ["second_order"]
    assert what(story.outcomes) == ["authorized", "attention_required"]


def test_a_person_closes_it() -> None:
    story = hinted(authorized())
    looked(story, Succeeded(snapshot=OTHER))
    decision = saga.resolve_attention(story.order, "second_order", "grace", story.now, story.rules)
    assert decision.order.attentions == ()


def rejected_with_a_second_one(*, read: bool) -> Story:
    story = Story(eager=False)
    story.tell("placed", order_of(A), "placed")
    operation = story.operation.id
    story.answer(NO)
    hinted(story, operation=operation)
    if read:
        looked(story, Succeeded(snapshot=OTHER))
    return story


def test_it_outlives_a_new_beginning_in_checkout() -> None:
    story = rejected_with_a_second_one(read=True)
    story.tell("checkout_started", started(), "started")
    assert [one.reason for one in story.order.attentions] == ["second_order"]


def test_one_that_was_not_read_yet_is_read_although_a_checkout_began() -> None:
    story = rejected_with_a_second_one(read=False)
    story.tell("checkout_started", started(), "started")
    story.answer(Succeeded("checkout-1"))
    assert what(looked(story, Succeeded(snapshot=OTHER))) == ["attention_required"]


@pytest.mark.parametrize("answer", [Retryable("unauthorized", status=401), Rejected("PERMISSION_DENIED", (), "c", 403)])
def test_one_that_can_not_be_read_for_an_hour_is_told_once(answer: Result) -> None:
    story = hinted(authorized())
    outcomes: list[Outcome] = []
    while story.order.named is not None:
        outcomes += looked(story, answer)
        if isinstance(story.next(), Wait) and story.order.named is not None:
            story.wait()
    (outcome,) = outcomes
    assert told([outcome]) == ("attention_required", False, "second_order")
    assert outcome.refusal is not None
    for name in ("order-9", story.order.provider_order_id or "", "can't be read"):
        assert name in (outcome.refusal.advice or "")
    assert 3_600 <= story.now - START < 2 * 3_600
    assert isinstance(story.next(), Wait)


def test_nothing_is_read_of_an_order_that_our_own_code_failed_on_until_a_person_has_looked() -> None:
    story = hinted(authorized())
    story.stall()
    assert isinstance(story.next(), Wait), "else it is read, and fails, without a pause"
    story.order = saga.resolve_attention(story.order, "internal_error", "grace", story.now, story.rules).order
    assert what(looked(story, Succeeded(snapshot=OTHER))) == ["attention_required"]
