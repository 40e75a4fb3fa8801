"""Settings: where they come from, what they must be, and one clear line for each that isn't so."""

from ordersaga.config.loading import load, problems, unknown_variables
from ordersaga.config.parts import (
    PROVIDERS,
    Backoff,
    DatabaseTls,
    Evidence,
    Intake,
    KafkaSecurity,
    Klarna,
    Merchant,
    Relay,
    Waits,
    Worker,
)
from ordersaga.config.settings import DatabaseSettings, KafkaSettings, Settings, StoreSettings, shown

__all__ = [
    "PROVIDERS",
    "Backoff",
    "DatabaseSettings",
    "DatabaseTls",
    "Evidence",
    "Intake",
    "KafkaSecurity",
    "KafkaSettings",
    "Klarna",
    "Merchant",
    "Relay",
    "Settings",
    "StoreSettings",
    "Waits",
    "Worker",
    "load",
    "problems",
    "shown",
    "unknown_variables",
]
