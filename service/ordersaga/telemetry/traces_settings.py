"""Where traces go, and how many."""

from msgspec import Struct


class TracesSettings(Struct, frozen=True):
    """`endpoint`: of OTLP over HTTP, for traces; `ratio`: the part of the traces that is recorded, 0 to 1."""

    endpoint: str
    ratio: float = 1.0
    headers: dict[str, str] = {}
    ca_file: str | None = None
    instance: str = ""
    version: str = ""
