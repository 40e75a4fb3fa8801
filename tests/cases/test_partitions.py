"""Both topics get more partitions while the service runs.

Kafka's clients find out when they next ask for the topics' partitions, by default every 5 minutes: with the service as it
is, all events had ended 300 s after the partitions were added. Here it asks every 3 s.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions  # type: ignore[import-untyped]  # it ships no types

from e2e.play import Play, placed, shipped, until
from ordersaga_local.outcomes import following

from .conftest import Opening
from .files import case_of

CASE = case_of("partitions")
ORDERS = 60
YOUNG_METADATA = Path(__file__).with_name("young_metadata.py")


async def _add_partitions(play: Play, total: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=play.stage.kafka)
    await admin.start()
    try:
        topics = (play.stage.orders_topic, play.stage.outcomes_topic)
        await admin.create_partitions({topic: NewPartitions(total) for topic in topics})
    finally:
        await admin.close()


async def test_events_on_new_partitions_are_read_from_their_first_record(opened: Opening) -> None:
    assert CASE.action is not None
    async with opened(partitions=CASE.action["from"]) as play:
        service = play.service(script=YOUNG_METADATA)
        await play.publish(map(placed, map(str, range(ORDERS))))
        await play.ended(ORDERS)
        await _add_partitions(play, CASE.action["to"])
        added = time.monotonic()
        await play.publish(map(shipped, map(str, range(ORDERS))))
        stage = play.stage
        async with following(stage.kafka, stage.orders_topic, stage.outcomes_topic) as play.books:
            await until(lambda: len(play.books.finals) >= 2 * ORDERS, 30, service.text)
            print(f"all events had ended {time.monotonic() - added:.0f} s after the partitions were added")
            assert await play.dead_letter_codes() == Counter(), CASE.why
            assert await play.lives_amiss(ORDERS) == [], CASE.why
            assert await asyncio.to_thread(service.stop) == 0
