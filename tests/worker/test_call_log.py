"""Log lines of what failed: for each call, up to a rate."""

from typing import Any

import pytest
import structlog
from msgspec.structs import replace
from structlog.testing import capture_logs

from ordersaga.domain.model.results import Rejected, Result, Retryable, Unknown
from ordersaga.providers.accounts import KlarnaAccount, gates_of
from ordersaga.telemetry.limited import LimitedLog
from roles_harness import Shop, gives, roles, until


def lines_of(event: str, lines: list[Any]) -> list[Any]:
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize(
    ("result", "event", "level"),
    [
        (Rejected("NOPE", (), "corr-1", 403), "a call was rejected", "warning"),
        (Retryable("unauthorized", None, "corr-1", 401), "the provider rejects the credentials", "error"),
        (Retryable("http_503", None, "corr-1", 503), "a call is retried", "warning"),
        (Unknown("http_502", "corr-1", 502), "the response to a call was lost", "warning"),
    ],
)
async def test_a_call_that_failed_is_logged_with_order_operation_and_correlation_id(
    database: str, result: Result, event: str, level: str
) -> None:
    with capture_logs() as lines:
        async with roles(database) as r:
            r.fake.on_call = gives(result)
            await r.take(Shop().placed())
            await until(lambda: bool(lines_of(event, lines)))
            order = await r.order()
    line = lines_of(event, lines)[0]
    assert (line["log_level"], line["merchant"], line["subject"]) == (level, "default", "1")
    assert (line["operation"], line["correlation_id"]) == ("create_order", "corr-1")
    assert line["operation_id"]
    assert not order.operations or line["operation_id"] == order.operations[0].id


async def test_an_attention_is_logged_when_it_is_raised(database: str) -> None:
    event, placed = "an attention was raised", Shop().placed()
    trace = ("ce_traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
    with capture_logs() as lines:
        async with roles(database, rules={"attention_after": 0.0}) as r:
            r.fake.on_call = gives(Unknown("http_502", "corr-1", 502))
            await r.take(replace(placed, headers=(*placed.headers, trace)))
            await until(lambda: bool(lines_of(event, lines)))
    [line], lost = lines_of(event, lines), lines_of("the response to a call was lost", lines)[0]
    assert line["trace_id"] == lost["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert (line["subject"], line["reason"], line["operation"]) == ("1", "answer_unknown", "create_order")


def test_a_breaker_logs_once_that_it_opened_and_closed() -> None:
    now = [0.0]
    account = KlarnaAccount(username="K1", password="x", base_url="http://127.0.0.1:1")
    with capture_logs() as lines:
        gate = gates_of({("default", "klarna"): account}, lambda: now[0])["default", "klarna"]["placing"]
        for _ in range(30):
            gate.started()
            gate.ended(Unknown("disconnected"))
        now[0] += 100
        gate.started()
        gate.ended(Rejected("NOPE"))
    assert [(line["event"].partition(":")[0], line["merchant"], line["provider"]) for line in lines] == [
        ("a circuit breaker opened", "default", "klarna"),
        ("a circuit breaker closed", "default", "klarna"),
    ]


def test_after_so_many_lines_of_a_kind_only_their_number_is_logged() -> None:
    now = [0.0]
    with capture_logs() as lines:
        log = LimitedLog(structlog.get_logger("t"), 3, 60.0, lambda: now[0])
        for number in range(10):
            log.warning("failed", merchant="a", subject=str(number))
        log.warning("failed", merchant="b", subject="0")
        now[0] = 61.0
        log.warning("failed", merchant="a", subject="later")
    assert [(line["merchant"], line.get("subject")) for line in lines] == [
        ("a", "0"),
        ("a", "1"),
        ("a", "2"),
        ("b", "0"),
        ("a", None),
        ("a", "later"),
    ]
    assert (lines[4]["event"], lines[4]["reason"], lines[4]["lines"]) == ("log lines left out", "failed", 7)


async def test_the_number_is_logged_though_nothing_follows() -> None:
    with capture_logs() as lines:
        log = LimitedLog(structlog.get_logger("t"), 1, 0.05)
        log.error("failed", merchant="a")
        log.error("failed", merchant="a")
        await until(lambda: len(lines) == 2)
    assert lines[1]["lines"] == 1
