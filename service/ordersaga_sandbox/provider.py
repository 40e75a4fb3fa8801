"""What differs between the providers around their handlers: authentication, errors, headers, idempotency keys, rate limits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import ApiError, Headers, Response
from ordersaga_sandbox.idempotency import KeyRules
from ordersaga_sandbox.ledger import ProviderName
from ordersaga_sandbox.routes import Route

Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider's API. Functions that take an id (`str`) get the id of the request."""

    name: ProviderName
    routes: tuple[Route[Handler], ...]
    key_header: bytes
    authenticate: Callable[[Mapping[bytes, bytes]], tuple[str, str]]
    """From the headers to the account's name and its scope, in which keys count. Raises ApiError."""
    error_response: Callable[[ApiError, str], Response]
    tagged: Callable[[Response, str], Response]
    """The response with the headers that every response has."""
    key_rules: Callable[[Call], KeyRules]
    replayed: Callable[[Response], Response]
    """A stored response, marked as such."""
    rate_limit: Callable[[Call, str], tuple[bool, Headers]]
    """From the call and its operation to whether it is within the limit, and headers for the response."""
