"""What the contract says of an event before any state is looked at: schema, amounts, the provider's limits."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from sample.oracle_parts import tax_of

Json = dict[str, Any]
BOUND = 2**53
KNOWN = {
    "placed", "shipped", "tracking_added", "returned", "cancelled", "closed", "amended", "address_changed",
    "reference_changed", "authorization_extension_requested", "invoice_resend_requested",
    "due_date_extension_requested", "payment_retried", "authorization_abandoned", "customer_token_requested",
    "customer_token_cancelled", "checkout_started", "checkout_updated", "checkout_abandoned",
}  # fmt: skip
Check = Callable[[Any], bool]


def what_of(event_type: str) -> str | None:
    """The `<what>` of a known `shop.order.<what>.v1`."""
    parts = event_type.split(".")
    known = len(parts) == 4 and parts[:2] == ["shop", "order"] and parts[3] == "v1" and parts[2] in KNOWN
    return parts[2] if known else None


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -BOUND <= value <= BOUND


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _not_negative(value: object) -> bool:
    return _is_int(value) and isinstance(value, int) and value >= 0


def _is_name(value: object) -> bool:
    return _is_text(value) and value != ""


def _fits(data: object, required: dict[str, Check], optional: dict[str, Check]) -> bool:
    if not isinstance(data, dict):
        return False
    return all(name in data and check(data[name]) for name, check in required.items()) and all(
        check(data[name]) for name, check in optional.items() if name in data
    )


def _is_lines(value: object, check: Check) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(check(line) for line in value)


LINE: dict[str, Check] = {
    "name": _is_name, "quantity": _not_negative, "unit_price": _is_int, "total_amount": _is_int,
}  # fmt: skip
LINE_EXTRAS: dict[str, Check] = {
    "type": _is_text, "reference": _is_text, "tax_rate": _is_int,
    "total_discount_amount": _is_int, "total_tax_amount": _is_int,
}  # fmt: skip


def _is_order_lines(value: object) -> bool:
    return _is_lines(value, lambda line: _fits(line, LINE, LINE_EXTRAS))


def _is_part_lines(value: object) -> bool:
    optional: dict[str, Check] = {"quantity": _not_negative, "total_amount": _is_int}
    return _is_lines(value, lambda line: _fits(line, {"reference": _is_text}, optional))


def _is_tokenize(value: object) -> bool:
    return _fits(value, {"description": _is_text, "intended_use": _is_text}, {"locale": _is_text})


def _is_payment(value: object) -> bool:
    klarna: dict[str, Check] = {"provider": lambda p: p == "klarna"}
    by_token = _fits(value, klarna | {"customer_token": _is_name}, {})
    by_authorization = _fits(value, klarna | {"authorization_token": _is_text}, {"tokenize": _is_tokenize})
    return by_token or by_authorization or _is_by_checkout(value) or _is_at_mollie(value)


def _is_at_mollie(value: object) -> bool:
    mollie: dict[str, Check] = {"provider": lambda p: p == "mollie", "redirect_url": _is_text}
    names = ("cancel_url", "customer_id", "sequence_type", "mandate_id")
    return _fits(value, mollie, {"method": _is_method, **dict.fromkeys(names, _is_text)})


def _is_method(value: object) -> bool:
    return value is None or _is_text(value) or (isinstance(value, list) and all(map(_is_text, value)))


def _is_by_checkout(value: object) -> bool:
    return _fits(value, {"provider": lambda p: p == "klarna", "checkout_order_id": _is_name}, {})


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_shipping_info(value: object) -> bool:
    return _is_lines(value, _is_object)


def _is_fee(value: object) -> bool:
    return _fits(value, {"amount": _not_negative}, {"name": _is_text, "tax_rate": _is_int})


PURCHASE: dict[str, Check] = {
    "purchase_country": _is_text, "purchase_currency": _is_text, "locale": _is_text,
    "order_amount": _not_negative, "order_lines": _is_order_lines, "merchant_urls": _is_object,
}  # fmt: skip
OF_PURCHASE: dict[str, Check] = {
    "order_tax_amount": _is_int, "merchant_reference1": _is_text, "merchant_reference2": _is_text,
    "merchant_data": _is_text, "recurring": lambda value: isinstance(value, bool),
    "billing_address": _is_object, "shipping_address": _is_object,
}  # fmt: skip
SCHEMAS: dict[str, tuple[dict[str, Check], dict[str, Check]]] = {
    "placed": (
        {
            "payment": _is_payment, "purchase_country": _is_text, "purchase_currency": _is_text,
            "order_amount": _not_negative, "order_lines": _is_order_lines,
        },
        {"order_tax_amount": _is_int, "merchant_reference1": _is_text, "merchant_reference2": _is_text},
    ),
    "shipped": (
        {},
        {
            "shipment_id": _is_text, "order_lines": _is_part_lines, "captured_amount": _not_negative,
            "description": _is_text, "shipping_info": _is_shipping_info,
        },
    ),
    "returned": (
        {},
        {
            "return_id": _is_text, "order_lines": _is_part_lines, "refunded_amount": _not_negative,
            "description": _is_text, "return_fee": _is_fee,
        },
    ),
    "cancelled": ({}, {"reason": _is_text, "order_lines": _is_part_lines}),
    "closed": ({}, {"reason": _is_text}),
    "amended": ({"order_amount": _not_negative, "order_lines": _is_order_lines}, {"description": _is_text}),
    "tracking_added": ({"shipping_info": _is_shipping_info}, {"shipment_id": _is_name}),
    "address_changed": ({"shipping_address": _is_object}, {"billing_address": _is_object}),
    "reference_changed": ({}, {"merchant_reference1": _is_text, "merchant_reference2": _is_text}),
    "authorization_extension_requested": ({}, {}),
    "invoice_resend_requested": ({"shipment_id": _is_name}, {}),
    "due_date_extension_requested": ({"shipment_id": _is_name, "number_of_days": _is_int}, {}),
    "payment_retried": ({}, {"method": _is_method}),
    "authorization_abandoned": ({"authorization_token": _is_name}, {}),
    "customer_token_requested": (
        {
            "authorization_token": _is_name, "purchase_country": _is_text, "purchase_currency": _is_text,
            "locale": _is_text, "description": _is_text, "intended_use": _is_text,
        },
        {"customer": _is_object, "billing_address": _is_object},
    ),
    "customer_token_cancelled": ({}, {"customer_token": _is_name}),
    "checkout_started": (PURCHASE, OF_PURCHASE),
    "checkout_updated": ({}, PURCHASE | OF_PURCHASE),
    "checkout_abandoned": ({}, {}),
}  # fmt: skip


def fits_schema(what: str, data: object) -> bool:
    """Whether `data` is what the contract wants for `shop.order.<what>.v1`, for the types of the sample."""
    required, optional = SCHEMAS[what]
    if what == "placed" and isinstance(data, dict) and _is_by_checkout(data.get("payment")):
        amounts = {"order_amount", "order_lines"}  # Checkout knows them
        optional = optional | {name: required[name] for name in amounts}
        required = {name: check for name, check in required.items() if name not in amounts}
    return _fits(data, required, optional)


def adds_up(data: Json) -> bool:
    """Lines, sum and taxes of a placed or amended order; taxes within 1 of what the rate gives."""
    lines = data["order_lines"]
    return (
        all(_line_adds_up(line) for line in lines)
        and sum(line["total_amount"] for line in lines) == data["order_amount"]
        and _tax_adds_up(lines, data.get("order_tax_amount"))
    )


def _tax_adds_up(lines: list[Json], given: int | None) -> bool:
    """Off by at most one for each line; a sales_tax line is tax as a whole."""
    taxes = [line["total_amount"] if line.get("type") == "sales_tax" else _tax(line) for line in lines]
    return given is None or abs(given - sum(taxes)) <= len(lines)


def _line_adds_up(line: Json) -> bool:
    rate, total = line.get("tax_rate", 0), line["total_amount"]
    exact = total - Fraction(total * 10000, 10000 + rate)
    return bool(
        total == line["quantity"] * line["unit_price"] - line.get("total_discount_amount", 0)
        and abs(_tax(line) - exact) <= 1
    )


def _tax(line: Json) -> int:
    return int(line.get("total_tax_amount", tax_of(line["total_amount"], line.get("tax_rate", 0))))


def klarna_refusal(data: Json) -> str | None:
    """By Klarna's limits for an order's lines (Payments v1 `order_line`), as far as the sample touches them."""
    lines = data["order_lines"]
    taken = len(lines) <= 1000 and all(_klarna_takes_line(line) for line in lines)
    return None if taken else "not_acceptable_to_provider"


def _klarna_takes_line(line: Json) -> bool:
    kind = line.get("type", "physical")
    negative = line["unit_price"] < 0 or line["total_amount"] < 0
    return (
        len(line["name"]) <= 255
        and len(line.get("reference", "")) <= 255
        and line["unit_price"] <= 200_000_000
        and line["total_amount"] <= 200_000_000
        and line.get("total_discount_amount", 0) >= 0
        and 0 <= line.get("tax_rate", 0) <= 10000
        and not (negative and kind not in {"discount", "gift_card", "store_credit"})
        and not (line["quantity"] == 0 and line["total_amount"])
    )
