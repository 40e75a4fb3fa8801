"""What an answer of Klarna's means.

| answer                          | write                                                      | read      |
|---------------------------------|------------------------------------------------------------|-----------|
| any 2xx                         | succeeded; unknown where an id or a body is missing        | succeeded; retryable where the body can't be read |
| 401                             | retryable `unauthorized` (the credentials, not the order)  | the same  |
| 429                             | retryable, after what its headers say                      | the same  |
| 409                             | Payments: rejected; Order Management (CONFLICT): unknown   | retryable |
| other 4xx with Klarna's body    | rejected                                                   | rejected  |
| other 4xx without it            | unknown (a gateway's or firewall's word)                   | retryable |
| 408, 3xx, 5xx, anything else    | unknown                                                    | retryable |
| nothing sent                    | retryable                                                  | retryable |
| the answer was lost             | unknown                                                    | retryable |

A 503 also tells for how long no further calls are to be made, if its headers say so.

Sources: Klarna's OpenAPI documents of Payments v1 and Order Management v1; docs.klarna.com "Error codes" of both APIs,
"Escalation and retry policy" (5xx: safe to retry with the key alone) and "Rate limit"; "never check for 201 or 204
specifically" (older documentation): codes of success vary by region.
"""

import re
from typing import Any, Final, Literal, assert_never

import msgspec
from msgspec import Struct

from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.providers.http import Answer, Lost, NotSent, Reply
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.wording import pause, told

Meaning = Literal["succeeded", "rejected", "unauthorized", "too_many_requests", "uncertain"]

_MEANINGS: Final[dict[int, Meaning]] = {401: "unauthorized", 408: "uncertain", 429: "too_many_requests"}
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_ID: Final = re.compile(r"[!-~]{1,255}")
_PAUSES: Final = ("retry-after", "x-ratelimit-reset", "ratelimit-reset")


class _Error(Struct):
    error_code: Any = None
    error_messages: Any = None
    correlation_id: Any = None


_ERROR: Final = msgspec.json.Decoder(_Error)


def result_of(operation: KlarnaOperation, reply: Reply, now: float) -> Result:
    """What the reply to an operation's request means. `now`: seconds since the epoch."""
    match reply:
        case NotSent(reason=reason):
            return Retryable(reason)
        case Lost(reason=reason):
            return _uncertain(operation, reason)
        case Answer():
            return _answered(operation, reply, now)
        case _:
            assert_never(reply)


def _answered(operation: KlarnaOperation, answer: Answer, now: float) -> Result:
    meaning = meaning_of(operation, answer.status)
    if meaning == "succeeded":
        return _succeeded(operation, answer)
    error = _error(answer)
    correlation_id = _correlation_id(answer, error)
    match meaning:
        case "rejected" if not isinstance(error.error_code, str):
            return _uncertain(operation, f"http_{answer.status}", correlation_id, answer.status)
        case "rejected":
            code = _code(answer, error)
            conclusive = (answer.status, code) in operation.conclusive
            return Rejected(
                code, _messages(error), correlation_id, answer.status, conclusive, operation.advice.get(code)
            )
        case "unauthorized":
            return Retryable("unauthorized", None, correlation_id, answer.status)
        case "too_many_requests":
            return Retryable("too_many_requests", pause(answer, _PAUSES, now), correlation_id, answer.status)
        case "uncertain":
            reason = "redirect" if 300 <= answer.status < 400 else f"http_{answer.status}"
            after = pause(answer, _PAUSES, now) if answer.status == 503 else None
            return _uncertain(operation, reason, correlation_id, answer.status, after)
        case _:
            assert_never(meaning)


def meaning_of(operation: KlarnaOperation, status: int) -> Meaning:
    if 200 <= status < 300:
        return "succeeded"
    if status == 409:
        return operation.conflict
    return _MEANINGS.get(status) or ("rejected" if 400 <= status < 500 else "uncertain")


def _uncertain(
    operation: KlarnaOperation,
    reason: str,
    correlation_id: str | None = None,
    status: int | None = None,
    after: float | None = None,
) -> Result:
    """A read has no effect, so that it may simply be made again."""
    if operation.reads:
        return Retryable(reason, after, correlation_id, status)
    return Unknown(reason, correlation_id, status, after)


def _succeeded(operation: KlarnaOperation, answer: Answer) -> Result:
    correlation_id = _correlation_id(answer, _Error())
    try:
        return operation.success(answer, correlation_id)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _uncertain(operation, "broken_body", correlation_id, answer.status)


def created_id(header: str, answer: Answer, correlation_id: str | None) -> Result:
    """Of an operation that creates something, whose id is in `header` or at the end of `Location`."""
    provider_id = _new_id(answer, header)
    if provider_id is None:
        return Unknown("no_id", correlation_id, answer.status)
    return Succeeded(provider_id, correlation_id)


def _new_id(answer: Answer, header: str) -> str | None:
    """The id that the header tells, else the end of `Location`."""
    given = answer.headers.get(header, "").strip()
    if not given:
        path = answer.headers.get("location", "").partition("?")[0].rstrip("/")
        collection, _, given = path.rpartition("/")
        if not collection.endswith(("/captures", "/refunds")):
            return None
    return given if _ID.fullmatch(given) else None


def _error(answer: Answer) -> _Error:
    try:
        return _ERROR.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Error()


def _code(answer: Answer, error: _Error) -> str:
    code = error.error_code
    return code if isinstance(code, str) and _CODE.fullmatch(code) else f"http_{answer.status}"


def _messages(error: _Error) -> tuple[str, ...]:
    return told(error.error_messages if isinstance(error.error_messages, list) else [error.error_messages])


def _correlation_id(answer: Answer, error: _Error) -> str | None:
    for given in (error.correlation_id, answer.headers.get("klarna-correlation-id")):
        if isinstance(given, str) and _CODE.fullmatch(given):
            return given
    return None
