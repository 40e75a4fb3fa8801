"""Stories of authorizations and customer tokens: abandoned, tokens that don't pay, subscriptions."""

from copy import deepcopy
from datetime import datetime
from random import Random
from typing import Any

from sample.good_stories import HOUR, Tale, whole
from sample.stories import Story, pays_with

Json = dict[str, Any]
MARKETS = {"default": ("GB", "GBP"), "gifts": ("DE", "EUR")}
"""Where the shop's subscriptions are sold: Klarna makes customer tokens in the currency of the country only."""


def tokenized(story: Story) -> None:
    """A customer token is made beside the order."""
    story.cart["payment"]["tokenize"] = {"description": "For next time", "intended_use": "SUBSCRIPTION"}
    story.cart["locale"] = f"en-{story.cart['purchase_country']}"
    whole(story)


def may_be_tokenized(cart: Json) -> bool:
    sold = (cart["purchase_country"], cart["purchase_currency"])
    return sold in MARKETS.values()


def abandoned(story: Story) -> None:
    """The customer leaves before the order is placed; now and then they come back."""
    story.tell("authorization_abandoned", {"authorization_token": story.cart["payment"]["authorization_token"]})
    if story.rng.random() < 0.3:
        story.cart["payment"]["authorization_token"] += "-2"
        story.place()
        story.ship()


def token_fails(story: Story) -> None:
    """The subscription's token or its way of payment can't pay; sometimes the customer then pays by themselves."""
    good = deepcopy(story.cart)
    state = story.rng.choice(["suspended", "canceled", "failing", "unavailable"])
    story.cart["payment"] = pays_with("customer_token", f"sbx-{state}-{story.merchant}-{story.subject}")
    whole(story)
    story.complete = False
    if story.rng.random() < 0.5:
        good["payment"] = pays_with("authorization_token", f"sbx-{story.merchant}-{story.subject}-2")
        story.tell("placed", good, hours=HOUR)


def tracking_of_no_shipment(story: Story) -> None:
    """Of a shipment that never comes: known at once when nothing is left to ship, else at the deadline."""
    story.place()
    story.ship({"shipment_id": "S1", **({"captured_amount": 100} if story.rng.random() < 0.4 else {})})
    info = {"shipping_info": [{"shipping_company": "Sample Post", "tracking_number": f"SP{story.subject}"}]}
    story.tell("tracking_added", {"shipment_id": "S2", **info}, hours=HOUR)


OF_ORDERS: dict[str, tuple[int, Tale]] = {
    tale.__name__: (weight, tale)
    for weight, tale in [(15, tokenized), (12, abandoned), (12, token_fails), (6, tracking_of_no_shipment)]
}
NEEDS_AUTHORIZATION = {"abandoned", "tokenized"}


def subscription(subject: str, merchant: str, start: datetime, rng: Random) -> Story:
    """A customer token is asked for, and mostly cancelled some weeks later."""
    tale = rng.choices([t for _, t in OF_SUBSCRIPTIONS], [weight for weight, _ in OF_SUBSCRIPTIONS])[0]
    country, currency = MARKETS[merchant]
    asked = {
        "authorization_token": f"sbx-{merchant}-sub-{subject}",
        "purchase_country": country,
        "purchase_currency": currency,
        "locale": f"en-{country}",
        "description": "A parcel each month",
        "intended_use": "SUBSCRIPTION",
    }
    story = Story(merchant, subject, tale.__name__, asked, start, rng, prefix="token-")
    tale(story)
    return story


def token_kept(story: Story) -> None:
    story.tell("customer_token_requested", story.cart)


def token_cancelled(story: Story) -> None:
    token_kept(story)
    story.tell("customer_token_cancelled", {}, hours=story.rng.uniform(200, 1200))


def token_cancelled_by_name(story: Story) -> None:
    """A token that the shop had before."""
    story.tell("customer_token_cancelled", {"customer_token": f"sbx-{story.merchant}-old-{story.subject}"})


def token_cancelled_early(story: Story) -> None:
    """The cancellation overtakes the request."""
    story.tell("customer_token_cancelled", {})
    story.tell("customer_token_requested", story.cart, early=True)


def token_refused(story: Story) -> None:
    """The customer agreed to a purchase only, or the provider refuses; there is nothing to cancel."""
    start = story.rng.choice(["sbx-buy-", "sbx-reject-"])
    story.cart["authorization_token"] = f"{start}{story.merchant}-{story.subject}"
    token_cancelled(story)


def token_unknown(story: Story) -> None:
    """Waits in vain for its request."""
    story.tell("customer_token_cancelled", {})


OF_SUBSCRIPTIONS = [
    (40, token_kept),
    (40, token_cancelled),
    (10, token_cancelled_by_name),
    (10, token_cancelled_early),
    (15, token_refused),
    (8, token_unknown),
]
