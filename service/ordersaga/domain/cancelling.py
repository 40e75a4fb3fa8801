"""`cancelled` (whole, some lines), `closed` and `amended`: what happens to the authorization."""

from typing import Literal

from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain import lines
from ordersaga.domain.events import Amended, Cancelled, Closed
from ordersaga.domain.order import Capture, Draw, Operation, Order, Pending, Refusal
from ordersaga.domain.shipping import OPEN, status_after
from ordersaga.domain.work import Hold, Refused, Work, told

_CODES = {
    "nothing_left": "nothing_left_to_cancel",
    "too_much": "over_cancel",
    "does_not_add_up": "amounts_do_not_add_up",
}
_ENDABLE = frozenset({"pending_review", "authorized", "part_captured"})
_RETURN_IT = "what was captured can only be returned: send shop.order.returned.v1"
_BEFORE = Refusal("cancelled_before_authorized", ("the shop cancelled the order first",))


def decide(work: Work, pending: Pending, data: Cancelled) -> None:
    if data.order_lines is not UNSET:
        _decide_lines(work, pending, data)
    elif work.order.status in _ENDABLE:
        _end_whole(work, pending)
    elif work.order.captured_amount or work.order.status == "captured":
        raise Refused("already_captured", "nothing is left to cancel", advice=_RETURN_IT)
    else:
        raise Refused("already_cancelled", f"order is {work.order.status}")


def decide_closed(work: Work, pending: Pending, data: Closed) -> None:  # noqa: ARG001 - every event is decided alike
    if work.order.status in _ENDABLE:
        _end_whole(work, pending)
    else:
        work.drop(pending)
        unshipped = lines.draw_all([lines.open_pool(line) for line in work.order.lines])
        work.change(lines=lines.add(work.order.lines, unshipped, "cancelled"))
        work.say("released", pending.cause, moved=told(work.plan("release", pending.cause, 0), None, 0))


def _end_whole(work: Work, pending: Pending) -> None:
    """Ends what is left; a `placed` that is still reviewed ends with it."""
    order = work.order
    work.drop(pending)
    draws = lines.draw_all([lines.open_pool(line) for line in order.lines])
    work.begin(work.plan(_ending(order), pending.cause, order.remaining, draws, also=order.placed), None)


def _decide_lines(work: Work, pending: Pending, data: Cancelled) -> None:
    order = work.order
    if order.status == "pending_review":
        raise Hold("review")
    assert data.order_lines is not UNSET
    work.known(data.order_lines)
    if order.status not in OPEN:
        raise Refused("nothing_left_to_cancel", f"order is {order.status}")
    drawn = lines.draw_for_capture(order.lines, data.order_lines, order.remaining)
    if isinstance(drawn, lines.Amiss):
        raise Refused(_CODES[drawn.why], *drawn.messages)
    amount = sum(draw.amount for draw in drawn)
    work.drop(pending)
    newly = lines.newly_named(order.lines, data.order_lines)
    work.change(lines=lines.mark_named(order.lines, newly))
    after = replace(work.order, lines=lines.add(work.order.lines, drawn, "cancelled"))
    ending = work.plan(_ending(after), pending.cause, amount, drawn, newly_named=newly)
    if order.remaining != amount or not (order.order_amount or _all_gone(after)):
        _lower(work, ending, data, after)
    elif amount or order.status != "captured":
        work.begin(ending, data)
    else:
        ended(work, ending)


def _lower(work: Work, ending: Operation, data: Cancelled, after: Order) -> None:
    """The authorization to what was captured or still may be, instead of its end."""
    target = after.captured_amount + after.remaining - ending.amount
    operation = replace(ending, type="amend", target=target)
    if operation.amount:
        work.begin(operation, data, view=after)
    else:
        amended(work, operation)


def _ending(order: Order) -> Literal["cancel", "release"]:
    return "release" if order.captured_amount or order.status == "captured" else "cancel"


def _all_gone(order: Order) -> bool:
    return not any(lines.open_pool(line).left_quantity for line in order.lines)


def ended(work: Work, operation: Operation) -> None:
    """The rest of the authorization was cancelled or released."""
    order = work.order
    work.change(
        released_amount=order.released_amount + operation.amount,
        lines=lines.add(order.lines, operation.draws, "cancelled"),
        status="cancelled" if operation.type == "cancel" else "captured",
        placed=None,
        review_due=None,
        creation=None,
    )
    work.calm("authorization_expires")
    what = "cancelled" if operation.type == "cancel" else "released"
    work.say(what, operation.cause, moved=told(operation, None, operation.amount))
    if operation.also:
        work.refuse(operation.also, _BEFORE)


def decide_amended(work: Work, pending: Pending, data: Amended) -> None:
    order = work.order
    if order.status == "pending_review":
        raise Hold("review")
    if order.status not in OPEN:
        raise Refused("already_cancelled", f"order is {order.status}")
    if data.order_amount < order.captured_amount:
        message = f"$.order_amount: {data.order_amount}, but {order.captured_amount} was captured"
        raise Refused("already_captured", message, advice=_RETURN_IT)
    work.drop(pending)
    operation = work.plan("amend", pending.cause, data.order_amount, target=data.order_amount)
    work.begin(operation, data, view=_as_amended(order, data))
    work.keep_data(operation, pending)


def _as_amended(order: Order, data: Amended) -> Order:
    """The amended lines are the whole order from then on; captures keep their lines by reference."""
    current = lines.carried_over(order.lines, data.order_lines)
    places = {line.reference: i for i, line in reversed(list(enumerate(current)))}
    moved = {i: places.get(line.reference) for i, line in enumerate(order.lines)}
    return replace(
        order,
        order_amount=data.order_amount,
        released_amount=0,
        lines=current,
        captures=tuple(_moved(capture, moved) for capture in order.captures),
        details=replace(order.details, lines=data.order_lines),
    )


def _moved(capture: Capture, places: dict[int, int | None]) -> Capture:
    def to(draws: tuple[Draw, ...]) -> tuple[Draw, ...]:
        found = ((places[draw.position], draw) for draw in draws)
        return tuple(Draw(place, draw.quantity, draw.amount) for place, draw in found if place is not None)

    return replace(capture, draws=to(capture.draws), refunded_draws=to(capture.refunded_draws))


def amended(work: Work, operation: Operation) -> None:
    """By new lines and amount, or by some lines less."""
    if operation.cause.type == "shop.order.amended.v1":
        _amended_whole(work, operation)
        return
    order = work.order
    work.change(
        released_amount=order.released_amount + operation.amount,
        lines=lines.add(order.lines, operation.draws, "cancelled"),
    )
    work.say("lines_cancelled", operation.cause, moved=told(operation, None, operation.amount))


def _amended_whole(work: Work, operation: Operation) -> None:
    order = work.order
    data = work.data_kept(operation)
    assert isinstance(data, Amended)
    view = _as_amended(order, data)
    work.change(
        order_amount=view.order_amount,
        released_amount=0,
        lines=view.lines,
        captures=view.captures,
        details=view.details,
    )
    work.change(status=status_after(work.order) if work.order.order_amount else order.status)
    work.say("amended", operation.cause, moved=told(operation, None, operation.amount))
