"""States of an order that the customer pays at Mollie, its calls by short names, and rows that several events share."""

from typing import Final

from .matrix_rows import WAITS as WAITS_ANYWHERE
from .matrix_rows import Row

STATES: Final = {
    "new": "nothing of the order came, and its `placed` doesn't come in time",
    "early": "nothing of the order came yet; its `placed` follows, and the customer pays later",
    "placing": "the call for its `placed` is under way, or its response was lost; the customer pays later",
    "to pay": "`pending_payment`; the customer pays then, by a method that pays later",
    "to pay first": "`pending_payment`; the customer pays then, by a method that takes the money at once",
    "to pay, left": "`pending_payment`; the customer never pays: the payment ends, and in the end the order",
    "payment failed": "`pending_payment`, but the payment failed, was cancelled or has expired; the order expires in the end",
    "authorized": "nothing was shipped; made by ordersaga, or by the shop and taken over",
    "part captured": "one shipment of two",
    "captured": "captured whole, by shipments",
    "paid": "its money was taken at once; nothing was shipped",
    "paid, part shipped": "its money was taken at once; one shipment of two",
    "paid, shipped": "its money was taken at once; all was shipped",
    "refunded": "captured whole, and refunded",
    "paid, refunded": "its money was taken at once; nothing was shipped, and all was refunded",
    "refund failed": "captured whole; its refund was accepted, and failed later",
    "released": "part captured, the rest cancelled or closed, here or at Mollie",
    "lapsed": "part captured, the rest expired",
    "cancelled": "by the shop or at Mollie, before or after the customer paid, before anything was captured",
    "expired": "before it was paid, or before anything was captured",
    "rejected": "by Mollie or the rules, or cancelled before it was placed",
    "unknown": "the response to the shipment of a part was lost",
    "blocked": "authorized, with an event that is a dead letter, which is discarded then",
}
WAITS: Final = {**WAITS_ANYWHERE, "payment": "the payment", "open_payment": "the end of the payment"}

CREATE: Final = "POST /orders"
PAY_AGAIN: Final = "POST /payments"
SHIP: Final = "POST /shipments"
REFUND: Final = "POST /refunds"
REFUND_AMOUNT: Final = "POST /payments/{id}/refunds"
CANCEL: Final = "DELETE order"
CANCEL_LINES: Final = "DELETE /lines"
AMEND: Final = "PATCH /lines"
CHANGE: Final = "PATCH order"
TRACK: Final = "PATCH /shipments/{id}"
READ: Final = "GET order"

SHIPPED_ALL: Final = "captured; refunded; refund failed; released; lapsed"
PAID_FIRST: Final = "paid; paid, part shipped; paid, shipped; paid, refunded"
ENDED: Final = f"{SHIPPED_ALL}; {PAID_FIRST}"
UNPAID: Final = "to pay; to pay first; to pay, left; payment failed"
NEVER_PLACED: Final = Row("new", "order_unknown", waits="order")
NO_ORDER: Final = Row("rejected", "order_rejected")


def told_once(outcome: str, *states: str, calls: str = "", rejected: str = "order_rejected") -> tuple[Row, ...]:
    """Rows of an event whose end doesn't depend on what the order has come to. `states`: rows of their own are elsewhere."""
    alike = f"{UNPAID}; authorized; part captured; {ENDED}; cancelled; expired"
    others = "; ".join(one.strip() for one in alike.split(";") if one.strip() not in states)
    return (
        NEVER_PLACED,
        Row("early", outcome, calls, waits="order"),
        Row("placing", outcome, calls, waits="operation"),
        Row(others, outcome, calls),
        Row("rejected", rejected),
        Row("unknown", outcome, calls, waits="operation"),
        Row("blocked", outcome, calls, waits="dead_letter"),
    )
