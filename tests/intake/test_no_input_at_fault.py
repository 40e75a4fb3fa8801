"""When one record after the other fails alone with the same error, none of them is a dead letter."""

import pytest

from intake.bugs import bug_in_accept
from ordersaga.intake.suspects import NoInputAtFaultError
from roles_harness import TOPIC, Shop, roles, run_sql

NAMES = [str(number) for number in range(30)]


async def test_an_error_of_every_record_buries_none_and_is_over_when_it_heals(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database) as r:
        shop = Shop()
        batch = [shop.placed(name) for name in NAMES]
        with monkeypatch.context() as patch:
            bug_in_accept(patch, *(f"placed-{name}" for name in NAMES))
            for _ in range(2):
                with pytest.raises(NoInputAtFaultError, match="ZeroDivisionError in accept"):
                    await r.take(*batch)
        assert await r.dead_letter_codes() == []
        assert await r.store.offsets(TOPIC) == {}
        assert r.slots_in_use == 0
        await r.take(*batch)
        await r.until_idle()
        assert await r.dead_letter_codes() == []
        assert len(await run_sql(database, "SELECT FROM orders WHERE status = 'authorized'")) == len(NAMES)


async def test_an_error_that_the_database_reports_for_every_record_buries_none(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await run_sql(database, "ALTER TABLE orders DROP CONSTRAINT orders_books_balance")
        await run_sql(database, "ALTER TABLE orders ADD CONSTRAINT orders_books_balance CHECK (order_amount = 1)")
        with pytest.raises(NoInputAtFaultError, match="orders_books_balance"):
            await r.take(*(shop.placed(name) for name in NAMES))
        assert await r.dead_letter_codes() == []


async def test_two_bad_events_before_a_good_one_are_dead_letters(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug_in_accept(monkeypatch, "placed-0", "placed-1", "placed-29")
    async with roles(database) as r:
        shop = Shop()
        await r.take(*(shop.placed(name) for name in NAMES))
        assert [one.subject for one in await r.store.list_dead_letters()] == ["29", "1", "0"]
        assert await r.store.offsets(TOPIC) == {0: len(NAMES)}


async def test_events_that_come_one_by_one_stop_at_the_third_that_fails_alike(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug_in_accept(monkeypatch, *(f"placed-{name}" for name in NAMES))
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(shop.placed("0"))
        await r.take(shop.placed("1"))
        third = shop.placed("2")
        for _ in range(2):
            with pytest.raises(NoInputAtFaultError):
                await r.take(third)
        assert await r.dead_letter_codes() == ["internal_error"] * 2
        assert await r.store.offsets(TOPIC) == {0: 2}
