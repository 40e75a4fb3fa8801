"""Settings that belong together. Durations are in seconds."""

import re
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.config import JsonDict

SECONDS: Final[JsonDict] = {"unit": "seconds"}
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, json_schema_extra=SECONDS)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Topic = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)]


def _is_file(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise ValueError(f"is a file that can't be read ({path}: {error.strerror})") from error


def _holds_certificates(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise ValueError(f"is a file without certificates ({path})") from error
    return path


def is_pair(certificate: Path, key: Path | None) -> bool:
    """Whether certificate and key can be read and match. `key` None: it is in the certificate's file."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError):
        return False
    return True


def _has_host(parts: SplitResult) -> bool:
    """One that can be looked up and connected to."""
    try:
        return bool(parts.hostname and parts.hostname.encode("idna")) and parts.port != 0
    except ValueError:
        return False


def _is_http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not _has_host(parts):
        raise ValueError("isn't a URL like https://api.example.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must not contain a user, password, query or fragment")
    return url


def is_safe(url: str) -> bool:
    """Whether nobody on the way can read or change what is sent there: with https, or on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}


def is_public(url: str) -> bool:
    """Whether it may be reached from the internet: neither an address that isn't routed there nor a name without a domain."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host.rstrip(".")


File = Annotated[Path, AfterValidator(_is_file)]
Certificates = Annotated[File, AfterValidator(_holds_certificates)]
HttpUrl = Annotated[str, AfterValidator(_is_http)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Callback(Part):
    """A callback of Checkout by which the shop changes an order."""

    url: HttpUrl
    """If this callback of Checkout is handed on: the shop's URL for it."""
    no_reply: Literal["unchanged", "fail"] = "fail"
    """The answer without a usable reply of the shop: the order's amounts and lines as they are, or 503."""


class Validation(Part):
    """The callback of Checkout by which the shop approves or denies a purchase."""

    url: HttpUrl
    """If the validation of purchases in Checkout is handed on: the shop's URL for it."""
    no_reply: Literal["approve", "deny", "fail"] = "fail"
    """The answer without a usable reply of the shop; `fail` is 503, which leaves it to Klarna: approved, unless the order requires success."""
    error_type: Literal["address_error", "unsupported_shipping_address", "approval_failed"] = "approval_failed"
    """Klarna's `error_type` of such a `deny`."""
    error_text: Annotated[str, Field(min_length=1, max_length=1_000)] = (
        "The purchase can't be confirmed at the moment. Please try again."
    )
    """What the customer reads after such a `deny`."""


class Callbacks(Part):
    """The callbacks of Checkout that are handed on to the shop; each that isn't given is none of ours."""

    validation: Validation | None = None
    address_update: Callback | None = None
    shipping_option_update: Callback | None = None
    country_change: Callback | None = None
    deadline: Annotated[float, Field(gt=0, lt=3, json_schema_extra=SECONDS)] = 2.0
    """The total time to hand a callback on and get the shop's reply. Klarna waits for 3 seconds."""
    required_deadline: Annotated[float, Field(gt=0, lt=10, json_schema_extra=SECONDS)] | None = None
    """The same for the validation of orders with `require_validate_callback_success`, for which Klarna waits 10 seconds."""
    slots: Annotated[int, Field(ge=1, le=500)] = 32
    """Callbacks of this account that a process hands on at once; further ones are answered as without a reply."""
    ca_file: Certificates | None = None
    """CA certificates to trust for the shop besides the system's (PEM)."""

    @property
    def kinds(self) -> dict[str, Callback | Validation]:
        """By Klarna's name, those that are given."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: one for name, one in given.items() if isinstance(one, Callback | Validation)}


class Account(Part):
    """What all accounts with providers have."""

    slots: Annotated[int, Field(ge=1, le=2_000)] = 64
    """Calls of this account that a worker process makes at once, at most 7/8 of them of one kind; as many orders again wait."""
    call_deadline: Seconds = 10.0
    """The total time of a call; at most half of the lease."""
    rate_limit: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Calls per second, per worker process."""
    ca_file: Certificates | None = None
    """CA certificates to trust besides the system's (PEM). A server's own certificate isn't one."""


class Klarna(Account):
    """An account with Klarna; its credentials are for one region and one environment."""

    username: Annotated[str, Field(min_length=1, examples=["the account's API username"])]
    """API username."""
    password: Annotated[SecretStr, Field(min_length=1, examples=["the account's API password"])]
    """API password."""
    region: Literal["eu", "na", "oc"] = "eu"
    """The account's region."""
    environment: Literal["live", "playground"] = "playground"
    """`live` moves real money."""
    base_url: HttpUrl | None = None
    """Overrides Klarna's URL of region and environment, as for a sandbox or Kustom."""
    authorization_days: Annotated[int, Field(ge=1, le=365)] = 28
    """Days until an authorization expires, as agreed with Klarna."""
    extend_authorizations: bool = False
    """Whether an authorization is extended by itself two days before it expires; otherwise an attention is raised."""
    callbacks: Callbacks = Callbacks()


def _is_api_key(key: SecretStr) -> SecretStr:
    if not _API_KEY.fullmatch(key.get_secret_value()):
        raise ValueError("must begin with live_ or test_, and have letters, digits and _ only")
    return key


def _is_access_token(token: SecretStr) -> SecretStr:
    if not _ACCESS_TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError("must begin with access_, and have letters, digits and _ only")
    return token


def _is_profile(name: str) -> str:
    if not _PROFILE.fullmatch(name):
        raise ValueError("must be a profile's id, which begins with pfl_")
    return name


def _has_no_version(url: str) -> str:
    if urlsplit(url).path.rstrip("/").endswith("/v2"):
        raise ValueError("must not contain the version: leave /v2 out")
    return url


_API_KEY: Final = re.compile(r"(live|test)_\w+", re.ASCII)
_ACCESS_TOKEN: Final = re.compile(r"access_\w+", re.ASCII)
_PROFILE: Final = re.compile(r"pfl_[A-Za-z0-9._-]{1,100}")
MOLLIE_URL: Final = "https://api.mollie.com"


class Mollie(Account):
    """An account with Mollie: an API key, or an access token with a profile."""

    api_key: Annotated[SecretStr, AfterValidator(_is_api_key)] | None = None
    """The API key; `live_…` moves real money."""
    access_token: Annotated[SecretStr, AfterValidator(_is_access_token)] | None = None
    """An access token, instead of an API key."""
    profile_id: Annotated[str, AfterValidator(_is_profile)] | None = None
    """The profile whose orders are meant, of an access token."""
    testmode: bool = False
    """Whether an access token is for test orders; an API key says so itself."""
    base_url: Annotated[HttpUrl, AfterValidator(_has_no_version)] = MOLLIE_URL
    """Mollie's URL, without a version; another one for a sandbox."""

    @model_validator(mode="after")
    def _has_one_credential(self) -> Self:
        if self.api_key is None and self.access_token is None:
            raise ValueError("needs either api_key or access_token")
        if self.api_key is not None and self.access_token is not None:
            raise ValueError("has both api_key and access_token: give one of them")
        if self.access_token is not None and self.profile_id is None:
            raise ValueError("has an access_token, which needs the profile_id of its orders")
        if self.api_key is not None and (self.profile_id is not None or self.testmode):
            raise ValueError("has an api_key, which is of one profile and mode: leave profile_id and testmode out")
        return self

    @property
    def credential(self) -> SecretStr:
        given = self.api_key or self.access_token
        assert given is not None
        return given


class Merchant(Part):
    """A merchant and the accounts that pay its orders."""

    klarna: Klarna | None = None
    mollie: Mollie | None = None

    @property
    def accounts(self) -> dict[str, Account]:
        """By provider."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: account for name, account in given.items() if account is not None}


PROVIDERS: Final = tuple(Merchant.model_fields)
"""Each field of a merchant is its account with one provider."""


class KafkaSecurity(Part):
    """TLS and SASL for Kafka."""

    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    sasl_token_file: Path | None = None


class DatabaseTls(Part):
    """TLS for Postgres."""

    sslmode: SslMode = "prefer"
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


class Waits(Part):
    order: Seconds = 86_400.0
    """How long an event waits for its order to be placed."""
    shipment: Seconds = 86_400.0
    """How long a return waits for the shipment of its lines, and what names a shipment for that."""
    most: Annotated[int, Field(ge=1, le=1_000)] = 100
    """The maximum number of waiting events of an order; a further one is rejected (`too_many_waiting`)."""


class Evidence(Part):
    absent_after: Seconds = 300.0
    """The earliest time after the last send at which a read without the effect counts as evidence of absence."""
    absent_again: Seconds = 30.0
    """The time between two such reads."""
    attention_after: Seconds = 3_600.0
    """An operation that is open for longer raises an attention."""


class PaymentReads(Part):
    first: Seconds = 60.0
    """The time until an order that the customer has yet to pay at the provider is read for the first time, unless a notification asks for it."""
    most: Seconds = 3_600.0
    """The maximum time between two such reads; it grows with the age of the payment."""


class Checkout(Part):
    first: Seconds = 300.0
    """The time until a Checkout order that the customer may complete is read for the first time, unless a push asks for it."""
    most: Seconds = 14_400.0
    """The maximum time between two such reads; it grows with the age of the order."""


class Backoff(Part):
    first: Seconds = 1.0
    """The delay of the first retry of a call; it doubles with each retry."""
    most: Seconds = 300.0
    """The maximum delay of a retry."""


class Intake(Part):
    max_records: Annotated[int, Field(ge=1, le=5_000)] = 1_000
    """The maximum number of events in one transaction."""
    session_timeout: Annotated[float, Field(ge=6, le=1_800, json_schema_extra=SECONDS)] = 45.0
    """Kafka's session timeout: the partitions of a process that doesn't respond are reassigned after it."""


class Worker(Part):
    poll: Seconds = 0.1
    """The interval at which the worker polls for due orders."""
    settlers: Annotated[int, Field(ge=1, le=8)] = 2
    """Settle transactions in parallel."""


def _are_long(secrets: SecretStr) -> SecretStr:
    if any(len(one) < _SECRET for one in secrets_in(secrets)) or not secrets_in(secrets):
        raise ValueError(
            f"has a secret of fewer than {_SECRET} characters: take the output of `openssl rand -base64 32`"
        )
    return secrets


def secrets_in(given: SecretStr | None) -> list[str]:
    return [one.strip() for one in given.get_secret_value().split(",")] if given else []


_SECRET: Final = 32


class Web(Part):
    port: Port | None = None
    """The port for the providers' notifications; 0: any free port. Without it, the role web doesn't run unless asked for."""
    secrets: Annotated[SecretStr, AfterValidator(_are_long)] | None = None
    """Secrets that make the addresses of notifications unguessable, separated by commas: the first makes new ones, all are accepted."""
    base_url: HttpUrl | None = None
    """The public URL of that port. With it, each order that is created has the provider send its notifications there."""
    linger: Annotated[float, Field(ge=0, allow_inf_nan=False, json_schema_extra=SECONDS)] = 5.0
    """How long the port takes new connections after SIGTERM, until what is in front has learnt of it; at most half of ORDERSAGA_SHUTDOWN_TIMEOUT."""


def _are_headers(headers: SecretStr) -> SecretStr:
    if any(not name or not separator for name, separator, _ in _pairs(headers)):
        raise ValueError("isn't a list like name=value,name=value")
    return headers


def _pairs(headers: SecretStr) -> list[tuple[str, str, str]]:
    parts = [one.partition("=") for one in headers.get_secret_value().split(",")]
    return [(name.strip(), separator, value.strip()) for name, separator, value in parts]


class Traces(Part):
    endpoint: HttpUrl | None = None
    """The URL of an OpenTelemetry collector, as `http://collector:4318`: spans are sent to `/v1/traces` below it by OTLP over HTTP. Without it there are no traces."""
    ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The part of the traces that is recorded, by their ids; of those that the shop has sampled, or that begin here."""
    headers: Annotated[SecretStr, AfterValidator(_are_headers)] | None = None
    """Headers for the collector, such as its credentials: `name=value`, separated by commas."""
    ca_file: Certificates | None = None
    """CA certificates to trust for the collector instead of the system's (PEM)."""

    def header_values(self) -> dict[str, str]:
        return {} if self.headers is None else {name: value for name, _, value in _pairs(self.headers)}


class Relay(Part):
    poll: Seconds = 0.05
    """The interval at which the relay polls the outbox, unless it is woken in memory."""
    batch: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    """Outcomes published per batch."""
