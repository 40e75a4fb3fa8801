"""Settings: from the environment (`ORDERSAGA_…`), secrets as files, and a TOML file. Durations are seconds."""

import base64
import binascii
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

Seconds = Annotated[float, Field(gt=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Klarna(_Part):
    """An account at Klarna; credentials are per region and environment."""

    username: str
    password: SecretStr
    region: Literal["eu", "na", "oc"] = "eu"
    environment: Literal["live", "playground"] = "playground"
    base_url: str | None = None
    slots: Annotated[int, Field(ge=1, le=2000)] = 64
    call_deadline: Seconds = 10.0
    rate_limit: Annotated[float, Field(gt=0)] | None = None


class Merchant(_Part):
    klarna: Klarna | None = None


class KafkaSecurity(_Part):
    """TLS and SASL for Kafka."""

    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    sasl_token_file: Path | None = None


class DatabaseTls(_Part):
    """TLS for Postgres."""

    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


class Waits(_Part):
    order: Seconds = 86_400.0
    shipment: Seconds = 86_400.0


class Evidence(_Part):
    absent_after: Seconds = 300.0
    absent_again: Seconds = 30.0
    attention_after: Seconds = 3_600.0


class Backoff(_Part):
    first: Seconds = 1.0
    most: Seconds = 300.0


class Intake(_Part):
    max_records: Annotated[int, Field(ge=1, le=5000)] = 500
    session_timeout: Seconds = 45.0


class Worker(_Part):
    poll: Seconds = 0.1
    settlers: Annotated[int, Field(ge=1, le=8)] = 2


class Relay(_Part):
    shards: Annotated[int, Field(ge=1, le=256)] = 16
    poll: Seconds = 0.05
    batch: Annotated[int, Field(ge=1, le=10_000)] = 1000


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="ORDERSAGA_", env_nested_delimiter="__", frozen=True, extra="forbid", secrets_dir=None
    )

    kafka: str
    database: SecretStr
    merchants: Annotated[dict[str, Merchant], Field(min_length=1)]
    encryption_key: SecretStr
    former_encryption_keys: SecretStr | None = None
    kafka_security: KafkaSecurity = KafkaSecurity()
    database_tls: DatabaseTls = DatabaseTls()
    orders_topic: str = "shop.orders"
    outcomes_topic: str = "payments.orders"
    group: str = "ordersaga"
    instance: str = Field(default_factory=socket.gethostname)
    lease: Seconds = 30.0
    waits: Waits = Waits()
    evidence: Evidence = Evidence()
    backoff: Backoff = Backoff()
    review_poll: Seconds = 30.0
    inbox_retention: Seconds = 30 * 86_400.0
    intake: Intake = Intake()
    worker: Worker = Worker()
    relay: Relay = Relay()
    shutdown_timeout: Seconds = 25.0
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - there are no dotenv files here
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = [init_settings, env_settings]
        if folder := os.environ.get("ORDERSAGA_SECRETS_DIR"):
            sources.append(
                NestedSecretsSettingsSource(
                    file_secret_settings, secrets_dir=folder, secrets_prefix="", secrets_nested_delimiter="__"
                )
            )
        if file := os.environ.get("ORDERSAGA_CONFIG"):
            sources.append(TomlConfigSettingsSource(settings_cls, toml_file=file))
        return tuple(sources)

    @field_validator("database")
    @classmethod
    def _is_postgres(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("set it to postgresql://user:password@host:5432/name")
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        keys = self.encryption_keys()
        if not keys:
            raise ValueError("encryption_key: no key")
        for name, merchant in self.merchants.items():
            if merchant.klarna is None:
                raise ValueError(f"merchants.{name}: has no account with any provider")
            if merchant.klarna.call_deadline > self.lease / 2:
                raise ValueError(f"merchants.{name}.klarna.call_deadline: at most half of the lease ({self.lease:g} s)")
        return self

    def encryption_keys(self) -> dict[str, bytes]:
        """Key id -> 32 bytes; the first is the current one."""
        current = [("1", self.encryption_key.get_secret_value())]
        former = self.former_encryption_keys.get_secret_value().split(",") if self.former_encryption_keys else []
        keys = {}
        for name, encoded in [_named(text, fallback) for fallback, text in (*current, *(("0", text) for text in former))]:
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                raise ValueError("encryption_key: not base64; make one with `openssl rand -base64 32`") from error
            if len(key) != 32:
                raise ValueError(f"encryption_key: {len(key)} bytes, not 32; make one with `openssl rand -base64 32`")
            keys[name] = key
        return keys


def _named(text: str, fallback: str) -> tuple[str, str]:
    """`id:key` or `key`."""
    name, colon, key = text.strip().partition(":")
    return (name, key) if colon else (fallback, name)


def load() -> Settings:
    """The settings. A bad or missing one ends the process with one line that names it, and exit code 2."""
    try:
        return Settings()  # type: ignore[call-arg]  # the values come from the sources
    except ValidationError as error:
        for line in problems(error):
            sys.stderr.write(f"{line}\n")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"ORDERSAGA_CONFIG or ORDERSAGA_SECRETS_DIR: {type(error).__name__}: {error}\n")
    raise SystemExit(2)


_HOW: dict[str, str] = {
    "kafka": "set it to host:port[,host:port]",
    "database": "set it to postgresql://user:password@host:5432/name",
    "encryption_key": "set it to the output of `openssl rand -base64 32`",
    "merchants": 'set it to {"default": {"klarna": {"username": "…", "password": "…"}}}',
}


def problems(error: ValidationError) -> list[str]:
    """One line for each bad setting; values are never shown."""
    lines = []
    for one in error.errors(include_url=False, include_input=False):
        place = one["loc"]
        name = "ORDERSAGA_" + "__".join(str(part).upper() for part in place) if place else "ORDERSAGA"
        message = "is missing" if one["type"] == "missing" else _without_prefix(one["msg"])
        how = _HOW.get(str(place[0]), "") if place and len(place) == 1 else ""
        lines.append(f"{name}: {message}" + (f"; {how}" if how and how not in message else ""))
    return lines


def _without_prefix(message: str) -> str:
    return message.removeprefix("Value error, ")


def shown(settings: Settings) -> dict[str, Any]:
    """The effective settings with their secrets masked."""
    return settings.model_dump(mode="json")
