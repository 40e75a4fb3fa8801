"""A `placed` with `tokenize`: the customer token first, then the order, under one event."""

from typing import Any

from ordersaga.domain.model.outcomes import Revoke, Send
from ordersaga.domain.model.results import Succeeded
from ordersaga.domain.uncertainty.manual import HadNoEffect, TookEffect

from .shop import Story, what, with_token
from .uncertain import LOST, NO, A, told

CREATED = Succeeded(result={"customer_token": "chargeable"})


def placing(**more: Any) -> Story:
    story = Story(eager=False)
    story.tell("placed", with_token(A, **more), "placed")
    return story


def test_the_token_is_told_before_the_order() -> None:
    story = placing()
    assert [one.type for one in story.order.operations] == ["create_customer_token", "create_order"]
    (outcome,) = story.answer(CREATED)
    assert (outcome.what, outcome.final, outcome.result) == (
        "customer_token_created",
        False,
        {"customer_token": "chargeable"},
    )
    call = story.next()
    assert isinstance(call, Send)
    assert call.request.path == "/authorizations/token/order"
    assert told(story.answer(Succeeded("order-1", fraud_status="ACCEPTED"))) == ("authorized", True, None)
    assert [one.final for one in story.outcomes] == [False, True]
    story.eager = True
    assert what(story.shipped()) == ["captured"]


def test_each_operation_has_an_id_of_its_own_when_the_money_is_taken_at_once() -> None:
    story = placing(auto_capture=True)
    ids = [one.id for one in story.order.operations]
    story.answer(CREATED)
    story.answer(Succeeded("order-1", fraud_status="ACCEPTED"))
    assert story.operation.type == "take_over"
    assert len({*ids, story.operation.id}) == 3


def test_without_the_token_no_order_is_made() -> None:
    story = placing()
    assert told(story.answer(NO)) == ("rejected", True, NO.code)
    assert (story.order.status, story.order.operations) == ("rejected", ())


def test_a_refused_order_ends_it_after_the_token() -> None:
    story = placing()
    story.answer(CREATED)
    assert told(story.answer(NO)) == ("rejected", True, NO.code)
    assert what(story.outcomes) == ["customer_token_created", "rejected"]


def test_a_lost_token_stops_it_until_a_person_has_looked() -> None:
    story = placing()
    assert told(story.answer(LOST)) == ("attention_required", False, "answer_lost")
    (outcome,) = story.say(TookEffect("chargeable"))
    assert (outcome.what, outcome.final) == ("customer_token_created", False)
    assert story.operation.type == "create_order"
    assert isinstance(story.next(), Send)


def test_a_token_that_a_person_does_not_find_rejects_the_order() -> None:
    story = placing()
    story.answer(LOST)
    assert told(story.say(HadNoEffect("none was made"))) == ("rejected", True, "settled_by_hand")
    assert (story.order.status, story.order.operations) == ("rejected", ())


def test_the_order_is_repeated_and_withdrawn_as_any_other() -> None:
    story = placing()
    story.answer(CREATED)
    story.answer(LOST)
    story.wait()
    story.answer(NO)
    call = story.next()
    assert isinstance(call, Revoke)
    assert call.request.path == "/authorizations/token"
    assert told(story.answer(Succeeded())) == ("rejected", True, NO.code)


def test_an_order_that_was_cancelled_first_makes_no_token() -> None:
    story = Story(eager=False)
    story.cancelled()
    story.tell("placed", with_token(A), "placed")
    assert [one.type for one in story.order.operations] == ["cancel_authorization"]
    assert what(story.answer(Succeeded())) == ["cancelled", "rejected"]
