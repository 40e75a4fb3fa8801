"""Whether one order causes the error on which its settle fails, or whether any order would fail on it."""

import asyncio

import pytest

from roles_harness import Shop, roles, run_sql


async def break_settling(database: str, condition: str) -> None:
    """Writes of settled orders fail with an error of the class of inputs, as a trigger's bug may raise it."""
    await run_sql(
        database,
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF NEW.status = 'authorized' AND ({condition}) THEN RAISE EXCEPTION 'no' USING ERRCODE = '22000'; END IF; "
        "RETURN NEW; END $$",
    )
    await run_sql(database, "CREATE TRIGGER fail BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION fail()")


async def aside(database: str) -> set[str]:
    rows = await run_sql(
        database, "SELECT subject FROM orders WHERE attention IS NOT NULL OR status = 'new' AND due_at IS NULL"
    )
    return {row["subject"] for row in rows}


async def test_results_wait_if_one_after_the_other_fails_with_the_same_error(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with roles(database) as r:
        await break_settling(database, "true")
        shop = Shop()
        await r.take(*(shop.placed(str(number)) for number in range(8)))
        await asyncio.sleep(1.5)
        assert "one result after the other fails with the same error" in capsys.readouterr().out
        assert (await aside(database), await r.outcomes()) == (set(), [])
        await run_sql(database, "DROP FUNCTION fail CASCADE")
        await r.until_idle()
        assert {one["type"] for one in await r.outcomes()} == {"authorized"}
        assert len(await r.outcomes()) == len(r.fake.calls) == 8


async def test_orders_that_fail_beside_others_that_do_not_are_at_fault_themselves(database: str) -> None:
    async with roles(database) as r:
        await break_settling(database, "NEW.subject::int < 4")
        shop = Shop()
        await r.take(*(shop.placed(str(number)) for number in range(12)))
        await r.until_idle()
        assert {one["subject"] for one in await r.outcomes()} >= {str(number) for number in range(4, 12)}
        assert await aside(database) == {"0", "1", "2", "3"}
