"""Orders for people to read."""

from msgspec.structs import replace

from ordersaga.domain.model.order import Details, Key
from ordersaga.operating.errors import OperatingError
from ordersaga.store.reads import OrderView
from ordersaga.store.store import Store


async def show_order(store: Store, key: Key) -> OrderView:
    """The order with its journal, without its details, which may be personal data. Raises OperatingError."""
    shown = await store.show_order(key)
    if shown is None:
        raise OperatingError(f"there is no {key.kind} {key.subject!r} of merchant {key.merchant!r}")
    return replace(shown, order=replace(shown.order, details=Details()))
