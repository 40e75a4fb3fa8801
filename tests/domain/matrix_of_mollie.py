"""Each shop event in each state of an order at Mollie: what the contract and Mollie's documentation say comes of it.

Written by hand, as `matrix.py` is; `test_matrix_of_mollie.py` tries each cell with the saga, Mollie's own
terms and the model `whole_mollie.py`, and `docs/mollie.md` shows it. `422`: Mollie refuses. Subscriptions are
Klarna's alone.
"""

from typing import Final

from .matrix_of_checkout import CHECKOUT
from .matrix_rows import INFO, OF_S1, PARTS, A, Row, Table
from .mollie_life import ADDRESS, to_pay
from .mollie_rows import (
    AMEND,
    CANCEL,
    CANCEL_LINES,
    CHANGE,
    CREATE,
    ENDED,
    NEVER_PLACED,
    NO_ORDER,
    PAY_AGAIN,
    READ,
    REFUND,
    REFUND_AMOUNT,
    SHIP,
    SHIPPED_ALL,
    TRACK,
    UNPAID,
    told_once,
)
from .shop import line
from .subscriptions import REQUESTED

_RECURRING: Final = {"sequence_type": "recurring", "customer_id": "cst_1", "mandate_id": "mdt_1"}
_EXISTS: Final = f"{UNPAID}; authorized; part captured; {ENDED}; cancelled; expired"

_PLACED: Final = (
    Table(
        "placed",
        "paid later",
        to_pay(A),
        (
            Row("new; early; rejected", "authorized", CREATE),
            Row("placing", "order_exists", waits="operation; payment"),
            Row(UNPAID, "order_exists", waits="payment"),
            Row(f"authorized; part captured; {ENDED}; cancelled; expired", "order_exists"),
            Row("unknown", "order_exists", waits="operation"),
            Row("blocked", "order_exists", waits="dead_letter"),
        ),
    ),
    Table("placed", "paid first", to_pay(A, method="ideal"), (Row("new; rejected", "captured", CREATE),), whole=False),
    Table(
        "placed",
        "a recurring payment",
        {**to_pay(A), "payment": {**to_pay(A, method="directdebit")["payment"], **_RECURRING}},
        (Row("new; rejected", "captured", CREATE),),
        whole=False,
    ),
    Table(
        "placed",
        "an order that the shop has made at Mollie (`order_id`)",
        {**to_pay(A), "payment": {"provider": "mollie", "order_id": "ord_theirs"}},
        (Row("new; rejected", "authorized", READ),),
        whole=False,
    ),
    Table(
        "placed",
        "an order at Mollie that the customer has yet to pay (`order_id`)",
        {**to_pay(A), "payment": {"provider": "mollie", "order_id": "ord_unpaid"}},
        (Row("new; rejected", "authorized", READ),),
        whole=False,
    ),
)

_MONEY: Final = (
    Table(
        "shipped",
        "all that is left",
        {},
        (
            NEVER_PLACED,
            Row("early", "captured", SHIP, waits="order; payment"),
            Row("placing", "captured", SHIP, waits="operation; payment"),
            Row("to pay", "captured", SHIP, waits="payment"),
            Row("to pay first", "shipment_recorded", SHIP, waits="payment"),
            Row("to pay, left; payment failed", "nothing_left_to_capture", waits="payment"),
            Row("authorized; part captured", "captured", SHIP),
            Row("paid; paid, part shipped; paid, refunded", "shipment_recorded", SHIP),
            Row(f"{SHIPPED_ALL}; paid, shipped; cancelled; expired", "nothing_left_to_capture"),
            NO_ORDER,
            Row("unknown", "captured", SHIP, waits="operation"),
            Row("blocked", "captured", SHIP, waits="dead_letter"),
        ),
    ),
    Table(
        "shipped",
        "by an amount",
        {"captured_amount": 30},
        (Row("authorized; part captured", "not_acceptable_to_provider"),),
        whole=False,
    ),
    Table(
        "returned",
        "all that was captured",
        {},
        (
            NEVER_PLACED,
            Row("early", "over_refund", waits="order; payment; shipment"),
            Row("placing", "over_refund", waits="operation; payment; shipment"),
            Row("to pay", "over_refund", waits="payment; shipment"),
            Row("to pay first", "refunded", REFUND, waits="payment"),
            Row("to pay, left; payment failed", "over_refund", waits="payment"),
            Row("authorized", "over_refund", waits="shipment"),
            Row("part captured; captured; refund failed; released", "refunded", REFUND),
            Row("paid; paid, part shipped; paid, shipped", "refunded", REFUND),
            Row("lapsed", "refunded or 422", REFUND),
            Row("refunded; paid, refunded; cancelled; expired", "over_refund"),
            NO_ORDER,
            Row("unknown", "refunded", REFUND, waits="operation"),
            Row("blocked", "over_refund", waits="dead_letter; shipment"),
        ),
    ),
    Table(
        "returned",
        "an amount",
        {"refunded_amount": 10},
        (
            Row("part captured; captured; refund failed; released; lapsed", "refunded", REFUND_AMOUNT),
            Row("paid; paid, part shipped; paid, shipped", "refunded", REFUND_AMOUNT),
        ),
        whole=False,
    ),
    Table(
        "cancelled",
        "the whole order",
        {},
        (
            NEVER_PLACED,
            Row("early", "cancelled", waits="order", besides="cancelled_before_authorized"),
            Row("placing", "cancelled", CANCEL, waits="operation; open_payment", besides="authorized"),
            Row("to pay", "cancelled", CANCEL, waits="open_payment", besides="authorized"),
            Row("to pay first", "cancelled", REFUND, waits="open_payment", besides="captured"),
            Row("to pay, left", "cancelled", CANCEL, waits="open_payment", besides="cancelled_before_authorized"),
            Row("payment failed", "cancelled", CANCEL, besides="cancelled_before_authorized"),
            Row("authorized", "cancelled", CANCEL),
            Row("part captured", "released", CANCEL),
            Row(ENDED, "already_captured"),
            Row("cancelled; expired", "already_cancelled"),
            NO_ORDER,
            Row("unknown", "released", CANCEL, waits="operation"),
            Row("blocked", "cancelled", CANCEL, waits="dead_letter"),
        ),
    ),
    Table(
        "cancelled",
        "some lines",
        PARTS,
        (
            NEVER_PLACED,
            Row("early", "lines_cancelled", CANCEL_LINES, waits="order; payment"),
            Row("placing", "lines_cancelled", CANCEL_LINES, waits="operation; payment"),
            Row("to pay", "lines_cancelled", CANCEL_LINES, waits="payment"),
            Row("to pay first; to pay, left; payment failed", "nothing_left_to_cancel", waits="payment"),
            Row("authorized; part captured", "lines_cancelled", CANCEL_LINES),
            Row(f"{ENDED}; cancelled; expired", "nothing_left_to_cancel"),
            NO_ORDER,
            Row("unknown", "lines_cancelled", CANCEL_LINES, waits="operation"),
            Row("blocked", "lines_cancelled", CANCEL_LINES, waits="dead_letter"),
        ),
    ),
    Table(
        "closed",
        "",
        {},
        (
            NEVER_PLACED,
            Row("early", "cancelled", CANCEL, waits="order; open_payment", besides="authorized"),
            Row("placing", "cancelled", CANCEL, waits="operation; open_payment", besides="authorized"),
            Row("to pay", "cancelled", CANCEL, waits="open_payment", besides="authorized"),
            Row("to pay first", "released", waits="open_payment", besides="captured"),
            Row("to pay, left", "cancelled", CANCEL, waits="open_payment", besides="cancelled_before_authorized"),
            Row("payment failed", "cancelled", CANCEL, besides="cancelled_before_authorized"),
            Row("authorized", "cancelled", CANCEL),
            Row("part captured", "released", CANCEL),
            Row(f"{ENDED}; cancelled; expired", "released"),
            NO_ORDER,
            Row("unknown", "released", CANCEL, waits="operation"),
            Row("blocked", "cancelled", CANCEL, waits="dead_letter"),
        ),
    ),
    Table(
        "amended",
        "to more than the order is worth",
        {"order_amount": 125, "order_lines": [line("A", 5, 25)]},
        (
            NEVER_PLACED,
            Row("early", "amended", AMEND, waits="order; open_payment"),
            Row("placing", "amended", AMEND, waits="operation; open_payment"),
            Row("to pay; to pay, left", "amended", AMEND, waits="open_payment"),
            Row("to pay first", "422", AMEND, waits="open_payment"),
            Row("payment failed; authorized", "amended", AMEND),
            Row(f"part captured; {ENDED}", "422", AMEND),
            Row("cancelled; expired", "already_cancelled"),
            NO_ORDER,
            Row("unknown", "422", AMEND, waits="operation"),
            Row("blocked", "amended", AMEND, waits="dead_letter"),
        ),
    ),
    Table(
        "amended",
        "to less than was captured",
        {"order_amount": 10, "order_lines": [line("A", 1, 10)]},
        (
            Row("payment failed; authorized", "amended", AMEND),
            Row(f"part captured; {ENDED}", "already_captured"),
            Row("unknown", "already_captured", waits="operation"),
        ),
        whole=False,
    ),
)

_CHANGES: Final = (
    Table(
        "payment_retried",
        "",
        {},
        (
            NEVER_PLACED,
            Row("early", "422", PAY_AGAIN, waits="order"),
            Row("placing", "422", PAY_AGAIN, waits="operation"),
            Row("to pay; to pay first; to pay, left", "422", PAY_AGAIN),
            Row("payment failed", "payment_pending", PAY_AGAIN),
            Row(f"authorized; part captured; {ENDED}; cancelled; expired", "nothing_to_pay"),
            NO_ORDER,
            Row("unknown", "nothing_to_pay", waits="operation"),
            Row("blocked", "nothing_to_pay", waits="dead_letter"),
        ),
    ),
    Table(
        "reference_changed",
        "",
        {"merchant_reference1": "other"},
        told_once("reference_changed or 422", calls=CHANGE),
    ),
    Table(
        "address_changed",
        "the shipping or the billing address",
        {"shipping_address": {**ADDRESS, "city": "Utrecht"}, "billing_address": {**ADDRESS, "city": "Utrecht"}},
        told_once("address_changed or 422", calls=CHANGE),
    ),
    Table(
        "tracking_added",
        "of the order",
        INFO,
        told_once("not_acceptable_to_provider", rejected="not_acceptable_to_provider"),
    ),
    Table(
        "tracking_added",
        "of the shipment",
        {**INFO, **OF_S1},
        (
            NEVER_PLACED,
            Row("early", "shipment_unknown", waits="order; payment; shipment"),
            Row("placing", "shipment_unknown", waits="operation; payment; shipment"),
            Row("to pay; to pay first", "shipment_unknown", waits="payment; shipment"),
            Row("to pay, left; payment failed", "shipment_unknown", waits="payment"),
            Row("authorized; paid; paid, refunded", "shipment_unknown", waits="shipment"),
            Row(
                f"part captured; {SHIPPED_ALL}; paid, part shipped; paid, shipped",
                "tracking_added or 422",
                TRACK,
            ),
            Row("cancelled; expired", "shipment_unknown"),
            NO_ORDER,
            Row("unknown", "tracking_added or 422", TRACK, waits="operation"),
            Row("blocked", "shipment_unknown", waits="dead_letter; shipment"),
        ),
    ),
    Table("authorization_extension_requested", "", {}, told_once("unsupported_by_provider")),
    Table("invoice_resend_requested", "", OF_S1, told_once("unsupported_by_provider")),
    Table("due_date_extension_requested", "", {**OF_S1, "number_of_days": 30}, told_once("unsupported_by_provider")),
)


def _of_another(data: dict[str, object], event: str) -> Table:
    """Klarna's alone: the merchant has no account with it."""
    return Table(
        event,
        "",
        data,
        (
            Row("new; early; rejected", "unsupported_by_provider"),
            Row("placing; unknown", "order_exists", waits="operation"),
            Row(_EXISTS, "order_exists"),
            Row("blocked", "order_exists", waits="dead_letter"),
        ),
    )


_OTHERS: Final = (
    _of_another({"authorization_token": "unused"}, "authorization_abandoned"),
    _of_another(CHECKOUT, "checkout_started"),
    Table("checkout_updated", "", {"order_amount": 125, "order_lines": [line("A", 5, 25)]}, told_once("order_exists")),
    Table("checkout_abandoned", "", {}, told_once("order_exists")),
)
TABLES: Final = (*_PLACED, *_MONEY, *_CHANGES, *_OTHERS)
SUBSCRIPTIONS: Final = (
    Table(
        "customer_token_requested",
        "",
        {**REQUESTED, "authorization_token": "second"},
        (Row("new", "unsupported_by_provider"),),
        subscription=True,
    ),
    Table(
        "customer_token_cancelled",
        "another one, named",
        {"customer_token": "another"},
        (Row("new", "unsupported_by_provider"),),
        subscription=True,
    ),
)
