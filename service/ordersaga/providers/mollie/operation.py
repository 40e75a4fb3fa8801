"""One row of Mollie's table of operations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Operation, OperationType, Order, Request
from ordersaga.domain.model.results import Result, Snapshot, Succeeded, Unknown
from ordersaga.providers.http import Answer
from ordersaga.providers.limits import Messages

Freeze = Callable[[Order, Operation, Data | None, Order | None], Request]
Success = Callable[[Answer, Operation | None, str | None], Result]
"""What a 2xx means, given the answer, the operation and the id of the request. Raises msgspec.MsgspecError for a broken body."""
NotifiedAt = Callable[[str], str]
"""The address for notifications of a kind."""

KEY: Final = 45 * 60.0
"""Seconds: Mollie keeps the key of a POST for an hour (overview/api-idempotency.rst; earlier editions: a day)."""


def done(answer: Answer, _operation: Operation | None, correlation_id: str | None) -> Result:
    """Of a change that is answered with what it changed, which isn't read; 204: there is nothing to show."""
    if answer.status not in {200, 201, 204}:
        return Unknown(f"http_{answer.status}", correlation_id, answer.status)
    return Succeeded(correlation_id=correlation_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MollieOperation:
    """`name`: of the row in `domain.operations`.

    `freeze`: None for a read. `limits`: by event, what Mollie wouldn't take of its data. `key_seconds`: how long a repeat is trusted
    to be recognised, from the first send; 0: it has no key (PATCH and DELETE). `keeps_reference`: what it makes bears our id.
    `ways`: of an operation that `placed` asks for, which fields of `payment` name it, each set of them.
    `names_profile`: with an access token its body names the profile.
    `shows`: whether a read shows what its request asked for. `notified`: the request, asking for notifications at addresses of ours.
    """

    name: OperationType
    freeze: Freeze | None
    limits: Mapping[type[Data], Callable[[Any], Messages]] = field(default_factory=dict)
    success: Success = done
    key_seconds: float = 0.0
    keeps_reference: bool = False
    names_profile: bool = False
    shows: Callable[[Request, Snapshot], bool | None] | None = None
    notified: Callable[[Request, NotifiedAt], Request] | None = None
    ways: tuple[frozenset[str], ...] = ()

    @property
    def reads(self) -> bool:
        return self.freeze is None
