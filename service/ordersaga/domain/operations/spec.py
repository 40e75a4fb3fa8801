"""One row of the table of operations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.deciding.proofs import (
    Evidence,
)
from ordersaga.domain.model.events import (
    Data,
)
from ordersaga.domain.model.order import Operation, OperationType, Pending, Refusal
from ordersaga.domain.model.outcomes import CallKind
from ordersaga.domain.model.results import Rejected, Succeeded

Decide = Callable[[DecisionBuilder, Pending, Any], None]
Succeed = Callable[[DecisionBuilder, Operation, Succeeded], None]
Refuse = Callable[[DecisionBuilder, Operation, Refusal], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSpec:
    """One row.

    `call_kind`: of its request. `outcomes`: those that can tell its success, the usual one first. `beside_review`: its
    events don't wait for the provider's review. `after_rejection`: its events are decided for an order that was
    rejected, too. `without_order`: its events need no placed order; they name no provider. `creates_id`: the provider
    gives what it makes an id. `secret_id`: which is kept in the order's details alone. `only_reads`: it is a read,
    there is no request to freeze. `adopts`: a read in its name takes the provider's order over. `unread`: what it does
    when the provider refuses the read; it is still under way.
    `gives_way`: without an event that asks for it, it ends when one comes, and after some attempts.
    `gives_room`: it waits for the customer; events of an operation that `takes_room` are decided meanwhile.
    `leaves_rest`: its refusal doesn't end the steps that follow. `ends_by_read`: when a person says that it took effect,
    a read still has to show what the shop needs.
    """

    name: OperationType
    decides: Mapping[type[Data], Decide] = field(default_factory=dict)
    succeed: Succeed
    refuse: Refuse
    outcomes: tuple[str, ...]
    call_kind: CallKind = "changing"
    evidence: Evidence
    moves_money: bool = True
    beside_review: bool = False
    after_rejection: bool = False
    without_order: bool = False
    creates_id: bool = False
    secret_id: bool = False
    only_reads: bool = False
    adopts: bool = False
    gives_way: bool = False
    gives_room: bool = False
    takes_room: bool = False
    leaves_rest: bool = False
    ends_by_read: bool = False
    unread: Callable[[DecisionBuilder, Operation, Rejected], None] | None = None
