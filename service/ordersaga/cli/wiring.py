"""From settings to the parts of a running service."""

from collections.abc import Mapping
from time import monotonic

from ordersaga.cli.connections import database_of
from ordersaga.config import Klarna, Settings
from ordersaga.domain.terms import Rules
from ordersaga.providers.accounts import Account, KlarnaAccount, gates_of
from ordersaga.providers.klarna.regions import base_url_of
from ordersaga.providers.port import Provider
from ordersaga.rulebook import Rulebook
from ordersaga.store.engine import Engine
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault
from ordersaga.worker.lanes import Lane, LaneKey, Lanes


def store_of(settings: Settings) -> Store:
    keys = settings.encryption_keys()
    return Store(Engine(database_of(settings)), Vault(keys, next(iter(keys))), [settings.orders_topic])


def accounts_of(settings: Settings) -> dict[LaneKey, Account]:
    return {
        (name, "klarna"): _account(merchant.klarna)
        for name, merchant in settings.merchants.items()
        if merchant.klarna is not None
    }


def _account(klarna: Klarna) -> Account:
    return KlarnaAccount(
        username=klarna.username,
        password=klarna.password,
        base_url=klarna.base_url or base_url_of(klarna.region, klarna.environment),
        slots=klarna.slots,
        call_deadline=klarna.call_deadline,
        rate_limit=klarna.rate_limit,
    )


def lanes_of(settings: Settings, accounts: Mapping[LaneKey, Account]) -> Lanes:
    """A lane for each account, and one per merchant for orders that aren't placed yet."""
    gates = gates_of(accounts, monotonic)
    lanes = {key: Lane(account.slots, gates[key]) for key, account in accounts.items()}
    return Lanes({**lanes, **{(name, ""): Lane(64) for name in settings.merchants}})


def rulebook_of(
    settings: Settings, accounts: Mapping[LaneKey, Account], providers: Mapping[LaneKey, Provider]
) -> Rulebook:
    rules = {}
    for name in settings.merchants:
        mine = [key for key in accounts if key[0] == name]
        rules[name] = Rules(
            {provider: providers[merchant, provider].terms for merchant, provider in mine},
            waits_order=settings.waits.order,
            waits_shipment=settings.waits.shipment,
            absent_after=settings.evidence.absent_after,
            absent_again=settings.evidence.absent_again,
            attention_after=settings.evidence.attention_after,
            review_poll=settings.review_poll,
            backoff=settings.backoff.first,
            backoff_most=settings.backoff.most,
            call_deadline=max((accounts[key].call_deadline for key in mine), default=10.0),
        )
    return Rulebook(rules)
