"""Klarna's own rules: keys, periods, return fees, what is supported."""

from msgspec.structs import replace

from ordersaga.domain.model.events import Payment
from ordersaga.domain.model.order import Capture
from ordersaga.providers.klarna.terms import KlarnaTerms

from .orders import TERMS, A, order, placed


def test_keys_are_trusted_for_less_than_klarna_keeps_them() -> None:
    trusted = {kind: TERMS.key_seconds(kind) for kind in ("create_order", "cancel_authorization", "capture", "amend")}
    assert trusted == {"create_order": 3_300, "cancel_authorization": 0, "capture": 82_800, "amend": 82_800}


def test_the_authorization_ends_at_midnight() -> None:
    assert TERMS.expiry(1657273680.0) == 1659657600.0  # 2022-07-08T09:48Z, 2022-08-05T00:00Z
    assert TERMS.expiry(1657238400.0) == 1659657600.0  # 2022-07-08T00:00Z
    assert KlarnaTerms(60).expiry(1657273680.0) == 1659657600.0 + 32 * 86_400


def test_return_fee_needs_one_whole_capture_in_a_market_that_has_it() -> None:
    whole = order(A, captures=(Capture("c", 100),), captured_amount=100)
    assert TERMS.return_fee_refusals(whole) == []
    assert TERMS.return_fee_refusals(replace(whole, country="GB")) == ["$.return_fee: not in GB"]
    for captures in ((), (Capture("c", 99),), (Capture("c", 50), Capture("d", 50))):
        refusals = TERMS.return_fee_refusals(replace(whole, captures=captures))
        assert refusals == ["$.return_fee: only for an order that one capture took whole"]


def test_supports_what_is_built() -> None:
    token, own = placed(), placed(payment=Payment(provider="klarna", order_id="o"))
    assert TERMS.supports("capture")
    assert TERMS.supports("create_order", token)
    assert not TERMS.supports("take_over", token)
    assert TERMS.supports("take_over", own)
    assert not TERMS.supports("create_order", own)
    for payment in (
        Payment(provider="klarna", customer_token="c"),
        Payment(provider="klarna", checkout_order_id="c"),
    ):
        assert not TERMS.supports("create_order", placed(payment=payment))
    tokenize = {"description": "d", "intended_use": "SUBSCRIPTION"}
    beside = Payment(provider="klarna", authorization_token="t", tokenize=tokenize)
    assert TERMS.supports("create_order", placed(payment=beside))
