"""`make demo`: a sample of real orders, from Kafka through the service to the provider and back. `make up`: without the sample."""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ordersaga_local import accounts
from ordersaga_local.checkouts import Purchases, of_purchases, with_addresses
from ordersaga_local.notifying import Reviews, disturbed, of_reviews, web_settings
from ordersaga_local.outcomes import Books, following
from ordersaga_local.parts import Parts
from ordersaga_local.paying import Payments, of_payments
from ordersaga_local.process import MissingPartError, PartFailedError, free_port
from ordersaga_local.stage import Process, Sandbox, Stage, environment_with, stage

SAMPLE = Path("sample/events.ndjson.gz")
EXPECTED = Path("sample/expected.json.gz")
STUCK_AFTER_SECONDS = 60.0
"""Seconds without a new outcome after which missing outcomes count as stuck."""
_SIGNAL_EXIT_CODE = 128
"""A process that was ended by a signal has this plus the signal number as its exit code."""

PROVIDER = {
    "pending_decision": "ACCEPTED",
    "pending_decision_after": 2,
    "customer_seconds": 2,
    "push_after": 1,
    "mollie_refund_pending_seconds": 1,
    "mollie_refund_processing_seconds": 1,
}
"""Switches of the sandbox: reviews are decided, customers in the Checkout act, and refunds are paid out, within seconds."""
SETTINGS = {
    "ORDERSAGA_WAITS__ORDER": "30",
    "ORDERSAGA_WAITS__SHIPMENT": "30",
    "ORDERSAGA_REVIEW_POLL": "15",
    "ORDERSAGA_CHECKOUT__FIRST": "15",
    "ORDERSAGA_PAYMENT__FIRST": "15",
    "ORDERSAGA_LEASE": "10",
    "ORDERSAGA_BACKOFF__FIRST": "0.2",
    "ORDERSAGA_INTAKE__SESSION_TIMEOUT": "10",
    "ORDERSAGA_LOG_LEVEL": "WARNING",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--without-sample", action="store_true", help="start everything, but don't publish the sample")
    parser.add_argument("--rate", type=float, default=400, help="events published per second (0: as fast as possible)")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(stderr=False)
    try:
        with Parts.started(durable=True, say=lambda line: console.print(line, highlight=False)) as parts:
            return _run(parts, options, console)
    except (MissingPartError, PartFailedError) as error:
        console.print(f"[red]{error}", highlight=False)
        return 1
    except KeyboardInterrupt:
        return 0


def _run(parts: Parts, options: argparse.Namespace, console: Console) -> int:
    port = free_port()
    with stage(parts, settings=SETTINGS | web_settings(port)) as (run, sandbox):
        service = run.service(ORDERSAGA_WEB__PORT=str(port))
        console.print(f"Sandbox of the provider at {sandbox.url}; service started, pid {service.pid}", highlight=False)
        console.print(f"Notifications of the provider are taken at http://127.0.0.1:{port}", highlight=False)
        if options.without_sample:
            _print_access(run, console)
            _keep_running(service, console)
            return 0
        sandbox.control("switches", "PUT", PROVIDER)
        agrees = asyncio.run(_publish_sample(run, sandbox, service, options.rate, console))
        if sys.stdout.isatty() and not os.environ.get("ONCE"):
            _print_access(run, console)
            _keep_running(service, console)
        return 0 if agrees else 1


def _keep_running(service: Process, console: Console) -> None:
    """Until Ctrl-C, or until the service exits by itself."""
    while _restart_if_killed(service, console):
        time.sleep(0.5)


def _restart_if_killed(service: Process, console: Console) -> bool:
    """Restarts it if it was killed, as a platform would. False: it exited by itself."""
    if service.pid:
        return True
    code = service.wait() or 0
    if code <= _SIGNAL_EXIT_CODE:
        console.print(f"[red]the service ended with {code}:[/red]\n{service.tail()}", highlight=False)
        return False
    service.start()
    name = signal.Signals(code - _SIGNAL_EXIT_CODE).name
    console.print(f"the service was ended by {name}; started again, pid {service.pid}", highlight=False)
    return True


def _print_access(run: Stage, console: Console) -> None:
    console.print("\nIt stays up until Ctrl-C. In another terminal:")
    for name, value in run.environment.items():
        console.print(f"  export {name}='{value}'", highlight=False, soft_wrap=True)
    console.print("  .venv/bin/ordersaga publish sample/events.ndjson.gz")
    console.print("  .venv/bin/ordersaga outcomes --from-beginning")
    console.print("  .venv/bin/ordersaga order show 536365")
    console.print(f"  curl -s {run.provider}/_sandbox/ledger/summary", highlight=False)


async def _publish_sample(run: Stage, sandbox: Sandbox, service: Process, rate: float, console: Console) -> bool:
    expected = accounts.Expected.load(EXPECTED)
    sample = with_addresses(SAMPLE, run.command("notification-urls"), run.folder / SAMPLE.name)
    async with following(run.kafka, run.orders_topic, run.outcomes_topic) as books, disturbed(sandbox):
        started = time.monotonic()
        options = ["--rate", str(rate)] if rate else []
        with (run.folder / "publish.log").open("wb") as log:
            publisher = await asyncio.create_subprocess_exec(
                *run.ordersaga("publish", str(sample), *options),
                env=environment_with(run.environment),
                stdout=log,
                stderr=log,
            )
        try:
            if not await _wait_for_outcomes(expected, books, service, console) or await publisher.wait():
                console.print((run.folder / "publish.log").read_text(errors="replace"), highlight=False)
                return False
        finally:
            if publisher.returncode is None:
                publisher.terminate()
                await publisher.wait()
        seconds = time.monotonic() - started
        effects = await asyncio.to_thread(sandbox.effects)
        deliveries = await asyncio.to_thread(sandbox.deliveries)
        notified = [how(deliveries, effects, books) for how in (of_reviews, of_purchases, of_payments)]
    dead_letters = Counter(dead_letter["code"] for dead_letter in _dead_letters(run))
    _print_facts(expected, books, dead_letters, notified, seconds, console)
    tables = await accounts.of_tables(run.database)
    columns = expected.money(), tables, accounts.of_ledger(effects), accounts.of_outcomes(books)
    found = problems(expected, books, effects, dead_letters) + [one for part in notified for one in part.problems()]
    return _print_verdict(_print_money(columns, console), found, console)


async def _wait_for_outcomes(expected: accounts.Expected, books: Books, service: Process, console: Console) -> bool:
    """Shows progress until every event has its final outcome, or no new outcome arrives. False: the service exited."""
    wanted = len(expected.events(final=True))
    last, last_change = -1, time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        events = progress.add_task("events sent", total=expected.whole["events"])
        finals = progress.add_task("final outcomes", total=wanted)
        while len(books.finals) < wanted and time.monotonic() - last_change < STUCK_AFTER_SECONDS:
            await asyncio.sleep(0.25)
            progress.update(events, completed=books.records)
            progress.update(finals, completed=len(books.finals))
            if len(books.seen) != last:
                last, last_change = len(books.seen), time.monotonic()
            if not _restart_if_killed(service, console):
                return False
    return True


def _print_facts(
    expected: accounts.Expected,
    books: Books,
    dead_letters: Counter[str],
    notified: Sequence[Reviews | Purchases | Payments],
    seconds: float,
    console: Console,
) -> None:
    facts = Table("what", "count", title="What came of it", title_justify="left")
    facts.add_row("events in", str(expected.whole["events"]), end_section=True)
    for what, count in sorted(books.by_type.items()):
        facts.add_row(f"outcome {what}", str(count))
    facts.add_section()
    for code, count in sorted(dead_letters.items()):
        facts.add_row(f"dead letter {code}", str(count))
    for part in notified:
        facts.add_section()
        for row in part.rows():
            facts.add_row(*row)
    facts.add_section()
    facts.add_row("events a second", f"{expected.whole['events'] / seconds:.0f}")
    waited = [latency for latency in books.latencies if latency >= 0]
    if len(waited) > 1:
        cuts = statistics.quantiles(waited, n=100)
        facts.add_row("event to final outcome, p50", f"{cuts[49] * 1000:.0f} ms")
        facts.add_row("event to final outcome, p99", f"{cuts[98] * 1000:.0f} ms")
    console.print(facts)


def _print_verdict(agrees: bool, found: list[str], console: Console) -> bool:
    """`agrees`: the columns of money. Whether all is well."""
    for line in found[:20]:
        console.print(f"[red]{line}", highlight=False)
    if agrees and not found:
        console.print("[green]Every event has one final outcome, and every penny is accounted for.")
    return agrees and not found


def problems(
    expected: accounts.Expected, books: Books, effects: list[dict[str, Any]], dead_letters: Counter[str]
) -> list[str]:
    """Everything that isn't as expected; empty: nothing was lost, duplicated or stuck."""
    found = accounts.differences(expected, books)
    found += [f"took effect twice: {reference}" for reference in accounts.doubled(effects)]
    found += [f"sequence: {gap}" for gap in books.gaps]
    found += [f"different payloads with the same outcome id: {one}" for one in books.differing]
    wanted = expected.whole["dead_letters"]
    if dict(dead_letters) != wanted:
        found.append(f"dead letters: {dict(dead_letters)}, expected {wanted}")
    return found


def _print_money(columns: Sequence[accounts.Money], console: Console) -> bool:
    table = Table(title="Money, in minor units", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in accounts.BOOKS:
        table.add_column(name, justify="right")
    table.add_column("")
    for number, (account, name, figures) in enumerate(accounts.figures(columns)):
        if number % len(accounts.COLUMNS) == 0:
            table.add_section()
            table.add_row(" ".join(account))
        same = "=" if len(set(figures)) == 1 else "[red]differs"
        table.add_row(name, *(f"{figure:,}" for figure in figures), same)
    console.print(table)
    return not accounts.disagreements(columns)


def _dead_letters(run: Stage) -> list[dict[str, Any]]:
    import json

    dead_letters: list[dict[str, Any]] = json.loads(run.command("dead-letters", "list", "--json", "--limit", "100000"))
    return dead_letters


if __name__ == "__main__":
    sys.exit(main())
