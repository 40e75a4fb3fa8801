"""Orders and their lines as the API returns them. Source: mollie/api-documentation, get-order.rst, get-shipment.rst."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from ordersaga_sandbox.mollie import money
from ordersaga_sandbox.mollie.canceling import is_cancelable
from ordersaga_sandbox.mollie.order import Line, Order, Part, Shipment

EMBEDS: Final = frozenset({"payments", "refunds", "shipments"})
_DOCUMENTATION: Final = "https://docs.mollie.com/reference/v2"
_OPEN: Final = frozenset({"created", "pending", "authorized", "shipping"})


def iso(at: float) -> str:
    """Mollie's time format: UTC, whole seconds, `+00:00`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def link(href: str, kind: str = "application/hal+json") -> dict[str, str]:
    return {"href": href, "type": kind}


def documentation(page: str) -> dict[str, str]:
    return link(f"{_DOCUMENTATION}/{page}", "text/html")


def without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def order_view(order: Order, base_url: str, *, refunded_too: bool) -> dict[str, Any]:
    """Without `_embedded`. `refunded_too`: what was refunded can still be shipped."""
    currency = order.currency
    fields = {
        "resource": "order",
        "id": order.order_id,
        "profileId": order.profile_id,
        "mode": order.mode,
        "amount": money.view(order.amount, currency),
        "amountCaptured": money.view(order.captured, currency) if order.captured > 0 else None,
        "amountRefunded": money.view(order.refunded, currency) if order.refunded > 0 else None,
        "status": order.status,
        "isCancelable": is_cancelable(order),
        "createdAt": iso(order.created_at),
        "expiresAt": iso(order.expires_at) if order.status in _OPEN and not _is_paid(order) else None,
        **{f"{status}At": iso(at) for status, at in order.changed_at.items()},
        "locale": order.locale,
        "billingAddress": order.billing_address,
        "shippingAddress": order.shipping_address or order.billing_address,
        "consumerDateOfBirth": order.birth_date,
        "shopperCountryMustMatchBillingCountry": order.country_must_match,
        "orderNumber": order.order_number,
        "redirectUrl": order.redirect_url,
        "cancelUrl": order.cancel_url,
        "webhookUrl": order.webhook_url,
        "lines": [line_view(order, line, refunded_too=refunded_too) for line in order.lines],
        "_links": _links(order, base_url),
    }
    return without_nulls(fields) | {"method": order.method, "metadata": order.metadata}


def _is_paid(order: Order) -> bool:
    return "paid" in order.changed_at


def _links(order: Order, base_url: str) -> dict[str, Any]:
    links = {"self": link(f"{base_url}/v2/orders/{order.order_id}")}
    if order.status == "created" and order.payment.status == "open" and order.payment.sequence_type != "recurring":
        links["checkout"] = link(page_url(base_url, order.order_id), "text/html")
    links["dashboard"] = link(f"{base_url}/_sandbox/mollie/orders/{order.order_id}", "text/html")
    links["documentation"] = documentation("orders-api/get-order")
    return links


def page_url(base_url: str, token: str) -> str:
    """The page on which the customer pays; `token`: the id of an order or a payment."""
    return f"{base_url}/_sandbox/mollie/payments/{token}/page"


def line_view(order: Order, line: Line, *, refunded_too: bool) -> dict[str, Any]:
    currency = order.currency
    return _common(order, line) | {
        "status": line.status,
        "isCancelable": line.cancelable > 0,
        "quantity": line.quantity,
        "quantityShipped": line.shipped,
        "amountShipped": money.view(line.amount_shipped, currency),
        "quantityRefunded": line.refunded,
        "amountRefunded": money.view(line.amount_refunded, currency),
        "quantityCanceled": line.canceled,
        "amountCanceled": money.view(line.amount_canceled, currency),
        "shippableQuantity": line.shippable(refunded_too=refunded_too),
        "refundableQuantity": line.refundable,
        "cancelableQuantity": line.cancelable,
        **_prices(order, line.total, line.discount, line.vat),
    }


def part_view(order: Order, part: Part) -> dict[str, Any]:
    """The line as in a shipment or refund: quantity, discount, VAT and total are those of the part."""
    line = part.line
    discount = line.unit_price * part.quantity - part.amount if line.discount else 0
    return _common(order, line) | {
        "status": line.status,
        "isCancelable": line.cancelable > 0,
        "quantity": part.quantity,
        **_prices(order, part.amount, discount, money.vat(part.amount, line.rate)),
    }


def _common(order: Order, line: Line) -> dict[str, Any]:
    urls = {"productUrl": line.product_url, "imageUrl": line.image_url}
    fields = {
        "resource": "orderline",
        "id": line.line_id,
        "orderId": order.order_id,
        "name": line.name,
        "sku": line.sku,
        "type": line.type,
        "category": line.category,
        "unitPrice": money.view(line.unit_price, order.currency),
        "vatRate": f"{line.rate // 100}.{line.rate % 100:02}",
        "createdAt": iso(line.created_at),
        "_links": {name: link(url, "text/html") for name, url in urls.items() if url is not None},
    }
    return without_nulls(fields) | {"metadata": line.metadata}


def _prices(order: Order, total: int, discount: int, vat: int) -> dict[str, Any]:
    prices = {"vatAmount": money.view(vat, order.currency), "totalAmount": money.view(total, order.currency)}
    return prices | ({"discountAmount": money.view(discount, order.currency)} if discount else {})


def shipment_view(order: Order, shipment: Shipment, base_url: str) -> dict[str, Any]:
    url = f"{base_url}/v2/orders/{order.order_id}"
    fields = {
        "resource": "shipment",
        "id": shipment.shipment_id,
        "orderId": order.order_id,
        "createdAt": iso(shipment.created_at),
        "tracking": shipment.tracking,
        "lines": [part_view(order, part) for part in shipment.parts],
        "_links": {
            "self": link(f"{url}/shipments/{shipment.shipment_id}"),
            "order": link(url),
            "documentation": documentation("shipments-api/get-shipment"),
        },
    }
    return without_nulls(fields)


def embeds(given: str | None) -> Collection[str]:
    return frozenset(filter(None, (given or "").split(",")))
