"""Random histories of a subscription: no token is made twice, and none is lost without somebody being told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordersaga.domain.model.terms import Terms
from ordersaga.domain.uncertainty.manual import HadNoEffect, TookEffect, Verdict
from ordersaga.providers.klarna.terms import KlarnaTerms

from .life import Life
from .shop import SUBSCRIPTION, FakeTerms
from .test_histories import SETTINGS, WORK, Step, take

REQUESTED = st.fixed_dictionaries(
    {
        "authorization_token": st.sampled_from(["one", "two", "reject-1"]),
        "purchase_country": st.just("GB"),
        "purchase_currency": st.just("GBP"),
        "locale": st.just("en-GB"),
        "description": st.just("Tea club"),
        "intended_use": st.just("SUBSCRIPTION"),
    }
)
CANCELLED = st.sampled_from([{}, {}, {"customer_token": "another"}])
EVENTS = st.one_of(
    st.tuples(st.just("customer_token_requested"), REQUESTED),
    st.tuples(st.just("customer_token_requested"), REQUESTED),
    st.tuples(st.just("customer_token_cancelled"), CANCELLED),
)
RESTORES = st.tuples(st.just("restore"), st.integers(0, 5))


def live(terms: Terms, history: list[Step]) -> Life:
    life = Life(terms, SUBSCRIPTION)
    for step in history:
        take(life, step)
    life.act_until_rest()
    return life


@pytest.mark.parametrize("terms", [FakeTerms(), KlarnaTerms()])
@settings(SETTINGS, max_examples=400)
@given(history=st.lists(st.one_of(EVENTS, WORK, WORK), max_size=16))
def test_any_history_of_a_subscription_keeps_the_invariants(terms: Terms, history: list[Step]) -> None:
    live(terms, history).at_the_end()


@settings(SETTINGS, max_examples=400)
@given(history=st.lists(st.one_of(EVENTS, WORK, WORK, RESTORES), max_size=16))
def test_a_restored_database_makes_no_token_twice(history: list[Step]) -> None:
    live(FakeTerms(), history).at_the_end()


@settings(SETTINGS, max_examples=400)
@given(history=st.lists(st.one_of(EVENTS, WORK, WORK), max_size=16), look=st.booleans())
def test_a_truthful_person_settles_every_history_of_a_subscription(history: list[Step], *, look: bool) -> None:
    life = live(KlarnaTerms(), history)
    for _ in range(30):
        if not life.order.operations:
            break
        see_to(life, look=look)
        look = False
        life.act_until_rest()
    assert life.order.operations == ()
    life.at_the_end()


def see_to(life: Life, *, look: bool) -> None:
    operation = life.order.operations[0]
    made = [name for name in life.klarna.customer_tokens if name not in told(life)]
    truth: Verdict = HadNoEffect("it isn't there")  # of a cancellation: only a token that the provider lacks gets stuck
    if made and not operation.cause.type.endswith("customer_token_cancelled.v1"):
        truth = TookEffect(made[0])
    if look:
        life.look_again(truth)
    else:
        life.say(truth)


def told(life: Life) -> set[str]:
    return {one.result["customer_token"] for one in life.outcomes if "customer_token" in one.result}
