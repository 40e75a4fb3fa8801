"""Databases and topics on the real parts."""

import asyncio
from typing import Final

import asyncpg
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # it ships no types
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]  # as above
from aiokafka.errors import TopicAlreadyExistsError, for_code  # type: ignore[import-untyped]  # as above

_LOOK_SECONDS: Final = 0.05


async def create_database(url: str, name: str, template: str | None = None) -> None:
    """`url` is of any other database on the server; nobody may be connected to `template`.

    The files are copied: without fsync that is four times as fast as through the log.
    """
    connection = await asyncpg.connect(url)
    try:
        source = _quoted(template or "template1")
        await connection.execute(f"CREATE DATABASE {_quoted(name)} TEMPLATE {source} STRATEGY FILE_COPY")
    finally:
        await connection.close()


async def drop_database(url: str, name: str) -> None:
    """Whoever is connected to it is thrown out."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")
    finally:
        await connection.close()


async def create_topics(bootstrap: str, *names: str, partitions: int = 8) -> None:
    """Topics that exist stay as they are; KafkaError names the one that the broker refuses."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
    finally:
        await admin.close()
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"topic {name} wasn't created")


async def delete_topics(bootstrap: str, *names: str) -> None:
    """Those that aren't there are passed over."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(list(names))
    finally:
        await admin.close()


async def partitions_of(bootstrap: str, *topics: str) -> list[TopicPartition]:
    """Waits until the broker knows the topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        while True:
            described = await admin.describe_topics(list(topics))
            if not any(topic["error_code"] for topic in described):
                break
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await admin.close()
    return [TopicPartition(topic["topic"], each["partition"]) for topic in described for each in topic["partitions"]]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
