"""The books that a read of Mollie shows; amounts worked out by hand."""

from typing import Any

import msgspec
import pytest

from ordersaga.domain.model.results import CaptureSeen, LineSeen, PaymentSeen, RefundSeen, ShipmentSeen, Snapshot
from ordersaga.providers.mollie import books

from .mollie_orders import ORDER_ID, Json, eur, shown_line, shown_order, shown_payment, text

LATER = {"authorizedAt": "2024-03-01T12:01:00+00:00"}


def seen(status: str, *lines: Json, **fields: Any) -> Snapshot:
    return books.snapshot(text(shown_order(status, *lines, **fields)))


def lamp(**fields: Any) -> Json:
    return shown_line(0, "L-1", 2, "50.00", "100.00", **fields)


def rug(**fields: Any) -> Json:
    return shown_line(1, "R-1", 1, "100.00", "100.00", **fields)


def shipment(ident: str, *lines: Json, **fields: Any) -> Json:
    return {"resource": "shipment", "id": ident, "lines": list(lines), **fields}


def figures(shown: Snapshot) -> tuple[str, int, int, int, int]:
    return (
        shown.status,
        shown.order_amount,
        shown.captured_amount,
        shown.refunded_amount,
        shown.remaining_amount,
    )


ONE_LAMP = shown_line(0, "L-1", 1, "50.00", "50.00")


def test_an_order_to_be_paid() -> None:
    shown = seen(
        "created",
        expiresAt="2024-03-29T12:00:00+00:00",
        _links={"checkout": {"href": "https://pay.example/order"}},
    )
    assert figures(shown) == ("pending_payment", 20000, 0, 0, 20000)
    assert shown.payment == PaymentSeen("tr_1", open=True, status="open", url="https://pay.example/order")
    assert (shown.provider_id, shown.currency, shown.fraud_status) == (ORDER_ID, "EUR", "")
    assert shown.expires_at == 1_711_713_600.0
    assert shown.captures == ()
    assert shown.facts["operation"] == "0c0a9b2e-op"
    assert shown.lines == (LineSeen("odl_1.0", "L-1", 2, 10000), LineSeen("odl_1.1", "R-1", 1, 10000))


def test_of_an_order_to_be_paid_the_latest_payment_counts() -> None:
    payments = [
        shown_payment("failed", "tr_1"),
        shown_payment("open", "tr_3", "2024-03-01T14:00:00+00:00"),
        shown_payment("expired", "tr_2", "2024-03-01T13:00:00+00:00"),
    ]
    assert seen("created", payments=payments).payment == PaymentSeen(
        "tr_3", open=True, status="open", url="https://pay.example/tr_3"
    )
    failed = seen("created", payments=payments[:1], _links={"checkout": {"href": "https://pay.example/order"}})
    assert failed.payment == PaymentSeen("tr_1", open=False, status="failed")
    assert seen("pending", payments=[shown_payment("pending")]).payment == PaymentSeen(
        "tr_1", open=True, status="pending"
    )


def test_an_order_to_be_paid_without_a_payment_is_no_answer() -> None:
    with pytest.raises(msgspec.ValidationError):
        seen("created", payments=[])


def test_a_paid_order_was_captured_by_its_payment() -> None:
    payments = [shown_payment("paid", "tr_2"), shown_payment("expired", "tr_9", "2024-03-02T12:00:00+00:00")]
    refunds = [
        {
            "id": "re_1",
            "amount": eur("50.00"),
            "status": "pending",
            "lines": [ONE_LAMP],
            "metadata": {"operation": "op-1"},
        },
        {"id": "re_2", "amount": eur("20.00"), "status": "refunded", "metadata": "theirs"},
        {"id": "re_3", "amount": eur("30.00"), "status": "failed"},
    ]
    shipments = [shipment("shp_1", ONE_LAMP, tracking={"carrier": "DHL", "code": "7"})]
    shown = seen("shipping", payments=payments, refunds=refunds, shipments=shipments)
    assert figures(shown) == ("captured", 20000, 20000, 7000, 0)
    assert shown.captures == (CaptureSeen("tr_2", 20000, lines=(("L-1", 2, 10000), ("R-1", 1, 10000))),)
    assert shown.refunds == (
        RefundSeen("re_1", 5000, "op-1", (("L-1", 1, 5000),), moving=True),
        RefundSeen("re_2", 2000),
        RefundSeen("re_3", 3000, failed=True),
    )
    assert shown.payment == PaymentSeen("tr_2", open=False, status="paid")
    assert shown.shipments == (ShipmentSeen("shp_1", (("L-1", 1),)),)
    assert shown.facts["shipments"] == {"shp_1": {"carrier": "DHL", "code": "7"}}


def test_an_order_that_is_paid_later_is_captured_by_its_shipments() -> None:
    lines = (
        lamp(quantityShipped=1, amountShipped=eur("50.00"), quantityCanceled=1, amountCanceled=eur("50.00")),
        rug(),
    )
    shown = seen("shipping", *lines, shipments=[shipment("shp_1", ONE_LAMP)], **LATER)
    assert figures(shown) == ("part_captured", 20000, 5000, 0, 10000)
    assert shown.captures == (CaptureSeen("shp_1", 5000, lines=(("L-1", 1, 5000),)),)
    assert shown.shipments == ()
    assert shown.lines[0] == LineSeen("odl_1.0", "L-1", 2, 10000, 1, 5000)


def test_an_authorized_order_has_all_that_wasnt_cancelled_left() -> None:
    shown = seen("authorized", lamp(quantityCanceled=1, amountCanceled=eur("50.00")), rug(), **LATER)
    assert figures(shown) == ("authorized", 20000, 0, 0, 15000)
    assert shown.payment == PaymentSeen("tr_1", open=False, status="authorized")


@pytest.mark.parametrize(
    ("status", "fields", "wanted"),
    [
        ("paid", {}, ("captured", 20000, 20000, 0, 0)),
        ("completed", {}, ("captured", 20000, 20000, 0, 0)),
        ("completed", LATER, ("cancelled", 20000, 0, 0, 0)),
        ("completed", {**LATER, "shipments": [shipment("shp_1", rug())]}, ("captured", 20000, 10000, 0, 0)),
        ("canceled", LATER, ("cancelled", 20000, 0, 0, 0)),
        ("expired", {}, ("expired", 20000, 0, 0, 0)),
    ],
)
def test_the_status_of_an_order(status: str, fields: Json, wanted: tuple[str, int, int, int, int]) -> None:
    assert figures(seen(status, **fields)) == wanted


def test_shipping_of_free_lines_alone_captures_nothing() -> None:
    free = shown_line(0, "F-1", 1, "0.00", "0.00", quantityShipped=1, amountShipped=eur("0.00"))
    shown = seen("shipping", free, rug(), amount=eur("100.00"), shipments=[shipment("shp_1", free)], **LATER)
    assert figures(shown) == ("authorized", 10000, 0, 0, 10000)
    assert figures(seen("completed", free, amount=eur("0.00"), **LATER)) == ("captured", 0, 0, 0, 0)


def test_without_what_is_embedded_the_sums_are_those_of_the_lines() -> None:
    body = shown_order(
        "shipping",
        lamp(quantityShipped=2, amountShipped=eur("100.00")),
        rug(),
        amountRefunded=eur("10.00"),
        **LATER,
    )
    del body["_embedded"]
    shown = books.snapshot(text(body))
    assert figures(shown) == ("part_captured", 20000, 10000, 1000, 10000)
    assert (shown.captures, shown.refunds, shown.payment) == ((), (), None)


def test_a_reference_that_is_too_long_for_a_sku_is_read_from_the_metadata() -> None:
    long = {**rug(metadata={"reference": "x" * 70}), "sku": None}
    both = lamp(metadata={"reference": "theirs"})
    neither = {**shown_line(2, "", 1, "1.00", "1.00"), "sku": None, "metadata": "a text"}
    assert [line.reference for line in seen("paid", long, both, neither).lines] == ["x" * 70, "L-1", ""]


def test_currencies_without_decimals_are_read_as_they_are() -> None:
    line = {**shown_line(0, "L-1", 1, "0", "0"), "totalAmount": eur("1500", "JPY")}
    assert seen("paid", line, amount=eur("1500", "JPY")).captured_amount == 1500


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": eur("200.001")},
        {"amount": eur("200.00", "USD")},
        {"amount": {"value": "200.00"}},
        {"status": "shipped"},
        {"lines": [lamp(amountShipped=eur("1.00", "USD"))], "authorizedAt": "2024-03-01T12:01:00+00:00"},
        {"refunds": [{"id": "re_1", "amount": eur("1,00"), "status": "pending"}]},
        {"lines": None},
    ],
)
def test_a_malformed_order_is_no_answer(fields: Json) -> None:
    whole = shown_order("shipping", lamp(), rug())
    embedded = {**whole["_embedded"], "refunds": fields.get("refunds", [])}
    assert books.snapshot(text(whole)).provider_id == ORDER_ID
    with pytest.raises(msgspec.ValidationError):
        books.snapshot(text({**whole, **fields, "_embedded": embedded}))


def test_a_part_is_named_by_its_line_where_it_has_no_reference_itself() -> None:
    """The lines of shipments and refunds are documented with and without metadata."""
    long = "L" * 65
    line = {**shown_line(0, "", 2, "100.00", "200.00"), "sku": None, "metadata": {"reference": long}}
    part = {name: value for name, value in line.items() if name not in {"sku", "metadata"}}
    whole = {
        "shipments": [{"id": "shp_1", "lines": [part]}],
        "refunds": [{"id": "re_1", "amount": eur("200.00"), "status": "pending", "lines": [part]}],
    }
    later = books.snapshot(text(shown_order("completed", line, authorizedAt="2024-03-01T12:00:00+00:00", **whole)))
    assert later.captures[0].lines == later.refunds[0].lines == ((long, 2, 20000),)
    first = books.snapshot(text(shown_order("completed", line, **whole)))
    assert first.shipments[0].lines == ((long, 2),)
