"""Authorizations that are extended, asked for by the shop or not."""

import pytest

from ordersaga.domain.model.outcomes import Read, Send, Wait
from ordersaga.domain.model.results import Rejected, Retryable, Succeeded, Unknown

from .shop import DAY, Story
from .uncertain import A, told


def extending() -> Story:
    story = Story(A, eager=True)
    story.eager = False
    story.now += 10 * DAY
    story.tell("authorization_extension_requested", {}, "extend")
    return story


def test_an_extension_lengthens_the_authorization() -> None:
    story = extending()
    before = story.order.expires_at
    (outcome,) = story.answer(Succeeded())
    assert told([outcome]) == ("extended", True, None)
    assert before is not None
    assert outcome.books is not None
    assert outcome.books.expires_at == before + 10 * DAY


def test_after_an_extension_the_order_is_read_once_for_the_provider_s_own_expiry() -> None:
    story = extending()
    story.answer(Succeeded())
    estimate = story.order.expires_at
    assert estimate is not None
    assert isinstance(story.next(), Read)
    assert story.seen(expires_at=estimate - 3 * DAY) == []
    assert story.order.expires_at == estimate - 3 * DAY
    assert story.next() == Wait(estimate - 3 * DAY - story.rules.expiry_warning), "once"


def test_a_lost_extension_shows_by_the_new_expiry() -> None:
    story = extending()
    before = story.order.expires_at
    assert before is not None
    story.answer(Unknown("lost"))
    story.now += 23.5 * 3600  # the key isn't trusted any more
    assert isinstance(story.next(), Read)
    assert [one.what for one in story.seen(expires_at=before + 10 * DAY)] == ["extended"]


def test_an_extension_that_did_not_happen_is_asked_for_again() -> None:
    story = extending()
    before = story.order.expires_at
    story.answer(Unknown("lost"))
    story.now += 23.5 * 3600
    while isinstance(story.next(), Read):
        assert {one.what for one in story.seen(expires_at=before)} <= {"attention_required"}
        if isinstance(story.next(), Wait):
            story.wait()
    assert isinstance(story.next(), Send)


# an extension that nobody asks for


def about_to_expire() -> Story:
    """The merchant's setting says that it is extended."""
    story = Story(A)
    story.terms.extends = True
    story.eager = False
    assert story.order.expires_at is not None
    story.now = story.order.expires_at - story.rules.expiry_warning
    assert story.seen() == []
    return story


def test_an_authorization_is_extended_before_it_expires() -> None:
    story = about_to_expire()
    step = story.next()
    assert isinstance(step, Send)
    assert step.operation.type == "extend_authorization"
    (outcome,) = story.answer(Succeeded())
    assert (outcome.what, outcome.cause, outcome.final) == ("extended", None, True)
    assert story.order.expires_at == story.now + 28 * DAY
    assert not story.order.attentions
    assert story.order.operations == ()


def test_without_the_setting_a_person_is_asked() -> None:
    story = about_to_expire()
    other = Story(A)
    other.eager = False
    other.now = story.now
    assert [one.what for one in other.seen()] == ["attention_required"]


def test_a_refused_extension_that_nobody_asked_for_is_told_to_a_person() -> None:
    story = about_to_expire()
    (outcome,) = story.answer(Rejected("NOT_ALLOWED", ("no",), "corr", 403))
    assert (outcome.what, outcome.cause, outcome.final) == ("attention_required", None, False)
    assert story.order.has_attention("authorization_expires")
    assert story.order.operations == ()


def test_an_extension_that_nobody_asked_for_gives_way_to_an_event() -> None:
    story = about_to_expire()
    extension = story.next()
    assert isinstance(extension, Send)
    story.answer(Unknown("lost"))
    assert story.shipped("A:1") == []
    assert story.operation.type == "capture"
    assert story.answer(Succeeded(), extension) == [], "its answer comes too late: a read shows what came of it"
    assert [one.what for one in story.answer(Succeeded("capture-9"))] == ["captured"]
    assert isinstance(story.next(), Read)
    assert story.order.expires_at is not None
    assert story.seen(expires_at=story.order.expires_at + 20 * DAY) == []
    assert story.order.operations == ()


@pytest.mark.parametrize("answer", [Retryable("busy", 1.0), Unknown("lost")])
def test_an_extension_that_does_not_get_through_is_told_to_a_person_in_the_end(answer: Retryable | Unknown) -> None:
    story = about_to_expire()
    told_: list[str] = []
    for _ in range(5):
        if isinstance(story.next(), Wait):
            story.wait()
        told_ += [one.what for one in story.answer(answer)]
    assert told_ == ["attention_required"]
    assert story.order.has_attention("authorization_expires")
    assert story.order.operations == ()
    assert isinstance(story.next(), Wait), "it isn't extended again by itself"


@pytest.mark.parametrize("days", [1, 2])
def test_a_short_period_is_extended_once_and_then_told_to_a_person(days: int) -> None:
    story = about_to_expire()
    short = story.now + days * DAY
    assert [one.what for one in story.answer(Succeeded())] == ["extended"]
    assert [one.what for one in story.seen(expires_at=short)] == ["attention_required"], "I9: it ends soon nevertheless"
    assert story.order.has_attention("authorization_expires")
    assert story.order.operations == ()
    assert story.next() == Wait(short)


def test_an_extension_that_the_provider_does_not_show_is_not_repeated_in_a_loop() -> None:
    story = about_to_expire()
    end = story.order.expires_at
    story.answer(Succeeded())
    assert [one.what for one in story.seen(expires_at=end)] == ["attention_required"]
    assert story.next() == Wait(end or 0)


def test_it_is_extended_again_and_again() -> None:
    story = about_to_expire()
    first = story.operation.id
    story.answer(Succeeded())
    assert story.seen() == []
    assert story.order.expires_at is not None
    story.now = story.order.expires_at - story.rules.expiry_warning
    story.seen()
    assert story.operation.type == "extend_authorization"
    assert story.operation.id != first
