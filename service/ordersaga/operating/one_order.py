"""One order's decision, written in the transaction of the request that asks for it."""

from ordersaga.domain import saga
from ordersaga.domain.model.outcomes import Decision
from ordersaga.domain.model.terms import Rules
from ordersaga.outbox import outbox_row
from ordersaga.store.appended import AppendedRows
from ordersaga.store.attentions import ITSELF
from ordersaga.store.intake import Change, IntakeTransaction
from ordersaga.store.rows import Clock, Row


async def write_decision(
    tx: IntakeTransaction,
    row: Row | None,
    decision: Decision,
    clock: Clock,
    rules: Rules,
    instance: str,
    by: str = ITSELF,
) -> None:
    """The order with its journal and outcomes. `row`: as it was locked, None for a new order. `by`: who resolves attentions."""
    order = decision.order
    appended = AppendedRows(
        [(order.key, entry) for entry in decision.entries],
        [outbox_row(order.key, outcome, clock.epoch, instance) for outcome in decision.outcomes],
    )
    due, kind = saga.due_call(order, clock.now, rules)
    change = Change(order, row, due, kind=kind, by=by)
    await tx.write([change], appended=appended)
