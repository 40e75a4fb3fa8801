"""What a part of an order is worth: the contract's "Working out lines and amounts", in whole minor units.

Every step is worked out in exact fractions and rounded once, halves away from zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

Json = dict[str, Any]
FEES = {"shipping_fee", "surcharge"}


class Rejected(Exception):  # noqa: N818 - the contract's word for it
    """The event ends `rejected` with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unsaid(Exception):  # noqa: N818 - no error of the program's
    """The contract leaves the end of this event open; nothing of the kind belongs into the sample."""


@dataclass(slots=True)
class Line:
    """A line of the order and what became of it; `gone` is captured or cancelled."""

    kind: str
    reference: str | None
    quantity: int
    unit_price: int
    tax_rate: int
    total: int
    named: bool = False
    gone: int = 0
    gone_worth: int = 0
    captured: int = 0
    captured_worth: int = 0
    returned: int = 0
    refunded_worth: int = 0

    @property
    def left(self) -> int:
        return self.quantity - self.gone

    @property
    def returnable(self) -> int:
        return self.captured - self.returned


@dataclass(frozen=True, slots=True)
class Part:
    line: Line
    quantity: int
    worth: int


def half_away(exact: Fraction) -> int:
    """Rounded to the nearest whole number, halves away from zero."""
    whole = int(abs(exact) + Fraction(1, 2))
    return whole if exact >= 0 else -whole


def tax_of(amount: int, rate: int) -> int:
    """Rule 3: the tax within `amount`; `rate` has two implied decimals."""
    return half_away(amount - Fraction(amount * 10000, 10000 + rate))


def worth_of(total: int, quantity: int, gone_after: int, so_far: int) -> int:
    """Rules 1 and 2: a part's worth; never less than 0 nor more than what is left (mirrored for a negative line)."""
    if gone_after == quantity:
        return total - so_far
    worth = half_away(Fraction(total * gone_after, quantity)) - so_far
    low, high = sorted((0, total - so_far))
    return min(max(worth, low), high)


def discount_as_sent(line: Line, quantity: int, worth: int) -> int | None:
    """Rule 7: the discount a part is sent with; None where the amount must go without lines."""
    discount = quantity * line.unit_price - worth
    return None if discount < 0 else discount


def lines_of(data: Json) -> list[Line]:
    return [
        Line(
            kind=line.get("type", "physical"),
            reference=line.get("reference"),
            quantity=line["quantity"],
            unit_price=line["unit_price"],
            tax_rate=line.get("tax_rate", 0),
            total=line["total_amount"],
        )
        for line in data["order_lines"]
    ]


def copy_of(lines: Iterable[Line]) -> list[Line]:
    return [replace(line) for line in lines]


def goods_of(lines: list[Line]) -> list[Line]:
    """Rule 4: what the other lines follow. A line of quantity 0 takes no part."""
    lines = [line for line in lines if line.quantity]
    goods = [line for line in lines if line.kind in {"physical", "digital"}]
    return goods or [line for line in lines if line.total > 0]


def following(lines: list[Line]) -> list[Line]:
    goods = {id(line) for line in goods_of(lines)}
    return [line for line in lines if line.quantity and id(line) not in goods and not line.named]


def name(lines: list[Line], reference: str | None) -> list[Line]:
    """The lines of this reference, in the order of their position; named, they follow no more."""
    found = [line for line in lines if line.reference == reference]
    if not found:
        raise Rejected("unknown_line")
    for line in found:
        line.named = True
    return [line for line in found if line.quantity]


def take(lines: list[Line], wanted: list[Json], *, nothing: str, over: str) -> list[Part]:
    """Rules 1 and 5: draw the named quantities and count them as gone."""
    found = {want["reference"]: name(lines, want["reference"]) for want in wanted}
    if not any(line.left for matches in found.values() for line in matches):
        raise Rejected(nothing)
    parts: list[Part] = []
    for want in wanted:
        matches = found[want["reference"]]
        asked = want.get("quantity", sum(line.left for line in matches))
        if asked > sum(line.left for line in matches):
            raise Rejected(over)
        for line, quantity in _spread(matches, asked, "left"):
            worth = worth_of(line.total, line.quantity, line.gone + quantity, line.gone_worth)
            parts.append(_gone(line, quantity, worth))
        parts = _as_given(parts, want, over)
    return parts


def _spread(matches: list[Line], asked: int, counter: str) -> list[tuple[Line, int]]:
    """The quantity, drawn from the lines in the order of their position."""
    drawn = []
    for line in matches:
        quantity = min(asked, getattr(line, counter))
        asked -= quantity
        if quantity:
            drawn.append((line, quantity))
    return drawn


def _gone(line: Line, quantity: int, worth: int) -> Part:
    line.gone += quantity
    line.gone_worth += worth
    return Part(line, quantity, worth)


def _as_given(parts: list[Part], want: Json, over: str) -> list[Part]:
    """Rule 5: the amount the shop gives for the part wins, up to what is left of the line."""
    if "total_amount" not in want:
        return parts
    part, given = parts[-1], want["total_amount"]
    if len([p for p in parts if p.line.reference == want["reference"]]) > 1:
        raise Unsaid("an amount for several lines")
    part.line.gone_worth += given - part.worth
    if not within(part.line.gone_worth, part.line.total):
        raise Rejected(over)
    return [*parts[:-1], Part(part.line, part.quantity, given)]


def within(part: int, whole: int) -> bool:
    return min(0, whole) <= part <= max(0, whole)


def follow(lines: list[Line], named_worth: int, left_of_order: int) -> list[Part]:
    """Rule 4: what the following lines add to named parts that are already gone; the sum stays within the order."""
    followers, goods = following(lines), goods_of(lines)
    total, drawn = sum(f.total for f in followers), sum(f.gone_worth for f in followers)
    if all(g.left == 0 for g in goods):
        want = total - drawn
    elif sum(g.total for g in goods) == 0:
        if followers:
            raise Unsaid("lines that follow free goods in parts")
        want = 0
    else:
        share = Fraction(sum(g.gone_worth for g in goods), sum(g.total for g in goods))
        want = half_away(total * share) - drawn
    want = min(max(want, -named_worth), left_of_order - named_worth)
    return _share_out(followers, want, "gone_worth", "total")


def least(lines: list[Line], counter: str, whole: str) -> int:
    """The least that the following lines can add: all that is left of the negative ones."""
    return sum(min(0, getattr(line, whole) - getattr(line, counter)) for line in following(lines))


def _share_out(followers: list[Line], want: int, counter: str, whole: str) -> list[Part]:
    """Give `want` to the lines, each in proportion to its whole, the last one taking the rest."""
    total = sum(getattr(f, whole) for f in followers)
    drawn = sum(getattr(f, counter) for f in followers) + want
    if not followers or (not want and drawn != total):
        return []
    if not total and any(getattr(f, whole) for f in followers):
        raise Unsaid("following lines that come to 0 together")
    parts = []
    for index, line in enumerate(followers):
        before = getattr(line, counter)
        if index == len(followers) - 1:
            after = drawn - sum(getattr(f, counter) for f in followers[:-1])
        else:
            after = half_away(Fraction(getattr(line, whole) * drawn, total)) if total else 0
        setattr(line, counter, after)
        parts.append(Part(line, 0, after - before))
    return parts


def give_back(lines: list[Line], wanted: list[Json]) -> list[Part]:
    """Rules 2 and 5: return the named quantities of what was captured; the caller has seen that there is enough."""
    parts: list[Part] = []
    for want in wanted:
        matches = name(lines, want["reference"])
        asked = want.get("quantity", sum(line.returnable for line in matches))
        drawn = _spread(matches, asked, "returnable")
        if "total_amount" in want and len(drawn) > 1:
            raise Unsaid("an amount for several lines")
        for line, quantity in drawn:
            worth = worth_of(line.captured_worth, line.captured, line.returned + quantity, line.refunded_worth)
            worth = want.get("total_amount", worth)
            line.returned += quantity
            line.refunded_worth += worth
            if not within(line.refunded_worth, line.captured_worth):
                raise Rejected("over_refund")
            parts.append(Part(line, quantity, worth))
    return parts


def follow_back(lines: list[Line], named_worth: int, left_of_order: int) -> list[Part]:
    """Rule 4 for refunds: fees come back when all goods that were captured have; the others in proportion."""
    goods = goods_of(lines)
    vouchers = [line for line in following(lines) if line.kind not in FEES]
    fees = [line for line in following(lines) if line.kind in FEES]
    captured, drawn = sum(v.captured_worth for v in vouchers), sum(v.refunded_worth for v in vouchers)
    all_back = all(g.returnable == 0 for g in goods)
    if all_back:
        want, fee = captured - drawn, sum(f.captured_worth - f.refunded_worth for f in fees)
    elif not sum(g.captured_worth for g in goods):
        want, fee = 0, 0
    else:
        share = Fraction(sum(g.refunded_worth for g in goods), sum(g.captured_worth for g in goods))
        want, fee = half_away(captured * share) - drawn, 0
    room = left_of_order - named_worth
    if not -named_worth <= want + fee <= room:
        if fee:
            raise Unsaid("a refund whose following lines don't fit")
        want = min(max(want, -named_worth), room)
    parts = _share_out(vouchers, want, "refunded_worth", "captured_worth")
    return parts + [_all_back(line) for line in fees if all_back]


def _all_back(line: Line) -> Part:
    worth = line.captured_worth - line.refunded_worth
    line.refunded_worth += worth
    line.returned = line.captured
    return Part(line, 0, worth)
