"""A worker is frozen (SIGSTOP) beyond its lease, like a suspended host: another one continues, and nothing happens twice."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ordersaga_local.parts import Kafka, Parts, Postgres
from ordersaga_local.stage import Process

from .play import CREATE, Json, Play, placed, playing, shipped, until

SCRIPT = Path(__file__).with_name("freezing.py")


@dataclass
class Pair:
    """`frozen` takes the events in and acts first for each order; `other` continues."""

    play: Play
    frozen: Process
    wish: Path

    def calls(self, subject: str) -> list[Json]:
        """Requests that create the order or capture."""
        found = self.play.sandbox.requests()
        orders = {
            effect["order_id"] for effect in self.play.sandbox.effects() if effect["merchant_reference1"] == subject
        }
        return [
            one
            for one in found
            if one["method"] == "POST"
            and any(f"/{part}" in one["path"] for part in (f"sbx-default-{subject}/", *orders))
        ]

    def stopped(self) -> bool:
        stat = Path(f"/proc/{self.frozen.pid}/stat").read_text()
        return stat.rsplit(")", 1)[1].split()[0] == "T"

    async def thaw(self) -> None:
        self.frozen.signal(signal.SIGCONT)
        await asyncio.sleep(1)  # for anything that it may still do


@pytest.fixture(scope="module")
async def pair(kafka: Kafka, postgres: Postgres, migrated: str) -> AsyncIterator[Pair]:
    async with playing(Parts(kafka, postgres), migrated) as play:
        wish = play.stage.folder / "freeze"
        play.service("other", "worker", "relay")
        frozen = play.service("frozen", script=SCRIPT, FREEZE_FILE=str(wish))
        await until(lambda: '"reading"' in play.logged("frozen"), 30, lambda: play.logged("frozen"))
        await until(lambda: '"running"' in play.logged("other"), 30, lambda: play.logged("other"))
        yield Pair(play, frozen, wish)


async def _all_went_well(pair: Pair, events: int) -> None:
    await pair.play.ended(events)
    assert pair.play.doubled() == []
    assert await pair.play.restless() == []


@pytest.mark.parametrize("what", [pytest.param("placed", marks=pytest.mark.long), "shipped"])
async def test_a_worker_frozen_past_its_lease_between_claim_and_send_does_not_send(pair: Pair, what: str) -> None:
    subject, before = f"unsent-{what}", len(pair.play.books.finals)
    events = [placed(subject), shipped(subject)]
    if what == "shipped":
        await pair.play.publish([events.pop(0)])
        await pair.play.ended(before + 1)
    made = len(pair.calls(subject))
    pair.wish.write_text("before the check")
    await pair.play.publish(events[:1])
    await until(pair.stopped, 10, "not frozen")
    assert len(pair.calls(subject)) == made
    await until(lambda: len(pair.calls(subject)) == made + 1, 10, "nobody went on")
    await pair.thaw()
    assert len(pair.calls(subject)) == made + 1
    await _all_went_well(pair, before + (2 if what == "shipped" else 1))


async def test_a_request_that_a_thawed_worker_sends_after_its_lease_takes_no_second_effect(pair: Pair) -> None:
    subject, before = "late", len(pair.play.books.finals)
    pair.wish.write_text("before the send")
    await pair.play.publish([placed(subject)])
    await until(pair.stopped, 10, "not frozen")
    await until(lambda: pair.calls(subject), 10, "nobody went on")
    await pair.thaw()
    other, late = pair.calls(subject)
    assert late["replay"], other
    await _all_went_well(pair, before + 1)


async def test_a_call_whose_worker_froze_after_the_send_is_resolved_by_another_one(pair: Pair) -> None:
    subject, before = "sent", len(pair.play.books.finals)
    late = {"action": "delay", "effect": True, "seconds": 0.5, "method": "POST", "route": CREATE, "times": 1}
    pair.play.sandbox.control("faults", "POST", late)
    await pair.play.publish([placed(subject)])
    await until(lambda: pair.calls(subject), 10, "not sent")
    pair.frozen.signal(signal.SIGSTOP)
    await until(lambda: len(pair.calls(subject)) == 2, 10, "nobody went on")
    await pair.thaw()
    await _all_went_well(pair, before + 1)
    first, second = pair.calls(subject)
    assert second["replay"], first
