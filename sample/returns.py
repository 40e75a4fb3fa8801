"""The real credit notes, told as returns of the orders which they most likely belong to."""

from collections import defaultdict
from datetime import timedelta
from random import Random
from typing import Any

from sample.orders import Invoice
from sample.stories import Story
from sample.timing import same_whatever_the_timing

Json = dict[str, Any]
NOT_GOODS = {"D", "M", "S", "CRUK", "BANK CHARGES", "AMAZONFEE"}


def add_returns(
    stories: list[Story], owners: dict[str, int | None], credits_: list[Invoice], rng: Random
) -> list[Story]:
    """Add each credit to the customer's last order that has its goods; a share of those without becomes strays."""
    by_customer: defaultdict[int | None, list[Story]] = defaultdict(list)
    for story in stories:
        by_customer[owners.get(f"{story.merchant}/{story.subject}")].append(story)
    strays: list[Story] = []
    for note in credits_:
        mine = by_customer[note.customer] if note.customer is not None else []
        owner = _order_of(note, mine)
        if owner is not None and owner.complete:
            _add(owner, note)
        elif owner is None and rng.random() < 0.3:
            strays.append(_stray(note))
    return strays


def _order_of(note: Invoice, mine: list[Story]) -> Story | None:
    earlier = [story for story in mine if story.start <= note.time]
    fitting = [story for story in earlier if _matches(note, story)]
    if not fitting and _is_amount(note):
        fitting = earlier
    return fitting[-1] if fitting else None


def _matches(note: Invoice, story: Story) -> bool:
    references = {line["reference"] for line in story.cart["order_lines"]}
    return any(item.code in references for item in note.items)


def _is_amount(note: Invoice) -> bool:
    return all(item.code in NOT_GOODS for item in note.items)


def _add(story: Story, note: Invoice) -> None:
    data = _amount(note) if _is_amount(note) and not _matches(note, story) else _lines(note, story.rng)
    wait = (note.time - story.steps[-1].at) / timedelta(hours=1)
    story.tell("returned", {"return_id": note.number} | data, hours=max(wait, 1.0))
    if not same_whatever_the_timing(story.events()):
        story.steps.pop()


def _amount(note: Invoice) -> Json:
    return {"refunded_amount": -sum(item.quantity * item.price for item in note.items), "description": "allowance"}


def _lines(note: Invoice, rng: Random) -> Json:
    lines: list[Json] = [{"reference": item.code, "quantity": -item.quantity} for item in note.items]
    if len(lines) == 1 and rng.random() < 0.1:
        worth = -note.items[0].quantity * note.items[0].price
        lines[0]["total_amount"] = worth * rng.randrange(30, 90) // 100
    return {"order_lines": lines}


def _stray(note: Invoice) -> Story:
    """A return of an order which the shop never told of."""
    story = Story("default", f"R{note.number[1:]}", "unknown_order", {}, note.time, Random(note.number))  # noqa: S311 - made-up histories, not secrets
    data = _amount(note) if _is_amount(note) else _lines(note, story.rng)
    story.tell("returned", {"return_id": note.number} | data)
    return story
