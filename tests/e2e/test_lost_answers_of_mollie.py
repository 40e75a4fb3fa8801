"""Each call of Mollie's whose answer gets lost: its effect once or never in the ledger, and a right outcome."""

import asyncio
import urllib.error
from collections.abc import Iterable, Mapping
from typing import Final

import pytest

from ordersaga.providers.mollie.operations import table
from ordersaga_local import parts

from .losing import SETTINGS, Losing, Run, Seen, check, runs_of
from .lost_cases_of_mollie import CASES, GOODS, LATER_THAN_PAID, WAYS
from .mollie import as_shop, made_by_shop
from .play import playing

RUNS: Final = runs_of(CASES)
_OFTEN: Final = {"ORDERSAGA_PAYMENT__FIRST": "0.5", "ORDERSAGA_PAYMENT__MOST": "1"}

_COLUMNS: Final = {
    "captured": "captured_amount",
    "refunded": "refunded_amount",
    "authorized still": "remaining_authorized_amount",
}


class _OfMollie(Losing):
    async def buy(self, names: Iterable[str]) -> None:
        """The customers pay; where there is nothing to pay, the time for it ends."""
        for name in names:
            ident = self.outcomes(name)[-1].data["provider_order_id"]
            try:
                await asyncio.to_thread(self.control, f"mollie/payments/{ident}", "POST", {"action": "pay"})
            except urllib.error.HTTPError:
                await asyncio.to_thread(self.control, f"mollie/orders/{ident}", "POST", {"action": "expire"})

    def make(self, run: Run) -> str:
        """An order of the shop's: its payment has failed, or it is authorized."""
        failed = run.case.made == "failed"
        made = as_shop(self.play, "/v2/orders", made_by_shop(run.name, *GOODS, mark="" if failed else "+pay"), run.name)
        if failed:
            self.control(f"mollie/payments/{made['id']}", "POST", {"action": "fail"})
        return str(made["id"])

    def later(self, run: Run) -> int:
        return LATER_THAN_PAID.get(run.case.name, 0)

    def money(self, name: str) -> Mapping[str, int]:
        """By the last outcome: a cancellation that is a refund isn't told as one."""
        order = self.outcomes(name)[-1].data["order"] or {}
        return {column: order.get(told, 0) for column, told in _COLUMNS.items()}


@pytest.fixture(scope="module")
async def seen(kafka: parts.Kafka, postgres: parts.Postgres, migrated: str) -> dict[str, Seen]:
    """What came of all runs."""
    merchants = ("default", *RUNS)
    settings = SETTINGS | _OFTEN
    async with playing(
        parts.Parts(kafka, postgres), migrated, settings, merchants=merchants, slots=4, call_deadline=5.0
    ) as play:
        return await _OfMollie(play, RUNS, WAYS).lives()


@pytest.mark.parametrize("name", RUNS)
def test_a_lost_answer(seen: dict[str, Seen], name: str) -> None:
    """The effect is there once or never, and the outcome is right or names what to look up."""
    check(RUNS[name], seen[name])


def test_each_operation_of_mollies_has_its_case() -> None:
    """A new one needs a case in lost_cases_of_mollie.py."""
    assert {case.operation for case in CASES.values()} == table.OPERATIONS.keys()
    assert all(case.ends.keys() == WAYS.keys() for case in CASES.values())
