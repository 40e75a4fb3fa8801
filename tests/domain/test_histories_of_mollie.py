"""Random histories of an order at Mollie: lost answers, other hands, late payments and failed refunds; the invariants hold throughout."""

from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .life import Fault
from .mollie_books import OrderThere
from .mollie_life import MollieLife, to_pay
from .shop import DAY, HOUR, Json, fee, line, voucher
from .test_histories import HANDLES

Step = tuple[str, Any]
QUANTITY = st.integers(1, 4)
PRICE = st.integers(1, 60)


@st.composite
def lines_of_an_order(draw: st.DrawFn) -> list[Json]:
    """Lines with and without a discount, and some that follow."""
    lines = [line("A", draw(st.integers(1, 7)), draw(st.integers(10, 60)))]
    if draw(st.booleans()):
        quantity, price = draw(QUANTITY), draw(PRICE)
        lines.append(line("B", quantity, price, total_discount_amount=draw(st.integers(0, quantity * price))))
    if draw(st.booleans()):
        lines.append(line("A", draw(QUANTITY), draw(PRICE)))
    if draw(st.booleans()):
        lines.append(fee("S", draw(PRICE)))
    if draw(st.booleans()):
        total = sum(one["total_amount"] for one in lines)
        lines.append(voucher("V", draw(st.integers(1, min(total - 1, 70)))))
    if draw(st.booleans()):
        lines.append(line("G", draw(QUANTITY), 0))
    return lines


PARTS = st.lists(
    st.fixed_dictionaries(
        {"reference": st.sampled_from("AAAAAABBSVGX")},
        optional={"quantity": st.sampled_from([0, 1, 1, 1, 2, 3]), "total_amount": st.integers(-5, 90)},
    ),
    min_size=1,
    max_size=2,
)
PLACED = st.builds(
    lambda lines, method: to_pay(*lines, method=method),
    lines_of_an_order(),
    st.sampled_from(["klarna", "klarna", "ideal"]),
)
SHIPPED = st.fixed_dictionaries({}, optional={"order_lines": PARTS, "shipment_id": HANDLES})
RETURNED = st.fixed_dictionaries(
    {},
    optional={
        "order_lines": PARTS,
        "refunded_amount": st.integers(0, 120),
        "return_id": HANDLES,
        "return_fee": st.fixed_dictionaries({"amount": st.integers(0, 20)}),
    },
)
CANCELLED = st.one_of(st.just({}), st.builds(lambda parts: {"order_lines": parts}, PARTS))
AMENDED = st.builds(
    lambda lines: {"order_amount": sum(one["total_amount"] for one in lines), "order_lines": lines},
    lines_of_an_order(),
)


def events() -> st.SearchStrategy[Step]:
    return st.one_of(
        st.tuples(st.just("shipped"), SHIPPED),
        st.tuples(st.just("shipped"), SHIPPED),
        st.tuples(st.just("returned"), RETURNED),
        st.tuples(st.just("returned"), RETURNED),
        st.tuples(st.just("cancelled"), CANCELLED),
        st.tuples(st.just("closed"), st.just({})),
        st.tuples(st.just("amended"), AMENDED),
        st.tuples(st.just("placed"), PLACED),
        st.tuples(st.just("payment_retried"), st.just({})),
    )


FAULTS = st.sampled_from(["none", "none", "none", *get_args(Fault)])
WORK: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("act"), FAULTS),
    st.tuples(st.just("act"), FAULTS),
    st.tuples(st.just("act"), st.just("none")),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 40.0, 400.0, HOUR, 12 * HOUR, 2 * DAY])),
)
CUSTOMER: st.SearchStrategy[Step] = st.tuples(st.sampled_from(["pay", "pay", "pay", "fail", "hint"]), st.none())
REFUNDS: st.SearchStrategy[Step] = st.tuples(st.sampled_from(["refunds arrive", "a refund fails"]), st.none())
HANDS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.sampled_from(["ship there", "cancel there"]), st.tuples(st.integers(0, 3), st.integers(1, 3))),
    st.tuples(st.just("refund there"), st.integers(1, 60)),
    st.tuples(st.just("end there"), st.none()),
)


REST: Step = ("rest", None)
BEGINNINGS = st.sampled_from([[], [("act", "lost after")], [REST], *[[REST, ("pay", None), REST]] * 7])
"""Of most histories: the customer has paid."""


def steps(*kinds: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.one_of(events(), WORK, st.just(REST), CUSTOMER, *kinds), min_size=5, max_size=24)


def live(placed: Json, beginning: list[Step], later: list[Step], early: list[Step] | None = None) -> MollieLife:
    life = MollieLife()
    for step in [*(early or []), ("placed", placed), *beginning, *later]:
        take(life, step)
    life.act_until_rest()
    life.at_the_end()
    return life


def take(life: MollieLife, step: Step) -> None:
    what, data = step
    match what:
        case "act":
            life.act(data)
        case "rest":
            while life.act():
                pass
        case "wait":
            life.wait(data)
        case "restore":
            life.restore(data)
        case "hint":
            life.hint()
        case (
            "pay"
            | "fail"
            | "refunds arrive"
            | "a refund fails"
            | "ship there"
            | "cancel there"
            | "refund there"
            | "end there"
        ):
            for order in list(life.mollie.orders.values()):
                _there(life, order, what, data)
        case _:
            life.tell(what, data)


def _there(life: MollieLife, order: OrderThere, what: str, data: Any) -> None:
    mollie = life.mollie
    match what:
        case "pay":
            mollie.pay(order)
        case "fail":
            mollie.fail(order)
        case "refunds arrive":
            for refund in order.refunds:
                refund.status = "refunded" if refund.status == "queued" else refund.status
        case "a refund fails":
            for refund in [one for one in order.refunds if one.status == "queued"][:1]:
                order.fail_refund(refund)
        case "ship there":
            mollie.ship_there(order, order.lines[data[0] % len(order.lines)].id, data[1])
        case "cancel there":
            mollie.cancel_line_there(order, order.lines[data[0] % len(order.lines)].id, data[1])
        case "refund there":
            mollie.refund_there(order, data, life.now)
        case _:
            mollie.cancel_there(order)
    life.hint()


SETTINGS = settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(
    early=st.one_of(st.just([]), st.lists(events(), max_size=2)),
    placed=PLACED,
    beginning=BEGINNINGS,
    later=steps(REFUNDS),
)
def test_any_history_keeps_the_invariants(
    early: list[Step], placed: Json, beginning: list[Step], later: list[Step]
) -> None:
    assert not live(placed, beginning, later, early).order.has_attention("books_differ")


@SETTINGS
@given(placed=PLACED, beginning=BEGINNINGS, later=steps(REFUNDS, HANDS, HANDS))
def test_whatever_other_hands_do_our_books_agree_in_the_end_or_a_person_has_them(
    placed: Json, beginning: list[Step], later: list[Step]
) -> None:
    live(placed, beginning, later)


@settings(SETTINGS, max_examples=300)
@given(placed=PLACED, beginning=BEGINNINGS, before=steps(), number=st.integers(0, 12), after=steps())
def test_a_restored_database_moves_no_money_twice(
    placed: Json, beginning: list[Step], before: list[Step], number: int, after: list[Step]
) -> None:
    live(placed, beginning, [*before, ("restore", number), *after])
