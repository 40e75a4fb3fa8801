"""From settings to providers."""

import pytest

from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Key, Operation, Order, Request
from ordersaga.domain.model.outcomes import CALL_KINDS, Send
from ordersaga.domain.model.results import Retryable
from ordersaga.providers.accounts import KlarnaAccount, gates_of, providers_of
from ordersaga.providers.klarna.regions import base_url_of


class Hidden:
    def get_secret_value(self) -> str:
        return "s3cret"


async def test_each_account_has_a_provider_and_a_gate_of_its_own() -> None:
    accounts = {
        ("uk", "klarna"): KlarnaAccount(username="u", password="p", base_url=base_url_of("eu", "playground"), slots=3),
        ("us", "klarna"): KlarnaAccount(
            username="u", password=Hidden(), base_url=base_url_of("na", "live"), rate_limit=5.0, authorization_days=60
        ),
    }
    providers, gates = providers_of(accounts), gates_of(accounts)
    assert providers.keys() == gates.keys() == accounts.keys()
    assert [{gate.room() for gate in of_kinds.values()} for of_kinds in gates.values()] == [{6}, {5}]
    assert all(tuple(of_kinds) == CALL_KINDS for of_kinds in gates.values())
    gates["us", "klarna"]["placing"].started(5)
    assert gates["us", "klarna"]["refunding"].room() == 0, "the rate is the account's"
    assert providers["us", "klarna"].terms.expiry(0.0) == 60 * 86_400
    for provider in providers.values():
        await provider.close()


def test_a_password_is_not_shown() -> None:
    account = KlarnaAccount(username="u", password="s3cret", base_url="https://api.klarna.com")
    assert "s3cret" not in repr(account)


def test_a_bad_account_is_named() -> None:
    account = KlarnaAccount(username="u", password="s3cret", base_url="api.klarna.com")
    with pytest.raises(ValueError, match="account of merchant 'uk' with klarna: base_url must begin with https://"):
        providers_of({("uk", "klarna"): account})
    account = KlarnaAccount(username="u", password="p", base_url="https://api.klarna.com", ca_file="/none/ca.pem")
    with pytest.raises(ValueError, match="account of merchant 'uk' with klarna: ca_file '/none/ca"):
        providers_of({("uk", "klarna"): account})


async def test_a_call_that_cannot_leave_is_retryable() -> None:
    account = KlarnaAccount(username="u", password="p", base_url="http://nobody.invalid")
    provider = providers_of({("uk", "klarna"): account})["uk", "klarna"]
    operation = Operation("op", "cancel", Cause("/shop", "e", "t"), 1, 0.0, 0.0)
    order = Order(Key("uk", "order", "1"), provider_order_id="o")
    request = provider.terms.freeze(order, operation, None)
    assert request == Request("POST", "/ordermanagement/v1/orders/o/cancel", "", "op")
    assert await provider.call(Send(operation, request), 5.0) == Retryable("dns")
    await provider.close()
