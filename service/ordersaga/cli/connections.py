"""From settings to Kafka and Postgres."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ordersaga.config import DatabaseSettings, KafkaSettings, StoreSettings

if TYPE_CHECKING:
    from ordersaga.bus.kafka import KafkaSettings as Bus
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


@asynccontextmanager
async def opened_store(settings: StoreSettings) -> AsyncIterator["Store"]:
    """For one command. Raises the store's errors."""
    from ordersaga.store.engine import Engine
    from ordersaga.store.store import Store
    from ordersaga.store.vault import Vault

    keys = settings.encryption_keys()
    store = Store(Engine(database_of(settings)), Vault(keys, next(iter(keys))))
    try:
        await store.open()
        yield store
    finally:
        await store.close()
