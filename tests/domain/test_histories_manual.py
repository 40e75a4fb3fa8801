"""Random histories in which our own code fails, with a person who sees to what is stuck."""

from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from ordersaga.domain.uncertainty.manual import HadNoEffect, TookEffect, TryAgain, Verdict

from .life import Fault, Life
from .shop import FakeTerms, Json
from .test_histories import PLACED, SETTINGS, Step, events, steps, take

NOT_THERE = HadNoEffect("it isn't there")


def truth(life: Life) -> Verdict:
    """What a person finds at the provider."""
    order, klarna = life.order, life.klarna
    operation = order.operations[0]
    match operation.type:
        case "capture" | "refund":
            name = f"{operation.type}-{operation.id}"
            account = klarna.orders[order.provider_order_id or ""]
            made = {*(one.id for one in account.captures), *(one.id for one in account.refunds)}
            return TookEffect(name) if name in made else NOT_THERE
        case "create_order":
            token = order.details.requests[operation.id].path.split("/")[-2]
            found = klarna.orders.get(f"order-{token}")
            return TookEffect(f"order-{token}") if found and not found.ended else NOT_THERE
        case "create_token_order":
            found = klarna.orders.get(f"order-{operation.id}")
            return TookEffect(f"order-{operation.id}") if found and not found.ended else NOT_THERE
        case "take_over":
            return TryAgain() if not klarna.orders[order.provider_order_id or ""].ended else NOT_THERE
        case "cancel_authorization":
            token = order.details.requests[operation.id].path.split("/")[-1]
            withdrawn = token in klarna.tokens and f"order-{token}" not in klarna.orders
            return TookEffect() if withdrawn else TryAgain() if operation.also else NOT_THERE
        case _:
            done = any(one.endswith(operation.id) for one in klarna.effects)
            return TookEffect() if done else NOT_THERE


TROUBLE = st.tuples(
    events(), st.sampled_from(["not sent", "crashed before", "crashed after"]), st.sampled_from(["wait", "look", "say"])
)


def have_trouble(life: Life, event: Step, fault: Fault | Literal["not sent"], person: str) -> None:
    """Our own code fails upon an event, whether or not its call was sent; a person may come at once."""
    life.tell(*event)
    if fault != "not sent":
        life.act(fault)
    life.stall()
    if person != "wait":
        visit(life, look=person == "look")


def visit(life: Life, *, look: bool = False) -> None:
    """A person sees to the order, if it is stuck: with the truth, or to `look` for evidence."""
    if life.order.operations and life.order.operations[0].stage == "stuck":
        if look:
            life.look_again(truth(life))
        else:
            life.say(truth(life))


@settings(SETTINGS, max_examples=700)
@given(placed=PLACED, later=st.lists(st.tuples(TROUBLE, st.lists(steps(), max_size=4)), max_size=6))
def test_a_truthful_person_settles_every_history(
    placed: Json, later: list[tuple[tuple[Step, Any, str], list[Step]]]
) -> None:
    """All that is stuck ends, the books are the provider's, and nothing is done twice."""
    life = Life(FakeTerms())
    for step in [("placed", placed), ("act", "none")]:
        take(life, step)
    for trouble, further in later:
        have_trouble(life, *trouble)
        for step in further:
            take(life, step)
    life.act_until_rest()
    for _ in range(30):
        visit(life)
        life.act_until_rest()
    assert life.order.operations == ()
    life.at_the_end()
