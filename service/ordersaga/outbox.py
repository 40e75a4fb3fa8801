"""From an outcome to the row that the relay publishes."""

from ordersaga.bus.outcomes import encode
from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Outcome
from ordersaga.store.rows import OutboxRow
from ordersaga.telemetry import traces


def outbox_row(key: Key, outcome: Outcome, epoch: int, instance: str) -> OutboxRow:
    spans = traces.active()
    traceparent = None if spans is None else spans.traceparent(outcome)
    encoded = encode(key, outcome, epoch, instance, traceparent)
    return OutboxRow(key, outcome.sequence, encoded.type, encoded.headers, encoded.payload)
