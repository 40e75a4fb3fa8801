"""The store as its users see it: units of work on one connection pool."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Self
from uuid import UUID

from ordersaga.domain.model.order import Key
from ordersaga.store import (
    attentions,
    checks,
    claims,
    dead_letters,
    heartbeats,
    hints,
    kept_results,
    listings,
    outbox,
    provider_ids,
    reads,
    upkeep,
)
from ordersaga.store.appended import AppendedRows
from ordersaga.store.codec import Codec
from ordersaga.store.engine import Engine
from ordersaga.store.intake import IntakeTransaction
from ordersaga.store.rows import Clock, Lease
from ordersaga.store.settle import SettledOrder, SettleTransaction, settle_if_unchanged
from ordersaga.store.vault import Vault


class Store:
    """Each method is one statement that commits by itself, unless it says otherwise, and raises only the store's errors.

    `topics`: those that the intake reads, which determine `Clock.input_watermark`; none: all that it ever read.
    """

    def __init__(self, engine: Engine, vault: Vault, topics: Sequence[str] = ()) -> None:
        self.engine: Final = engine
        self._vault: Final = vault
        self._codec: Final = Codec(vault)
        self._topics: Final = tuple(topics)

    async def open(self) -> list[str]:
        """Five statements. Returns the ids of master keys that the database knows and that are missing.

        Raises SchemaMissingError, OutdatedError, MasterKeyError, PoolerError, AccessDeniedError, or another StoreUnavailableError: then
        wait and open it again.
        """
        await checks.check_pooler(self.engine)
        async with self.engine.session("open") as session:
            await checks.check_tables(session)
            await checks.check_version(session)
            return await upkeep.record_master_keys(session, self._vault)

    async def open_for_reading(self) -> None:
        """One statement, which writes nothing: for what encrypts nothing. Raises MasterKeyError and as any statement."""
        async with self.engine.session("open") as session:
            await upkeep.check_master_keys(session, self._vault)

    async def close(self) -> None:
        await self.engine.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    # web

    async def hint(self, given: Sequence[hints.NewHint]) -> list[bool]:
        """Has the orders read that notifications name. Of each: whether it is of an order."""
        async with self.engine.session("hint") as session:
            return await hints.add(session, given)

    # intake

    @asynccontextmanager
    async def intake_transaction(self) -> AsyncIterator[IntakeTransaction]:
        """COMMIT at the end, ROLLBACK on an exception."""
        async with self.engine.transaction("intake") as session:
            yield IntakeTransaction(session, self._codec, self._vault, self._topics)

    async def offsets(self, topic: str) -> dict[int, int]:
        """The next offset to read of each partition. A partition that was never read is missing."""
        async with self.engine.session("intake") as session:
            return await upkeep.offsets(session, topic)

    async def record_caught_up(self, ends: Sequence[upkeep.PartitionEnd], ago: float) -> list[upkeep.PartitionEnd]:
        """`ago`: how many seconds ago Kafka said that these are the ends.

        Returns those that are recorded: not of a partition whose offset isn't the one that its consumer knows.
        """
        async with self.engine.session("intake") as session:
            return await upkeep.record_caught_up(session, ends, ago)

    # leases

    async def claim(self, free: Sequence[claims.FreeSlots], owner: str, lease_seconds: float) -> claims.Claimed:
        """Leases orders that are due and not leased, the longest due first. Skips orders that are locked or paused."""
        async with self.engine.session("claim") as session:
            return await claims.claim(session, free, owner, lease_seconds, self._codec, self._vault, self._topics)

    async def keep_results(self, results: Sequence[kept_results.UnsettledResult]) -> set[Key]:
        """Ends leases whose results this process can't settle; the orders are due at once. Not in the result: lost leases."""
        async with self.engine.session("keep_results") as session:
            return await kept_results.keep(session, results, self._vault)

    async def prune_kept_results(self, older_than: float) -> None:
        async with self.engine.session("upkeep") as session:
            await kept_results.prune(session, older_than)

    async def hand_back(self, leases: Sequence[claims.HandBack]) -> set[Key]:
        """Ends leases under which no call was made; the orders are due at once. Not in the result: leases that were lost."""
        async with self.engine.session("hand_back") as session:
            return await claims.hand_back(session, leases)

    async def set_aside(self, aside: Sequence[claims.Aside]) -> set[Key]:
        """Ends leases of orders that can't be processed, and raises an attention. Not in the result: leases that were lost."""
        async with self.engine.session("set_aside") as session:
            return await claims.set_aside(session, aside)

    @asynccontextmanager
    async def settle_transaction(self) -> AsyncIterator[SettleTransaction]:
        """COMMIT at the end, ROLLBACK on an exception."""
        async with self.engine.transaction("settle") as session:
            yield SettleTransaction(session, self._codec, self._vault, self._topics)

    async def settle_if_unchanged(
        self, settled: Sequence[SettledOrder], owner: str, lease_seconds: float, appended: AppendedRows, epoch: int
    ) -> tuple[Clock, dict[Key, Lease | None]]:
        """Writes the orders whose rows are still as known, in that epoch, and what is appended for them.

        Returns those: a Lease where `keep`. The others need `settle_transaction`. Each order once, with the token of its lease.
        """
        async with self.engine.session("settle") as session:
            return await settle_if_unchanged(
                session, settled, owner, lease_seconds, appended, epoch, self._codec, self._vault, self._topics
            )

    # relay

    async def take_shards(self, owner: str, lease_seconds: float) -> list[int]:
        """Takes or keeps a fair share of the shards, by the number of live relays. Call it again well before the lease ends.

        Call it while nothing is being published: it may give a shard to another relay.
        """
        async with self.engine.session("relay") as session:
            return await outbox.take_shards(session, owner, lease_seconds)

    async def leave_shards(self, owner: str) -> None:
        async with self.engine.session("relay") as session:
            await outbox.leave(session, owner)

    async def read_outbox(
        self,
        shards: Sequence[int],
        limit: int,
        published: Sequence[int] = (),
        owner: str = "",
        epoch: int | None = None,
    ) -> list[outbox.UnpublishedOutcome]:
        """The oldest rows of the shards, in order of id. Deletes those `published` that are in shards of the owner.

        `epoch`: in which these were read; in another one they stay, and are read again. None: in this one.
        """
        async with self.engine.session("relay") as session:
            return await outbox.read(session, shards, limit, published, owner, epoch)

    async def delete_outbox(self, ids: Sequence[int], owner: str, epoch: int | None = None) -> int:
        """How many were deleted: only those in shards that the owner still has, and in the epoch in which they were read."""
        async with self.engine.session("relay") as session:
            return await outbox.delete(session, ids, owner, epoch)

    # dead letters

    async def list_dead_letters(
        self,
        state: dead_letters.State = "open",
        limit: int = 100,
        after: UUID | None = None,
        wanted: dead_letters.DeadLetterFilter = dead_letters.ANY,
    ) -> list[dead_letters.DeadLetterSummary]:
        """Newest first; `after`: the last one of the previous page."""
        async with self.engine.session("inspect") as session:
            return await dead_letters.list_summaries(session, state, wanted, limit, after)

    async def open_dead_letters(
        self, wanted: dead_letters.DeadLetterFilter, limit: int, after: UUID | None = None
    ) -> list[UUID]:
        """Their ids, oldest first; `after`: the last one of the previous page."""
        async with self.engine.session("inspect") as session:
            return await dead_letters.open_ids(session, wanted, limit, after)

    async def group_dead_letters(
        self, state: dead_letters.State, wanted: dead_letters.DeadLetterFilter, limit: int = 100
    ) -> list[dead_letters.DeadLetterGroup]:
        """By problem, the largest group first."""
        async with self.engine.session("inspect") as session:
            return await dead_letters.groups(session, state, wanted, limit)

    async def get_dead_letter(
        self, dead_letter_id: UUID
    ) -> tuple[dead_letters.DeadLetterSummary, dead_letters.Content] | None:
        """With its content. Raises UnreadableError."""
        async with self.engine.session("inspect") as session:
            return await dead_letters.get(session, dead_letter_id, self._vault)

    # attentions

    async def list_attentions(
        self, wanted: attentions.AttentionFilter, limit: int = 100
    ) -> list[attentions.AttentionRow]:
        """The longest open first."""
        async with self.engine.session("inspect") as session:
            return await attentions.list_rows(session, wanted, limit)

    async def get_attention(self, attention_id: int) -> attentions.AttentionRow | None:
        async with self.engine.session("inspect") as session:
            return await attentions.get(session, attention_id)

    # reads and upkeep

    async def show_order(self, key: Key) -> reads.OrderView | None:
        """Two statements. Raises UnreadableError."""
        async with self.engine.session("inspect") as session:
            return await reads.show(session, key, self._codec)

    async def list_orders(self, wanted: listings.OrderFilter, limit: int = 100) -> list[listings.OrderSummary]:
        """By merchant, kind and the shop's id."""
        async with self.engine.session("inspect") as session:
            return await listings.list_orders(session, wanted, limit)

    async def find_keys(self, name: str, providers: Sequence[str]) -> list[Key]:
        """Of orders with this id: the shop's, the provider's (of the order, a capture or a refund), or a dead letter's."""
        async with self.engine.session("inspect") as session:
            return await listings.find_keys(session, name, providers)

    async def find(self, merchant: str, provider: str, provider_id: str) -> Key | None:
        """The order that an id at the provider belongs to."""
        async with self.engine.session("inspect") as session:
            return await provider_ids.find(session, merchant, provider, provider_id)

    async def stuck(self, limit: int = 100) -> list[Key]:
        """Unfinished orders that aren't due and have neither an attention nor a dead letter: there should be none (I8)."""
        async with self.engine.session("inspect") as session:
            return await reads.stuck(session, limit)

    async def statistics(self, late: float = 60.0) -> reads.Statistics:
        async with self.engine.session("inspect") as session:
            return await reads.statistics(session, late)

    async def raise_epoch(self) -> int:
        """For a database that was restored from a backup. Returns the new epoch."""
        async with self.engine.session("upkeep") as session:
            return await upkeep.raise_epoch(session)

    async def raise_epoch_beyond(self, known: int) -> int | None:
        """For a database that lacks what was written in the epoch `known`. None: another process has raised it."""
        async with self.engine.session("upkeep") as session:
            return await heartbeats.raise_epoch_beyond(session, known)

    async def beat(self, owner: str, last: heartbeats.Beat) -> heartbeats.Heard:
        """Shows that the process is alive, and whether the database still has its last beat; if not, raises the epoch.

        One statement; a second one when the last older process has gone, from when on none may write.
        """
        async with self.engine.session("upkeep") as session:
            return await heartbeats.beat(session, owner, last, self._codec.key_ids)

    async def prune_heartbeats(self, older_than: float) -> None:
        """Deletes those of processes that have ended."""
        async with self.engine.session("upkeep") as session:
            await heartbeats.prune(session, older_than)

    async def prune_inbox(self, older_than: float, batch: int = 1_000) -> int:
        """Deletes up to `batch` inputs that were taken in more than `older_than` seconds ago. Returns how many."""
        async with self.engine.session("upkeep") as session:
            return await upkeep.prune_inbox(session, older_than, batch)

    async def pause(self, by: str, merchant: str = upkeep.ALL, provider: str = upkeep.ALL) -> None:
        """No more claims for this merchant and provider. Calls that are under way end and are settled."""
        async with self.engine.session("upkeep") as session:
            await upkeep.pause(session, claims.CALLS, merchant, provider, by)

    async def resume(self, by: str, merchant: str = upkeep.ALL, provider: str = upkeep.ALL) -> bool:
        """Ends the pause of the same merchant and provider: a pause of all can't be ended for one. False: there is none."""
        async with self.engine.session("upkeep") as session:
            return await upkeep.end_pause(session, claims.CALLS, merchant, provider, by)

    async def paused(self) -> list[upkeep.Switch]:
        async with self.engine.session("inspect") as session:
            return await upkeep.paused(session)
