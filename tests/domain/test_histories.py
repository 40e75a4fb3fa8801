"""Random histories with a provider that loses answers, refuses, reviews and goes away: the invariants hold throughout."""

from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordersaga.domain.model.terms import Terms
from ordersaga.providers.klarna.terms import KlarnaTerms

from .life import Fault, Life
from .shop import HOUR, FakeTerms, Json, by_token, fee, line, order_of, voucher, with_token

Step = tuple[str, Any]

QUANTITY = st.integers(1, 3)
PRICE = st.integers(0, 60)


@st.composite
def lines_of_an_order(allocation: st.DrawFn) -> list[Json]:
    lines = [line("A", allocation(st.integers(1, 7)), allocation(st.integers(10, 60)))]
    if allocation(st.booleans()):
        lines.append(line("B", allocation(QUANTITY), allocation(PRICE)))
    if allocation(st.booleans()):
        lines.append(line("A", allocation(QUANTITY), allocation(PRICE)))
    if allocation(st.booleans()):
        lines.append(fee("S", allocation(PRICE)))
    if allocation(st.booleans()):
        total = sum(one["total_amount"] for one in lines)
        lines.append(voucher("V", allocation(st.integers(0, min(total, 70)))))
    if allocation(st.booleans()):
        lines.append(line("G", allocation(QUANTITY), 0))
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
    lambda lines, token, auto, way: way(*lines, token=token, auto_capture=auto),
    lines_of_an_order(),
    st.sampled_from(["one", "one", "one", "two", "two", "pending-1", "pending-2", "reject-1"]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([order_of, order_of, order_of, by_token, with_token]),
)
HANDLES = st.sampled_from(["1", "2", "3", "4"])
SHIPPED = st.fixed_dictionaries(
    {}, optional={"order_lines": PARTS, "captured_amount": st.integers(0, 120), "shipment_id": HANDLES}
)
FEE = st.fixed_dictionaries({"amount": st.integers(0, 20)})
RETURNED = st.fixed_dictionaries(
    {},
    optional={"order_lines": PARTS, "refunded_amount": st.integers(0, 120), "return_id": HANDLES, "return_fee": FEE},
)
CANCELLED = st.one_of(st.just({}), st.builds(lambda parts: {"order_lines": parts}, PARTS))
AMENDED = st.builds(
    lambda lines: {"order_amount": sum(one["total_amount"] for one in lines), "order_lines": lines},
    lines_of_an_order(),
)
ABANDONED = st.fixed_dictionaries({"authorization_token": st.sampled_from(["one", "two", "three", "pending-1"])})


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
        st.tuples(st.just("authorization_abandoned"), ABANDONED),
    )


FAULTS = st.sampled_from(["none", "none", "none", *get_args(Fault)])
WORK: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("act"), FAULTS),
    st.tuples(st.just("act"), FAULTS),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 40.0, 400.0, HOUR, 12 * HOUR, 25 * HOUR])),
)


def steps() -> st.SearchStrategy[Step]:
    return st.one_of(
        events(),
        WORK,
        st.tuples(st.just("decide"), st.sampled_from(["ACCEPTED", "ACCEPTED", "REJECTED"])),
    )


def live(terms: Terms, early: list[Step], placed: Json, later: list[Step]) -> Life:
    life = Life(terms)
    for step in [*early, ("placed", placed), *later]:
        take(life, step)
    life.act_until_rest()
    life.at_the_end()
    return life


def take(life: Life, step: Step) -> None:
    what, given_ = step
    match what:
        case "act":
            life.act(given_)
        case "wait":
            life.wait(given_)
        case "restore":
            life.restore(given_)
        case "decide":
            life.klarna.decide(given_)
        case _:
            life.tell(what, given_)


HISTORY = given(
    early=st.one_of(st.just([]), st.lists(events(), max_size=2)), placed=PLACED, later=st.lists(steps(), max_size=22)
)
SETTINGS = settings(max_examples=1_000, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@HISTORY
def test_any_history_keeps_the_invariants(early: list[Step], placed: Json, later: list[Step]) -> None:
    live(FakeTerms(), early, placed, later)


@settings(SETTINGS, max_examples=500)
@HISTORY
def test_any_history_keeps_the_invariants_with_klarnas_own_terms(
    early: list[Step], placed: Json, later: list[Step]
) -> None:
    live(KlarnaTerms(), early, placed, later)


@settings(SETTINGS, max_examples=500)
@given(
    placed=PLACED,
    before=st.lists(steps(), max_size=12),
    number=st.integers(0, 12),
    after=st.lists(steps(), max_size=8),
)
def test_a_restored_database_moves_no_money_twice(
    placed: Json, before: list[Step], number: int, after: list[Step]
) -> None:
    live(FakeTerms(), [], placed, [*before, ("restore", number), *after])
