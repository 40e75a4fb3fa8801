"""From settings to Kafka and Postgres."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ordersaga.config import DatabaseSettings, KafkaSettings, Settings, StoreSettings

if TYPE_CHECKING:
    from ordersaga.bus.kafka import KafkaSettings as Bus
    from ordersaga.operating.checking import ReadCall
    from ordersaga.rulebook import Rulebook
    from ordersaga.store.settings import Database
    from ordersaga.store.store import Store


def kafka_of(settings: KafkaSettings) -> "Bus":
    from ordersaga.bus.kafka import KafkaSettings as Bus

    security = settings.kafka_security
    password = security.sasl_password
    return Bus(
        bootstrap=settings.kafka,
        client_id=f"ordersaga-{settings.instance}",
        tls=security.tls,
        tls_ca=security.tls_ca,
        tls_cert=security.tls_cert,
        tls_key=security.tls_key,
        sasl_mechanism=security.sasl_mechanism,
        sasl_username=security.sasl_username or "",
        sasl_password=password.get_secret_value() if password else "",
        sasl_token_file=security.sasl_token_file,
    )


def database_of(settings: DatabaseSettings) -> "Database":
    from ordersaga.store.settings import Database

    tls = settings.database_tls
    return Database(
        url=settings.database_url(),
        sslmode=tls.sslmode,
        ca=tls.tls_ca,
        certificate=tls.tls_cert,
        key=tls.tls_key,
    )


def store_of(settings: StoreSettings, *topics: str) -> "Store":
    """`topics`: those that the intake reads."""
    from ordersaga.store.engine import Engine
    from ordersaga.store.store import Store
    from ordersaga.store.vault import Vault

    keys = settings.encryption_keys()
    return Store(Engine(database_of(settings)), Vault(keys, next(iter(keys))), topics)


@asynccontextmanager
async def opened_store(settings: StoreSettings) -> AsyncIterator["Store"]:
    """For a command that reads, or decides nothing: no master key is recorded. Raises the store's errors."""
    store = store_of(settings)
    try:
        await store.open_for_reading()
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_store_and_rulebook(settings: Settings) -> AsyncIterator[tuple["Store", "Rulebook"]]:
    """For a command that decides on an order. Raises the store's errors."""
    from ordersaga.cli.accounts import accounts_of, rulebook_of
    from ordersaga.providers.accounts import providers_of

    accounts = accounts_of(settings)
    providers = providers_of(accounts)
    try:
        async with store_of(settings, settings.orders_topic) as store:
            yield store, rulebook_of(settings, accounts, providers)
    finally:
        for provider in providers.values():
            await provider.close()


@asynccontextmanager
async def opened_store_and_reads(
    settings: Settings,
) -> AsyncIterator[tuple["Store", "dict[tuple[str, str], ReadCall]"]]:
    """For a command that reads the provider. Raises the store's errors."""
    from ordersaga.cli.accounts import accounts_of, reads_of
    from ordersaga.providers.accounts import providers_of

    accounts = accounts_of(settings)
    providers = providers_of(accounts)
    try:
        async with store_of(settings) as store:
            yield store, reads_of(accounts, providers)
    finally:
        for provider in providers.values():
            await provider.close()
