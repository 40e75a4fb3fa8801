"""Traces, which are off by default: then nothing of OpenTelemetry is imported, and nothing is done for an event.

`spans` has what is recorded. Trace ids for log lines are told by any process.
"""

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ordersaga.domain.model.events import Cause
from ordersaga.telemetry.traces_settings import TracesSettings

if TYPE_CHECKING:
    from ordersaga.telemetry.spans import Spans

_LENGTH: Final = 32
_HEX: Final = frozenset("0123456789abcdef")
_ZERO: Final = "0" * _LENGTH
_CLOSING: Final = 2.0  # seconds for the spans that are left


class _State(Struct):
    spans: "Spans | None" = None


_state: Final = _State()


def active() -> "Spans | None":
    """None: traces are off."""
    return _state.spans


def start(settings: TracesSettings) -> None:
    """Raises ImportError if OpenTelemetry isn't installed (the extra `traces`)."""
    from ordersaga.telemetry.spans import Spans, exporting

    _state.spans = Spans(settings, exporting(settings))


def stop(seconds: float = _CLOSING) -> None:
    """Sends what is left, for so long. It blocks."""
    spans, _state.spans = _state.spans, None
    if spans is not None:
        spans.close(seconds)


def trace_id_of(cause: Cause) -> str | None:
    """Of the trace that the shop named, whether traces are on or not; else of the one that began here, if it is recorded."""
    if cause.traceparent is None:
        return None if _state.spans is None or not cause.type else _state.spans.trace_id(cause)
    parts = cause.traceparent.split("-")
    trace_id = parts[1] if len(parts) >= 4 else ""
    is_valid = len(trace_id) == _LENGTH and trace_id != _ZERO and _HEX.issuperset(trace_id)
    return trace_id if is_valid else None
