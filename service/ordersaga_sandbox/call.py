"""A request as a handler receives it."""

from collections.abc import Mapping
from dataclasses import dataclass

from ordersaga_sandbox.request_log import LogEntry
from ordersaga_sandbox.state import SandboxState


@dataclass(slots=True)
class Call:
    """An authenticated request to a provider's API. `at`: virtual seconds since the epoch.

    `scope`: what the account's credentials are for, where the provider tells test from live; else empty.
    """

    state: SandboxState
    entry: LogEntry
    account: str
    params: Mapping[str, str]
    body: bytes
    key: str | None
    base_url: str
    correlation_id: str
    at: float
    scope: str = ""
    query: bytes = b""
    headers: Mapping[bytes, bytes] | None = None
