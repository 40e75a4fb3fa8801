"""What an outcome says: its type, whether it is final, its books, its operation, its result."""

import msgspec
import pytest
from msgspec.structs import replace

from ordersaga.domain.model.ids import operation_id, outcome_id
from ordersaga.domain.model.order import Details
from ordersaga.domain.model.outcomes import Books, Read
from ordersaga.domain.model.results import Rejected, Snapshot, Succeeded

from .shop import DAY, KEY, START, Story, code, fee, line, moved, voucher, what

A = line("A", 2, 50)
NO = Rejected("NOT_ALLOWED", ("Capture not allowed",), "corr-1", 403)
TAKEN = {"provider": "klarna", "order_id": "order-9"}
SEEN = Snapshot("order-9", "authorized", "ACCEPTED", "GBP", 100, 0, 0, 100, START + 9 * DAY)


def test_an_outcome_of_a_capture_says_it_all() -> None:
    story = Story(A)
    (outcome,) = story.shipped("A:1", shipment_id="S1")
    assert (outcome.what, outcome.final, outcome.sequence, outcome.at) == ("captured", True, 2, START)
    assert outcome.cause is not None
    assert (outcome.cause.source, outcome.cause.id, outcome.cause.type) == ("/shop", "e3", "shop.order.shipped.v1")
    assert outcome.operation is not None
    assert outcome.operation.id == operation_id(KEY, outcome.cause, 0)
    assert (outcome.operation.type, outcome.operation.provider_id) == ("capture", "capture-4")
    assert (outcome.operation.amount, outcome.operation.attempts) == (50, 1)
    assert outcome.result == {"capture_id": "capture-4"}
    assert outcome.refusal is None
    assert outcome.books == Books("part_captured", "ACCEPTED", "GBP", 100, 50, 0, 0, 50, START + 28 * DAY)
    assert (outcome.provider, outcome.provider_order_id) == ("klarna", "create_order-2")


def test_ids_are_the_same_for_ever() -> None:
    story = Story(eager=False)
    story.placed(A)
    assert story.operation.id == "f9276be0-34ac-5dae-a308-566fb89fbab3"
    assert outcome_id(KEY, 0, 1) == "5b32ae6b-bf9a-5bc2-a51a-fea127de44e0"
    assert len({outcome_id(KEY, epoch, sequence) for epoch in range(3) for sequence in range(3)}) == 9


@pytest.mark.parametrize(
    ("name", "outcome", "status"),
    [
        ("shipped", "captured", "captured"),
        ("cancelled", "cancelled", "cancelled"),
        ("closed", "cancelled", "cancelled"),
    ],
)
def test_the_final_outcome_of_each_event_on_an_untouched_order(name: str, outcome: str, status: str) -> None:
    story = Story(A, fee("shipping", 5))
    outcomes = story.tell(name, {})
    assert (what(outcomes), moved(outcomes), story.order.status) == ([outcome], 105, status)


@pytest.mark.parametrize(("name", "outcome"), [("cancelled", "released"), ("closed", "released")])
def test_the_final_outcome_of_an_end_after_a_capture(name: str, outcome: str) -> None:
    story = Story(A)
    story.shipped("A:1")
    outcomes = story.tell(name, {})
    assert (what(outcomes), moved(outcomes), story.order.status) == ([outcome], 50, "captured")
    assert [one.operation.type for one in outcomes if one.operation] == ["release"]


def test_cancelling_some_lines_lowers_the_authorization_to_what_was_or_may_be_captured() -> None:
    story = Story(A, line("B", 1, 30))
    story.shipped("B")
    story.eager = False
    story.cancelled("A:1")
    assert (story.operation.type, story.operation.target) == ("amend", 80)
    outcomes = story.answer(Succeeded())
    assert (what(outcomes), moved(outcomes)) == (["lines_cancelled"], 50)


def test_cancelling_the_last_lines_cancels_the_order() -> None:
    story = Story(A, fee("shipping", 5))
    story.cancelled("A:1")
    outcomes = story.cancelled("A:1")
    assert (what(outcomes), moved(outcomes)) == (["cancelled"], 52)  # 2.5 -> 3 of the shipping went before
    assert [one.operation.type for one in outcomes if one.operation] == ["cancel"]
    assert (story.order.status, story.order.released_amount) == ("cancelled", 105)


def test_cancelling_the_last_lines_after_a_capture_releases_the_rest() -> None:
    story = Story(A)
    story.shipped("A:1")
    outcomes = story.cancelled("A:1")
    assert (what(outcomes), moved(outcomes), story.order.status) == (["released"], 50, "captured")


def test_cancelling_the_last_lines_of_an_order_worth_nothing_cancels_it() -> None:
    story = Story(line("gift", 2, 0))
    assert what(story.cancelled("gift:1")) == ["lines_cancelled"]
    outcomes = story.cancelled("gift:1")
    assert (what(outcomes), moved(outcomes), story.order.status) == (["cancelled"], 0, "cancelled")


def test_an_amendment_moves_the_orders_amount() -> None:
    story = Story(A)
    story.cancelled("A:1")
    outcomes = story.amended(line("A", 3, 50))
    assert (what(outcomes), moved(outcomes)) == (["amended"], 150)
    assert outcomes[0].books == Books("authorized", "ACCEPTED", "GBP", 150, 0, 0, 0, 150, START + 28 * DAY)


def test_an_amendment_after_a_whole_capture_opens_the_order_again() -> None:
    story = Story(A)
    story.shipped()
    story.amended(line("A", 3, 50))
    assert story.order.status == "part_captured"
    assert moved(story.shipped()) == 50


def test_refunds_do_not_change_the_status() -> None:
    story = Story(A)
    story.shipped("A:1")
    (outcome,) = story.returned("A:1")
    assert outcome.books is not None
    assert (outcome.books.status, outcome.books.refunded_amount) == ("part_captured", 50)
    assert outcome.result == {"refund_id": "refund-6"}


def test_a_rejection_by_the_provider_has_its_code_messages_and_correlation_id() -> None:
    story = Story(A)
    story.eager = False
    story.shipped()
    (outcome,) = story.answer(NO)
    assert outcome.refusal is not None
    assert (outcome.refusal.code, outcome.refusal.messages) == ("NOT_ALLOWED", ("Capture not allowed",))
    assert outcome.refusal.correlation_id == "corr-1"
    assert outcome.operation is not None
    assert (outcome.operation.type, outcome.operation.amount) == ("capture", None)


@pytest.mark.parametrize("name", ["shipped", "cancelled", "closed"])
def test_after_a_refusal_the_provider_is_read_and_the_order_is_as_before(name: str) -> None:
    story = Story(A)
    before = story.order
    story.eager = False
    story.tell(name, {"shipment_id": "S1"} if name == "shipped" else {})
    assert code(story.answer(NO)) == "NOT_ALLOWED"
    assert (story.order.remaining, story.order.status, story.order.shipments) == (100, "authorized", ())
    assert story.order.lines == before.lines
    assert isinstance(story.next(), Read)
    assert story.seen() == []


@pytest.mark.parametrize("name", ["shipped", "cancelled"])
def test_a_fee_that_only_a_refused_event_named_follows_as_before(name: str) -> None:
    story = Story(A, fee("shipping", 20))
    before = story.order
    story.eager = False
    (story.shipped if name == "shipped" else story.cancelled)("A:1", "shipping")
    assert code(story.answer(NO)) == "NOT_ALLOWED"
    assert story.order.lines == before.lines
    story.seen()
    story.eager = True
    assert moved(story.shipped("A")) == 120


def test_a_voucher_that_only_a_refused_return_named_follows_as_before() -> None:
    story = Story(A, voucher("voucher", 20))
    story.shipped()
    story.eager = False
    story.returned("A:1", "voucher")
    assert code(story.answer(NO)) == "NOT_ALLOWED"
    story.seen()
    story.eager = True
    assert moved(story.returned("A:1")) == 40


def test_a_refused_second_refund_rejects_the_return_and_keeps_the_first() -> None:
    story = Story(A)
    story.shipped("A:1")
    story.shipped("A:1")
    story.eager = False
    story.returned("A:2", return_id="R1")
    assert [one.final for one in story.answer(Succeeded("refund-1"))] == [False]
    (outcome,) = story.answer(NO)
    assert (outcome.what, outcome.final) == ("rejected", True)
    assert story.order.refunded_amount == 50
    assert story.order.operations == ()
    story.seen()
    assert code(story.returned("A:1", return_id="R1")) == "return_exists"
    story.eager = True
    assert moved(story.returned("A:1", return_id="R2")) == 50


def test_an_amount_of_which_a_part_went_back_does_not_go_back_again() -> None:
    story = Story(line("A", 2, 100))
    story.shipped("A:1")
    story.shipped("A:1")
    story.eager = False
    story.returned(refunded_amount=120, return_id="R1")
    story.answer(Succeeded("refund-1"))
    (outcome,) = story.answer(NO)
    assert outcome.refusal is not None
    assert outcome.refusal.advice is not None
    story.seen()
    assert code(story.returned(refunded_amount=80, return_id="R1")) == "return_exists"
    assert story.order.refunded_amount == 100


def test_a_refused_first_refund_takes_those_behind_it_along() -> None:
    story = Story(A)
    story.shipped("A:1")
    story.shipped("A:1")
    story.eager = False
    story.returned("A:2")
    assert code(story.answer(NO)) == "NOT_ALLOWED"
    assert story.order.operations == ()
    assert story.order.refunded_amount == 0


def test_placed_passes_on_what_the_provider_gave() -> None:
    story = Story(eager=False)
    story.placed(A)
    given = {"redirect_url": "https://example.test/r", "payment_method": "invoice"}
    (outcome,) = story.answer(Succeeded("order-1", fraud_status="ACCEPTED", result=given))
    assert (outcome.what, outcome.result) == ("authorized", given)
    assert (moved([outcome]), outcome.operation and outcome.operation.provider_id) == (100, "order-1")


def test_placed_under_review_is_first_pending_and_then_final() -> None:
    story = Story(eager=False)
    story.placed(A)
    (first,) = story.answer(Succeeded("order-1", fraud_status="PENDING", result={"redirect_url": "u"}))
    assert (first.what, first.final, first.result) == ("review_pending", False, {"redirect_url": "u"})
    assert first.books is not None
    assert (first.books.status, first.books.fraud_status) == ("pending_review", "PENDING")
    story.wait()
    (last,) = story.seen(fraud_status="ACCEPTED")
    assert (last.what, last.final) == ("authorized", True)
    assert last.cause == first.cause


def test_books_are_null_while_no_order_was_accepted() -> None:
    story = Story(eager=False)
    story.placed(A)
    (outcome,) = story.answer(NO)
    assert (outcome.books, outcome.provider, outcome.provider_order_id) == (None, "klarna", None)


def test_the_state_holds_nothing_personal() -> None:
    story = Story(eager=False)
    secrets = ("Erika", "erika@example.test", "1970-01-01", "white lantern", "tok-secret", "for Erika's birthday")
    story.placed(
        line("A", 2, 50) | {"name": "white lantern"},
        token="tok-secret",
        billing_address={"given_name": "Erika", "email": "erika@example.test"},
        customer={"date_of_birth": "1970-01-01"},
    )
    story.shipped(description="for Erika's birthday")
    plain = msgspec.json.encode(replace(story.order, details=Details())).decode()
    whole = msgspec.json.encode(story.order).decode()
    journal = msgspec.json.encode(story.entries).decode() + msgspec.json.encode(story.outcomes).decode()
    assert all(secret in whole for secret in ("white lantern", "tok-secret", "for Erika's birthday"))
    assert not [secret for secret in secrets if secret in plain + journal]


@pytest.mark.parametrize("told", [None, "", "FRAUD_RISK_STOPPED"])
def test_an_order_is_accepted_only_where_the_provider_says_so(told: str | None) -> None:
    story = Story(eager=False)
    story.placed(A)
    assert what(story.answer(Succeeded("order-1", fraud_status=told))) == ["review_pending"]
    story.wait()
    assert story.seen(fraud_status=told or "PENDING") == []
    story.wait()
    assert what(story.seen(fraud_status="ACCEPTED")) == ["authorized"]
