"""One line for each log entry, to stderr. It holds only fields that are known to be free of personal data."""

import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, BinaryIO, Final, Literal

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from ordersaga.telemetry.metrics import left_out

Form = Literal["json", "console"]

# A field that isn't named here is left out of the line, as it might hold personal data or a secret.
KNOWN_FIELDS: Final = frozenset({
    "event", "level", "logger", "timestamp", "exception",
    "merchant", "provider", "subject", "operation", "dead_letter", "code", "status", "correlation_id", "route",
    "topic", "partition", "partitions", "offset", "group", "shards", "slots", "database", "statement", "host", "port",
    "records", "results", "outcomes", "orders", "seconds", "attempt", "at",
    "role", "roles", "owner", "instance", "version", "signal", "reason", "error",
})  # fmt: skip
_LONGEST: Final = 500
_FRAMES: Final = 8
_SPEAKS_OF_PLACES_ONLY: Final = ("aiokafka", "alembic")
"""Foreign loggers whose messages name hosts, topics and revisions; of others only the first line of the template is taken."""
_AGAIN: Final = 30.0
"""Seconds in which such a line is left out when it says the same again: a missing topic would be told ten times a second."""
_MOST_SAID: Final = 1_000


def only_known_fields(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> EventDict:
    """Known names with plain values; of another value only its type. What is taken out is counted: no line should hold it."""
    for name in fields.keys() - KNOWN_FIELDS:
        left_out(name)
    return {name: _plain(name, value) for name, value in fields.items() if name in KNOWN_FIELDS}


def _plain(name: str, value: object) -> object:
    match value:
        case str():
            return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
        case None | bool() | int() | float():
            return value
        case list() | tuple() | set() | frozenset():
            return [_plain(name, one) for one in value]
        case _:
            left_out(name)
            return f"<{type(value).__name__}>"


def safe_exception(_logger: object, _method: str, fields: EventDict) -> EventDict:
    """The kind of an exception, its causes and where it came from, without their texts: those may quote data."""
    info = fields.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else sys.exc_info()[1] if info is True else info
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
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


class _Foreign(logging.Handler):
    """Lines of the standard library's loggers, in the same form."""

    def __init__(self, processors: list[Processor], write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._processors = processors
        self._write = write
        self._said: dict[tuple[str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = _message_of(record)
            if record.name.partition(".")[0] in _SPEAKS_OF_PLACES_ONLY and self._was_said(record.name, message):
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
        except Exception:  # noqa: BLE001 - a log line never ends what it tells of
            self.handleError(record)

    def _was_said(self, logger: str, message: str) -> bool:
        now = time.monotonic()
        if now - self._said.get((logger, message), -_AGAIN) < _AGAIN:
            return True
        if len(self._said) >= _MOST_SAID:
            self._said.clear()
        self._said[logger, message] = now
        return False


def _message_of(record: logging.LogRecord) -> str:
    if record.name.split(".", 1)[0] in _SPEAKS_OF_PLACES_ONLY:
        return record.getMessage()
    line = next(iter(str(record.msg).splitlines()), "")
    error = record.exc_info[1] if record.exc_info else None
    return line.replace(str(error), "…") if error is not None and str(error) else line


def configure_logs(level: str = "INFO", form: Form = "json", file: BinaryIO | None = None) -> None:
    """Sends structlog and the standard library's loggers to `file`, else to stderr. Call it when all is imported:

    loggers that libraries gave a way of their own (FastStream's does, with the texts of exceptions) lose it.
    """
    lowest = logging.getLevelNamesMapping()[level]
    factory = structlog.BytesLoggerFactory(file or sys.stderr.buffer)
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
    root.handlers[:] = [_Foreign(finish, factory().msg)]
    # Below WARNING clients tell of each request, and at DEBUG what is in it.
    root.setLevel(max(lowest, logging.WARNING))
    logging.getLogger("alembic").setLevel(max(lowest, logging.INFO))


def _renderer(form: Form, file: BinaryIO | None) -> list[Processor]:
    if form == "json":
        return [_to_json]
    colors = (file or sys.stderr).isatty()
    return [structlog.dev.ConsoleRenderer(colors=colors), _to_bytes]


_encode: Final = msgspec.json.Encoder().encode


def _to_json(_logger: object, _method: str, fields: EventDict) -> bytes:
    return _encode(fields)


def _to_bytes(_logger: object, _method: str, line: Any) -> bytes:
    return str(line).encode()
