"""A log line has known fields only."""

import ast
import errno
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY

import ordersaga
from ordersaga.domain.model.order import Key
from ordersaga.telemetry import configure_logs
from ordersaga.telemetry.logs import KNOWN_FIELDS

PERSONAL = "ada@example.com"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What was logged since the test began."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    file = io.BytesIO()
    configure_logs("INFO", "json", file)
    yield lambda: [json.loads(line) for line in file.getvalue().splitlines()]
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    structlog.configure(**before[2])


def fail_because_of_another() -> None:
    try:
        open(f"no such file/{PERSONAL}")  # noqa: PTH123, SIM115 - it only has to fail
    except OSError as error:
        raise ValueError(PERSONAL) from error


def test_a_line_says_when_where_and_what(lines: Lines) -> None:
    structlog.get_logger("ordersaga.intake").warning("store unavailable", reason="refused", records=3)
    [line] = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "store unavailable",
        "logger": "ordersaga.intake",
        "level": "warning",
        "reason": "refused",
        "records": 3,
    }


def test_a_field_that_is_not_known_is_left_out(lines: Lines) -> None:
    structlog.get_logger("a").error("failed", subject="536365", email=PERSONAL, billing_address={"name": PERSONAL})
    [line] = lines()
    assert PERSONAL not in json.dumps(line)
    assert line["subject"] == "536365"


def test_what_had_to_be_left_out_is_counted_by_field(lines: Lines) -> None:
    def counted() -> list[float]:
        broken = REGISTRY.get_sample_value("ordersaga_invariant_violations_total", {"invariant": "I10"}) or 0.0
        by = [("ordersaga_log_fields_left_out_total", {"field": name}) for name in ("email", "reason", "…")]
        return [broken, *(REGISTRY.get_sample_value(*one) or 0.0 for one in by)]

    before, log = counted(), structlog.get_logger("a")
    log.error("failed", subject="536365", reason="refused", orders=["1"], exc_info=ValueError(PERSONAL), code="x" * 600)
    logging.getLogger("other").warning("cannot take %s", PERSONAL)
    assert counted() == before
    log.error("failed", email=PERSONAL, reason={"name": PERSONAL}, **{PERSONAL: 1})
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [3, 1, 1, 1]


def test_of_a_value_that_is_not_plain_only_the_type_is_told(lines: Lines) -> None:
    structlog.get_logger("a").info(
        "odd", reason=Key("m", "order", PERSONAL), orders=[{"name": PERSONAL}], code="x" * 600
    )
    [line] = lines()
    assert PERSONAL not in json.dumps(line)
    assert line["reason"] == "<Key>"
    assert line["orders"] == ["<dict>"]
    assert len(line["code"]) == 501


def test_an_exception_is_told_by_kind_and_place_without_its_text(lines: Lines) -> None:
    try:
        fail_because_of_another()
    except ValueError:
        structlog.get_logger("a").exception("failed")
    [line] = lines()
    assert PERSONAL not in json.dumps(line)
    assert line["level"] == "error"
    assert line["exception"].startswith("ValueError from FileNotFoundError at test_logs.py:")


def test_an_exception_object_is_told_the_same_way(lines: Lines) -> None:
    structlog.get_logger("a").error("failed", exc_info=ValueError(PERSONAL))
    structlog.get_logger("a").error("failed", exc_info=None)
    first, second = lines()
    assert first["exception"] == "ValueError"
    assert "exception" not in second


def test_other_loggers_lines_have_the_same_form(lines: Lines) -> None:
    logging.getLogger("aiokafka.conn").warning("no node at %s", "broker:9092")
    logging.getLogger("other").warning("cannot take %s", PERSONAL)
    try:
        fail_because_of_another()
    except ValueError as error:
        logging.getLogger("faststream").exception(f"ValueError: {error}")  # noqa: G004, TRY401 - as faststream does
    logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: {PERSONAL}")  # noqa: G004 - as asyncio does
    kafka, other, faststream, tasks = lines()
    assert (kafka["event"], kafka["logger"], kafka["level"]) == ("no node at broker:9092", "aiokafka.conn", "warning")
    assert other["event"] == "cannot take %s"
    assert faststream["event"] == "ValueError: …"
    assert tasks["event"] == "Task exception was never retrieved"
    assert PERSONAL not in json.dumps([kafka, other, faststream, tasks])


def test_a_logger_with_a_way_of_its_own_loses_it(lines: Lines) -> None:
    own = io.StringIO()
    logger = logging.getLogger("wayward")
    logger.addHandler(logging.StreamHandler(own))
    logger.propagate = False
    file = io.BytesIO()
    configure_logs("INFO", "json", file)
    logger.error("for us")
    assert own.getvalue() == ""
    assert b"for us" in file.getvalue()


def test_clients_chatter_is_left_out_at_any_level(lines: Lines) -> None:
    file = io.BytesIO()
    configure_logs("DEBUG", "json", file)
    logging.getLogger("aiokafka.conn").debug("Request with password")
    logging.getLogger("aiokafka").info("joined")
    assert file.getvalue() == b""
    structlog.get_logger("b").debug("ours")
    assert b"ours" in file.getvalue()


def test_what_clients_say_again_and_again_is_written_once(lines: Lines) -> None:
    cluster = logging.getLogger("aiokafka.cluster")
    for _ in range(10):
        cluster.error("Topic %s not found in cluster metadata", "shop.orders")
    cluster.error("Topic %s not found in cluster metadata", "payments.orders")
    assert [line["event"] for line in lines()] == [
        "Topic shop.orders not found in cluster metadata",
        "Topic payments.orders not found in cluster metadata",
    ]


def test_lines_below_the_level_are_left_out(lines: Lines) -> None:
    structlog.get_logger("c").debug("not told")
    assert lines() == []


def test_for_people(lines: Lines) -> None:
    file = io.BytesIO()
    configure_logs("INFO", "console", file)
    structlog.get_logger("d").info("running", roles=["relay"], email=PERSONAL)
    text = file.getvalue().decode()
    assert "running" in text
    assert "relay" in text
    assert PERSONAL not in text
    assert text.count("\n") == 1


def test_no_log_line_of_ours_names_a_field_that_would_be_left_out() -> None:
    left_out = {}
    for path in Path(ordersaga.__file__).parent.rglob("*.py"):
        for name, line in _fields_of(path):
            if name not in KNOWN_FIELDS | {"exc_info"}:
                left_out[f"{path.name}:{line}"] = name
    assert left_out == {}


def _fields_of(path: Path) -> Iterator[tuple[str | None, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log")), keywords=keywords):
                yield from ((keyword.arg, node.lineno) for keyword in keywords)


class _Unwritable(io.BytesIO):
    """Like a file on a full disk, or a pipe whose reader is gone."""

    def write(self, _line: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _closed() -> io.BytesIO:
    file = io.BytesIO()
    file.close()
    return file


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize("file", [_Unwritable(), _closed()], ids=["full", "closed"])
def test_a_line_that_can_not_be_written_is_lost_and_nothing_else(
    file: io.BytesIO, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost() -> float:
        return REGISTRY.get_sample_value("ordersaga_log_lines_lost_total") or 0.0

    before = lost()
    configure_logs("INFO", "json", file)
    structlog.get_logger("a").error("failed")
    logging.getLogger("aiokafka").error("failed")
    assert capsys.readouterr().err == ""
    assert lost() == before + 2


@pytest.mark.parametrize("stderr", ["/dev/full", None], ids=["full", "closed"])
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_process_whose_stderr_can_not_be_written_ends_as_it_would(stderr: str | None, form: str) -> None:
    """Not with Python's 120 either, for a stream that couldn't be flushed."""
    logs = f"from ordersaga.telemetry import configure_logs as c; c('INFO', {form!r}); import structlog as s; s.get_logger('a').info('x')"
    run = f'exec "$0" -c "$1" 2>{stderr or "&-"}'
    assert subprocess.run(["/bin/sh", "-c", run, sys.executable, logs], check=False, timeout=20).returncode == 0
