"""The addresses of ours that Checkout orders bear."""

import msgspec
import pytest

from ordersaga.domain.model.events import CheckoutStarted, CheckoutUpdated
from ordersaga.domain.model.order import OperationType
from ordersaga.providers.klarna.notifications import checkout_urls, order_id_of
from ordersaga.providers.klarna.terms import KlarnaTerms

from .orders import ORDER_ID, TERMS, operation, order
from .test_klarna_checkout import URLS, started

NAMED = "?klarna_order_id={checkout.order.id}"
OURS = checkout_urls("https://pay/{}".format, ["validation", "address_update"])
ASKING = KlarnaTerms(checkout_urls=OURS)
WITHOUT_PUSH = {name: url for name, url in URLS.items() if name != "push"}


def sent(data: CheckoutUpdated, terms: KlarnaTerms = ASKING) -> object:
    kind: OperationType = "create_checkout" if isinstance(data, CheckoutStarted) else "update_checkout"
    return msgspec.json.decode(terms.freeze(order(), operation(kind), data).body).get("merchant_urls")


def test_our_addresses_name_the_order() -> None:
    assert {
        "push": f"https://pay/push{NAMED}",
        "notification": f"https://pay/fraud{NAMED}",
        "validation": f"https://pay/validation{NAMED}",
        "address_update": f"https://pay/address_update{NAMED}",
    } == OURS
    assert order_id_of("fraud", b'{"event_type": "FRAUD_RISK_ACCEPTED"}', {"klarna_order_id": ORDER_ID}) == ORDER_ID


def test_a_checkout_order_bears_our_addresses_where_the_shop_gives_none() -> None:
    own = WITHOUT_PUSH | {"validation": "https://shop/v"}
    assert sent(started(merchant_urls=own)) == OURS | own
    assert sent(CheckoutUpdated(merchant_urls=own)) == OURS | own
    assert sent(started()) == OURS | URLS, "its own push stays"
    assert sent(started(), TERMS) == URLS


def test_an_update_without_urls_sends_none() -> None:
    assert sent(CheckoutUpdated(merchant_reference2="x")) is None


def test_a_push_is_needed_unless_we_give_one() -> None:
    data = started(merchant_urls=WITHOUT_PUSH)
    assert TERMS.refusals(data) == ["$.merchant_urls.push: is needed in Checkout"]
    assert ASKING.refusals(data) == []
    assert ASKING.refusals(started(merchant_urls={**URLS, "push": ""})) == [
        "$.merchant_urls.push: is needed in Checkout"
    ]


@pytest.mark.parametrize("address", ["https://pay/" + "x" * 2_000 + "{}"])
def test_an_address_that_is_too_long_is_left_out(address: str) -> None:
    urls = checkout_urls(address.format, ["validation"])
    assert urls == {}
    assert KlarnaTerms(checkout_urls=urls).refusals(started(merchant_urls=WITHOUT_PUSH)) != []


def test_our_address_on_this_machine_is_not_refused_as_the_shops_would_be() -> None:
    terms = KlarnaTerms(checkout_urls=checkout_urls("http://127.0.0.1/{}".format, ["validation"]))
    assert terms.refusals(started()) == []
    assert terms.refusals(started(merchant_urls={**URLS, "validation": "http://127.0.0.1/"})) == [
        "$.merchant_urls.validation: a URL with https"
    ]


def test_a_repeat_sends_the_same_bytes() -> None:
    one, other = (ASKING.freeze(order(), operation("create_checkout"), started()) for _ in range(2))
    assert one == other
