"""Each call of Klarna's own PHP client has the status, the Content-Type and the Location that its classes require."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from ordersaga_sandbox import running

from .php_client import Answer, Connector, json_encode
from .shop import JSON, MISSING

OM = "/ordermanagement/v1/orders"
AUTHORIZATION = "/payments/v1/authorizations"
TOKENS = "/customer-token/v1/tokens"
LINES = [
    {
        "type": "physical",
        "reference": "TEA/1",
        "name": "Tee für Zwei",
        "quantity": 2,
        "quantity_unit": "kg",
        "unit_price": 500,
        "tax_rate": 2500,
        "total_discount_amount": 200,
        "total_amount": 800,
        "total_tax_amount": 160,
    },
    {
        "type": "shipping_fee",
        "name": "Express",
        "quantity": 1,
        "unit_price": 200,
        "tax_rate": 2500,
        "total_amount": 200,
        "total_tax_amount": 40,
    },
]
ADDRESS = {"given_name": "Ada", "family_name": "Example", "email": "ada@example.com", "region": "", "country": "GB"}
CART: JSON = {
    "purchase_country": "gb",
    "purchase_currency": "gbp",
    "locale": "en-gb",
    "order_amount": 1000,
    "order_tax_amount": 200,
    "order_lines": LINES,
}
"""In small letters, as its examples have it."""
CHECKOUT: JSON = {
    **CART,
    "merchant_urls": {
        "terms": "http://shop.example/terms",
        "checkout": "http://shop.example/checkout?id={checkout.order.id}",
        "confirmation": "http://shop.example/thanks?id={checkout.order.id}",
        "push": "http://shop.example/push?id={checkout.order.id}",
    },
}
TOKEN: JSON = {
    "purchase_country": "GB",
    "purchase_currency": "GBP",
    "locale": "en-GB",
    "billing_address": ADDRESS,
    "customer": {"date_of_birth": "1970-01-01", "gender": "male"},
    "description": "Tea club",
    "intended_use": "SUBSCRIPTION",
}
SHIPPING: JSON = {
    "shipping_info": [
        {
            "shipping_company": "DHL",
            "shipping_method": "Home",
            "tracking_uri": "http://carrier.example/?n=1",
            "tracking_number": "1",
            "return_tracking_number": "E-1",
            "return_shipping_company": "DHL",
            "return_tracking_uri": "http://carrier.example/?n=2",
        }
    ]
}


@dataclass(frozen=True)
class Row:
    """`call` is the class and the method; names in the path are of `Things`. `gives` is what the class takes of it."""

    call: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    data: JSON | list[Any] | None
    status: int
    gives: Literal["nothing", "json", "location", "json and location"] = "nothing"


@dataclass(frozen=True)
class Things:
    """An order of 1000; another of which 400 were captured and 100 refunded; a session, a Checkout order."""

    order: str
    captured: str
    capture: str
    refund: str
    session: str
    checkout: str


ROWS = [
    Row("OrderManagement.Order.fetch", "GET", f"{OM}/{{order}}", None, 200, "json"),
    Row("OrderManagement.Order.acknowledge", "POST", f"{OM}/{{order}}/acknowledge", None, 204),
    Row("OrderManagement.Order.cancel", "POST", f"{OM}/{{order}}/cancel", None, 204),
    Row(
        "OrderManagement.Order.updateAuthorization",
        "PATCH",
        f"{OM}/{{order}}/authorization",
        {"order_amount": 1000, "description": "W/o bread", "order_lines": LINES},
        204,
    ),
    Row(
        "OrderManagement.Order.extendAuthorizationTime", "POST", f"{OM}/{{order}}/extend-authorization-time", None, 204
    ),
    Row(
        "OrderManagement.Order.updateMerchantReferences",
        "PATCH",
        f"{OM}/{{order}}/merchant-references",
        {"merchant_reference1": "15632423", "merchant_reference2": "ä/special"},
        204,
    ),
    Row(
        "OrderManagement.Order.updateCustomerDetails",
        "PATCH",
        f"{OM}/{{order}}/customer-details",
        {"shipping_address": ADDRESS},
        204,
    ),
    Row(
        "OrderManagement.Order.releaseRemainingAuthorization",
        "POST",
        f"{OM}/{{captured}}/release-remaining-authorization",
        None,
        204,
    ),
    Row(
        "OrderManagement.Order.createCapture",
        "POST",
        f"{OM}/{{order}}/captures",
        {"captured_amount": 1000, "description": "All", "order_lines": LINES, **SHIPPING},
        201,
        "location",
    ),
    Row("OrderManagement.Order.fetchCapture", "GET", f"{OM}/{{captured}}/captures/{{capture}}", None, 200, "json"),
    Row("OrderManagement.Order.fetchCaptures", "GET", f"{OM}/{{captured}}/captures", None, 200, "json"),
    Row(
        "OrderManagement.Order.refund",
        "POST",
        f"{OM}/{{captured}}/refunds",
        {"refunded_amount": 300, "description": "Refunding half", "order_lines": []},
        201,
        "location",
    ),
    Row("OrderManagement.Order.fetchRefund", "GET", f"{OM}/{{captured}}/refunds/{{refund}}", None, 200, "json"),
    Row(
        "OrderManagement.Capture.addShippingInfo",
        "POST",
        f"{OM}/{{captured}}/captures/{{capture}}/shipping-info",
        SHIPPING,
        204,
    ),
    Row(
        "OrderManagement.Capture.triggerSendout",
        "POST",
        f"{OM}/{{captured}}/captures/{{capture}}/trigger-send-out",
        None,
        204,
    ),
    Row("Payments.Sessions.create", "POST", "/payments/v1/sessions", CART, 200, "json"),
    Row("Payments.Sessions.update", "POST", "/payments/v1/sessions/{session}", CART, 204),
    Row("Payments.Sessions.fetch", "GET", "/payments/v1/sessions/{session}", None, 200, "json"),
    Row("Payments.Orders.create", "POST", f"{AUTHORIZATION}/sbx-9/order", CART, 200, "json"),
    Row("Payments.Orders.cancelAuthorization", "DELETE", f"{AUTHORIZATION}/sbx-9", None, 204),
    Row("Payments.Orders.generateToken", "POST", f"{AUTHORIZATION}/sbx-9/customer-token", TOKEN, 200, "json"),
    Row("CustomerToken.Tokens.fetch", "GET", f"{TOKENS}/sbx-9", None, 200, "json"),
    Row("CustomerToken.Tokens.createOrder", "POST", f"{TOKENS}/sbx-9/order", CART, 200, "json"),
    Row("CustomerToken.Tokens.updateTokenStatus", "PATCH", f"{TOKENS}/sbx-9/status", {"status": "CANCELLED"}, 202),
    Row("Checkout.Order.create", "POST", "/checkout/v3/orders", CHECKOUT, 201, "json and location"),
    Row("Checkout.Order.update", "POST", "/checkout/v3/orders/{checkout}", CART, 200, "json"),
    Row("Checkout.Order.fetch", "GET", "/checkout/v3/orders/{checkout}", None, 200, "json"),
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as url:
        yield url


def control(url: str, method: str, path: str, body: object = None) -> None:
    request = urllib.request.Request(f"{url}/_sandbox/{path}", json.dumps(body or {}).encode(), method=method)
    urllib.request.urlopen(request, timeout=10).close()


@pytest.fixture
def connector(url: str) -> Connector:
    """It puts its base URL before a Location, so that this must be a path."""
    control(url, "POST", "reset")
    control(url, "PUT", "switches", {"location": "path"})
    return Connector(url)


def place(connector: Connector, token: str) -> str:
    order: str = connector.post(f"{AUTHORIZATION}/{token}/order", CART).status(200).json()["order_id"]
    return order


@pytest.fixture
def things(connector: Connector) -> Things:
    order, captured = place(connector, "sbx-1"), place(connector, "sbx-2")
    capture = connector.post(f"{OM}/{captured}/captures", {"captured_amount": 400}).status(201)
    refund = connector.post(f"{OM}/{captured}/refunds", {"refunded_amount": 100}).status(201)
    session = connector.post("/payments/v1/sessions", CART).status(200).json()
    checkout = connector.post("/checkout/v3/orders", CHECKOUT).status(201).json()
    ids = (capture.headers["Capture-Id"][0], refund.headers["Refund-Id"][0])
    return Things(order, captured, *ids, session["session_id"], checkout["order_id"])


def sent(connector: Connector, row: Row, path: str) -> Answer:
    match row.method, row.data:
        case "GET", None:
            return connector.get(path)
        case "DELETE", None:
            return connector.delete(path)
        case "POST", data:
            return connector.post(path, data)
        case "PATCH", dict() | list() as data:
            return connector.patch(path, data)
    raise AssertionError(row)


@pytest.mark.parametrize("row", ROWS, ids=[row.call for row in ROWS])
def test_each_call_gets_what_its_class_requires(connector: Connector, things: Things, row: Row) -> None:
    answer = sent(connector, row, row.path.format(**vars(things))).status(row.status)
    if "json" in row.gives:
        assert answer.json()
    else:
        answer.empty()
    if "location" in row.gives:
        assert connector.get(answer.location()).status(200).json()


def test_an_order_has_its_captures_and_refunds_with_their_ids(connector: Connector, things: Things) -> None:
    """Its class makes objects of them, also where there are none."""
    assert connector.get(f"{OM}/{things.order}").json()["captures"] == []
    order = connector.get(f"{OM}/{things.captured}").json()
    assert [one["capture_id"] for one in order["captures"]] == [things.capture]
    assert [one["refund_id"] for one in order["refunds"]] == [things.refund]
    captures = connector.get(f"{OM}/{things.captured}/captures").json()
    assert [one["capture_id"] for one in captures] == [things.capture]


def test_what_is_done_to_a_new_capture_is_done_at_its_location(connector: Connector, things: Things) -> None:
    place = connector.post(f"{OM}/{things.order}/captures", {"captured_amount": 600}).status(201).location()
    connector.post(f"{place}/shipping-info", SHIPPING).status(204).empty()
    connector.post(f"{place}/trigger-send-out").status(204).empty()
    capture = connector.get(place).status(200).json()
    assert capture["captured_amount"] == 600
    assert capture["shipping_info"] == SHIPPING["shipping_info"]


def test_a_new_checkout_is_updated_and_fetched_at_its_location(connector: Connector) -> None:
    place = connector.post("/checkout/v3/orders", CHECKOUT).status(201).location()
    assert connector.post(place, {"merchant_reference1": "R/1"}).status(200).json()["merchant_reference1"] == "R/1"
    fetched = connector.get(place).status(200).json()
    assert fetched["html_snippet"]
    assert place.endswith(fetched["order_id"])


def test_with_guzzle_it_takes_locations_as_they_are_by_default(url: str, connector: Connector, things: Things) -> None:
    """Its other connector resolves them against the base URL, and takes both forms."""
    control(url, "PUT", "switches", {"location": "absolute"})
    for path, data in (
        (f"{OM}/{things.order}/captures", {"captured_amount": 600}),
        (f"{OM}/{things.captured}/refunds", {"refunded_amount": 1}),
        ("/checkout/v3/orders", CHECKOUT),
    ):
        location = connector.post(path, data).status(201).location()
        assert location.startswith(f"{url}{path}/")
        connector.get(location.removeprefix(url)).status(200)


def test_texts_survive_its_way_of_writing_json(connector: Connector, things: Things) -> None:
    references = {"merchant_reference1": "a/b", "merchant_reference2": "ä€"}
    assert json_encode(references) == b'{"merchant_reference1":"a\\/b","merchant_reference2":"\\u00e4\\u20ac"}'
    connector.patch(f"{OM}/{things.order}/merchant-references", references).status(204)
    order = connector.get(f"{OM}/{things.order}").json()
    assert {name: order[name] for name in references} == references


def test_an_order_with_a_customer_token_is_replayed_by_its_key(connector: Connector) -> None:
    orders = [
        connector.post(f"{TOKENS}/sbx-9/order", CART, key).status(200).json()["order_id"] for key in ("k", "k", "l")
    ]
    assert orders[0] == orders[1] != orders[2]


def test_a_refusal_has_what_its_exception_tells(connector: Connector, things: Things) -> None:
    cancelled = connector.post(f"{OM}/{things.captured}/cancel")
    cancelled.error(403, "CANCEL_NOT_ALLOWED", "Order has previous captures. Cancel not possible.")
    connector.get(f"{OM}/{MISSING}").error(404, "NO_SUCH_ORDER", f"Order {MISSING} cannot be found.")
    connector.delete(f"{AUTHORIZATION}/unknown").error(404, "NOT_FOUND", "Authorization cannot be deleted")
    connector.post("/checkout/v3/orders", {}).status(400).json()


def test_a_wrong_secret_is_refused(url: str, connector: Connector) -> None:
    Connector(url, "wrong").post(f"{OM}/{MISSING}/acknowledge").error(401, "UNAUTHORIZED", "Authentication failed")


@pytest.mark.parametrize("path", ["{order}/customer-details", "{captured}/captures/{capture}/customer-details"])
def test_billing_addresses_change_by_a_switch_only(url: str, connector: Connector, things: Things, path: str) -> None:
    """OrderManagement.Order.updateCustomerDetails, .Capture.updateCustomerDetails; newer documents have them no more."""
    path = f"{OM}/{path.format(**vars(things))}"
    refused = connector.patch(path, {"billing_address": ADDRESS})
    assert refused.status(404 if "captures" in path else 403).json()["error_code"] in {"NOT_FOUND", "NOT_ALLOWED"}
    control(url, "PUT", "switches", {"billing_address_changes": True})
    connector.patch(path, {"billing_address": ADDRESS}).status(204).empty()
    changed = connector.get(path.removesuffix("/customer-details")).status(200).json()
    assert changed["billing_address"]["email"] == ADDRESS["email"]


def test_a_capture_keeps_its_shipping_address(url: str, connector: Connector, things: Things) -> None:
    control(url, "PUT", "switches", {"billing_address_changes": True})
    details = f"{OM}/{things.captured}/captures/{things.capture}/customer-details"
    connector.patch(details, {"shipping_address": ADDRESS}).error(
        403, "NOT_ALLOWED", "Shipping address cannot be updated."
    )
    other = f"{OM}/{things.captured}/captures/{MISSING}/customer-details"
    connector.patch(other, {}).error(404, "NO_SUCH_CAPTURE", f"Capture {MISSING} could not be found.")
