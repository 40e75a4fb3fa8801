"""However an order is shipped, cancelled and returned in parts: no unit is over, none is asked for twice, and the money adds up.

At Klarna lines follow in proportion, at Mollie whole; in currencies without decimals, with two, and (at Klarna) with three.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordersaga.domain import saga
from ordersaga.domain.model.order import Line
from ordersaga.domain.model.outcomes import Wait
from ordersaga.providers.klarna.terms import KlarnaTerms

from .life import Life
from .mollie_life import MollieLife, to_pay
from .shop import DAY, Json, fee, line, order_of, voucher

Step = tuple[str, Json]
PRICES = {"JPY": st.integers(1, 400), "EUR": st.integers(1, 20_000), "KWD": st.integers(1, 300_000)}


@st.composite
def orders(draw: st.DrawFn, currencies: list[str]) -> tuple[str, list[Json]]:
    currency = draw(st.sampled_from(currencies))
    price = PRICES[currency]
    lines = [line("A", draw(st.integers(1, 7)), draw(price)), line("F", draw(st.integers(1, 2)), 0)]
    quantity, unit = draw(st.integers(1, 5)), draw(price)
    lines.append(line("B", quantity, unit, total_discount_amount=draw(st.integers(0, quantity * unit))))
    lines.append(line("A", draw(st.integers(1, 3)), draw(price)))
    if draw(st.booleans()):
        lines.append(fee("S", draw(price)))
    worth = sum(one["total_amount"] for one in lines)
    if draw(st.booleans()) and worth > 1:
        lines.append(voucher("V", draw(st.integers(1, worth - 1))))
    return currency, lines


PARTS = st.lists(
    st.fixed_dictionaries({"reference": st.sampled_from("AAABBFSV")}, optional={"quantity": st.integers(1, 3)}),
    min_size=1,
    max_size=2,
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["shipped", "shipped", "cancelled", "returned"]),
        st.builds(lambda parts: {"order_lines": parts}, PARTS),
    ),
    max_size=10,
)
LAST = st.sampled_from(["shipped", "closed"])
SETTINGS = settings(max_examples=800, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def done(life: Life, what: str, data: Json) -> None:
    """The event, and its calls: a refund of the same amount waits for an hour."""
    life.tell(what, data)
    for _ in range(60):
        if not life.act():
            if not life.order.operations:
                return
            following = saga.next_call(life.order, life.now, life.rules)
            assert isinstance(following, Wait), life.order.operations
            life.wait(following.until - life.now)
    raise AssertionError("it never ends")


def parted(life: Life, steps: list[Step], last: str) -> None:
    """After the steps the rest is shipped or closed, and all comes back."""
    for what, data in steps:
        done(life, what, data)
    done(life, last, {})
    life.wait(2 * DAY)  # a shipment that waits for others waits no longer
    while life.act():
        pass
    done(life, "returned", {})
    codes = {one.refusal.code for one in life.outcomes if one.refusal is not None}
    assert codes <= {
        "over_capture", "over_refund", "over_cancel", "nothing_left_to_capture", "nothing_left_to_cancel", "unknown_line",
        "amounts_do_not_add_up", "already_captured", "already_cancelled", "shipment_waits",
    }, "the provider was never asked for too much"  # fmt: skip


def nothing_is_over(life: Life) -> None:
    order = life.order
    assert order.remaining == 0
    assert order.refunded_amount == order.captured_amount
    assert sum(one.captured for one in order.lines) == order.captured_amount
    assert sum(one.cancelled for one in order.lines) == order.released_amount
    for one in order.lines:
        assert one.refunded == one.captured
        assert _within(one, one.captured + one.cancelled)
        if one.type in {"physical", "digital"} and order.status != "cancelled":
            assert one.captured_quantity + one.cancelled_quantity == one.quantity
            assert one.refunded_quantity == one.captured_quantity


def _within(line: Line, amount: int) -> bool:
    return min(line.total, 0) <= amount <= max(line.total, 0)


@SETTINGS
@given(order=orders(["JPY", "EUR", "KWD"]), steps=STEPS, last=LAST)
def test_at_klarna_no_unit_is_over(order: tuple[str, list[Json]], steps: list[Step], last: str) -> None:
    currency, lines = order
    life = Life(KlarnaTerms())
    done(life, "placed", order_of(*lines, purchase_currency=currency))
    parted(life, steps, last)
    nothing_is_over(life)


@SETTINGS
@given(order=orders(["JPY", "EUR"]), steps=STEPS, last=LAST)
def test_at_mollie_no_unit_is_over(order: tuple[str, list[Json]], steps: list[Step], last: str) -> None:
    currency, lines = order
    life = MollieLife()
    done(life, "placed", to_pay(*lines, purchase_currency=currency))
    there = life.account
    life.mollie.pay(there)
    life.hint()
    while life.act():
        pass
    parted(life, steps, last)
    nothing_is_over(life)
    assert there.state in {"completed", "canceled"}
    for one in there.lines:
        assert (one.open_quantity, one.open) == (0, 0)
        assert one.refunded_quantity <= one.shipped_quantity
    assert there.refunded == there.captured == life.order.captured_amount


def test_mollie_has_no_currencies_of_three_decimals() -> None:
    life = MollieLife()
    done(life, "placed", to_pay(line("A", 1, 1_000), purchase_currency="KWD"))
    assert life.order.status == "rejected"
    assert not life.mollie.orders
