"""An order in sentences."""

from typing import Any, get_args
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.checkouts import in_checkout, read_checkout, read_order
from domain.paid_there import FAILED, PaidThere, paid_first, paid_later
from domain.shop import START, SUBSCRIPTION, Story
from domain.uncertain import A, lose, open_operation, stuck
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Attention, Key, Order, Pending, Status, WaitsFor
from ordersaga.domain.model.outcomes import Entry
from ordersaga.domain.model.results import RefundSeen
from ordersaga.domain.model.terms import Rules
from ordersaga.operating.errors import OperatingError
from ordersaga.operating.explaining import Explanation, explain
from ordersaga.store.dead_letters import DeadLetterSummary
from ordersaga.store.reads import OrderView
from ordersaga.store.upkeep import Switch

PENDING = Pending(Cause("/shop", "shipped-1", "shop.order.shipped.v1"), "t", START, "order", START + 60)


LETTER = DeadLetterSummary(
    UUID(int=7), "default", "1", "shop.orders", 0, 7, "invalid_event", "$.lines: is missing", "f", "open", START
)


def explained(
    order: Order,
    *paused: Switch,
    now: float = START,
    rules: Rules | None = None,
    letters: tuple[DeadLetterSummary, ...] = (),
    **more: Any,
) -> Explanation:
    none: dict[str, Any] = dict.fromkeys(("due_at", "lease_owner", "lease_until", "calling_since", "attention"))
    given = none | {"journal": []} | more
    view = OrderView(order=order, version=1, created_at=START, updated_at=START, **given)
    return explain(view, paused, now, rules or Story().rules, letters)


def explained_story(story: Story) -> Explanation:
    journal = [Entry("outcome", START, one.what) for one in story.outcomes]
    return explained(story.order, now=story.now, rules=story.rules, journal=journal)


def test_an_authorized_order_takes_no_money_and_needs_nobody() -> None:
    one = explained(Story(A).order)
    assert one.money[0] == "No money is taken."
    assert "1.00 GBP is authorized until " in one.money[1]
    assert one.to_do == ("Nothing.",)


def test_captured_and_refunded_money_is_told() -> None:
    story = Story(A)
    story.shipped()
    story.returned("A:1")
    one = explained(story.order)
    assert one.money == (
        "Money is taken: 1.00 GBP is captured, and 0.50 GBP of it is refunded.",
        "Nothing is left to capture.",
    )


def test_a_lost_response_may_have_taken_money() -> None:
    story = open_operation("capture")
    lose(story)
    one = explained(story.order, now=story.now)
    assert "A response was lost: capture of 0.50 GBP" in one.money[-1]
    assert one.waits[0].startswith("It waits for evidence of capture")
    assert one.until is not None


def test_a_stuck_operation_waits_for_a_person_who_is_told_what_to_do() -> None:
    one = explained(stuck("capture").order)
    assert one.until is None, "no time ends it"
    assert one.waits[0].startswith("It waits for a person: capture of 0.50 GBP")
    assert any("`ordersaga order settle`" in sentence for sentence in one.to_do)


def test_an_order_of_an_account_that_is_gone_is_not_explained() -> None:
    with pytest.raises(OperatingError, match="has no account with 'mollie'"):
        explained(Order(Key("default", "order", "1"), provider="mollie"))


def test_an_event_that_came_too_early_waits_until_its_deadline() -> None:
    one = explained(Order(Key("default", "order", "1"), pending=(PENDING,)))
    assert one.money == ("No money is taken.", "The order isn't placed yet.")
    (waits,) = one.waits
    assert waits.endswith("waits for the order to be placed until 2023-11-14 22:14:20 UTC, and is then rejected.")
    assert one.until == START + 60


@pytest.mark.parametrize("waits_for", get_args(WaitsFor))
def test_all_that_an_event_may_wait_for_is_told(waits_for: WaitsFor) -> None:
    order = replace(Story(A).order, pending=(replace(PENDING, waits_for=waits_for, deadline=None),))
    assert explained(order).waits[-1].startswith("Event shipped-1 (shop.order.shipped.v1) waits for ")


@pytest.mark.parametrize("reason", ["internal_error", "books_differ"])
def test_each_attention_is_told_with_its_advice(reason: str) -> None:
    order = replace(Story(A).order, attentions=(Attention(reason, START, None, "look it up"),))
    assert explained(order).to_do == (
        f"Attention {reason} since 2023-11-14 22:13:20 UTC: look it up.",
        "When that is done, `ordersaga attention resolve` closes it.",
    )


def test_a_lease_is_told_while_it_lasts() -> None:
    order = open_operation("capture").order
    assert "A worker is processing it" in explained(order, lease_until=START + 30).waits[0]
    assert "A worker is processing it" not in explained(order, lease_until=START - 30).waits[0]


def test_a_dead_letter_a_pause_and_a_late_order_are_told() -> None:
    order = replace(Story(A).order, blocked="letter-1")
    paused = explained(order, Switch("calls", "*", "klarna", "grace", START))
    assert "Replay or discard dead letter letter-1." in paused.to_do
    assert any("paused by grace" in sentence for sentence in paused.to_do)
    assert any("due for 600 s" in sentence for sentence in explained(order, due_at=START - 600).to_do)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("new", "No customer token is requested yet."),
        ("active", "Its customer token can be used."),
        ("cancelled", "Its customer token is cancelled."),
        ("rejected", "No customer token was created."),
    ],
)
def test_a_subscription_tells_of_its_customer_token(status: Status, sentence: str) -> None:
    assert explained(Order(SUBSCRIPTION, status=status)).money == (sentence,)


def test_an_order_in_checkout_waits_for_the_customer() -> None:
    one = explained(in_checkout().order)
    assert one.money == ("No money is taken.", "The customer may complete it in Checkout, for 1.00 SEK.")
    assert one.waits[0].startswith("It waits for the customer. Next step: ")
    assert one.to_do == ("Nothing.",)


def test_an_order_that_was_completed_for_another_amount_waits_for_a_person() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    read_order(story, order_amount=90, remaining_amount=90)
    one = explained(story.order)
    assert one.money[1] == "The customer has completed it in Checkout, but the shop sent 1.00 SEK."
    assert one.waits[0].startswith("It waits for a placed event with the right amount, or for a person. Next step: ")


def test_an_order_that_the_customer_may_pay_waits_for_the_customer() -> None:
    story = PaidThere(A)
    story.made()
    one = explained_story(story)
    assert one.money == ("No money is taken.", "Nothing is authorized: the customer has yet to pay 1.00 GBP.")
    assert one.waits[0].startswith("It waits for the customer, who may pay at the provider until 2023-12-12 ")
    assert one.to_do == ("Nothing.",)


def test_a_payment_that_came_to_nothing_may_be_retried_by_the_shop() -> None:
    story = PaidThere(A)
    story.made()
    story.read(payment=FAILED)
    one = explained_story(story)
    assert one.money[1] == "Nothing is authorized: the customer has yet to pay 1.00 GBP."
    assert one.waits[0].startswith("The customer's last payment came to nothing: the shop may send payment_retried")


@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_of_an_order_that_ended_unpaid_nobody_has_paid(end: str) -> None:
    story = PaidThere(A)
    story.made()
    story.read(status=end, remaining_amount=0, payment=FAILED)
    assert explained_story(story).money == ("No money is taken.", "Nobody has paid.")


def test_an_authorization_that_expired_was_paid() -> None:
    story = paid_later()
    story.wait()
    story.read(status="expired", remaining_amount=0, payment=None)
    assert story.order.status == "expired"
    assert explained_story(story).money == ("No money is taken.", "Nothing is left to capture.")


def test_amounts_are_by_our_books_while_the_provider_has_others() -> None:
    order = replace(paid_later().order, captured_amount=50, attentions=(Attention("books_differ", START),))
    one = explained(order, rules=paid_later().rules)
    assert one.money[0] == "Money is taken: 0.50 GBP is captured, by our books."
    assert one.money[1].endswith(", and not captured, by our books.")


def test_a_refund_that_may_still_fail_is_under_way() -> None:
    story = paid_first()
    story.hinted()
    story.read(refunds=(RefundSeen("re-1", 80, moving=True),), refunded_amount=80)
    assert explained_story(story).money[:2] == (
        "Money is taken: 2.00 GBP is captured.",
        "A refund of 0.80 GBP is under way at the provider, and may still fail.",
    )


def test_an_open_dead_letter_is_named() -> None:
    order = Order(Key("default", "order", "1"))
    sentence = f"Dead letter {LETTER.id} (invalid_event) is open: replay it, repaired if need be, or discard it."
    assert explained(order, letters=(LETTER,)).to_do == (sentence,)
    blocked = explained(replace(order, blocked=str(LETTER.id)), letters=(LETTER,))
    assert blocked.to_do == (f"Replay or discard dead letter {LETTER.id}.",)


@pytest.mark.parametrize(("reason", "told"), [("unauthorized", True), ("503", False)])
def test_credentials_that_the_provider_rejects_are_told(reason: str, told: bool) -> None:
    order = open_operation("capture").order
    order = replace(order, operations=(replace(order.operations[0], attempts=1),))
    calls = [
        Entry("call", START, "capture", note=note) for note in ("send: unknown timeout", f"send: retryable {reason}")
    ]
    one = explained(order, journal=calls)
    assert "was tried 1 time" in one.waits[0]
    assert (", and the provider rejects the credentials." in one.waits[0]) == told
    assert ("Check the credentials of merchant 'default' at klarna." in one.to_do) == told
