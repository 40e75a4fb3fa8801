"""The journal, append-only: ids, types, amounts and reasons, never payloads."""

# ruff: noqa: S608 - statements are built from constants

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Entry
from ordersaga.store.rowset import Rowset
from ordersaga.store.session import Part


class _JournalRow(Struct, frozen=True, gc=False, omit_defaults=True):
    merchant: str
    kind: str
    subject: str
    at: float
    what: str
    name: str
    event_id: str | None = None
    operation_id: str | None = None
    amount: int | None = None
    note: str | None = None
    correlation_id: str | None = None
    status: int | None = None
    duration: float | None = None


_ROWS: Final = Rowset(_JournalRow)
_INSERT: Final = f"""
INSERT INTO journal ({_ROWS.columns})
SELECT merchant, kind, subject, to_timestamp(at), what, name, event_id, operation_id, amount, note, correlation_id,
       status, duration
FROM {_ROWS.source} {{condition}} ORDER BY position"""


def insert_journal(entries: Sequence[tuple[Key, Entry]], condition: str = "") -> Part:
    rows = [
        _JournalRow(
            key.merchant,
            key.kind,
            key.subject,
            one.at,
            one.what,
            one.name,
            one.event_id,
            one.operation_id,
            one.amount,
            without_nul(one.note),
            without_nul(one.correlation_id),
            one.status,
            one.duration,
        )
        for key, one in entries
    ]
    return Part("new_journal", _INSERT.format(condition=condition), (_ROWS.encode(rows),))


def without_nul(text: str | None) -> str | None:
    """For text from outside: Postgres stores any character but NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if text and "\0" in text else text
