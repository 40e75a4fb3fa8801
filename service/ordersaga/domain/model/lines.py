"""Works out which lines an event takes, and what they are worth (contract: "Working out lines and amounts").

A *pool* is what there is to draw from a line: for captures and cancellations the line itself, for refunds what was captured of it.
"""

from collections.abc import Sequence
from typing import Final, Literal, assert_never

from msgspec import UNSET, Struct
from msgspec.structs import replace

from ordersaga.domain.model.fields import OrderLine, PartLine
from ordersaga.domain.model.money import between, divide, part_worth
from ordersaga.domain.model.order import Allocation, Line

GOODS: Final = frozenset({"physical", "digital"})
FEES: Final = frozenset({"shipping_fee", "surcharge"})

Counter = Literal["captured", "cancelled", "refunded"]


class Pool(Struct, frozen=True):
    quantity: int
    total: int
    gone_quantity: int
    gone: int

    @property
    def left_quantity(self) -> int:
        return max(self.quantity - self.gone_quantity, 0)

    @property
    def left(self) -> int:
        """What is left of the amount; it never has the opposite sign of the line."""
        rest = self.total - self.gone
        return rest if 0 <= rest <= self.total else between(rest, 0, self.total)


class Inconsistency(Struct, frozen=True):
    """Why the named lines can't be allocated."""

    why: Literal["nothing_left", "too_much", "does_not_add_up"]
    messages: tuple[str, ...]


def line_of(line: OrderLine) -> Line:
    return Line(line.reference, line.type, line.quantity, line.unit_price, line.tax_rate, line.total_amount)


def open_pool(line: Line) -> Pool:
    """What may still be captured or cancelled of a line."""
    gone = line.captured_quantity + line.cancelled_quantity
    return Pool(line.quantity, line.total, gone, line.captured + line.cancelled)


def captured_pool(line: Line) -> Pool:
    """What may be refunded of a line. A line that followed by amount alone counts as captured in its whole quantity."""
    if line.captured_quantity or not line.captured:
        return Pool(line.captured_quantity, line.captured, line.refunded_quantity, line.refunded)
    gone = line.quantity if line.refunded == line.captured else 0
    return Pool(line.quantity, line.captured, gone, line.refunded)


def goods_of(lines: Sequence[Line]) -> frozenset[int]:
    """Positions of the goods; an order without any: its positive lines."""
    goods = frozenset(i for i, line in enumerate(lines) if line.type in GOODS)
    if any(lines[i].quantity for i in goods):
        return goods
    return goods | {i for i, line in enumerate(lines) if line.total > 0}


def allocate_all(pools: Sequence[Pool]) -> tuple[Allocation, ...]:
    """All that is left."""
    left = (Allocation(i, pool.left_quantity, pool.left) for i, pool in enumerate(pools))
    return tuple(allocation for allocation in left if allocation.quantity or allocation.amount)


def allocate_for_capture(
    lines: Sequence[Line], named: Sequence[PartLine], room: int
) -> tuple[Allocation, ...] | Inconsistency:
    """Named lines and those that follow them, for a capture or a cancellation; their sum lies within 0 and `room`."""
    pools = [open_pool(line) for line in lines]
    allocated = _allocate_named(lines, pools, named)
    if isinstance(allocated, Inconsistency):
        return allocated
    goods = goods_of(lines)
    last = not any(_left_after(pools[i], allocated.get(i)) for i in goods)
    followers = [i for i, line in enumerate(lines) if i not in goods and i not in allocated and not line.named]
    return _with_followers(pools, allocated, goods, followers, room, last=last)


def allocate_for_refund(
    lines: Sequence[Line], named: Sequence[PartLine], room: int
) -> tuple[Allocation, ...] | Inconsistency:
    """Named lines and those that follow them, for a refund. Fees come back when named, or with the last goods."""
    pools = [captured_pool(line) for line in lines]
    allocated = _allocate_named(lines, pools, named)
    if isinstance(allocated, Inconsistency):
        return allocated
    goods = frozenset(i for i in goods_of(lines) if pools[i].quantity)
    last = bool(goods) and not any(_left_after(pools[i], allocated.get(i)) for i in goods)
    followers = [
        i
        for i, line in enumerate(lines)
        if i not in goods
        and i not in allocated
        and not line.named
        and pools[i].total
        and (last or line.type not in FEES)
    ]
    return _with_followers(pools, allocated, goods, followers, room, last=last)


def unknown(lines: Sequence[Line], named: Sequence[PartLine]) -> list[str]:
    """The named references that the order lacks."""
    known = {line.reference for line in lines}
    return [f"the order has no line {part.reference!r}" for part in named if part.reference not in known]


def add(lines: Sequence[Line], allocations: Sequence[Allocation], counter: Counter) -> tuple[Line, ...]:
    """The lines with the allocations counted."""
    changed = list(lines)
    for allocation in allocations:
        line = changed[allocation.position]
        match counter:
            case "captured":
                quantity, amount = line.captured_quantity + allocation.quantity, line.captured + allocation.amount
                changed[allocation.position] = replace(line, captured_quantity=quantity, captured=amount)
            case "cancelled":
                quantity, amount = line.cancelled_quantity + allocation.quantity, line.cancelled + allocation.amount
                changed[allocation.position] = replace(line, cancelled_quantity=quantity, cancelled=amount)
            case "refunded":
                changed[allocation.position] = _refunded(line, allocation)
            case _:
                assert_never(counter)
    return tuple(changed)


def _refunded(line: Line, allocation: Allocation) -> Line:
    """A line that followed by amount alone had no quantity captured, so none is refunded."""
    quantity = min(line.refunded_quantity + allocation.quantity, line.captured_quantity)
    return replace(line, refunded_quantity=quantity, refunded=line.refunded + allocation.amount)


def newly_named(lines: Sequence[Line], named: Sequence[PartLine]) -> tuple[int, ...]:
    """Positions of the named lines that no event has named before."""
    references = {part.reference for part in named}
    return tuple(i for i, line in enumerate(lines) if line.reference in references and not line.named)


def mark_named(lines: Sequence[Line], positions: Sequence[int], *, named: bool = True) -> tuple[Line, ...]:
    """The lines at `positions` follow no more, or (not `named`) follow again."""
    return tuple(replace(line, named=named) if i in positions else line for i, line in enumerate(lines))


def carried_over(old: Sequence[Line], new: Sequence[OrderLine]) -> tuple[Line, ...]:
    """Amended lines with what was captured and refunded of the old ones, by reference."""
    counted: dict[str, list[int]] = {}
    named = {line.reference for line in old if line.named}
    for line in old:
        sums = counted.setdefault(line.reference, [0, 0, 0, 0])
        for i, value in enumerate((line.captured_quantity, line.captured, line.refunded_quantity, line.refunded)):
            sums[i] += value
    places: dict[str, list[int]] = {}
    for i, given in enumerate(new):
        places.setdefault(given.reference, []).append(i)
    lines = [replace(line_of(line), named=line.reference in named) for line in new]
    for reference, sums in counted.items():
        for place in places.get(reference, ()):
            last = place == places[reference][-1]
            line = lines[place]
            limits = (line.quantity, line.total, line.quantity, line.total)
            share = [value if last else between(value, 0, limit) for value, limit in zip(sums, limits, strict=True)]
            sums[:] = [value - part for value, part in zip(sums, share, strict=True)]
            lines[place] = replace(
                line,
                captured_quantity=share[0],
                captured=share[1],
                refunded_quantity=share[2],
                refunded=share[3],
            )
    return tuple(lines)


def _left_after(pool: Pool, allocation: Allocation | None) -> int:
    return pool.left_quantity - (allocation.quantity if allocation else 0)


def _allocate_named(
    lines: Sequence[Line], pools: Sequence[Pool], named: Sequence[PartLine]
) -> dict[int, Allocation] | Inconsistency:
    """The allocations of the named lines (none is unknown), by position."""
    places: dict[str, list[int]] = {}
    for i, line in enumerate(lines):
        places.setdefault(line.reference, []).append(i)
    touched = [(part, pools[i]) for part in named for i in places[part.reference]]
    if not any(pool.left_quantity or (pool.left and part.quantity == 0) for part, pool in touched):
        return Inconsistency("nothing_left", ("nothing is left of the named lines",))
    allocated: dict[int, Allocation] = {}
    inconsistencies = [
        wrong for part in named if (wrong := _allocate_part(part, places[part.reference], pools, allocated))
    ]
    if inconsistencies:
        return Inconsistency("too_much", tuple(inconsistencies))
    if sum(allocation.amount for allocation in allocated.values()) < 0:
        return Inconsistency("does_not_add_up", ("the named lines sum to less than 0",))
    return allocated


def _allocate_part(
    part: PartLine, places: Sequence[int], pools: Sequence[Pool], allocated: dict[int, Allocation]
) -> str | None:
    """Adds the part's allocations to `allocated`. Returns what is wrong with it, if anything."""
    rest = {i: _after(pools[i], allocated.get(i)) for i in places}
    left = sum(pool.left_quantity for pool in rest.values())
    wanted = left if part.quantity is UNSET else part.quantity
    if wanted > left:
        return f"line {part.reference!r}: {wanted} asked for, {left} left"
    every = part.quantity is UNSET or not wanted
    taken: dict[int, Allocation] = {}
    for i, pool in rest.items():
        quantity = min(wanted, pool.left_quantity)
        wanted -= quantity
        if quantity or every:
            idle = not quantity and part.quantity is not UNSET
            worth = 0 if idle else part_worth(pool.total, pool.quantity, pool.gone_quantity + quantity, pool.gone)
            taken[i] = Allocation(i, quantity, between(worth, 0, pool.left))
    if part.total_amount is not UNSET:
        given = _as_given(part.total_amount, taken, rest)
        if given is None:
            most = sum(rest[i].left for i in taken)
            return f"line {part.reference!r}: {part.total_amount} asked for, {most} left"
        taken = given
    for i, allocation in taken.items():
        before = allocated.get(i)
        allocated[i] = (
            allocation
            if before is None
            else Allocation(i, before.quantity + allocation.quantity, before.amount + allocation.amount)
        )
    return None


def _after(pool: Pool, allocation: Allocation | None) -> Pool:
    if allocation is None:
        return pool
    return replace(pool, gone_quantity=pool.gone_quantity + allocation.quantity, gone=pool.gone + allocation.amount)


def _as_given(amount: int, taken: dict[int, Allocation], rest: dict[int, Pool]) -> dict[int, Allocation] | None:
    """The same quantities worth `amount` in all; None when that is more than is left of them."""
    missing = amount - sum(allocation.amount for allocation in taken.values())
    given = dict(taken)
    for i in reversed(taken):
        worth = between(given[i].amount + missing, 0, rest[i].left)
        missing -= worth - given[i].amount
        given[i] = replace(given[i], amount=worth)
    return None if missing else given


def _with_followers(
    pools: Sequence[Pool],
    allocated: dict[int, Allocation],
    goods: frozenset[int],
    followers: Sequence[int],
    room: int,
    *,
    last: bool,
) -> tuple[Allocation, ...] | Inconsistency:
    named = sum(allocation.amount for allocation in allocated.values())
    worth = sum(pools[i].total for i in goods)
    gone = sum(pools[i].gone + (allocated[i].amount if i in allocated else 0) for i in goods)
    total = sum(pools[i].total for i in followers)
    before = sum(pools[i].gone for i in followers)
    target = total if last else divide(total * gone, worth) if worth else 0
    step = between(target - before, 0, total - before)
    step = between(between(step, -named, room - named), 0, total - before)
    if named + step > room:
        return Inconsistency("too_much", (f"{named + step} asked for, {room} left of the order",))
    shares = _shares(pools, followers, total, before + step, last=last)
    allocations = (
        allocation for allocation in (*allocated.values(), *shares) if allocation.quantity or allocation.amount
    )
    return tuple(sorted(allocations, key=lambda allocation: allocation.position))


def _shares(
    pools: Sequence[Pool], followers: Sequence[int], total: int, allocated: int, *, last: bool
) -> list[Allocation]:
    """Each follower's share of `allocated`, within its own bounds; the last one takes the rest."""
    shares: list[Allocation] = []
    rest = allocated
    low = sum(min(pools[i].gone, pools[i].total) for i in followers)
    high = sum(max(pools[i].gone, pools[i].total) for i in followers)
    for i in followers:
        pool = pools[i]
        least, most = min(pool.gone, pool.total), max(pool.gone, pool.total)
        low, high = low - least, high - most
        worth = divide(pool.total * allocated, total) if total else pool.total if last else pool.gone
        worth = min(max(worth, least, rest - high), most, rest - low)
        rest -= worth
        amount = worth - pool.gone
        complete = worth == pool.total and (amount or last)
        quantity = pool.left_quantity if complete else 0
        if amount or quantity:
            shares.append(Allocation(i, quantity, amount))
    return shares
