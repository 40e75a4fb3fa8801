"""Settings: their sources and types, and one line of error message for each that is invalid."""

from ordersaga.config.loading import load, problems, unknown_variables
from ordersaga.config.parts import (
    PROVIDERS,
    Backoff,
    Checkout,
    DatabaseTls,
    Evidence,
    Intake,
    KafkaSecurity,
    Klarna,
    Merchant,
    Mollie,
    Relay,
    Waits,
    Web,
    Worker,
)
from ordersaga.config.settings import DatabaseSettings, KafkaSettings, Settings, StoreSettings, masked

__all__ = [
    "PROVIDERS",
    "Backoff",
    "Checkout",
    "DatabaseSettings",
    "DatabaseTls",
    "Evidence",
    "Intake",
    "KafkaSecurity",
    "KafkaSettings",
    "Klarna",
    "Merchant",
    "Mollie",
    "Relay",
    "Settings",
    "StoreSettings",
    "Waits",
    "Web",
    "Worker",
    "load",
    "masked",
    "problems",
    "unknown_variables",
]
