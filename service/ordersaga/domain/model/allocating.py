"""Works out which lines an event takes, and what they are worth (contract: "Working out lines and amounts").

The work is linear in the lines of the order and of the event, however many lines share a reference.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import UNSET, Struct

from ordersaga.domain.model.fields import PartLine
from ordersaga.domain.model.lines import FEES, Pool, captured_pool, goods_of, open_pool
from ordersaga.domain.model.money import between, divide, part_worth
from ordersaga.domain.model.order import Allocation, Line


class Inconsistency(Struct, frozen=True):
    """Why the named lines can't be allocated."""

    why: Literal["nothing_left", "too_much", "does_not_add_up", "needs_others"]
    messages: tuple[str, ...]


Following = Literal["in_part", "whole", "last"]
"""How lines follow that no event names: in proportion; all together as soon as they can; or not before the last goods."""


def for_capture(
    lines: Sequence[Line], named: Sequence[PartLine], room: int, following: Following = "in_part"
) -> tuple[Allocation, ...] | Inconsistency:
    """Named lines and those that follow them, for a capture or a cancellation; their sum lies within 0 and `room`."""
    pools = [open_pool(line) for line in lines]
    allocated = _allocate_named(lines, pools, named)
    if isinstance(allocated, Inconsistency):
        return allocated
    goods = goods_of(lines)
    last = not any(_left_after(pools[i], allocated.get(i)) for i in goods)
    followers = [i for i, line in enumerate(lines) if i not in goods and i not in allocated and not line.named]
    if following != "in_part":
        return _with_whole_followers(pools, allocated, followers if last or following == "whole" else (), room)
    return _with_followers(pools, allocated, goods, followers, room, last=last)


def for_refund(
    lines: Sequence[Line], named: Sequence[PartLine], room: int, following: Following = "in_part"
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
    if following != "in_part":
        return _with_whole_followers(pools, allocated, followers, room)
    return _with_followers(pools, allocated, goods, followers, room, last=last)


def _left_after(pool: Pool, allocation: Allocation | None) -> int:
    return pool.left_quantity - (allocation.quantity if allocation else 0)


def _allocate_named(
    lines: Sequence[Line], pools: Sequence[Pool], named: Sequence[PartLine]
) -> dict[int, Allocation] | Inconsistency:
    """The allocations of the named lines (none is unknown), by position."""
    wanted = {part.reference for part in named}
    places: dict[str, list[int]] = {reference: [] for reference in wanted}
    for i, line in enumerate(lines):
        if line.reference in wanted:
            places[line.reference].append(i)
    groups = {reference: _Group(found, pools) for reference, found in places.items()}
    if not any(groups[part.reference].has_left(part) for part in named):
        return Inconsistency("nothing_left", ("nothing is left of the named lines",))
    inconsistencies = [wrong for part in named if (wrong := groups[part.reference].take(part))]
    if inconsistencies:
        return Inconsistency("too_much", tuple(inconsistencies))
    allocated = {one.position: one for group in groups.values() for one in group.allocations()}
    if sum(one.amount for one in allocated.values()) < 0:
        return Inconsistency("does_not_add_up", ("the named lines sum to less than 0",))
    return allocated


class _Group:
    """The lines that share a reference: parts are taken from them in the order of their position."""

    def __init__(self, places: Sequence[int], pools: Sequence[Pool]) -> None:
        self._places = places
        self._pools = [pools[i] for i in places]  # less what was taken
        self._taken: dict[int, Allocation] = {}  # by index
        self._left = sum(pool.left_quantity for pool in self._pools)
        self._first = 0  # index of the first line with a quantity left
        self._exhausted = False  # nothing is left, neither quantity nor worth
        self._any_left = bool(self._left)
        self._any_worth = any(pool.left for pool in self._pools)

    def has_left(self, part: PartLine) -> bool:
        """Before anything was taken."""
        return self._any_left or (self._any_worth and part.quantity == 0)

    def take(self, part: PartLine) -> str | None:
        """Returns what is wrong with the part, if anything."""
        wanted = self._left if part.quantity is UNSET else part.quantity
        if wanted > self._left:
            return f"line {part.reference!r}: {wanted} asked for, {self._left} left"
        if part.quantity is not UNSET and wanted:
            parts = self._next_parts(wanted)
        else:
            parts = [] if self._all_named(part) else [self._rest(k, part) for k in range(len(self._pools))]
        if part.total_amount is not UNSET:
            given = self._as_given(part.total_amount, parts)
            if given is None:
                most = sum(self._pools[k].left for k, _, _ in parts)
                return f"line {part.reference!r}: {part.total_amount} asked for, {most} left"
            parts = given
        self._count(parts)
        self._exhausted = self._exhausted or (part.quantity is UNSET and part.total_amount is UNSET)
        return None

    def _all_named(self, part: PartLine) -> bool:
        """A part of nothing, of lines that were named before."""
        nothing = self._exhausted or (part.quantity == 0 and part.total_amount is UNSET)
        return nothing and len(self._taken) == len(self._pools)

    def _next_parts(self, wanted: int) -> list[tuple[int, int, int]]:
        """Index, quantity and worth of the lines that are next."""
        parts, k = [], self._first
        while wanted:
            quantity = min(wanted, self._pools[k].left_quantity)
            if quantity:
                parts.append(self._part(k, quantity))
                wanted -= quantity
            k += 1
        self._first = max(k - 1, 0)
        return parts

    def _rest(self, k: int, part: PartLine) -> tuple[int, int, int]:
        """All that is left of a line; of quantity 0 nothing."""
        return (k, 0, 0) if part.quantity == 0 else self._part(k, self._pools[k].left_quantity)

    def _part(self, k: int, quantity: int) -> tuple[int, int, int]:
        pool = self._pools[k]
        worth = part_worth(pool.total, pool.quantity, pool.gone_quantity + quantity, pool.gone)
        return k, quantity, between(worth, 0, pool.left)

    def _as_given(self, amount: int, parts: list[tuple[int, int, int]]) -> list[tuple[int, int, int]] | None:
        """The same quantities worth `amount` in all; None when that is more than is left of them."""
        missing = amount - sum(worth for _, _, worth in parts)
        for n in range(len(parts) - 1, -1, -1):
            if not missing:
                break
            k, quantity, before = parts[n]
            worth = between(before + missing, 0, self._pools[k].left)
            missing -= worth - before
            parts[n] = k, quantity, worth
        return None if missing else parts

    def _count(self, parts: Iterable[tuple[int, int, int]]) -> None:
        for k, quantity, worth in parts:
            place, before = self._places[k], self._taken.get(k)
            if before is not None:
                self._taken[k] = Allocation(place, before.quantity + quantity, before.amount + worth)
            else:
                self._taken[k] = Allocation(place, quantity, worth)
            if quantity or worth:
                self._pools[k] = self._pools[k].less(quantity, worth)
                self._left -= quantity

    def allocations(self) -> Iterable[Allocation]:
        return self._taken.values()


def _with_whole_followers(
    pools: Sequence[Pool], allocated: dict[int, Allocation], followers: Sequence[int], room: int
) -> tuple[Allocation, ...] | Inconsistency:
    """All that is left of the followers, unless the sum would fall below 0 by them."""
    named = sum(allocation.amount for allocation in allocated.values())
    rest = [Allocation(i, pools[i].left_quantity, pools[i].left) for i in followers]
    if not 0 <= named + sum(one.amount for one in rest) <= room:
        rest = []
    if named + sum(one.amount for one in rest) > room:
        return Inconsistency("needs_others", (f"{named} asked for, {room} left of the order",))
    parts = (one for one in (*allocated.values(), *rest) if one.quantity or one.amount)
    return tuple(sorted(parts, key=lambda one: one.position))


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
