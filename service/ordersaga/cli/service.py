"""The process of `ordersaga run`: keeps its roles running until it is stopped."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine
from functools import partial
from typing import Any

import structlog
import uvloop

from ordersaga import telemetry
from ordersaga.cli.connections import store_of
from ordersaga.cli.ending import CLOSING, Ending
from ordersaga.cli.ports import Ports
from ordersaga.cli.tracing import start_traces
from ordersaga.cli.wiring import Components, Role, build, owner_of, roles_by_default
from ordersaga.config import Settings
from ordersaga.store.errors import (
    AccessDeniedError,
    MasterKeyError,
    OutdatedError,
    PoolerError,
    SchemaMissingError,
    SettingError,
    StoreUnavailableError,
)
from ordersaga.store.store import Store
from ordersaga.telemetry import traces
from ordersaga.web.health import Health
from ordersaga.worker.upkeep import UpkeepSettings, run_upkeep

log = structlog.get_logger(__name__)


def run(settings: Settings, roles: Collection[Role] = ()) -> int:
    """Runs until SIGTERM or SIGINT. The exit code: 0 stopped, 1 a role failed, 2 a setting is unusable.

    `roles`: none means those by default. Raises CommandError: a port can't be used, or OpenTelemetry isn't installed.
    """
    start_traces(settings)
    telemetry.configure_logs(settings.log_level, settings.log_format)
    health, running = Health(), frozenset(roles) or roles_by_default(settings)
    ports = Ports(settings, running, health)
    ending = Ending(settings.shutdown_timeout + CLOSING)
    try:
        return uvloop.run(Service(settings, running, health, ports, ending).run())
    finally:
        ending.cancel()


class Service:
    """One process that runs some of the roles."""

    def __init__(
        self, settings: Settings, roles: frozenset[Role], health: Health, ports: Ports, ending: Ending
    ) -> None:
        self._settings = settings
        self._roles = roles
        self._health = health
        self._ports = ports
        self._ending = ending
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> int:
        stop = self._stop_signal()
        async with self._ports.health_served():
            try:
                return await self._run(stop)
            finally:
                await asyncio.to_thread(traces.stop)

    async def _run(self, stop: asyncio.Event) -> int:
        try:
            store = store_of(self._settings, self._settings.orders_topic)
        except (SettingError, MasterKeyError) as error:
            name = "ORDERSAGA_DATABASE" if isinstance(error, SettingError) else "ORDERSAGA_ENCRYPTION_KEY"
            sys.stderr.write(f"{name}: {error}\n")
            return 2
        try:
            opened = await _until(stop, self._open(store))
            if opened is not True:
                return 0 if opened is None else 2
            self._health.started = True
            return await self._serve(store, stop)
        finally:
            await store.close()

    async def _open(self, store: Store) -> bool:
        """Waits for the database. False: it is available, but can't be used."""
        pause = 0.2
        while True:
            try:
                missing_keys = await store.open()
            except (SchemaMissingError, OutdatedError, MasterKeyError, PoolerError, AccessDeniedError) as error:
                log.error("the database can't be used", reason=str(error))  # noqa: TRY400 - the reason says it
                return False
            except StoreUnavailableError as error:
                log.warning("waiting for Postgres", reason=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
            else:
                for name in missing_keys:
                    log.warning("a master key is missing", reason=f"data encrypted with the key {name!r} can't be read")
                return True

    async def _serve(self, store: Store, stop: asyncio.Event) -> int:
        components = build(self._settings, store, self._roles, self._ports.web)
        if components.worker is not None and components.settler is not None:
            self._start(components.worker.run, *[components.settler.run] * self._settings.worker.settlers)
        if components.relay is not None:
            self._start(components.relay.run)
        if components.consumer is not None:
            self._start(components.consumer.run)
        if components.web is not None:
            self._start(components.web.run)
        owner = owner_of(self._settings)
        upkeep = UpkeepSettings(self._settings.inbox_retention)
        self._start(partial(run_upkeep, store, components.bulkheads, upkeep, components.batch_ages, owner))
        telemetry.watch_bulkheads(components.bulkheads)
        telemetry.watch_gates(components.gates)
        telemetry.watch_store(store.engine.counts)
        if components.consumer is not None:
            telemetry.watch_lag(components.consumer.lags)
        _freeze_garbage_collector()
        log.info("running", roles=sorted(self._roles), owner=owner)
        self._health.ready = True
        failed = await self._until_stopped(stop)
        self._health.ready = False
        log.info("stopping")
        self._ending.begin(1 if failed else 0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.shutdown_timeout):
                await self._stop(components)
        await self._cancel_tasks()
        await components.close()
        return 1 if failed else 0

    def _start(self, *roles: Callable[[], Coroutine[Any, Any, None]]) -> None:
        for role in roles:
            self._tasks.append(asyncio.create_task(role()))

    async def _until_stopped(self, stop: asyncio.Event) -> bool:
        """True: a role ended by itself, which none should."""
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({stopped, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done & set(self._tasks):
            error = None if task.cancelled() else task.exception()
            log.error("a role ended", exc_info=error)
        return bool(done & set(self._tasks))

    async def _stop(self, components: Components) -> None:
        """All roles at once; web takes requests for a little longer, as some are still led here."""
        async with asyncio.TaskGroup() as stopping:
            if components.web is not None:
                stopping.create_task(components.web.linger(self._settings.web_linger))
            stopping.create_task(self._stop_others(components))

    async def _stop_others(self, components: Components) -> None:
        """Stops fetching, finishes or hands back leased orders, settles, publishes."""
        budget = self._settings.shutdown_timeout
        if components.consumer is not None:
            await components.consumer.stop(budget / 3)
        if components.worker is not None and components.settler is not None:
            await components.worker.stop(budget / 3)
            await components.settler.drained()
        if components.relay is not None:
            await components.relay.stop()

    def _stop_signal(self) -> asyncio.Event:
        stop = asyncio.Event()

        def end() -> None:
            self._ending.begin(0)
            stop.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
        return stop

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _freeze_garbage_collector() -> None:
    """Objects that live as long as the process aren't scanned again, and batches don't trigger a collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _until(stop: asyncio.Event, work: Awaitable[bool]) -> bool | None:
    """The result of the work; None: it was stopped before."""
    task, stopped = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return task.result()
    task.cancel()
    return None
