"""Each call of Klarna's whose answer gets lost: its effect once or never in the ledger, and a right outcome, or an
attention that says what to look up.
"""

import asyncio
import base64
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Final

import pytest

from ordersaga.providers.klarna.operations import table
from ordersaga_local import parts

from .losing import SETTINGS, Losing, Run, Seen, check, runs_of
from .lost_answers import CHECKOUT, PURCHASE, STARTED, WAYS
from .lost_cases import CASES
from .play import Json, playing

RUNS: Final = runs_of(CASES)


class _OfKlarna(Losing):
    async def buy(self, names: Iterable[str]) -> None:
        """The customers complete what they can; what was abandoned can't be."""
        for name in names:
            for one in self.outcomes(name):
                if one.what == "checkout_created":
                    with contextlib.suppress(urllib.error.HTTPError):
                        path = f"checkout/{one.data['provider_order_id']}"
                        await asyncio.to_thread(self.control, path, "POST", {"action": "complete"})

    def make(self, run: Run) -> str:
        """What the shop itself makes at Klarna; its id."""
        if run.case.made == "payments":
            made = self._call(run, f"/payments/v1/authorizations/sbx-{run.name}/order", PURCHASE)
        else:
            made = self._call(run, CHECKOUT, STARTED)
            self.control(f"checkout/{made['order_id']}", "POST", {"action": "complete"})
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


@pytest.fixture(scope="module")
async def seen(kafka: parts.Kafka, postgres: parts.Postgres, migrated: str) -> dict[str, Seen]:
    """What came of all runs."""
    merchants = ("default", *RUNS)
    async with playing(
        parts.Parts(kafka, postgres), migrated, SETTINGS, merchants=merchants, slots=4, call_deadline=5.0
    ) as play:
        return await _OfKlarna(play, RUNS, switches={"token_cancel_seconds": 0.2}).lives()


@pytest.mark.parametrize("name", RUNS)
def test_a_lost_answer(seen: dict[str, Seen], name: str) -> None:
    """The effect is there once or never, and the outcome is right or names what to look up."""
    check(RUNS[name], seen[name])


def test_each_operation_of_klarnas_has_its_case() -> None:
    """A new one needs a case in lost_cases.py."""
    assert {case.operation for case in CASES.values()} == table.OPERATIONS.keys()
    assert all(case.ends.keys() == WAYS.keys() for case in CASES.values())
