"""`ordersaga run`: wires the roles and keeps them running until it is told to stop."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

import structlog
import uvloop

from ordersaga import telemetry
from ordersaga.bus.consumer import Batch, Consumer, ConsumerOptions
from ordersaga.bus.producer import Producer
from ordersaga.bus.records import Place
from ordersaga.cli.connections import kafka_of
from ordersaga.cli.wiring import accounts_of, lanes_of, rulebook_of, store_of
from ordersaga.config import Settings
from ordersaga.intake.intake import Intake, IntakeSettings
from ordersaga.providers.accounts import providers_of
from ordersaga.relay.relay import Relay, RelaySettings
from ordersaga.store.errors import MasterKeyError, SchemaMissingError, SettingError, StoreUnavailableError
from ordersaga.store.store import Store
from ordersaga.store.upkeep import AtEnd
from ordersaga.worker.held import LeaseClock
from ordersaga.worker.settler import Settler, SettlerSettings
from ordersaga.worker.worker import Reach, Worker, WorkerSettings

log = structlog.get_logger(__name__)

Role = Literal["intake", "worker", "relay"]
ROLES: Final[tuple[Role, ...]] = ("intake", "worker", "relay")


def run(settings: Settings, roles: Collection[Role] = ROLES) -> int:
    """Runs until SIGTERM or SIGINT. The exit code: 0 stopped, 1 a role failed, 2 a setting can't be used."""
    telemetry.configure_logs(settings.log_level, settings.log_format)
    if settings.metrics_port is not None:
        telemetry.serve(settings.metrics_port)
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
            sys.stderr.write(f"ORDERSAGA_DATABASE or ORDERSAGA_ENCRYPTION_KEY: {error}\n")
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
                await store.open()
            except StoreUnavailableError as error:
                log.warning("waiting for Postgres", reason=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
            except (SchemaMissingError, MasterKeyError) as error:
                sys.stderr.write(f"{error}\n")
                return False
            else:
                return True

    async def _serve(self, store: Store, stop: asyncio.Event) -> int:
        settings = self._settings
        accounts = accounts_of(settings)
        providers = providers_of(accounts)
        rulebook = rulebook_of(settings, accounts, providers)
        producer = Producer(kafka_of(settings))
        relay = Relay(store, producer, RelaySettings(self._owner, settings.outcomes_topic, poll=settings.relay.poll))
        wake = relay.wake if "relay" in self._roles else _nothing
        lanes, clock = lanes_of(settings, accounts), LeaseClock(settings.lease)
        settler = Settler(
            store, lanes, rulebook, clock, SettlerSettings(self._owner, settings.instance, settings.lease), wake
        )
        reaches = {key: Reach(provider, accounts[key].call_deadline) for key, provider in providers.items()}
        worker = Worker(
            store,
            reaches,
            lanes,
            settler,
            rulebook,
            clock,
            WorkerSettings(self._owner, settings.lease, settings.worker.poll),
        )
        desk = worker if "worker" in self._roles else None
        intake = Intake(
            store,
            settings.merchants.keys(),
            rulebook,
            desk,
            IntakeSettings(settings.instance, settings.inbox_retention),
            wake,
        )
        consumer = _consumer(settings, store, intake)
        if "worker" in self._roles:
            self._start(worker.run, *[settler.run] * settings.worker.settlers)
        if "relay" in self._roles:
            self._start(relay.run)
        if "intake" in self._roles:
            self._start(partial(_run, consumer))
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        log.info("running", roles=sorted(self._roles), owner=self._owner)
        failed = await self._until_stopped(stop)
        log.info("stopping")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.shutdown_timeout):
                await self._stop(consumer, worker, settler, relay)
        await self._end_tasks()
        await producer.close()
        for provider in providers.values():
            await provider.close()
        return 1 if failed else 0

    @property
    def _owner(self) -> str:
        return self._settings.instance

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

    async def _stop(self, consumer: Consumer, worker: Worker, settler: Settler, relay: Relay) -> None:
        """Stops fetching, finishes or hands back what is held, settles, publishes."""
        budget = self._settings.shutdown_timeout
        if "intake" in self._roles:
            await consumer.stop(budget / 3)
        if "worker" in self._roles:
            await worker.stop(budget / 3)
            await settler.drained()
        if "relay" in self._roles:
            await relay.stop()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _run(consumer: Consumer) -> None:
    """Joins the group when Kafka is there, and stays; what goes wrong later it mends by itself."""
    await consumer.start()
    await asyncio.Event().wait()


def _consumer(settings: Settings, store: Store, intake: Intake) -> Consumer:
    async def take(batch: Batch) -> None:
        at_end = {place: 0.0 for place in batch.places if batch.at_end(place)}
        await intake.take(batch.records, at_end)

    async def starts(places: Sequence[Place]) -> dict[Place, int]:
        offsets = {topic: await store.offsets(topic) for topic in {place.topic for place in places}}
        return {
            Place(topic, partition): offset for topic, found in offsets.items() for partition, offset in found.items()
        }

    async def idle(at_end: Mapping[Place, int]) -> None:
        await store.caught_up([AtEnd(*place, offset) for place, offset in at_end.items()], 0.0)

    options = ConsumerOptions(settings.intake.max_records, settings.intake.session_timeout)
    topics = [settings.orders_topic]
    return Consumer(kafka_of(settings), topics, settings.group, take, starts, on_idle=idle, options=options)


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


def _nothing() -> None:
    """No relay shares this process: it polls."""
