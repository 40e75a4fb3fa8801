"""From the accounts of the settings to providers and gates, by (merchant, provider)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from ordersaga.domain.model.outcomes import CALL_KINDS, CallKind
from ordersaga.providers.breaker import Clock, Gate, Rate
from ordersaga.providers.klarna.provider import Klarna
from ordersaga.providers.klarna.terms import KlarnaTerms
from ordersaga.providers.port import Provider

Key = tuple[str, str]  # merchant, provider


class Secret(Protocol):
    """As pydantic's SecretStr."""

    def get_secret_value(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class KlarnaAccount:
    """One merchant's access to Klarna. `call_deadline`: seconds in all; `rate_limit`: calls a second, of this process."""

    username: str
    password: str | Secret = field(repr=False)
    base_url: str
    slots: int = 64
    call_deadline: float = 10.0
    rate_limit: float | None = None
    authorization_days: int = 28
    ca_file: str | None = None


Account = KlarnaAccount


def providers_of(accounts: Mapping[Key, Account]) -> dict[Key, Provider]:
    """One connection pool per account. Call it, and use what it gives, in one event loop. ValueError names the account."""
    return {key: _provider(key, account) for key, account in accounts.items()}


def gates_of(accounts: Mapping[Key, Account], clock: Clock = monotonic) -> dict[Key, dict[CallKind, Gate]]:
    """One for each kind of call, so that what fails stops only its own kind; the rate is the account's."""
    return {key: _gates(account, clock) for key, account in accounts.items()}


def _gates(account: Account, clock: Clock) -> dict[CallKind, Gate]:
    rate = None if account.rate_limit is None else Rate(account.rate_limit, clock)
    return {kind: Gate(account.slots, clock, rate=rate) for kind in CALL_KINDS}


def _provider(key: Key, account: Account) -> Provider:
    secret = account.password
    password = secret if isinstance(secret, str) else secret.get_secret_value()
    terms = KlarnaTerms(account.authorization_days)
    try:
        return Klarna(account.username, password, account.base_url, account.slots, terms, ca_file=account.ca_file)
    except ValueError as error:
        raise ValueError(f"account of merchant {key[0]!r} with {key[1]}: {error}") from error
