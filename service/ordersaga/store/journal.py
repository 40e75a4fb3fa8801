"""The journal, append-only: ids, types, amounts and reasons, never payloads."""

from collections.abc import Sequence
from typing import Final

from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Entry
from ordersaga.store.rows import columns_of
from ordersaga.store.session import Part

_INSERT: Final = """
INSERT INTO journal (merchant, kind, subject, at, what, name, event_id, operation_id, amount, note, correlation_id,
                     status, duration)
SELECT merchant, kind, subject, to_timestamp(at), what, name, event_id, operation_id, amount, note, correlation_id,
       status, duration
FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::bigint[], $10::text[], $11::text[], $12::int[], $13::float8[]) WITH ORDINALITY
     AS g(merchant, kind, subject, at, what, name, event_id, operation_id, amount, note, correlation_id, status,
          duration, position) {condition}
ORDER BY position"""


def insert_journal(entries: Sequence[tuple[Key, Entry]], condition: str = "") -> Part:
    rows = [entry for _, entry in entries]
    columns = (
        *columns_of([key for key, _ in entries]),
        [row.at for row in rows],
        [row.what for row in rows],
        [row.name for row in rows],
        [row.event_id for row in rows],
        [row.operation_id for row in rows],
        [row.amount for row in rows],
        [without_nul(row.note) for row in rows],
        [without_nul(row.correlation_id) for row in rows],
        [row.status for row in rows],
        [row.duration for row in rows],
    )
    return Part("new_journal", _INSERT.format(condition=condition), columns)


def without_nul(text: str | None) -> str | None:
    """For text from outside: Postgres stores any character but NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if text and "\0" in text else text
