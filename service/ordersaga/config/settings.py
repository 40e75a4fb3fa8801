"""The settings, by what commands need."""

import re
import socket
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from ordersaga.config.keys import key_of, keys_of
from ordersaga.config.parts import (
    MOLLIE_URL,
    Backoff,
    Certificates,
    Checkout,
    DatabaseTls,
    Evidence,
    File,
    Intake,
    KafkaSecurity,
    LogLevel,
    Merchant,
    PaymentReads,
    Port,
    Relay,
    SaslMechanism,
    Seconds,
    SslMode,
    Topic,
    Traces,
    Waits,
    Web,
    Worker,
    is_pair,
    is_public,
    is_safe,
    secrets_in,
)
from ordersaga.config.sources import Conflict, Sources

_BROKER: Final = re.compile(r"^(\[[0-9A-Fa-f:]+\]|[^\s:/@\[\]]+):(\d{1,5})$")
_MAX_PORT: Final = 65_535
_NO_PAIR: Final = "and {} aren't a matching certificate and key"


class KafkaSettings(Sources):
    """For commands that publish events or read outcomes."""

    kafka: Annotated[str, Field(examples=["host:9092[,host:9092]"])]
    """Kafka's brokers."""
    kafka_tls: bool = False
    """TLS with the system's CA certificates; each of the three files below enables TLS, too."""
    kafka_tls_ca: Certificates | None = None
    """CA certificates to trust (PEM)."""
    kafka_tls_cert: File | None = None
    """The client certificate (PEM)."""
    kafka_tls_key: File | None = None
    """The client certificate's private key (PEM)."""
    kafka_sasl_mechanism: SaslMechanism | None = None
    """The SASL mechanism."""
    kafka_sasl_username: str | None = None
    """For PLAIN and SCRAM."""
    kafka_sasl_password: SecretStr | None = None
    """For PLAIN and SCRAM."""
    kafka_sasl_token_file: File | None = None
    """For OAUTHBEARER: the file with the token, read again for each login."""
    orders_topic: Topic = "shop.orders"
    """The topic of the shop's events."""
    outcomes_topic: Topic = "payments.orders"
    """The topic of the outcomes."""
    instance: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9._~-]+$")] = Field(
        default_factory=socket.gethostname
    )
    """This process's name: in the source of its outcomes and, with its process id, as the owner of its leases."""

    @field_validator("kafka")
    @classmethod
    def _are_brokers(cls, brokers: str) -> str:
        for broker in brokers.split(","):
            found = _BROKER.match(broker.strip())
            if not found or not 0 < int(found[2]) <= _MAX_PORT:
                raise ValueError("isn't a list of host:port")
        return brokers

    @property
    def kafka_security(self) -> KafkaSecurity:
        files = (self.kafka_tls_ca, self.kafka_tls_cert, self.kafka_tls_key)
        given = {name: getattr(self, f"kafka_{name}") for name in KafkaSecurity.model_fields}
        return KafkaSecurity.model_construct(**given | {"tls": self.kafka_tls or any(files)})

    def conflicts(self) -> Iterator[Conflict]:
        yield from super().conflicts()
        if self.kafka_tls_key and not self.kafka_tls_cert:
            yield ("kafka_tls_cert",), "is missing, as ORDERSAGA_KAFKA_TLS_KEY is set"
        if self.kafka_tls_cert and not is_pair(self.kafka_tls_cert, self.kafka_tls_key):
            yield ("kafka_tls_cert",), _NO_PAIR.format("ORDERSAGA_KAFKA_TLS_KEY")
        if self.orders_topic == self.outcomes_topic:
            yield ("outcomes_topic",), "is the same as ORDERSAGA_ORDERS_TOPIC"
        yield from self._sasl_conflicts()

    def _sasl_conflicts(self) -> Iterator[Conflict]:
        given = {name for name in ("username", "password", "token_file") if getattr(self, f"kafka_sasl_{name}")}
        match self.kafka_sasl_mechanism:
            case None:
                if given:
                    yield ("kafka_sasl_mechanism",), f"is missing, as ORDERSAGA_KAFKA_SASL_{min(given).upper()} is set"
                return
            case "OAUTHBEARER":
                needed = {"token_file"}
            case _:
                needed = {"username", "password"}
        for name in sorted(needed - given):
            yield (f"kafka_sasl_{name}",), f"is missing: {self.kafka_sasl_mechanism} requires it"


class DatabaseSettings(Sources):
    """For commands that connect to Postgres."""

    database: Annotated[SecretStr, Field(examples=["postgresql://user:password@host:5432/name"])]
    """The URL of the Postgres database."""
    database_password: SecretStr | None = None
    """The database password, if the URL has none."""
    database_sslmode: SslMode = "prefer"
    """As in libpq; parameters in the URL (sslmode, sslrootcert, sslcert, sslkey) take precedence."""
    database_tls_ca: Certificates | None = None
    """CA certificates to trust (PEM)."""
    database_tls_cert: File | None = None
    """The client certificate (PEM)."""
    database_tls_key: File | None = None
    """The client certificate's private key (PEM)."""

    @field_validator("database")
    @classmethod
    def _is_postgres(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            readable = parts.scheme in {"postgresql", "postgres"} and parts.port != 0
        except ValueError:
            readable = False
        if not readable:
            raise ValueError("isn't the URL of a Postgres database")
        return url

    @property
    def database_tls(self) -> DatabaseTls:
        return DatabaseTls.model_construct(
            sslmode=self.database_sslmode,
            **{name: getattr(self, f"database_{name}") for name in ("tls_ca", "tls_cert", "tls_key")},
        )

    def database_url(self, *, masked: bool = False) -> str:
        """With the password, or with `***` instead of it."""
        parts = urlsplit(self.database.get_secret_value())
        password = self.database_password.get_secret_value() if self.database_password else None
        login, at, host = parts.netloc.rpartition("@")
        user, colon, _ = login.partition(":")
        if masked:
            login = f"{user}:***" if colon or password else login
        elif password is not None:
            login = f"{user}:{quote(password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{login}{at or ('@' if login else '')}{host}"))

    def conflicts(self) -> Iterator[Conflict]:
        yield from super().conflicts()
        login = urlsplit(self.database.get_secret_value()).netloc.rpartition("@")[0]
        if self.database_password and ":" in login:
            yield ("database_password",), "is set although ORDERSAGA_DATABASE contains a password: remove one of them"
        if self.database_tls_key and not self.database_tls_cert:
            yield ("database_tls_cert",), "is missing, as ORDERSAGA_DATABASE_TLS_KEY is set"
        if self.database_tls_cert and not is_pair(self.database_tls_cert, self.database_tls_key):
            yield ("database_tls_cert",), _NO_PAIR.format("ORDERSAGA_DATABASE_TLS_KEY")


class StoreSettings(DatabaseSettings):
    """For commands that read or write orders."""

    encryption_key: Annotated[SecretStr, Field(examples=["the output of `openssl rand -base64 32`"])]
    """The master key that encrypts what may be personal data: base64 of 32 bytes, or `id:key`. The default id is `1`."""
    former_encryption_keys: SecretStr | None = None
    """Former master keys, to decrypt older data: `id:key`, separated by commas."""

    @field_validator("encryption_key")
    @classmethod
    def _is_key(cls, key: SecretStr) -> SecretStr:
        key_of(key.get_secret_value())
        return key

    @field_validator("former_encryption_keys")
    @classmethod
    def _are_keys(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None:
            keys_of(keys.get_secret_value())
        return keys

    def encryption_keys(self) -> dict[str, bytes]:
        """Key id -> 32 bytes; the first is the current one."""
        return dict(self._keys())

    def _keys(self) -> list[tuple[str, bytes]]:
        former = self.former_encryption_keys
        current = key_of(self.encryption_key.get_secret_value())
        return [current, *keys_of(former.get_secret_value() if former else "")]

    def conflicts(self) -> Iterator[Conflict]:
        yield from super().conflicts()
        names = [name for name, _ in self._keys()]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield (
                ("former_encryption_keys",),
                f"has a key with the id {name}, which another key has as well: give the new key an id of its own, as in 2:key",
            )


class Settings(KafkaSettings, StoreSettings):
    """All settings, for the service."""

    model_config = SettingsConfigDict(extra="forbid")

    merchants: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=255)], Merchant],
        Field(min_length=1, examples=['{"default": {"klarna": {"username": "…", "password": "…"}}}']),
    ]
    """The merchants and their accounts with Klarna, Mollie or both, by name. An event that names no merchant is for `default`."""
    group: Annotated[str, Field(min_length=1, max_length=255)] = "ordersaga"
    """The Kafka consumer group."""
    lease: Seconds = 30.0
    """How long a worker leases an order before another worker may take it over."""
    waits: Waits = Waits()
    evidence: Evidence = Evidence()
    backoff: Backoff = Backoff()
    checkout: Checkout = Checkout()
    payment: PaymentReads = PaymentReads()
    review_poll: Seconds = 30.0
    """The initial interval of reads while an order is under review at the provider."""
    inbox_retention: Seconds = 30 * 86_400.0
    """How long events are remembered for deduplication; older ones are refused."""
    intake: Intake = Intake()
    worker: Worker = Worker()
    relay: Relay = Relay()
    web: Web = Web()
    traces: Traces = Traces()
    shutdown_timeout: Seconds = 25.0
    """How long work under way may continue after SIGTERM; a little less than the platform's grace period."""
    log_level: LogLevel = "INFO"
    """The lowest level that is logged."""
    log_format: Literal["json", "console"] = "json"
    """`json` for machines, `console` for people."""
    metrics_port: Port | None = None
    """The port that serves health and Prometheus metrics; 0: any free port."""

    def conflicts(self) -> Iterator[Conflict]:
        yield from super().conflicts()
        for name, merchant in self.merchants.items():
            if not merchant.accounts:
                yield ("merchants", name), "has no account with a provider"
            for provider, account in merchant.accounts.items():
                if account.call_deadline > self.lease / 2:
                    path = ("merchants", name, provider, "call_deadline")
                    yield path, f"must be at most half of the lease ({self.lease:g} s)"
        if self.backoff.first > self.backoff.most:
            yield ("backoff", "first"), "must be at most ORDERSAGA_BACKOFF__MOST"
        if self.checkout.first > self.checkout.most:
            yield ("checkout", "first"), "must be at most ORDERSAGA_CHECKOUT__MOST"
        if self.payment.first > self.payment.most:
            yield ("payment", "first"), "must be at most ORDERSAGA_PAYMENT__MOST"
        yield from self._web_conflicts()

    def _web_conflicts(self) -> Iterator[Conflict]:
        web = self.web
        for name in ("port", "base_url"):
            if getattr(web, name) is not None and web.secrets is None:
                yield ("web", "secrets"), f"is missing, as ORDERSAGA_WEB__{name.upper()} is set"
        for name in self._with_callbacks():
            if web.secrets is None:
                yield ("web", "secrets"), f"is missing, as callbacks of merchant {name!r} are set"
            elif web.base_url is not None and not is_safe(web.base_url):
                message = f"must begin with https://, as callbacks of merchant {name!r} are set: Klarna calls no other"
                yield ("web", "base_url"), message
        for name in self._notified_by_mollie():
            if web.base_url is not None and not is_public(web.base_url):
                message = f"must be reachable from the internet, as merchant {name!r} has an account with Mollie, which refuses other addresses"
                yield ("web", "base_url"), message
        if web.port and web.port == self.metrics_port:
            yield ("web", "port"), "is the same as ORDERSAGA_METRICS_PORT"

    def _with_callbacks(self) -> list[str]:
        """The first merchant that has some, if one has: enough to name."""
        return [name for name, one in self.merchants.items() if one.klarna and one.klarna.callbacks.kinds][:1]

    def _notified_by_mollie(self) -> list[str]:
        """The first merchant whose orders go to Mollie itself, and not to a sandbox, if one's do."""
        return [name for name, one in self.merchants.items() if one.mollie and one.mollie.base_url == MOLLIE_URL][:1]

    @property
    def web_linger(self) -> float:
        """Seconds; what remains of the time to stop is for requests in progress."""
        return min(self.web.linger, self.shutdown_timeout / 2)

    def web_secrets(self) -> list[str]:
        """The first is the current one."""
        return secrets_in(self.web.secrets)


def masked(settings: Sources) -> dict[str, Any]:
    """The effective settings, with secrets masked."""
    values = settings.model_dump(mode="json")
    if isinstance(settings, DatabaseSettings):
        values["database"] = settings.database_url(masked=True)
    return values
