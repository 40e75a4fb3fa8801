"""From settings to the merchants' accounts with providers, and to the merchants' rules."""

from collections.abc import Callable, Mapping
from functools import partial

from ordersaga.addresses import Addresses, NamedOperation
from ordersaga.config import Klarna, Settings
from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Read
from ordersaga.domain.model.results import Result
from ordersaga.domain.model.terms import Rules
from ordersaga.operating.checking import ReadCall
from ordersaga.providers.accounts import Account, KlarnaAccount
from ordersaga.providers.klarna.notifications import FRAUD, checkout_urls
from ordersaga.providers.klarna.regions import base_url_of
from ordersaga.providers.port import Provider
from ordersaga.rulebook import Rulebook
from ordersaga.worker.bulkheads import AccountKey

NotifiedAt = Callable[[Key, str], str]


def accounts_of(settings: Settings) -> dict[AccountKey, Account]:
    return {
        (name, "klarna"): _klarna_account(
            merchant.klarna, _notified_at(settings), _checkout_urls(settings, name, merchant.klarna)
        )
        for name, merchant in settings.merchants.items()
        if merchant.klarna is not None
    }


def addresses_of(settings: Settings) -> Addresses | None:
    """None: notifications aren't configured."""
    secrets = settings.web_secrets()
    return Addresses(secrets, settings.web.base_url or "") if secrets else None


def _notified_at(settings: Settings) -> NotifiedAt | None:
    addresses = addresses_of(settings)
    if addresses is None or settings.web.base_url is None:
        return None
    return lambda key, operation_id: addresses.of_operation("klarna", FRAUD, NamedOperation(key, operation_id))


def _checkout_urls(settings: Settings, merchant: str, klarna: Klarna) -> Mapping[str, str]:
    addresses = addresses_of(settings)
    if addresses is None or settings.web.base_url is None:
        return {}
    return checkout_urls(partial(addresses.of, "klarna", merchant), klarna.callbacks.kinds)


def _klarna_account(klarna: Klarna, notified_at: NotifiedAt | None, urls: Mapping[str, str]) -> Account:
    return KlarnaAccount(
        username=klarna.username,
        password=klarna.password,
        base_url=klarna.base_url or base_url_of(klarna.region, klarna.environment),
        slots=klarna.slots,
        call_deadline=klarna.call_deadline,
        rate_limit=klarna.rate_limit,
        authorization_days=klarna.authorization_days,
        extend_authorizations=klarna.extend_authorizations,
        ca_file=str(klarna.ca_file) if klarna.ca_file else None,
        notified_at=notified_at,
        checkout_urls=urls,
    )


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
            backoff=settings.backoff.first,
            backoff_most=settings.backoff.most,
            call_deadline=max((accounts[key].call_deadline for key in own), default=10.0),
        )
    return Rulebook(rules)
