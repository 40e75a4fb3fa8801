"""From settings to the parts of a running service."""

import os
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ordersaga import telemetry
from ordersaga.bus.consumer import Consumer, ConsumerOptions
from ordersaga.bus.producer import Producer
from ordersaga.cli.accounts import accounts_of, addresses_of, rulebook_of
from ordersaga.cli.callbacks import callbacks_of
from ordersaga.cli.connections import kafka_of
from ordersaga.cli.notifications import NOTIFICATIONS
from ordersaga.config import Settings
from ordersaga.domain.model.outcomes import CallKind
from ordersaga.intake.handlers import ConsumerHandlers
from ordersaga.intake.intake import Intake, IntakeSettings
from ordersaga.providers.accounts import Account, gates_of, providers_of
from ordersaga.providers.breaker import Gate
from ordersaga.relay.relay import Relay, RelaySettings
from ordersaga.store.readers import STATE_VERSION
from ordersaga.store.store import Store
from ordersaga.web.web import Web
from ordersaga.worker.bulkheads import AccountKey, Bulkhead, Bulkheads
from ordersaga.worker.leases import LeaseClock
from ordersaga.worker.settler import Settler, SettlerSettings
from ordersaga.worker.worker import ProviderEndpoint, Worker, WorkerSettings

Role = Literal["intake", "worker", "relay", "web"]
ROLES: Final[tuple[Role, ...]] = ("intake", "worker", "relay", "web")
_UNPLACED_SLOTS: Final = 64
"""For orders that aren't placed yet: they need no provider."""


def roles_by_default(settings: Settings) -> frozenset[Role]:
    """All of them; web if it has a port."""
    return frozenset(role for role in ROLES if role != "web" or settings.web.port is not None)


def owner_of(settings: Settings) -> str:
    """The owner of leases and shards, unique among the processes of a host."""
    return f"{settings.instance}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Components:
    """The parts of one process; those of roles that it doesn't run are None."""

    bulkheads: Bulkheads
    gates: Mapping[AccountKey, Mapping[CallKind, Gate]]
    consumer: Consumer | None
    worker: Worker | None
    settler: Settler | None
    relay: Relay | None
    web: Web | None
    closing: Sequence[Callable[[], Awaitable[None]]]

    @property
    def batch_ages(self) -> Sequence[telemetry.BatchAge]:
        """Of intake and worker, where they run here."""
        consumer, settler = self.consumer, self.settler
        of_intake: list[telemetry.BatchAge] = [] if consumer is None else [lambda: consumer.health().batch_age]
        return of_intake if settler is None else [*of_intake, settler.oldest_batch_age]

    async def close(self) -> None:
        for close in self.closing:
            await close()


def build(
    settings: Settings, store: Store, roles: Collection[Role], web_port: socket.socket | None = None
) -> Components:
    """`web_port`: where notifications and callbacks come in. ValueError: an account can't be used; it is named."""
    accounts = accounts_of(settings)
    providers = providers_of(accounts)
    gates = gates_of(accounts)
    bulkheads = _bulkheads(settings, accounts, gates)
    rulebook = rulebook_of(settings, accounts, providers)
    producer = Producer(kafka_of(settings))
    relay = _relay(settings, store, producer) if "relay" in roles else None
    wake = relay.wake if relay else _no_relay
    worker, settler = None, None
    if "worker" in roles:
        clock = LeaseClock(settings.lease)
        settler_settings = SettlerSettings(owner_of(settings), settings.instance, settings.lease)
        settler = Settler(store, bulkheads, rulebook, clock, settler_settings, wake)
        endpoints = {
            key: ProviderEndpoint(provider, accounts[key].call_deadline) for key, provider in providers.items()
        }
        worker_settings = WorkerSettings(owner_of(settings), settings.lease, settings.worker.poll)
        worker = Worker(store, endpoints, bulkheads, settler, rulebook, clock, worker_settings)
    consumer = None
    if "intake" in roles:
        intake_settings = IntakeSettings(settings.instance, settings.inbox_retention)
        intake = Intake(store, settings.merchants.keys(), rulebook, worker, intake_settings, wake)
        consumer = _consumer(settings, store, intake)
    closing = [producer.close, *(provider.close for provider in providers.values())]
    web = None if web_port is None else _web(settings, store, accounts.keys(), web_port)
    if web is not None:
        closing.append(web.close)
    return Components(bulkheads, gates, consumer, worker, settler, relay, web, closing)


def _bulkheads(
    settings: Settings, accounts: Mapping[AccountKey, Account], gates: Mapping[AccountKey, Mapping[CallKind, Gate]]
) -> Bulkheads:
    """One for each account, and one per merchant for orders that aren't placed yet."""
    bulkheads = {key: Bulkhead(account.leases, gates[key], account.slots) for key, account in accounts.items()}
    return Bulkheads({**bulkheads, **{(name, ""): Bulkhead(_UNPLACED_SLOTS) for name in settings.merchants}})


def _relay(settings: Settings, store: Store, producer: Producer) -> Relay:
    relay_settings = RelaySettings(
        owner_of(settings), settings.outcomes_topic, poll=settings.relay.poll, batch=settings.relay.batch
    )
    return Relay(store, producer, relay_settings)


def _consumer(settings: Settings, store: Store, intake: Intake) -> Consumer:
    handlers = ConsumerHandlers(intake, store)
    return Consumer(
        kafka_of(settings),
        [settings.orders_topic],
        settings.group,
        handlers.take,
        handlers.start_offsets,
        on_idle=handlers.caught_up,
        options=ConsumerOptions(settings.intake.max_records, settings.intake.session_timeout, version=STATE_VERSION),
    )


def _web(settings: Settings, store: Store, accounts: Collection[AccountKey], port: socket.socket) -> Web:
    addresses = addresses_of(settings)
    assert addresses is not None, "a port without secrets is a conflict of the settings"
    most_grace = settings.shutdown_timeout - settings.web_linger
    return Web(store, accounts, NOTIFICATIONS, addresses, port, callbacks_of(settings), most_grace)


def _no_relay() -> None:
    """No relay runs in this process: the others poll."""
