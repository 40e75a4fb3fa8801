"""From settings to the merchants' accounts with providers, and to the merchants' rules."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from ordersaga.addresses import Addresses, NamedOperation
from ordersaga.config import Klarna, Mollie, Settings
from ordersaga.config.parts import Account as AccountSettings
from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Read
from ordersaga.domain.model.results import Result
from ordersaga.domain.model.terms import Rules
from ordersaga.operating.checking import ReadCall
from ordersaga.providers.accounts import Account, KlarnaAccount, MollieAccount
from ordersaga.providers.klarna.notifications import FRAUD, checkout_urls
from ordersaga.providers.klarna.regions import base_url_of
from ordersaga.providers.port import Provider
from ordersaga.rulebook import Rulebook
from ordersaga.worker.bulkheads import AccountKey

KLARNA: Final = "klarna"
MOLLIE: Final = "mollie"


def accounts_of(settings: Settings) -> dict[AccountKey, Account]:
    accounts: dict[AccountKey, Account] = {}
    for name, merchant in settings.merchants.items():
        if merchant.klarna is not None:
            accounts[name, KLARNA] = _klarna_account(settings, name, merchant.klarna)
        if merchant.mollie is not None:
            accounts[name, MOLLIE] = _mollie_account(settings, merchant.mollie)
    return accounts


def addresses_of(settings: Settings) -> Addresses | None:
    """None: notifications aren't configured."""
    secrets = settings.web_secrets()
    return Addresses(secrets, settings.web.base_url or "") if secrets else None


def _reached(settings: Settings) -> Addresses | None:
    """None: nobody knows where the role web is."""
    return None if settings.web.base_url is None else addresses_of(settings)


def _notified_at(addresses: Addresses, provider: str, key: Key, operation_id: str, what: str) -> str:
    return addresses.of_operation(provider, what, NamedOperation(key, operation_id))


def _klarna_account(settings: Settings, merchant: str, klarna: Klarna) -> Account:
    addresses = _reached(settings)
    urls = {} if addresses is None else checkout_urls(partial(addresses.of, KLARNA, merchant), klarna.callbacks.kinds)
    return KlarnaAccount(
        **_common(klarna),
        username=klarna.username,
        password=klarna.password,
        base_url=klarna.base_url or base_url_of(klarna.region, klarna.environment),
        authorization_days=klarna.authorization_days,
        extend_authorizations=klarna.extend_authorizations,
        notified_at=None if addresses is None else partial(_notified_at, addresses, KLARNA, what=FRAUD),
        checkout_urls=urls,
    )


def _mollie_account(settings: Settings, mollie: Mollie) -> Account:
    addresses = _reached(settings)
    return MollieAccount(
        **_common(mollie),
        credential=mollie.credential,
        base_url=mollie.base_url,
        profile_id=mollie.profile_id,
        testmode=mollie.testmode,
        notified_at=None if addresses is None else partial(_notified_at, addresses, MOLLIE),
    )


def _common(account: AccountSettings) -> dict[str, Any]:
    return {
        "slots": account.slots,
        "call_deadline": account.call_deadline,
        "rate_limit": account.rate_limit,
        "ca_file": str(account.ca_file) if account.ca_file else None,
    }


def reads_of(
    accounts: Mapping[AccountKey, Account], providers: Mapping[AccountKey, Provider]
) -> dict[AccountKey, ReadCall]:
    """Reads that an operator asks for, each within the account's deadline."""
    return {key: partial(_read, provider, accounts[key].call_deadline) for key, provider in providers.items()}


async def _read(provider: Provider, deadline: float, call: Read) -> Result:
    return await provider.call(call, deadline)


def rulebook_of(
    settings: Settings, accounts: Mapping[AccountKey, Account], providers: Mapping[AccountKey, Provider]
) -> Rulebook:
    rules = {}
    for name in settings.merchants:
        own = [key for key in accounts if key[0] == name]
        rules[name] = Rules(
            {provider: providers[merchant, provider].terms for merchant, provider in own},
            waits_order=settings.waits.order,
            waits_shipment=settings.waits.shipment,
            waits_most=settings.waits.most,
            absent_after=settings.evidence.absent_after,
            absent_again=settings.evidence.absent_again,
            attention_after=settings.evidence.attention_after,
            review_poll=settings.review_poll,
            checkout_poll=settings.checkout.first,
            checkout_poll_most=settings.checkout.most,
            payment_poll=settings.payment.first,
            payment_poll_most=settings.payment.most,
            backoff=settings.backoff.first,
            backoff_most=settings.backoff.most,
            call_deadline=max((accounts[key].call_deadline for key in own), default=10.0),
        )
    return Rulebook(rules)
