"""What has to be recorded once after the database was restored from a backup."""

from msgspec import Struct

from ordersaga.store.store import Store


class Restored(Struct, frozen=True):
    """`epoch`: the new one, which the ids of outcomes contain."""

    epoch: int


async def record_restore(store: Store) -> Restored:
    """Starts a new epoch: operations of earlier events are read at the provider before their first call.

    Call it while no process of the service runs.
    """
    return Restored(await store.raise_epoch())
