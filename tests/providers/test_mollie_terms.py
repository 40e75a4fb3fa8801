"""Mollie's table of operations, its ways of payment, and what a read shows of changes without money."""

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.model.events import AddressChanged, Payment, ReferenceChanged, TrackingAdded
from ordersaga.domain.model.terms import Rules
from ordersaga.domain.operations import OPERATIONS as DOMAIN
from ordersaga.domain.operations import ByCheckoutRead, ByRepeating, ByTokenRead
from ordersaga.providers.mollie import books
from ordersaga.providers.mollie.operations.table import OPERATIONS

from .mollie_orders import ADDRESS, LAMP, SENT_ADDRESS, TERMS, order, placed, shown_order, text
from .orders import operation


def test_a_saga_can_have_them() -> None:
    assert Rules({"mollie": TERMS}).terms["mollie"].whole_lines


def test_every_row_is_one_of_the_domain() -> None:
    assert OPERATIONS.keys() <= DOMAIN.keys()
    assert {name for name, row in OPERATIONS.items() if row.reads} == {"take_over"}


@pytest.mark.parametrize(
    "name", ["create_order", "extend_authorization", "resend_invoice", "extend_due_date", "create_customer_token"]
)
def test_what_mollie_lacks_is_unsupported(name: str) -> None:
    assert not TERMS.supports(name)


def test_the_ways_of_payment() -> None:
    there = placed(payment={"redirect_url": UNSET, "order_id": "ord_1"})
    assert TERMS.supports("create_order_to_pay", placed())
    assert TERMS.supports("take_over", there)
    assert not TERMS.supports("take_over", placed())
    assert not TERMS.supports("create_order_to_pay", there)
    assert not TERMS.supports("create_order", placed(payment={"authorization_token": "t"}))
    klarna = replace(there, payment=Payment(provider="klarna", order_id="ord_1"))
    assert not TERMS.supports("take_over", klarna)


def test_only_posts_have_a_key_and_only_refunds_a_reference() -> None:
    keyed = {name for name in OPERATIONS if TERMS.key_seconds(name)}
    assert keyed == {"create_order_to_pay", "retry_payment", "capture", "record_shipment", "refund", "refund_payment"}
    assert {TERMS.key_seconds(name) for name in keyed} == {2_700.0}
    assert {name for name in OPERATIONS if TERMS.keeps_reference(name)} == {"refund", "refund_payment"}


def test_what_takes_money_off() -> None:
    assert TERMS.reduction(order(LAMP), to_nothing=False) == "cancel_lines"
    assert TERMS.reduction(order(LAMP), to_nothing=True) == "cancel"
    assert TERMS.reduction(order(LAMP, captured_amount=1), to_nothing=True) == "release"
    assert TERMS.reduction(order(LAMP, status="captured"), to_nothing=True) == "release"


def test_what_mollie_has_no_request_for() -> None:
    request = TERMS.freeze(order(LAMP), operation("cancel"), None)
    for ask in (TERMS.revocation, TERMS.reading):
        with pytest.raises(AssertionError, match="no operation of Mollie's"):
            ask(request)
    proofs = {type(spec.evidence) for name, spec in DOMAIN.items() if TERMS.supports(name)}
    assert proofs.isdisjoint({ByRepeating, ByTokenRead, ByCheckoutRead}), "these would ask for such a request"
    assert not any(spec.secret_id for name, spec in DOMAIN.items() if TERMS.supports(name))
    assert TERMS.return_fee_refusals(order(LAMP)) == []
    assert TERMS.expiry(1_700_000_000.0) == 1_700_000_000.0 + 28 * 86_400


def test_a_read_shows_a_change_or_not() -> None:
    changed = AddressChanged(shipping_address=ADDRESS, billing_address={**ADDRESS, "city": "Utrecht"})
    request = TERMS.freeze(order(LAMP), operation("change_address"), changed)
    there = {**SENT_ADDRESS, "country": "nl", "title": "Ms"}
    for city, shown in (("Utrecht", True), ("Amsterdam", False)):
        seen = books.snapshot(
            text(shown_order("paid", shippingAddress=there, billingAddress={**SENT_ADDRESS, "city": city}))
        )
        assert TERMS.shows("change_address", request, seen) is shown
    request = TERMS.freeze(order(LAMP), operation("change_reference"), ReferenceChanged(merchant_reference1="A-8"))
    assert TERMS.shows("change_reference", request, books.snapshot(text(shown_order("paid", orderNumber="A-8"))))
    assert TERMS.shows("change_reference", request, books.snapshot(text(shown_order("paid")))) is False
    assert TERMS.shows("capture", request, books.snapshot(text(shown_order("paid")))) is None


def test_a_read_shows_tracking_of_its_shipment() -> None:
    data = TrackingAdded(
        shipment_id="s", shipping_info=({"shipping_company": "DHL", "tracking_number": "7", "shipping_method": "Home"},)
    )
    request = TERMS.freeze(order(LAMP), operation("add_tracking", capture_id="shp_1"), data)
    tracking = {"carrier": "DHL", "code": "7", "url": None}
    for shipments, shown in (
        ([{"id": "shp_1", "lines": [], "tracking": tracking}], True),
        ([{"id": "shp_1", "lines": []}, {"id": "shp_2", "lines": [], "tracking": tracking}], False),
        ([], None),
    ):
        assert (
            TERMS.shows("add_tracking", request, books.snapshot(text(shown_order("paid", shipments=shipments))))
            is shown
        )


def test_a_lost_order_is_known_by_the_operation_in_its_metadata() -> None:
    request = TERMS.freeze(order(), operation("create_order_to_pay"), placed())
    ours, other = (
        books.snapshot(text(shown_order("created", metadata=metadata)))
        for metadata in ({"operation": "0c0a9b2e-op"}, "a text")
    )
    assert TERMS.shows("create_order_to_pay", request, ours) is True
    assert TERMS.shows("create_order_to_pay", request, other) is False
