"""From the lines of a file to Kafka records."""

import gzip
import io
import json
from pathlib import Path

import pytest

from ordersaga.bus.producer import OutRecord
from ordersaga.cli.events import blocks, records
from ordersaga.cli.output import CommandError

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/shop",
    "type": "shop.order.shipped.v1",
    "subject": "536365",
    "datacontenttype": "application/json",
    "data": {"order_lines": [{"reference": "ü", "quantity": 1.0}]},
}


def one(event: object, *, structured: bool = False) -> OutRecord:
    [record] = records([(1, json.dumps(event, ensure_ascii=False).encode())], "topic", structured=structured)
    return record


def test_in_binary_mode_attributes_are_headers_and_the_data_is_untouched() -> None:
    record = one(EVENT)
    assert record.topic == "topic"
    assert record.key == b"536365"
    assert record.value == '{"order_lines": [{"reference": "ü", "quantity": 1.0}]}'.encode()
    assert list(record.headers) == [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1"),
        ("ce_source", b"/shop"),
        ("ce_type", b"shop.order.shipped.v1"),
        ("ce_subject", b"536365"),
    ]


def test_in_structured_mode_the_line_is_the_value() -> None:
    record = one(EVENT, structured=True)
    assert record.key == b"536365"
    assert record.value == json.dumps(EVENT, ensure_ascii=False).encode()
    assert list(record.headers) == [("content-type", b"application/cloudevents+json")]


def test_a_record_is_sent_as_it_stands() -> None:
    record = one({"raw": {"key": None, "headers": {"content-type": "x", "ce_id": "ü"}, "value": "<no>"}})
    assert (record.key, record.value) == (None, b"<no>")
    assert list(record.headers) == [("content-type", b"x"), ("ce_id", "ü".encode())]
    assert one({"raw": {"key": "1"}}).value is None


def test_odd_attributes_are_sent_as_they_are_written() -> None:
    record = one({"id": 7, "traceparent": None, "ok": True, "data_base64": "AAEC"})
    assert record.key is None
    assert record.value == b"\x00\x01\x02"
    assert list(record.headers) == [("content-type", b"application/json"), ("ce_id", b"7"), ("ce_ok", b"true")]
    assert one({"id": "1", "subject": "2"}).value is None


@pytest.mark.parametrize("line", [b"no json", b"[]", b'"text"', b'{"raw": {"kee": 1}}', b'{"data": '])
def test_a_line_that_holds_no_event_is_named(line: bytes) -> None:
    with pytest.raises(CommandError, match="line 7 isn't an event"):
        list(records([(6, b""), (7, line)], "topic", structured=False))


@pytest.mark.parametrize("line", [b'{"id": "1"}', b'{"raw": {"headers": {"ce_id": "1"}}}'])
def test_a_line_of_which_kafka_would_take_nothing_is_named(line: bytes) -> None:
    with pytest.raises(CommandError, match="line 7 has neither a subject nor data"):
        list(records([(7, line)], "topic", structured=False))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", [b"", b"\n", b"\n\n"])
def test_lines_are_read_whole_and_numbered(tmp_path: Path, ending: bytes, *, packed: bool) -> None:
    lines = [b"%d" % number * 1000 for number in range(2000)]
    text = b"\n".join(lines) + ending
    file = tmp_path / "events"
    file.write_bytes(gzip.compress(text) if packed else text)
    read = [line for block in blocks(str(file)) for line in block if line[1]]
    assert read == list(enumerate(lines, 1))


def test_standard_input_is_read_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(gzip.compress(b"a\nb")))

    monkeypatch.setattr("sys.stdin", Stdin())
    assert [line for block in blocks("-") for line in block] == [(1, b"a"), (2, b"b")]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="missing can't be read: No such file"):
        list(blocks(str(tmp_path / "missing")))
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"a\n" * 1000)[:-20])
    with pytest.raises(CommandError, match=r"broken\.gz can't be read"):
        list(blocks(str(broken)))
