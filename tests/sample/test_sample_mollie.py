"""The oracle on orders that the customer pays at Mollie, on examples worked out by hand."""

from typing import Any

import pytest
from sample.oracle import Event, History, read, replay
from sample.oracle_parts import Unsaid
from sample.timing import same_whatever_the_timing

Json = dict[str, Any]
Step = tuple[str, Json]
PEOPLE = {"given_name": "Ada", "family_name": "Example", "street_address": "1", "postal_code": "1", "city": "C"}
TRACKED = {"shipping_info": [{"shipping_company": "Post", "tracking_number": "1"}]}
CANCEL: Step = ("cancelled", {})
CLOSE: Step = ("closed", {})
RETRY: Step = ("payment_retried", {})
SHIP: Step = ("shipped", {})
BACK: Step = ("returned", {})


def line(reference: str, quantity: int, unit_price: int, kind: str = "physical", discount: int = 0) -> Json:
    total = quantity * unit_price - discount
    named = {"type": kind, "reference": reference, "name": reference, "quantity": quantity, "unit_price": unit_price}
    return named | {"total_discount_amount": discount, "total_amount": total}


A, B = line("A", 2, 50), line("B", 1, 100)
FEE, VOUCHER = line("SHIP", 1, 20, "shipping_fee"), line("V", 1, -40, "gift_card")


def placed(*lines: Json, method: str | list[str] | None = "klarna", marks: str = "+pay", **more: Any) -> Step:
    lines = lines or (A, B)
    payment = {
        "provider": "mollie",
        "redirect_url": "https://shop.example",
        "method": method,
        **more.pop("payment", {}),
    }
    order = {
        "payment": payment,
        "purchase_country": "GB",
        "purchase_currency": "GBP",
        "locale": "en-GB",
        "billing_address": {**PEOPLE, "email": f"ada{marks}@example.com", "country": "GB"},
        "order_amount": sum(one["total_amount"] for one in lines),
        "order_lines": list(lines),
    }
    return "placed", order | more


def part(what: str, *references: str, **more: int) -> Step:
    """`A` or `A:1`; `more` belongs to each."""
    named = [one.partition(":") for one in references]
    lines = [{"reference": name, **({"quantity": int(count)} if count else {}), **more} for name, _, count in named]
    return what, {"order_lines": lines}


def events(*steps: Step) -> list[Event]:
    return [
        Event("default", "/shop", str(number), f"shop.order.{what}.v1", "o", data)
        for number, (what, data) in enumerate(steps)
    ]


def told(*steps: Step) -> History:
    return replay(events(*steps))


def ends(*steps: Step) -> list[tuple[str, int | str | None]]:
    """Each event's outcome with its amount or code, in the order of the events."""
    outcomes = told(*steps).outcomes
    found = [outcomes[str(number)] for number in range(len(steps))]
    return [(outcome.type, outcome.code or outcome.amount) for outcome in found]


def test_what_is_paid_later_is_captured_by_shipments_and_what_is_paid_first_at_once() -> None:
    assert ends(placed(), part("shipped", "A:1"), SHIP, BACK) == [
        ("authorized", 200),
        ("captured", 50),
        ("captured", 150),
        ("refunded", 200),
    ]
    assert ends(placed(method="ideal"), part("shipped", "A:1"), SHIP, SHIP, BACK, CLOSE) == [
        ("captured", 200),
        ("shipment_recorded", None),
        ("shipment_recorded", None),
        ("rejected", "nothing_left_to_capture"),
        ("refunded", 200),
        ("released", 0),
    ]


@pytest.mark.parametrize(
    ("method", "marks", "end"),
    [
        (None, "+pay", "captured"),
        (None, "+authorize", "authorized"),
        (["klarna", "ideal"], "+pay", "authorized"),
        (["ideal", "klarna"], "+pay-late-2", "captured"),
        ("riverty", "+pending+pay-late-2", "authorized"),
        ("klarna", "+fail-first+pay", None),
    ],
)
def test_the_method_and_the_customer_determine_the_end(
    method: str | list[str] | None, marks: str, end: str | None
) -> None:
    if end is None:
        with pytest.raises(Unsaid):
            told(placed(method=method, marks=marks))
    else:
        assert ends(placed(method=method, marks=marks))[0][0] == end


def test_another_payment_after_one_that_failed() -> None:
    retried = placed(marks="+fail-first+pay-late-1"), SHIP, RETRY
    assert ends(*retried) == [("authorized", 200), ("captured", 200), ("payment_pending", None)]
    with pytest.raises(Unsaid):
        told(*retried, RETRY)


@pytest.mark.parametrize("end", [CANCEL, CLOSE])
def test_an_order_that_nobody_pays_is_given_up(end: Step) -> None:
    history = told(placed(marks="+expire"), RETRY, end)
    assert [history.outcomes[one].type for one in "012"] == ["rejected", "payment_pending", "cancelled"]
    assert history.outcomes["0"].code == "cancelled_before_authorized"
    assert history.order is not None
    assert (history.order.status, history.order.released, history.order.authorized) == ("cancelled", 200, 0)


def test_who_is_faster_is_unsaid() -> None:
    for steps in (
        [placed(method="ideal"), CANCEL],
        [placed(marks="+fail-late-2"), RETRY, CANCEL],
        [placed(marks="")],
        [placed(marks="+fail"), SHIP, CANCEL],
    ):
        with pytest.raises(Unsaid):
            told(*steps)
    assert ends(placed(marks="+pay-late-2"), CANCEL) == [("authorized", 200), ("cancelled", 200)]


def test_rule_4_lines_that_follow_are_taken_whole() -> None:
    """180 in all: goods 200, and -20 with the first shipment and with the first return; the fee comes back last."""
    order = placed(A, B, FEE, VOUCHER)
    assert ends(order, part("shipped", "A:1"), SHIP, part("returned", "B"), part("returned", "A")) == [
        ("authorized", 180),
        ("captured", 30),
        ("captured", 150),
        ("refunded", 60),
        ("refunded", 120),
    ]


def test_rule_4_a_voucher_waits_for_a_shipment_that_is_worth_more() -> None:
    voucher = line("V", 1, -70, "gift_card")
    assert ends(placed(A, B, voucher), part("shipped", "A:1"), part("shipped", "B"), SHIP) == [
        ("authorized", 130),
        ("captured", 50),
        ("captured", 30),
        ("captured", 50),
    ]


def test_rule_4_a_shipment_that_cannot_be_captured_without_them_waits_for_the_next() -> None:
    """Of 40, B alone is worth 100, and -20 with the voucher."""
    dear = placed(A, B, line("V", 1, -160, "gift_card"))
    with pytest.raises(Unsaid):
        told(dear, part("shipped", "B"))


def test_rule_4_a_cancellation_takes_them_with_the_last_goods() -> None:
    assert ends(placed(A, B, FEE), part("cancelled", "A"), part("cancelled", "B"), SHIP) == [
        ("authorized", 220),
        ("lines_cancelled", 100),
        ("cancelled", 120),
        ("rejected", "nothing_left_to_capture"),
    ]


@pytest.mark.parametrize(
    ("amount", "end"), [(99, "captured"), (100, "captured"), (101, "rejected"), (80, "captured"), (-1, "rejected")]
)
def test_rule_5_amounts_are_for_parts_of_discounted_lines(amount: int, end: str) -> None:
    order = placed(line("A", 4, 50, discount=20), B)
    shipped = told(order, part("shipped", "A:2", total_amount=amount)).outcomes["1"]
    assert (shipped.type, shipped.code) == (end, "not_acceptable_to_provider" if end == "rejected" else None)
    assert ends(order, part("shipped", "B", total_amount=99))[1] == ("rejected", "not_acceptable_to_provider")
    assert ends(order, part("shipped", "B", total_amount=100))[1] == ("captured", 100)


def test_rule_5_no_capture_of_an_amount_and_one_refund_of_each() -> None:
    assert ends(placed(), ("shipped", {"captured_amount": 30}))[1] == ("rejected", "not_acceptable_to_provider")
    some: Step = ("returned", {"refunded_amount": 30})
    assert ends(placed(), SHIP, some, ("returned", {"refunded_amount": 31}))[2:] == [("refunded", 30), ("refunded", 31)]
    with pytest.raises(Unsaid):
        told(placed(), SHIP, some, some)


def test_what_mollie_lacks_and_what_it_does_not_take() -> None:
    no = "not_acceptable_to_provider"
    lacking: tuple[Step, ...] = (
        ("authorization_extension_requested", {}),
        ("invoice_resend_requested", {"shipment_id": "1"}),
    )
    assert [end for _, end in ends(placed(), *lacking)[1:]] == ["unsupported_by_provider"] * 2
    assert ends(placed(), ("tracking_added", TRACKED))[1] == ("rejected", no)
    assert ends(placed(), SHIP, ("tracking_added", {**TRACKED, "shipment_id": "1"}))[2][0] == "tracking_added"
    assert ends(placed(), ("reference_changed", {"merchant_reference2": "r"}))[1] == ("rejected", no)
    for bad in (placed(line("A", 0, 0), B), placed(merchant_reference2="r"), placed(line("A", 1, -5), B)):
        assert ends(bad, SHIP) == [("rejected", no), ("rejected", "order_rejected")]


def test_klarna_may_decline_a_change_and_a_customer_may_have_no_mandate() -> None:
    declining = placed(marks="+pay+decline")
    assert ends(declining, CANCEL, part("cancelled", "A"), SHIP)[1:] == [
        ("rejected", "422"),
        ("rejected", "422"),
        ("captured", 200),
    ]
    recurring = {"sequence_type": "recurring", "customer_id": "cst_1"}
    assert ends(placed(marks="", method="directdebit", payment=recurring)) == [("captured", 200)]
    recurring["customer_id"] = "cst_nomandate"
    assert ends(placed(marks="", method="directdebit", payment=recurring)) == [("rejected", "422")]


def test_a_cancellation_before_its_placed_makes_no_order() -> None:
    assert ends(CANCEL, placed()) == [("cancelled", None), ("rejected", "cancelled_before_authorized")]


def test_an_amendment_replaces_the_lines() -> None:
    amended = {"order_amount": 100, "order_lines": [B]}
    assert ends(placed(), ("amended", amended), SHIP)[1:] == [("amended", 100), ("captured", 100)]


def test_a_return_waits_for_shipments_only_where_they_take_the_money() -> None:
    early = part("returned", "A")
    assert ends(placed(), early, SHIP)[1:] == [("refunded", 100), ("captured", 200)]
    assert ends(placed(method="ideal"), early)[1:] == [("refunded", 100)]
    assert same_whatever_the_timing(events(placed(method="ideal"), SHIP, early))
    assert not same_whatever_the_timing(events(placed(method="ideal"), early, SHIP))


def test_an_order_at_mollie_needs_an_address_to_come_back_to() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "shop.order.placed.v1", "subject": "o"}
    whole = placed()[1]
    assert read([event | {"data": whole}]).invalid == []
    bare = {name: value for name, value in whole["payment"].items() if name != "redirect_url"}
    assert len(read([event | {"data": whole | {"payment": bare}}]).invalid) == 1
