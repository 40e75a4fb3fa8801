"""What comes of each operation of Mollie's whose answer gets lost; written by hand from docs/evidence.md and Mollie's
documentation: a POST is made again with its key, a PATCH or DELETE is looked up first.
"""

from typing import Final

from .lost_answers import Case, End, Ends, Told, ends, read
from .mollie import ADDRESS, line, part, purchase
from .play import Json

ORDERS: Final = "/v2/orders"
ORDER: Final = f"{ORDERS}/{{order_id}}"
REFUSAL: Final = {"status": 422, "title": "Unprocessable Entity", "detail": "Not allowed."}
_REFUSED: Final[Json] = {"action": "status", "status": 422, "body": REFUSAL, "times": 1}
WAYS: Final[dict[str, tuple[Json, ...]]] = {
    "never-arrived": ({"action": "drop_before", "times": 2},),
    "response-lost": ({"action": "drop_after", "times": 2},),
    "error-after-effect": ({"action": "status", "status": 503, "effect": True, "times": 2},),
    "response-lost-repeat-refused": ({"action": "drop_after", "times": 1}, _REFUSED),
    "never-arrived-repeat-refused": ({"action": "drop_before", "times": 1}, _REFUSED),
}
"""As Klarna's, with Mollie's refusal."""
GOODS: Final = (line("A", 4, 500),)
LATER: Final[Told] = ("placed", purchase(*GOODS, mark="+pay", method="klarna"))
FIRST: Final[Told] = ("placed", purchase(*GOODS, mark="+pay", method="ideal"))
UNPAID: Final[Told] = ("placed", purchase(*GOODS, method="ideal"))
TAKEN_OVER: Final[Told] = (
    "placed",
    purchase(*GOODS) | {"payment": {"provider": "mollie", "order_id": "{made}"}},
)
PART: Final[Told] = ("shipped", {"shipment_id": "s", "order_lines": [part("A", 1)]})
_TRACKING: Final = {"shipping_info": [{"shipping_company": "Post", "tracking_number": "TR1"}]}
_MADE: Final = {"create": 1, "payment": 1, "authorize": 1}
_REJECTED: Final = "rejected 422"


def _shown(told: str, kind: str) -> Ends:
    """A read shows whether it took effect."""
    usual = End((told,), {kind: 1})
    return ends(usual, usual, End((_REJECTED,)))


def _of_order(name: str, ends: Ends, call: tuple[str, str], event: Told, *before: Told, operation: str = "") -> Case:
    return Case(name, operation or name, *call, ends, before or (LATER,), (event,))


def _paying() -> tuple[Case, ...]:
    paid = End(("payment_pending", "authorized"), _MADE)
    again = End(("payment_pending", "payment_pending", "authorized"), {"payment": 1, "authorize": 1})
    refunded = _MADE | {"capture": 1, "refund": 1}
    gone = End(("payment_pending", "captured", "cancelled"), refunded)
    return (
        Case(
            "create_order_to_pay",
            "create_order_to_pay",
            "POST",
            ORDERS,
            ends(paid, End(("authorized",), _MADE), End((_REJECTED,))),  # a search finds it as it is by then
            events=(LATER,),
        ),
        Case(
            "take_over",
            "take_over",
            "GET",
            ORDER,
            read(End(("authorized",)), End((_REJECTED,))),
            made="authorized",
            events=(TAKEN_OVER,),
        ),
        Case(
            "retry_payment",
            "retry_payment",
            "POST",
            f"{ORDER}/payments",
            ends(again, again, End(("payment_pending", _REJECTED, "expired"), {"expire": 1})),
            made="failed",
            events=(TAKEN_OVER, ("payment_retried", {})),
            buys=True,
        ),
        Case(
            "refund_payment",
            "refund_payment",
            "POST",
            f"{ORDER}/refunds",
            ends(gone, gone, End(("payment_pending", "captured", _REJECTED), _MADE | {"capture": 1})),
            events=(UNPAID, ("cancelled", {})),
            buys=True,
        ),
    )


def _managing() -> tuple[Case, ...]:
    address = ADDRESS | {"city": "Utrecht"}
    more = {"order_amount": 2500, "order_lines": [line("A", 5, 500)]}
    return (
        _of_order("capture", _shown("captured", "capture"), ("POST", f"{ORDER}/shipments"), ("shipped", {})),
        _of_order(
            "capture-part", _shown("captured", "capture"), ("POST", f"{ORDER}/shipments"), PART, operation="capture"
        ),
        _of_order(
            "record_shipment",
            _shown("shipment_recorded", "shipment"),
            ("POST", f"{ORDER}/shipments"),
            ("shipped", _TRACKING),
            FIRST,
        ),
        _of_order(
            "add_tracking",
            _shown("tracking_added", "shipping_info"),
            ("PATCH", f"{ORDER}/shipments/{{shipment_id}}"),
            ("tracking_added", {"shipment_id": "s", **_TRACKING}),
            LATER,
            PART,
        ),
        _of_order(
            "refund-lines",
            _shown("refunded", "refund"),
            ("POST", f"{ORDER}/refunds"),
            ("returned", {"order_lines": [part("A", 1)]}),
            FIRST,
            operation="refund",
        ),
        _of_order(
            "refund-amount",
            _shown("refunded", "refund"),
            ("POST", "/v2/payments/{payment_id}/refunds"),
            ("returned", {"refunded_amount": 123}),
            FIRST,
            operation="refund",
        ),
        _of_order("cancel", _shown("cancelled", "cancel"), ("DELETE", ORDER), ("cancelled", {})),
        _of_order("release", _shown("released", "release"), ("DELETE", ORDER), ("closed", {}), LATER, PART),
        _of_order(
            "cancel_lines",
            _shown("lines_cancelled", "release"),
            ("DELETE", f"{ORDER}/lines"),
            ("cancelled", {"order_lines": [part("A", 1)]}),
        ),
        _of_order("amend", _shown("amended", "update"), ("PATCH", f"{ORDER}/lines"), ("amended", more)),
        _of_order(
            "change_address",
            _shown("address_changed", "customer_details"),
            ("PATCH", ORDER),
            ("address_changed", {"shipping_address": address, "billing_address": address}),
        ),
        _of_order(
            "change_reference",
            _shown("reference_changed", "references"),
            ("PATCH", ORDER),
            ("reference_changed", {"merchant_reference1": "another"}),
        ),
    )


CASES: Final = {case.name: case for case in (*_paying(), *_managing())}
LATER_THAN_PAID: Final = {"retry_payment": 1, "refund_payment": 2}
"""How many outcomes follow once the customer has paid."""
