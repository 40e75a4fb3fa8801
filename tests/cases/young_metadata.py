"""`ordersaga`, but its Kafka clients ask for the topics' partitions every 3 s at least; aiokafka's own default is 5 minutes."""

import sys
from typing import Any

from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]  # it ships no types

from ordersaga.cli import main

_AGE = 3000
_INIT = AIOKafkaClient.__init__


def _init(self: AIOKafkaClient, *arguments: Any, metadata_max_age_ms: int = _AGE, **options: Any) -> None:
    _INIT(self, *arguments, metadata_max_age_ms=min(metadata_max_age_ms, _AGE), **options)


AIOKafkaClient.__init__ = _init

if __name__ == "__main__":
    sys.exit(main())
