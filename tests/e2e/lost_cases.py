"""What is to come of each operation of Klarna's whose answer gets lost; written by hand from docs/evidence.md."""

from collections.abc import Callable
from typing import Final

from .lost_answers import (
    AUTHORIZATION,
    AUTO,
    CAPTURE,
    CHECKOUT,
    CHECKOUT_COMPLETED,
    CHECKOUT_STARTED,
    INFO,
    LOOK_UP_ORDER,
    LOOK_UP_TOKEN,
    MORE,
    OF_S,
    ORDER,
    PART,
    PLACED,
    REQUESTED,
    TOKEN,
    Case,
    End,
    Ends,
    Told,
    by_key,
    ends,
    placed,
    read,
    shown,
    stuck,
)


def _bought(*told: str, amount: int = 1000, acknowledged: int = 1) -> End:
    """It has its reference from its start."""
    acknowledge = {"acknowledge": 1} if acknowledged else {}
    return End((*told, "checkout_completed"), {"authorize": 1, **acknowledge}, amount=amount)


def _placing() -> tuple[Case, ...]:
    """Orders, authorizations and customer tokens."""
    withdrawn = {"cancel_authorization": 1}
    early = End(("cancelled", "rejected cancelled_before_authorized"), withdrawn)
    no_token = stuck(LOOK_UP_TOKEN)
    token = stuck(LOOK_UP_TOKEN, {"customer_token": 1})
    return (
        Case(
            "create_order",
            "create_order",
            "POST",
            f"{AUTHORIZATION}/order",
            ends(
                End(("authorized",), {"authorize": 1}, amount=1000),
                stuck(LOOK_UP_ORDER, {"authorize": 1}),
                End(("rejected NOT_ALLOWED",), withdrawn),
            ),
            events=(PLACED,),
        ),
        Case(
            "create_token_order",
            "create_token_order",
            "POST",
            f"{TOKEN}/order",
            by_key("authorized", "authorize", LOOK_UP_ORDER),
            events=(placed(customer_token="sbx-{subject}"),),
        ),
        Case(
            "cancel_authorization-abandoned",
            "cancel_authorization",
            "DELETE",
            AUTHORIZATION,
            {
                "never-arrived": End(("abandoned",), withdrawn),
                "response-lost": stuck(LOOK_UP_ORDER, withdrawn),
                "error-after-effect": stuck(LOOK_UP_ORDER, withdrawn),
                "response-lost-repeat-refused": stuck(LOOK_UP_ORDER, withdrawn),
                "never-arrived-repeat-refused": stuck(LOOK_UP_ORDER),
            },
            events=(("authorization_abandoned", {"authorization_token": "sbx-{subject}"}),),
        ),
        Case(
            "cancel_authorization-cancelled",
            "cancel_authorization",
            "DELETE",
            AUTHORIZATION,
            ends(early, stuck(LOOK_UP_ORDER, withdrawn), stuck(LOOK_UP_ORDER)),
            events=(("cancelled", {}), PLACED),
        ),
        Case(
            "take_over",
            "take_over",
            "GET",
            ORDER,
            read(End(("authorized",)), End(("rejected NOT_ALLOWED",))),
            made="payments",
            events=(placed(order_id="{made}"),),
        ),
        Case(
            "create_customer_token",
            "create_customer_token",
            "POST",
            f"{AUTHORIZATION}/customer-token",
            {
                "never-arrived": no_token,
                "response-lost": token,
                "error-after-effect": token,
                "response-lost-repeat-refused": token,
                "never-arrived-repeat-refused": no_token,
            },
            events=(REQUESTED,),
        ),
        Case(
            "create_customer_token-tokenize",
            "create_customer_token",
            "POST",
            f"{AUTHORIZATION}/customer-token",
            {
                "never-arrived": no_token,
                "response-lost": token,
                "error-after-effect": token,
                "response-lost-repeat-refused": token,
                "never-arrived-repeat-refused": no_token,
            },
            events=(
                placed(
                    authorization_token="sbx-{subject}",
                    tokenize={"description": "A subscription", "intended_use": "SUBSCRIPTION"},
                ),
            ),
        ),
        Case(
            "cancel_customer_token",
            "cancel_customer_token",
            "PATCH",
            f"{TOKEN}/status",
            shown("customer_token_cancelled", "cancel_customer_token"),
            before=(REQUESTED,),
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
    return Case(name, operation or name, *call, ends, before or (PLACED,), (event,), aged)


def _managing() -> tuple[Case, ...]:
    """Money, and changes without money."""
    captured = (PLACED, PART)
    options, due_date = f"{CAPTURE}/extend-due-date-options", f"{CAPTURE}/extend-due-date"
    longer = ("due_date_extension_requested", {**OF_S, "number_of_days": 14})
    address = {"given_name": "Grace", "family_name": "Hopper", "city": "London", "country": "GB"}
    return (
        _of_order("capture", shown("captured", "capture"), ("POST", f"{ORDER}/captures"), ("shipped", {})),
        _of_order(
            "refund",
            shown("refunded", "refund"),
            ("POST", f"{ORDER}/refunds"),
            ("returned", {}),
            PLACED,
            ("shipped", {}),
        ),
        _of_order("cancel", shown("cancelled", "cancel"), ("POST", f"{ORDER}/cancel"), ("cancelled", {})),
        _of_order(
            "release",
            shown("released", "release"),
            ("POST", f"{ORDER}/release-remaining-authorization"),
            ("closed", {}),
            *captured,
        ),
        _of_order("amend", shown("amended", "update"), ("PATCH", f"{ORDER}/authorization"), ("amended", MORE)),
        _of_order(
            "amend-lines",
            shown("lines_cancelled", "update"),
            ("PATCH", f"{ORDER}/authorization"),
            ("cancelled", {"order_lines": [{"reference": "A", "quantity": 1}]}),
            operation="amend",
        ),
        _of_order(
            "change_reference",
            shown("reference_changed", "references"),
            ("PATCH", f"{ORDER}/merchant-references"),
            ("reference_changed", {"merchant_reference1": "another"}),
        ),
        _of_order(
            "change_address",
            shown("address_changed", "customer_details"),
            ("PATCH", f"{ORDER}/customer-details"),
            ("address_changed", {"shipping_address": address}),
        ),
        _of_order(
            "add_tracking-order",
            shown("tracking_added", "shipping_info"),
            ("POST", f"{ORDER}/shipping-info"),
            ("tracking_added", INFO),
            operation="add_tracking",
        ),
        _of_order(
            "add_tracking-shipment",
            shown("tracking_added", "shipping_info"),
            ("POST", f"{CAPTURE}/shipping-info"),
            ("tracking_added", OF_S | INFO),
            *captured,
            operation="add_tracking",
        ),
        _of_order(
            "record_shipment",
            shown("shipment_recorded", "shipping_info"),
            ("POST", f"{CAPTURE}/shipping-info"),
            ("shipped", INFO),
            AUTO,
        ),
        _of_order(
            "resend_invoice",
            ends(
                End(("invoice_resent",), {"send_out": 1}),
                End(("rejected NOT_ALLOWED",), {"send_out": 1}),
                End(("rejected NOT_ALLOWED",)),
            ),
            ("POST", f"{CAPTURE}/trigger-send-out"),
            ("invoice_resend_requested", OF_S),
            *captured,
        ),
        _of_order(
            "read_due_dates",
            read(End(("due_date_extended",), {"due_date": 1}), End(("rejected NOT_ALLOWED",))),
            ("GET", options),
            longer,
            *captured,
        ),
        _of_order(
            "extend_due_date",
            by_key("due_date_extended", "due_date", "look up the invoice's due date at the provider"),
            ("PATCH", due_date),
            longer,
            *captured,
        ),
        _of_order(
            "extend_authorization",
            shown("extended", "extend"),
            ("POST", f"{ORDER}/extend-authorization-time"),
            ("authorization_extension_requested", {}),
            aged=True,
        ),
    )


def _of_checkout(name: str, call: tuple[str, str], ends: Ends, *events: Told) -> Case:
    """Of a Checkout order that was started before, and that the customer completes in the end, if that is possible."""
    return Case(name, name, *call, ends, (CHECKOUT_STARTED,), events, buys=True)


def _of_made(name: str, call: tuple[str, str], ends: Ends) -> Case:
    """Of a Checkout order that the shop has started, and the customer completed."""
    return Case(name, name, *call, ends, events=(CHECKOUT_COMPLETED,), made="checkout")


def _checkout() -> tuple[Case, ...]:
    """What becomes of a Checkout order shows when the customer buys: only that is in the ledger."""
    one = f"{CHECKOUT}/{{order_id}}"
    created, updated = _bought("checkout_created"), _bought("checkout_updated", amount=1500)
    abandoned, bought = End(("checkout_abandoned",)), _bought()
    taken = End(("authorized",), {"acknowledge": 1, "references": 1})
    return (
        Case(
            "create_checkout",
            "create_checkout",
            "POST",
            CHECKOUT,
            ends(created, End(("rejected NOT_ALLOWED",)), End(("rejected NOT_ALLOWED",))),
            events=(CHECKOUT_STARTED,),
            buys=True,
        ),
        _of_checkout(
            "update_checkout",
            ("POST", one),
            ends(updated, updated, _bought("rejected NOT_ALLOWED")),
            ("checkout_updated", MORE),
        ),
        _of_checkout(
            "abandon_checkout",
            ("POST", f"{one}/abort"),
            ends(abandoned, abandoned, abandoned),
            ("checkout_abandoned", {}),
        ),
        _of_made("complete_checkout", ("GET", one), read(taken)),
        _of_checkout("confirm_checkout", ("GET", ORDER), read(bought)),
        _of_checkout(
            "acknowledge",
            ("POST", f"{ORDER}/acknowledge"),
            ends(bought, bought, _bought(acknowledged=0)),
        ),
        _of_made(
            "set_references",
            ("PATCH", f"{ORDER}/merchant-references"),
            ends(taken, taken, End(("authorized",), {"acknowledge": 1})),
        ),
    )


_PARTS: Final[tuple[Callable[[], tuple[Case, ...]], ...]] = (_placing, _managing, _checkout)
CASES: Final = {case.name: case for part in _PARTS for case in part()}
