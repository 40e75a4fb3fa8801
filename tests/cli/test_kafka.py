"""`publish` and `outcomes` on a real broker."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # it ships no types

from contracts.schemas import error_paths
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.bus.outcomes import encode, headers_of
from ordersaga.bus.producer import OutRecord, Producer
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Key, Refusal
from ordersaga.domain.model.outcomes import Books, OperationSummary, Outcome
from ordersaga_local.parts import Kafka

from .conftest import Run

Topics = tuple[str, str]


def event(number: int, subject: str = "536365") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": "/shop",
        "type": "shop.order.closed.v1",
        "subject": subject,
        "data": {"reason": f"number {number}"},
    }


def lines_of(events: Sequence[object]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def read_all(kafka: Kafka, topic: str) -> list[Any]:
    """All records, those of each partition by offset."""

    async def read() -> list[Any]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            places = [TopicPartition(topic, number) for number in range(2)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            found: list[Any] = []
            while len(found) < sum(ends.values()):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
            return found
        finally:
            await consumer.stop()

    return asyncio.run(read())


def test_published_events_arrive_in_their_order(run: Run, kafka: Kafka, topics: Topics, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson.gz"
    raw = {"raw": {"key": "536365", "headers": {"content-type": "text/plain"}, "value": "no event"}}
    file.write_bytes(gzip.compress(lines_of([*(event(number) for number in range(1200)), raw])))
    result = run("publish", str(file))
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"1,201 events published to {topics[0]} in ")
    records = read_all(kafka, topics[0])
    assert [json.loads(record.value)["reason"] for record in records[:-1]] == [
        f"number {number}" for number in range(1200)
    ]
    assert dict(records[0].headers)["ce_subject"] == b"536365"
    assert (records[-1].key, records[-1].value) == (b"536365", b"no event")


def test_structured_events_go_to_the_topic_that_is_named(
    run: Run, kafka: Kafka, topics: Topics, tmp_path: Path
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(lines_of([event(1)]))
    assert run("publish", str(file), "--structured", "--topic", topics[1]).code == 0
    assert read_all(kafka, topics[0]) == []
    [record] = read_all(kafka, topics[1])
    assert json.loads(record.value) == event(1)
    assert dict(record.headers) == {"content-type": b"application/cloudevents+json"}


def test_the_rate_is_kept(run: Run, topics: Topics, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(lines_of([event(number) for number in range(60)]))
    started = time.monotonic()
    assert run("publish", str(file), "--rate", "100").code == 0
    assert 0.5 < time.monotonic() - started < 5


def test_a_bad_line_ends_it_and_says_how_far_it_came(run: Run, kafka: Kafka, topics: Topics, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(lines_of([event(1)]) + b"\nno json\n")
    result = run("publish", str(file), "--rate", "10")
    assert result.code == 1
    assert result.out.startswith(f"1 event published to {topics[0]} in ")
    assert result.err.startswith("line 3 isn't an event: ")
    assert len(read_all(kafka, topics[0])) == 1


def test_a_topic_that_is_missing_is_named(run: Run, topics: Topics, topic_name: Any) -> None:
    missing = topic_name("missing")
    result = run("publish", "-", "--topic", missing)
    assert result.code == 1
    assert f"lacks the topics {missing}" in result.err


def test_kafka_away_is_said_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERSAGA_KAFKA", "127.0.0.1:1")
    result = run("outcomes", "--until-idle", "0.1")
    assert result.code == 1
    assert "Kafka at 127.0.0.1:1" in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def outcomes() -> list[tuple[Key, Outcome]]:
    cause = Cause("/shop", "1", "shop.order.shipped.v1")
    books = Books("captured", "ACCEPTED", "GBP", 3060, 3060, 0, 0, 0, None)
    taken = Outcome(
        "captured",
        1,
        1e9,
        final=True,
        cause=cause,
        operation=OperationSummary("1", "capture", "c1", 3060, 1),
        books=books,
    )
    refused = Outcome("rejected", 1, 1e9, final=False, cause=cause, refusal=Refusal("over_capture", ("3061 > 3060",)))
    return [(Key("default", "order", "536365"), taken), (Key("default", "order", "536366"), refused)]


def tell(kafka: Kafka, topic: str, which: Sequence[tuple[Key, Outcome]]) -> None:
    async def send() -> None:
        producer = Producer(KafkaSettings(kafka.bootstrap))
        encoded = [(key, encode(key, outcome, 1, "test")) for key, outcome in which]
        records = [OutRecord(topic, key.subject.encode(), one.payload, headers_of(one.headers)) for key, one in encoded]
        assert await producer.send_all(records) == [None] * len(records)
        await producer.close()

    asyncio.run(send())


def test_outcomes_are_told_one_line_each(run: Run, kafka: Kafka, topics: Topics) -> None:
    tell(kafka, topics[1], outcomes())
    result = run("outcomes", "--from-beginning", "--until-idle", "0.3")
    assert (result.code, result.err) == (0, "")
    lines = sorted(line[25:].split() for line in result.out.splitlines())
    assert lines == [
        ["1/1", "536365", "captured", "final", "30.60", "GBP"],
        ["1/1", "536366", "rejected", "not", "final", "over_capture"],
    ]


def test_outcomes_of_one_order_as_cloudevents(run: Run, kafka: Kafka, topics: Topics) -> None:
    tell(kafka, topics[1], outcomes())
    result = run("outcomes", "--from-beginning", "--until-idle", "0.3", "--json", "--order", "536365")
    [told] = [json.loads(line) for line in result.out.splitlines()]
    assert (told["type"], told["subject"]) == ("payments.order.captured.v1", "536365")
    assert (told["epoch"], told["sequence"]) == (1, 1)
    assert error_paths("envelope", told) == frozenset()
    assert told["data"]["order"]["captured_amount"] == 3060


def test_what_is_no_outcome_is_said_to_be_none(run: Run, topics: Topics, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(lines_of([{"raw": {"value": "<no>"}}]))
    run("publish", str(file), "--topic", topics[1])
    result = run("outcomes", "--from-beginning", "--until-idle", "0.3")
    assert result.out.splitlines()[0].endswith("isn't an outcome")
    told = json.loads(run("outcomes", "--from-beginning", "--until-idle", "0.3", "--json").out)
    assert told == {"data_base64": "PG5vPg=="}


def test_without_from_beginning_only_what_comes_is_told(run: Run, kafka: Kafka, topics: Topics) -> None:
    first, second = outcomes()
    tell(kafka, topics[1], [first])
    time.sleep(0.01)
    later = threading.Timer(1.5, tell, (kafka, topics[1], [second]))
    later.start()
    result = run("outcomes", "--until-idle", "3")
    later.join()
    [line] = result.out.splitlines()
    assert "536366" in line


def test_topics_are_created_once(
    run: Run, kafka: Kafka, topic_name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, outcomes = topic_name("orders"), topic_name("outcomes")
    monkeypatch.setenv("ORDERSAGA_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("ORDERSAGA_ORDERS_TOPIC", orders)
    monkeypatch.setenv("ORDERSAGA_OUTCOMES_TOPIC", outcomes)
    result = run("topics", "create", "--partitions", "3")
    assert (result.code, result.out) == (
        0,
        f"{orders} was created with 3 partitions.\n{outcomes} was created with 3 partitions.\n",
    )
    assert run("topics", "create").out == f"{orders} exists already.\n{outcomes} exists already.\n"


@pytest.mark.parametrize("command", [["outcomes", "--until-idle", "1"], ["topics", "create"]], ids=" ".join)
def test_tls_to_a_plain_kafka_port_is_one_line(
    run: Run, topics: Topics, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("ORDERSAGA_KAFKA_TLS", "true")
    result = run(*command)
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith("Kafka at ")
