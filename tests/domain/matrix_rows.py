"""What the matrix is made of: states, rows and tables, and the calls by their short names."""

from dataclasses import dataclass, field
from typing import Any, Final

from .shop import line, part

Json = dict[str, Any]

A: Final = line("A", 4, 25)

STATES: Final = {
    "new": "nothing of the order came, and its `placed` doesn't come in time",
    "early": "nothing of the order came yet; its `placed` follows",
    "placing": "the call for its `placed` is under way, or its response was lost",
    "checkout, starting": "the call for its `checkout_started` is under way, or its response was lost; the customer completes it",
    "checkout": "a Checkout order is open; the customer completes it then",
    "checkout, left": "a Checkout order is open; the customer doesn't complete it, and it lapses",
    "checkout, bought": "the customer has completed its Checkout order, which no read has shown yet",
    "checkout completed": "a read has shown that the customer completed its Checkout order; nothing was captured",
    "checkout, updating": "a Checkout order is open; the response to its update was lost; the customer completes it then",
    "checkout, abandoning": "a Checkout order is open; the response to its abandonment was lost",
    "checkout, completing": "a read has shown that the customer completed its Checkout order; the response to what follows was lost",
    "checkout, in review": "the customer completed its Checkout order, `pending_review`; the review then accepts",
    "checkout, in review, refused": "the customer completed its Checkout order, `pending_review`; the review then refuses",
    "checkout, captured at once": "the customer completed its Checkout order, which captured it (`auto_capture`)",
    "in review": "`pending_review`; the review then accepts",
    "in review, refused": "`pending_review`; the review then refuses",
    "authorized": "nothing was captured",
    "part captured": "one shipment of two",
    "captured": "captured whole, by shipments",
    "captured at once": "captured with the placing (`auto_capture`)",
    "refunded": "captured whole, and refunded",
    "released": "part captured, the rest cancelled or closed",
    "lapsed": "part captured, the rest expired",
    "closed there": "captured whole, and CLOSED at Klarna",
    "cancelled": "by the shop or at Klarna, before anything was captured",
    "expired": "before anything was captured",
    "rejected": "by Klarna, its review or the rules, or cancelled before it was placed",
    "abandoned": "its authorization was withdrawn, or its Checkout order was abandoned or has lapsed",
    "unknown": "the response to the capture of a part was lost",
    "stuck": "a person has to look up the capture of a part whose response was lost, and says then what became of it",
    "blocked": "authorized, with an event that is a dead letter, which is discarded then",
}
SUBSCRIPTION_STATES: Final = {
    "new": "no customer token was requested",
    "early": "no customer token was requested yet; the request follows",
    "requesting": "the call for its request is under way",
    "active": "it has a customer token",
    "cancelled": "its customer token was cancelled",
    "rejected": "Klarna made no customer token",
    "unknown": "the response to the cancellation of its token was lost",
    "blocked": "active, with an event that is a dead letter, which is discarded then",
}
WAITS: Final = {
    "": "",
    "order": "the order",
    "operation": "the call under way",
    "review": "the review",
    "shipment": "the shipment",
    "dead_letter": "the dead letter",
}


def items(text: str) -> list[str]:
    return [one.strip() for one in text.split(";") if one.strip()]


@dataclass(frozen=True)
class Row:
    """`states`, `calls` and `waits` are lists separated by semicolons. `besides`: the final outcome of `placed`.

    A return is one refund for each capture.
    """

    states: str
    outcome: str
    calls: str = ""
    waits: str = ""
    besides: str = ""

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The second one, if any, is that of the other answer to what isn't documented."""
        return tuple(self.outcome.split(" or "))


@dataclass(frozen=True)
class Table:
    """`whole`: it has all states; else those in which `data` makes a difference."""

    event: str
    about: str
    data: Json
    rows: tuple[Row, ...]
    whole: bool = True
    subscription: bool = field(default=False, kw_only=True)


CREATE: Final = "POST /authorizations/{token}/order"
WITHDRAW: Final = "DELETE /authorizations/{token}"
TOKENIZE: Final = "POST /authorizations/{token}/customer-token"
CAPTURE: Final = "POST /captures"
REFUND: Final = "POST /refunds"
CANCEL: Final = "POST /cancel"
RELEASE: Final = "POST /release-remaining-authorization"
AMEND: Final = "PATCH /authorization"
REFERENCES: Final = "PATCH /merchant-references"
ADDRESS: Final = "PATCH /customer-details"
TRACKING: Final = "POST /shipping-info"
OF_CAPTURE: Final = "POST /captures/{id}/shipping-info"
INVOICE: Final = "POST /captures/{id}/trigger-send-out"
DUE_DATE: Final = "GET /captures/{id}/extend-due-date-options; PATCH /captures/{id}/extend-due-date"
OPTIONS: Final = "GET /captures/{id}/extend-due-date-options"
EXTEND: Final = "POST /extend-authorization-time"
END_TOKEN: Final = "PATCH /tokens/{token}/status; GET /tokens/{token}"
READ: Final = "GET order"
START_CHECKOUT: Final = "POST /checkout/v3/orders"
UPDATE_CHECKOUT: Final = "POST /checkout/v3/orders/{id}"
ABORT: Final = "POST /checkout/v3/orders/{id}/abort"
READ_CHECKOUT: Final = "GET /checkout/v3/orders/{id}"
COMPLETE: Final = f"{READ_CHECKOUT}; {READ}; POST /acknowledge; {REFERENCES}"

NEVER_PLACED: Final = Row("new; checkout, left", "order_unknown", waits="order")
NO_ORDER: Final = (
    Row("rejected; abandoned", "order_rejected"),
    Row("checkout, abandoning", "order_rejected", waits="operation"),
)
REFUSED: Final = Row("in review, refused; checkout, in review, refused", "order_rejected", waits="review")
ENDED: Final = "captured; captured at once; checkout, captured at once; refunded; released; lapsed; closed there"
PARTS: Final = {"order_lines": [part("A:1")]}
NEW_ADDRESS: Final = {"given_name": "Ada", "postal_code": "E1 6AN"}
INFO: Final = {"shipping_info": [{"shipping_company": "DHL", "tracking_number": "1"}]}
OF_S1: Final = {"shipment_id": "s1"}
