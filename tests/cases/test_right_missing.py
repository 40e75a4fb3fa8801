"""The service's role lacks a right on one table for a while: the database refuses every write, and no input is at fault."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from e2e.play import Play, placed, playing, shipped
from ordersaga_local.parts import Kafka, Parts, Postgres
from ordersaga_local.postgres import LocalPostgres

from .files import case_of

CASE = case_of("right-missing")
ORDERS = 30
WITHOUT = 12.0
RIGHTS = (
    "CREATE ROLE app LOGIN",
    "GRANT USAGE ON SCHEMA public TO app",
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO app",
    "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app",
)
TABLES: list[str] = CASE.action["tables"] if CASE.action else []


async def _as_owner(play: Play, *statements: str) -> None:
    connection = await asyncpg.connect(play.stage.database)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.long
@pytest.mark.parametrize("table", TABLES)
async def test_while_a_right_is_missing_everything_waits_and_then_continues(kafka: Kafka, table: str) -> None:
    with LocalPostgres() as server:
        async with playing(Parts(kafka, Postgres(server.url(), str(server))), None) as play:
            await _as_owner(play, *RIGHTS)
            service = play.service(ORDERSAGA_DATABASE=play.stage.database.replace("//postgres@", "//app@"))
            await play.publish(map(placed, map(str, range(ORDERS))))
            await play.ended(ORDERS)
            await _as_owner(play, f"REVOKE INSERT, UPDATE ON {table} FROM app")
            await play.publish(map(shipped, map(str, range(ORDERS))))
            await asyncio.sleep(WITHOUT)
            assert await play.dead_letter_codes() == Counter(), f"{CASE.why} {service.text()[-2000:]}"
            await _as_owner(play, f"GRANT INSERT, UPDATE ON {table} TO app")
            await play.ended(2 * ORDERS, 30)
            assert await play.dead_letter_codes() == Counter(), CASE.why
            assert await play.lives_amiss(ORDERS) == [], CASE.why
