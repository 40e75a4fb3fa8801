"""Mollie's HTTP: Bearer keys, error bodies, idempotency keys, rate limit.

Sources: mollie/api-documentation, overview/authentication.rst, overview/api-idempotency.rst.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import ApiError, Headers, Response, with_headers
from ordersaga_sandbox.idempotency import KeyRules
from ordersaga_sandbox.mollie import orders, payments
from ordersaga_sandbox.mollie.errors import MollieError, error_response
from ordersaga_sandbox.provider import Provider

_KEY: Final = re.compile(rb"(?P<scope>test|live|access)_(?P<account>\w+)")
_REPLAYED: Final = (b"idempotent-replayed", b"true")


def authenticate(headers: Mapping[bytes, bytes]) -> tuple[str, str]:
    """The account is what follows `test_`, `live_` or `access_`. Raises ApiError: no such key, the account `wrong`."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    found = _KEY.fullmatch(key.strip()) if scheme.lower() == b"bearer" else None
    if found is None or found["account"] == b"wrong":
        raise ApiError(401, "UNAUTHORIZED")
    return found["account"].decode("ascii", "replace"), found["scope"].decode()


def _key_rules(call: Call) -> KeyRules:
    """A key counts for one endpoint with the same parameters; a second request meanwhile is refused."""
    try:
        body = msgspec.json.encode(msgspec.json.decode(call.body), order="sorted") if call.body else b"{}"
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = call.body
    fingerprint = b"\n".join((call.entry.method.encode(), call.entry.path.encode(), call.query, body))
    return KeyRules(
        call.state.switches.mollie_key_seconds,
        MollieError(409, "Another request with this Idempotency-Key is already being processed."),
        fingerprint,
        MollieError(400, "This Idempotency-Key was used for a request to another endpoint or with other parameters."),
    )


def _rate_limit(call: Call, _operation: str) -> tuple[bool, Headers]:
    limit = call.state.switches.mollie_rate_limit
    if limit is None or call.state.rate_limiter.count(call.account, "mollie", call.at) <= limit:
        return True, ()
    return False, ((b"retry-after", b"1"),)


def _as_it_is(response: Response, _correlation_id: str) -> Response:
    return response


def _replayed(response: Response) -> Response:
    return with_headers(response, (_REPLAYED,))


MOLLIE: Final = Provider(
    name="mollie",
    routes=(*orders.ROUTES, *payments.ROUTES),
    key_header=b"idempotency-key",
    authenticate=authenticate,
    error_response=error_response,
    tagged=_as_it_is,
    key_rules=_key_rules,
    replayed=_replayed,
    rate_limit=_rate_limit,
)
