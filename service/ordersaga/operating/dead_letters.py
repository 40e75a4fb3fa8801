"""Dead letters for people to read."""

from uuid import UUID

from ordersaga.operating.errors import OperatingError
from ordersaga.store.dead_letters import Content, DeadLetterSummary, State
from ordersaga.store.store import Store


async def list_dead_letters(
    store: Store, state: State, limit: int, after: UUID | None = None
) -> list[DeadLetterSummary]:
    """Newest first; `after`: the last one of the previous page."""
    return await store.list_dead_letters(state, limit, after)


async def get_dead_letter(store: Store, dead_letter_id: UUID) -> tuple[DeadLetterSummary, Content]:
    """The content may be personal data. Raises OperatingError."""
    found = await store.get_dead_letter(dead_letter_id)
    if found is None:
        raise OperatingError(f"there is no dead letter {dead_letter_id}")
    return found
