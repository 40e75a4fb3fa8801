"""Orders at Mollie in the whole product, told by its webhooks, by scheduled reads, and by hand."""

import asyncio
import signal

import pytest

from ordersaga_local import parts

from .conftest import Opening
from .mollie import SLOW, Clock, Story, amiss, post_form, purchase, reads_of, served, tell_all
from .mollie_stories import MOVES, STORIES
from .play import playing, until

Ended = dict[str, BaseException | None]


@pytest.fixture(scope="module")
async def told(kafka: parts.Kafka, postgres: parts.Postgres, migrated: str) -> Ended:
    """How each story ended; each webhook comes twice, at the same time."""
    async with playing(parts.Parts(kafka, postgres), migrated, served() | SLOW) as play:
        play.sandbox.control("switches", "PUT", {"delivery_copies": 2, "mollie_shipping_at_expiry": "expired"})
        play.service()
        ended = await tell_all(play, STORIES, *MOVES)
        problems = await amiss(play)
        return ended | {"": AssertionError("\n".join(problems)) if problems else None}


@pytest.mark.parametrize("name", STORIES)
def test_a_story(told: Ended, name: str) -> None:
    if told[name] is not None:
        raise AssertionError(name) from told[name]


def test_in_the_end_the_outcomes_are_the_ledger_s_and_nothing_is_left_to_do(told: Ended) -> None:
    if told[""] is not None:
        raise AssertionError from told[""]
