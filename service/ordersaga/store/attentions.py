"""Attentions as rows: what an operator has to look at, since when, and who or what resolved it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from asyncpg import Record
from msgspec import Struct

from ordersaga.domain.model.order import Attention, Key, Order
from ordersaga.store.rows import columns_of
from ordersaga.store.session import Part, Session

State = Literal["open", "resolved"]

ITSELF: Final = "ordersaga"
"""`resolved_by` of an attention whose reason has gone by itself."""

_RAISE: Final = """
INSERT INTO attentions AS a (merchant, kind, subject, reason, operation_id, since, advice)
SELECT merchant, kind, subject, reason, operation_id, to_timestamp(since), advice
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::text[])
     AS g(merchant, kind, subject, reason, operation_id, since, advice) {condition}
ON CONFLICT (merchant, kind, subject, reason, operation_id) WHERE until IS NULL
DO UPDATE SET since = excluded.since, advice = excluded.advice"""

_CLEAR: Final = """
UPDATE attentions AS a SET until = now(), resolved_by = g.by
FROM (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
      AS g(merchant, kind, subject, reason, operation_id, by) {condition}) AS g
WHERE (a.merchant, a.kind, a.subject, a.reason, a.operation_id)
    = (g.merchant, g.kind, g.subject, g.reason, g.operation_id) AND a.until IS NULL"""

_ROW: Final = """
SELECT id, merchant, kind, subject, reason, nullif(operation_id, '') AS operation_id,
       extract(epoch FROM since)::float8 AS since, extract(epoch FROM until)::float8 AS until, advice, resolved_by
FROM attentions"""
_FILTERS: Final = """
  AND ($1::text IS NULL OR merchant = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR subject = $3)
  AND ($4::float8 IS NULL OR since < to_timestamp($4))
  AND ($5::bigint IS NULL OR (since, id) > (SELECT a.since, a.id FROM attentions AS a WHERE a.id = $5))
ORDER BY since, id LIMIT $6"""
_LIST: Final[dict[State, str]] = {
    "open": f"{_ROW} WHERE until IS NULL {_FILTERS}",
    "resolved": f"{_ROW} WHERE until IS NOT NULL {_FILTERS}",
}
_GET: Final = f"{_ROW} WHERE id = $1"
_CLOSE: Final = "UPDATE attentions SET until = now(), resolved_by = $2 WHERE id = $1 AND until IS NULL RETURNING id"

Changed = tuple[Order | None, Order, str]
"""An order before and after a write, and who resolves what is gone."""


def changes(written: Iterable[Changed], condition: str = "") -> Iterator[Part]:
    """What was raised and what was cleared between the two; nothing for most writes."""
    raised: list[tuple[Key, Attention]] = []
    cleared: list[tuple[Key, Attention, str]] = []
    for before, after, by in written:
        known = before.attentions if before is not None else ()
        if known == after.attentions:
            continue
        raised += [(after.key, one) for one in after.attentions if one not in known]
        left = {_name(one) for one in after.attentions}
        cleared += [(after.key, one, by) for one in known if _name(one) not in left]
    if raised:
        yield _raise(raised, condition)
    if cleared:
        yield _clear(cleared, condition)


class AttentionRow(Struct, frozen=True):
    """`since` and `until` in seconds since the epoch. `until` None: it is open. `operation_id` None: it is of the order."""

    id: int
    merchant: str
    kind: str
    subject: str
    reason: str
    operation_id: str | None
    since: float
    until: float | None
    advice: str
    resolved_by: str | None

    @property
    def key(self) -> Key:
        return Key(self.merchant, self.kind, self.subject)


class AttentionFilter(Struct, frozen=True, kw_only=True):
    """None: any. `before`: raised before this time. `after`: the id of the last one of the previous page."""

    state: State = "open"
    merchant: str | None = None
    reason: str | None = None
    subject: str | None = None
    before: float | None = None
    after: int | None = None


async def list_rows(session: Session, wanted: AttentionFilter, limit: int) -> list[AttentionRow]:
    """The longest open first."""
    records = await session.fetch(
        _LIST[wanted.state], wanted.merchant, wanted.reason, wanted.subject, wanted.before, wanted.after, limit
    )
    return [_row(record) for record in records]


async def get(session: Session, attention_id: int) -> AttentionRow | None:
    for record in await session.fetch(_GET, attention_id):
        return _row(record)
    return None


async def close(session: Session, attention_id: int, by: str) -> bool:
    """False: it isn't open."""
    return bool(await session.fetch(_CLOSE, attention_id, by))


def _row(record: Record) -> AttentionRow:
    return AttentionRow(*(record[name] for name in AttentionRow.__struct_fields__))


def _name(one: Attention) -> tuple[str, str | None]:
    return one.reason, one.operation_id


def _raise(raised: Sequence[tuple[Key, Attention]], condition: str) -> Part:
    columns = (
        *columns_of([key for key, _ in raised]),
        [one.reason for _, one in raised],
        [one.operation_id or "" for _, one in raised],
        [one.since for _, one in raised],
        [one.advice for _, one in raised],
    )
    return Part("raised", _RAISE.format(condition=condition), columns)


def _clear(cleared: Sequence[tuple[Key, Attention, str]], condition: str) -> Part:
    columns = (
        *columns_of([key for key, _, _ in cleared]),
        [one.reason for _, one, _ in cleared],
        [one.operation_id or "" for _, one, _ in cleared],
        [by for _, _, by in cleared],
    )
    return Part("cleared", _CLEAR.format(condition=condition), columns)
