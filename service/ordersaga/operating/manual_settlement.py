"""Settles a stuck operation by hand: a person records its result, or has evidence looked for once more."""

from collections.abc import Container

from msgspec import Struct

from ordersaga.domain import saga
from ordersaga.domain.model.ids import token_name
from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Outcome
from ordersaga.domain.operations import spec_of
from ordersaga.domain.uncertainty.manual import ENDING, JOURNALLED, NotSettledError, TookEffect, Verdict
from ordersaga.operating.errors import OperatingError
from ordersaga.operating.one_order import write_decision
from ordersaga.rulebook import Rulebook
from ordersaga.store.intake import IntakeTransaction
from ordersaga.store.reads import OrderView
from ordersaga.store.rows import ProviderId
from ordersaga.store.store import Store


class SettledManually(Struct, frozen=True):
    """`ended`: the operation is over; otherwise the worker continues with it. `outcomes`: those that this caused."""

    ended: bool
    outcomes: tuple[Outcome, ...]


class ManualSettlement:
    """`merchants`: those that are configured."""

    def __init__(self, store: Store, merchants: Container[str], rulebook: Rulebook, instance: str) -> None:
        self._store = store
        self._merchants = merchants
        self._rulebook = rulebook
        self._instance = instance

    async def settle(self, key: Key, operation_id: str, verdict: Verdict, by: str) -> SettledManually:
        """In one transaction. Raises OperatingError."""
        try:
            return await self._settle(key, operation_id, verdict, by)
        except NotSettledError as error:
            raise OperatingError(str(error)) from error

    async def _settle(self, key: Key, operation_id: str, verdict: Verdict, by: str) -> SettledManually:
        if key.merchant not in self._merchants:
            raise NotSettledError(key, "its merchant isn't configured")
        _refuse_if_ended(key, await self._store.show_order(key), operation_id)
        async with self._store.intake_transaction() as tx:
            lookup, locked = await tx.look_up([], [key])
            row, clock = locked[key], lookup.clock
            if row.leased:
                raise NotSettledError(key, "a worker is processing it: try again in a minute")
            rules = self._rulebook.of(key.merchant)
            decision = saga.settle_manually(row.order, operation_id, verdict, by, clock.now, rules)
            if isinstance(verdict, TookEffect) and verdict.provider_id is not None and not _is_secret(row.order):
                await self._claim_id(tx, row.order, verdict.provider_id)
            if isinstance(verdict, TookEffect) and (token := decision.order.details.customer_token):
                await tx.claim_id(ProviderId(key, row.order.provider, token_name(token), "customer_token"))
            await write_decision(tx, row, decision, clock, rules, self._instance, by)
        under_way = {operation.id for operation in decision.order.operations}
        return SettledManually(operation_id not in under_way, decision.outcomes)

    async def _claim_id(self, tx: IntakeTransaction, order: Order, provider_id: str) -> None:
        """Another order's id can't be claimed, unless that order was only given it by mistake."""
        one = ProviderId(order.key, order.provider, provider_id, order.operations[0].type)
        owner = await tx.claim_id(one)
        if owner == order.key:
            return
        shown = await self._store.show_order(owner)
        if shown is not None and provider_id in shown.order.provider_ids:
            raise NotSettledError(
                order.key, f"{provider_id!r} belongs to order {owner.subject!r}: look up the id of this order"
            )
        await tx.move_id(one)


def _is_secret(order: Order) -> bool:
    return spec_of(order.operations[0]).secret_id


def _refuse_if_ended(key: Key, shown: OrderView | None, operation_id: str) -> None:
    if shown is None:
        raise NotSettledError(key, "there is no such order")
    if any(operation.id == operation_id for operation in shown.order.operations):
        return
    entries = [entry for entry in shown.journal if entry.operation_id == operation_id]
    for entry in entries:
        if entry.what == JOURNALLED and entry.name in ENDING:
            raise NotSettledError(
                key,
                f"{operation_id} was already settled by hand ({entry.name}: {entry.note}); nothing was changed",
            )
    if entries:
        raise NotSettledError(key, f"{operation_id} has ended; `ordersaga order show` shows how. Nothing was changed")
