"""The tables. Text columns of keys are ordered by bytes (COLLATE "C"), as Python orders strings."""

from typing import Any, Final

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Float,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON

SHARDS: Final = 32
"""Of the outbox. It must never change: an order stays in its shard."""

metadata: Final = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
        "pk": "%(table_name)s_pkey",
    }
)


def _key_text(name: str) -> Column[str]:
    return Column(name, Text(collation="C"), nullable=False)


def _time(name: str, *, optional: bool = False, now: bool = False) -> Column[Any]:
    return Column(name, TIMESTAMP(timezone=True), nullable=optional, server_default=func.now() if now else None)


_KEY_ID: Final = (
    "CASE WHEN length(sealed_key) > 2 THEN substr(sealed_key, 3, get_byte(sealed_key, 1)) ELSE '\\x'::bytea END"
)


def _amount(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


orders: Final = Table(
    "orders",
    metadata,
    _key_text("merchant"),
    _key_text("kind"),
    _key_text("subject"),
    _key_text("provider"),
    Column("provider_order_id", Text),
    Column("status", Text, nullable=False),
    Column("fraud_status", Text),
    Column("currency", Text, nullable=False),
    _amount("order_amount"),
    _amount("captured_amount"),
    _amount("released_amount"),
    _amount("refunded_amount"),
    _time("expires_at", optional=True),
    Column("state", JSON, nullable=False),
    Column("sealed", LargeBinary),
    Column("sealed_key", LargeBinary),
    _time("due_at", optional=True),
    Column("lease_owner", Text),
    _time("lease_until", optional=True),
    Column("lease_token", BigInteger, nullable=False, server_default=text("0")),
    _time("calling_since", optional=True),
    Column("sequence", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("is_open", Boolean, nullable=False),  # unfinished: an operation or an event waits
    Column("attention", Text),
    Column("blocked", Uuid),
    _time("created_at", now=True),
    _time("updated_at", now=True),
    Column("state_version", SmallInteger, nullable=False, server_default=text("1")),
    # Of the master key that a reader needs; empty: nothing is encrypted. Generated, so that no version can forget it.
    Column("key_id", LargeBinary, Computed(_KEY_ID, persisted=True), nullable=False),
    Column("call_kind", Text(collation="C"), nullable=False, server_default=text("''")),  # of the next call
    Column("chunks", SmallInteger, nullable=False, server_default=text("0")),  # rows of `order_chunks`
    _time("hinted_at", optional=True),  # the provider said that the order has changed there; NULL: it was read since
    Column("hinted_operation", Text),  # whose answer was lost, so that a notification has to name what it made:
    Column("hinted_id", Text),  # the provider's order
    PrimaryKeyConstraint("merchant", "kind", "subject"),
    CheckConstraint(
        "order_amount >= 0 AND captured_amount >= 0 AND released_amount >= 0 AND refunded_amount >= 0",
        name="amounts_not_negative",
    ),
    CheckConstraint("captured_amount + released_amount <= order_amount", name="books_balance"),
    CheckConstraint("refunded_amount <= captured_amount", name="refunded_within_captured"),
    CheckConstraint(
        "(lease_until IS NULL) = (calling_since IS NULL) AND (lease_owner IS NULL OR lease_until IS NOT NULL)",
        name="lease_whole",
    ),
    CheckConstraint("calling_since IS NULL OR due_at IS NOT NULL OR attention IS NOT NULL", name="leased_is_due"),
    Index(
        "orders_due_idx",
        "merchant",
        "provider",
        "call_kind",
        "due_at",
        "state_version",
        "key_id",
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index(
        "orders_stuck_idx",
        "merchant",
        postgresql_where=text("is_open AND due_at IS NULL AND attention IS NULL AND blocked IS NULL"),
    ),
    Index("orders_blocked_idx", "blocked", postgresql_where=text("blocked IS NOT NULL")),
    Index(
        "orders_provider_order_idx",
        "merchant",
        "provider",
        "provider_order_id",
        unique=True,
        postgresql_where=text(
            "provider_order_id IS NOT NULL AND (status NOT IN ('rejected', 'abandoned') OR captured_amount > 0)"
        ),
    ),
    Index("orders_attention_idx", "merchant", "attention", postgresql_where=text("attention IS NOT NULL")),
    postgresql_with={"fillfactor": "80"},
)

order_chunks: Final = Table(
    "order_chunks",
    metadata,
    _key_text("merchant"),
    _key_text("kind"),
    _key_text("subject"),
    _key_text("list"),
    Column("number", Integer, nullable=False),
    Column("content", JSON, nullable=False),
    PrimaryKeyConstraint("merchant", "kind", "subject", "list", "number"),
)

attentions: Final = Table(
    "attentions",
    metadata,
    _key_text("merchant"),
    _key_text("kind"),
    _key_text("subject"),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    _key_text("reason"),
    Column("operation_id", Text(collation="C"), nullable=False, server_default=text("''")),
    _time("since"),
    _time("until", optional=True),
    Column("advice", Text, nullable=False, server_default=text("''")),
    Column("resolved_by", Text),
    PrimaryKeyConstraint("merchant", "kind", "subject", "id"),
    Index(
        "attentions_open_idx",
        "merchant",
        "kind",
        "subject",
        "reason",
        "operation_id",
        unique=True,
        postgresql_where=text("until IS NULL"),
    ),
    Index("attentions_id_idx", "id", unique=True),
    Index("attentions_since_idx", "since", postgresql_where=text("until IS NULL")),
)

inbox: Final = Table(
    "inbox",
    metadata,
    _key_text("merchant"),
    _key_text("source"),
    _key_text("id"),
    Column("digest", LargeBinary, nullable=False),
    _time("taken_at", now=True),
    Column("dead_letter", Uuid),
    PrimaryKeyConstraint("merchant", "source", "id"),
    Index("inbox_taken_at_idx", "taken_at"),
    Index("inbox_dead_letter_idx", "dead_letter", postgresql_where=text("dead_letter IS NOT NULL")),
)

intake_offsets: Final = Table(
    "intake_offsets",
    metadata,
    _key_text("topic"),
    Column("partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    _time("caught_up_at", optional=True),
    PrimaryKeyConstraint("topic", "partition"),
)

journal: Final = Table(
    "journal",
    metadata,
    _key_text("merchant"),
    _key_text("kind"),
    _key_text("subject"),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    _time("at"),
    Column("what", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("event_id", Text),
    Column("operation_id", Text),
    Column("amount", BigInteger),
    Column("note", Text),
    Column("correlation_id", Text),
    Column("status", Integer),
    Column("duration", Float(53)),
    PrimaryKeyConstraint("merchant", "kind", "subject", "id"),
)

provider_ids: Final = Table(
    "provider_ids",
    metadata,
    _key_text("merchant"),
    _key_text("provider"),
    _key_text("id"),
    _key_text("kind"),
    _key_text("subject"),
    Column("what", Text, nullable=False),
    PrimaryKeyConstraint("merchant", "provider", "id"),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("shard", SmallInteger, nullable=False),
    _key_text("merchant"),
    _key_text("kind"),
    _key_text("subject"),
    Column("sequence", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("headers", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    _time("created_at", now=True),
    UniqueConstraint("merchant", "kind", "subject", "sequence"),
)

dead_letters: Final = Table(
    "dead_letters",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("merchant", Text),
    Column("subject", Text),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    _time("at", now=True),
    CheckConstraint("state IN ('open', 'replayed', 'discarded')", name="state_known"),
    Index("dead_letters_state_at_idx", "state", "at", "id"),
    Index("dead_letters_place_idx", "topic", "partition", "offset"),
)

relay_shards: Final = Table(
    "relay_shards",
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("owner", Text),
    _time("lease_until", optional=True),
)

members: Final = Table(
    "members",
    metadata,
    _key_text("role"),
    _key_text("owner"),
    _time("seen_until"),
    PrimaryKeyConstraint("role", "owner"),
)

kept_results: Final = Table(
    "kept_results",
    metadata,
    _key_text("merchant"),
    _key_text("kind"),
    _key_text("subject"),
    Column("lease_token", BigInteger, nullable=False),  # of the order, until it is claimed again
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    _time("kept_at", now=True),
    PrimaryKeyConstraint("merchant", "kind", "subject"),
)

switches: Final = Table(
    "switches",
    metadata,
    _key_text("name"),
    _key_text("merchant"),  # '*': all
    _key_text("provider"),  # '*': all
    Column("paused", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    _time("at", now=True),
    PrimaryKeyConstraint("name", "merchant", "provider"),
)

epoch: Final = Table(
    "epoch",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("epoch", Integer, nullable=False),
    _time("raised_at", optional=True),
    Column("lowest_version", SmallInteger, nullable=False, server_default=text("1")),  # that may write
    Column("lineage", Text),  # the server and timeline on which the service writes
    CheckConstraint("single", name="one_row"),
)

heartbeats: Final = Table(
    "heartbeats",
    metadata,
    _key_text("owner"),
    Column("beat", BigInteger, nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("key_ids", ARRAY(LargeBinary), nullable=False),
    _time("seen_at", now=True),
    _time("since", now=True),  # without a gap
    PrimaryKeyConstraint("owner"),
)

master_keys: Final = Table(
    "master_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("proof", LargeBinary, nullable=False),
    Column("proof_key", LargeBinary, nullable=False),
)

INPUT_CONSTRAINTS: Final = frozenset({
    "orders_amounts_not_negative",
    "orders_books_balance",
    "orders_refunded_within_captured",
    "orders_lease_whole",
    "orders_leased_is_due",
    "orders_provider_order_idx",
    "outbox_merchant_kind_subject_sequence_key",
    "attentions_open_idx",
})  # fmt: skip
"""Only what is decided on one order can violate them; a violation of any other is nobody's input."""
