"""Between the slices of a batch the event loop goes on."""

import asyncio
import threading

import pytest

from ordersaga.bus.records import Record
from ordersaga.intake.slices import aside, slices


def record(size: int) -> Record:
    return Record("shop.orders", 0, 0, 0.0, b"1", b"x" * size)


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], []),
        ([0], [1]),
        ([70_000], [1]),
        ([1_000] * 65, [65]),
        ([1_000] * 66, [65, 1]),
        ([40_000, 40_000, 10_000], [1, 2]),
        ([10, 700_000, 10], [1, 1, 1]),
    ],
)
def test_a_slice_has_64_kb_or_one_record(sizes: list[int], parts: list[int]) -> None:
    records = [record(size) for size in sizes]
    found = list(slices(records))
    assert [len(part) for part in found] == parts
    assert [one for part in found for one in part] == records


async def test_before_each_slice_others_have_their_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for done in range(5):
        assert await aside([record(10)], lambda: turns) > done
    task.cancel()


@pytest.mark.parametrize(("sizes", "elsewhere"), [([600_000], True), ([500_000], False), ([10, 600_000], False)])
async def test_a_large_record_has_a_thread(sizes: list[int], elsewhere: bool) -> None:
    here = threading.get_ident()
    there = await aside([record(size) for size in sizes], threading.get_ident)
    assert (there != here) is elsewhere
