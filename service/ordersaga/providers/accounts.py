"""From the accounts of the settings to providers and gates, by (merchant, provider)."""

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
from ordersaga.providers.port import Provider
from ordersaga.telemetry.limited import LimitedLog

Key = tuple[str, str]  # merchant, provider


class Secret(Protocol):
    """As pydantic's SecretStr."""

    def get_secret_value(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class KlarnaAccount:
    """One merchant's access to Klarna. `slots`: calls at once; `call_deadline`: seconds in all; `rate_limit`: calls a second.

    All are of one process. `notified_at`, `checkout_urls`: as in `KlarnaTerms`.
    """

    username: str
    password: str | Secret = field(repr=False)
    base_url: str
    slots: int = 64
    call_deadline: float = 10.0
    rate_limit: float | None = None
    authorization_days: int = 28
    extend_authorizations: bool = False
    ca_file: str | None = None
    notified_at: Callable[[OrderKey, str], str] | None = None
    checkout_urls: Mapping[str, str] = field(default_factory=dict)

    @property
    def leases(self) -> int:
        """Orders at once: as many again as can be called for wait for their turn, unless calls are counted when leased."""
        return self.slots if self.rate_limit else 2 * self.slots


Account = KlarnaAccount


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
    secret = account.password
    password = secret if isinstance(secret, str) else secret.get_secret_value()
    terms = KlarnaTerms(
        account.authorization_days, account.extend_authorizations, account.notified_at, account.checkout_urls
    )
    try:
        return Klarna(account.username, password, account.base_url, account.slots, terms, ca_file=account.ca_file)
    except ValueError as error:
        raise ValueError(f"account of merchant {key[0]!r} with {key[1]}: {error}") from error
