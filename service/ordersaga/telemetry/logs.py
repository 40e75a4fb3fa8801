"""One line for each log entry, to stderr. It contains only fields that are known to be free of personal data."""

import contextlib
import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, BinaryIO, Final, Literal, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from ordersaga.telemetry.metrics import LOST_LINES, count_dropped_field

Form = Literal["json", "console"]

# Any other field is dropped from the line, as it might contain personal data or a secret.
KNOWN_FIELDS: Final = frozenset({
    "event", "level", "logger", "timestamp", "exception",
    "raised", "merchant", "provider", "subject", "kind", "operation", "operation_id", "dead_letter", "code", "status",
    "correlation_id", "route", "trace_id",
    "topic", "partition", "partitions", "offset", "group", "shards", "slots", "database", "statement", "host", "port",
    "records", "results", "outcomes", "lines", "orders", "seconds", "attempt", "at",
    "role", "roles", "owner", "instance", "version", "signal", "reason", "error", "invariant",
})  # fmt: skip
_MAX_LENGTH: Final = 500
_MAX_FRAMES: Final = 8
_SAFE_LOGGERS: Final = ("aiokafka", "alembic", "opentelemetry")
"""Library loggers whose messages only name hosts, topics, revisions and what a collector responds. Of other libraries only the first line of the
message template is logged."""
_REPEAT_AFTER: Final = 30.0
"""Seconds in which the same line of such a logger is logged once: a missing topic would be reported ten times a second."""
_MAX_REMEMBERED: Final = 1_000


def only_known_fields(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> EventDict:
    """Known names with plain values; of another value only its type. What is dropped is counted: it shouldn't be logged."""
    for name in fields.keys() - KNOWN_FIELDS:
        count_dropped_field(name)
    return {name: _plain(name, value) for name, value in fields.items() if name in KNOWN_FIELDS}


def _plain(name: str, value: object) -> object:
    match value:
        case str():
            return value if len(value) <= _MAX_LENGTH else value[:_MAX_LENGTH] + "…"
        case None | bool() | int() | float():
            return value
        case list() | tuple() | set() | frozenset():
            return [_plain(name, one) for one in value]
        case _:
            count_dropped_field(name)
            return f"<{type(value).__name__}>"


def safe_exception(_logger: object, _method: str, fields: EventDict) -> EventDict:
    """The types of an exception and its causes and where it was raised, without messages, which may quote data."""
    info = fields.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else sys.exc_info()[1] if info is True else info
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
        where = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
        kinds = " from ".join(type(one).__name__ for one in _with_causes(error))
        fields["exception"] = f"{kinds} at {where}" if where else kinds
    return fields


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__


class _Unfailing:
    """A file for log lines. One that can't be written is lost: a full disk or a reader that is gone ends no role."""

    def __init__(self, file: BinaryIO | None) -> None:
        self._file = file

    def write(self, line: bytes) -> None:
        rest = memoryview(line)
        with contextlib.suppress(OSError, ValueError):  # ValueError: it is closed
            while self._file is not None and (
                written := self._file.write(rest)
            ):  # None: a pipe that doesn't block is full
                rest = rest[written:]
                if not rest:
                    return
        LOST_LINES.inc()

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._file is not None:
                self._file.flush()


def _stderr() -> BinaryIO | None:
    """Unbuffered: what can't be written isn't kept and tried again at the end of the process. None: it is closed."""
    if sys.stderr is None:  # as its type doesn't say
        return None
    buffer = sys.stderr.buffer
    return cast("BinaryIO", getattr(buffer, "raw", buffer))


class _LibraryHandler(logging.Handler):
    """Lines of the standard library's loggers, in the same format."""

    def __init__(self, processors: list[Processor], write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._processors = processors
        self._write = write
        self._logged_at: dict[tuple[str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = _message_of(record)
            if record.name.partition(".")[0] in _SAFE_LOGGERS and self._is_repeated(record.name, message):
                return
            fields: Any = {
                "event": message,
                "logger": record.name,
                "level": record.levelname.lower(),
                "exc_info": record.exc_info,
            }
            for processor in self._processors:
                fields = processor(None, record.levelname.lower(), fields)
            self._write(fields)
        except Exception:  # noqa: BLE001 - logging must never raise
            self.handleError(record)

    def _is_repeated(self, logger: str, message: str) -> bool:
        now = time.monotonic()
        if now - self._logged_at.get((logger, message), -_REPEAT_AFTER) < _REPEAT_AFTER:
            return True
        if len(self._logged_at) >= _MAX_REMEMBERED:
            self._logged_at.clear()
        self._logged_at[logger, message] = now
        return False


def _message_of(record: logging.LogRecord) -> str:
    if record.name.split(".", 1)[0] in _SAFE_LOGGERS:
        return record.getMessage()
    line = next(iter(str(record.msg).splitlines()), "")
    error = record.exc_info[1] if record.exc_info else None
    return line.replace(str(error), "…") if error is not None and str(error) else line


def configure_logs(level: str = "INFO", form: Form = "json", file: BinaryIO | None = None) -> None:
    """Sends structlog and the standard library's loggers to `file`, or to stderr. Call it when everything is imported.

    It removes the handlers that libraries added: FastStream's logs the messages of exceptions.
    """
    lowest = logging.getLevelNamesMapping()[level]
    factory = structlog.BytesLoggerFactory(cast("BinaryIO", _Unfailing(file or _stderr())))
    finish: list[Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        safe_exception,
        only_known_fields,
        *_renderer(form, file),
    ]
    structlog.configure(
        processors=[structlog.stdlib.add_logger_name, structlog.processors.add_log_level, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=factory,
    )
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
    root = logging.getLogger()
    root.handlers[:] = [_LibraryHandler(finish, factory().msg)]
    # Below WARNING clients log each request, and at DEBUG its content.
    root.setLevel(max(lowest, logging.WARNING))
    logging.getLogger("alembic").setLevel(max(lowest, logging.INFO))


def _renderer(form: Form, file: BinaryIO | None) -> list[Processor]:
    if form == "json":
        return [_to_json]
    to = file or _stderr()
    colors = to is not None and to.isatty()
    return [structlog.dev.ConsoleRenderer(colors=colors), _to_bytes]


_encode: Final = msgspec.json.Encoder().encode


def _to_json(_logger: object, _method: str, fields: EventDict) -> bytes:
    return _encode(fields)


def _to_bytes(_logger: object, _method: str, line: Any) -> bytes:
    return str(line).encode()
