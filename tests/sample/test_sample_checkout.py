"""The oracle on Klarna's Checkout: what the customer buys, whoever tells of it, and what they leave."""

from typing import Any

import pytest
from sample.oracle import Event, History, read, replay
from sample.oracle_checkout import id_of
from sample.oracle_parts import Unsaid

Json = dict[str, Any]
Step = tuple[str, Json]


def lines(quantity: int) -> Json:
    """That many of A, at 50."""
    line = {"reference": "A", "name": "A", "quantity": quantity, "unit_price": 50, "total_amount": 50 * quantity}
    return {"order_amount": 50 * quantity, "order_lines": [line]}


ORDER: Json = {"purchase_country": "GB", "purchase_currency": "GBP", **lines(2)}
PLACED: Step = ("placed", {"payment": {"provider": "klarna", "authorization_token": "sbx-1"}, **ORDER})
SHIPPED: Step = ("shipped", {})
ABANDONED: Step = ("checkout_abandoned", {})
MADE = ("checkout_created", None)


def told(*steps: Step) -> History:
    return replay(
        Event("default", "/shop", str(number), f"shop.order.{what}.v1", "o", data)
        for number, (what, data) in enumerate(steps)
    )


def ends(*steps: Step) -> list[tuple[str, int | str | None]]:
    """Each event's outcome with its amount or code, in the order of the events."""
    outcomes = told(*steps).outcomes
    found = [outcomes[str(number)] for number in range(len(steps))]
    return [(outcome.type, outcome.code or outcome.amount) for outcome in found]


def started(text: str = "sbx-1", **more: Any) -> Step:
    return "checkout_started", {**ORDER, "locale": "en-GB", "merchant_urls": {}, "merchant_data": text, **more}


def named(text: str = "sbx-1", **more: Any) -> Step:
    payment = {"provider": "klarna", "checkout_order_id": id_of(text)}
    return "placed", {"payment": payment, "purchase_country": "GB", "purchase_currency": "GBP", **more}


def test_what_is_bought_in_checkout_is_an_order_whether_or_not_a_placed_tells_of_it() -> None:
    shipped = ("shipped", {"order_lines": [{"reference": "A", "quantity": 1}]})
    assert ends(started(), shipped) == [MADE, ("captured", 50)]
    assert ends(started(), named(), shipped, named()) == [
        MADE,
        ("authorized", None),
        ("captured", 50),
        ("rejected", "order_exists"),
    ]
    history = told(started())
    assert history.order is not None
    assert (history.order.authorized, history.order.status) == (100, "authorized")


def test_the_customer_buys_what_the_shop_sent_last() -> None:
    update = ("checkout_updated", {**lines(3), "merchant_data": "sbx-2"})
    for steps in ([started("sbx-refuse-1"), update], [update, started("sbx-refuse-1")]):
        history = told(*steps, named("sbx-refuse-1"))
        assert history.order is not None
        assert (history.order.order_amount, history.outcomes["2"].type) == (150, "authorized")


def test_what_is_bought_is_read_only() -> None:
    update = ("checkout_updated", lines(3))
    for late in (update, ABANDONED):
        assert ends(started("sbx-quick-1"), late, SHIPPED) == [
            MADE,
            ("rejected", "READ_ONLY_ORDER"),
            ("captured", 100),
        ]


def test_who_is_faster_is_unsaid() -> None:
    for steps in ([started(), ABANDONED], [started("sbx-refuse-1"), named("sbx-refuse-1")]):
        with pytest.raises(Unsaid):
            told(*steps)
    for lapsing in (started(), PLACED):
        with pytest.raises(Unsaid):
            told(started("sbx-lapse-1"), lapsing)


def test_an_abandoned_checkout_ships_nothing_and_makes_room_for_another() -> None:
    refused = started("sbx-refuse-1")
    ended = ("checkout_abandoned", None)
    assert ends(refused, ABANDONED, SHIPPED) == [MADE, ended, ("rejected", "order_rejected")]
    assert ends(refused, ABANDONED, started("sbx-2"), SHIPPED) == [MADE, ended, MADE, ("captured", 100)]
    assert ends(refused, ABANDONED, PLACED)[2] == ("authorized", 100)
    assert ends(ABANDONED) == [("rejected", "order_unknown")]


@pytest.mark.parametrize("before", [[started("sbx-lapse-1")], []], ids=["it lapsed", "there was none"])
def test_a_placed_that_names_no_purchase_is_rejected(before: list[Step]) -> None:
    steps = [*before, named("sbx-lapse-1"), SHIPPED, PLACED, SHIPPED]
    assert ends(*steps)[len(before) :] == [
        ("rejected", "checkout_not_completed"),
        ("rejected", "order_rejected"),
        ("authorized", 100),
        ("captured", 100),
    ]


def test_a_checkout_order_must_add_up_and_an_order_has_one() -> None:
    assert ends(started(order_amount=99), started(), started("sbx-2")) == [
        ("rejected", "amounts_do_not_add_up"),
        MADE,
        ("rejected", "order_exists"),
    ]


def test_a_placed_of_checkout_may_leave_out_what_checkout_knows() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "shop.order.placed.v1", "subject": "o"}
    whole, bare = named()[1], {"payment": named()[1]["payment"]}
    assert read([event | {"data": whole}]).invalid == []
    assert len(read([event | {"data": bare}]).invalid) == 1
    assert len(read([event | {"data": whole | {"payment": PLACED[1]["payment"]}}]).invalid) == 1
