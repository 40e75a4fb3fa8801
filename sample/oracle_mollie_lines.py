"""What a part of an order at Mollie is worth: the contract's rules 1, 2, 4 and 5, where lines that follow are taken whole."""

from typing import Any

from sample.oracle_order import Waits
from sample.oracle_parts import FEES, Line, Rejected, Unsaid, following, give_back, goods_of, take

Json = dict[str, Any]


def draw(lines: list[Line], left: int, wanted: list[Json] | None, given: int | None) -> int:
    """What a shipment takes of the lines, of which `left` may still be taken; `given`: beside the lines."""
    if wanted is None:
        return _all(lines, left)
    limits(lines, wanted, "gone", "gone_worth", "over_capture")
    named = take(lines, wanted, nothing="nothing_left_to_capture", over="over_capture")
    worth = sum(part.worth for part in named)
    for part in named:
        part.line.captured += part.quantity
        part.line.captured_worth += part.worth
    return _with_followers(lines, left, worth, given)


def _with_followers(lines: list[Line], left: int, worth: int, given: int | None) -> int:
    """All together with the first shipment in which the sum stays at or above 0."""
    followers = [line for line in following(lines) if line.left]
    if given is not None and followers:
        raise Unsaid("whether captured_amount holds the lines that follow")
    if worth < 0:
        raise Rejected("amounts_do_not_add_up")
    rest = sum(line.total - line.gone_worth for line in followers)
    if not 0 <= worth + rest <= left:
        if worth > left:
            raise Waits("more goods")
        if worth == left and any(line.left for line in goods_of(lines)):
            raise Unsaid("goods that are left of an order of which no money is")
        return worth
    for line in followers:
        line.captured, line.captured_worth = line.quantity, line.total
        line.gone, line.gone_worth = line.quantity, line.total
    return worth + rest


def _all(lines: list[Line], left: int) -> int:
    if not any(line.left for line in lines):
        raise Rejected("nothing_left_to_capture")
    if sum(line.total - line.gone_worth for line in lines) != left:
        raise Unsaid("shipping lines whose money went without lines")
    for line in lines:
        line.captured += line.left
        line.captured_worth += line.total - line.gone_worth
        line.gone, line.gone_worth = line.quantity, line.total
    return left


def draw_off(lines: list[Line], left: int, wanted: list[Json]) -> int:
    """What a cancellation takes; the lines that follow go with the last goods."""
    limits(lines, wanted, "gone", "gone_worth", "over_cancel")
    named = take(lines, wanted, nothing="nothing_left_to_cancel", over="over_cancel")
    worth = sum(part.worth for part in named)
    if worth < 0:
        raise Rejected("amounts_do_not_add_up")
    if not any(line.left for line in goods_of(lines)):
        for line in following(lines):
            worth += line.total - line.gone_worth
            line.gone, line.gone_worth = line.quantity, line.total
    if not 0 < worth <= left:
        raise Unsaid("a cancellation of nothing, or of more than is left by the lines that follow")
    return worth


def draw_back(lines: list[Line], left: int, wanted: list[Json], given: int | None) -> int:
    """What a return takes of what was captured; fees come back when named, or with the last goods."""
    limits(lines, wanted, "returned", "refunded_worth", "over_refund")
    worth = sum(part.worth for part in give_back(lines, wanted))
    if worth < 0:
        raise Rejected("amounts_do_not_add_up")
    last = all(line.returnable == 0 for line in goods_of(lines))
    back = [line for line in following(lines) if last or line.kind not in FEES]
    back = [line for line in back if line.captured_worth != line.refunded_worth]
    if given is not None and back:
        raise Unsaid("whether refunded_amount holds the lines that follow")
    rest = sum(line.captured_worth - line.refunded_worth for line in back)
    if 0 <= worth + rest <= left:
        for line in back:
            line.returned, line.refunded_worth = line.captured, line.captured_worth
        return worth + rest
    if worth > left:
        raise Unsaid("a return of lines of which an amount was refunded before")
    return worth


def limits(lines: list[Line], wanted: list[Json], counter: str, worth: str, over: str) -> None:
    """Rule 5: an amount for a part of a discounted line, up to its price; of others Mollie works it out."""
    for want in wanted:
        if "total_amount" not in want:
            continue
        found = [line for line in lines if line.reference == want["reference"]]
        if len(found) > 1:
            raise Unsaid("an amount for several lines")
        for line in found:
            _check(line, want, counter, worth, over)


def _check(line: Line, want: Json, counter: str, worth: str, over: str) -> None:
    of = ("quantity", "total") if counter == "gone" else ("captured", "captured_worth")
    units = getattr(line, of[0]) - getattr(line, counter)
    left = getattr(line, of[1]) - getattr(line, worth)
    quantity, amount = want.get("quantity", units), want["total_amount"]
    most = quantity * line.unit_price
    if quantity > units or amount == most:
        return  # too much, which `take` finds; or what Mollie works out
    if amount > left:
        raise Unsaid(f"whether that is {over}, or not acceptable to Mollie")
    if line.total == line.quantity * line.unit_price or not 0 <= amount <= most:
        raise Rejected("not_acceptable_to_provider")
    if left - amount > (units - quantity) * line.unit_price:
        raise Unsaid("the least amount that Mollie takes, which isn't published")
