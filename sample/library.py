"""All stories of the sample, and their records in the order of publishing."""

from copy import deepcopy
from random import Random
from typing import Any

from sample.carts import COUNTRIES, EURO, cart, merchant_of
from sample.changes import add_changes
from sample.checkout_stories import SHARE, checkout_tale
from sample.good_stories import GOOD, Tale, may_have_fee, returned_with_fee, whole
from sample.mollie_stories import mollie_tale
from sample.noise import in_other_forms, noise
from sample.odd_stories import ODD, placed_only
from sample.oracle import Key
from sample.orders import Invoice
from sample.returns import add_returns
from sample.stories import Step, Story, goods, pays_with
from sample.subscribers import Subscribers
from sample.timing import same_whatever_the_timing
from sample.token_stories import NEEDS_AUTHORIZATION, OF_ORDERS, may_be_tokenized

from sample import mollie_stories

Json = dict[str, Any]
MOST_LINES = 40
GIANTS = 8
LEAST_TO_SPLIT = 1000
TALES: dict[str, tuple[int, Tale]] = GOOD | ODD | OF_ORDERS


def library(invoices: list[Invoice], seed: int) -> tuple[list[Json], dict[Key, str]]:
    """The records to publish, and the kind of the story of each order and subscription."""
    rng = Random(seed)  # noqa: S311 - made-up histories, not secrets
    chosen = _choose([invoice for invoice in invoices if not invoice.is_credit])
    subscribers = Subscribers(chosen, rng)
    stories = _with_ids_of_others([_story(invoice, subscribers, seed) for invoice in chosen], rng)
    owners = {f"{merchant_of(invoice)}/{invoice.number}": invoice.customer for invoice in chosen}
    stories += add_returns(stories, owners, [invoice for invoice in invoices if invoice.is_credit], rng)
    stories += subscribers.stories(seed)
    kinds = {story.events()[0].key: story.kind for story in stories}
    in_other_forms(stories, rng)
    extra = noise(stories, rng)
    return _published([step for story in stories for step in story.steps], extra), kinds


def _choose(invoices: list[Invoice]) -> list[Invoice]:
    """The smaller orders, the largest ones, and a third of those that are no orders at all."""
    tidy = [invoice for invoice in invoices if _is_tidy(invoice)]
    untidy = [invoice for invoice in invoices if not _is_tidy(invoice)]
    giants = sorted(tidy, key=lambda invoice: (len(invoice.items), invoice.number))[-GIANTS - 2 :]
    both = Invoice(
        giants[0].number, giants[0].time, None, giants[0].country, giants[0].items + giants[1].items,
    )  # fmt: skip
    small = [invoice for invoice in tidy if len(invoice.items) <= MOST_LINES]
    return sorted([both, *giants[2:], *small, *untidy[::3]], key=lambda invoice: (invoice.time, invoice.number))


def _is_tidy(invoice: Invoice) -> bool:
    return all(item.quantity > 0 and item.name for item in invoice.items)


def _story(invoice: Invoice, subscribers: Subscribers, seed: int) -> Story:
    rng = Random(f"{seed}/{invoice.number}")  # noqa: S311 - made-up histories, not secrets
    merchant = merchant_of(invoice)
    country = COUNTRIES.get(invoice.country, "GB")
    currency = "EUR" if merchant == "gifts" and country in EURO else "GBP"
    order = cart(invoice, currency, pays_with("authorization_token", f"sbx-{merchant}-{invoice.number}"), rng)
    if _is_simple(invoice) and order["order_amount"] >= LEAST_TO_SPLIT:
        order["payment"] = subscribers.payment(invoice) or order["payment"]
    tale = _tale(invoice, order, rng)
    for attempt in (tale, whole):
        story = Story(merchant, invoice.number, attempt.__name__, deepcopy(order), invoice.time, rng)
        attempt(story)
        if same_whatever_the_timing(story.events()):
            break
    add_changes(story)
    return story


def _is_simple(invoice: Invoice) -> bool:
    return _is_tidy(invoice) and len(invoice.items) <= MOST_LINES


def _tale(invoice: Invoice, order: Json, rng: Random) -> Tale:
    if not _is_tidy(invoice) or len(invoice.items) > 1000:
        return placed_only
    if len(goods(order)) < 2 or order["order_amount"] < LEAST_TO_SPLIT:
        return whole
    if len(invoice.items) > MOST_LINES:
        return rng.choice([whole, GOOD["by_lines"][1]])
    if may_have_fee(order) and rng.random() < 0.25:
        return returned_with_fee
    if "authorization_token" in order["payment"] and (elsewhere := _elsewhere(invoice)):
        return elsewhere
    fitting = [(weight, tale) for name, (weight, tale) in TALES.items() if _may_tell(name, order)]
    return rng.choices([tale for _, tale in fitting], [weight for weight, _ in fitting])[0]


def _elsewhere(invoice: Invoice) -> Tale | None:
    """A share of the orders is paid at Mollie, or bought in the Checkout."""
    for name, share, tale in (("mollie", mollie_stories.SHARE, mollie_tale), ("checkout", SHARE, checkout_tale)):
        own = Random(f"{name}/{invoice.number}")  # noqa: S311 - made-up histories, not secrets
        if own.random() < share[merchant_of(invoice)]:
            return tale(own)
    return None


def _may_tell(name: str, order: Json) -> bool:
    if name in NEEDS_AUTHORIZATION and "authorization_token" not in order["payment"]:
        return False
    return name != "tokenized" or may_be_tokenized(order)


def _with_ids_of_others(stories: list[Story], rng: Random) -> list[Story]:
    """Give some orders of `gifts` the order ids, and so the event ids, that `default` has as well."""
    subjects = [story.subject for story in stories if story.merchant == "default"]
    for story in rng.sample([story for story in stories if story.merchant == "gifts" and not story.complete], 10):
        taken = rng.choice(subjects)
        subjects.remove(taken)
        for step in story.steps:
            step.event["id"] = step.event["id"].replace(story.subject, taken, 1)
            step.event["subject"] = taken
            if "shipment_id" in step.event["data"]:
                step.event["data"]["shipment_id"] = step.event["data"]["shipment_id"].replace(story.subject, taken, 1)
        story.subject = taken
    return stories


def _published(own: list[Step], extra: list[Step]) -> list[Json]:
    """By time; a record that repeats or mends another comes after it."""
    ordered = sorted([*own, *extra], key=lambda step: step.at)
    return [step.event for step in ordered]
