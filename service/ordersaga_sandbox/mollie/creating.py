"""Creation of orders. Source: mollie/api-documentation, create-order.rst."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from ordersaga_sandbox.mollie import addresses, customer, expiry, ids, lines, money, paying, reading
from ordersaga_sandbox.mollie.actor import Actor
from ordersaga_sandbox.mollie.errors import MollieError, invalid
from ordersaga_sandbox.mollie.methods import KNOWN, RECURRING
from ordersaga_sandbox.mollie.money import BadAmountError
from ordersaga_sandbox.mollie.order import Order, Payment
from ordersaga_sandbox.mollie.reading import Request

FIELDS: Final = frozenset(
    {
        "amount",
        "orderNumber",
        "lines",
        "billingAddress",
        "shippingAddress",
        "consumerDateOfBirth",
        "redirectUrl",
        "cancelUrl",
        "webhookUrl",
        "locale",
        "method",
        "payment",
        "metadata",
        "expiresAt",
        "shopperCountryMustMatchBillingCountry",
    }
)
PAYMENT_FIELDS: Final = frozenset(
    {
        "applePayPaymentToken",
        "applicationFee",
        "cardToken",
        "consumerAccount",
        "customerId",
        "customerReference",
        "dueDate",
        "extraMerchantData",
        "issuer",
        "mandateId",
        "sequenceType",
        "voucherNumber",
        "voucherPin",
        "webhookUrl",
    }
)
_LOCALE: Final = re.compile(r"[a-z]{2}_[A-Z]{2}")
_MAX_LINES: Final = 1_000
_NO_MANDATE: Final = "cst_nomandate"
"""Prefix of customers without a mandate."""


def create(actor: Actor, request: Request) -> Order:
    """Raises MollieError: 422 with the path of the first wrong field."""
    body = request.body
    for name in ("amount", "orderNumber", "lines", "locale", "billingAddress"):
        if body.get(name) is None:
            raise invalid(f"The {name} is required for orders", name)
    amount, currency = _amount(body["amount"])
    method, methods = read_method(body.get("method"))
    payment = body.get("payment") or {}
    payment_fields = read_payment_fields(payment, method, "payment.")
    recurring = payment_fields.get("sequenceType") == "recurring"
    redirect_url = reading.url(body, "redirectUrl")
    if redirect_url is None and not recurring:
        raise invalid("The redirectUrl is required for orders", "redirectUrl")
    order = Order(
        request.call.account,
        request.mode,
        ids.new(actor.state, "ord_"),
        request.profile_id,
        str(reading.text(body, "orderNumber", 255)),
        currency,
        _locale(body["locale"]),
        actor.at,
        expiry.parse(body.get("expiresAt"), actor.at, (method,) if method else methods),
        _lines(actor, body["lines"], currency),
        addresses.parse(body, "billingAddress"),
        addresses.parse(body, "shippingAddress"),
        (method or "creditcard") if recurring else method,
        methods,
        redirect_url,
        reading.url(body, "cancelUrl"),
        reading.url(body, "webhookUrl"),
        payment_fields,
        reading.metadata(body),
        _birth_date(body.get("consumerDateOfBirth")),
        _boolean(body, "shopperCountryMustMatchBillingCountry"),
    )
    lines.check_sum(order.lines, amount, currency)
    if amount < 0 or (amount == 0 and payment_fields.get("sequenceType") != "first"):  # which only asks for a mandate
        raise invalid("The amount is lower than the minimum", "amount")
    actor.state.mollie_orders[order.order_id] = order
    actor.record(order, "create", None, order.order_id)
    begin_payment(actor, order)
    expiry.schedule(actor.state, order)
    return order


def begin_payment(actor: Actor, order: Order) -> Payment:
    """A new payment, with what the customer is going to do."""
    payment = paying.start(actor, order)
    customer.schedule(actor.state, order, payment)
    return payment


def _amount(given: object) -> tuple[int, str]:
    try:
        return money.read(given)
    except BadAmountError as error:
        raise MollieError(422, str(error), "amount") from None


def _lines(actor: Actor, given: object, currency: str) -> list[Any]:
    if not isinstance(given, list) or not given:
        raise invalid("The lines of the order should be an array with at least one line", "lines")
    if len(given) > _MAX_LINES:
        raise invalid(f"An order can have at most {_MAX_LINES} lines", "lines")
    return [
        lines.parse(one, index, currency, ids.new(actor.state, "odl_1."), actor.at, where="lines.")
        for index, one in enumerate(given)
    ]


def read_method(given: object) -> tuple[str | None, tuple[str, ...]]:
    """The method, or those among which the customer chooses."""
    if given is None or given == []:
        return None, ()
    methods: list[Any] = given if isinstance(given, list) else [given]
    for one in methods:
        if one not in KNOWN:
            raise invalid("The payment method is invalid", "method")
    return (None, tuple(methods)) if isinstance(given, list) else (str(given), ())


def read_payment_fields(given: object, method: str | None, where: str) -> dict[str, Any]:
    """Raises MollieError: an unknown field; a recurring payment without customer or mandate, or with another method."""
    if not isinstance(given, dict):
        raise invalid("The 'payment' field should be an object", "payment")
    for name in given:
        if name not in PAYMENT_FIELDS:
            raise invalid(f'Non-existent body parameter "{where}{name}" for this API call.', where + name)
    for name in ("customerId", "mandateId", "issuer"):
        reading.text(given, name, where=where)
    reading.url(given, "webhookUrl", where=where)
    sequence = given.get("sequenceType") or "oneoff"
    if sequence not in {"oneoff", "first", "recurring"}:
        raise invalid("The sequence type should be one of: oneoff, first, recurring", f"{where}sequenceType")
    if sequence == "oneoff":
        return given
    _check_customer(given, method, where, recurring=sequence == "recurring")
    return given


def _check_customer(given: Mapping[str, Any], method: str | None, where: str, *, recurring: bool) -> None:
    customer_id = given.get("customerId")
    if not customer_id:
        raise invalid("A customerId is required for payments with this sequence type", f"{where}customerId")
    if not customer_id.startswith("cst_"):
        raise MollieError(404, f"No customer exists with token {customer_id}.")
    if not recurring:
        return
    if method is not None and method not in RECURRING:
        raise invalid("The payment method doesn't support recurring payments", "method")
    if customer_id.startswith(_NO_MANDATE):
        raise invalid("No suitable mandates found for customer", f"{where}customerId")
    if given.get("mandateId") and not given["mandateId"].startswith("mdt_"):
        raise invalid("The mandate is invalid", f"{where}mandateId")


def _locale(given: object) -> str:
    if not isinstance(given, str) or _LOCALE.fullmatch(given) is None:
        raise invalid("The locale is invalid. It should have the format xx_XX.", "locale")
    return given


def _birth_date(given: object) -> str | None:
    if given is None:
        return None
    try:
        return date.fromisoformat(given).isoformat() if isinstance(given, str) else _bad_date()
    except ValueError:
        return _bad_date()


def _bad_date() -> str:
    raise invalid("The 'consumerDateOfBirth' field should be a date in the format YYYY-MM-DD", "consumerDateOfBirth")


def _boolean(body: Any, name: str) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"The '{name}' field should be a boolean", name)
    return value
