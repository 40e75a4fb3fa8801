"""Kafka for a command."""

import logging
from ssl import SSLError

from ordersaga.bus.admin import KafkaUnavailable, TopicsMissingError, ensure_topics
from ordersaga.bus.kafka import KafkaSettings as Bus
from ordersaga.cli.connections import kafka_of
from ordersaga.cli.output import CommandError
from ordersaga.config import KafkaSettings
from ordersaga.telemetry import configure_logs


def quiet_logs() -> None:
    """From now on only warnings are logged, to stderr."""
    configure_logs("WARNING", "console")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # errors become a CommandError, and retries aren't errors


async def reachable_kafka(settings: KafkaSettings, topic: str) -> Bus:
    """Raises CommandError if Kafka can't be reached or lacks the topic. From now on only warnings are logged, to stderr."""
    quiet_logs()
    kafka = kafka_of(settings)
    try:
        await ensure_topics(kafka, [topic])
    except (KafkaUnavailable, TopicsMissingError, SSLError, OSError) as error:
        raise CommandError(str(error)) from error
    return kafka
