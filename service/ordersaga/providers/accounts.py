"""From the accounts of the settings to providers and gates, by (merchant, provider)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Protocol

import structlog

from ordersaga.domain.model.order import Key as OrderKey
from ordersaga.domain.model.outcomes import CALL_KINDS, CallKind
from ordersaga.providers.breaker import Breaker, Clock, Gate, Rate, of_one_kind
from ordersaga.providers.klarna.provider import Klarna
from ordersaga.providers.klarna.terms import KlarnaTerms
from ordersaga.providers.mollie.provider import Mollie
from ordersaga.providers.mollie.terms import MollieTerms
from ordersaga.providers.port import Provider
from ordersaga.telemetry.limited import LimitedLog

Key = tuple[str, str]  # merchant, provider


class Secret(Protocol):
    """As pydantic's SecretStr."""

    def get_secret_value(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Account(ABC):
    """One merchant's access to a provider. `slots`: calls at once; `call_deadline`: seconds in all; `rate_limit`: calls a second.

    All are of one process.
    """

    base_url: str
    slots: int = 64
    call_deadline: float = 10.0
    rate_limit: float | None = None
    ca_file: str | None = None

    @property
    def leases(self) -> int:
        """Orders at once: as many again as can be called for wait for their turn, unless calls are counted when leased."""
        return self.slots if self.rate_limit else 2 * self.slots

    @abstractmethod
    def provider(self) -> Provider:
        """With a connection pool of its own. ValueError: a base URL or a CA file that can't be used."""


@dataclass(frozen=True, kw_only=True)
class KlarnaAccount(Account):
    """`notified_at`, `checkout_urls`: as in `KlarnaTerms`."""

    username: str
    password: str | Secret = field(repr=False)
    authorization_days: int = 28
    extend_authorizations: bool = False
    notified_at: Callable[[OrderKey, str], str] | None = None
    checkout_urls: Mapping[str, str] = field(default_factory=dict)

    def provider(self) -> Provider:
        terms = KlarnaTerms(self.authorization_days, self.extend_authorizations, self.notified_at, self.checkout_urls)
        password = _revealed(self.password)
        return Klarna(
            self.username,
            password,
            self.base_url,
            self.slots,
            terms,
            deadline=self.call_deadline,
            ca_file=self.ca_file,
        )


@dataclass(frozen=True, kw_only=True)
class MollieAccount(Account):
    """`credential`: an API key or an access token. The others: as in `MollieTerms`."""

    credential: str | Secret = field(repr=False)
    profile_id: str | None = None
    testmode: bool = False
    notified_at: Callable[[OrderKey, str, str], str] | None = None

    def provider(self) -> Provider:
        terms = MollieTerms(self.notified_at, self.profile_id, self.testmode)
        return Mollie(
            _revealed(self.credential),
            self.base_url,
            self.slots,
            terms,
            deadline=self.call_deadline,
            ca_file=self.ca_file,
        )


def _revealed(secret: str | Secret) -> str:
    return secret if isinstance(secret, str) else secret.get_secret_value()


def providers_of(accounts: Mapping[Key, Account]) -> dict[Key, Provider]:
    """One connection pool per account. Call it, and use what it gives, in one event loop. ValueError names the account."""
    return {key: _provider(key, account) for key, account in accounts.items()}


def gates_of(accounts: Mapping[Key, Account], clock: Clock = monotonic) -> dict[Key, dict[CallKind, Gate]]:
    """One for each kind of call, so that what fails stops only its own kind; the rate is the account's.

    Their breakers log when they open and close.
    """
    log = LimitedLog(structlog.get_logger(__name__))
    return {key: _gates(key, account, clock, log) for key, account in accounts.items()}


def _gates(key: Key, account: Account, clock: Clock, log: LimitedLog) -> dict[CallKind, Gate]:
    rate = None if account.rate_limit is None else Rate(account.rate_limit, clock)
    return {
        kind: Gate(
            of_one_kind(account.leases),
            clock,
            rate=rate,
            breaker=Breaker(clock, on_change=partial(_log_breaker, log, key, kind)),
        )
        for kind in CALL_KINDS
    }


def _log_breaker(log: LimitedLog, key: Key, kind: CallKind, opened: bool) -> None:
    event = "a circuit breaker opened: calls stop" if opened else "a circuit breaker closed: calls go on"
    log.warning(event, merchant=key[0], provider=key[1], kind=kind)


def _provider(key: Key, account: Account) -> Provider:
    try:
        return account.provider()
    except ValueError as error:
        raise ValueError(f"account of merchant {key[0]!r} with {key[1]}: {error}") from error
