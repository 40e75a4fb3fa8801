"""What a unit of work tells besides the orders it writes: each kind by one part of its one statement."""

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
    """For the journal, the outbox (those of one order by sequence), the dead letters (none twice) and the provider's ids."""

    entries: Sequence[tuple[Key, Entry]] = ()
    outcomes: Sequence[OutboxRow] = ()
    letters: Sequence[DeadLetter] = ()
    ids: Sequence[ProviderId] = ()

    def parts(self, vault: Vault, where: str = "") -> Iterator[Part]:
        """`where`: a condition for all but the dead letters."""
        if self.entries:
            yield journal.appended(self.entries, where)
        if self.outcomes:
            yield outbox.put(self.outcomes, where)
        if self.letters:
            yield dead_letters.dead_lettered(self.letters, vault)
        if self.ids:
            yield provider_ids.noted(self.ids, where)


NOTHING: Final = AppendedRows()
IF_SAME: Final = "WHERE (SELECT yes FROM same)"
"""If another part of the statement, `same`, says so."""
