"""Stories of Klarna's Checkout: the customer buys on its page, or doesn't.

Which of the sandbox's customers comes is told by the text in `merchant_data`. Once there is one who buys, the shop changes
nothing any more: who is faster depends on timing. Only `sbx-quick-…` is faster for certain.
"""

from copy import deepcopy
from random import Random
from typing import Any

from sample.good_stories import (
    HOUR,
    Tale,
    amended,
    amended_cart,
    by_lines,
    by_quantities,
    closed_after_part,
    dearer,
    lines_cancelled_then_rest,
    part_then_rest,
    returned_before_shipped,
    returned_in_parts,
    returned_whole,
    whole,
    whole_named,
)
from sample.oracle_checkout import id_of
from sample.stories import Story

Json = dict[str, Any]
NOT_OF_CHECKOUT = {"payment", "auto_capture", "channel"}
SHOP = "https://shop.example"
SHARE = {"default": 0.055, "gifts": 0.08}
"""Of each merchant's orders that may be bought in the Checkout."""
SOON = 0.02
AFTER: list[tuple[int, Tale]] = [
    (40, whole), (10, whole_named), (15, by_lines), (15, by_quantities), (10, part_then_rest), (8, closed_after_part),
    (6, lines_cancelled_then_rest), (6, amended), (6, returned_before_shipped), (6, returned_whole), (8, returned_in_parts),
]  # fmt: skip
"""What happens once it is bought. No cancellation of the whole order, as that may come before the purchase is found."""


def checkout_tale(rng: Random) -> Tale:
    return rng.choices([tale for _, tale in TALES], [weight for weight, _ in TALES])[0]


def _then(story: Story) -> None:
    """The order comes about as `begin` tells, and goes on like any other."""
    story.rng.choices([tale for _, tale in AFTER], [weight for weight, _ in AFTER])[0](story)


def _text(story: Story, customer: str = "", suffix: str = "") -> str:
    return f"sbx-{customer}{story.merchant}-{story.subject}{suffix}"


def _wanted(story: Story, text: str, cart: Json | None = None) -> Json:
    """The data of `checkout_started`."""
    cart = deepcopy(story.cart if cart is None else cart)
    urls = {
        "terms": f"{SHOP}/terms",
        "checkout": f"{SHOP}/checkout",
        "confirmation": f"{SHOP}/thanks",
        "push": f"{SHOP}/klarna/{story.merchant}/push?klarna_order_id={{checkout.order.id}}",
    }
    kept = {name: value for name, value in cart.items() if name not in NOT_OF_CHECKOUT}
    kept |= {"locale": f"en-{cart['purchase_country']}", "merchant_urls": urls, "merchant_data": text}
    return kept | {"recurring": True} if story.rng.random() < 0.15 else kept


def _placed(story: Story, text: str) -> Json:
    """The data of a `placed` that names the Checkout order, some with what the customer bought."""
    named = {"payment": {"provider": "klarna", "checkout_order_id": id_of(text)}}
    kept = {name: story.cart[name] for name in ("purchase_country", "purchase_currency")}
    if story.rng.random() < 0.25:
        kept |= {name: deepcopy(story.cart[name]) for name in ("order_amount", "order_lines")}
    if story.rng.random() < 0.3:
        kept["merchant_reference2"] = f"thanks-{story.rng.randrange(10000)}"
    return named | kept


def checkout_unasked(story: Story) -> None:
    """The shop never says that it was bought: the service finds it."""
    story.begin = lambda story: story.tell("checkout_started", _wanted(story, _text(story)))
    _then(story)


def checkout_placed(story: Story) -> None:
    """The shop says so, now and then twice."""

    def begin(story: Story) -> None:
        text = _text(story)
        story.tell("checkout_started", _wanted(story, text))
        for _ in range(2 if story.rng.random() < 0.15 else 1):
            story.tell("placed", _placed(story, text), hours=SOON)

    story.begin = begin
    _then(story)


def checkout_updated(story: Story) -> None:
    """The customer changes the cart before they buy; sometimes the change overtakes the start."""

    def begin(story: Story) -> None:
        text, first = _text(story, "refuse-"), story.cart | amended_cart(story.cart, dearer)
        first.pop("order_tax_amount", None)
        last = {"order_amount": story.cart["order_amount"], "order_lines": deepcopy(story.cart["order_lines"])}
        last["merchant_data"] = _text(story)
        if story.rng.random() < 0.15:
            story.tell("checkout_updated", last)
            story.tell("checkout_started", _wanted(story, text, first), early=True)
        else:
            story.tell("checkout_started", _wanted(story, text, first))
            story.tell("checkout_updated", last, hours=SOON)
        if story.rng.random() < 0.5:
            story.tell("placed", _placed(story, text), hours=SOON)

    story.begin = begin
    _then(story)


def checkout_reviewed(story: Story) -> None:
    """The provider reviews what was bought."""

    def begin(story: Story) -> None:
        text = _text(story, "pending-")
        data = _wanted(story, text)
        data["merchant_urls"]["notification"] = f"{SHOP}/klarna/{story.merchant}/fraud"
        story.tell("checkout_started", data)
        if story.rng.random() < 0.5:
            story.tell("placed", _placed(story, text), hours=SOON)

    story.begin = begin
    whole(story)


def checkout_quick(story: Story) -> None:
    """The shop comes too late with what it wants to change."""

    def begin(story: Story) -> None:
        story.tell("checkout_started", _wanted(story, _text(story, "quick-")))
        if story.rng.random() < 0.6:
            story.tell("checkout_updated", amended_cart(story.cart, dearer), hours=SOON)
        else:
            story.tell("checkout_abandoned", {}, hours=SOON)

    story.begin = begin
    _then(story)


def checkout_abandoned(story: Story) -> None:
    """The customer refuses; now and then they come back, or the shop ships nevertheless."""
    story.tell("checkout_started", _wanted(story, _text(story, "refuse-")))
    story.tell("checkout_abandoned", {}, hours=HOUR)
    roll = story.rng.random()
    if roll < 0.3:
        story.tell("checkout_started", _wanted(story, _text(story, suffix="-2")), hours=HOUR)
        story.ship()
    elif roll < 0.5:
        story.tell("placed", story.cart, hours=HOUR)
        story.ship()
    elif roll < 0.7:
        story.ship()


def checkout_lapsed(story: Story) -> None:
    """The shop believes that it was bought; sometimes it was another one that never was."""
    if story.rng.random() < 0.7:
        text = _text(story, "lapse-")
        story.tell("checkout_started", _wanted(story, text))
    else:
        text = _text(story, "never-")
    story.tell("placed", _placed(story, text), hours=HOUR)
    story.ship()
    if story.rng.random() < 0.4:
        story.tell("placed", story.cart, hours=HOUR)
        story.ship()


def checkout_mistaken(story: Story) -> None:
    """The sums are wrong at first; and once it is bought, it is started again."""
    bad = deepcopy(story.cart)
    bad["order_amount"] += 1
    story.tell("checkout_started", _wanted(story, _text(story, "refuse-"), bad))
    story.tell("checkout_started", _wanted(story, _text(story, suffix="-2")), hours=SOON)
    story.ship()
    story.tell("checkout_started", _wanted(story, _text(story, suffix="-3")), hours=HOUR)


TALES: list[tuple[int, Tale]] = [
    (30, checkout_unasked), (35, checkout_placed), (25, checkout_updated), (12, checkout_reviewed), (14, checkout_quick),
    (26, checkout_abandoned), (12, checkout_lapsed), (8, checkout_mistaken),
]  # fmt: skip
