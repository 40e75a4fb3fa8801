"""Runs a case against a running service: publishes its events in order, performs the steps between, waits for the end."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

from e2e.play import Play, record
from ordersaga_local.outcomes import Told

from . import mollie
from .checkout import Checkout
from .files import Case, Json, UnknownFormError, check_fields, fill_in

SERVICES: Final = ("service", "another")
_SECONDS: Final = 20.0
_OF_THE_RECORD: Final = frozenset({"key", "stamp"})
_DEFAULTS: Final = {"merchant": "default", "datacontenttype": "application/json", "time": "2026-01-01T00:00:00Z"}

Place = tuple[int, int]
"""Partition and offset of a record."""


@dataclass(frozen=True)
class DeadLetter:
    id: str
    place: Place
    code: str
    state: str


@dataclass(frozen=True)
class Sending:
    """A record that the producer has. `events`: the names of the event in it."""

    metadata: Awaitable[Any]
    events: Sequence[str]
    raw: bool


@dataclass
class Run:
    """`places`: of each event's record; `raw_places`: of the raw records; `problems_before`: of earlier cases."""

    play: Play
    producer: AIOKafkaProducer
    case: Case
    places: dict[str, Place] = field(default_factory=dict)
    raw_places: list[Place] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    problems_before: frozenset[str] = frozenset()
    checkout: Checkout | None = None
    _sending: list[Sending] = field(default_factory=list)

    # names

    @property
    def events(self) -> dict[str, Json]:
        return {entry["id"]: entry for entry in self.case.events if "specversion" in entry}

    @property
    def subjects(self) -> list[str]:
        return sorted({event["subject"] for event in self.events.values()})

    def id_of(self, event: str) -> str:
        """Unique on the stage, which many cases share."""
        return f"{self.case.no}-{event}"

    def _event_names(self) -> list[str]:
        """Also those of raw records, which only other texts mention."""
        return [f"e{number}" for number in range(1, len(self.case.events) + 1)]

    def _values(self, subject: str | None = None) -> dict[str, str]:
        """Of the names in texts."""
        ids = {name: self.id_of(name) for name in self._event_names()}
        order = {"token": f"sbx-{self.case.no}"} if subject is None else {"order": subject, "token": f"sbx-{subject}"}
        checkout = {} if self.checkout is None else {"checkout": self.checkout.id}
        return ids | {name: name for name in self.subjects} | order | checkout

    # results

    def outcomes(self, event: str) -> list[Told]:
        event_id = self.id_of(event)
        return [told for told in self.play.books.seen.values() if (told.data["cause"] or {}).get("id") == event_id]

    def finals(self, event: str) -> list[Told]:
        return [told for told in self.outcomes(event) if told.data["final"]]

    def open_dead_letter(self, event: str) -> DeadLetter | None:
        place = self.places.get(event)
        return next((one for one in self.dead_letters if one.place == place and one.state == "open"), None)

    async def new_problems(self) -> list[str]:
        """Of the stage as a whole, without those of earlier cases: doubled effects, gaps, orders that aren't at rest."""
        return [problem for problem in await self._stage_problems() if problem not in self.problems_before]

    async def _stage_problems(self) -> list[str]:
        return self.play.doubled() + await self.play.restless()

    async def _read_dead_letters(self) -> None:
        rows = await self.play.rows('SELECT id, "partition", "offset", code, state FROM dead_letters')
        found = [DeadLetter(str(id_), (partition, offset), *rest) for id_, partition, offset, *rest in rows]
        places = {*self.places.values(), *self.raw_places}
        self.dead_letters = [one for one in found if one.place in places]

    # the run

    async def complete(self) -> None:
        """Returns when every event has its final outcome or is an open dead letter, and nothing is in progress."""
        self.problems_before = frozenset(await self._stage_problems())
        if "{checkout}" in json.dumps(self.case.events):
            self.checkout = await asyncio.to_thread(Checkout.completed, self.play)
        for entry in self.case.events:
            match entry:
                case {"specversion": _}:
                    await self._publish(entry)
                case {"raw": raw, **rest} if not rest:
                    await self._publish_raw(raw)
                case {"do": step, **rest} if not rest:
                    await self._flush()
                    await self._do(step)
                case _:
                    raise UnknownFormError(json.dumps(entry))
        await self._flush()
        await self._until(self._unfinished, "these haven't ended")
        await self._until(self._in_progress, "still in progress")

    async def _until(self, missing: Callable[[], Awaitable[list[str]]], what: str) -> None:
        """Returns when nothing is missing any more."""
        deadline = time.monotonic() + _SECONDS
        while found := await missing():
            if time.monotonic() > deadline:
                raise AssertionError(f"after {_SECONDS:g} s {what}: {found}; {self.play.logged(*SERVICES)[-3000:]}")
            await asyncio.sleep(0.03)

    async def _unfinished(self) -> list[str]:
        await self._read_dead_letters()
        final = _expected_to_end(self.case)
        unfinished = [
            event
            for event in self.events
            if not self.finals(event) and (event in final or self.open_dead_letter(event) is None)
        ]
        dead = {one.place for one in self.dead_letters}
        return unfinished + [f"the raw record at {place}" for place in self.raw_places if place not in dead]

    async def _in_progress(self) -> list[str]:
        """Also what the provider tells of its own accord, which leads to reads."""
        untold = await asyncio.to_thread(self.play.untold)
        return untold + [problem for problem in await self.play.restless() if problem not in self.problems_before]

    # records

    async def _publish(self, entry: Json) -> None:
        attributes = {name: value for name, value in entry.items() if name not in _OF_THE_RECORD}
        event = fill_in(_DEFAULTS | attributes, self._values(entry["subject"])) | {"id": self.id_of(entry["id"])}
        content = record(event)
        if "key" in entry:
            content["key"] = entry["key"].encode()
        await self._send(content, [entry["id"]], timestamp=timestamp_of(entry.get("stamp"), time.time()))

    async def _publish_raw(self, raw: Json) -> None:
        check_fields(raw, "key", "headers", "value")
        filled = fill_in(raw, self._values())
        event_id = filled["headers"].get("ce_id")
        events = [name for name in self._event_names() if self.id_of(name) == event_id]
        await self._send(record({"raw": filled}), events, raw=True)

    async def _send(
        self, content: Json, events: Sequence[str], *, timestamp: int | None = None, raw: bool = False
    ) -> None:
        """Doesn't wait for the broker: the next one is sent at the same moment."""
        metadata = await self.producer.send(self.play.stage.orders_topic, timestamp_ms=timestamp, **content)
        self._sending.append(Sending(metadata, events, raw))

    async def _flush(self) -> None:
        sending, self._sending = self._sending, []
        for one in sending:
            metadata = await one.metadata
            place = (metadata.partition, metadata.offset)
            self.places |= dict.fromkeys(one.events, place)
            self.raw_places += [place] if one.raw else []

    # steps between events

    async def _do(self, step: Json) -> None:
        match step:
            case {"wait_finals": [*events], **rest} if not rest:
                await self._until(lambda: self._without_final(events), "no final outcome")
            case {"wait_outcome": wanted, **rest} if not rest:
                check_fields(wanted, "event", "type")
                await self._until(lambda: self._without_outcome(wanted["event"], wanted["type"]), "no such outcome")
            case {"clock": seconds, **rest} if not rest:
                await self._until(lambda: self._without_final([*self.places]), "no final outcome")
                await asyncio.to_thread(self.play.sandbox.control, "clock", "POST", {"advance": seconds})
            case {"replay": wanted, **rest} if not rest:
                check_fields(wanted, "event", "data")
                await self._replay(wanted["event"], wanted["data"])
            case {"customer": "completes", **rest} if not rest:
                await self._customer_completes()
            case {"push": {"times": int(times), **others}, **rest} if not rest and not others:
                assert self.checkout is not None, "the case has no Checkout order"
                await asyncio.to_thread(self.checkout.push, times)
            case {"mollie": {"order": str()}, **rest} if not rest:
                await self._until(lambda: self._without_final([*self.places]), "no final outcome")
                await mollie.act(self.play, step["mollie"])
            case _:
                raise UnknownFormError(json.dumps({"do": step}))

    async def _customer_completes(self) -> None:
        """The Checkout order that the last event has started."""
        event = [*self.places][-1]
        await self._until(lambda: self._without_outcome(event, "checkout_created"), "not started")
        (told,) = self.finals(event)
        self.checkout = Checkout(self.play, told.data["provider_order_id"])
        await asyncio.to_thread(self.checkout.complete)

    async def _without_final(self, events: Sequence[str]) -> list[str]:
        return [event for event in events if not self.finals(event)]

    async def _without_outcome(self, event: str, outcome_type: str) -> list[str]:
        return [] if any(told.what == outcome_type for told in self.outcomes(event)) else [event]

    async def _replay(self, event: str, data: Json) -> None:
        """By the command that an operator uses."""
        await self._read_dead_letters()
        dead_letter = self.open_dead_letter(event)
        assert dead_letter is not None, f"{event} isn't an open dead letter"
        file = self.play.stage.folder / f"{dead_letter.id}.json"
        file.write_text(json.dumps(fill_in(data, self._values(self.events[event]["subject"]))))
        command = ("dead-letters", "replay", dead_letter.id, "--file", str(file))
        await asyncio.to_thread(self.play.stage.command, *command)


def _expected_to_end(case: Case) -> set[str]:
    """Events whose final outcome is expected, even if they are dead letters before."""
    named = {entry["event"] for entry in case.expected if "final" in entry}
    return named.union(*(entry["one_of"]["events"] for entry in case.expected if "one_of" in entry))


def timestamp_of(stamp: str | None, now: float) -> int | None:
    """Kafka takes it for milliseconds. None: the producer's own."""
    match stamp:
        case None:
            return None
        case "micros":
            return int(now * 1_000_000)
        case "seconds":
            return int(now)
        case "none":
            return -1
        case _:
            raise UnknownFormError(f"stamp {stamp!r}")
