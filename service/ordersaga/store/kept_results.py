"""Results whose worker can't settle them, as it can't read the order any more: for the next worker that claims it."""

from collections.abc import Sequence
from typing import Final

import msgspec
from asyncpg import Record
from msgspec import Raw, Struct

from ordersaga.domain.model.order import Key
from ordersaga.domain.model.outcomes import Call, Read, Revoke, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.store.codec import key_bytes
from ordersaga.store.errors import MasterKeyError
from ordersaga.store.rows import columns_of, key_of
from ordersaga.store.session import Session
from ordersaga.store.vault import Sealed, Vault


class KeptResult(Struct, frozen=True):
    """What a call under an unsettled lease came to. `seconds`: how long it took.

    `since`, `until`: of a lease before that one, under which a call may have been sent, too.
    """

    call: Call
    result: Result
    seconds: float | None
    since: float | None = None
    until: float | None = None


class UnsettledResult(Struct, frozen=True):
    """`token`: of the lease under which the call was made."""

    key: Key
    token: int
    kept: KeptResult


class _Stored(Struct, frozen=True):
    call_type: str
    call: Raw
    result_type: str
    result: Raw
    seconds: float | None
    since: float | None
    until: float | None


_CALLS: Final[dict[str, type[Call]]] = {one.__name__: one for one in (Send, Read, Revoke)}
_RESULTS: Final[dict[str, type[Result]]] = {one.__name__: one for one in (Succeeded, Rejected, Retryable, Unknown)}

_KEEP: Final = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::bytea[])
    AS g(merchant, kind, subject, token, sealed, sealed_key)
),
leased AS (
    SELECT g.* FROM given AS g JOIN orders AS o USING (merchant, kind, subject) WHERE o.lease_token = g.token
    ORDER BY merchant, kind, subject FOR UPDATE OF o
),
kept AS (
    INSERT INTO kept_results AS k (merchant, kind, subject, lease_token, sealed, sealed_key)
    SELECT merchant, kind, subject, token + 1, sealed, sealed_key FROM leased
    ON CONFLICT (merchant, kind, subject) DO UPDATE
    SET lease_token = excluded.lease_token, sealed = excluded.sealed, sealed_key = excluded.sealed_key, kept_at = now()
)
UPDATE orders AS o
SET lease_owner = NULL, lease_until = now(), due_at = now(), lease_token = o.lease_token + 1
FROM leased WHERE (o.merchant, o.kind, o.subject) = (leased.merchant, leased.kind, leased.subject)
RETURNING o.merchant, o.kind, o.subject"""
"""calling_since stays: if the result can't be used, whoever claims the order has to find out what was called."""

LEFT_JOIN: Final = """
LEFT JOIN kept_results AS k ON found.calling_since IS NOT NULL AND k.lease_token = found.lease_token
AND (k.merchant, k.kind, k.subject) = (found.merchant, found.kind, found.subject)"""
"""To the orders `found`, as they were before they were claimed: no call was made after the one whose result is kept."""

_PRUNE: Final = "DELETE FROM kept_results WHERE kept_at < now() - make_interval(secs => $1)"


async def keep(session: Session, results: Sequence[UnsettledResult], vault: Vault) -> set[Key]:
    """Ends the leases; the orders are due at once. Not in the result: leases that were lost."""
    sealed = [vault.seal(_encoded(one.kept), key_bytes(one.key)) for one in results]
    records = await session.fetch(
        _KEEP,
        *columns_of([one.key for one in results]),
        [one.token for one in results],
        [one.data for one in sealed],
        [one.key for one in sealed],
    )
    return {key_of(record) for record in records}


def kept_result(record: Record, vault: Vault) -> KeptResult | None:
    """From `kept` and `kept_key`. None: there is none, or it can't be read here: what was called has to be found out."""
    if record["kept"] is None:
        return None
    try:
        stored = msgspec.json.decode(
            vault.open(Sealed(record["kept_key"], record["kept"]), key_bytes(key_of(record))), type=_Stored
        )
        call = msgspec.json.decode(stored.call, type=_CALLS[stored.call_type])
        result = msgspec.json.decode(stored.result, type=_RESULTS[stored.result_type])
    except (MasterKeyError, msgspec.MsgspecError, KeyError):
        return None
    return KeptResult(call, result, stored.seconds, stored.since, stored.until)


async def prune(session: Session, older_than: float) -> None:
    await session.fetch(_PRUNE, older_than)


def _encoded(kept: KeptResult) -> bytes:
    encode = msgspec.json.encode
    call, result = Raw(encode(kept.call)), Raw(encode(kept.result))
    return encode(
        _Stored(
            type(kept.call).__name__, call, type(kept.result).__name__, result, kept.seconds, kept.since, kept.until
        )
    )
