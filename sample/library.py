"""All stories of the sample, and their records in the order of publishing."""

from copy import deepcopy
from random import Random
from typing import Any

from sample.carts import COUNTRIES, EURO, cart
from sample.good_stories import GOOD, Tale, may_have_fee, returned_with_fee, whole
from sample.noise import in_other_forms, noise
from sample.odd_stories import ODD, placed_only
from sample.orders import Invoice
from sample.returns import add_returns
from sample.stories import Step, Story, goods
from sample.timing import same_whatever_the_timing

Json = dict[str, Any]
MOST_LINES = 40
GIANTS = 8
TALES: dict[str, tuple[int, Tale]] = GOOD | ODD


def library(invoices: list[Invoice], seed: int) -> tuple[list[Json], dict[tuple[str, str], str]]:
    """The records to publish, and the kind of each order's story."""
    rng = Random(seed)  # noqa: S311 - made-up histories, not secrets
    chosen = _choose([invoice for invoice in invoices if not invoice.is_credit])
    stories = _with_ids_of_others([_story(invoice, seed) for invoice in chosen], rng)
    owners = {f"{_merchant(invoice)}/{invoice.number}": invoice.customer for invoice in chosen}
    stories += add_returns(stories, owners, [invoice for invoice in invoices if invoice.is_credit], rng)
    in_other_forms(stories, rng)
    extra = noise(stories, rng)
    kinds = {(story.merchant, story.subject): story.kind for story in stories}
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


def _merchant(invoice: Invoice) -> str:
    foreign = COUNTRIES.get(invoice.country, "GB") != "GB"
    return "gifts" if foreign or int(invoice.number) % 12 == 0 else "default"


def _story(invoice: Invoice, seed: int) -> Story:
    rng = Random(f"{seed}/{invoice.number}")  # noqa: S311 - made-up histories, not secrets
    merchant = _merchant(invoice)
    country = COUNTRIES.get(invoice.country, "GB")
    currency = "EUR" if merchant == "gifts" and country in EURO else "GBP"
    order = cart(invoice, currency, f"sbx-{merchant}-{invoice.number}", rng)
    tale = _tale(invoice, order, rng)
    for attempt in (tale, whole):
        story = Story(merchant, invoice.number, attempt.__name__, deepcopy(order), invoice.time, rng)
        attempt(story)
        if same_whatever_the_timing(story.events()):
            break
    return story


def _tale(invoice: Invoice, order: Json, rng: Random) -> Tale:
    if not _is_tidy(invoice) or len(invoice.items) > 1000:
        return placed_only
    if len(goods(order)) < 2 or order["order_amount"] < 1000:
        return whole
    if len(invoice.items) > MOST_LINES:
        return rng.choice([whole, GOOD["by_lines"][1]])
    if may_have_fee(order) and rng.random() < 0.25:
        return returned_with_fee
    return rng.choices([tale for _, tale in TALES.values()], [weight for weight, _ in TALES.values()])[0]


def _with_ids_of_others(stories: list[Story], rng: Random) -> list[Story]:
    """Give some orders of `gifts` the order ids, and so the event ids, that `default` has as well."""
    subjects = [story.subject for story in stories if story.merchant == "default"]
    for story in rng.sample([story for story in stories if story.merchant == "gifts" and not story.complete], 10):
        taken = rng.choice(subjects)
        subjects.remove(taken)
        for step in story.steps:
            step.event["id"] = step.event["id"].replace(story.subject, taken, 1)
            step.event["subject"] = taken
        story.subject = taken
    return stories


def _published(own: list[Step], extra: list[Step]) -> list[Json]:
    """By time; a record that repeats or mends another comes after it."""
    ordered = sorted([*own, *extra], key=lambda step: step.at)
    return [step.event for step in ordered]
