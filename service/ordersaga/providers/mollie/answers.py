"""What an answer of Mollie's means.

| answer                                    | write                                                  | read      |
|-------------------------------------------|--------------------------------------------------------|-----------|
| 2xx                                       | succeeded; unknown where it can't be read, or shows another amount | succeeded; retryable where it can't be read |
| 401                                       | retryable `unauthorized` (the credentials, not the order) | the same |
| 429                                       | retryable, after what its headers say                  | the same  |
| 409 "A duplicate refund has been detected" | retryable after an hour; if an answer was lost, a look first | -    |
| 409 otherwise (the key's first request is under way) | unknown                                     | retryable |
| 400 about the idempotency key             | unknown: something bears this key                      | rejected  |
| other 4xx with Mollie's body              | rejected; its code is the status                       | rejected  |
| other 4xx without it                      | unknown (a gateway's or firewall's word)               | retryable |
| 408, 3xx, 5xx, anything else              | unknown                                                | retryable |
| nothing sent                              | retryable                                              | retryable |
| the answer was lost                       | unknown                                                | retryable |

A 503 also tells for how long no further calls are to be made, if its headers say so.

Sources: mollie/api-documentation, overview/handling-errors.rst, overview/api-idempotency.rst, create-payment-refund.rst.
"""

import re
from typing import Any, Final, Literal, assert_never

import msgspec
from msgspec import Struct

from ordersaga.domain.model.order import Operation
from ordersaga.domain.model.results import Rejected, Result, Retryable, Unknown
from ordersaga.providers.http import Answer, Lost, NotSent, Reply
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.wording import pause, told

Meaning = Literal["succeeded", "rejected", "unauthorized", "too_many_requests", "conflict", "uncertain"]

_MEANINGS: Final[dict[int, Meaning]] = {
    401: "unauthorized",
    408: "uncertain",
    409: "conflict",
    429: "too_many_requests",
}
_PAUSES: Final = ("retry-after", "x-ratelimit-reset", "ratelimit-reset")
_REQUEST_IDS: Final = ("x-request-id", "request-id")
_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_DUPLICATE: Final = "duplicate refund"
_DUPLICATE_SECONDS: Final = 3_600.0
_ABOUT_KEY: Final = "idempotency"


class _Error(Struct):
    status: Any = None
    title: Any = None
    detail: Any = None
    field: Any = None

    @property
    def text(self) -> str:
        given = self.detail if isinstance(self.detail, str) else self.title
        return given if isinstance(given, str) else ""

    @property
    def messages(self) -> tuple[str, ...]:
        """Mollie's own words, and the field that they are about."""
        field = [f"field: {self.field}"] if isinstance(self.field, str) and self.field else []
        return told([self.text, *field])


_ERROR: Final = msgspec.json.Decoder(_Error)


def result_of(row: MollieOperation, operation: Operation | None, reply: Reply, now: float) -> Result:
    """What the reply to a request means; `operation`: that it was made for. `now`: seconds since the epoch."""
    match reply:
        case NotSent(reason=reason):
            return Retryable(reason)
        case Lost(reason=reason):
            return uncertain(row, reason)
        case Answer():
            return _answered(row, operation, reply, now)
        case _:
            assert_never(reply)


def _answered(row: MollieOperation, operation: Operation | None, answer: Answer, now: float) -> Result:
    meaning, status, correlation_id = _meaning_of(answer.status), answer.status, _correlation_id(answer)
    if meaning == "succeeded":
        return _succeeded(row, operation, answer, correlation_id)
    error = _error(answer)
    match meaning:
        case "rejected":
            return _refused(row, answer, error, correlation_id)
        case "unauthorized":
            return Retryable("unauthorized", None, correlation_id, status)
        case "too_many_requests":
            return Retryable("too_many_requests", pause(answer, _PAUSES, now), correlation_id, status)
        case "conflict" if not row.reads and _DUPLICATE in error.text.lower():
            return Retryable("duplicate_refund", _DUPLICATE_SECONDS, correlation_id, status, look=True)
        case "conflict" | "uncertain":
            reason = "redirect" if 300 <= status < 400 else f"http_{status}"
            after = pause(answer, _PAUSES, now) if status == 503 else None
            return uncertain(row, reason, correlation_id, status, after)
        case _:
            assert_never(meaning)


def _refused(row: MollieOperation, answer: Answer, error: _Error, correlation_id: str | None) -> Result:
    status = answer.status
    if not _is_mollies(error):
        return uncertain(row, f"http_{status}", correlation_id, status)
    if status == 400 and not row.reads and _ABOUT_KEY in error.text.lower():
        return uncertain(row, "key_reused", correlation_id, status)
    return Rejected(str(status), error.messages, correlation_id, status)


def _meaning_of(status: int) -> Meaning:
    if 200 <= status < 300:
        return "succeeded"
    return _MEANINGS.get(status) or ("rejected" if 400 <= status < 500 else "uncertain")


def uncertain(
    row: MollieOperation,
    reason: str,
    correlation_id: str | None = None,
    status: int | None = None,
    after: float | None = None,
) -> Result:
    """A read has no effect, so that it may simply be made again."""
    if row.reads:
        return Retryable(reason, after, correlation_id, status)
    return Unknown(reason, correlation_id, status, after)


def _succeeded(row: MollieOperation, operation: Operation | None, answer: Answer, correlation_id: str | None) -> Result:
    try:
        return row.success(answer, operation, correlation_id)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return uncertain(row, "broken_body", correlation_id, answer.status)


def _error(answer: Answer) -> _Error:
    try:
        return _ERROR.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Error()


def _is_mollies(error: _Error) -> bool:
    return isinstance(error.status, int) and bool(error.text)


def _correlation_id(answer: Answer) -> str | None:
    """Mollie documents none; a header that is customary for it may come along."""
    given = (answer.headers.get(name, "") for name in _REQUEST_IDS)
    return next((one for one in given if _ID.fullmatch(one)), None)
