"""The table of operations: one row for each thing that a provider can be asked to do.

A row says which event asks for it, what its success and its refusal do to the order, which outcome tells it, and what
proves that it took effect when its answer was lost. `saga` and the modules of `uncertainty` read the table; nothing
outside it asks for an operation's type by name.
"""

from collections.abc import Mapping
from typing import Final

from ordersaga.domain.deciding import claiming, waiting
from ordersaga.domain.deciding.builder import DecisionBuilder, Refused
from ordersaga.domain.deciding.proofs import (
    ByCheckoutRead,
    ByKey,
    ByReading,
    ByRepeating,
    ByTokenRead,
    Evidence,
    NoEvidence,
)
from ordersaga.domain.model.events import Data, Placed
from ordersaga.domain.model.order import Operation, OperationType, Pending
from ordersaga.domain.operations import changes, checkouts, customer_tokens, orders
from ordersaga.domain.operations.spec import OperationSpec

__all__ = [
    "DECIDED_BY",
    "OPERATIONS",
    "ByCheckoutRead",
    "ByKey",
    "ByReading",
    "ByRepeating",
    "ByTokenRead",
    "Evidence",
    "NoEvidence",
    "OperationSpec",
    "decide",
    "spec_of",
]


_ROWS: Final = (*orders.ROWS, *changes.ROWS, *customer_tokens.ROWS, *checkouts.ROWS)
OPERATIONS: Final[Mapping[OperationType, OperationSpec]] = {row.name: row for row in _ROWS}
DECIDED_BY: Final[Mapping[type[Data], OperationSpec]] = {event: row for row in _ROWS for event in row.decides}


def spec_of(operation: Operation) -> OperationSpec:
    return OPERATIONS[operation.type]


def gives_way(operation: Operation) -> bool:
    return operation.is_own and spec_of(operation).gives_way


def may_end_unknown(operation: Operation) -> bool:
    """Nobody has to find out whether it took effect."""
    evidence = spec_of(operation).evidence
    return isinstance(evidence, ByKey) and evidence.harmless


def decide(builder: DecisionBuilder, pending: Pending, data: Data) -> None:
    """Raises Hold and Refused."""
    row = DECIDED_BY[type(data)]
    claims = isinstance(data, Placed) and claiming.may_claim(builder.order, data)
    if not isinstance(data, Placed) and not row.without_order and not builder.terms.supports(row.name):
        raise Refused("unsupported_by_provider", f"{builder.order.provider} doesn't support {pending.cause.type}")
    if not row.beside_review and not claims:
        waiting.for_decision(builder)
    row.decides[type(data)](builder, pending, data)
