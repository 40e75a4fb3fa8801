"""What a handler answers: responses, errors and their headers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

Headers = tuple[tuple[bytes, bytes], ...]

JSON: Final = (b"content-type", b"application/json")
CORRELATION: Final = b"klarna-correlation-id"
BODILESS: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers = ()
    body: bytes = b""


class Refused(Exception):  # noqa: N818 - an answer like any other, not a defect
    """An error answer of the provider: HTTP status, error code, messages."""

    def __init__(self, status: int, code: str, *messages: str) -> None:
        super().__init__(status, code, messages)
        self.status = status
        self.code = code
        self.messages: Sequence[str] = messages


class Dropped(Exception):  # noqa: N818 - what a client of an app without a transport sees instead of a closed connection
    """The connection ends without an answer."""


class _Error(Struct):
    correlation_id: str
    error_code: str
    error_messages: Sequence[str]


def error(refused: Refused, correlation_id: str) -> Answer:
    body = _Error(correlation_id, refused.code, refused.messages)
    return Answer(refused.status, (JSON, correlation(correlation_id)), msgspec.json.encode(body))


def correlation(correlation_id: str) -> tuple[bytes, bytes]:
    return CORRELATION, correlation_id.encode()


def json(value: object, status: int = 200) -> Answer:
    return Answer(status, (JSON,), msgspec.json.encode(value))


NO_CONTENT: Final = Answer(204)


def with_headers(answer: Answer, headers: Headers) -> Answer:
    return Answer(answer.status, answer.headers + headers, answer.body)


def correlated(answer: Answer, correlation_id: str) -> Answer:
    """Every answer carries an id; one that is repeated keeps its own."""
    if any(name == CORRELATION for name, _ in answer.headers):
        return answer
    return with_headers(answer, (correlation(correlation_id),))
