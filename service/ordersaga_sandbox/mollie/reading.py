"""Requests: the body and the query with their known fields, and whether they are about test or live mode."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.mollie.errors import MollieError, invalid
from ordersaga_sandbox.mollie.order import Mode, Order, Payment

MAX_METADATA: Final = 1_024


@dataclass(frozen=True, slots=True)
class Request:
    """`body` and `query` are without `testmode` and `profileId`."""

    call: Call
    mode: Mode
    profile_id: str
    body: Mapping[str, Any]
    query: Mapping[str, str]

    def order(self) -> Order:
        """The account's order. Raises MollieError: 404."""
        order_id = self.call.params["order_id"]
        order = self.call.state.mollie_orders.get(order_id)
        if order is None or not self._sees(order):
            raise MollieError(404, f"No order exists with token {order_id}.")
        return order

    def payment(self) -> tuple[Order, Payment]:
        """The account's payment, with its order. Raises MollieError: 404."""
        payment_id = self.call.params["payment_id"]
        order = self.call.state.mollie_payments.get(payment_id)
        if order is None or not self._sees(order):
            raise MollieError(404, f"No payment exists with token {payment_id}.")
        return order, next(one for one in order.payments if one.payment_id == payment_id)

    def _sees(self, order: Order) -> bool:
        return (order.account, order.mode) == (self.call.account, self.mode)


def read(
    call: Call,
    fields: frozenset[str] = frozenset(),
    query_fields: frozenset[str] = frozenset(),
    *,
    needs_profile: bool = False,
) -> Request:
    """Raises MollieError: not JSON, an unknown field, `testmode` with an API key, no `profileId` with an access token."""
    body = _body(call) if call.entry.method != "GET" else {}
    query = dict(parse_qsl(call.query.decode("latin-1"), keep_blank_values=True))
    by_token = call.scope == "access"
    own = frozenset({"testmode", "profileId"}) if by_token else frozenset[str]()
    for name in body:
        if name not in fields | own:
            raise invalid(f'Non-existent body parameter "{name}" for this API call.', name)
    for name in query:
        if name not in query_fields | own:
            raise invalid(f'Non-existent query parameter "{name}" for this API call.', name)
    given = body.get("profileId") or query.get("profileId")
    if by_token and needs_profile and not given:
        raise invalid("The 'profileId' field is required when using an access token", "profileId")
    testmode = body.get("testmode", query.get("testmode", False))
    if testmode not in {True, False, "true", "false", "1", "0"}:
        raise invalid("The 'testmode' field should be a boolean", "testmode")
    mode: Mode = "test" if call.scope == "test" or (by_token and testmode in {True, "true", "1"}) else "live"
    return Request(
        call,
        mode,
        str(given or f"pfl_{call.account}"),
        {name: value for name, value in body.items() if name not in own},
        {name: value for name, value in query.items() if name not in own},
    )


def _body(call: Call) -> dict[str, Any]:
    if not call.body:
        return {}
    content_type = (call.headers or {}).get(b"content-type", b"").lower()
    if not content_type.startswith((b"application/json", b"application/hal+json")):
        raise MollieError(415, "The content type of the request should be application/json")
    try:
        body = msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MollieError(400, "The body of the request is not valid JSON") from None
    if not isinstance(body, dict):
        if body == []:  # what PHP makes of an empty body
            return {}
        raise MollieError(400, "The body of the request should be a JSON object")
    return body


def text(body: Mapping[str, Any], name: str, longest: int = 2_048, *, where: str = "") -> str | None:
    """An optional text. Raises MollieError."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid(f"The '{name}' field should be a string", where + name)
    if len(value) > longest:
        raise invalid(f"The '{name}' field is too long. The maximum length is {longest}.", where + name)
    return value


def url(body: Mapping[str, Any], name: str, *, where: str = "") -> str | None:
    value = text(body, name, where=where)
    if value is not None and not value.startswith(("http://", "https://")):
        raise invalid(f"The '{name}' field is not a valid URL", where + name)
    return value


def metadata(body: Mapping[str, Any], where: str = "") -> Any:
    value = body.get("metadata")
    if value is not None and len(msgspec.json.encode(value)) > MAX_METADATA:
        raise invalid("The metadata is too large. It can be up to approximately 1kB.", f"{where}metadata")
    return value
