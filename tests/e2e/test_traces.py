"""Traces of the running service, by a receiver of OTLP in the test."""

import asyncio
import json
import subprocess
import sys

from receiver import receiving

from .conftest import Opening
from .play import CREATE, Json, placed, shipped

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


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
