"""Work on the records of a batch, in slices between which the event loop goes on."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Final, TypeVar

from ordersaga.bus.records import Record
from ordersaga.intake.inputs import Batch, Input

_SLICE: Final = 64 * 1024  # bytes of records, which take some milliseconds
_LARGE: Final = 512 * 1024  # bytes of a record
_MAX_DECIDING: Final = 10.0  # seconds for a batch; Postgres ends a transaction that idles for its statement timeout

_T = TypeVar("_T")


class TooSlowError(Exception):
    """Deciding takes too long: the batch is halved, as if it had failed."""


def slices(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Runs of records that are small together."""
    part: list[Record] = []
    size = 0
    for record in records:
        size += len(record.value or b"")
        if part and size > _SLICE:
            yield part
            part, size = [], len(record.value or b"")
        part.append(record)
    if part:
        yield part


async def aside(part: Sequence[Record], work: Callable[[], _T]) -> _T:
    """The event loop, and with it every other order, goes on between the slices; beside a large record in a thread.

    Threads for all would cost a tenth more: the interpreter's lock goes to and fro.
    """
    if len(part) == 1 and len(part[0].value or b"") > _LARGE:
        return await asyncio.to_thread(work)
    await asyncio.sleep(0)
    return work()


def within_time_limit(batch: Batch) -> Iterator[tuple[Record, Input]]:
    """One input after the other. Raises TooSlowError once they have taken too long."""
    until = monotonic() + _MAX_DECIDING
    for one in batch:
        yield one
        if monotonic() > until:
            raise TooSlowError
