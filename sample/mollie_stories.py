"""Stories of orders that the customer pays at Mollie, later or first.

Which of the sandbox's customers comes is told by marks in the e-mail address of the billing address.
"""

from random import Random
from typing import Any

from sample.carts import address, tax_of
from sample.good_stories import (
    HOUR,
    Tale,
    all_lines_cancelled,
    amended,
    by_lines,
    by_quantities,
    cancelled_after_lines,
    cancelled_after_part,
    cancelled_before_placed,
    closed_after_part,
    lines_cancelled_then_rest,
    part_then_rest,
    quantities_cancelled,
    returned_before_shipped,
    returned_in_parts,
    returned_whole,
    returned_with_fee,
    shipped_before_placed,
    whole,
    whole_lines,
    whole_named,
)
from sample.odd_stories import (
    cancelled_too_much,
    nothing_left,
    parts_sums_wrong,
    placed_only,
    return_twice,
    returned_too_much,
    shipment_twice,
    unknown_line,
)
from sample.stories import Story, goods, named, split_lines

Json = dict[str, Any]
SHARE = {"default": 0.16, "gifts": 0.2}
"""Of each merchant's orders that are no others' (by customer token, with a fee) and may be told in parts."""
SHOP = "https://shop.example"
NOT_AT_MOLLIE = {"merchant_reference2", "auto_capture"}
FIRST = ["ideal", "creditcard", "bancontact", "paypal", "banktransfer"]
LATE_SECONDS = (1, 2, 3)
OF_LATER: list[tuple[int, Tale]] = [
    (30, whole), (8, whole_named), (6, whole_lines), (12, by_lines), (14, by_quantities), (8, part_then_rest),
    (8, closed_after_part), (5, cancelled_after_part), (6, lines_cancelled_then_rest), (4, quantities_cancelled),
    (3, all_lines_cancelled), (4, cancelled_before_placed), (3, cancelled_after_lines), (8, amended),
    (4, shipped_before_placed), (4, returned_before_shipped), (8, returned_whole), (10, returned_in_parts),
    (5, returned_with_fee), (3, placed_only), (3, shipment_twice), (3, return_twice), (4, unknown_line),
    (4, nothing_left), (3, cancelled_too_much), (3, returned_too_much), (3, parts_sums_wrong),
]  # fmt: skip
OF_FIRST: list[tuple[int, Tale]] = [
    (30, whole), (8, whole_named), (10, by_lines), (10, by_quantities), (6, part_then_rest), (4, shipped_before_placed),
    (8, returned_whole), (8, returned_in_parts), (3, returned_with_fee), (4, placed_only), (3, shipment_twice), (4, unknown_line),
]  # fmt: skip


def mollie_tale(rng: Random) -> Tale:
    return rng.choices([tale for _, tale in TALES], [weight for weight, _ in TALES])[0]


def _then(story: Story, tales: list[tuple[int, Tale]]) -> None:
    story.rng.choices([tale for _, tale in tales], [weight for weight, _ in tales])[0](story)


def _at_mollie(story: Story, marks: str, method: str | list[str] | None, **payment: str) -> None:
    """Changes the cart: the customer pays at Mollie, as the marks say."""
    cart, rng = story.cart, story.rng
    for name in NOT_AT_MOLLIE & cart.keys():
        del cart[name]
    cart["order_lines"] = [line for line in cart["order_lines"] if line["quantity"]]
    country = cart["purchase_country"]
    cart["payment"] = {"provider": "mollie", "redirect_url": f"{SHOP}/thanks", **payment}
    if method is not None or rng.random() < 0.5:
        cart["payment"]["method"] = method
    cart["locale"] = f"en-{country}"
    billing = address(country, rng)
    billing["email"] = billing["email"].replace("@", f"{marks}@")
    cart["billing_address"] = billing
    if rng.random() < 0.15:
        _round_otherwise(cart)


def _round_otherwise(cart: Json) -> None:
    """A tax that is 1 off, as shops round: Mollie is told what its own formula gives."""
    line = next((line for line in cart["order_lines"] if line["tax_rate"] and line["total_amount"] > 100), None)
    if line is not None:
        line["total_tax_amount"] = tax_of(line["total_amount"], line["tax_rate"]) - 1


def _late(story: Story) -> str:
    return f"-late-{story.rng.choice(LATE_SECONDS)}"


def _pay_later(story: Story) -> tuple[str, str | list[str] | None]:
    """The mark, and the method that the shop asks for."""
    roll = story.rng.random()
    if roll < 0.7:
        return "+pay", story.rng.choice(["klarna", "klarna", "klarna", "in3", "riverty"])
    return ("+pay", ["klarna", "ideal"]) if roll < 0.85 else ("+authorize", None)


def _pay_first(story: Story) -> tuple[str, str | list[str] | None]:
    roll = story.rng.random()
    if roll < 0.7:
        return "+pay", story.rng.choice(FIRST)
    return "+pay", ["ideal", "klarna"] if roll < 0.85 else None


def mollie_later(story: Story) -> None:
    """Authorized, and captured by shipments."""
    _at_mollie(story, *_pay_later(story))
    _then(story, OF_LATER)


def mollie_first(story: Story) -> None:
    """Paid at once: shipments take no money."""
    _at_mollie(story, *_pay_first(story))
    _then(story, OF_FIRST)


def mollie_late(story: Story) -> None:
    """The customer takes their time; what needs the money waits."""
    first = story.rng.random() < 0.4
    mark, method = (_pay_first if first else _pay_later)(story)
    _at_mollie(story, mark + _late(story), method)
    _then(story, OF_FIRST if first else OF_LATER)


def mollie_reviewed(story: Story) -> None:
    """Klarna reviews before it authorizes."""
    _at_mollie(story, f"+pending+pay{_late(story)}", "klarna")
    whole(story)


def mollie_retried(story: Story) -> None:
    """The first payment fails, and the customer tries again, now or a little later."""
    first = story.rng.random() < 0.5
    mark, method = (_pay_first if first else _pay_later)(story)
    late = _late(story) if story.rng.random() < 0.5 else ""
    _at_mollie(story, f"+fail-first{mark}{late}", method)

    def begin(story: Story) -> None:
        story.tell("placed", story.cart)
        story.tell("payment_retried", {}, hours=0.1)

    story.begin = begin
    story.rng.choice([whole, by_lines, by_quantities, returned_whole])(story)


def mollie_failed(story: Story) -> None:
    """The payment fails, is cancelled or expires, now and then a second time; the shop gives the order up."""
    ends = story.rng.choice(["+fail", "+cancel", "+expire"])
    late = _late(story) if story.rng.random() < 0.3 else ""
    _at_mollie(story, ends + late, story.rng.choice(["klarna", "ideal", "creditcard"]))
    story.place()
    if not late and story.rng.random() < 0.5:
        story.tell("payment_retried", {}, hours=0.1)
    story.tell(story.rng.choice(["cancelled", "cancelled", "closed"]), {"reason": "it wasn't paid"}, hours=30)


def mollie_cancelled(story: Story) -> None:
    """While the customer may still pay, or after that."""
    late = _late(story) if story.rng.random() < 0.6 else ""
    _at_mollie(story, f"+pay{late}", story.rng.choice(["klarna", "in3"]))
    story.place()
    story.tell("cancelled", {"reason": "the customer changed their mind"}, hours=HOUR)


def mollie_recurring(story: Story) -> None:
    """A payment of a subscription; some customers have no mandate."""
    mandate = "cst_" if story.rng.random() < 0.75 else "cst_nomandate"
    customer = {"sequence_type": "recurring", "customer_id": f"{mandate}{story.subject}"}
    _at_mollie(story, "", story.rng.choice(["creditcard", "directdebit"]), **customer)
    whole(story)
    if mandate != "cst_":
        story.complete = False


def mollie_declined(story: Story) -> None:
    """Klarna declines to change its authorization; what was ordered ships."""
    _at_mollie(story, "+pay+decline", "klarna")
    story.place()
    part = {"order_lines": named(split_lines(goods(story.cart), 2, story.rng)[0])}
    what, lines = story.rng.choice([("cancelled", part), ("cancelled", {}), ("closed", {})])
    story.tell(what, {"reason": "too late", **lines}, hours=HOUR)
    story.ship()
    story.complete = True


def mollie_lacks(story: Story) -> None:
    """What Mollie doesn't have: amounts without lines, tracking of the order, Klarna's services."""
    _at_mollie(story, *_pay_later(story))
    story.place()
    parcel = {"shipping_company": "Sample Post", "tracking_number": f"SP{story.subject}"}
    story.ship({"captured_amount": story.cart["order_amount"] - 1})
    story.tell("tracking_added", {"shipping_info": [parcel]}, hours=HOUR)
    story.tell("authorization_extension_requested", {}, hours=HOUR)
    story.ship({"shipment_id": "S1", "shipping_info": [parcel, parcel]})
    story.ship({"shipment_id": "S1", "shipping_info": [parcel]}, hours=HOUR)
    story.tell("invoice_resend_requested", {"shipment_id": "S1"}, hours=HOUR)
    story.tell("returned", {"refunded_amount": story.rng.randrange(1, 60)}, hours=30)


def mollie_refused(story: Story) -> None:
    """Mollie doesn't take the order; sometimes the shop places it as it should be."""
    _at_mollie(story, *_pay_later(story))
    good = dict(story.cart)
    where = story.rng.randrange(3)
    if where == 0:
        story.cart = good | {"merchant_reference2": "web-1"}
    elif where == 1:
        story.cart = good | {"billing_address": {**good["billing_address"], "city": ""}}
    else:
        empty = {
            "reference": "LEAFLET",
            "name": "Leaflet",
            "quantity": 0,
            "unit_price": 0,
            "tax_rate": 0,
            "total_amount": 0,
        }
        story.cart = good | {"order_lines": [*good["order_lines"], empty]}
    whole(story)
    story.complete = False
    if story.rng.random() < 0.6:
        story.tell("placed", good, hours=HOUR)


def mollie_amounts(story: Story) -> None:
    """Amounts of the shop's own for parts, which Mollie takes of discounted lines only."""
    _at_mollie(story, *_pay_later(story))
    line = story.rng.choice([line for line in story.cart["order_lines"] if line["unit_price"] > 1])
    if line["quantity"] < 3:
        line["quantity"] += 3
    line["total_discount_amount"] = line["quantity"]
    line["total_amount"] = line["quantity"] * (line["unit_price"] - 1)
    for one in story.cart["order_lines"]:
        one.pop("total_tax_amount", None)
    story.cart.pop("order_tax_amount", None)
    story.cart["order_amount"] = sum(one["total_amount"] for one in story.cart["order_lines"])
    story.place()
    part = {"reference": line["reference"], "quantity": 2}
    most = 2 * line["unit_price"]
    story.ship({"order_lines": [part | {"total_amount": story.rng.choice([most, most - 1, most + 1])}]})
    other = next(one for one in story.cart["order_lines"] if one is not line)
    story.ship({"order_lines": [{"reference": other["reference"], "total_amount": other["total_amount"] - 1}]})
    story.ship()


TALES: list[tuple[int, Tale]] = [
    (40, mollie_later), (22, mollie_first), (22, mollie_late), (5, mollie_reviewed), (16, mollie_retried),
    (14, mollie_failed), (8, mollie_cancelled), (8, mollie_recurring), (7, mollie_declined), (7, mollie_lacks),
    (7, mollie_refused), (8, mollie_amounts),
]  # fmt: skip
