"""One row of Klarna's table of operations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Operation, OperationType, Order, Request
from ordersaga.domain.model.results import Result, Snapshot, Succeeded, Unknown
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna.limits import Messages

Freeze = Callable[[Order, Operation, Data | None], Request]
Success = Callable[[Answer, str | None], Result]
"""What a 2xx means, given the answer and its correlation id. Raises msgspec.MsgspecError for a broken body."""

ORDER_MANAGEMENT_KEY: Final = 23 * 3_600.0
"""Seconds: Klarna keeps an Order Management key for 24 hours from the first attempt."""


def done(answer: Answer, correlation_id: str | None) -> Result:
    """Of an operation that is answered without a body: only the documented 204 is believed."""
    if answer.status != 204:
        return Unknown(f"http_{answer.status}", correlation_id, answer.status)
    return Succeeded(correlation_id=correlation_id)


def body_shown(request: Request, seen: Snapshot) -> bool | None:
    """Whether the read shows each field of the request's body; None: no body, or a field that a read doesn't show."""
    wanted = msgspec.json.decode(request.body, type=dict[str, Any]) if request.body else {}
    if not wanted or not wanted.keys() <= seen.facts.keys():
        return None
    return all(seen.facts[name] == value for name, value in wanted.items())


def holds(seen: object, wanted: Mapping[str, Any]) -> bool:
    """Whether all that was sent is shown."""
    return isinstance(seen, Mapping) and all(seen.get(name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class KlarnaOperation:
    """`name`: of the row in `domain.operations`.

    `freeze`: None for a read; `read`: of something else than the whole order. `limits`: by event, what Klarna wouldn't take of its data. `conflict`: what a 409 means.
    `conclusive`: status and code of refusals which prove that no earlier attempt succeeded. `key_seconds`: how long a repeat is trusted to be recognised, from the first send; 0: it has no key.
    `ways`: of an operation that `placed` asks for, which fields of `payment` name it, each set of them.
    `advice`: by the code of a refusal, what the shop may do.
    `shows`: of a change without money, whether a read shows what its request asked for. `notified`: the request, asking for
    notifications at an address of ours.
    """

    name: OperationType
    freeze: Freeze | None
    read: Callable[[str, Operation], Request] | None = None
    limits: Mapping[type[Data], Callable[[Any], Messages]] = field(default_factory=dict)
    success: Success = done
    conflict: Literal["rejected", "uncertain"] = "uncertain"
    conclusive: frozenset[tuple[int, str]] = frozenset()
    key_seconds: float = ORDER_MANAGEMENT_KEY
    shows: Callable[[Request, Snapshot], bool | None] | None = None
    notified: Callable[[Request, str], Request] | None = None
    ways: tuple[frozenset[str], ...] = ()
    advice: Mapping[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> bool:
        return self.freeze is None
