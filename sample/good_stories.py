"""Stories that go well: shipped whole or in parts, amended, cancelled, closed."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from sample.carts import RETURN_FEE_MARKETS, tax_of
from sample.stories import Story, goods, named, split_lines, split_quantities, token_of

Json = dict[str, Any]
Tale = Callable[[Story], None]
HOUR = 1.0


def whole(story: Story) -> None:
    story.place()
    data: Json = {}
    if story.rng.random() < 0.1:
        data["shipment_id"] = f"{story.subject}-S1"
    if story.rng.random() < 0.1:
        data["shipping_info"] = [{"shipping_company": "Sample Post", "tracking_number": f"SP{story.subject}"}]
    story.ship(data)
    story.complete = True


def whole_named(story: Story) -> None:
    """All goods by reference, some without their quantity."""
    story.place()
    lines = named(goods(story.cart))
    for line in lines:
        if story.rng.random() < 0.4:
            del line["quantity"]
    story.ship({"order_lines": lines})
    story.complete = True


def whole_lines(story: Story) -> None:
    """The lines as they were placed, fees and vouchers too, with their sum."""
    story.place()
    lines = [line for line in story.cart["order_lines"] if line["quantity"]]
    story.ship({"order_lines": deepcopy(lines), "captured_amount": story.cart["order_amount"]})
    story.complete = True


def by_lines(story: Story) -> None:
    _in_parts(story, split_lines(goods(story.cart), story.rng.randrange(2, 5), story.rng))


def by_quantities(story: Story) -> None:
    _in_parts(story, split_quantities(goods(story.cart), story.rng.randrange(2, 5), story.rng))


def _in_parts(story: Story, parts: list[Any]) -> None:
    story.place()
    for part in parts:
        story.ship({"order_lines": named(part)})
    story.complete = True


def part_then_rest(story: Story) -> None:
    story.place()
    story.ship({"order_lines": named(split_quantities(goods(story.cart), 2, story.rng)[0])})
    story.ship()
    story.complete = True


def amounts(story: Story) -> None:
    """Amounts without lines; the rest, or its release, goes without lines too."""
    story.place()
    left = story.cart["order_amount"]
    for _ in range(story.rng.randrange(1, 3)):
        amount = story.rng.randrange(1, left // 2)
        left -= amount
        story.ship({"captured_amount": amount})
    if story.rng.random() < 0.6:
        story.ship()
    else:
        story.tell("closed", {"reason": "the rest is out of stock"}, hours=30)
    if story.rng.random() < 0.5:
        story.tell("returned", {"refunded_amount": story.rng.randrange(1, 60)}, hours=50)


def amounts_of_parts(story: Story) -> None:
    """Parts at the shop's own worth, below what the line has; what is left is released."""
    story.place()
    price = {line["reference"]: line for line in story.cart["order_lines"]}
    lines = named(split_lines(goods(story.cart), 2, story.rng)[0])
    for line in lines:
        total = price[line["reference"]]["total_amount"]
        line["total_amount"] = total - story.rng.randrange(total // 5 + 1)
    story.ship({"order_lines": lines})
    story.tell("closed", {"reason": "no more to come"}, hours=20)


def closed_after_part(story: Story) -> None:
    _ship_a_part(story)
    story.tell("closed", {"reason": "out of stock"}, hours=24)
    if story.rng.random() < 0.2:
        story.tell("closed", {"reason": "said again"}, hours=24)


def cancelled_after_part(story: Story) -> None:
    _ship_a_part(story)
    story.tell("cancelled", {"reason": "the customer changed their mind"}, hours=24)


def _ship_a_part(story: Story) -> None:
    story.place()
    parts = split_quantities(goods(story.cart), 3, story.rng)
    story.ship({"order_lines": named(parts[0])})


def lines_cancelled_then_rest(story: Story) -> None:
    story.place()
    parts = split_lines(goods(story.cart), 2, story.rng)
    story.tell("cancelled", {"reason": "out of stock", "order_lines": named(parts[0])}, hours=HOUR)
    story.ship({"order_lines": named(parts[1])} if story.rng.random() < 0.5 else {})


def quantities_cancelled(story: Story) -> None:
    """A part ships, a part is cancelled by quantity, the rest stays open."""
    story.place()
    parts = split_quantities(goods(story.cart), 3, story.rng)
    story.ship({"order_lines": named(parts[0])})
    story.tell("cancelled", {"order_lines": named(parts[1])}, hours=HOUR)


def all_lines_cancelled(story: Story) -> None:
    story.place()
    story.tell("cancelled", {"reason": "sold out", "order_lines": named(goods(story.cart))}, hours=HOUR)


def cancelled_before_placed(story: Story) -> None:
    """The cancellation overtakes the order itself."""
    story.tell("cancelled", {"reason": "the customer changed their mind"})
    story.place(early=True)


def cancelled_after_lines(story: Story) -> None:
    """Some lines are cancelled, then the whole order."""
    story.place()
    part = split_lines(goods(story.cart), 2, story.rng)[0]
    story.tell("cancelled", {"reason": "out of stock", "order_lines": named(part)}, hours=HOUR)
    story.tell("cancelled", {"reason": "the customer changed their mind"}, hours=HOUR)
    if story.rng.random() < 0.3:
        story.tell("cancelled", {"reason": "said again"}, hours=HOUR)


def cancelled_after_amendment(story: Story) -> None:
    story.place()
    story.tell("amended", amended_cart(story.cart, dearer), hours=HOUR)
    story.tell(story.rng.choice(["cancelled", "closed"]), {"reason": "never mind"}, hours=HOUR)


def amended(story: Story) -> None:
    """Raised, lowered, or other lines, before anything ships."""
    story.place()
    story.tell("amended", amended_cart(story.cart, story.rng.choice([dearer, _cheaper, _other])), hours=HOUR)
    story.ship()
    story.complete = True


def amended_cart(cart: Json, change: Callable[[list[Json]], None]) -> Json:
    lines = deepcopy(cart["order_lines"])
    change(lines)
    for line in lines:
        if "total_tax_amount" in line:
            line["total_tax_amount"] = tax_of(line["total_amount"], line["tax_rate"])
    return {"order_amount": sum(line["total_amount"] for line in lines), "order_lines": lines}


def dearer(lines: list[Json]) -> None:
    extra = {"reference": "EXTRA", "name": "Added later", "quantity": 2, "unit_price": 199}
    lines.append(extra | {"tax_rate": 2000, "total_amount": 398})


def _cheaper(lines: list[Json]) -> None:
    """One less of each, where there is more than one."""
    for line in lines:
        if line["quantity"] > 1:
            line["quantity"] -= 1
            line["total_amount"] = line["quantity"] * line["unit_price"] - line.get("total_discount_amount", 0)


def _other(lines: list[Json]) -> None:
    dropped = lines.pop()
    lines.append(
        {"reference": "OTHER", "name": "Something else", "quantity": 1, "unit_price": 750, "total_amount": 750},
    )
    if not lines[:-1]:
        lines.append(dropped)


def reviewed(story: Story) -> None:
    """The provider reviews first; what ships waits for its decision."""
    story.cart["payment"][token_of(story.cart)] = f"sbx-pending-{story.merchant}-{story.subject}"
    whole(story)


def shipped_before_placed(story: Story) -> None:
    story.tell("shipped", {})
    story.place(early=True)
    story.complete = True


def returned_before_shipped(story: Story) -> None:
    story.place()
    part = split_lines(goods(story.cart), 2, story.rng)[0]
    story.tell("returned", {"order_lines": named(part)}, hours=HOUR)
    story.tell("shipped", {}, early=True)


def returned_with_fee(story: Story) -> None:
    """Klarna keeps a fee in some markets, for orders of one full capture."""
    whole(story)
    story.complete = False
    part = split_lines(goods(story.cart), 2, story.rng)[0]
    fee = {"name": "Return fee", "amount": story.rng.randrange(1, 60), "tax_rate": 2000}
    story.tell("returned", {"order_lines": named(part), "return_fee": fee}, hours=90)


def returned_whole(story: Story) -> None:
    whole(story)
    story.complete = False
    story.tell("returned", {"description": "not as described"}, hours=90)


def returned_in_parts(story: Story) -> None:
    """Several portions of one shipment or more come back, oddly cut, the last with fees and vouchers."""
    story.rng.choice([whole, by_quantities])(story)
    story.complete = False
    for part in split_quantities(goods(story.cart), story.rng.randrange(2, 4), story.rng):
        story.tell("returned", {"order_lines": named(part)}, hours=50)


def may_have_fee(cart: Json) -> bool:
    return cart["purchase_country"] in RETURN_FEE_MARKETS


GOOD: dict[str, tuple[int, Tale]] = {
    tale.__name__: (weight, tale)
    for weight, tale in [
        (380, whole), (60, whole_named), (20, whole_lines), (110, by_lines), (110, by_quantities),
        (60, part_then_rest), (25, amounts), (15, amounts_of_parts), (40, closed_after_part),
        (20, cancelled_after_part), (30, lines_cancelled_then_rest), (15, quantities_cancelled),
        (10, all_lines_cancelled), (15, cancelled_before_placed), (8, cancelled_after_lines),
        (8, cancelled_after_amendment), (30, amended), (30, reviewed), (25, shipped_before_placed),
        (15, returned_before_shipped), (20, returned_whole), (25, returned_in_parts),
    ]
}  # fmt: skip
