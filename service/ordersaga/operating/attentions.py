"""Attentions: open requests to an operator, listed, shown and resolved."""

from collections.abc import Container

from msgspec import Struct

from ordersaga.domain import saga
from ordersaga.domain.model.outcomes import Decision
from ordersaga.domain.uncertainty.manual import NotSettledError
from ordersaga.operating.errors import OperatingError
from ordersaga.operating.one_order import write_decision
from ordersaga.rulebook import Rulebook
from ordersaga.store.attentions import AttentionFilter, AttentionRow
from ordersaga.store.store import Store


class Resolved(Struct, frozen=True):
    """`continues`: the order is due again, or waits for nobody. `left`: reasons of the attentions that are still open."""

    attention: AttentionRow
    continues: bool
    left: tuple[str, ...]


async def list_attentions(store: Store, wanted: AttentionFilter, limit: int) -> list[AttentionRow]:
    """The longest open first."""
    return await store.list_attentions(wanted, limit)


async def get_attention(store: Store, attention_id: int) -> AttentionRow:
    """Raises OperatingError."""
    found = await store.get_attention(attention_id)
    if found is None:
        raise OperatingError(f"there is no attention {attention_id}")
    return found


class Attentions:
    """`merchants`: those that are configured."""

    def __init__(self, store: Store, merchants: Container[str], rulebook: Rulebook, instance: str) -> None:
        self._store = store
        self._merchants = merchants
        self._rulebook = rulebook
        self._instance = instance

    async def resolve(self, attention_id: int, by: str) -> Resolved:
        """Closes it in one transaction; an order that it stopped goes on. Raises OperatingError."""
        found = await get_attention(self._store, attention_id)
        if found.until is not None:
            raise OperatingError(f"attention {attention_id} was already resolved by {found.resolved_by}")
        try:
            return await self._resolve(found, by)
        except NotSettledError as error:
            raise OperatingError(str(error)) from error

    async def _resolve(self, found: AttentionRow, by: str) -> Resolved:
        key = found.key
        if key.merchant not in self._merchants:
            raise NotSettledError(key, "its merchant isn't configured")
        async with self._store.intake_transaction() as tx:
            lookup, locked = await tx.look_up([], [key])
            row, clock = locked.get(key), lookup.clock
            if row is None:
                raise NotSettledError(key, "there is no such order")
            if row.leased and row.order.has_attention(found.reason):
                raise NotSettledError(key, "a worker is processing it: try again in a minute")
            rules = self._rulebook.of(key.merchant)
            decision = Decision(row.order)
            if row.order.has_attention(found.reason):
                decision = saga.resolve_attention(row.order, found.reason, by, clock.now, rules)
            elif not await tx.close_attention(found.id, by):
                raise NotSettledError(key, "the attention is no longer open")
            await write_decision(tx, row, decision, clock, rules, self._instance, by)
        order = decision.order
        stuck = any(operation.stage == "stuck" for operation in order.operations)
        return Resolved(found, not stuck, tuple(one.reason for one in order.attentions))
