"""Each shop event in each state of an order: what the contract and Klarna's documentation say comes of it.

Written by hand; `test_matrix.py` tries each cell with the saga, Klarna's own terms and `whole_klarna.py`, and
`docs/providers.md` shows it. A row is (states, outcome, calls, what the event waits for first). An outcome in capitals
or one of the contract's error codes is a `rejected` with that code; `x or Y`: Klarna doesn't document whether it
refuses, and both are tried.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from .shop import by_token, line, order_of, part, with_token
from .subscriptions import REQUESTED

Json = dict[str, Any]

A: Final = line("A", 4, 25)

STATES: Final = {
    "new": "nothing of the order came, and its `placed` doesn't come in time",
    "early": "nothing of the order came yet; its `placed` follows",
    "placing": "the call for its `placed` is under way",
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
    "abandoned": "its authorization was withdrawn",
    "unknown": "the response to the capture of a part was lost",
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

_NEVER_PLACED: Final = Row("new", "order_unknown", waits="order")
_NO_ORDER: Final = Row("rejected; abandoned", "order_rejected")
_REFUSED: Final = Row("in review, refused", "order_rejected", waits="review")
_ENDED: Final = "captured; captured at once; refunded; released; lapsed; closed there"
_PARTS: Final = {"order_lines": [part("A:1")]}
_ADDRESS: Final = {"given_name": "Ada", "postal_code": "E1 6AN"}
_INFO: Final = {"shipping_info": [{"shipping_company": "DHL", "tracking_number": "1"}]}
_OF_S1: Final = {"shipment_id": "s1"}


def _of_shipment(outcome: str, calls: str, undocumented: str, *, review: str = "") -> tuple[Row, ...]:
    """Rows of an event about the shipment `s1`."""
    return (
        _NEVER_PLACED,
        Row("early", "shipment_unknown", waits="order; shipment"),
        Row("placing", "shipment_unknown", waits="operation; shipment"),
        Row("in review", "shipment_unknown", waits=f"{review}shipment"),
        Row("in review, refused", "order_rejected", waits="review" if review else "shipment"),
        Row("authorized", "shipment_unknown", waits="shipment"),
        Row("part captured; captured; refunded; released", outcome, calls),
        Row("captured at once", "shipment_unknown", waits="shipment"),
        Row("lapsed; closed there", f"{outcome} or NOT_ALLOWED", undocumented),
        Row("cancelled; expired", "shipment_unknown"),
        _NO_ORDER,
        Row("unknown", outcome, calls, waits="operation"),
        Row("blocked", "shipment_unknown", waits="dead_letter; shipment"),
    )


ORDERS: Final = (
    Table(
        "placed",
        "a new authorization",
        order_of(A, token="second"),
        (
            Row("new; early", "authorized", CREATE),
            Row("placing", "order_exists", waits="operation"),
            Row("in review", "order_exists", waits="review"),
            Row("in review, refused", "authorized", CREATE, waits="review"),
            Row(f"authorized; part captured; {_ENDED}; cancelled; expired", "order_exists"),
            Row("rejected; abandoned", "authorized", CREATE),
            Row("unknown", "order_exists", waits="operation"),
            Row("blocked", "order_exists", waits="dead_letter"),
        ),
    ),
    Table(
        "placed",
        "`auto_capture`",
        order_of(A, token="second", auto_capture=True),
        (Row("new; rejected; abandoned", "captured", f"{CREATE}; {READ}"),),
        whole=False,
    ),
    Table(
        "placed",
        "with a customer token beside it (`tokenize`)",
        with_token(A, token="second", locale="en-GB"),
        (Row("new; rejected; abandoned", "authorized", f"{TOKENIZE}; {CREATE}"),),
        whole=False,
    ),
    Table(
        "placed",
        "paid by a customer token",
        by_token(A, token="second"),
        (Row("new; rejected; abandoned", "authorized", "POST /tokens/{token}/order"),),
        whole=False,
    ),
    Table(
        "placed",
        "an order that the shop has made at Klarna (`order_id`)",
        {**order_of(A), "payment": {"provider": "klarna", "order_id": "theirs"}},
        (Row("new; rejected; abandoned", "authorized", READ),),
        whole=False,
    ),
    Table(
        "shipped",
        "all that is left",
        {},
        (
            _NEVER_PLACED,
            Row("early", "captured", CAPTURE, waits="order"),
            Row("placing", "captured", CAPTURE, waits="operation"),
            Row("in review", "captured", CAPTURE, waits="review"),
            _REFUSED,
            Row("authorized; part captured", "captured", CAPTURE),
            Row("captured; refunded; released; lapsed; closed there", "nothing_left_to_capture"),
            Row("captured at once", "shipment_recorded"),
            Row("cancelled; expired", "nothing_left_to_capture"),
            _NO_ORDER,
            Row("unknown", "captured", CAPTURE, waits="operation"),
            Row("blocked", "captured", CAPTURE, waits="dead_letter"),
        ),
    ),
    Table(
        "shipped",
        "with `shipping_info`",
        _INFO,
        (
            Row("authorized; part captured", "captured", CAPTURE),
            Row("captured at once", "shipment_recorded", OF_CAPTURE),
            Row("captured; cancelled; expired", "nothing_left_to_capture"),
        ),
        whole=False,
    ),
    Table(
        "returned",
        "all that was captured",
        {},
        (
            _NEVER_PLACED,
            Row("early", "over_refund", waits="order; shipment"),
            Row("placing", "over_refund", waits="operation; shipment"),
            Row("in review", "over_refund", waits="review; shipment"),
            _REFUSED,
            Row("authorized", "over_refund", waits="shipment"),
            Row("part captured; captured; captured at once; released; lapsed", "refunded", REFUND),
            Row("refunded", "over_refund"),
            Row("closed there", "refunded or REFUND_NOT_ALLOWED", REFUND),
            Row("cancelled; expired", "over_refund"),
            _NO_ORDER,
            Row("unknown", "refunded", REFUND, waits="operation"),
            Row("blocked", "over_refund", waits="dead_letter; shipment"),
        ),
    ),
    Table(
        "cancelled",
        "the whole order",
        {},
        (
            _NEVER_PLACED,
            Row("early", "cancelled", WITHDRAW, waits="order", besides="cancelled_before_authorized"),
            Row("placing", "cancelled", CANCEL, waits="operation", besides="authorized"),
            Row("in review; in review, refused", "cancelled", CANCEL, besides="cancelled_before_authorized"),
            Row("authorized", "cancelled", CANCEL),
            Row("part captured", "released", RELEASE),
            Row(_ENDED, "already_captured"),
            Row("cancelled; expired", "already_cancelled"),
            _NO_ORDER,
            Row("unknown", "released", RELEASE, waits="operation"),
            Row("blocked", "cancelled", CANCEL, waits="dead_letter"),
        ),
    ),
    Table(
        "cancelled",
        "some lines",
        _PARTS,
        (
            _NEVER_PLACED,
            Row("early", "lines_cancelled", AMEND, waits="order"),
            Row("placing", "lines_cancelled", AMEND, waits="operation"),
            Row("in review", "lines_cancelled", AMEND, waits="review"),
            _REFUSED,
            Row("authorized; part captured", "lines_cancelled", AMEND),
            Row(f"{_ENDED}; cancelled; expired", "nothing_left_to_cancel"),
            _NO_ORDER,
            Row("unknown", "lines_cancelled", AMEND, waits="operation"),
            Row("blocked", "lines_cancelled", AMEND, waits="dead_letter"),
        ),
    ),
    Table(
        "closed",
        "",
        {},
        (
            _NEVER_PLACED,
            Row("early", "cancelled", CANCEL, waits="order", besides="authorized"),
            Row("placing", "cancelled", CANCEL, waits="operation", besides="authorized"),
            Row("in review; in review, refused", "cancelled", CANCEL, besides="cancelled_before_authorized"),
            Row("authorized", "cancelled", CANCEL),
            Row("part captured", "released", RELEASE),
            Row(f"{_ENDED}; cancelled; expired", "released"),
            _NO_ORDER,
            Row("unknown", "released", RELEASE, waits="operation"),
            Row("blocked", "cancelled", CANCEL, waits="dead_letter"),
        ),
    ),
    Table(
        "amended",
        "to more than the order is worth",
        {"order_amount": 125, "order_lines": [line("A", 5, 25)]},
        (
            _NEVER_PLACED,
            Row("early", "amended", AMEND, waits="order"),
            Row("placing", "amended", AMEND, waits="operation"),
            Row("in review", "amended", AMEND, waits="review"),
            _REFUSED,
            Row("authorized; part captured", "amended", AMEND),
            Row(_ENDED, "NOT_ALLOWED", AMEND),
            Row("cancelled; expired", "already_cancelled"),
            _NO_ORDER,
            Row("unknown", "amended", AMEND, waits="operation"),
            Row("blocked", "amended", AMEND, waits="dead_letter"),
        ),
    ),
    Table(
        "amended",
        "to less than was captured",
        {"order_amount": 10, "order_lines": [line("A", 1, 10)]},
        (
            Row("authorized", "amended", AMEND),
            Row(f"part captured; {_ENDED}", "already_captured"),
            Row("unknown", "already_captured", waits="operation"),
        ),
        whole=False,
    ),
    Table(
        "reference_changed",
        "",
        {"merchant_reference1": "other"},
        (
            _NEVER_PLACED,
            Row("early", "reference_changed", REFERENCES, waits="order"),
            Row("placing", "reference_changed", REFERENCES, waits="operation"),
            Row(
                "in review; in review, refused; authorized; part captured; captured; captured at once; refunded; released",
                "reference_changed",
                REFERENCES,
            ),
            Row("lapsed; closed there; expired", "reference_changed or NOT_ALLOWED", REFERENCES),
            Row("cancelled", "NOT_ALLOWED", REFERENCES),
            _NO_ORDER,
            Row("unknown", "reference_changed", REFERENCES, waits="operation"),
            Row("blocked", "reference_changed", REFERENCES, waits="dead_letter"),
        ),
    ),
    Table(
        "address_changed",
        "the shipping address",
        {"shipping_address": _ADDRESS},
        (
            _NEVER_PLACED,
            Row("early", "address_changed", ADDRESS, waits="order"),
            Row("placing", "address_changed", ADDRESS, waits="operation"),
            Row("in review; in review, refused; authorized", "address_changed", ADDRESS),
            Row(
                "part captured; captured; captured at once; refunded; released",
                "address_changed or NOT_ALLOWED",
                ADDRESS,
            ),
            Row("lapsed; closed there; cancelled; expired", "NOT_ALLOWED", ADDRESS),
            _NO_ORDER,
            Row("unknown", "address_changed or NOT_ALLOWED", ADDRESS, waits="operation"),
            Row("blocked", "address_changed", ADDRESS, waits="dead_letter"),
        ),
    ),
    Table(
        "address_changed",
        "the billing address",
        {"billing_address": _ADDRESS},
        (
            Row("new", "order_unknown", waits="order"),
            Row(f"authorized; part captured; {_ENDED}; cancelled; expired; rejected", "not_acceptable_to_provider"),
        ),
        whole=False,
    ),
    Table(
        "tracking_added",
        "of the order",
        _INFO,
        (
            _NEVER_PLACED,
            Row("early", "tracking_added", TRACKING, waits="order"),
            Row("placing", "tracking_added", TRACKING, waits="operation"),
            Row(
                "in review; in review, refused; authorized; part captured; captured; captured at once; refunded; released",
                "tracking_added",
                TRACKING,
            ),
            Row("lapsed; closed there; cancelled; expired", "tracking_added or NOT_ALLOWED", TRACKING),
            _NO_ORDER,
            Row("unknown", "tracking_added", TRACKING, waits="operation"),
            Row("blocked", "tracking_added", TRACKING, waits="dead_letter"),
        ),
    ),
    Table(
        "tracking_added",
        "of the shipment",
        {**_INFO, **_OF_S1},
        _of_shipment("tracking_added", OF_CAPTURE, OF_CAPTURE),
    ),
    Table(
        "authorization_extension_requested",
        "",
        {},
        (
            _NEVER_PLACED,
            Row("early", "extended", EXTEND, waits="order"),
            Row("placing", "extended", EXTEND, waits="operation"),
            Row("in review; in review, refused; authorized; part captured", "extended", EXTEND),
            Row("captured; captured at once; refunded; released", "extended or NOT_ALLOWED", EXTEND),
            Row("lapsed; closed there; cancelled; expired", "NOT_ALLOWED", EXTEND),
            _NO_ORDER,
            Row("unknown", "extended", EXTEND, waits="operation"),
            Row("blocked", "extended", EXTEND, waits="dead_letter"),
        ),
    ),
    Table(
        "invoice_resend_requested",
        "",
        _OF_S1,
        _of_shipment("invoice_resent", INVOICE, INVOICE),
    ),
    Table(
        "due_date_extension_requested",
        "",
        {**_OF_S1, "number_of_days": 30},
        _of_shipment("due_date_extended", DUE_DATE, DUE_DATE, review="review; "),
    ),
    Table(
        "due_date_extension_requested",
        "by days that Klarna doesn't offer",
        {**_OF_S1, "number_of_days": 31},
        (Row("part captured; captured; refunded; released", "not_acceptable_to_provider", OPTIONS),),
        whole=False,
    ),
    Table(
        "authorization_abandoned",
        "of an authorization that wasn't used",
        {"authorization_token": "unused"},
        (
            Row("new; early", "abandoned", WITHDRAW),
            Row("placing", "order_exists", waits="operation"),
            Row(
                f"in review; in review, refused; authorized; part captured; {_ENDED}; cancelled; expired",
                "order_exists",
            ),
            Row("rejected; abandoned", "abandoned", WITHDRAW),
            Row("unknown", "order_exists", waits="operation"),
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
TABLES: Final = (*ORDERS, *SUBSCRIPTIONS)
