"""An outbox full of unpublished outcomes, the same bytes for ours and the floor."""

from collections.abc import Iterator, Sequence

import asyncpg

from bench.contenders import Ground
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Books, OperationSummary, Outcome
from ordersaga.outbox import outbox_row
from ordersaga.store.outbox import shard_of
from ordersaga.store.rows import OutboxRow
from ordersaga_local.admin import create_database

_AT: float = 1_300_000_000.0


def outcomes(orders: int) -> Iterator[OutboxRow]:
    """Two of each order: authorized and captured."""
    for sequence, what, kind in ((1, "authorized", "create_order"), (2, "captured", "capture")):
        for number in range(orders):
            key = Key("default", "order", f"relay-{number}")
            captured = 12_345 if what == "captured" else 0
            event = f"relay-{number}-{'shipped' if captured else 'placed'}"
            books = Books(what, "ACCEPTED", "GBP", 12_345, captured, 0, 0, 12_345 - captured, _AT + 28 * 86_400)
            yield outbox_row(
                key,
                Outcome(
                    what=what,
                    sequence=sequence,
                    at=_AT,
                    final=True,
                    cause=Cause("/shop", event, f"shop.order.{event.rpartition('-')[2]}.v1"),
                    provider="klarna",
                    provider_order_id=f"00000000-0000-0000-0000-{number:012d}",
                    operation=OperationSummary(event, kind, event, 12_345, 1),
                    books=books,
                ),
                1,
                "bench",
            )


async def prepare(ground: Ground, orders: int) -> None:
    """Templates `ordersaga_relay` and `floor_relay`."""
    rows = list(outcomes(orders))
    ours = [
        (
            shard_of(row.key),
            row.key.merchant,
            row.key.kind,
            row.key.subject,
            row.sequence,
            row.type,
            row.headers,
            row.payload,
        )
        for row in rows
    ]
    columns = ("shard", "merchant", "kind", "subject", "sequence", "type", "headers", "payload")
    await _fill(ground, "ordersaga", columns, ours)
    await _fill(
        ground,
        "floor",
        ("subject", "headers", "payload"),
        [(row.key.subject, row.headers, row.payload) for row in rows],
    )


async def _fill(ground: Ground, kind: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    name = ground.database(f"{kind}_relay")
    await create_database(ground.parts.postgres.url(), name, template=ground.database(kind))
    connection = await asyncpg.connect(ground.parts.postgres.url(name))
    try:
        await connection.copy_records_to_table("outbox", columns=columns, records=rows)
        await connection.execute("VACUUM ANALYZE outbox")
    finally:
        await connection.close()
