"""The matrix of what the customer buys in Checkout."""

from typing import Final

from .checkouts import started
from .matrix_rows import (
    ABORT,
    COMPLETE,
    NO_ORDER,
    READ,
    READ_CHECKOUT,
    START_CHECKOUT,
    UPDATE_CHECKOUT,
    A,
    Json,
    Row,
    Table,
)
from .shop import line

CHECKOUT: Final = started(A, purchase_country="GB", purchase_currency="GBP", locale="en-GB")
_ORDERED: Final = (
    "in review; in review, refused; authorized; part captured; captured; captured at once; refunded; released; lapsed; "
    "closed there; cancelled; expired"
)
_COMPLETED: Final = "checkout completed; checkout, in review; checkout, in review, refused; checkout, captured at once"


def _by_checkout(ident: str) -> Json:
    """Without amount and lines."""
    payment = {"provider": "klarna", "checkout_order_id": ident}
    return {"payment": payment, "purchase_country": "GB", "purchase_currency": "GBP"}


PLACED: Final = (
    Table(
        "placed",
        "the order of a completed Checkout order that this service hasn't started (`checkout_order_id`)",
        _by_checkout("bought"),
        (
            Row("new; rejected; abandoned", "authorized", COMPLETE),
            Row("checkout; checkout, left; checkout, bought; checkout completed", "order_exists"),
            Row("checkout, updating; checkout, completing", "order_exists", waits="operation"),
            Row("checkout, abandoning", "authorized", COMPLETE, waits="operation"),
        ),
        whole=False,
    ),
    Table(
        "placed",
        "the order of its own Checkout order (`checkout_order_id`)",
        _by_checkout("checkout-1"),
        (
            Row("checkout; checkout, bought", "authorized", COMPLETE),
            Row("checkout, left", "checkout_not_completed", f"{READ_CHECKOUT}; {READ}"),
            Row("checkout, updating", "authorized", COMPLETE, waits="operation"),
            Row("checkout, abandoning", "checkout_not_completed", READ_CHECKOUT, waits="operation"),
            Row("checkout, completing", "authorized", waits="operation"),
            Row("checkout completed; checkout, in review", "authorized"),
            Row("checkout, in review, refused", "review_rejected"),
            Row("checkout, captured at once", "captured"),
        ),
        whole=False,
    ),
    Table(
        "placed",
        "the order of a Checkout order that there never was, or that has lapsed",
        _by_checkout("none"),
        (Row("new; rejected; abandoned", "checkout_not_completed", f"{READ_CHECKOUT}; {READ}"),),
        whole=False,
    ),
)


def _of_open(outcome: str, call: str) -> tuple[Row, ...]:
    """Rows of an event about the Checkout order that is open."""
    return (
        Row("new", "order_unknown", waits="order"),
        Row("early", "order_exists", waits="order"),
        Row("placing", "order_exists", waits="operation"),
        Row("checkout, starting; checkout, updating", outcome, call, waits="operation"),
        Row("checkout; checkout, left", outcome, call),
        Row("checkout, bought", "READ_ONLY_ORDER", call),
        Row("checkout, completing", "READ_ONLY_ORDER", waits="operation"),
        Row(_COMPLETED, "READ_ONLY_ORDER"),
        Row(_ORDERED, "order_exists"),
        *NO_ORDER,
        Row("unknown; stuck", "order_exists", waits="operation"),
        Row("blocked", "order_exists", waits="dead_letter"),
    )


CHECKOUTS: Final = (
    Table(
        "checkout_started",
        "",
        CHECKOUT,
        (
            Row("new; early", "checkout_created", START_CHECKOUT),
            Row(
                "placing; checkout, starting; checkout, updating; checkout, completing",
                "order_exists",
                waits="operation",
            ),
            Row(f"checkout; checkout, left; checkout, bought; {_COMPLETED}", "order_exists"),
            Row(_ORDERED, "order_exists"),
            Row("rejected; abandoned", "checkout_created", START_CHECKOUT),
            Row("checkout, abandoning", "checkout_created", START_CHECKOUT, waits="operation"),
            Row("unknown; stuck", "order_exists", waits="operation"),
            Row("blocked", "order_exists", waits="dead_letter"),
        ),
    ),
    Table(
        "checkout_updated",
        "to another amount and other lines",
        {"order_amount": 125, "order_lines": [line("A", 5, 25)]},
        _of_open("checkout_updated", UPDATE_CHECKOUT),
    ),
    Table(
        "checkout_abandoned",
        "",
        {},
        _of_open("checkout_abandoned", ABORT),
    ),
)
