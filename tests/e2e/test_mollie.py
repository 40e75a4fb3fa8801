"""Orders at Mollie in the whole product, told by its webhooks, by scheduled reads, and by hand."""

import asyncio
import signal

import pytest

from ordersaga_local import parts

from .conftest import Opening
from .mollie import SLOW, Clock, Story, amiss, listening, post_form, purchase, reads_of, served, tell_all
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


# webhooks


async def test_what_no_webhook_tells_is_found_by_scheduled_reads(opened: Opening) -> None:
    """Payments, and what the time does; refunds are read every few hours only."""
    found = ("payment_fails", "cancelled_in_time", "cancelled_too_late", "nobody_pays", "reduced", "recurring")
    stories = {name: STORIES[name.replace("_", "-")] for name in found}
    often = {"ORDERSAGA_PAYMENT__FIRST": "0.3", "ORDERSAGA_PAYMENT__MOST": "1"}
    async with opened(served() | often) as play:
        play.sandbox.control("switches", "PUT", {"lost_deliveries": ["order_webhook", "payment_webhook"]})
        play.service()
        ended = await tell_all(play, stories, *MOVES)
        assert ended == dict.fromkeys(stories)
        assert await amiss(play) == []
        attempts = [attempt for one in play.sandbox.deliveries() for attempt in one["attempts"]]
        assert attempts
        assert all(attempt["error"] == "lost" for attempt in attempts), attempts


async def test_a_burst_of_webhooks_is_one_read_and_what_isn_t_ours_is_answered_all_the_same(opened: Opening) -> None:
    settings = served()
    async with opened(settings | SLOW) as play:
        play.service("web", "web")
        await listening(int(settings["ORDERSAGA_WEB__PORT"]))
        others = play.service("others", "intake", "worker", "relay")
        story = Story(play, Clock(play), "burst")
        await story.tell("placed", purchase(method="klarna"))
        await story.expect("payment_pending")
        there = await story.there()
        others.signal(signal.SIGSTOP)
        before = max(request["seq"] for request in play.sandbox.requests())
        await story.customer("pay")
        for _ in range(2):
            await story.dashboard("webhook", times=100)
        payment = there["_embedded"]["payments"][0]
        for url, ident in ((there["webhookUrl"], there["id"]), (payment["webhookUrl"], payment["id"])):
            assert [post_form(url, f"id={one}") for one in (ident, f"{ident[:4]}unknown")] == [200, 200]
        await until(lambda: not play.untold(), 30, "webhooks aren't sent")
        sent = [attempt["status"] for one in play.sandbox.deliveries() for attempt in one["attempts"]]
        assert sent == [200] * len(sent)
        assert len(sent) > 200
        others.signal(signal.SIGCONT)
        await story.expect("authorized")
        assert await amiss(play) == []
        assert reads_of(play, there["id"], before) == 1


async def test_the_id_of_a_payment_that_came_to_nothing_has_its_order_read(opened: Opening) -> None:
    """A second payment's too, which no webhook of the order tells of."""
    async with opened(served() | SLOW) as play:
        play.service()
        story = Story(play, Clock(play), "payments")
        await story.tell("placed", purchase(method="ideal"))
        for _ in range(2):
            await story.expect("payment_pending")
            await story.customer("fail")
            told = await story.expect("payment_pending")
            assert (told.data["result"]["payment_status"], told.data["final"]) == ("failed", False)
            await story.tell("payment_retried")
        await story.expect("payment_pending")
        told_by = [one for one in play.sandbox.deliveries() if one["kind"] == "payment_webhook"]
        assert len({one["body"] for one in told_by}) == 2
        assert await amiss(play, waiting=[story.name]) == []
        before = reads_of(play, story.id)
        payment = (await story.there())["_embedded"]["payments"][0]
        assert await asyncio.to_thread(post_form, payment["webhookUrl"], "id=tr_unknown") == 200
        await until(lambda: reads_of(play, story.id) == before + 1, 20, "the order isn't read")
        assert await amiss(play, waiting=[story.name]) == []
        assert reads_of(play, "tr_unknown") == 0, "a payment is no order"
