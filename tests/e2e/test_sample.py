"""The sample of a real shop, from Kafka to the provider and back, with the expected results."""

import asyncio
import os
import sys
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ordersaga_local.process import free_port

from .conftest import Opening
from .play import PROVIDER, ROOT, slice_of_sample


def broken_promises(port: int) -> dict[str, float]:
    """The invariant violations that the service counts."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    samples = [sample for family in families for sample in family.samples]
    counted = [one for one in samples if one.name == "ordersaga_invariant_violations_total"]
    assert len(counted) == 10
    return {one.labels["invariant"]: one.value for one in counted if one.value}


async def test_histories_of_every_kind_end_as_worked_out_and_every_penny_is_accounted_for(opened: Opening) -> None:
    events, expected = slice_of_sample(8)
    port = free_port()
    async with opened() as play:
        play.sandbox.control("switches", "PUT", PROVIDER)
        play.service(ORDERSAGA_METRICS_PORT=str(port))
        await play.publish(events)
        await play.ended(len(expected.events(final=True)), 120)  # thousands of events: on a busy machine it takes long
        assert await play.inconsistencies(expected) == []
        assert await asyncio.to_thread(broken_promises, port) == {}


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
