"""The first tables."""

from collections.abc import Sequence
from typing import Final

from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_TABLES: Final = (
    """
    CREATE TABLE orders (
        merchant TEXT COLLATE "C" NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        subject TEXT COLLATE "C" NOT NULL,
        provider TEXT COLLATE "C" NOT NULL,
        provider_order_id TEXT,
        status TEXT NOT NULL,
        fraud_status TEXT,
        currency TEXT NOT NULL,
        order_amount BIGINT DEFAULT 0 NOT NULL,
        captured_amount BIGINT DEFAULT 0 NOT NULL,
        released_amount BIGINT DEFAULT 0 NOT NULL,
        refunded_amount BIGINT DEFAULT 0 NOT NULL,
        expires_at TIMESTAMPTZ,
        state JSON NOT NULL,
        sealed BYTEA,
        sealed_key BYTEA,
        due_at TIMESTAMPTZ,
        lease_owner TEXT,
        lease_until TIMESTAMPTZ,
        lease_token BIGINT DEFAULT 0 NOT NULL,
        calling_since TIMESTAMPTZ,
        sequence BIGINT NOT NULL,
        version BIGINT NOT NULL,
        is_open BOOLEAN NOT NULL,
        attention TEXT,
        blocked UUID,
        created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
        updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
        CONSTRAINT orders_pkey PRIMARY KEY (merchant, kind, subject),
        CONSTRAINT orders_amounts_not_negative
            CHECK (order_amount >= 0 AND captured_amount >= 0 AND released_amount >= 0 AND refunded_amount >= 0),
        CONSTRAINT orders_books_balance CHECK (captured_amount + released_amount <= order_amount),
        CONSTRAINT orders_refunded_within_captured CHECK (refunded_amount <= captured_amount),
        CONSTRAINT orders_lease_whole
            CHECK ((lease_until IS NULL) = (calling_since IS NULL) AND (lease_owner IS NULL OR lease_until IS NOT NULL)),
        CONSTRAINT orders_leased_is_due CHECK (calling_since IS NULL OR due_at IS NOT NULL OR attention IS NOT NULL)
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE INDEX orders_attention_idx ON orders (merchant, attention) WHERE attention IS NOT NULL
    """,
    """
    CREATE INDEX orders_due_idx ON orders (merchant, provider, due_at) WHERE due_at IS NOT NULL
    """,
    """
    CREATE INDEX orders_stuck_idx ON orders (merchant) WHERE is_open AND due_at IS NULL AND attention IS NULL AND blocked IS NULL
    """,
    """
    CREATE TABLE inbox (
        merchant TEXT COLLATE "C" NOT NULL,
        source TEXT COLLATE "C" NOT NULL,
        id TEXT COLLATE "C" NOT NULL,
        digest BYTEA NOT NULL,
        taken_at TIMESTAMPTZ DEFAULT now() NOT NULL,
        dead_letter UUID,
        CONSTRAINT inbox_pkey PRIMARY KEY (merchant, source, id)
    )
    """,
    """
    CREATE INDEX inbox_dead_letter_idx ON inbox (dead_letter) WHERE dead_letter IS NOT NULL
    """,
    """
    CREATE INDEX inbox_taken_at_idx ON inbox (taken_at)
    """,
    """
    CREATE TABLE intake_offsets (
        topic TEXT COLLATE "C" NOT NULL,
        partition INTEGER NOT NULL,
        next_offset BIGINT NOT NULL,
        caught_up_at TIMESTAMPTZ,
        CONSTRAINT intake_offsets_pkey PRIMARY KEY (topic, partition)
    )
    """,
    """
    CREATE TABLE journal (
        merchant TEXT COLLATE "C" NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        subject TEXT COLLATE "C" NOT NULL,
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        at TIMESTAMPTZ NOT NULL,
        what TEXT NOT NULL,
        name TEXT NOT NULL,
        event_id TEXT,
        operation_id TEXT,
        amount BIGINT,
        note TEXT,
        correlation_id TEXT,
        status INTEGER,
        duration FLOAT(53),
        CONSTRAINT journal_pkey PRIMARY KEY (merchant, kind, subject, id)
    )
    """,
    """
    CREATE TABLE provider_ids (
        merchant TEXT COLLATE "C" NOT NULL,
        provider TEXT COLLATE "C" NOT NULL,
        id TEXT COLLATE "C" NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        subject TEXT COLLATE "C" NOT NULL,
        what TEXT NOT NULL,
        CONSTRAINT provider_ids_pkey PRIMARY KEY (merchant, provider, id)
    )
    """,
    """
    CREATE TABLE outbox (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        shard SMALLINT NOT NULL,
        merchant TEXT COLLATE "C" NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        subject TEXT COLLATE "C" NOT NULL,
        sequence BIGINT NOT NULL,
        type TEXT NOT NULL,
        headers BYTEA NOT NULL,
        payload BYTEA NOT NULL,
        created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
        CONSTRAINT outbox_pkey PRIMARY KEY (id),
        CONSTRAINT outbox_merchant_kind_subject_sequence_key UNIQUE (merchant, kind, subject, sequence)
    )
    """,
    """
    CREATE TABLE dead_letters (
        id UUID NOT NULL,
        merchant TEXT,
        subject TEXT,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        "offset" BIGINT NOT NULL,
        sealed BYTEA NOT NULL,
        sealed_key BYTEA NOT NULL,
        code TEXT NOT NULL,
        reason TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        state TEXT DEFAULT 'open' NOT NULL,
        at TIMESTAMPTZ DEFAULT now() NOT NULL,
        CONSTRAINT dead_letters_pkey PRIMARY KEY (id),
        CONSTRAINT dead_letters_state_known CHECK (state IN ('open', 'replayed', 'discarded'))
    )
    """,
    """
    CREATE INDEX dead_letters_place_idx ON dead_letters (topic, partition, "offset")
    """,
    """
    CREATE INDEX dead_letters_state_at_idx ON dead_letters (state, at, id)
    """,
    """
    CREATE TABLE relay_shards (
        shard SMALLINT NOT NULL,
        owner TEXT,
        lease_until TIMESTAMPTZ,
        CONSTRAINT relay_shards_pkey PRIMARY KEY (shard)
    )
    """,
    """
    CREATE TABLE members (
        role TEXT COLLATE "C" NOT NULL,
        owner TEXT COLLATE "C" NOT NULL,
        seen_until TIMESTAMPTZ NOT NULL,
        CONSTRAINT members_pkey PRIMARY KEY (role, owner)
    )
    """,
    """
    CREATE TABLE switches (
        name TEXT COLLATE "C" NOT NULL,
        merchant TEXT COLLATE "C" NOT NULL,
        provider TEXT COLLATE "C" NOT NULL,
        paused BOOLEAN NOT NULL,
        by TEXT NOT NULL,
        at TIMESTAMPTZ DEFAULT now() NOT NULL,
        CONSTRAINT switches_pkey PRIMARY KEY (name, merchant, provider)
    )
    """,
    """
    CREATE TABLE epoch (
        single BOOLEAN DEFAULT true NOT NULL,
        epoch INTEGER NOT NULL,
        raised_at TIMESTAMPTZ,
        CONSTRAINT epoch_pkey PRIMARY KEY (single),
        CONSTRAINT epoch_one_row CHECK (single)
    )
    """,
    """
    CREATE TABLE master_keys (
        id TEXT NOT NULL,
        proof BYTEA NOT NULL,
        proof_key BYTEA NOT NULL,
        CONSTRAINT master_keys_pkey PRIMARY KEY (id)
    )
    """,
)

_MORE: Final = (
    # Compressed and encrypted already: Postgres needn't try again.
    "ALTER TABLE orders ALTER COLUMN sealed SET STORAGE EXTERNAL",
    "ALTER TABLE dead_letters ALTER COLUMN sealed SET STORAGE EXTERNAL",
    # Queues and hot rows: without this the dead tuples of a busy hour slow every scan.
    "ALTER TABLE orders SET (autovacuum_vacuum_scale_factor = 0.02)",
    "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)",
    "INSERT INTO relay_shards (shard) SELECT generate_series(0, 31)",
    "INSERT INTO epoch (epoch) VALUES (1)",
)


def upgrade() -> None:
    for statement in (*_TABLES, *_MORE):
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP TABLE master_keys, epoch, switches, members, relay_shards, dead_letters, outbox, provider_ids, journal, intake_offsets, inbox, orders"
    )
