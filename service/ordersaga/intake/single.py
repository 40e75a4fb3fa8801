"""One order's decision in a transaction of its own, as a person asks for it."""

from ordersaga.domain import saga
from ordersaga.domain.outcomes import Decision
from ordersaga.domain.terms import Rules
from ordersaga.outbox import outbox_row
from ordersaga.store.intake import Change, Intake
from ordersaga.store.rows import Clock, Row
from ordersaga.store.told import Told


async def write(tx: Intake, row: Row | None, decision: Decision, clock: Clock, rules: Rules, instance: str) -> None:
    """The order with its journal and outcomes. `row`: as it was locked, None for a new one."""
    order = decision.order
    told = Told(
        [(order.key, entry) for entry in decision.entries],
        [outbox_row(order.key, outcome, clock.epoch, instance) for outcome in decision.outcomes],
    )
    await tx.write([Change(order, row, saga.due(order, clock.now, rules))], told=told)
