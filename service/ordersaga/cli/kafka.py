"""Kafka for one command."""

import logging
from ssl import SSLError

from ordersaga.bus.admin import KafkaUnavailable, TopicsMissingError, ensure_topics
from ordersaga.bus.kafka import KafkaSettings as Bus
from ordersaga.cli.connections import kafka_of
from ordersaga.cli.output import CommandError
from ordersaga.config import KafkaSettings
from ordersaga.telemetry import configure_logs


async def reached(settings: KafkaSettings, topic: str) -> Bus:
    """CommandError: Kafka can't be reached, or lacks the topic. From here on only warnings are logged, to stderr."""
    configure_logs("WARNING", "console")
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL
    )  # what it can't do is said by us, what it tries again isn't
    kafka = kafka_of(settings)
    try:
        await ensure_topics(kafka, [topic])
    except (KafkaUnavailable, TopicsMissingError, SSLError, OSError) as error:
        raise CommandError(str(error)) from error
    return kafka
