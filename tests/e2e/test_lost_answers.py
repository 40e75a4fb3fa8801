"""Each call of Klarna's whose answer gets lost: its effect once or never in the ledger, and a right outcome, or an
attention that says what to look up.

All orders live at the same time in one service; each has an account of its own, so that faults hit its calls alone.
"""

import asyncio
import base64
import contextlib
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from ordersaga.domain.operations import OPERATIONS
from ordersaga.providers.klarna.operations import table
from ordersaga_local import accounts, parts
from ordersaga_local.outcomes import Told

from .lost_answers import CHECKOUT, PURCHASE, STARTED, WAYS, Case
from .lost_cases import CASES
from .play import Json, Play, event, playing, until

_DAY: Final = 86_400
_RESTLESS: Final = """SELECT subject FROM orders WHERE due_at < now() + interval '30 minutes' OR calling_since IS NOT NULL
UNION SELECT subject FROM outbox"""
_ATTENTIONS: Final = "SELECT subject, reason FROM attentions WHERE until IS NULL"
_LOST: Final = "SELECT subject, name FROM journal WHERE what = 'call' AND note ~ ': (unknown|retryable) '"
_SETTINGS: Final = {"ORDERSAGA_LEASE": "12", "ORDERSAGA_WAITS__ORDER": "30", "ORDERSAGA_WAITS__SHIPMENT": "30"}


@dataclass(frozen=True)
class Run:
    """One case in one way; its name is the order's id, and the name of the merchant and its account."""

    case: Case
    way: str

    @property
    def name(self) -> str:
        return f"{self.case.name}-{self.way}"

    def events(self, told: Iterable[tuple[str, Json]], first: int, made: str = "") -> list[Json]:
        return [
            event(self.name, first + number, what, self._filled(data, made), self.name)
            for number, (what, data) in enumerate(told)
        ]

    def _filled(self, data: Json, made: str) -> Json:
        filled: Json = json.loads(json.dumps(data).replace("{subject}", self.name).replace("{made}", made))
        return filled


RUNS: Final = {run.name: run for run in (Run(case, way) for case in CASES.values() for way in WAYS)}


@dataclass
class Seen:
    """What came of a run: outcomes and effects since its faults began.

    `lost`: operations of which an answer was. `money`: what the outcomes tell, and what the ledger has.
    """

    told: list[Told]
    took: list[Json]
    lost: set[str]
    money: tuple[dict[str, int], dict[str, int]]
    open_attentions: list[str]
    at_rest: bool


class _Playing:
    def __init__(self, play: Play) -> None:
        self.play = play
        self.since: dict[str, int] = {}
        self.made: dict[str, str] = {}

    async def lives(self) -> dict[str, Seen]:
        self._control("switches", "PUT", {"token_cancel_seconds": 0.2})
        self.play.service()
        self._control("clock", "POST", {"advance": -5 * _DAY})
        await self._before([run for run in RUNS.values() if run.case.aged])
        self._control("clock", "POST", {"advance": 5 * _DAY})
        await self._before([run for run in RUNS.values() if not run.case.aged])
        mark = max((effect["seq"] for effect in self.play.sandbox.effects()), default=0)
        self.since = {name: len(self._outcomes(name)) for name in RUNS}
        for run in RUNS.values():
            self._break(run)
        await self._carried_out()
        return await self._seen(mark)

    async def _before(self, runs: list[Run]) -> None:
        for run in runs:
            if run.case.made:
                self.made[run.name] = await asyncio.to_thread(self._make, run)
        events = [one for run in runs for one in run.events(run.case.before, 1)]
        ended = len(self.play.books.finals)
        await self.play.publish(events)
        await self.play.ended(ended + len(events), 60)

    async def _carried_out(self) -> None:
        events = [one for run in RUNS.values() for one in run.events(run.case.events, 10, self.made.get(run.name, ""))]
        await self.play.publish(events)
        bought = {run.name for run in RUNS.values() if run.case.buys and not run.case.events}
        await self._buy(bought)
        await self._told({name: len(run.case.ends[run.way].told) - self._later(run) for name, run in RUNS.items()})
        await self._buy({run.name for run in RUNS.values() if run.case.buys} - bought)
        await self._told({name: len(run.case.ends[run.way].told) for name, run in RUNS.items()})
        await self._rest()

    async def _rest(self) -> None:
        """Waits until nothing is left to do, which the tests then check."""
        for _ in range(100):
            if not await self.play.rows(_RESTLESS):
                return
            await asyncio.sleep(0.2)

    def _later(self, run: Run) -> int:
        """Outcomes that the purchase leads to, after those of the events."""
        return int(bool(run.case.events) and "checkout_completed" in run.case.ends[run.way].told)

    async def _told(self, outcomes: dict[str, int]) -> None:
        def missing() -> list[str]:
            return [name for name, count in outcomes.items() if len(self._outcomes(name)) < self.since[name] + count]

        with contextlib.suppress(AssertionError):  # the tests tell of which it's true
            await until(lambda: not missing(), 45, "")

    def _outcomes(self, name: str) -> list[Told]:
        return sorted((one for one in self.play.books.seen.values() if one.order == name), key=lambda one: one.sequence)

    def _break(self, run: Run) -> None:
        for number, fault in enumerate(WAYS[run.way]):
            where = {"id": f"{run.name}-{number}", "account": run.name}
            self._control("faults", "POST", where | {"method": run.case.method, "route": run.case.route} | fault)

    async def _buy(self, names: Iterable[str]) -> None:
        """The customers complete what they can; what was abandoned can't be."""
        for name in names:
            for one in self._outcomes(name):
                if one.what == "checkout_created":
                    with contextlib.suppress(urllib.error.HTTPError):
                        path = f"checkout/{one.data['provider_order_id']}"
                        await asyncio.to_thread(self._control, path, "POST", {"action": "complete"})

    def _make(self, run: Run) -> str:
        """What the shop itself makes at Klarna; its id."""
        if run.case.made == "payments":
            made = self._call(run, f"/payments/v1/authorizations/sbx-{run.name}/order", PURCHASE)
        else:
            made = self._call(run, CHECKOUT, STARTED)
            self._control(f"checkout/{made['order_id']}", "POST", {"action": "complete"})
        return str(made["order_id"])

    def _call(self, run: Run, path: str, body: Json) -> Json:
        credentials = base64.b64encode(f"{run.name}:sandbox".encode()).decode()
        request = urllib.request.Request(
            f"{self.play.sandbox.url}{path}",
            json.dumps(body).encode(),
            {"authorization": f"Basic {credentials}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            made: Json = json.loads(answer.read())
        return made

    def _control(self, path: str, method: str, body: object) -> Any:
        return self.play.sandbox.control(path, method, body)

    async def _seen(self, mark: int) -> dict[str, Seen]:
        effects = self.play.sandbox.effects()
        told, taken = accounts.of_outcomes(self.play.books), accounts.of_ledger(effects)
        restless = {row["subject"] for row in await self.play.rows(_RESTLESS)}
        attentions, lost = await self.play.rows(_ATTENTIONS), await self.play.rows(_LOST)
        return {
            name: Seen(
                self._outcomes(name)[self.since[name] :],
                [effect for effect in effects if effect["account"] == name and effect["seq"] > mark],
                {row["name"] for row in lost if row["subject"] == name},
                (_columns(told.get((name, "klarna"), {})), _columns(taken.get((name, "klarna"), {}))),
                [row["reason"] for row in attentions if row["subject"] == name],
                name not in restless,
            )
            for name in RUNS
        }


def _columns(money: dict[str, int]) -> dict[str, int]:
    return {column: money.get(column, 0) for column in accounts.COLUMNS}


@pytest.fixture(scope="module")
async def seen(kafka: parts.Kafka, postgres: parts.Postgres, migrated: str) -> dict[str, Seen]:
    """What came of all runs."""
    merchants = ("default", *RUNS)
    async with playing(
        parts.Parts(kafka, postgres), migrated, _SETTINGS, merchants=merchants, slots=4, call_deadline=5.0
    ) as play:
        return await _Playing(play).lives()


def _what(one: Told) -> str:
    return f"{one.what} {one.data['error']['code']}" if one.data.get("error") else one.what


@pytest.mark.parametrize("name", RUNS)
def test_a_lost_answer(seen: dict[str, Seen], name: str) -> None:
    """The effect is there once or never, and the outcome is right or names what to look up."""
    run, found = RUNS[name], seen[name]
    end = run.case.ends[run.way]
    assert run.case.operation in found.lost
    assert sorted(_what(one) for one in found.told) == sorted(end.told)
    assert Counter(effect["kind"] for effect in found.took) == end.took
    if end.amount is not None:
        assert [effect["amount"] for effect in found.took if effect["kind"] == "authorize"] == [end.amount]
    if not end.attention and found.told[-1].data["order"] is not None:
        assert found.money[0] == found.money[1]
    assert found.open_attentions == (["answer_lost"] if end.attention else [])
    if end.attention:
        (raised,) = found.told
        assert raised.data["operation"]["type"] == run.case.operation
        assert raised.data["order_id"] == name
        assert raised.data["final"] is False
        assert end.attention in raised.data["error"]["advice"]
    assert found.at_rest


def test_each_operation_of_klarnas_has_its_case() -> None:
    """A new one needs a case in lost_cases.py."""
    assert {case.operation for case in CASES.values()} == table.OPERATIONS.keys() == OPERATIONS.keys()
    assert all(case.ends.keys() == WAYS.keys() for case in CASES.values())
