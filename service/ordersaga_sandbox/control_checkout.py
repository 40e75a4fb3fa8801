"""The control plane: the customer in the Checkout."""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from ordersaga_sandbox.control_request import ControlRequest, decode, problem
from ordersaga_sandbox.http import Response, json_response
from ordersaga_sandbox.klarna.checkout_order import CheckoutOrder
from ordersaga_sandbox.klarna.checkout_page import page
from ordersaga_sandbox.klarna.purchasing import Purchase, Result
from ordersaga_sandbox.klarna.schema import Address, Country
from ordersaga_sandbox.routes import Route


class _CustomerAction(Struct, forbid_unknown_fields=True, kw_only=True):
    """`country` for `country_change`, `shipping_option` (its id) for `shipping_option_update`, `outcome` for `complete`."""

    action: Literal["complete", "refuse", "address_update", "shipping_option_update", "country_change"]
    billing_address: Address | None = None
    shipping_address: Address | None = None
    customer: dict[str, Any] | None = None
    country: Country | None = None
    shipping_option: str | None = None
    outcome: Literal["authorize", "pending"] = "authorize"


def read_checkout(request: ControlRequest) -> Response:
    return json_response(_view(_order(request)))


def show_page(request: ControlRequest) -> Response:
    html = page(_order(request)).encode()
    return Response(200, ((b"content-type", b"text/html; charset=utf-8"),), html)


async def act(request: ControlRequest) -> Response:
    """Responds when the merchant's callbacks are over."""
    order = _order(request)
    body = decode(request, _CustomerAction)
    purchase = Purchase(request.state, request.courier, order)
    changes = _changes(body)
    match body.action:
        case "complete":
            result = await purchase.complete(changes, pending=body.outcome == "pending")
        case "refuse":
            purchase.touch(changes)
            result = Result()
        case "address_update":
            result = await purchase.change("address_update", changes)
        case "country_change":
            if body.country is None:
                return problem(400, "country_change needs `country`")
            result = await purchase.change("country_change", changes | {"purchase_country": body.country})
        case "shipping_option_update":
            options = {one["id"]: one for one in order.content.get("shipping_options") or ()}
            if body.shipping_option not in options:
                return problem(409, f"the order has no shipping option {body.shipping_option!r}, only {[*options]}")
            selected = {"selected_shipping_option": options[body.shipping_option]}
            result = await purchase.change("shipping_option_update", changes | selected)
    return json_response(msgspec.to_builtins(result) | {"order": _view(order)})


def _changes(body: _CustomerAction) -> dict[str, Any]:
    given = {
        "billing_address": body.billing_address,
        "shipping_address": body.shipping_address,
        "customer": body.customer,
    }
    return {name: msgspec.to_builtins(value) for name, value in given.items() if value is not None}


def _order(request: ControlRequest) -> CheckoutOrder:
    order_id = request.params["order_id"]
    if (order := request.state.checkouts.get(order_id)) is None:
        raise KeyError(f"no such checkout order: {order_id}")
    return order


def _view(order: CheckoutOrder) -> dict[str, Any]:
    return order.view() | {"account": order.account, "aborted": order.aborted}


ROUTES: Final = (
    Route("GET", "/checkout/{order_id}", read_checkout),
    Route("POST", "/checkout/{order_id}", act),
    Route("GET", "/checkout/{order_id}/page", show_page),
)
