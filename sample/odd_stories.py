"""Stories in which the shop errs, or the provider refuses."""

from copy import deepcopy
from typing import Any

from sample.good_stories import HOUR, Tale, whole
from sample.stories import Story, goods, named, pays_with, split_lines, split_quantities, token_of

Json = dict[str, Any]


def placed_only(story: Story) -> None:
    story.place()


def refused(story: Story) -> None:
    """The provider refuses; what follows is rejected; sometimes the customer tries again with success."""
    good = deepcopy(story.cart)
    token = f"sbx-reject-{story.merchant}-{story.subject}"
    story.cart["payment"] = pays_with("authorization_token", token)
    whole(story)
    story.complete = False
    if story.rng.random() < 0.5:
        good["payment"][token_of(good)] += "-2"
        story.tell("placed", good, hours=HOUR)


def placed_twice(story: Story) -> None:
    story.place()
    again = deepcopy(story.cart)
    again["payment"][token_of(again)] += "-2"
    story.tell("placed", again, hours=HOUR)
    story.ship()
    story.complete = True


def shipment_twice(story: Story) -> None:
    """The same shipment is told under another event id, in other words."""
    story.place()
    parts = split_lines(goods(story.cart), 2, story.rng)
    for lines in (named(parts[0]), named(parts[-1])):
        story.ship({"shipment_id": "S1", "order_lines": lines})


def return_twice(story: Story) -> None:
    story.place()
    story.ship()
    part = split_quantities(goods(story.cart), 3, story.rng)[0]
    for _ in range(2):
        story.tell("returned", {"return_id": "R1", "order_lines": named(part)}, hours=40)


def unknown_line(story: Story) -> None:
    story.place()
    story.ship({"order_lines": [*named(goods(story.cart))[:1], {"reference": "NO-SUCH-LINE", "quantity": 1}]})
    story.ship()
    what = story.rng.choice(["returned", "cancelled"])
    story.tell(what, {"order_lines": [{"reference": "NO-SUCH-LINE"}]}, hours=30)


def too_much(story: Story) -> None:
    """More of a line than it has, or more money than is left; then as it should be."""
    story.place()
    reference, quantity = next(iter(goods(story.cart).items()))
    story.ship(
        {"order_lines": [{"reference": reference, "quantity": quantity + 1}]}
        if story.rng.random() < 0.6
        else {"captured_amount": story.cart["order_amount"] + 1}
    )
    story.ship()
    story.complete = True


def nothing_left(story: Story) -> None:
    """Shipped twice over, and asked to be cancelled after that."""
    story.place()
    story.ship()
    reference = next(iter(goods(story.cart)))
    story.ship(story.rng.choice([{}, {"order_lines": [{"reference": reference}]}]))
    story.tell("cancelled", {"order_lines": [{"reference": reference}]}, hours=HOUR)
    story.tell("cancelled", {"reason": "too late"}, hours=HOUR)
    story.tell("closed", {"reason": "done"}, hours=HOUR)
    story.complete = True


def cancelled_too_much(story: Story) -> None:
    story.place()
    reference, quantity = next(iter(goods(story.cart).items()))
    story.tell("cancelled", {"order_lines": [{"reference": reference, "quantity": quantity + 3}]}, hours=HOUR)
    story.ship()
    story.complete = True


def returned_too_much(story: Story) -> None:
    story.place()
    story.ship()
    reference, quantity = next(iter(goods(story.cart).items()))
    story.tell("returned", {"order_lines": [{"reference": reference, "quantity": quantity + 1}]}, hours=30)
    story.tell("returned", {"refunded_amount": story.cart["order_amount"] + 1}, hours=30)


def returned_never_shipped(story: Story) -> None:
    """Waits in vain for a shipment."""
    story.place()
    parts = split_lines(goods(story.cart), 2, story.rng)
    story.ship({"order_lines": named(parts[0])})
    story.tell("returned", {"order_lines": named(parts[-1])}, hours=30)


def amended_below_captured(story: Story) -> None:
    story.place()
    parts = split_lines(goods(story.cart), 2, story.rng)
    story.ship({"order_lines": named(parts[0])})
    line = {"reference": "TINY", "name": "Sticker", "quantity": 1, "unit_price": 1, "total_amount": 1}
    story.tell("amended", {"order_amount": 1, "order_lines": [line]}, hours=30)


def sums_wrong(story: Story) -> None:
    """The line, the order, the tax or the order's tax doesn't add up; what ships after it is rejected with it."""
    bad = deepcopy(story.cart)
    line = bad["order_lines"][0]
    where = story.rng.randrange(4)
    if where == 0:
        line["total_amount"] += 1
    elif where == 1:
        bad["order_amount"] += 1
    elif where == 2:
        line["total_tax_amount"] = line["total_amount"]
        line["tax_rate"] = 500
    else:
        bad["order_tax_amount"] = bad["order_amount"] + 7
    story.tell("placed", bad)
    story.ship()
    if story.rng.random() < 0.6:
        good = deepcopy(story.cart)
        good["payment"][token_of(good)] += "-2"
        story.tell("placed", good, hours=HOUR)
        story.ship()


def parts_sums_wrong(story: Story) -> None:
    """`captured_amount` and `refunded_amount` beside lines that come to something else."""
    story.place()
    lines = named(goods(story.cart))
    story.ship({"order_lines": lines, "captured_amount": story.cart["order_amount"] + 1})
    story.ship({"order_lines": lines, "captured_amount": story.cart["order_amount"]})
    returned = {"order_lines": lines, "refunded_amount": story.cart["order_amount"] - 1}
    story.tell("returned", returned, hours=40)


def beyond_limits(story: Story) -> None:
    """A name, a price or a kind of line that Klarna doesn't take."""
    line = story.cart["order_lines"][0]
    where = story.rng.randrange(3)
    if where == 0:
        line["name"] = (line["name"] + " ") * (256 // len(line["name"]) + 1)
    elif where == 1:
        line.update(quantity=1, unit_price=200_000_001, total_amount=200_000_001, total_discount_amount=0)
        line.pop("total_tax_amount", None)
        story.cart.pop("order_tax_amount", None)
    else:
        _physical_discount(story.cart)
    story.cart["order_amount"] = sum(one["total_amount"] for one in story.cart["order_lines"])
    whole(story)
    story.complete = False


def _physical_discount(cart: Json) -> None:
    cart["order_lines"].append(
        {"reference": "D", "name": "Discount", "quantity": 1, "unit_price": -5, "tax_rate": 0, "total_amount": -5},
    )


def placed_broken(story: Story) -> None:
    """The first `placed` breaks the schema; what ships waits for the repaired one, or in vain."""
    bad = deepcopy(story.cart)
    del bad["order_lines"][0]["unit_price"]
    story.tell("placed", bad)
    story.tell("shipped", {}, early=True)
    if story.rng.random() < 0.6:
        story.place(early=True)


ODD: dict[str, tuple[int, Tale]] = {
    tale.__name__: (weight, tale)
    for weight, tale in [
        (30, placed_only), (25, refused), (12, placed_twice), (12, shipment_twice), (12, return_twice),
        (12, unknown_line), (12, too_much), (15, nothing_left), (8, cancelled_too_much), (8, returned_too_much),
        (6, returned_never_shipped), (6, amended_below_captured), (20, sums_wrong), (8, parts_sums_wrong),
        (8, beyond_limits), (8, placed_broken),
    ]
}  # fmt: skip
