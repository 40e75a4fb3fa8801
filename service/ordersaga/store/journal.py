"""The journal: append only. Ids, types, amounts and reasons, never payloads."""

from collections.abc import Sequence
from typing import Final

from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Entry
from ordersaga.store.rows import columns_of
from ordersaga.store.session import Part

_APPEND: Final = """
INSERT INTO journal (merchant, kind, subject, at, what, name, event_id, operation_id, amount, note, correlation_id,
                     status, duration)
SELECT merchant, kind, subject, to_timestamp(at), what, name, event_id, operation_id, amount, note, correlation_id,
       status, duration
FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::bigint[], $10::text[], $11::text[], $12::int[], $13::float8[]) WITH ORDINALITY
     AS g(merchant, kind, subject, at, what, name, event_id, operation_id, amount, note, correlation_id, status,
          duration, position) {where}
ORDER BY position"""


def appended(entries: Sequence[tuple[Key, Entry]], where: str = "") -> Part:
    told = [entry for _, entry in entries]
    columns = (
        *columns_of([key for key, _ in entries]),
        [entry.at for entry in told],
        [entry.what for entry in told],
        [entry.name for entry in told],
        [entry.event_id for entry in told],
        [entry.operation_id for entry in told],
        [entry.amount for entry in told],
        [without_nul(entry.note) for entry in told],
        [without_nul(entry.correlation_id) for entry in told],
        [entry.status for entry in told],
        [entry.duration for entry in told],
    )
    return Part("journalled", _APPEND.format(where=where), columns)


def without_nul(text: str | None) -> str | None:
    """Text of another's making, which Postgres takes with anything but NUL in it."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if text and "\0" in text else text
