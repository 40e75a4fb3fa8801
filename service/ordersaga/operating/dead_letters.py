"""Dead letters for people to read, and what is done to many of them in turn."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ordersaga.operating.errors import OperatingError
from ordersaga.store.dead_letters import Content, DeadLetterFilter, DeadLetterGroup, DeadLetterSummary, State
from ordersaga.store.errors import ConflictError, InputRefusedError, ReadableElsewhereError, UnreadableError
from ordersaga.store.store import Store

_PAGE: Final = 500


class NotDone(Struct, frozen=True):
    """A dead letter that stays open, and why."""

    id: UUID
    reason: str


class DoneInTurn(Struct, frozen=True):
    """How many were replayed or discarded."""

    done: int
    not_done: tuple[NotDone, ...]


async def list_dead_letters(
    store: Store, state: State, wanted: DeadLetterFilter, limit: int, after: UUID | None = None
) -> list[DeadLetterSummary]:
    """Newest first; `after`: the last one of the previous page."""
    return await store.list_dead_letters(state, limit, after, wanted)


async def group_dead_letters(store: Store, state: State, wanted: DeadLetterFilter, limit: int) -> list[DeadLetterGroup]:
    """By problem, the largest group first."""
    return await store.group_dead_letters(state, wanted, limit)


async def get_dead_letter(store: Store, dead_letter_id: UUID) -> tuple[DeadLetterSummary, Content]:
    """The content may be personal data. Raises OperatingError."""
    found = await store.get_dead_letter(dead_letter_id)
    if found is None:
        raise OperatingError(f"there is no dead letter {dead_letter_id}")
    return found


async def each_in_turn(
    store: Store,
    wanted: DeadLetterFilter,
    act: Callable[[UUID], Awaitable[object]],
    *,
    rate: float,
    most: int | None = None,
) -> DoneInTurn:
    """Acts on each open one that exists by now, oldest first, at most `rate` a second. One that fails stops no other.

    `most`: how many at most. Raises OperatingError, StoreUnavailableError.
    """
    if rate <= 0:
        raise OperatingError("the rate must be more than 0 a second")
    done, not_done = 0, list[NotDone]()
    following = time.monotonic()
    until = time.time() if wanted.until is None else wanted.until
    async for dead_letter_id in _open_ones(store, replace(wanted, until=until)):
        if most is not None and done + len(not_done) >= most:
            break
        await asyncio.sleep(following - time.monotonic())
        following = time.monotonic() + 1 / rate
        try:
            await act(dead_letter_id)
        except (OperatingError, UnreadableError, ReadableElsewhereError, InputRefusedError, ConflictError) as error:
            not_done.append(NotDone(dead_letter_id, str(error)))
        else:
            done += 1
    return DoneInTurn(done, tuple(not_done))


async def _open_ones(store: Store, wanted: DeadLetterFilter) -> AsyncIterator[UUID]:
    after = None
    while page := await store.open_dead_letters(wanted, _PAGE, after):
        for one in page:
            yield one
        after = page[-1]
