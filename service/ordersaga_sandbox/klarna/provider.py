"""Klarna's HTTP: Basic authentication, error bodies, correlation ids, idempotency keys, rate limits."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import ApiError, Headers, Response, error_response, with_correlation_id
from ordersaga_sandbox.idempotency import KeyRules
from ordersaga_sandbox.klarna import api
from ordersaga_sandbox.provider import Provider


def authenticate(headers: Mapping[bytes, bytes]) -> tuple[str, str]:
    """The user name; each is an account. Raises ApiError: no Basic credentials, an empty part, the password `wrong`."""
    scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic":
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        if user and password and password != "wrong":  # noqa: S105 - the only password that is rejected
            return user, ""
    raise ApiError(401, "UNAUTHORIZED", "Authentication failed")


def _key_rules(call: Call) -> KeyRules:
    """Only the key counts, not path and body. Source: OpenAPI of Order Management v1 (header text)."""
    switches = call.state.switches
    conflict = ApiError(409, "CONFLICT") if switches.key_in_flight == "conflict" else None
    return KeyRules(switches.key_seconds, conflict)


def _rate_limit(call: Call, operation: str) -> tuple[bool, Headers]:
    limits = call.state.switches.rate_limits
    if limits == "off":
        return True, ()
    return call.state.rate_limiter.take(limits, call.account, operation, call.at)


def _as_it_was(response: Response) -> Response:
    return response


KLARNA: Final = Provider(
    name="klarna",
    routes=api.ROUTES,
    key_header=b"klarna-idempotency-key",
    authenticate=authenticate,
    error_response=error_response,
    tagged=with_correlation_id,
    key_rules=_key_rules,
    replayed=_as_it_was,
    rate_limit=_rate_limit,
)
