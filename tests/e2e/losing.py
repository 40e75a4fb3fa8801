"""Plays each case of lost answers in each way, all in one service; each order has an account of its own, so that faults
hit its calls alone.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from ordersaga_local import accounts
from ordersaga_local.outcomes import Told

from .lost_answers import WAYS, Case
from .play import Json, Play, event, until

_DAY: Final = 86_400
_RESTLESS: Final = """SELECT subject FROM orders WHERE due_at < now() + interval '30 minutes' OR calling_since IS NOT NULL
UNION SELECT subject FROM outbox"""
_ATTENTIONS: Final = "SELECT subject, reason FROM attentions WHERE until IS NULL"
_LOST: Final = "SELECT subject, name FROM journal WHERE what = 'call' AND note ~ ': (unknown|retryable) '"
SETTINGS: Final = {"ORDERSAGA_LEASE": "12", "ORDERSAGA_WAITS__ORDER": "30", "ORDERSAGA_WAITS__SHIPMENT": "30"}


@dataclass(frozen=True)
class Run:
    """One case in one way; its name is the order's id, and the name of the merchant and its account."""

    case: Case
    way: str

    @property
    def name(self) -> str:
        return f"{self.case.name}_{self.way}".replace("-", "_")  # as Mollie's keys have it

    def events(self, told: Iterable[tuple[str, Json]], first: int, made: str = "") -> list[Json]:
        return [
            event(self.name, first + number, what, self._filled(data, made), self.name)
            for number, (what, data) in enumerate(told)
        ]

    def _filled(self, data: Json, made: str) -> Json:
        filled: Json = json.loads(json.dumps(data).replace("{subject}", self.name).replace("{made}", made))
        return filled


def runs_of(cases: Mapping[str, Case]) -> dict[str, Run]:
    return {run.name: run for run in (Run(case, way) for case in cases.values() for way in WAYS)}


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


class Losing:
    """`ways`: the faults of each. `switches`: of the sandbox."""

    provider: ClassVar[str] = "klarna"

    def __init__(
        self,
        play: Play,
        runs: Mapping[str, Run],
        ways: Mapping[str, Iterable[Json]] = WAYS,
        switches: Mapping[str, object] | None = None,
    ) -> None:
        self.play = play
        self.runs = runs
        self._ways = ways
        self._switches = dict(switches or {})
        self.since: dict[str, int] = {}
        self.made: dict[str, str] = {}

    async def lives(self) -> dict[str, Seen]:
        self.control("switches", "PUT", self._switches)
        self.play.service()
        self.control("clock", "POST", {"advance": -5 * _DAY})
        await self._before([run for run in self.runs.values() if run.case.aged])
        self.control("clock", "POST", {"advance": 5 * _DAY})
        await self._before([run for run in self.runs.values() if not run.case.aged])
        mark = max((effect["seq"] for effect in self.play.sandbox.effects()), default=0)
        self.since = {name: len(self.outcomes(name)) for name in self.runs}
        for run in self.runs.values():
            self._break(run)
        await self._carried_out()
        return await self._seen(mark)

    async def _before(self, runs: list[Run]) -> None:
        for run in runs:
            if run.case.made:
                self.made[run.name] = await asyncio.to_thread(self.make, run)
        events = [one for run in runs for one in run.events(run.case.before, 1)]
        ended = len(self.play.books.finals)
        await self.play.publish(events)
        await self.play.ended(ended + len(events), 60)

    async def _carried_out(self) -> None:
        events = [
            one for run in self.runs.values() for one in run.events(run.case.events, 10, self.made.get(run.name, ""))
        ]
        await self.play.publish(events)
        bought = {run.name for run in self.runs.values() if run.case.buys and not run.case.events}
        await self.buy(bought)
        await self._told({name: len(run.case.ends[run.way].told) - self.later(run) for name, run in self.runs.items()})
        await self.buy({run.name for run in self.runs.values() if run.case.buys} - bought)
        await self._told({name: len(run.case.ends[run.way].told) for name, run in self.runs.items()})
        await self._rest()

    async def _rest(self) -> None:
        """Waits until nothing is left to do, which the tests then check."""
        for _ in range(100):
            if not await self.play.rows(_RESTLESS):
                return
            await asyncio.sleep(0.2)

    def later(self, run: Run) -> int:
        """Outcomes that the purchase leads to, after those of the events."""
        return int(bool(run.case.events) and "checkout_completed" in run.case.ends[run.way].told)

    async def _told(self, outcomes: dict[str, int]) -> None:
        def missing() -> list[str]:
            return [name for name, count in outcomes.items() if len(self.outcomes(name)) < self.since[name] + count]

        with contextlib.suppress(AssertionError):  # the tests tell of which it's true
            await until(lambda: not missing(), 45, "")

    def outcomes(self, name: str) -> list[Told]:
        return sorted((one for one in self.play.books.seen.values() if one.order == name), key=lambda one: one.sequence)

    def _break(self, run: Run) -> None:
        for number, fault in enumerate(self._ways[run.way]):
            where = {"id": f"{run.name}-{number}", "account": run.name}
            self.control("faults", "POST", where | {"method": run.case.method, "route": run.case.route} | fault)

    def make(self, run: Run) -> str:
        """What the shop itself makes at the provider; its id."""
        raise AssertionError(f"{run.name}: nothing makes {run.case.made}")

    def money(self, name: str) -> Mapping[str, int]:
        """That the outcomes tell of this account, by column."""
        return accounts.of_outcomes(self.play.books).get((name, self.provider), {})

    async def buy(self, names: Iterable[str]) -> None:
        """The customers of these complete what they can."""

    def control(self, path: str, method: str, body: object) -> Any:
        return self.play.sandbox.control(path, method, body)

    async def _seen(self, mark: int) -> dict[str, Seen]:
        effects = self.play.sandbox.effects()
        taken = accounts.of_ledger(effects)
        restless = {row["subject"] for row in await self.play.rows(_RESTLESS)}
        attentions, lost = await self.play.rows(_ATTENTIONS), await self.play.rows(_LOST)
        return {
            name: Seen(
                self.outcomes(name)[self.since[name] :],
                [effect for effect in effects if effect["account"] == name and effect["seq"] > mark],
                {row["name"] for row in lost if row["subject"] == name},
                (_columns(self.money(name)), _columns(taken.get((name, self.provider), {}))),
                [row["reason"] for row in attentions if row["subject"] == name],
                name not in restless,
            )
            for name in self.runs
        }


def _columns(money: Mapping[str, int]) -> dict[str, int]:
    return {column: money.get(column, 0) for column in accounts.COLUMNS}


def what(one: Told) -> str:
    return f"{one.what} {one.data['error']['code']}" if one.data.get("error") else one.what


def check(run: Run, found: Seen) -> None:
    """The effect is there once or never, and the outcome is right or names what to look up."""
    end = run.case.ends[run.way]
    assert run.case.operation in found.lost
    assert sorted(map(what, found.told)) == sorted(end.told)
    assert Counter(effect["kind"] for effect in found.took) == end.took
    if end.amount is not None:
        assert [effect["amount"] for effect in found.took if effect["kind"] == "authorize"] == [end.amount]
    if not end.attention and found.told[-1].data["order"] is not None:
        assert found.money[0] == found.money[1]
    assert found.open_attentions == (["answer_lost"] if end.attention else [])
    if end.attention:
        (raised,) = found.told
        assert raised.data["operation"]["type"] == run.case.operation
        assert raised.data["order_id"] == run.name
        assert raised.data["final"] is False
        assert end.attention in raised.data["error"]["advice"]
    assert found.at_rest
