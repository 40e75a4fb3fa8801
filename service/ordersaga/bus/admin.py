"""Topics."""

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]  # it ships no types
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code  # type: ignore[import-untyped]  # as above

from ordersaga.bus.kafka import KafkaSettings, client_options

_DEADLINE: Final = 30.0  # seconds
_POLL: Final = 0.05  # seconds; a new topic takes a moment to be known
_BROKERS_DEFAULT: Final = -1


class KafkaUnavailable(Exception):  # noqa: N818 - it names a state
    """Kafka can't be reached, or refuses the login. Try again later."""


class TopicsMissingError(Exception):
    """Topics are missing and weren't to be created, or Kafka refused to create them. An operator has to create them."""


async def ensure_topics(settings: KafkaSettings, topics: Sequence[str], partitions: int | None = None) -> list[str]:
    """Creates the missing topics with so many partitions; None: creates none. Returns the topics that it created.

    Existing topics stay as they are. New ones have the brokers' default replication factor.
    Raises KafkaUnavailable or TopicsMissingError.
    """
    try:
        async with asyncio.timeout(_DEADLINE):
            return await _ensure(settings, topics, partitions)
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka at {settings.bootstrap}: {type(error).__name__}: {error}") from error


async def _ensure(settings: KafkaSettings, topics: Sequence[str], partitions: int | None) -> list[str]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        existing = await admin.list_topics()
        missing = [topic for topic in topics if topic not in existing]
        if not missing:
            return []
        if partitions is None:
            raise TopicsMissingError(
                f"Kafka at {settings.bootstrap} lacks the topics {', '.join(missing)}: create them"
            )
        answer = await admin.create_topics([_new(topic, partitions) for topic in missing])
        refused = [f"{topic} ({for_code(code).__name__})" for topic, code, *_ in answer.topic_errors if _failed(code)]
        if refused:
            raise TopicsMissingError(
                f"Kafka at {settings.bootstrap} refused to create {', '.join(refused)}: create them"
            )
        while not set(missing) <= set(await admin.list_topics()):  # noqa: ASYNC110 - Kafka has no event for it
            await asyncio.sleep(_POLL)
        return [topic for topic, code, *_ in answer.topic_errors if code == 0]
    finally:
        await admin.close()


def _new(topic: str, partitions: int) -> NewTopic:
    new = NewTopic(topic, partitions, 1)
    new.replication_factor = _BROKERS_DEFAULT  # the constructor of NewTopic refuses it
    return new


def _failed(code: int) -> bool:
    return code != 0 and for_code(code) is not TopicAlreadyExistsError
