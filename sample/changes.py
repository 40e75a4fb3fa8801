"""What happens beside the shipments of an order: tracking numbers, new addresses and references, longer periods."""

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from sample.carts import address
from sample.oracle_changes import OFFERED_DAYS
from sample.oracle_checks import what_of
from sample.stories import Step, Story
from sample.timing import same_whatever_the_timing

Json = dict[str, Any]
AT_ONCE = timedelta(seconds=1)
OF_CHECKOUT = {"checkout_started", "checkout_updated"}


def add_changes(story: Story) -> None:
    """Adds a few events that move no money to a story, each where the contract says its end."""
    kinds = [what_of(step.event["type"]) for step in story.steps]
    bought = max((number for number, kind in enumerate(kinds) if kind in OF_CHECKOUT), default=-1)
    for number, step in reversed(list(enumerate(story.steps))):
        what = what_of(step.event["type"])
        if what == "placed" or number == bought:
            _after_placing(story, number)
        elif what == "shipped":
            _around_shipment(story, number, step)


def _after_placing(story: Story, number: int) -> None:
    at = story.steps[number].at + timedelta(minutes=10)
    if story.rng.random() < 0.04:
        moved = address(story.cart["purchase_country"], story.rng)
        _insert(story, number + 1, at, "address_changed", {"shipping_address": moved})
    if story.rng.random() < 0.05:
        reference = {_reference(story): f"moved-{story.rng.randrange(10000)}"}
        _insert(story, number + 1, at, "reference_changed", reference)
    if story.rng.random() < 0.03:
        _insert(story, number + 1, at, "authorization_extension_requested", {})


def _around_shipment(story: Story, number: int, step: Step) -> None:
    """Tracking comes before its shipment, with it or days later; what the customer asks of the invoice comes after it."""
    shipment = {"shipment_id": step.event["data"].get("shipment_id", step.event["id"])}
    later = step.at + timedelta(hours=story.rng.uniform(1, 40))
    tracking = {"shipping_info": [_parcel(story)]}
    roll = story.rng.random()
    if roll < 0.03:
        of_order = shipment if _is_at_mollie(story) else {}
        _insert(story, number + 1, later, "tracking_added", of_order | tracking)
    elif roll < 0.07:
        _insert(story, number + 1, later, "tracking_added", shipment | tracking)
    elif roll < 0.10:
        _insert(story, number + 1, step.at + AT_ONCE, "tracking_added", shipment | tracking)
    elif roll < 0.13:
        _insert(story, number, step.at - AT_ONCE, "tracking_added", shipment | tracking)
    if story.rng.random() < 0.03:
        _insert(story, number + 1, later, "invoice_resend_requested", dict(shipment))
    if story.rng.random() < 0.03:
        days = story.rng.choice([*sorted(OFFERED_DAYS), 21])
        _insert(story, number + 1, later, "due_date_extension_requested", shipment | {"number_of_days": days})


def _is_at_mollie(story: Story) -> bool:
    return bool(story.cart["payment"]["provider"] == "mollie")


def _reference(story: Story) -> str:
    """Mollie has one."""
    return "merchant_reference1" if _is_at_mollie(story) else "merchant_reference2"


def _parcel(story: Story) -> Json:
    number = f"SP{story.subject}{story.rng.randrange(100)}"
    return {"shipping_company": "Sample Post", "tracking_number": number, "shipping_method": "Home"}


def _insert(story: Story, place: int, at: datetime, what: str, data: Json) -> None:
    """Between the others, in time too; not where the end would depend on timing."""
    before, after = story.steps[:place], story.steps[place:]
    if before:
        at = max(at, before[-1].at)
    if after:
        at = min(at, after[0].at)
    steps = story.steps
    story.steps = [*before, Step(at, story.event(what, deepcopy(data), at)), *after]
    if not same_whatever_the_timing(story.events()):
        story.steps = steps
