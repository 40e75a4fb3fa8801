"""Commands run in this process, too; what they do to logging ends with the test."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    root, of_kafka = logging.getLogger(), logging.getLogger("aiokafka")
    before = (root.handlers[:], root.level, of_kafka.level, structlog.get_config())
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    of_kafka.setLevel(before[2])
    structlog.configure(**before[3])
