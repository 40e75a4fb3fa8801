"""That a topic is there before a command waits for it."""

from ssl import SSLError

from ordersaga.bus.admin import KafkaUnavailable, TopicsMissingError, ensure_topics
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.cli.output import CommandError


async def must_exist(kafka: KafkaSettings, topic: str) -> None:
    """CommandError: Kafka can't be reached, or lacks it."""
    try:
        await ensure_topics(kafka, [topic])
    except (KafkaUnavailable, TopicsMissingError, SSLError, OSError) as error:
        raise CommandError(str(error)) from error
