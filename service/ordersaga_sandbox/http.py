"""Responses, errors and their headers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

Headers = tuple[tuple[bytes, bytes], ...]

JSON_CONTENT_TYPE: Final = (b"content-type", b"application/json")
CORRELATION_ID: Final = b"klarna-correlation-id"
BODYLESS_STATUSES: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Headers = ()
    body: bytes = b""


class ApiError(Exception):
    """An error response of the provider: HTTP status, error code, messages."""

    def __init__(self, status: int, code: str, *messages: str) -> None:
        super().__init__(status, code, messages)
        self.status = status
        self.code = code
        self.messages: Sequence[str] = messages


class ConnectionDropped(Exception):  # noqa: N818 - named for the event; in process a client sees it instead of a closed connection
    """The connection is closed without a response."""


class _Error(Struct):
    correlation_id: str
    error_code: str
    error_messages: Sequence[str]


def error_response(error: ApiError, correlation_id: str) -> Response:
    body = _Error(correlation_id, error.code, error.messages)
    return Response(error.status, (JSON_CONTENT_TYPE, correlation_header(correlation_id)), msgspec.json.encode(body))


def correlation_header(correlation_id: str) -> tuple[bytes, bytes]:
    return CORRELATION_ID, correlation_id.encode()


def json_response(value: object, status: int = 200) -> Response:
    return Response(status, (JSON_CONTENT_TYPE,), msgspec.json.encode(value))


NO_CONTENT: Final = Response(204)


def with_headers(response: Response, headers: Headers) -> Response:
    return Response(response.status, response.headers + headers, response.body)


def with_correlation_id(response: Response, correlation_id: str) -> Response:
    """Every response has an id; a replayed one keeps its own."""
    if any(name == CORRELATION_ID for name, _ in response.headers):
        return response
    return with_headers(response, (correlation_header(correlation_id),))
