"""Rows that a unit of work appends besides the orders it writes: each kind is one part of its one statement."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Entry
from ordersaga.store import dead_letters, journal, outbox, provider_ids
from ordersaga.store.dead_letters import DeadLetter
from ordersaga.store.rows import OutboxRow, ProviderId
from ordersaga.store.session import Part
from ordersaga.store.vault import Vault


class AppendedRows(Struct, frozen=True):
    """Rows of the journal, the outbox (those of one order by sequence), the dead letters and the provider ids."""

    entries: Sequence[tuple[Key, Entry]] = ()
    outcomes: Sequence[OutboxRow] = ()
    dead_letters: Sequence[DeadLetter] = ()
    provider_ids: Sequence[ProviderId] = ()

    def parts(self, vault: Vault, condition: str = "") -> Iterator[Part]:
        """`condition`: a WHERE clause for all but the dead letters."""
        if self.entries:
            yield journal.insert_journal(self.entries, condition)
        if self.outcomes:
            yield outbox.insert_outbox(self.outcomes, condition)
        if self.dead_letters:
            yield dead_letters.insert_dead_letters(self.dead_letters, vault)
        if self.provider_ids:
            yield provider_ids.insert_provider_ids(self.provider_ids, condition)


NO_ROWS: Final = AppendedRows()
IF_UNCHANGED: Final = (
    "WHERE ((g.merchant, g.kind, g.subject) IN (SELECT u.merchant, u.kind, u.subject FROM unchanged AS u)) IS TRUE"
)
"""Only the rows of orders that the part `unchanged` of the same statement has.

Without IS TRUE Postgres, which expects few rows, would compare each row with each order: it hashes them thus.
"""
