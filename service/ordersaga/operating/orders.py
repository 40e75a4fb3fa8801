"""Orders for people to read."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from ordersaga.domain.model.order import Details, Key
from ordersaga.operating.errors import OperatingError
from ordersaga.operating.formats import named
from ordersaga.store.dead_letters import DeadLetterFilter, DeadLetterSummary
from ordersaga.store.listings import OrderFilter, OrderSummary
from ordersaga.store.reads import OrderView
from ordersaga.store.store import Store


async def list_orders(
    store: Store, wanted: OrderFilter, limit: int, name: str | None = None, providers: Sequence[str] = ()
) -> list[OrderSummary]:
    """By merchant and the shop's id. `name`: only those with this id, the shop's, the provider's or a dead letter's."""
    if name is not None:
        wanted = replace(wanted, keys=tuple(await store.find_keys(name, providers)))
    return await store.list_orders(wanted, limit)


async def find_order(store: Store, name: str, merchant: str | None, providers: Sequence[str]) -> Key:
    """The one order with this id, as in `list_orders`. Raises OperatingError if there is none, or several."""
    found = [key for key in await store.find_keys(name, providers) if merchant in {None, key.merchant}]
    if not found:
        of_merchant = "" if merchant is None else f" of merchant {merchant!r}"
        raise OperatingError(f"there is no order with the id {name!r}{of_merchant}")
    if len(found) > 1:
        listed = ", ".join(f"{key.kind} {key.subject!r} of merchant {key.merchant!r}" for key in found)
        raise OperatingError(f"several orders have the id {name!r}: {listed}. Name the merchant, or the shop's id")
    return found[0]


async def read_order(store: Store, key: Key) -> OrderView:
    """The order with its journal and its details: to decide by, not to be shown. Raises OperatingError."""
    shown = await store.show_order(key)
    if shown is None:
        raise OperatingError(f"there is no {key.kind} {key.subject!r} of merchant {key.merchant!r}")
    return shown


async def show_order(store: Store, key: Key) -> OrderView:
    """The order with its journal, without its details, which may be personal data. Raises OperatingError."""
    shown = await read_order(store, key)
    return replace(shown, order=replace(shown.order, details=Details()))


async def open_dead_letters(store: Store, key: Key) -> list[DeadLetterSummary]:
    """Those of the order, newest first, at most 100."""
    wanted = DeadLetterFilter(merchant=key.merchant, subject=key.subject)
    return await store.list_dead_letters("open", wanted=wanted)


def with_names(view: OrderView, dead_letters: Sequence[DeadLetterSummary]) -> dict[str, Any]:
    """For JSON: every field by its name, with what follows from them, and without the details."""
    shown: dict[str, Any] = named(view)
    order = view.order
    del shown["order"]["details"]
    shown["order"] |= {"remaining": order.remaining, "refundable": order.refundable}
    return shown | {"dead_letters": [str(one.id) for one in dead_letters]}
