"""What an order takes up: `python -m bench.size --orders 5000`. See docs/operations.md."""

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench import cpu
from bench.contenders import Ground, Run, running
from bench.figures import Figures, figures
from bench.load import Shop, fill
from bench.measure import BenchError, Loaded, reached, verify
from ordersaga_local.parts import Parts
from ordersaga_local.process import MissingPartError, PartFailedError

_SIZES: Final = """
SELECT relname::text AS name, pg_total_relation_size(oid) AS bytes FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY bytes DESC, name"""
_WAL: Final = "SELECT (pg_current_wal_lsn() - '0/0')::bigint"
_LEAST: Final = 100.0  # bytes an order: what is below is the size of an empty table
_IDLE: Final = 10.0  # seconds


class Size(Struct, frozen=True):
    """Of a table with its indexes and TOAST, bytes an order: as the run left it, and packed by VACUUM FULL."""

    table: str
    left: float
    packed: float


class Sizes(Struct, frozen=True):
    """`wal`: bytes that Postgres wrote ahead for an order; `events`: bytes of an order's two events, without their headers.

    `idle`: statements a second of a process with all roles that has nothing to do, and milliseconds of Postgres's CPU.
    `memory`: bytes that it had at most; None: Linux doesn't tell.
    """

    figures: Figures
    tables: list[Size]
    wal: float
    events: float
    idle: tuple[float | None, float | None]
    memory: int | None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.size", description=__doc__)
    parser.add_argument("--orders", type=int, default=5_000, help="each is placed and shipped")
    orders: int = parser.parse_args(arguments).orders
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of topics that are a moment old
    console = Console(highlight=False)
    try:
        with (
            Parts.started(durable=True, say=console.print) as parts,
            tempfile.TemporaryDirectory(prefix="ordersaga-bench-") as folder,
        ):
            sizes = uvloop.run(measured(Ground(parts, Path(folder)), orders))
    except (MissingPartError, PartFailedError, BenchError) as error:
        console.print(f"[red]{error}", markup=True)
        return 1
    except KeyboardInterrupt:
        return 130
    show(sizes, orders, console)
    return 0


async def measured(ground: Ground, orders: int) -> Sizes:
    """All roles in one process, the provider at 0 ms."""
    shop = Shop()
    try:
        await ground.prepare()
        topic = await ground.new_topic("orders-size")
        await fill(ground.kafka, topic, shop.events(orders, "size"))
        events = list(shop.events(orders, "size"))
        async with running(ground, "ordersaga", "all", topic) as run:
            load = Loaded(topic, orders, {event.id: event.what for event in events})
            return await _run(run, load, sum(len(event.value) for event in events) / orders)
    finally:
        await ground.stop()


async def _run(run: Run, load: Loaded, events: float) -> Sizes:
    asked, wal = Counter(await run.asked()), await run.database.fetchval(_WAL)
    first = await reached(run, run.taken_in, 1)
    last = await reached(run, run.published, load.events)
    await verify(run, load.ends, Counter(await run.asked()) - asked)
    written = await run.database.fetchval(_WAL) - wal
    idle, memory = await _idle(run), cpu.most_memory(run.process.pid)
    await asyncio.to_thread(run.process.stop, 15)
    left = await _sizes(run)
    await run.database.execute("VACUUM FULL")
    packed = await _sizes(run)
    tables = [Size(name, size / load.orders, packed[name] / load.orders) for name, size in left.items()]
    found = figures("full way, 0 ms", "ordersaga", 1, load.events, last.at - first.at, first.costs, last.costs)
    return Sizes(found, tables, written / load.orders, events, idle, memory)


async def _idle(run: Run) -> tuple[float | None, float | None]:
    before = await run.costs()
    await asyncio.sleep(_IDLE)
    after = await run.costs()

    def each(first: float | None, last: float | None, of: float) -> float | None:
        return None if first is None or last is None else (last - first) / of

    return each(before.statements, after.statements, _IDLE), each(before.postgres, after.postgres, _IDLE / 1000)


async def _sizes(run: Run) -> dict[str, int]:
    return {record["name"]: record["bytes"] for record in await run.database.fetch(_SIZES)}


def show(sizes: Sizes, orders: int, console: Console) -> None:
    table = Table(title=f"Bytes an order, of {orders:,} placed and shipped", title_justify="left")
    table.add_column("table, with indexes and TOAST", no_wrap=True)
    for name in ("as the run left it", "packed"):
        table.add_column(name, justify="right")
    shown = [one for one in sizes.tables if one.left > _LEAST]
    for one in (*shown, total(sizes.tables)):
        table.add_row(one.table, f"{one.left:,.0f}", f"{one.packed:,.0f}")
    console.print(table)
    found = sizes.figures
    console.print(f"write-ahead log: {sizes.wal:,.0f} bytes an order; its two events: {sizes.events:,.0f} bytes")
    console.print(
        f"{found.orders_per_second:,.0f} orders/s; CPU ms an order: service {_ms(found.cpu_ms_per_order)}, "
        f"Postgres {_ms(found.postgres_cpu_ms_per_order)}, Kafka {_ms(found.kafka_cpu_ms_per_order)}"
    )
    statements, postgres = sizes.idle
    console.print(f"idle: {_ms(statements)} statements/s, {_ms(postgres)} ms of Postgres's CPU a second")
    if sizes.memory is not None:
        console.print(f"memory of the service: {sizes.memory / 2**20:,.0f} MB at most")


def total(tables: Sequence[Size]) -> Size:
    return Size("all tables", sum(one.left for one in tables), sum(one.packed for one in tables))


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
