"""What a unit of work tells besides the orders it writes: each kind by one part of its one statement."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from ordersaga.domain.order import Key
from ordersaga.domain.outcomes import Entry
from ordersaga.store import dead_letters, journal, outbox, provider_ids
from ordersaga.store.dead_letters import DeadLetter
from ordersaga.store.rows import OutboxRow, ProviderId
from ordersaga.store.session import Part
from ordersaga.store.vault import Vault


class Told(Struct, frozen=True):
    """For the journal, the outbox (those of one order by sequence), the dead letters (none twice) and the provider's ids."""

    entries: Sequence[tuple[Key, Entry]] = ()
    outcomes: Sequence[OutboxRow] = ()
    letters: Sequence[DeadLetter] = ()
    ids: Sequence[ProviderId] = ()

    def parts(self, vault: Vault, join: str = "") -> Iterator[Part]:
        """`join` narrows all but the dead letters down."""
        if self.entries:
            yield journal.appended(self.entries, join)
        if self.outcomes:
            yield outbox.put(self.outcomes, join)
        if self.letters:
            yield dead_letters.buried(self.letters, vault)
        if self.ids:
            yield provider_ids.noted(self.ids, join)


NOTHING: Final = Told()
OF_WRITTEN: Final = "JOIN written USING (merchant, kind, subject)"
"""To the orders that another part of the statement, `written`, has written."""
