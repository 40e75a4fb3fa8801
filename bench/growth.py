"""The full way with few and with many orders stored: `python -m bench.growth`. See docs/performance.md."""

import argparse
import asyncio
import logging
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import asyncpg
import uvloop
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.contenders import Ground, running
from bench.figures import Figures
from bench.floor import Connection
from bench.load import Shop, fill
from bench.measure import BenchError, Loaded, full_way, reached, verify
from ordersaga_local.parts import Parts
from ordersaga_local.process import MissingPartError, PartFailedError

_REAL: Final = 1_000
"""Orders that really went through; all further ones are copies of their rows under ids of their own."""
_AT_ONCE: Final = 50  # copies of each in one transaction
_WANTED: Final = 0.9

_UNLIKE: Final = {
    "subject": "md5({} || copy)",
    "provider_order_id": "md5({} || copy)::uuid::text",
    "provider_ids.id": "md5({} || copy)::uuid::text",
    "inbox.id": "md5({} || copy)",
}
"""How the ids of a copy are made; the same id becomes the same everywhere."""
_OF_ORDERS: Final = ("orders", "order_chunks", "attentions", "inbox", "journal", "provider_ids")
_COLUMNS: Final = """
SELECT column_name::text FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER' AND is_identity = 'NO'"""
_FORGET: Final = ("intake_offsets", "heartbeats", "members")  # what the process left that is gone
_SIZE: Final = """
SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""

Say = Callable[[str], None]


class Stored(Struct, frozen=True):
    """A database with so many orders, which the runs add to; `size`: bytes before they do."""

    orders: int
    name: str
    size: int


class Grown(Struct, frozen=True):
    """`figures`: each run, in the order in which they were made."""

    stored: tuple[Stored, ...]
    figures: tuple[tuple[int, Figures], ...]

    def median(self, orders: int) -> float:
        """Orders a second with so many orders stored."""
        return statistics.median(one.orders_per_second for stored, one in self.figures if stored == orders)

    @property
    def ratio(self) -> float:
        """Of the highest number of stored orders to the lowest."""
        return self.median(self.stored[-1].orders) / self.median(self.stored[0].orders)


async def grown(ground: Ground, numbers: Sequence[int], orders: int, rounds: int, say: Say) -> Grown:
    """`numbers`: orders stored, in ascending order, each a multiple of 1,000. In every second round in reverse."""
    shop = Shop(scattered=True)
    base = await _really(ground, shop)
    stored = [await _multiplied(ground, base, number, say) for number in numbers]
    found: list[tuple[int, Figures]] = []
    for round_ in range(1, rounds + 1):
        topic, prefix = await ground.new_topic(f"orders-growth-{round_}"), f"growth-{round_}"
        await fill(ground.kafka, topic, shop.events(orders, prefix))
        load = Loaded(topic, orders, {event.id: event.what for event in shop.events(orders, prefix)})
        for one in stored if round_ % 2 else stored[::-1]:
            await _checkpoint(ground, one.name)
            figures = await full_way(ground, "ordersaga", round_, load, 0, kept=one.name)
            found.append((one.orders, figures))
            say(f"{round_}  {one.orders:>9,} orders stored  {figures.events_per_second:8,.0f} events/s")
    return Grown(tuple(stored), tuple(found))


async def _really(ground: Ground, shop: Shop) -> str:
    """The database in which the first orders were placed and shipped."""
    name = "ordersaga_stored"
    await ground.new_database(name, "ordersaga")
    topic = await ground.new_topic("orders-stored")
    await fill(ground.kafka, topic, shop.events(_REAL, "stored"))
    load = Loaded(topic, _REAL, {event.id: event.what for event in shop.events(_REAL, "stored")})
    async with running(ground, "ordersaga", "all", topic, kept=name) as run:
        asked = await run.asked()
        await reached(run, run.published, load.events)
        more = await run.asked()
        await verify(run, load.ends, {what: more[what] - asked.get(what, 0) for what in more})
        await asyncio.to_thread(run.process.stop, 15)
        for table in _FORGET:
            await run.database.execute(f"DELETE FROM {table}")
    return name


async def _multiplied(ground: Ground, base: str, orders: int, say: Say) -> Stored:
    name, began = f"ordersaga_{orders}", time.monotonic()
    connection = await asyncpg.connect(await ground.new_database(name, base))
    try:
        await connection.execute("SET synchronous_commit = off")
        for table in _OF_ORDERS:
            await connection.execute(f"CREATE TEMPORARY TABLE real_{table} AS TABLE {table}")
        copies = orders // _REAL - 1
        for first in range(1, copies + 1, _AT_ONCE):
            last = min(first + _AT_ONCE - 1, copies)
            await _copied(connection, first, last)
        await connection.execute("VACUUM ANALYZE")
        found = await connection.fetchval("SELECT count(*) FROM orders")
        if found != orders:
            raise BenchError(f"{found} orders are stored, not {orders}")
        size = await connection.fetchval(_SIZE)
    finally:
        await connection.close()
    say(f"{orders:,} orders stored in {time.monotonic() - began:.0f} s: {size / orders:,.0f} bytes an order")
    return Stored(orders, name, size)


async def _copied(connection: Connection, first: int, last: int) -> None:
    """The real ones' rows once more for each number."""
    async with connection.transaction():
        for table in _OF_ORDERS:
            columns = [record["column_name"] for record in await connection.fetch(_COLUMNS, table)]
            values = ", ".join(_value(table, column) for column in columns)
            await connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} "
                f"FROM real_{table} AS given, generate_series($1::int, $2::int) AS copy",
                first,
                last,
            )


def _value(table: str, column: str) -> str:
    unlike = _UNLIKE.get(f"{table}.{column}") or _UNLIKE.get(column)
    return unlike.format(f"given.{column}") if unlike else f"given.{column}"


async def _checkpoint(ground: Ground, name: str) -> None:
    """So that no run pays for what was written before it."""
    connection = await asyncpg.connect(ground.parts.postgres.url(ground.database(name)))
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def show(grown_: Grown, console: Console) -> None:
    table = Table(title="Full way at 0 ms, medians", title_justify="left")
    for name in ("orders stored", "orders/s", "bytes an order"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in grown_.stored:
        table.add_row(f"{one.orders:,}", f"{grown_.median(one.orders):,.0f}", f"{one.size / one.orders:,.0f}")
    console.print(table)
    judged = "[green]reached" if grown_.ratio >= _WANTED else "[red]not reached"
    console.print(f"with most, relative to fewest: {grown_.ratio:.2f}; wanted: ≥ {_WANTED} {judged}", markup=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.growth", description=__doc__)
    parser.add_argument("--stored", type=_thousands, nargs="+", default=[1_000, 1_000_000], help="multiples of 1,000")
    parser.add_argument("--orders", type=int, default=5_000, help="placed and shipped in each run")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of topics that are a moment old
    console = Console(highlight=False)
    try:
        with (
            Parts.started(durable=True, say=console.print) as parts,
            tempfile.TemporaryDirectory(prefix="ordersaga-bench-") as folder,
        ):
            found = uvloop.run(_measured(Ground(parts, Path(folder)), options, console.print))
    except (MissingPartError, PartFailedError, BenchError) as error:
        console.print(f"[red]{error}", markup=True)
        return 1
    except KeyboardInterrupt:
        return 130
    show(found, console)
    return 0


async def _measured(ground: Ground, options: argparse.Namespace, say: Say) -> Grown:
    try:
        await ground.prepare()
        return await grown(ground, sorted(set(options.stored)), options.orders, options.rounds, say)
    finally:
        await ground.stop()


def _thousands(text: str) -> int:
    number = int(text)
    if number < _REAL or number % _REAL:
        raise argparse.ArgumentTypeError(f"{text} isn't a multiple of {_REAL:,}")
    return number


if __name__ == "__main__":
    sys.exit(main())
