"""The store as the roles see it: units of work over one pool."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Self
from uuid import UUID

from ordersaga.domain.model.order import Key
from ordersaga.store import claims, dead_letters, outbox, provider_ids, reads, upkeep
from ordersaga.store.appended import AppendedRows
from ordersaga.store.codec import Codec
from ordersaga.store.engine import Engine
from ordersaga.store.intake import Intake
from ordersaga.store.rows import Clock, Lease
from ordersaga.store.settle import Settled, Settlement, settle_known
from ordersaga.store.vault import Vault


class Store:
    """Each method is one statement that commits by itself, unless it says otherwise; all raise the store's errors only.

    `topics`: those that are taken in, by which `Clock.input_watermark` goes; none: all that were ever.
    """

    def __init__(self, engine: Engine, vault: Vault, topics: Sequence[str] = ()) -> None:
        self.engine: Final = engine
        self._vault: Final = vault
        self._codec: Final = Codec(vault)
        self._topics: Final = tuple(topics)

    async def open(self) -> list[str]:
        """Two statements; the ids of master keys that the database knows and that aren't given.

        Raises SchemaMissingError, MasterKeyError, or StoreUnavailableError: then wait and open again.
        """
        async with self.engine.session("open") as session:
            return await upkeep.prove(session, self._vault)

    async def close(self) -> None:
        await self.engine.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    # intake

    @asynccontextmanager
    async def taking_in(self) -> AsyncIterator[Intake]:
        """One transaction: COMMIT at the end, ROLLBACK on an exception."""
        async with self.engine.transaction("intake") as session:
            yield Intake(session, self._codec, self._vault, self._topics)

    async def offsets(self, topic: str) -> dict[int, int]:
        """Where each partition is to be read on from. One that is missing was never read."""
        async with self.engine.session("intake") as session:
            return await upkeep.offsets(session, topic)

    async def caught_up(self, partitions: Sequence[upkeep.AtEnd], ago: float) -> None:
        """`ago`: how many seconds ago it was seen that nothing is left to take in."""
        async with self.engine.session("intake") as session:
            await upkeep.caught_up(session, partitions, ago)

    # leases

    async def claim(self, bulkheads: Sequence[claims.Bulkhead], owner: str, lease_seconds: float) -> claims.Claimed:
        """Leases orders that are due and that nobody has, the longest due first; skips what is locked or paused."""
        async with self.engine.session("claim") as session:
            return await claims.claim(session, bulkheads, owner, lease_seconds, self._codec, self._topics)

    async def hand_back(self, unsent: Sequence[claims.HandBack]) -> set[Key]:
        """Ends leases under which nothing was sent: due at once, as if they hadn't been given. Those absent were lost."""
        async with self.engine.session("hand_back") as session:
            return await claims.hand_back(session, unsent)

    async def set_aside(self, aside: Sequence[claims.Aside]) -> set[Key]:
        """Ends leases of orders that can't be worked on, each with its reason as attention. Those absent were lost."""
        async with self.engine.session("set_aside") as session:
            return await claims.set_aside(session, aside)

    @asynccontextmanager
    async def settling(self) -> AsyncIterator[Settlement]:
        """One transaction: COMMIT at the end, ROLLBACK on an exception."""
        async with self.engine.transaction("settle") as session:
            yield Settlement(session, self._codec, self._vault, self._topics)

    async def settle(
        self, settled: Sequence[Settled], owner: str, lease_seconds: float, told: AppendedRows, epoch: int
    ) -> tuple[Clock, dict[Key, Lease | None] | None]:
        """Writes all of it if all rows are still as they were known, in that epoch. None: they aren't, use `settling`.

        A Lease where `keep`. Each order once, with the token of its lease.
        """
        async with self.engine.session("settle") as session:
            return await settle_known(
                session, settled, owner, lease_seconds, told, epoch, self._codec, self._vault, self._topics
            )

    # relay

    async def take_shards(self, owner: str, lease_seconds: float) -> list[int]:
        """Keeps or takes a fair share of the shards, by the number of relays that live. Ask again well within the lease.

        Call it while nothing is under way: a shard may go to another relay by it.
        """
        async with self.engine.session("relay") as session:
            return await outbox.take_shards(session, owner, lease_seconds)

    async def leave_shards(self, owner: str) -> None:
        async with self.engine.session("relay") as session:
            await outbox.leave(session, owner)

    async def read_outbox(
        self, shards: Sequence[int], limit: int, sent: Sequence[int] = (), owner: str = ""
    ) -> list[outbox.Unsent]:
        """The oldest rows of the shards, in order of id; those `sent` are left out, and deleted in shards of the owner's."""
        async with self.engine.session("relay") as session:
            return await outbox.read(session, shards, limit, sent, owner)

    async def delete_outbox(self, ids: Sequence[int], owner: str) -> int:
        """How many were deleted: only those in shards that are still the owner's."""
        async with self.engine.session("relay") as session:
            return await outbox.delete(session, ids, owner)

    # dead letters

    async def list_dead_letters(
        self, state: dead_letters.State = "open", limit: int = 100, after: UUID | None = None
    ) -> list[dead_letters.Listed]:
        """Newest first; `after`: the last one of the page before."""
        async with self.engine.session("inspect") as session:
            return await dead_letters.listed(session, state, limit, after)

    async def get_dead_letter(self, letter: UUID) -> tuple[dead_letters.Listed, dead_letters.Content] | None:
        """With its content. Raises UnreadableError."""
        async with self.engine.session("inspect") as session:
            return await dead_letters.get(session, letter, self._vault)

    # people and timers

    async def show_order(self, key: Key) -> reads.Shown | None:
        """Two statements. Raises UnreadableError."""
        async with self.engine.session("inspect") as session:
            return await reads.show(session, key, self._codec)

    async def find(self, merchant: str, provider: str, provider_id: str) -> Key | None:
        """The order that an id of the provider belongs to."""
        async with self.engine.session("inspect") as session:
            return await provider_ids.find(session, merchant, provider, provider_id)

    async def stuck(self, limit: int = 100) -> list[Key]:
        """Orders that are neither at rest nor due, without an attention or dead letter: there are none (I8)."""
        async with self.engine.session("inspect") as session:
            return await reads.stuck(session, limit)

    async def figures(self, late: float = 60.0) -> reads.Figures:
        async with self.engine.session("inspect") as session:
            return await reads.figures(session, late)

    async def restored(self) -> int:
        """After a restore from a backup: raises the epoch, and gives the new one."""
        async with self.engine.session("upkeep") as session:
            return await upkeep.restored(session)

    async def forget_inbox(self, older_than: float, batch: int = 1_000) -> int:
        """Deletes up to `batch` inputs that were taken in more than `older_than` seconds ago; how many they were."""
        async with self.engine.session("upkeep") as session:
            return await upkeep.forget_inbox(session, older_than, batch)

    async def pause(self, by: str, merchant: str = upkeep.ALL, provider: str = upkeep.ALL) -> None:
        """No more claims for these lanes. Calls that are under way end and are settled."""
        async with self.engine.session("upkeep") as session:
            await upkeep.switch(session, claims.CALLS, merchant, provider, by, paused=True)

    async def resume(self, by: str, merchant: str = upkeep.ALL, provider: str = upkeep.ALL) -> None:
        """Undoes the pause of the same words: a pause of all isn't undone for one."""
        async with self.engine.session("upkeep") as session:
            await upkeep.switch(session, claims.CALLS, merchant, provider, by, paused=False)

    async def paused(self) -> list[upkeep.Switch]:
        async with self.engine.session("inspect") as session:
            return await upkeep.paused(session)
