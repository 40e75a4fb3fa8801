"""The CloudEvents envelope of a record, in binary and in structured content mode."""

import binascii
from base64 import b64decode
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ordersaga.bus.records import Record

MAX_LENGTH: Final = 255
_MAX_TRACE_LENGTH: Final = 1024
_STRUCTURED: Final = b"application/cloudevents"
_DEFAULT_MERCHANT: Final = "default"

Messages = tuple[str, ...]


class Envelope(Struct, frozen=True, gc=False):
    """The attributes that are used. `data` None: the event has no data."""

    id: str
    source: str
    type: str
    subject: str
    merchant: str
    traceparent: str | None
    tracestate: str | None
    data: bytes | None


class _Structured(Struct):
    """With raw values, so that each attribute with a wrong type gets a message of its own."""

    specversion: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET
    source: Raw | UnsetType = UNSET
    type: Raw | UnsetType = UNSET
    subject: Raw | UnsetType = UNSET
    merchant: Raw | UnsetType = UNSET
    traceparent: Raw | UnsetType = UNSET
    tracestate: Raw | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    data_base64: Raw | UnsetType = UNSET


_decode_structured: Final = msgspec.json.Decoder(_Structured).decode
_decode_text: Final = msgspec.json.Decoder(str).decode
_NULL: Final = Raw(b"null")


def is_structured(record: Record) -> bool:
    named = any(name == "content-type" and _media_type(value).startswith(_STRUCTURED) for name, value in record.headers)
    return named or _is_unnamed(record)


def _is_unnamed(record: Record) -> bool:
    """A structured event with the content type of its data, as some SDKs write it: no header is an attribute."""
    if any(name.startswith("ce_") for name, _ in record.headers):
        return False
    return record.value is not None and b'"specversion"' in record.value


def open_envelope(record: Record) -> Envelope | Messages:
    """The envelope, or all that is wrong with it, each message with its header or attribute."""
    headers = dict(record.headers)
    problems = _header_problems(record) if len(headers) != len(record.headers) or _has_unreadable(headers) else []
    content_type = _media_type(headers.get("content-type", b""))
    if not content_type.startswith(_STRUCTURED):
        if _is_unnamed(record):
            return _of_value(record, problems)
        return _of_headers(record, headers, problems)
    if content_type != b"application/cloudevents+json":
        return (*problems, "content-type: the only supported structured mode is application/cloudevents+json")
    return _of_value(record, problems)


def _media_type(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()


def _has_unreadable(headers: dict[str, bytes]) -> bool:
    return any("\ufffd" in name for name in headers)


def _header_problems(record: Record) -> list[str]:
    problems = ["headers: a header name isn't UTF-8"] if _has_unreadable(dict(record.headers)) else []
    seen: dict[str, bytes] = {}
    for name, value in record.headers:
        if seen.setdefault(name, value) != value and (name.startswith("ce_") or name == "content-type"):
            problems.append(f"{name}: occurs twice with different values")
    return problems


def _of_headers(record: Record, headers: dict[str, bytes], problems: list[str]) -> Envelope | Messages:
    get = headers.get
    if get("ce_specversion") != b"1.0":
        problems.append("ce_specversion: must be 1.0")
    found = (
        _header("ce_id", get("ce_id"), problems),
        _header("ce_source", get("ce_source"), problems),
        _header("ce_type", get("ce_type"), problems),
        _subject(record, problems)
        if (subject := get("ce_subject")) is None
        else _header("ce_subject", subject, problems),
        _DEFAULT_MERCHANT if (merchant := get("ce_merchant")) is None else _header("ce_merchant", merchant, problems),
    )
    if problems:
        return tuple(problems)
    return Envelope(*found, _trace(get("ce_traceparent")), _trace(get("ce_tracestate")), record.value)


def _header(name: str, value: bytes | None, problems: list[str]) -> str:
    if value is None:
        problems.append(f"{name}: is missing")
        return ""
    try:
        return _checked(name, value.decode(), problems)
    except UnicodeDecodeError:
        problems.append(f"{name}: isn't UTF-8")
        return ""


def _subject(record: Record, problems: list[str]) -> str:
    if record.key is None:
        problems.append("subject: is missing, and there is no record key")
        return ""
    return _header("record key (there is no subject)", record.key, problems)


def _checked(name: str, text: str, problems: list[str]) -> str:
    if not 0 < len(text) <= MAX_LENGTH:
        problems.append(f"{name}: must have 1 to {MAX_LENGTH} characters, has {len(text)}")
    elif "\0" in text:
        problems.append(f"{name}: must not contain NUL")
    return text


def _trace(value: bytes | None) -> str | None:
    """An invalid trace is dropped: it is no reason to refuse the event."""
    if value is None or not 0 < len(value) <= _MAX_TRACE_LENGTH or not value.isascii() or b"\0" in value:
        return None
    return value.decode()


def _of_value(record: Record, problems: list[str]) -> Envelope | Messages:
    try:
        given = _decode_structured(record.value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return (*problems, "$: the structured event isn't a JSON object")
    if _attribute("specversion", given.specversion, problems) not in {"1.0", ""}:
        problems.append("$.specversion: must be 1.0")
    found = (
        _attribute("id", given.id, problems),
        _attribute("source", given.source, problems),
        _attribute("type", given.type, problems),
        _subject(record, problems) if _absent(given.subject) else _attribute("subject", given.subject, problems),
        _DEFAULT_MERCHANT if _absent(given.merchant) else _attribute("merchant", given.merchant, problems),
    )
    data = _data(given, problems)
    if problems:
        return tuple(problems)
    return Envelope(*found, _trace_of(given.traceparent), _trace_of(given.tracestate), data)


def _absent(value: Raw | UnsetType) -> bool:
    """In the JSON format null means absent."""
    return value is UNSET or value == _NULL


def _attribute(name: str, value: Raw | UnsetType, problems: list[str]) -> str:
    if value is UNSET or value == _NULL:
        problems.append(f"$.{name}: is missing")
        return ""
    try:
        return _checked(f"$.{name}", _decode_text(value), problems)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problems.append(f"$.{name}: must be a string")
        return ""


def _trace_of(value: Raw | UnsetType) -> str | None:
    if value is UNSET:
        return None
    try:
        return _trace(_decode_text(value).encode())
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _data(given: _Structured, problems: list[str]) -> bytes | None:
    if given.data is not UNSET:
        return bytes(given.data)
    if given.data_base64 is UNSET or _absent(given.data_base64):
        return None
    try:
        return b64decode(_decode_text(given.data_base64), validate=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError):
        problems.append("$.data_base64: isn't Base64")
        return None
