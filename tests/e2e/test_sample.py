"""The sample of a real shop, from Kafka to the provider and back: what its maker worked out is what comes."""

import asyncio
import os
import sys

import pytest

from .conftest import Opening
from .play import ROOT, slice_of_sample

REVIEW = {"pending_decision": "ACCEPTED", "pending_decision_after": 1}


async def test_histories_of_every_kind_end_as_worked_out_and_every_penny_is_accounted_for(opened: Opening) -> None:
    events, expected = slice_of_sample(8)
    async with opened() as play:
        play.sandbox.control("switches", "PUT", REVIEW)
        play.service()
        await play.publish(events)
        await play.ended(len(expected.events(final=True)))
        assert await play.amiss(expected) == []


@pytest.mark.long
async def test_the_demo_ends_well_with_the_whole_sample() -> None:
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ordersaga_local.demo"),
        cwd=ROOT,
        env={**os.environ, "ONCE": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await demo.communicate()
    assert demo.returncode == 0, told.decode()
