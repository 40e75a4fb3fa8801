"""Outcomes as CloudEvents in binary content mode. An outcome always encodes to the same bytes."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.ids import outcome_id
from ordersaga.domain.model.order import Key, Refusal
from ordersaga.domain.model.outcomes import Books, OperationSummary, Outcome

LARGEST: Final = 256 * 1024
_WITH_ERROR: Final = frozenset({"rejected", "attention_required"})
_MAX_MESSAGES: Final = 50
_MAX_CHARACTERS: Final = 500

_UNSPECIFIED: Final = Refusal("unspecified")

Headers = list[tuple[str, bytes]]


class Encoded(Struct, frozen=True):
    """`headers`: for `headers_of`; `type`: the CloudEvents type."""

    headers: bytes
    payload: bytes
    type: str


class _Cause(Struct):
    source: str
    id: str
    type: str


class _Operation(Struct):
    id: str
    type: str
    provider_id: str | None
    amount: int | None
    attempts: int


class _Error(Struct):
    code: str
    messages: tuple[str, ...]
    correlation_id: str | UnsetType = UNSET
    advice: str | UnsetType = UNSET
    dead_letter_id: str | UnsetType = UNSET


class _Order(Struct):
    status: str
    fraud_status: str | None
    currency: str
    order_amount: int
    captured_amount: int
    released_amount: int
    refunded_amount: int
    remaining_authorized_amount: int
    expires_at: str | None


class _Data(Struct):
    order_id: str
    provider: str | None
    provider_order_id: str | None
    operation: _Operation | None
    cause: _Cause | None
    final: bool
    order: _Order | None
    result: dict[str, Any]
    error: _Error | UnsetType = UNSET


_encode_data: Final = msgspec.json.Encoder().encode
_encode_headers: Final = msgspec.msgpack.Encoder().encode
_decode_headers: Final = msgspec.msgpack.Decoder(Headers).decode


def encode(key: Key, outcome: Outcome, epoch: int, instance: str, traceparent: str | None = None) -> Encoded:
    """As it is published. A payload of 256 KiB or more is shortened: first the messages, then the largest results.

    `traceparent`: of a span of ours; None: that of the shop event is carried on.
    """
    event_type = f"payments.order.{outcome.what}.v1"
    headers = _headers(key, outcome, event_type, epoch, instance)
    headers += _trace(outcome.cause, traceparent)
    data = _data(key, outcome)
    payload = _encode_data(data)
    if len(payload) >= LARGEST:
        payload = _shortened(data)
    return Encoded(_encode_headers(headers), payload, event_type)


def headers_of(headers: bytes) -> Headers:
    """The record's headers, from `Encoded.headers`."""
    return _decode_headers(headers)


def _headers(key: Key, outcome: Outcome, event_type: str, epoch: int, instance: str) -> Headers:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", outcome_id(key, epoch, outcome.sequence).encode()),
        ("ce_source", _source(instance)),
        ("ce_type", event_type.encode()),
        ("ce_subject", key.subject.encode()),
        ("ce_time", _rfc3339(outcome.at).encode()),
        ("ce_merchant", key.merchant.encode()),
        ("ce_kind", key.kind.encode()),
        ("ce_epoch", str(epoch).encode()),
        ("ce_sequence", str(outcome.sequence).encode()),
        ("content-type", b"application/json"),
    ]


def _trace(cause: Cause | None, traceparent: str | None) -> Headers:
    parent = traceparent or (None if cause is None else cause.traceparent)
    state = None if cause is None else cause.tracestate
    given = (("ce_traceparent", parent), ("ce_tracestate", state))
    return [(name, value.encode()) for name, value in given if value is not None]


@lru_cache(maxsize=16)
def _source(instance: str) -> bytes:
    return f"/ordersaga/{quote(instance, safe='')}".encode()


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _data(key: Key, outcome: Outcome) -> _Data:
    cause, books = outcome.cause, outcome.books
    return _Data(
        key.subject,
        outcome.provider or None,
        outcome.provider_order_id,
        None if outcome.operation is None else _operation(outcome.operation),
        None if cause is None else _Cause(cause.source, cause.id, cause.type),
        outcome.final,
        None if books is None else _order(books),
        outcome.result,
        _error(outcome.refusal or _UNSPECIFIED) if outcome.what in _WITH_ERROR else UNSET,
    )


def _operation(operation: OperationSummary) -> _Operation:
    return _Operation(operation.id, operation.type, operation.provider_id, operation.amount, operation.attempts)


def _error(refusal: Refusal) -> _Error:
    correlation_id, advice = refusal.correlation_id, refusal.advice
    return _Error(
        refusal.code,
        refusal.messages,
        UNSET if correlation_id is None else correlation_id,
        UNSET if advice is None else advice,
        refusal.dead_letter_id or UNSET,
    )


def _order(books: Books) -> _Order:
    return _Order(
        books.status,
        books.fraud_status,
        books.currency,
        books.order_amount,
        books.captured_amount,
        books.released_amount,
        books.refunded_amount,
        books.remaining_authorized_amount,
        None if books.expires_at is None else _rfc3339(books.expires_at),
    )


def _shortened(data: _Data) -> bytes:
    if data.error is not UNSET:
        data = replace(data, error=_shortened_error(data.error))
    result = dict(sorted(data.result.items(), key=lambda item: len(_encode_data(item[1]))))
    payload = _encode_data(data)
    while len(payload) >= LARGEST and result:
        result.popitem()
        payload = _encode_data(replace(data, result=result))
    return payload


def _shortened_error(error: _Error) -> _Error:
    messages = [message[:_MAX_CHARACTERS] for message in error.messages[:_MAX_MESSAGES]]
    if len(error.messages) > _MAX_MESSAGES:
        messages.append(f"and {len(error.messages) - _MAX_MESSAGES} more")
    code, correlation_id, advice = error.code[:_MAX_CHARACTERS], error.correlation_id, error.advice
    return _Error(code, tuple(messages), _start(correlation_id), _start(advice), error.dead_letter_id)


def _start(text: str | UnsetType) -> str | UnsetType:
    return text if isinstance(text, UnsetType) else text[:_MAX_CHARACTERS]
