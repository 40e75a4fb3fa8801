"""Topics on the real broker."""

from collections.abc import Callable

import pytest
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # it ships no types
from aiokafka.errors import InvalidTopicError  # type: ignore[import-untyped]  # as above

from ordersaga_local.admin import create_topics, partitions_of
from ordersaga_local.parts import Kafka


async def test_a_topic_that_the_broker_refuses_is_an_error(kafka: Kafka, topic_name: Callable[[str], str]) -> None:
    with pytest.raises(InvalidTopicError, match="topic not a name wasn't created"):
        await create_topics(kafka.bootstrap, topic_name("fine"), "not a name")


async def test_partitions_of_new_topics_are_found(kafka: Kafka, topic_name: Callable[[str], str]) -> None:
    names = [topic_name("one"), topic_name("two")]
    await create_topics(kafka.bootstrap, *names, partitions=3)
    wanted = [TopicPartition(name, partition) for name in names for partition in range(3)]
    assert sorted(await partitions_of(kafka.bootstrap, *names)) == wanted
