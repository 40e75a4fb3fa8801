"""pgbouncer in transaction mode between the service and Postgres: it works, or a line says that it can't."""

import asyncio
import contextlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator

from e2e.play import Play, life, playing, until
from ordersaga_local.parts import Kafka, Parts, Postgres
from ordersaga_local.postgres import LocalPostgres
from ordersaga_local.stage import Process

from .files import case_of
from .servers import Pgbouncer, pgbouncer_program

CASE = case_of("pgbouncer-transaction-mode")
ORDERS = 40
OURS = (
    "statement_timeout, idle_in_transaction_session_timeout, jit, plan_cache_mode, enable_seqscan, enable_hashjoin, "
    "enable_mergejoin"
)
REASON = re.compile(r"unsupported startup parameter|prepared statement|pgbouncer", re.IGNORECASE)


@contextlib.asynccontextmanager
async def behind(kafka: Kafka, ignored: str) -> AsyncIterator[tuple[Play, Process]]:
    """Events, and a service that reaches Postgres through pgbouncer and has had time for them."""
    program = pgbouncer_program()
    with LocalPostgres() as server, contextlib.closing(Pgbouncer(program, server, ignored)) as bouncer:
        bouncer.start()
        async with playing(Parts(kafka, Postgres(server.url(), str(server))), None) as play:
            service = play.service(ORDERSAGA_DATABASE=bouncer.url(play.stage.database.rpartition("/")[2]))
            await play.publish(life(map(str, range(ORDERS))), rate=ORDERS / 2)
            with contextlib.suppress(AssertionError):  # it may also hang: the tests look at what came of it
                await until(lambda: len(play.books.finals) == 2 * ORDERS or not service.pid or reasons(service), 15, "")
            await asyncio.sleep(1)  # an error may come later
            yield play, service


def reasons(service: Process) -> list[str]:
    """Lines of the log that name the reason; a traceback is none."""
    found = []
    for line in service.text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            if REASON.search(str(json.loads(line))):
                found.append(line)
    return found


async def test_parameters_that_pgbouncer_refuses_are_named_and_nothing_is_lost(kafka: Kafka) -> None:
    async with behind(kafka, "") as (play, service):
        assert reasons(service), service.text()
        await _goes_on_without(play, service)


async def test_behind_pgbouncer_that_takes_our_parameters_nothing_is_lost_or_made_a_dead_letter(kafka: Kafka) -> None:
    async with behind(kafka, OURS) as (play, service):
        await _goes_on_without(play, service)


async def test_behind_pgbouncer_that_takes_our_parameters_it_works_or_says_why_not(kafka: Kafka) -> None:
    async with behind(kafka, OURS) as (play, service):
        works = len(play.books.finals) == 2 * ORDERS and service.pid
        assert works or reasons(service), service.text()[-3000:]


async def _goes_on_without(play: Play, service: Process) -> None:
    """All that pgbouncer has hindered is done when the service reaches Postgres itself."""
    assert await play.dead_letter_codes() == Counter(), CASE.why
    await asyncio.to_thread(service.stop)
    play.service("without")
    await play.ended(2 * ORDERS)
    assert await play.dead_letter_codes() == Counter(), CASE.why
    assert await play.lives_amiss(ORDERS) == [], CASE.why
