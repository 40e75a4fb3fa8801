"""The lines of an order and their counters.

A *pool* is what a line has to take from: for captures and cancellations the line itself, for refunds what was captured of it.
"""

from collections.abc import Sequence
from typing import Final, Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from ordersaga.domain.model.fields import OrderLine, PartLine
from ordersaga.domain.model.money import between, part_worth
from ordersaga.domain.model.order import Allocation, Line, Shipment
from ordersaga.domain.model.results import LineSeen

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
        left = self.quantity - self.gone_quantity
        return max(0, left)

    def less(self, quantity: int, amount: int) -> "Pool":
        return Pool(self.quantity, self.total, self.gone_quantity + quantity, self.gone + amount)

    @property
    def left(self) -> int:
        """What is left of the amount; it never has the opposite sign of the line."""
        rest = self.total - self.gone
        return rest if 0 <= rest <= self.total else between(rest, 0, self.total)


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
    left = [Allocation(i, pool.left_quantity, pool.left) for i, pool in enumerate(pools)]
    return tuple([allocation for allocation in left if allocation.quantity or allocation.amount])


def allocate_rest(lines: Sequence[Line]) -> tuple[Allocation, ...]:
    """All that may still be captured or cancelled."""
    return allocate_all([open_pool(line) for line in lines])


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


def unshipped(lines: Sequence[Line], recorded: Sequence[Shipment]) -> tuple[Line, ...]:
    """The lines as if their shipments, which took no money, had captured them and nothing else had."""
    left = tuple(
        replace(line, captured_quantity=0, captured=0, cancelled_quantity=0, cancelled=0, named=False) for line in lines
    )
    for shipment in recorded:
        left = add(left, shipment.allocations, "captured")
    return left


def parts_of(lines: Sequence[Line], quantities: Sequence[tuple[str, int]]) -> tuple[Allocation, ...]:
    """So much of each reference, from the first lines that have it, with its worth."""
    parts = []
    for reference, wanted in quantities:
        missing = wanted
        for i, line in enumerate(lines):
            pool = open_pool(line)
            quantity = min(missing, pool.left_quantity) if line.reference == reference else 0
            if quantity:
                worth = part_worth(pool.total, pool.quantity, pool.gone_quantity + quantity, pool.gone)
                parts.append(Allocation(i, quantity, between(worth, 0, pool.left)))
                missing -= quantity
    return tuple(parts)


def newly_named(lines: Sequence[Line], named: Sequence[PartLine]) -> tuple[int, ...]:
    """Positions of the named lines that no event has named before."""
    references = {part.reference for part in named}
    return tuple(i for i, line in enumerate(lines) if line.reference in references and not line.named)


def mark_named(lines: Sequence[Line], positions: Sequence[int], *, named: bool = True) -> tuple[Line, ...]:
    """The lines at `positions` follow no more, or (not `named`) follow again."""
    changed = list(lines)
    for position in positions:
        changed[position] = replace(changed[position], named=named)
    return tuple(changed)


def with_ids(lines: Sequence[Line], seen: Sequence[LineSeen]) -> tuple[Line, ...]:
    """The lines with the provider's ids. One that has none yet gets that of a line of its reference: best one with its
    figures, and one of which nothing was cancelled.
    """
    if not seen:
        return tuple(lines)
    taken = {line.id for line in lines}
    free: dict[str, list[LineSeen]] = {}
    for one in sorted(seen, key=lambda one: one.cancelled_quantity > 0):
        if one.id not in taken:
            free.setdefault(one.reference, []).append(one)
    known = {one.id for one in seen}
    named = {i: line.id for i, line in enumerate(lines) if line.id in known}
    for alike in (True, False):
        for i, line in enumerate(lines):
            there = free.get(line.reference, [])
            same = (one for one in there if (one.quantity, one.total) == (line.quantity, line.total) or not alike)
            if i not in named and (found := next(same, None)) is not None:
                named[i] = found.id
                there.remove(found)
    return tuple(replace(line, id=named.get(i, "")) for i, line in enumerate(lines))


def unlike(lines: Sequence[Line], seen: Sequence[LineSeen]) -> list[str]:
    """The lines that the provider's order lacks, or has with other figures; where it shows none, none is."""
    there = {one.id: (one.quantity, one.total) for one in seen}
    return [
        f"$.order_lines[{position}]: the provider's order has no line {line.reference!r} with these figures"
        for position, line in enumerate(with_ids(lines, seen))
        if seen and there.get(line.id) != (line.quantity, line.total)
    ]


def with_cancelled(lines: Sequence[Line], seen: Sequence[LineSeen]) -> tuple[Line, ...]:
    """The lines, which have the provider's ids, with what was cancelled of them there."""
    there = {one.id: one for one in seen}
    return tuple(
        replace(line, cancelled_quantity=shown.cancelled_quantity, cancelled=shown.cancelled)
        if (shown := there.get(line.id)) is not None
        else line
        for line in lines
    )


def carried_over(old: Sequence[Line], new: Sequence[OrderLine]) -> tuple[Line, ...]:
    """Amended lines with what was captured and refunded of the old ones, by reference.

    A line keeps the provider's id as long as it keeps its type, unless a part of it was cancelled, which isn't carried over.
    """
    counted: dict[str, list[int]] = {}
    named = {line.reference for line in old if line.named}
    for line in old:
        sums = counted.setdefault(line.reference, [0, 0, 0, 0])
        for i, value in enumerate((line.captured_quantity, line.captured, line.refunded_quantity, line.refunded)):
            sums[i] += value
    places: dict[str, list[int]] = {}
    ids: dict[tuple[str, str], list[str]] = {}
    for line in reversed(old):
        if not line.cancelled_quantity:
            ids.setdefault((line.reference, line.type), []).append(line.id)
    for i, given in enumerate(new):
        places.setdefault(given.reference, []).append(i)
    lines = [
        replace(
            line_of(line),
            named=line.reference in named,
            id=same.pop() if (same := ids.get((line.reference, line.type))) else "",
        )
        for line in new
    ]
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
