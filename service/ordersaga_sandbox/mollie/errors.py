"""Mollie's errors. Source: mollie/api-documentation, overview/handling-errors.rst."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from ordersaga_sandbox.http import ApiError, Response

HAL: Final = (b"content-type", b"application/hal+json")
_DOCUMENTATION: Final = "https://docs.mollie.com/overview/handling-errors"
_TITLES: Final = {401: "Unauthorized Request", 422: "Unprocessable Entity"}
_DETAILS: Final = {
    400: "The request could not be understood by the server.",
    401: "Missing authentication, or failed to authenticate",
    404: "The resource does not exist.",
    405: "The HTTP method is not supported by this resource.",
    413: "The request is too large.",
    429: "Your request exceeded the rate limit. Please try again later.",
    500: "An internal server error occurred.",
    502: "The service is temporarily unavailable.",
    503: "The service is temporarily unavailable.",
    504: "Gateway timeout",
}


class MollieError(ApiError):
    """An error response of Mollie; `detail`: its text."""

    def __init__(
        self, status: int, detail: str, field: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(status, title(status), detail)
        self.detail = detail
        self.field = field
        self.extra = extra


def invalid(detail: str, field: str | None = None, extra: Mapping[str, Any] | None = None) -> MollieError:
    """422: the request can't be carried out."""
    return MollieError(422, detail, field, extra)


def title(status: int) -> str:
    return _TITLES.get(status) or (HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error")


def error_response(error: ApiError, correlation_id: str) -> Response:  # noqa: ARG001 - Mollie has no ids of requests
    body: dict[str, Any] = {"status": error.status, "title": title(error.status)}
    if isinstance(error, MollieError):
        body["detail"] = error.detail
        body |= {"field": error.field} if error.field is not None else {}
        body |= {"extra": error.extra} if error.extra is not None else {}
    else:
        body["detail"] = _DETAILS.get(error.status, title(error.status))
    body["_links"] = {"documentation": {"href": _DOCUMENTATION, "type": "text/html"}}
    return Response(error.status, (HAL,), msgspec.json.encode(body))
