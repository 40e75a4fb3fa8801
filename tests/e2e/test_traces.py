"""Traces of the running service: by a receiver in the test, and by OpenTelemetry's own collector."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ordersaga_local.process import free_port
from ordersaga_local.stage import Process
from receiver import receiving

from .conftest import Opening
from .play import CREATE, Json, placed, shipped, until
from .tools import collector

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_CONFIG = """\
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters: {{debug: {{verbosity: detailed}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [debug]}}}}
"""


def traced(event: Json) -> Json:
    return event | {"traceparent": f"00-{TRACE}-{PARENT}-01"}


async def test_the_service_sends_one_trace_and_logs_its_id(opened: Opening) -> None:
    with receiving() as receiver:
        async with opened() as play:
            play.sandbox.control("faults", "POST", {"action": "status", "status": 503, "route": CREATE, "times": 1})
            service = play.service(ORDERSAGA_TRACES__ENDPOINT=receiver.url)
            await play.publish([traced(placed("1")), traced(shipped("1"))])
            await play.ended(2)
            await asyncio.to_thread(service.stop)
            lines = [json.loads(line) for line in play.logged().splitlines()]
        [lost] = [line for line in lines if line.get("operation") == "create_order"]
        assert (lost["merchant"], lost["subject"], lost["trace_id"]) == ("default", "1", TRACE)
        assert lost["operation_id"]
        assert {span.trace_id.hex() for span in receiver.spans} == {TRACE}
        assert len(receiver.named("call create_order")) == 2
        [capture], [published] = receiver.named("capture"), receiver.named("publish payments.order.captured.v1")
        assert published.parent_span_id == capture.span_id
        by_id = {span.span_id: span for span in receiver.spans}
        assert {span.parent_span_id.hex() for span in receiver.spans if span.parent_span_id not in by_id} == {PARENT}


def test_nothing_of_opentelemetry_is_imported_without_traces() -> None:
    code = "import sys, ordersaga.cli.service; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "ordersaga.telemetry.traces" in loaded
    assert [name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))] == []


@pytest.mark.long
async def test_opentelemetrys_collector_receives_one_trace_from_the_event_to_the_outcome(
    opened: Opening, tmp_path: Path
) -> None:
    port, config = free_port(), tmp_path / "collector.yaml"
    config.write_text(_CONFIG.format(port=port))
    program = await asyncio.to_thread(collector)
    receiver = Process("collector", [str(program), "--config", str(config)], {}, tmp_path)
    receiver.start()
    try:
        await until(lambda: "Everything is ready" in receiver.text(), 30, receiver.text)
        async with opened() as play:
            service = play.service(ORDERSAGA_TRACES__ENDPOINT=f"http://127.0.0.1:{port}")
            await play.publish([traced(placed("1"))])
            await play.ended(1)
            await asyncio.to_thread(service.stop)
        await until(lambda: "publish payments.order.authorized.v1" in receiver.text(), 30, receiver.text)
    finally:
        receiver.stop(10)
    spans = re.findall(r"Trace ID +: (\w+)\s+Parent ID +: (\w*)\s+ID +: (\w+)\s+Name +: (.+)", receiver.text())
    assert {trace for trace, *_ in spans} == {TRACE}
    ids = {name: span for _, _, span, name in spans}
    parents = {name: parent for _, parent, _, name in spans}
    assert parents["take in shop.order.placed.v1"] == PARENT
    assert parents["create_order"] == ids["take in shop.order.placed.v1"]
    assert parents["call create_order"] == parents["publish payments.order.authorized.v1"] == ids["create_order"]
