"""SIGTERM under load, and a start that must fail."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersaga_local.parts import Kafka, Parts, Postgres
from ordersaga_local.postgres import LocalPostgres

from .conftest import Opening
from .play import life, playing, until

IN_DOUBT = """
SELECT subject FROM orders WHERE calling_since IS NOT NULL OR lease_owner IS NOT NULL
UNION ALL
SELECT subject FROM orders, jsonb_array_elements(state::jsonb -> 'order' -> 'operations') AS operation
WHERE (operation ->> 'unknown')::boolean
"""


def _family(pid: int) -> list[int]:
    """The process and all that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


@contextlib.contextmanager
def suspended(pid: int) -> Iterator[None]:
    """A server that doesn't answer, with all its connections open."""
    family = _family(pid)
    for one in family:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in family:
            os.kill(one, signal.SIGCONT)


async def test_a_service_stopped_under_load_leaves_no_uncertain_call_and_the_next_one_finishes(
    opened: Opening,
) -> None:
    async with opened() as play:
        play.sandbox.control("faults", "POST", {"action": "delay", "seconds": 0.3})
        service = play.service()
        await play.publish(life(str(number) for number in range(150)))
        await play.ended(60)
        started = time.monotonic()
        code = await asyncio.to_thread(service.stop)
        print(f"stopped within {time.monotonic() - started:.1f} s")
        assert code == 0
        assert len(play.books.finals) < 300
        assert await play.rows(IN_DOUBT) == []
        assert await play.rows("SELECT 1 FROM outbox") == []
        service.start()
        await play.ended(300)
        assert await play.lives_amiss(150) == []


async def test_a_bad_setting_stops_the_start_with_one_line_that_names_it(opened: Opening) -> None:
    async with opened() as play:
        service = play.service(ORDERSAGA_LEASE="soon")
        assert await asyncio.to_thread(service.wait, 20) == 2
        (line,) = service.text().splitlines()
        assert "ORDERSAGA_LEASE" in line


async def test_a_service_that_waits_for_its_parts_can_be_stopped(opened: Opening) -> None:
    async with opened() as play:
        service = play.service(ORDERSAGA_DATABASE="postgresql://postgres@127.0.0.1:9/nobody")
        await until(lambda: "waiting for Postgres" in service.text(), 20, service.text)
        assert await asyncio.to_thread(service.stop, 10) == 0


@pytest.mark.long
async def test_a_service_that_is_stopped_while_the_provider_hangs_ends_in_time_all_the_same(opened: Opening) -> None:
    """The calls took effect; who finds that out is the next process, when the leases of this one have ended."""
    drain, orders = 6.0, 40
    settings = {"ORDERSAGA_SHUTDOWN_TIMEOUT": str(drain), "ORDERSAGA_LEASE": "12"}
    async with opened(settings, call_deadline=6.0) as play:
        hang = {"action": "delay", "effect": True, "seconds": 30, "probability": 1.0, "times": orders // 2}
        play.sandbox.control("faults", "POST", hang)
        service = play.service()
        await play.publish(life(str(number) for number in range(orders)))
        await until(lambda: len(play.sandbox.effects()) >= orders // 2, 20, "no call has taken effect")
        started = time.monotonic()
        assert await asyncio.to_thread(service.stop) == 0
        assert time.monotonic() - started < drain
        assert len(await play.rows("SELECT subject FROM orders WHERE calling_since IS NOT NULL")) == orders // 2
        service.start()
        await play.ended(2 * orders, 60)
        assert await play.lives_amiss(orders) == []
        assert await play.rows(IN_DOUBT) == []


@pytest.mark.long
async def test_a_service_whose_database_does_not_answer_any_more_ends_in_time_all_the_same(kafka: Kafka) -> None:
    """As during a failover. What it had under way is left as by a crash."""
    with LocalPostgres() as server:
        parts = Parts(kafka, Postgres(server.url(), str(server)))
        async with playing(parts, None, {"ORDERSAGA_SHUTDOWN_TIMEOUT": "5"}) as play:
            service = play.service()
            await play.publish(life(str(number) for number in range(300)))
            await play.ended(100)
            with suspended(server.server.pid):
                assert await asyncio.to_thread(service.stop, 20) == 0, service.tail()
            assert "connections can't be closed in time" in service.tail(1)
            service.start()
            await play.ended(600, 60)
            async with asyncio.timeout(20):  # outcomes that were published, but not deleted, are published again
                while await play.restless():  # noqa: ASYNC110 - the database is asked
                    await asyncio.sleep(0.1)
            assert await play.lives_amiss(300) == []
