"""The matrix of changes without money, of authorizations that aren't used, and of subscriptions."""

from typing import Final

from .matrix_rows import (
    ADDRESS,
    DUE_DATE,
    END_TOKEN,
    ENDED,
    EXTEND,
    INFO,
    INVOICE,
    NEVER_PLACED,
    NEW_ADDRESS,
    NO_ORDER,
    OF_CAPTURE,
    OF_S1,
    OPTIONS,
    REFERENCES,
    REFUSED,
    TOKENIZE,
    TRACKING,
    WITHDRAW,
    Row,
    Table,
)
from .subscriptions import REQUESTED


def _of_shipment(outcome: str, calls: str) -> tuple[Row, ...]:
    """Rows of an event about the shipment `s1`."""
    return (
        NEVER_PLACED,
        Row("early; checkout; checkout, bought", "shipment_unknown", waits="order; shipment"),
        Row("checkout, starting; checkout, updating", "shipment_unknown", waits="operation; order; shipment"),
        Row("placing; checkout, completing", "shipment_unknown", waits="operation; shipment"),
        Row("in review; checkout, in review", "shipment_unknown", waits="review; shipment"),
        REFUSED,
        Row("authorized; checkout completed", "shipment_unknown", waits="shipment"),
        Row("part captured; captured; refunded; released", outcome, calls),
        Row("captured at once; checkout, captured at once", "shipment_unknown", waits="shipment"),
        Row("lapsed; closed there", f"{outcome} or NOT_ALLOWED", calls),
        Row("cancelled; expired", "shipment_unknown"),
        *NO_ORDER,
        Row("unknown; stuck", outcome, calls, waits="operation"),
        Row("blocked", "shipment_unknown", waits="dead_letter; shipment"),
    )


CHANGES: Final = (
    Table(
        "reference_changed",
        "",
        {"merchant_reference1": "other"},
        (
            NEVER_PLACED,
            Row("early; checkout; checkout, bought", "reference_changed", REFERENCES, waits="order"),
            Row("checkout, starting; checkout, updating", "reference_changed", REFERENCES, waits="operation; order"),
            Row("placing; checkout, completing", "reference_changed", REFERENCES, waits="operation"),
            Row(
                "in review; in review, refused; checkout, in review; checkout, in review, refused; authorized; checkout completed; part captured; captured; "
                "captured at once; checkout, captured at once; refunded; released",
                "reference_changed",
                REFERENCES,
            ),
            Row("lapsed; closed there; expired", "reference_changed or NOT_ALLOWED", REFERENCES),
            Row("cancelled", "NOT_ALLOWED", REFERENCES),
            *NO_ORDER,
            Row("unknown; stuck", "reference_changed", REFERENCES, waits="operation"),
            Row("blocked", "reference_changed", REFERENCES, waits="dead_letter"),
        ),
    ),
    Table(
        "address_changed",
        "the shipping address",
        {"shipping_address": NEW_ADDRESS},
        (
            NEVER_PLACED,
            Row("early; checkout; checkout, bought", "address_changed", ADDRESS, waits="order"),
            Row("checkout, starting; checkout, updating", "address_changed", ADDRESS, waits="operation; order"),
            Row("placing; checkout, completing", "address_changed", ADDRESS, waits="operation"),
            Row(
                "in review; in review, refused; checkout, in review; checkout, in review, refused; authorized; checkout completed",
                "address_changed",
                ADDRESS,
            ),
            Row(
                "part captured; captured; captured at once; checkout, captured at once; refunded; released",
                "address_changed or NOT_ALLOWED",
                ADDRESS,
            ),
            Row("lapsed; closed there; cancelled; expired", "NOT_ALLOWED", ADDRESS),
            *NO_ORDER,
            Row("unknown; stuck", "address_changed or NOT_ALLOWED", ADDRESS, waits="operation"),
            Row("blocked", "address_changed", ADDRESS, waits="dead_letter"),
        ),
    ),
    Table(
        "address_changed",
        "the billing address",
        {"billing_address": NEW_ADDRESS},
        (
            Row("new", "order_unknown", waits="order"),
            Row(
                f"authorized; checkout completed; part captured; {ENDED}; cancelled; expired; rejected",
                "not_acceptable_to_provider",
            ),
        ),
        whole=False,
    ),
    Table(
        "tracking_added",
        "of the order",
        INFO,
        (
            NEVER_PLACED,
            Row("early; checkout; checkout, bought", "tracking_added", TRACKING, waits="order"),
            Row("checkout, starting; checkout, updating", "tracking_added", TRACKING, waits="operation; order"),
            Row("placing; checkout, completing", "tracking_added", TRACKING, waits="operation"),
            Row(
                "in review; in review, refused; checkout, in review; checkout, in review, refused; authorized; checkout completed; part captured; captured; "
                "captured at once; checkout, captured at once; refunded; released",
                "tracking_added",
                TRACKING,
            ),
            Row("lapsed; closed there; cancelled; expired", "tracking_added or NOT_ALLOWED", TRACKING),
            *NO_ORDER,
            Row("unknown; stuck", "tracking_added", TRACKING, waits="operation"),
            Row("blocked", "tracking_added", TRACKING, waits="dead_letter"),
        ),
    ),
    Table(
        "tracking_added",
        "of the shipment",
        {**INFO, **OF_S1},
        _of_shipment("tracking_added", OF_CAPTURE),
    ),
    Table(
        "authorization_extension_requested",
        "",
        {},
        (
            NEVER_PLACED,
            Row("early; checkout; checkout, bought", "extended", EXTEND, waits="order"),
            Row("checkout, starting; checkout, updating", "extended", EXTEND, waits="operation; order"),
            Row("placing; checkout, completing", "extended", EXTEND, waits="operation"),
            Row(
                "in review; in review, refused; checkout, in review; checkout, in review, refused; authorized; checkout completed; part captured",
                "extended",
                EXTEND,
            ),
            Row(
                "captured; captured at once; checkout, captured at once; refunded; released",
                "extended or NOT_ALLOWED",
                EXTEND,
            ),
            Row("lapsed; closed there; cancelled; expired", "NOT_ALLOWED", EXTEND),
            *NO_ORDER,
            Row("unknown; stuck", "extended", EXTEND, waits="operation"),
            Row("blocked", "extended", EXTEND, waits="dead_letter"),
        ),
    ),
    Table(
        "invoice_resend_requested",
        "",
        OF_S1,
        _of_shipment("invoice_resent", INVOICE),
    ),
    Table(
        "due_date_extension_requested",
        "",
        {**OF_S1, "number_of_days": 30},
        _of_shipment("due_date_extended", DUE_DATE),
    ),
    Table(
        "due_date_extension_requested",
        "by days that Klarna doesn't offer",
        {**OF_S1, "number_of_days": 31},
        (Row("part captured; captured; refunded; released", "not_acceptable_to_provider", OPTIONS),),
        whole=False,
    ),
    Table(
        "payment_retried",
        "",
        {},
        (
            NEVER_PLACED,
            Row("early; checkout; checkout, bought", "unsupported_by_provider", waits="order"),
            Row("checkout, starting; checkout, updating", "unsupported_by_provider", waits="operation; order"),
            Row("placing; checkout, completing", "unsupported_by_provider", waits="operation"),
            Row(
                "in review; in review, refused; checkout, in review; checkout, in review, refused; authorized; "
                f"checkout completed; part captured; {ENDED}; cancelled; expired",
                "unsupported_by_provider",
            ),
            *NO_ORDER,
            Row("unknown; stuck", "unsupported_by_provider", waits="operation"),
            Row("blocked", "unsupported_by_provider", waits="dead_letter"),
        ),
    ),
    Table(
        "authorization_abandoned",
        "of an authorization that wasn't used",
        {"authorization_token": "unused"},
        (
            Row("new; early", "abandoned", WITHDRAW),
            Row(
                "placing; checkout, starting; checkout, updating; checkout, completing",
                "order_exists",
                waits="operation",
            ),
            Row(
                "checkout; checkout, left; checkout, bought; "
                f"in review; in review, refused; checkout, in review; checkout, in review, refused; authorized; checkout completed; part captured; {ENDED}; cancelled; expired",
                "order_exists",
            ),
            Row("rejected; abandoned", "abandoned", WITHDRAW),
            Row("checkout, abandoning", "abandoned", WITHDRAW, waits="operation"),
            Row("unknown; stuck", "order_exists", waits="operation"),
            Row("blocked", "order_exists", waits="dead_letter"),
        ),
    ),
    Table(
        "authorization_abandoned",
        "of one that was used, withdrawn, or older than an hour",
        {"authorization_token": "gone"},
        (Row("new; rejected; abandoned", "NOT_FOUND", WITHDRAW),),
        whole=False,
    ),
)

SUBSCRIPTIONS: Final = (
    Table(
        "customer_token_requested",
        "",
        {**REQUESTED, "authorization_token": "second"},
        (
            Row("new; early", "customer_token_created", TOKENIZE),
            Row("requesting", "order_exists", waits="operation"),
            Row("active", "order_exists"),
            Row("cancelled; rejected", "customer_token_created", TOKENIZE),
            Row("unknown", "customer_token_created", TOKENIZE, waits="operation"),
            Row("blocked", "order_exists", waits="dead_letter"),
        ),
        subscription=True,
    ),
    Table(
        "customer_token_cancelled",
        "the subscription's own",
        {},
        (
            Row("new", "order_unknown", waits="order"),
            Row("early", "customer_token_cancelled", END_TOKEN, waits="order"),
            Row("requesting", "customer_token_cancelled", END_TOKEN, waits="operation"),
            Row("active", "customer_token_cancelled", END_TOKEN),
            Row("cancelled", "already_cancelled"),
            Row("rejected", "order_rejected"),
            Row("unknown", "already_cancelled", waits="operation"),
            Row("blocked", "customer_token_cancelled", END_TOKEN, waits="dead_letter"),
        ),
        subscription=True,
    ),
    Table(
        "customer_token_cancelled",
        "another one, named",
        {"customer_token": "another"},
        (
            Row("new; active; cancelled; rejected", "customer_token_cancelled", END_TOKEN),
            Row("requesting; unknown", "customer_token_cancelled", END_TOKEN, waits="operation"),
        ),
        whole=False,
        subscription=True,
    ),
)
