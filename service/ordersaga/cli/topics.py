"""`ordersaga topics create`."""

import sys
from typing import Annotated

from cyclopts import Parameter, validators

from ordersaga.cli.output import CommandError


async def create(*, partitions: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 8) -> None:
    """Create the topics of shop events and of outcomes that are missing. Existing ones stay as they are.

    Parameters
    ----------
    partitions
        Of each new topic. As many intake processes can run in parallel.

    """
    from ordersaga import config

    settings = config.load(config.KafkaSettings)
    from ssl import SSLError

    from ordersaga.bus.admin import KafkaUnavailable, TopicsMissingError, ensure_topics
    from ordersaga.cli.connections import kafka_of
    from ordersaga.cli.kafka import quiet_logs

    quiet_logs()
    topics = [settings.orders_topic, settings.outcomes_topic]
    try:
        created = await ensure_topics(kafka_of(settings), topics, partitions)
    except (KafkaUnavailable, TopicsMissingError, SSLError, OSError) as error:
        raise CommandError(str(error)) from error
    for topic in topics:
        how = f"was created with {partitions} partitions" if topic in created else "exists already"
        sys.stdout.write(f"{topic} {how}.\n")
