"""`ordersaga run`: keeps the roles running until it is told to stop."""

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
from ordersaga.cli.wiring import ROLES, Role, Wired, owner_of, store_of, wired
from ordersaga.config import Settings
from ordersaga.store.errors import MasterKeyError, SchemaMissingError, SettingError, StoreUnavailableError
from ordersaga.store.store import Store
from ordersaga.worker.upkeep import UpkeepSettings, keep

log = structlog.get_logger(__name__)


def run(settings: Settings, roles: Collection[Role] = ROLES) -> int:
    """Runs until SIGTERM or SIGINT. The exit code: 0 stopped, 1 a role failed, 2 a setting can't be used."""
    telemetry.configure_logs(settings.log_level, settings.log_format)
    if settings.metrics_port is not None:
        try:
            telemetry.serve(settings.metrics_port)
        except OSError as error:
            sys.stderr.write(
                f"ORDERSAGA_METRICS_PORT can't be listened at ({settings.metrics_port}: {error.strerror})\n"
            )
            return 2
    return uvloop.run(Service(settings, frozenset(roles or ROLES)).run())


class Service:
    """One process with some of the roles."""

    def __init__(self, settings: Settings, roles: frozenset[Role]) -> None:
        self._settings = settings
        self._roles = roles
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> int:
        stop = _stop_signal()
        try:
            store = store_of(self._settings)
        except (SettingError, MasterKeyError) as error:
            name = "ORDERSAGA_DATABASE" if isinstance(error, SettingError) else "ORDERSAGA_ENCRYPTION_KEY"
            sys.stderr.write(f"{name}: {error}\n")
            return 2
        try:
            opened = await _until(stop, self._open(store))
            if opened is not True:
                return 0 if opened is None else 2
            return await self._serve(store, stop)
        finally:
            await store.close()

    async def _open(self, store: Store) -> bool:
        """Waits for the database; False: it is there, but can't be used."""
        pause = 0.2
        while True:
            try:
                absent = await store.open()
            except StoreUnavailableError as error:
                log.warning("waiting for Postgres", reason=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
            except (SchemaMissingError, MasterKeyError) as error:
                sys.stderr.write(f"{error}\n")
                return False
            else:
                for name in absent:
                    log.warning("a master key isn't given", reason=f"what the key {name!r} sealed can't be read")
                return True

    async def _serve(self, store: Store, stop: asyncio.Event) -> int:
        service = wired(self._settings, store, self._roles)
        if service.worker is not None and service.settler is not None:
            self._start(service.worker.run, *[service.settler.run] * self._settings.worker.settlers)
        if service.relay is not None:
            self._start(service.relay.run)
        if service.consumer is not None:
            self._start(service.consumer.run)
        upkeep = UpkeepSettings(self._settings.inbox_retention)
        self._start(partial(keep, store, service.bulkheads, upkeep, service.in_hand))
        telemetry.watch_bulkheads(service.bulkheads)
        telemetry.watch_gates(service.gates)
        telemetry.watch_store(store.engine.counts)
        _spare_the_collector()
        log.info("running", roles=sorted(self._roles), owner=owner_of(self._settings))
        failed = await self._until_stopped(stop)
        log.info("stopping")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.shutdown_timeout):
                await self._stop(service)
        await self._end_tasks()
        await service.close()
        return 1 if failed else 0

    def _start(self, *roles: Callable[[], Coroutine[Any, Any, None]]) -> None:
        for role in roles:
            self._tasks.append(asyncio.create_task(role()))

    async def _until_stopped(self, stop: asyncio.Event) -> bool:
        """True: a role ended by itself, which none may."""
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({stopped, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done & set(self._tasks):
            error = None if task.cancelled() else task.exception()
            log.error("a role ended", exc_info=error)
        return bool(done & set(self._tasks))

    async def _stop(self, service: Wired) -> None:
        """Stops fetching, finishes or hands back what is held, settles, publishes."""
        budget = self._settings.shutdown_timeout
        if service.consumer is not None:
            await service.consumer.stop(budget / 3)
        if service.worker is not None and service.settler is not None:
            await service.worker.stop(budget / 3)
            await service.settler.drained()
        if service.relay is not None:
            await service.relay.stop()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _spare_the_collector() -> None:
    """What lives as long as the process is never looked at again, and batches don't wake the collector."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _until(stop: asyncio.Event, work: Awaitable[bool]) -> bool | None:
    """What the work gives; None: it was stopped before."""
    task, stopped = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        return task.result()
    task.cancel()
    return None
