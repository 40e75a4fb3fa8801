"""Reads records that aiokafka can't read: those with a header name that isn't UTF-8."""

import struct
from typing import Any, Final

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # it ships no types
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords  # type: ignore[import-untyped]  # as above
from aiokafka.errors import CorruptRecordException, StaleMetadata, for_code  # type: ignore[import-untyped]  # as above
from aiokafka.protocol.fetch import FetchRequest  # type: ignore[import-untyped]  # as above
from aiokafka.record.default_records import _DefaultRecordBatchPy  # type: ignore[import-untyped]  # as above

from ordersaga.bus.records import Partition

_WAIT: Final = 100  # ms
_MAX_BYTES: Final = 2 * 1024 * 1024
_FRAME: Final = struct.Struct(">qi")  # offset and length before each batch
_MAGIC_OFFSET: Final = 16


async def fetch(consumer: Any, partition: Partition, offset: int) -> tuple[list[Any], int]:
    """Records from `offset` on, and the offset after them. Raises KafkaError, including CorruptRecordException."""
    kafka_partition = TopicPartition(*partition)
    client = consumer._client  # noqa: SLF001 - the only way to the raw bytes
    node = client.cluster.leader_for_partition(kafka_partition)
    if node is None or node == -1:
        raise StaleMetadata(kafka_partition)
    wanted = [(partition.topic, [(partition.number, offset, _MAX_BYTES)])]
    request = FetchRequest(_WAIT, 1, _MAX_BYTES, READ_COMMITTED, wanted, rack_id="")
    response = await client.send(node, request)
    for _topic, partitions in response.topics:
        for _partition, code, _highwater, *rest in partitions:
            if code:
                raise for_code(code)(kafka_partition)
            # the same positions as in aiokafka's fetcher
            aborted = rest[2] if response.API_VERSION >= 11 else rest[-2]
            batches = _Batches(rest[-1])
            found = PartitionRecords(kafka_partition, batches, aborted, offset, None, None, True, READ_COMMITTED)
            return list(found), found.next_fetch_offset
    return [], offset


class _Batches:
    """The batches of a fetch, as PartitionRecords reads them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def has_next(self) -> bool:
        return self._end() is not None

    def next_batch(self) -> "_Batch":
        end = self._end()
        start, self._position = self._position, end or self._position
        if self._data[start + _MAGIC_OFFSET] < 2:
            raise CorruptRecordException("records in a format older than Kafka 0.11")
        return _Batch(self._data[start:end])

    def _end(self) -> int | None:
        """None: there is no further complete batch."""
        body = self._position + _FRAME.size
        if body > len(self._data):
            return None
        end: int = body + _FRAME.unpack_from(self._data, self._position)[1]
        return end if end <= len(self._data) else None


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]  # its base has no types
    def __iter__(self) -> "_Batch":
        self._maybe_uncompress()
        self._buffer: bytearray = _Lenient(self._buffer)
        return self


class _Lenient(bytearray):
    """Its parts decode to text whatever they contain."""

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        return _Lenient(part) if isinstance(key, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)
