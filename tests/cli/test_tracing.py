"""From settings to traces."""

import pytest

from ordersaga.cli import tracing
from ordersaga.cli.output import CommandError
from ordersaga.config import load
from ordersaga.telemetry import traces
from ordersaga.telemetry.traces_settings import TracesSettings


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[TracesSettings]:
    found: list[TracesSettings] = []
    for name, value in {
        "KAFKA": "broker:9092",
        "DATABASE": "postgresql://saga@db/orders",
        "ENCRYPTION_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "MERCHANTS": '{"default": {"klarna": {"username": "K1", "password": "x"}}}',
        "INSTANCE": "one",
    }.items():
        monkeypatch.setenv(f"ORDERSAGA_{name}", value)
    monkeypatch.setattr(traces, "start", found.append)
    return found


def test_without_an_endpoint_there_are_no_traces(started: list[TracesSettings]) -> None:
    tracing.start_traces(load())
    assert started == []


@pytest.mark.parametrize("endpoint", ["http://collector:4318", "http://collector:4318/"])
def test_the_settings_say_where_traces_go_and_how_many(
    started: list[TracesSettings], monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("ORDERSAGA_TRACES__ENDPOINT", endpoint)
    monkeypatch.setenv("ORDERSAGA_TRACES__RATIO", "0.25")
    monkeypatch.setenv("ORDERSAGA_TRACES__HEADERS", "authorization=Basic YQ==, x-scope=shop")
    settings = load()
    tracing.start_traces(settings)
    [given] = started
    assert given.endpoint == "http://collector:4318/v1/traces"
    assert (given.ratio, given.instance) == (0.25, "one")
    assert given.headers == {"authorization": "Basic YQ==", "x-scope": "shop"}
    assert "YQ==" not in repr(settings)


def test_without_opentelemetry_it_is_said_what_to_install(
    started: list[TracesSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: TracesSettings) -> None:
        raise ImportError("opentelemetry")

    monkeypatch.setenv("ORDERSAGA_TRACES__ENDPOINT", "http://collector:4318")
    monkeypatch.setattr(traces, "start", missing)
    with pytest.raises(CommandError, match="with the extra `traces`"):
        tracing.start_traces(load())
