"""Each call of Mollie's whose answer gets lost: its effect once or never in the ledger, and a right outcome."""

import asyncio
import signal
import urllib.error
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pytest

from ordersaga.providers.mollie.operations import table
from ordersaga_local import parts

from .conftest import Opening
from .losing import SETTINGS, Losing, Run, Seen, check, runs_of
from .lost_cases_of_mollie import CASES, GOODS, LATER_THAN_PAID, ORDER, ORDERS, REFUSAL, WAYS
from .mollie import Clock, Story, amiss, as_shop, made_by_shop, part, purchase
from .play import Play, event, playing, until

RUNS: Final = runs_of(CASES)
OTHERS: Final = 260
_OFTEN: Final = {"ORDERSAGA_PAYMENT__FIRST": "0.5", "ORDERSAGA_PAYMENT__MOST": "1"}

_SHORT: Final = _OFTEN | {"ORDERSAGA_LEASE": "12"}
_COLUMNS: Final = {
    "captured": "captured_amount",
    "refunded": "refunded_amount",
    "uncaptured": "remaining_authorized_amount",
}


class _OfMollie(Losing):
    provider = "mollie"

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


# a stage of their own

_RESTING: Final = """SELECT extract(epoch FROM due_at - now()) AS seconds FROM orders
WHERE calling_since IS NULL AND due_at > now() + interval '1 minute'"""


def _fault(play: Play, method: str, route: str, action: str, **more: object) -> str:
    given = {"method": method, "route": route, "action": action, **more}
    return str(play.sandbox.control("faults", "POST", given)["id"])


async def test_a_lost_create_is_found_behind_more_orders_than_a_page_holds(opened: Opening) -> None:
    """It can't be repeated; 260 other orders have been made since."""
    async with opened(_SHORT) as play:
        _fault(play, "POST", ORDERS, "drop_after", times=1)
        down = _fault(play, "POST", ORDERS, "status", status=503)
        service = play.service()
        await play.publish([event("lost", 1, "placed", purchase(*GOODS, method="klarna", mark="+pay"))])
        await until(lambda: len(play.sandbox.requests()) >= 2, 20, "it isn't repeated")
        service.signal(signal.SIGSTOP)
        play.sandbox.control(f"faults/{down}", "DELETE")
        others = [made_by_shop(str(number), *GOODS) for number in range(OTHERS)]
        await asyncio.to_thread(lambda: [as_shop(play, "/v2/orders", one, "default") for one in others])
        _fault(play, "POST", ORDERS, "status", status=422, body=REFUSAL, times=1)
        service.signal(signal.SIGCONT)
        await play.ended(1, 60)
        (told,) = play.books.seen.values()
        assert told.what == "authorized"
        pages = [one["path"] for one in play.sandbox.requests() if one["route"] == ORDERS and one["method"] == "GET"]
        assert len(pages) == 2
        made = [
            one for one in play.sandbox.effects() if one["kind"] == "create" and one["merchant_reference1"] == "lost"
        ]
        assert [one["order_id"] for one in made] == [told.data["provider_order_id"]]
        assert await amiss(play) == []


async def test_a_refund_whose_key_was_forgotten_is_no_second_one(opened: Opening) -> None:
    """Mollie says that it is a duplicate: a read shows ours."""
    async with opened(_SHORT) as play:
        play.sandbox.control("switches", "PUT", {"mollie_key_seconds": 0.001})
        _fault(play, "POST", f"{ORDER}/refunds", "drop_after", times=1)
        play.service()
        events = [event("lost", 1, "placed", purchase(*GOODS, method="ideal", mark="+pay"))]
        await play.publish([*events, event("lost", 2, "returned", {"order_lines": [part("A", 1)]})])
        await play.ended(2)
        answers = [one["status"] for one in play.sandbox.requests() if one["route"] == f"{ORDER}/refunds"]
        assert answers[1:] == [409]
        assert [told.what for told in play.books.seen.values()][-1] == "refunded"
        assert Counter(one["kind"] for one in play.sandbox.effects())["refund"] == 1
        assert await amiss(play) == []


async def test_a_second_refund_of_the_same_amount_waits_for_its_hour(opened: Opening) -> None:
    """It is another one, so that it isn't given up."""
    async with opened(_SHORT) as play:
        play.service()
        story = Story(play, Clock(play), "twice")
        await story.tell("placed", purchase(*GOODS, method="ideal", mark="+pay"))
        await story.expect("payment_pending", "captured")
        await story.tell("returned", {"order_lines": [part("A", 1)]})
        await story.expect("refunded")
        await story.tell("returned", {"order_lines": [part("A", 1)]})
        await until(lambda: any(one["status"] == 409 for one in play.sandbox.requests()), 20, "it isn't asked for")
        (row,) = await rows_at_rest(play)
        assert 3_000 < row["seconds"] <= 4_000
        assert Counter(one["kind"] for one in play.sandbox.effects())["refund"] == 1
        assert [one.what for one in story.outcomes] == ["payment_pending", "captured", "refunded"]


async def rows_at_rest(play: Play) -> list[Any]:
    """When each order is due, once nobody acts for it."""
    for _ in range(100):
        if found := await play.rows(_RESTING):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("no order rests")
