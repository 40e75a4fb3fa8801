"""What is to come of each operation of Klarna's whose answer gets lost; written by hand from docs/evidence.md.

Each `Case` is played in each of the `WAYS`, as an order of its own with an account of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from .play import Json

CHECKOUT: Final = "/checkout/v3/orders"
_AUTHORIZATION: Final = "/payments/v1/authorizations/{authorization_token}"
_TOKEN: Final = "/customer-token/v1/tokens/{customer_token}"
_ORDER: Final = "/ordermanagement/v1/orders/{order_id}"
_CAPTURE: Final = f"{_ORDER}/captures/{{capture_id}}"
_REFUSAL: Final = {"correlation_id": "c", "error_code": "NOT_ALLOWED", "error_messages": ["Not allowed."]}
_REFUSED: Final[Json] = {"action": "status", "status": 403, "body": _REFUSAL, "times": 1}

WAYS: Final[dict[str, tuple[Json, ...]]] = {
    "never-arrived": ({"action": "drop_before", "times": 2},),
    "response-lost": ({"action": "drop_after", "times": 2},),
    "error-after-effect": ({"action": "status", "status": 503, "effect": True, "times": 2},),
    "response-lost-repeat-refused": ({"action": "drop_after", "times": 1}, _REFUSED),
    "never-arrived-repeat-refused": ({"action": "drop_before", "times": 1}, _REFUSED),
}
"""The faults of the calls of the operation, in this order; what follows works."""

ORDER: Final = "look up the order at the provider by its merchant reference"
_MADE_TOKEN: Final = (
    "look up whether the provider made a customer token (its support can say, by time and authorization)"
)


@dataclass(frozen=True)
class End:
    """`told`: outcomes, those with an error by its code, in any order. `took`: the ledger's effects, by kind.

    `attention`: what the attention that stays open says to look up. `amount`: that the effect `authorize` is about.
    """

    told: tuple[str, ...]
    took: dict[str, int] = field(default_factory=dict)
    attention: str | None = None
    amount: int | None = None


Ends = dict[str, End]
Told = tuple[str, Json]
"""Type and data of an event; `{made}` in it is the id of what the shop has made, `{subject}` the order's."""


@dataclass(frozen=True)
class Case:
    """The calls of `operation` are those to `method` and `route`.

    `before`: events that end before the faults begin; then `events` come. `aged`: what was before was days ago.
    `made`: where the shop itself has made the order. `buys`: the customer completes the Checkout order, instead of
    `events` or once they have ended.
    """

    name: str
    operation: str
    method: str
    route: str
    ends: Ends
    before: tuple[Told, ...] = ()
    events: tuple[Told, ...] = ()
    aged: bool = False
    made: str = ""
    buys: bool = False


def _ends(usual: End, after: End, before: End) -> Ends:
    """`after` and `before`: once a repeat is refused, and the lost call took effect or didn't."""
    names = iter(WAYS)
    return dict(zip(names, (usual, usual, usual, after, before), strict=True))


def _shown(told: str, kind: str) -> Ends:
    """A read shows whether it took effect."""
    usual = End((told,), {kind: 1})
    return _ends(usual, usual, End(("rejected NOT_ALLOWED",)))


def _by_key(told: str, kind: str, look_up: str) -> Ends:
    """The key makes a repeat the same; nothing shows whether it took effect."""
    return _ends(End((told,), {kind: 1}), _stuck(look_up, {kind: 1}), _stuck(look_up))


def _stuck(look_up: str, took: dict[str, int] | None = None) -> End:
    return End(("attention_required answer_lost",), took or {}, look_up)


def _read(usual: End, refused: End | None = None) -> Ends:
    """It has no effect; it is made again."""
    return _ends(usual, refused or usual, refused or usual)


def _line(quantity: int) -> Json:
    given = {"reference": "A", "name": "A thing", "quantity": quantity, "unit_price": 500, "tax_rate": 0}
    return given | {"total_amount": 500 * quantity, "total_tax_amount": 0}


GOODS: Final[Json] = {"order_amount": 1000, "order_tax_amount": 0, "order_lines": [_line(2)]}
MORE: Final[Json] = {"order_amount": 1500, "order_tax_amount": 0, "order_lines": [_line(3)]}
BRITISH: Final[Json] = {"purchase_country": "GB", "purchase_currency": "GBP", "locale": "en-GB"}
PURCHASE: Final[Json] = {**BRITISH, **GOODS}
STARTED: Final[Json] = PURCHASE | {
    "merchant_urls": {
        "terms": "https://shop.example/terms",
        "checkout": "https://shop.example/checkout",
        "confirmation": "https://shop.example/thanks",
        "push": "https://shop.example/push",
    }
}
_INFO: Final = {"shipping_info": [{"shipping_company": "Post", "tracking_number": "TR1"}]}
_OF_S: Final = {"shipment_id": "s"}


def _placed(**payment: object) -> Told:
    given = payment or {"authorization_token": "sbx-{subject}"}
    return "placed", PURCHASE | {"payment": {"provider": "klarna", **given}}


_PLACED: Final = _placed()
_AUTO: Final = ("placed", _PLACED[1] | {"auto_capture": True})
_PART: Final = ("shipped", {**_OF_S, "order_lines": [{"reference": "A", "quantity": 1}]})
_REQUESTED: Final = (
    "customer_token_requested",
    BRITISH | {"authorization_token": "sbx-{subject}", "description": "A subscription", "intended_use": "SUBSCRIPTION"},
)
_STARTED: Final = ("checkout_started", STARTED)
_COMPLETED: Final = ("placed", BRITISH | {"payment": {"provider": "klarna", "checkout_order_id": "{made}"}})


def _bought(*told: str, amount: int = 1000, acknowledged: int = 1) -> End:
    """It has its reference from its start."""
    acknowledge = {"acknowledge": 1} if acknowledged else {}
    return End((*told, "checkout_completed"), {"authorize": 1, **acknowledge}, amount=amount)


def _placing() -> tuple[Case, ...]:
    """Orders, authorizations and customer tokens."""
    withdrawn = {"cancel_authorization": 1}
    early = End(("cancelled", "rejected cancelled_before_authorized"), withdrawn)
    no_token = _stuck(_MADE_TOKEN)
    token = _stuck(_MADE_TOKEN, {"customer_token": 1})
    return (
        Case(
            "create_order",
            "create_order",
            "POST",
            f"{_AUTHORIZATION}/order",
            _ends(
                End(("authorized",), {"authorize": 1}, amount=1000),
                _stuck(ORDER, {"authorize": 1}),
                End(("rejected NOT_ALLOWED",), withdrawn),
            ),
            events=(_PLACED,),
        ),
        Case(
            "create_token_order",
            "create_token_order",
            "POST",
            f"{_TOKEN}/order",
            _by_key("authorized", "authorize", ORDER),
            events=(_placed(customer_token="sbx-{subject}"),),
        ),
        Case(
            "cancel_authorization-abandoned",
            "cancel_authorization",
            "DELETE",
            _AUTHORIZATION,
            {
                "never-arrived": End(("abandoned",), withdrawn),
                "response-lost": _stuck(ORDER, withdrawn),
                "error-after-effect": _stuck(ORDER, withdrawn),
                "response-lost-repeat-refused": _stuck(ORDER, withdrawn),
                "never-arrived-repeat-refused": _stuck(ORDER),
            },
            events=(("authorization_abandoned", {"authorization_token": "sbx-{subject}"}),),
        ),
        Case(
            "cancel_authorization-cancelled",
            "cancel_authorization",
            "DELETE",
            _AUTHORIZATION,
            _ends(early, _stuck(ORDER, withdrawn), _stuck(ORDER)),
            events=(("cancelled", {}), _PLACED),
        ),
        Case(
            "take_over",
            "take_over",
            "GET",
            _ORDER,
            _read(End(("authorized",)), End(("rejected NOT_ALLOWED",))),
            made="payments",
            events=(_placed(order_id="{made}"),),
        ),
        Case(
            "create_customer_token",
            "create_customer_token",
            "POST",
            f"{_AUTHORIZATION}/customer-token",
            {
                "never-arrived": no_token,
                "response-lost": token,
                "error-after-effect": token,
                "response-lost-repeat-refused": token,
                "never-arrived-repeat-refused": no_token,
            },
            events=(_REQUESTED,),
        ),
        Case(
            "create_customer_token-tokenize",
            "create_customer_token",
            "POST",
            f"{_AUTHORIZATION}/customer-token",
            {
                "never-arrived": no_token,
                "response-lost": token,
                "error-after-effect": token,
                "response-lost-repeat-refused": token,
                "never-arrived-repeat-refused": no_token,
            },
            events=(
                _placed(
                    authorization_token="sbx-{subject}",
                    tokenize={"description": "A subscription", "intended_use": "SUBSCRIPTION"},
                ),
            ),
        ),
        Case(
            "cancel_customer_token",
            "cancel_customer_token",
            "PATCH",
            f"{_TOKEN}/status",
            _shown("customer_token_cancelled", "cancel_customer_token"),
            before=(_REQUESTED,),
            events=(("customer_token_cancelled", {}),),
        ),
    )


def _of_order(
    name: str,
    ends: Ends,
    call: tuple[str, str],
    event: Told,
    *before: Told,
    operation: str = "",
    aged: bool = False,
) -> Case:
    return Case(name, operation or name, *call, ends, before or (_PLACED,), (event,), aged)


def _managing() -> tuple[Case, ...]:
    """Money, and changes without money."""
    captured = (_PLACED, _PART)
    options, due_date = f"{_CAPTURE}/extend-due-date-options", f"{_CAPTURE}/extend-due-date"
    longer = ("due_date_extension_requested", {**_OF_S, "number_of_days": 14})
    address = {"given_name": "Grace", "family_name": "Hopper", "city": "London", "country": "GB"}
    return (
        _of_order("capture", _shown("captured", "capture"), ("POST", f"{_ORDER}/captures"), ("shipped", {})),
        _of_order(
            "refund",
            _shown("refunded", "refund"),
            ("POST", f"{_ORDER}/refunds"),
            ("returned", {}),
            _PLACED,
            ("shipped", {}),
        ),
        _of_order("cancel", _shown("cancelled", "cancel"), ("POST", f"{_ORDER}/cancel"), ("cancelled", {})),
        _of_order(
            "release",
            _shown("released", "release"),
            ("POST", f"{_ORDER}/release-remaining-authorization"),
            ("closed", {}),
            *captured,
        ),
        _of_order("amend", _shown("amended", "update"), ("PATCH", f"{_ORDER}/authorization"), ("amended", MORE)),
        _of_order(
            "amend-lines",
            _shown("lines_cancelled", "update"),
            ("PATCH", f"{_ORDER}/authorization"),
            ("cancelled", {"order_lines": [{"reference": "A", "quantity": 1}]}),
            operation="amend",
        ),
        _of_order(
            "change_reference",
            _shown("reference_changed", "references"),
            ("PATCH", f"{_ORDER}/merchant-references"),
            ("reference_changed", {"merchant_reference1": "another"}),
        ),
        _of_order(
            "change_address",
            _shown("address_changed", "customer_details"),
            ("PATCH", f"{_ORDER}/customer-details"),
            ("address_changed", {"shipping_address": address}),
        ),
        _of_order(
            "add_tracking-order",
            _shown("tracking_added", "shipping_info"),
            ("POST", f"{_ORDER}/shipping-info"),
            ("tracking_added", _INFO),
            operation="add_tracking",
        ),
        _of_order(
            "add_tracking-shipment",
            _shown("tracking_added", "shipping_info"),
            ("POST", f"{_CAPTURE}/shipping-info"),
            ("tracking_added", _OF_S | _INFO),
            *captured,
            operation="add_tracking",
        ),
        _of_order(
            "record_shipment",
            _shown("shipment_recorded", "shipping_info"),
            ("POST", f"{_CAPTURE}/shipping-info"),
            ("shipped", _INFO),
            _AUTO,
        ),
        _of_order(
            "resend_invoice",
            _by_key("invoice_resent", "send_out", "look up whether the customer got the invoice"),
            ("POST", f"{_CAPTURE}/trigger-send-out"),
            ("invoice_resend_requested", _OF_S),
            *captured,
        ),
        _of_order(
            "read_due_dates",
            _read(End(("due_date_extended",), {"due_date": 1}), End(("rejected NOT_ALLOWED",))),
            ("GET", options),
            longer,
            *captured,
        ),
        _of_order(
            "extend_due_date",
            _by_key("due_date_extended", "due_date", "look up the invoice's due date at the provider"),
            ("PATCH", due_date),
            longer,
            *captured,
        ),
        _of_order(
            "extend_authorization",
            _shown("extended", "extend"),
            ("POST", f"{_ORDER}/extend-authorization-time"),
            ("authorization_extension_requested", {}),
            aged=True,
        ),
    )


def _of_checkout(name: str, call: tuple[str, str], ends: Ends, *events: Told) -> Case:
    """Of a Checkout order that was started before, and that the customer completes in the end, if that is possible."""
    return Case(name, name, *call, ends, (_STARTED,), events, buys=True)


def _of_made(name: str, call: tuple[str, str], ends: Ends) -> Case:
    """Of a Checkout order that the shop has started, and the customer completed."""
    return Case(name, name, *call, ends, events=(_COMPLETED,), made="checkout")


def _checkout() -> tuple[Case, ...]:
    """What becomes of a Checkout order shows when the customer buys: only that is in the ledger."""
    one = f"{CHECKOUT}/{{order_id}}"
    created, updated = _bought("checkout_created"), _bought("checkout_updated", amount=1500)
    abandoned, bought = End(("checkout_abandoned",)), _bought()
    placed = End(("authorized",), {"acknowledge": 1, "references": 1})
    return (
        Case(
            "create_checkout",
            "create_checkout",
            "POST",
            CHECKOUT,
            _ends(created, End(("rejected NOT_ALLOWED",)), End(("rejected NOT_ALLOWED",))),
            events=(_STARTED,),
            buys=True,
        ),
        _of_checkout(
            "update_checkout",
            ("POST", one),
            _ends(updated, updated, _bought("rejected NOT_ALLOWED")),
            ("checkout_updated", MORE),
        ),
        _of_checkout(
            "abandon_checkout",
            ("POST", f"{one}/abort"),
            _ends(abandoned, abandoned, abandoned),
            ("checkout_abandoned", {}),
        ),
        _of_made("complete_checkout", ("GET", one), _read(placed)),
        _of_checkout("confirm_checkout", ("GET", _ORDER), _read(bought)),
        _of_checkout(
            "acknowledge",
            ("POST", f"{_ORDER}/acknowledge"),
            _ends(bought, bought, _bought(acknowledged=0)),
        ),
        _of_made(
            "set_references",
            ("PATCH", f"{_ORDER}/merchant-references"),
            _ends(placed, placed, End(("authorized",), {"acknowledge": 1})),
        ),
    )


_PARTS: Final[tuple[Callable[[], tuple[Case, ...]], ...]] = (_placing, _managing, _checkout)
CASES: Final = {case.name: case for part in _PARTS for case in part()}
