"""What a person does with an operation that is stuck: say what became of it, or have it looked for once more."""

from collections.abc import Container

from ordersaga.domain import saga
from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Decision
from ordersaga.domain.uncertainty.manual import ENDING, JOURNALLED, NotSettledError, TookEffect, Verdict
from ordersaga.operating import one_order
from ordersaga.rulebook import Rulebook
from ordersaga.store.intake import Intake
from ordersaga.store.reads import Shown
from ordersaga.store.rows import ProviderId
from ordersaga.store.store import Store


class ManualSettlement:
    """`merchants` are those that are configured."""

    def __init__(self, store: Store, merchants: Container[str], rulebook: Rulebook, instance: str) -> None:
        self._store = store
        self._merchants = merchants
        self._rulebook = rulebook
        self._instance = instance

    async def settle(self, key: Key, operation_id: str, verdict: Verdict, by: str) -> Decision:
        """In one transaction. Raises NotSettledError; then nothing was changed."""
        if key.merchant not in self._merchants:
            raise NotSettledError(key, "its merchant isn't configured")
        _refuse_if_ended(key, await self._store.show_order(key), operation_id)
        async with self._store.taking_in() as tx:
            heard, locked = await tx.look([], [key])
            row, clock = locked[key], heard.clock
            if row.leased:
                raise NotSettledError(key, "a worker has it in its hands: say it again in a minute")
            rules = self._rulebook.of(key.merchant)
            decision = saga.settle_manually(row.order, operation_id, verdict, by, clock.now, rules)
            if isinstance(verdict, TookEffect) and verdict.provider_id is not None:
                await self._claim(tx, row.order, verdict.provider_id)
            await one_order.write(tx, row, decision, clock, rules, self._instance)
        return decision

    async def _claim(self, tx: Intake, order: Order, provider_id: str) -> None:
        """An id that another order has isn't this one's, unless it was named for that by mistake."""
        one = ProviderId(order.key, order.provider, provider_id, order.operations[0].type)
        owner = await tx.claim_id(one)
        if owner == order.key:
            return
        shown = await self._store.show_order(owner)
        if shown is not None and provider_id in shown.order.provider_ids:
            raise NotSettledError(order.key, f"{provider_id!r} is order {owner.subject!r}'s: look its own id up")
        await tx.move_id(one)


def _refuse_if_ended(key: Key, shown: Shown | None, operation_id: str) -> None:
    if shown is None:
        raise NotSettledError(key, "there is no such order")
    if any(operation.id == operation_id for operation in shown.order.operations):
        return
    of_it = [entry for entry in shown.journal if entry.operation_id == operation_id]
    for entry in of_it:
        if entry.what == JOURNALLED and entry.name in ENDING:
            said = f"{entry.name}: {entry.note}"
            raise NotSettledError(key, f"{operation_id} was settled by hand before ({said}); nothing was changed")
    if of_it:
        raise NotSettledError(key, f"{operation_id} has ended; `ordersaga order show` says how. Nothing was changed")
