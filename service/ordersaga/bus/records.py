"""Kafka records as the rest of ordersaga sees them."""

from typing import NamedTuple

from msgspec import Struct


class Partition(NamedTuple):
    topic: str
    number: int


class Record(Struct, frozen=True, gc=False):
    """`timestamp`: Kafka's, in seconds since the epoch. A header without a value has an empty one.

    A header name that isn't UTF-8 contains U+FFFD where it couldn't be decoded.
    """

    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
