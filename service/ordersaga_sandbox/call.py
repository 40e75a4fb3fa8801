"""What a handler is given."""

from collections.abc import Mapping
from dataclasses import dataclass

from ordersaga_sandbox.requests import Entry
from ordersaga_sandbox.world import World


@dataclass(slots=True)
class Call:
    """One request of a provider's API, its account known. `at`: virtual seconds since the epoch."""

    world: World
    entry: Entry
    account: str
    params: Mapping[str, str]
    body: bytes
    key: str | None
    base_url: str
    correlation_id: str
    at: float
