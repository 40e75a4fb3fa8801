"""Reads shop events from a file, as Kafka records.

A line is a CloudEvent in JSON, or `{"raw": {"key", "headers", "value"}}`, a record that is sent unchanged.
"""

import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Raw, Struct

from ordersaga.bus.producer import OutRecord
from ordersaga.cli.output import CommandError

_GZIP: Final = b"\x1f\x8b"
_BLOCK_SIZE: Final = 256 * 1024
_STRUCTURED: Final = ("content-type", b"application/cloudevents+json")
_NO_ATTRIBUTES: Final = frozenset({"data", "data_base64", "datacontenttype"})


class _RawRecord(Struct, frozen=True, forbid_unknown_fields=True):
    key: str | None = None
    headers: dict[str, str] = {}
    value: str | None = None


class _Line(Struct, frozen=True):
    raw: _RawRecord


_decode_event: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_raw: Final = msgspec.json.Decoder(_Line).decode
_decode_text: Final = msgspec.json.Decoder(str).decode
_decode_bytes: Final = msgspec.json.Decoder(bytes).decode


def blocks(path: str) -> Iterator[list[tuple[int, bytes]]]:
    """Lines with their numbers, as many at once as are available. `-`: standard input; gzip is detected."""
    with _opened(path) as file:
        number, rest = 0, b""
        while block := _read(file, path):
            *lines, rest = (rest + block).split(b"\n")
            yield list(enumerate(lines, number + 1))
            number += len(lines)
        yield [(number + 1, rest)]


@contextmanager
def _opened(path: str) -> Iterator[io.BufferedReader | gzip.GzipFile | BinaryIO]:
    with ExitStack() as closing:
        try:
            file = sys.stdin.buffer if path == "-" else closing.enter_context(Path(path).open("rb"))
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}") from error
        gzipped = isinstance(file, io.BufferedReader) and file.peek(2)[:2] == _GZIP
        yield gzip.GzipFile(fileobj=file) if gzipped else file


def _read(file: io.BufferedReader | gzip.GzipFile | BinaryIO, path: str) -> bytes:
    try:
        if isinstance(file, io.BufferedReader | gzip.GzipFile):
            return file.read1(_BLOCK_SIZE)
        return file.read(_BLOCK_SIZE)
    except (OSError, EOFError) as error:
        raise CommandError(f"{path} can't be read: {error}") from error


def records(lines: list[tuple[int, bytes]], topic: str, *, structured: bool) -> Iterator[OutRecord]:
    """Empty lines are skipped. CommandError names the line that isn't an event, or that Kafka wouldn't accept."""
    for number, line in lines:
        if line.strip():
            try:
                record = _record(line, topic, structured=structured)
            except msgspec.MsgspecError as error:
                raise CommandError(f"line {number} isn't an event: {error}") from error
            if record.key is None and record.value is None:
                raise CommandError(f"line {number} has neither a subject nor data: Kafka refuses such a record")
            yield record


def _record(line: bytes, topic: str, *, structured: bool) -> OutRecord:
    attributes = _decode_event(line)
    if attributes.keys() == {"raw"}:
        given = _decode_raw(line).raw
        headers = [(name, value.encode()) for name, value in given.headers.items()]
        return OutRecord(topic, _encoded(given.key), _encoded(given.value), headers)
    subject = _text(attributes["subject"]) if "subject" in attributes else None
    if structured:
        return OutRecord(topic, subject, line.strip(), [_STRUCTURED])
    return OutRecord(topic, subject, _data(attributes), list(_headers(attributes)))


def _headers(attributes: dict[str, Raw]) -> Iterator[tuple[str, bytes]]:
    media_type = attributes.get("datacontenttype")
    yield "content-type", (_text(media_type) if media_type else None) or b"application/json"
    for name, raw in attributes.items():
        if name not in _NO_ATTRIBUTES and (value := _text(raw)) is not None:
            yield f"ce_{name}", value


def _data(attributes: dict[str, Raw]) -> bytes | None:
    if "data_base64" in attributes:
        return _decode_bytes(attributes["data_base64"])
    return bytes(attributes["data"]) if "data" in attributes else None


def _text(raw: Raw) -> bytes | None:
    """A string without its quotes, None for null, anything else as it is in the file."""
    text = bytes(raw)
    if text.startswith(b'"'):
        return _decode_text(text).encode()
    return None if text == b"null" else text


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
