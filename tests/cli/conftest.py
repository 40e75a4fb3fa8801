"""Runs commands in this process."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from ordersaga.cli import main
from ordersaga_local.parts import Kafka

KEY = base64.b64encode(bytes(range(32))).decode()


class CommandResult(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., CommandResult]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ORDERSAGA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """`run("order", "show", "1")`; logging is restored afterwards."""
    import logging

    import structlog

    root = logging.getLogger()
    handlers, level, logs = root.handlers[:], root.level, structlog.get_config()

    def command(*arguments: str) -> CommandResult:
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        return CommandResult(code, *capsys.readouterr())

    yield command
    logging.getLogger("aiokafka").setLevel(logging.NOTSET)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**logs)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch, database: str) -> str:
    """Settings for the test's own database. Its URL."""
    account = {"username": "K1", "password": "swordfish"}
    monkeypatch.setenv("ORDERSAGA_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("ORDERSAGA_DATABASE", database)
    monkeypatch.setenv("ORDERSAGA_ENCRYPTION_KEY", KEY)
    monkeypatch.setenv("ORDERSAGA_MERCHANTS", json.dumps({"default": {"klarna": account}}))
    return database


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch, kafka: Kafka, topic_name: Callable[[str], str]) -> tuple[str, str]:
    """Settings for the test's own topics: of shop events and of outcomes."""
    import asyncio

    from ordersaga_local.admin import create_topics

    orders, outcomes = topic_name("orders"), topic_name("outcomes")
    asyncio.run(create_topics(kafka.bootstrap, orders, outcomes, partitions=2))
    monkeypatch.setenv("ORDERSAGA_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("ORDERSAGA_ORDERS_TOPIC", orders)
    monkeypatch.setenv("ORDERSAGA_OUTCOMES_TOPIC", outcomes)
    return orders, outcomes
