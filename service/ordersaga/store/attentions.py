"""Attentions as rows: what an operator has to look at, since when, and who or what resolved it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ordersaga.domain.model.order import Attention, Key, Order
from ordersaga.store.rows import columns_of
from ordersaga.store.session import Part

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
