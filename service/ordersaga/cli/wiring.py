"""From settings to the parts of a running service."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from ordersaga import telemetry
from ordersaga.bus.consumer import Batch, Consumer, ConsumerOptions
from ordersaga.bus.producer import Producer
from ordersaga.bus.records import Place, Record
from ordersaga.cli.connections import database_of, kafka_of
from ordersaga.config import Klarna, Settings
from ordersaga.domain.model.terms import Rules
from ordersaga.intake.intake import Intake, IntakeSettings
from ordersaga.providers.accounts import Account, KlarnaAccount, gates_of, providers_of
from ordersaga.providers.breaker import Gate
from ordersaga.providers.klarna.regions import base_url_of
from ordersaga.providers.port import Provider
from ordersaga.relay.relay import Relay, RelaySettings
from ordersaga.rulebook import Rulebook
from ordersaga.store.engine import Engine
from ordersaga.store.store import Store
from ordersaga.store.upkeep import AtEnd
from ordersaga.store.vault import Vault
from ordersaga.worker.bulkheads import AccountKey, Bulkhead, Bulkheads
from ordersaga.worker.leases import LeaseClock
from ordersaga.worker.settler import Settler, SettlerSettings
from ordersaga.worker.worker import Reach, Worker, WorkerSettings

Role = Literal["intake", "worker", "relay"]
ROLES: Final[tuple[Role, ...]] = ("intake", "worker", "relay")
_SEEN_AGO: Final = 1.0
"""Seconds by which Kafka's word of the end of a partition may be old."""
_WORTH_TWO: Final = 64  # records
_UNPLACED: Final = 64
"""Slots for orders that aren't placed yet: they need no provider."""


def store_of(settings: Settings) -> Store:
    keys = settings.encryption_keys()
    return Store(Engine(database_of(settings)), Vault(keys, next(iter(keys))), [settings.orders_topic])


def accounts_of(settings: Settings) -> dict[AccountKey, Account]:
    return {
        (name, "klarna"): _account(merchant.klarna)
        for name, merchant in settings.merchants.items()
        if merchant.klarna is not None
    }


def _account(klarna: Klarna) -> Account:
    return KlarnaAccount(
        username=klarna.username,
        password=klarna.password,
        base_url=klarna.base_url or base_url_of(klarna.region, klarna.environment),
        slots=klarna.slots,
        call_deadline=klarna.call_deadline,
        rate_limit=klarna.rate_limit,
        authorization_days=klarna.authorization_days,
        ca_file=str(klarna.ca_file) if klarna.ca_file else None,
    )


def bulkheads_of(
    settings: Settings, accounts: Mapping[AccountKey, Account], gates: Mapping[AccountKey, Gate]
) -> Bulkheads:
    """A lane for each account, and one per merchant for orders that aren't placed yet."""
    bulkheads = {key: Bulkhead(account.slots, gates[key]) for key, account in accounts.items()}
    return Bulkheads({**bulkheads, **{(name, ""): Bulkhead(_UNPLACED) for name in settings.merchants}})


def rulebook_of(
    settings: Settings, accounts: Mapping[AccountKey, Account], providers: Mapping[AccountKey, Provider]
) -> Rulebook:
    rules = {}
    for name in settings.merchants:
        mine = [key for key in accounts if key[0] == name]
        rules[name] = Rules(
            {provider: providers[merchant, provider].terms for merchant, provider in mine},
            waits_order=settings.waits.order,
            waits_shipment=settings.waits.shipment,
            absent_after=settings.evidence.absent_after,
            absent_again=settings.evidence.absent_again,
            attention_after=settings.evidence.attention_after,
            review_poll=settings.review_poll,
            backoff=settings.backoff.first,
            backoff_most=settings.backoff.most,
            call_deadline=max((accounts[key].call_deadline for key in mine), default=10.0),
        )
    return Rulebook(rules)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Store, Rulebook]]:
    """For one command that decides. Raises the store's errors."""
    accounts = accounts_of(settings)
    providers = providers_of(accounts)
    try:
        async with store_of(settings) as store:
            yield store, rulebook_of(settings, accounts, providers)
    finally:
        for provider in providers.values():
            await provider.close()


def owner_of(settings: Settings) -> str:
    """Of leases and shards: other processes of one host have other names."""
    return f"{settings.instance}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Wired:
    """The parts of one process; those of roles that it hasn't are None."""

    bulkheads: Bulkheads
    gates: Mapping[AccountKey, Gate]
    consumer: Consumer | None
    worker: Worker | None
    settler: Settler | None
    relay: Relay | None
    closing: Sequence[Callable[[], Awaitable[None]]]

    @property
    def in_hand(self) -> Sequence[telemetry.InHand]:
        consumer, settler = self.consumer, self.settler
        of_intake: list[telemetry.InHand] = [] if consumer is None else [lambda: consumer.health().in_hand]
        return of_intake if settler is None else [*of_intake, settler.in_hand]

    async def close(self) -> None:
        for close in self.closing:
            await close()


def wired(settings: Settings, store: Store, roles: Collection[Role]) -> Wired:
    accounts = accounts_of(settings)
    providers = providers_of(accounts)
    gates = gates_of(accounts)
    bulkheads = bulkheads_of(settings, accounts, gates)
    rulebook = rulebook_of(settings, accounts, providers)
    producer = Producer(kafka_of(settings))
    relay = _relay(settings, store, producer) if "relay" in roles else None
    wake = relay.wake if relay else _nobody
    worker, settler = None, None
    if "worker" in roles:
        clock = LeaseClock(settings.lease)
        names = SettlerSettings(owner_of(settings), settings.instance, settings.lease)
        settler = Settler(store, bulkheads, rulebook, clock, names, wake)
        reaches = {key: Reach(provider, accounts[key].call_deadline) for key, provider in providers.items()}
        pace = WorkerSettings(owner_of(settings), settings.lease, settings.worker.poll)
        worker = Worker(store, reaches, bulkheads, settler, rulebook, clock, pace)
    consumer = None
    if "intake" in roles:
        memory = IntakeSettings(settings.instance, settings.inbox_retention)
        consumer = _consumer(settings, store, Intake(store, settings.merchants.keys(), rulebook, worker, memory, wake))
    closing = [producer.close, *(provider.close for provider in providers.values())]
    return Wired(bulkheads, gates, consumer, worker, settler, relay, closing)


def _relay(settings: Settings, store: Store, producer: Producer) -> Relay:
    pace = RelaySettings(
        owner_of(settings), settings.outcomes_topic, poll=settings.relay.poll, batch=settings.relay.batch
    )
    return Relay(store, producer, pace)


def _consumer(settings: Settings, store: Store, intake: Intake) -> Consumer:
    async def take(batch: Batch) -> None:
        at_end = {place: _SEEN_AGO for place in batch.places if batch.at_end(place)}
        taking = [intake.take(part, at_end) for part in parts_of(batch.records)]
        for failed in await asyncio.gather(*taking, return_exceptions=True):
            if failed is not None:
                raise failed

    async def starts(places: Sequence[Place]) -> dict[Place, int]:
        offsets = {topic: await store.offsets(topic) for topic in {place.topic for place in places}}
        return {
            Place(topic, partition): offset for topic, found in offsets.items() for partition, offset in found.items()
        }

    async def idle(at_end: Mapping[Place, int]) -> None:
        await store.caught_up([AtEnd(*place, offset) for place, offset in at_end.items()], _SEEN_AGO)

    options = ConsumerOptions(settings.intake.max_records, settings.intake.session_timeout)
    topics = [settings.orders_topic]
    return Consumer(kafka_of(settings), topics, settings.group, take, starts, on_idle=idle, options=options)


def parts_of(records: Sequence[Record]) -> list[list[Record]]:
    """Two batches of whole partitions where it pays: one is decided while the database writes the other."""
    if len(records) < _WORTH_TWO:
        return [list(records)]
    parts: tuple[list[Record], list[Record]] = ([], [])
    of_place: dict[Place, list[Record]] = {}
    for record in records:
        place = Place(record.topic, record.partition)
        if place not in of_place:
            of_place[place] = min(parts, key=len)
        of_place[place].append(record)
    return [part for part in parts if part]


def _nobody() -> None:
    """No relay shares this process: it polls."""
