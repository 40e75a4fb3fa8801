"""Leads an order into each state of the matrix, and tells it one event there."""

from collections.abc import Callable
from typing import Any, Final

from ordersaga.domain import saga
from ordersaga.domain.model.outcomes import Wait
from ordersaga.domain.operations import spec_of
from ordersaga.domain.uncertainty import manual

from .cell import Cell
from .matrix_of_checkout import CHECKOUT
from .matrix_rows import A, Table
from .shop import order_of, part
from .subscriptions import REQUESTED

_PART: Final = {"shipment_id": "s1", "order_lines": [part("A:1")]}


def placed(cell: Cell, token: str = "one", **more: Any) -> None:
    cell.did("placed", **order_of(A, token=token, **more))


def part_captured(cell: Cell) -> None:
    placed(cell)
    cell.did("shipped", **_PART)


def captured(cell: Cell) -> None:
    placed(cell)
    cell.did("shipped", shipment_id="s1")


def captured_in_two(cell: Cell) -> None:
    part_captured(cell)
    cell.did("shipped", shipment_id="s2")


def then(before: Callable[[Cell], None], what: str, **data: Any) -> Callable[[Cell], None]:
    def way(cell: Cell) -> None:
        before(cell)
        cell.did(what, **data)

    return way


def in_review(cell: Cell) -> None:
    placed(cell, "pending-1")


def refused_by_review(cell: Cell) -> None:
    in_review(cell)
    cell.klarna.decide("REJECTED")
    cell.wait(3_600.0)
    cell.rest()


def past_expiry(before: Callable[[Cell], None]) -> Callable[[Cell], None]:
    def way(cell: Cell) -> None:
        before(cell)
        cell.act_until_rest()

    return way


def cancelled_there(cell: Cell) -> None:
    placed(cell)
    account = cell.klarna.orders["order-one"]
    account.ended, account.remaining = "cancelled", 0
    cell.act_until_rest()


def closed_there(cell: Cell) -> None:
    captured(cell)
    cell.klarna.orders["order-one"].ended = "closed"


def placing(cell: Cell) -> None:
    cell.tell("placed", order_of(A, token="one"))


def lost_create(fault: Any) -> Callable[[Cell], None]:
    def way(cell: Cell) -> None:
        placing(cell)
        cell.act(fault)

    return way


def unknown(fault: Any) -> Callable[[Cell], None]:
    def way(cell: Cell) -> None:
        placed(cell)
        cell.tell("shipped", _PART)
        cell.act(fault)

    return way


def stuck(fault: Any) -> Callable[[Cell], None]:
    def way(cell: Cell) -> None:
        unknown(fault)(cell)
        cell.stall()
        assert cell.order.operations[0].stage == "stuck"

    return way


def a_person_looks(cell: Cell) -> None:
    """At Klarna, for the capture."""
    captures = cell.klarna.orders["order-one"].captures
    cell.say(manual.TookEffect(captures[0].id) if captures else manual.TryAgain())


def blocked(cell: Cell) -> None:
    placed(cell)
    cell.block()


def cancelled_before(cell: Cell) -> None:
    cell.did("cancelled")
    placed(cell)


def in_checkout(cell: Cell) -> None:
    cell.did("checkout_started", **CHECKOUT)


def starting(fault: Any = None) -> Callable[[Cell], None]:
    def way(cell: Cell) -> None:
        cell.tell("checkout_started", CHECKOUT)
        if fault is not None:
            cell.act(fault)

    return way


def started(cell: Cell) -> None:
    """Until it is known at Klarna, and what was asked for it is carried out."""
    cell.rest()
    while any(not spec_of(one).only_reads for one in cell.order.operations):
        next_step(cell)


def next_step(cell: Cell) -> None:
    until_due(cell)
    cell.rest()


def until_due(cell: Cell) -> None:
    following = saga.next_call(cell.order, cell.now, cell.rules)
    assert isinstance(following, Wait)
    cell.wait(following.until - cell.now)


def bought(cell: Cell) -> None:
    in_checkout(cell)
    buy(cell)


def buy(cell: Cell, fraud: str = "ACCEPTED", *, auto: bool = False) -> None:
    assert cell.order.provider_order_id is not None
    cell.klarna.buy(cell.order.provider_order_id, cell.now, fraud, auto=auto)


def found_bought(cell: Cell) -> None:
    bought(cell)
    next_step(cell)


def recurring(cell: Cell) -> None:
    cell.did("checkout_started", **CHECKOUT, recurring=True)
    buy(cell)
    next_step(cell)


def bought_in_review(cell: Cell) -> None:
    in_checkout(cell)
    buy(cell, "PENDING")
    next_step(cell)


def bought_and_captured(cell: Cell) -> None:
    cell.did("checkout_started", **CHECKOUT, options={"auto_capture": True})
    buy(cell, auto=True)
    next_step(cell)


def lost_in_checkout(what: str, fault: Any, **data: Any) -> Callable[[Cell], None]:
    def way(cell: Cell) -> None:
        in_checkout(cell)
        cell.tell(what, data)
        cell.act(fault)

    return way


def completing(steps: int, fault: Any) -> Callable[[Cell], None]:
    """After so many calls that follow the purchase."""

    def way(cell: Cell) -> None:
        bought(cell)
        until_due(cell)
        for _ in range(steps):
            assert cell.act()
        assert cell.act(fault)

    return way


def nothing(_cell: Cell) -> None:
    pass


ABANDONED: Final = {"authorization_token": "one"}
WAYS: Final[dict[str, tuple[Callable[[Cell], None], ...]]] = {
    "new": (nothing,),
    "early": (nothing,),
    "placing": (placing, lost_create("lost before"), lost_create("lost after"), lost_create("away")),
    "checkout, starting": (starting(), starting("lost before"), starting("lost after"), starting("away")),
    "checkout": (in_checkout,),
    "checkout, left": (in_checkout,),
    "checkout, bought": (bought,),
    "checkout completed": (found_bought, recurring),
    "checkout, updating": tuple(
        lost_in_checkout("checkout_updated", fault, order_amount=100, order_lines=[A])
        for fault in ("lost before", "lost after", "crashed after")
    ),
    "checkout, abandoning": tuple(
        lost_in_checkout("checkout_abandoned", fault) for fault in ("lost before", "lost after", "crashed after")
    ),
    "checkout, completing": tuple(
        completing(steps, fault) for steps in (1, 2, 3) for fault in ("lost before", "lost after")
    ),
    "checkout, in review": (bought_in_review,),
    "checkout, in review, refused": (bought_in_review,),
    "checkout, captured at once": (bought_and_captured,),
    "in review": (in_review,),
    "in review, refused": (in_review,),
    "authorized": (placed,),
    "part captured": (part_captured,),
    "captured": (captured, captured_in_two),
    "captured at once": (lambda cell: placed(cell, auto_capture=True),),
    "refunded": (then(captured, "returned"), then(captured_in_two, "returned")),
    "released": (then(part_captured, "closed"), then(part_captured, "cancelled")),
    "lapsed": (past_expiry(part_captured),),
    "closed there": (closed_there,),
    "cancelled": (
        then(placed, "cancelled"),
        then(placed, "closed"),
        then(placed, "cancelled", order_lines=[{"reference": "A"}]),
        then(in_review, "cancelled"),
        cancelled_there,
    ),
    "expired": (past_expiry(placed),),
    "rejected": (
        lambda cell: placed(cell, "reject-1"),
        lambda cell: placed(cell, order_amount=99),
        refused_by_review,
        cancelled_before,
    ),
    "abandoned": (
        lambda cell: cell.did("authorization_abandoned", **ABANDONED),
        then(in_checkout, "checkout_abandoned"),
        past_expiry(in_checkout),
    ),
    "unknown": (unknown("lost before"), unknown("lost after"), unknown("crashed before"), unknown("crashed after")),
    "stuck": (stuck("lost before"), stuck("lost after")),
    "blocked": (blocked,),
}


def active(cell: Cell) -> None:
    cell.did("customer_token_requested", **{**REQUESTED, "authorization_token": "one"})


def active_and_blocked(cell: Cell) -> None:
    active(cell)
    cell.block()


def no_token(cell: Cell) -> None:
    cell.did("customer_token_requested", **{**REQUESTED, "authorization_token": "reject-1"})


def requesting(cell: Cell) -> None:
    cell.tell("customer_token_requested", {**REQUESTED, "authorization_token": "one"})


def cancelling(fault: Any) -> Callable[[Cell], None]:
    def way(cell: Cell) -> None:
        active(cell)
        cell.tell("customer_token_cancelled", {})
        cell.act(fault)

    return way


WAYS_OF_SUBSCRIPTIONS: Final[dict[str, tuple[Callable[[Cell], None], ...]]] = {
    "new": (nothing,),
    "early": (nothing,),
    "requesting": (requesting,),
    "active": (active,),
    "cancelled": (then(active, "customer_token_cancelled"),),
    "rejected": (no_token,),
    "unknown": (cancelling("lost before"), cancelling("lost after")),
    "blocked": (active_and_blocked,),
}


def follows(cell: Cell, state: str, *, subscription: bool) -> None:
    """What happens after the event came."""
    match state:
        case "early" if subscription:
            requesting(cell)
        case "early":
            placing(cell)
        case "in review" | "in review, refused" | "checkout, in review" | "checkout, in review, refused":
            cell.rest()
            cell.klarna.decide("REJECTED" if state.endswith("refused") else "ACCEPTED")
        case "stuck":
            a_person_looks(cell)
        case "checkout, starting" | "checkout" | "checkout, updating":
            started(cell)
            buy(cell)
        case "blocked":
            cell.discard()
        case _:
            pass


def ways_of(table: Table, state: str) -> tuple[Callable[[Cell], None], ...]:
    return (WAYS_OF_SUBSCRIPTIONS if table.subscription else WAYS)[state]


def ended(table: Table, state: str, way: Callable[[Cell], None], *, allows: bool = True) -> Cell:
    """The event came in that state and has its final outcome."""
    cell = Cell(table, allows=allows)
    way(cell)
    cell.arrives(table)
    follows(cell, state, subscription=table.subscription)
    cell.until_final()
    return cell
