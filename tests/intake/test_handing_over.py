"""Orders go from intake to the worker of the same process in memory, and each batch costs a constant number of statements."""

import asyncio

import pytest
from asyncpg.connection import LoggedQuery

from ordersaga.domain.model.outcomes import Call
from ordersaga.domain.model.results import Result
from ordersaga.store.errors import StoreUnavailableError
from ordersaga.store.intake import IntakeTransaction
from roles_harness import Roles, Shop, roles, run_sql, until

from .test_taking_in import failing


class Log:
    """The first words of the statements sent to the server, as asyncpg logs them."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def __call__(self, query: LoggedQuery) -> None:
        self.sent.append(query.query.split()[0])

    @classmethod
    async def of(cls, r: Roles) -> "Log":
        """For a store with a single connection."""
        log = cls()
        async with r.store.engine.session("test") as session:
            session._driver.add_query_logger(log)
        return log


@pytest.mark.parametrize("size", [1, 500])
async def test_a_batch_is_three_statements_and_a_commit(database: str, size: int) -> None:
    async with roles(database, dispatcher=False, pool=1) as r:
        shop = Shop()
        await r.take(*(shop.placed(f"known-{number}") for number in range(size)))
        log = await Log.of(r)
        counts = r.store.engine.counts["intake"]
        before = counts.statements, counts.commits
        batch = [shop.placed(str(number)) for number in range(size)]
        batch += [shop.shipped(f"known-{number}") for number in range(size)]
        batch += [shop.event("placed", f"bad-{number}", {}) for number in range(size)]
        await r.take(*batch)
        await asyncio.sleep(0)
        assert log.sent[0] == "BEGIN"
        assert log.sent[-1] == "COMMIT"
        assert log.sent.count("COMMIT") == 1
        assert len(log.sent) - 1 == 3, "all kinds of input at once"
        assert (counts.statements, counts.commits) == (before[0] + 3, before[1] + 1)
        assert len(await r.dead_letter_codes()) == size


async def test_what_is_due_is_acted_upon_without_a_claim(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(*(shop.placed(str(number)) for number in range(20)))
        await until(lambda: len(r.fake.calls) == 20)
        await r.until_idle()
        assert "claim" not in r.store.engine.counts
        assert (r.slots_in_use, r.under_way) == (0, 0)
        assert len(await r.outcomes()) == 20


async def test_only_as_many_are_handed_over_as_there_is_room(database: str) -> None:
    async with roles(database, slots={"default": 3}) as r:
        shop, gate = Shop(), asyncio.Event()

        async def wait(_call: Call) -> Result | None:
            await gate.wait()
            return None

        r.fake.on_call = wait
        await r.take(*(shop.placed(str(number)) for number in range(5)))
        await until(lambda: len(r.fake.calls) == 3)
        assert (r.slots_in_use, r.under_way) == (3, 3)
        await r.take(shop.placed("more"))
        assert r.slots_in_use == 3
        assert len((await r.claim_as()).orders) == 3, "the others are due, for anybody"
        gate.set()
        await r.until_idle()
        assert len(r.fake.calls) == 3


async def test_a_batch_that_is_rolled_back_gives_its_slots_back(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with roles(database) as r:
        for method in ("look_up", "write"):
            with monkeypatch.context() as patch:
                failing(patch, method, [StoreUnavailableError("away")])
                with pytest.raises(StoreUnavailableError):
                    await r.take(*(Shop().placed(str(number)) for number in range(5)))
            assert (r.slots_in_use, r.under_way) == (0, 0)
        assert r.fake.calls == []


async def test_a_batch_that_is_cancelled_gives_its_slots_back(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with roles(database) as r:
        reached, right = asyncio.Event(), IntakeTransaction.write

        async def stay(tx: IntakeTransaction, *arguments: object) -> None:
            reached.set()
            await asyncio.sleep(60)

        monkeypatch.setattr(IntakeTransaction, "write", stay)
        taking = asyncio.create_task(r.take(Shop().placed()))
        await reached.wait()
        assert r.slots_in_use == 1
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        assert (r.slots_in_use, r.under_way) == (0, 0)
        monkeypatch.setattr(IntakeTransaction, "write", right)
        await r.take(Shop().placed())
        await r.until_idle()
        assert await r.outcome_types() == ["authorized"]


async def test_a_lease_is_never_thought_to_last_longer_than_it_does_in_the_database(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database, lease=2.0, deadline=1.5) as r:
        right = IntakeTransaction.look_up

        async def slow(tx: IntakeTransaction, *given: object) -> object:
            await asyncio.sleep(0.6)  # as if another transaction had locked the rows
            return await right(tx, *given)  # type: ignore[arg-type]  # passed on

        monkeypatch.setattr(IntakeTransaction, "look_up", slow)
        await r.take(Shop().placed())
        await r.until_idle()
        assert r.fake.calls == [], "what is left of the lease is less than a call may take"
        ((since,),) = await run_sql(database, "SELECT calling_since FROM orders")
        assert since is None, "it was handed back"


async def test_an_order_that_somebody_has_is_not_handed_over(database: str) -> None:
    async with roles(database, dispatcher=False) as first, roles(database) as r:
        shop = Shop()
        await first.take(shop.placed())
        assert len((await first.claim_as()).orders) == 1
        await r.take(shop.shipped())
        assert (r.slots_in_use, r.fake.calls) == (0, [])


async def test_a_paused_account_is_handed_nothing(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.store.pause("somebody", "default", "klarna")
        r.bulkheads.pause(await r.store.paused())
        await r.take(shop.placed())
        assert r.slots_in_use == 0
        await r.store.resume("somebody", "default", "klarna")
        r.bulkheads.pause(await r.store.paused())
        await r.take(shop.placed("2"))
        assert r.slots_in_use == 0, "the older one comes first"
        r.start_claiming()
        await until(lambda: r.fake.made == ["Send create_order"] * 2)
