"""The oracle on examples worked out by hand, rule by rule of the contract's "Working out lines and amounts"."""

from typing import Any

import pytest
from sample.oracle import Event, History, read, replay
from sample.oracle_order import lines_as_sent
from sample.oracle_parts import Line, Part, Unsaid, take, tax_of

Json = dict[str, Any]


def line(reference: str, quantity: int, unit_price: int, kind: str = "physical", discount: int = 0) -> Json:
    total = quantity * unit_price - discount
    named = {"type": kind, "reference": reference, "name": reference, "quantity": quantity, "unit_price": unit_price}
    return named | {"total_discount_amount": discount, "total_amount": total}


def placed(*lines: Json, country: str = "GB", token: str = "sbx-1") -> Json:
    return {
        "payment": {"provider": "klarna", "authorization_token": token},
        "purchase_country": country,
        "purchase_currency": "GBP",
        "order_amount": sum(one["total_amount"] for one in lines),
        "order_lines": list(lines),
    }


def part(reference: str, quantity: int, **more: int) -> Json:
    return {"order_lines": [{"reference": reference, "quantity": quantity, **more}]}


def told(*steps: tuple[str, Json]) -> History:
    return replay(
        Event("default", "/shop", str(number), f"shop.order.{what}.v1", "o", data)
        for number, (what, data) in enumerate(steps)
    )


def ends(*steps: tuple[str, Json]) -> list[tuple[str, int | str | None]]:
    """Each event's outcome with its amount or code, in the order of the events."""
    outcomes = told(*steps).outcomes
    found = [outcomes[str(number)] for number in range(len(steps))]
    return [(outcome.type, outcome.code or outcome.amount) for outcome in found]


EXAMPLE = placed(
    line("A", 2, 50), line("B", 1, 100), line("SHIP", 1, 20, "shipping_fee"), line("V", 1, -40, "gift_card")
)  # fmt: skip


def test_rule_1_parts_add_up_to_the_line_with_halves_away_from_zero() -> None:
    order = placed(line("A", 3, 50, discount=50), line("B", 2, 3, discount=1))
    thirds = [("shipped", part("A", 1))] * 3
    halves = [("shipped", part("B", 1))] * 2
    assert ends(("placed", order), *thirds)[1:] == [("captured", 33), ("captured", 34), ("captured", 33)]
    assert ends(("placed", order), *halves)[1:] == [("captured", 3), ("captured", 2)]


def test_rule_1_captures_and_cancellations_draw_from_one_counter() -> None:
    order = placed(line("A", 3, 50, discount=50), line("B", 1, 7))
    assert ends(("placed", order), ("shipped", part("A", 1)), ("cancelled", part("A", 1)), ("shipped", part("A", 1)))[
        1:
    ] == [("captured", 33), ("lines_cancelled", 34), ("captured", 33)]


def test_rule_1_what_was_cancelled_is_not_carried_over_an_amendment() -> None:
    order = placed(line("A", 2, 100), line("B", 1, 50))
    amended = {"order_amount": 250, "order_lines": order["order_lines"]}
    history = told(("placed", order), ("cancelled", part("A", 1)), ("amended", amended), ("shipped", {}))
    assert history.order is not None
    assert (history.order.captured, history.order.released) == (250, 0)


def test_rule_2_returns_draw_from_what_was_captured_of_the_line() -> None:
    order = placed(line("A", 3, 50, discount=50), line("B", 1, 7))
    back = [("returned", part("A", 1))] * 2
    assert ends(("placed", order), ("shipped", part("A", 2)), *back)[1:] == [
        ("captured", 67),
        ("refunded", 34),
        ("refunded", 33),
    ]


@pytest.mark.parametrize(
    ("amount", "rate", "tax"), [(1530, 2000, 255), (333, 2000, 56), (-333, 2000, -56), (105, 500, 5), (99, 0, 0)]
)
def test_rule_3_tax_of_a_part(amount: int, rate: int, tax: int) -> None:
    assert tax_of(amount, rate) == tax


def test_rule_4_the_contracts_example() -> None:
    assert ends(
        ("placed", EXAMPLE),
        ("shipped", part("A", 1)),
        ("shipped", {"order_lines": [{"reference": "A"}, {"reference": "B"}]}),
        ("returned", part("A", 1)),
        ("returned", {"order_lines": [{"reference": "A"}, {"reference": "B"}]}),
    ) == [("authorized", 180), ("captured", 45), ("captured", 135), ("refunded", 40), ("refunded", 140)]


def test_rule_4_all_goods_named_in_one_shipment_are_no_over_capture_for_the_vouchers_sake() -> None:
    everything = {"order_lines": [{"reference": "A"}, {"reference": "B"}]}
    assert ends(("placed", EXAMPLE), ("shipped", everything))[1] == ("captured", 180)


def test_rule_4_a_named_fee_follows_no_more_and_a_fee_comes_back_when_named() -> None:
    assert (
        ends(
            ("placed", EXAMPLE),
            ("shipped", part("SHIP", 1)),  # 20
            ("shipped", part("A", 1)),  # 50 and a quarter of -40
            ("shipped", {}),  # the rest of 180
            ("returned", part("SHIP", 1)),
        )[1:]
        == [("captured", 20), ("captured", 40), ("captured", 120), ("refunded", 20)]
    )


def test_rule_4_following_lines_are_drawn_less_where_the_order_has_no_more() -> None:
    """65 of 120 went without lines; of the 55 left one A takes 50, so that shipping gets 5 of its 10."""
    order = placed(line("A", 2, 50), line("SHIP", 1, 20, "shipping_fee"))
    assert ends(("placed", order), ("shipped", {"captured_amount": 65}), ("shipped", part("A", 1)))[1:] == [
        ("captured", 65),
        ("captured", 55),
    ]


def test_rule_5_the_shops_amount_wins_up_to_what_the_line_has() -> None:
    order = placed(line("A", 2, 50), line("B", 1, 100))
    assert ends(
        ("placed", order),
        ("shipped", part("A", 1, total_amount=30)),
        ("shipped", part("B", 1, total_amount=101)),
        ("shipped", {}),
        ("returned", part("A", 1, total_amount=101)),
    )[1:] == [("captured", 30), ("rejected", "over_capture"), ("captured", 170), ("rejected", "over_refund")]


def test_rule_5_sums_beside_lines_must_be_theirs() -> None:
    order = placed(line("A", 2, 50))
    assert ends(
        ("placed", order),
        ("shipped", part("A", 1) | {"captured_amount": 51}),
        ("shipped", part("A", 1) | {"captured_amount": 50}),
        ("returned", part("A", 1) | {"refunded_amount": 49}),
    )[1:] == [("rejected", "amounts_do_not_add_up"), ("captured", 50), ("rejected", "amounts_do_not_add_up")]


def test_rule_5_amounts_without_lines_draw_from_the_order() -> None:
    order = placed(line("A", 2, 50))
    assert ends(
        ("placed", order),
        ("shipped", {"captured_amount": 30}),
        ("shipped", {"captured_amount": 71}),
        ("shipped", {}),
        ("returned", {"refunded_amount": 40}),
        ("returned", {"refunded_amount": 61}),
    )[1:] == [
        ("captured", 30),
        ("rejected", "over_capture"),
        ("captured", 70),
        ("refunded", 40),
        ("rejected", "over_refund"),
    ]


def test_rule_6_a_part_worth_nothing_ends_with_amount_0() -> None:
    order = placed(line("A", 1, 50), line("FREE", 2, 0))
    history = told(("placed", order), ("shipped", part("FREE", 2)))
    assert history.outcomes["1"].amount == 0
    assert history.order is not None
    assert history.order.status == "authorized"
    free = told(("placed", placed(line("FREE", 1, 0))), ("shipped", {}))
    assert free.order is not None
    assert (free.outcomes["1"].amount, free.order.status) == (0, "captured")


def test_rule_7_a_part_is_sent_with_the_discount_that_makes_its_worth() -> None:
    lines = [Line("physical", "A", 3, 50, 2000, 100)]
    sent = lines_as_sent(take(lines, [{"reference": "A", "quantity": 2}], nothing="", over=""))
    assert sent == [
        {"reference": "A", "quantity": 2, "unit_price": 50, "total_discount_amount": 33, "total_amount": 67}
    ]
    assert lines_as_sent([Part(lines[0], 1, 51)]) is None


def test_rule_8_the_fee_is_kept_and_cannot_be_refunded_later() -> None:
    order = placed(line("A", 2, 50), country="DE")
    fee = {"name": "fee", "amount": 5, "tax_rate": 0}
    history = told(
        ("placed", order), ("shipped", {}), ("returned", part("A", 1) | {"return_fee": fee}), ("returned", {})
    )  # fmt: skip
    assert [history.outcomes[i].amount for i in "0123"] == [100, 100, 45, 50]
    assert history.order is not None
    assert (history.order.refunded, history.order.refundable) == (95, 0)


def test_disorder_ends_as_order_would() -> None:
    order = placed(line("A", 2, 50))
    assert ends(("shipped", {}), ("placed", order)) == [("captured", 100), ("authorized", 100)]
    assert ends(("placed", order), ("returned", part("A", 1)), ("shipped", {}))[1:] == [
        ("refunded", 50),
        ("captured", 100),
    ]
    assert ends(("cancelled", {}), ("placed", order)) == [
        ("cancelled", None),
        ("rejected", "cancelled_before_authorized"),
    ]
    assert ends(("shipped", {})) == [("rejected", "order_unknown")]
    assert ends(("placed", order), ("returned", part("A", 1)))[1] == ("rejected", "over_refund")


def test_after_a_refusal_a_new_placed_starts_afresh() -> None:
    order = placed(line("A", 2, 50))
    bad = placed(line("A", 2, 50), token="sbx-reject-1")
    assert ends(("placed", bad), ("shipped", {}), ("placed", order), ("placed", order)) == [
        ("rejected", "REJECTED"),
        ("rejected", "order_rejected"),
        ("authorized", 100),
        ("rejected", "order_exists"),
    ]


def test_what_the_contract_leaves_open_is_refused() -> None:
    order = placed(line("A", 2, 0), line("SHIP", 1, 20, "shipping_fee"))
    with pytest.raises(Unsaid):
        told(("placed", order), ("shipped", part("A", 1)))


def test_the_same_id_is_dropped_and_with_other_content_a_dead_letter() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "shop.order.closed.v1", "subject": "o"}
    reading = read([event | {"data": {}}, event | {"data": {}, "time": "t"}, event | {"data": {"reason": "x"}}])
    assert (reading.distinct, reading.duplicates, reading.dead_letters) == (1, 1, ["id_reused"])


INFO = {"shipping_info": [{"tracking_number": "1"}]}
ONE = placed(line("A", 2, 50))


def test_tracking_waits_for_its_shipment_and_one_that_never_comes_is_unknown() -> None:
    of_s1 = {"shipment_id": "S1", **INFO}
    shipped = ("shipped", {"shipment_id": "S1", **part("A", 1)})
    assert ends(("placed", ONE), ("tracking_added", of_s1), shipped)[1] == ("tracking_added", None)
    assert ends(("placed", ONE), shipped, ("tracking_added", of_s1))[2] == ("tracking_added", None)
    assert ends(("placed", ONE), ("tracking_added", INFO))[1] == ("tracking_added", None)
    assert ends(("placed", ONE), shipped, ("tracking_added", {**INFO, "shipment_id": "S2"}))[2] == (
        "rejected",
        "shipment_unknown",
    )


def test_a_shipment_without_an_id_has_that_of_its_event() -> None:
    assert ends(("placed", ONE), ("shipped", {}), ("invoice_resend_requested", {"shipment_id": "1"}))[2] == (
        "invoice_resent",
        None,
    )


@pytest.mark.parametrize(("days", "end"), [(30, "due_date_extended"), (21, "rejected")])
def test_a_due_date_moves_by_what_the_provider_offers(days: int, end: str) -> None:
    asked = {"shipment_id": "1", "number_of_days": days}
    assert ends(("placed", ONE), ("shipped", {}), ("due_date_extension_requested", asked))[2][0] == end


def test_changes_leave_the_books_alone() -> None:
    changes: list[tuple[str, Json]] = [
        ("address_changed", {"shipping_address": {"city": "Sampleton"}}),
        ("reference_changed", {"merchant_reference1": "r"}),
        ("authorization_extension_requested", {}),
    ]
    history = told(("placed", ONE), *changes)
    assert [history.outcomes[i].type for i in "123"] == ["address_changed", "reference_changed", "extended"]
    assert history.order is not None
    assert (history.order.remaining, history.order.status) == (100, "authorized")
    with pytest.raises(Unsaid):
        told(("placed", ONE), ("shipped", {}), changes[0])


def test_an_authorization_that_was_abandoned_makes_room_for_another() -> None:
    assert ends(("authorization_abandoned", {"authorization_token": "sbx-0"}), ("placed", ONE)) == [
        ("abandoned", None),
        ("authorized", 100),
    ]
    with pytest.raises(Unsaid):
        told(("placed", ONE), ("authorization_abandoned", {"authorization_token": "sbx-1"}))


@pytest.mark.parametrize(
    ("token", "end"),
    [("sbx-1", ("authorized", 100)), ("sbx-suspended-1", ("rejected", "TOKEN_SUSPENDED"))],
)
def test_a_customer_token_pays_or_is_refused(token: str, end: tuple[str, int | str]) -> None:
    payment = {"provider": "klarna", "customer_token": token}
    assert ends(("placed", ONE | {"payment": payment})) == [end]


def test_a_subscription_ends_by_its_token() -> None:
    asked = ("customer_token_requested", {"authorization_token": "sbx-1"})
    refused = ("customer_token_requested", {"authorization_token": "sbx-buy-1"})
    cancelled: tuple[str, Json] = ("customer_token_cancelled", {})
    assert ends(asked, cancelled) == [("customer_token_created", None), ("customer_token_cancelled", None)]
    assert ends(cancelled, asked) == [("customer_token_cancelled", None), ("customer_token_created", None)]
    assert ends(refused, cancelled) == [("rejected", "INVALID_OPERATION"), ("rejected", "order_rejected")]
    assert ends(cancelled) == [("rejected", "order_unknown")]
    assert ends(("customer_token_cancelled", {"customer_token": "sbx-9"})) == [("customer_token_cancelled", None)]


def test_a_subscription_is_another_aggregate_than_the_order_of_its_id() -> None:
    event = {"specversion": "1.0", "source": "/shop", "subject": "o", "data": {}}
    whats = ("closed", "customer_token_cancelled")
    reading = read([event | {"id": what, "type": f"shop.order.{what}.v1"} for what in whats])
    assert set(reading.events) == {("default", "order", "o"), ("default", "subscription", "o")}
