"""Attentions as rows, what a process must be able to read, the kind of an order's next call, and hints."""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE orders
            ADD COLUMN state_version SMALLINT DEFAULT 1 NOT NULL,
            ADD COLUMN key_id BYTEA NOT NULL GENERATED ALWAYS AS (
                CASE WHEN length(sealed_key) > 2 THEN substr(sealed_key, 3, get_byte(sealed_key, 1)) ELSE '\\x'::bytea END
            ) STORED,
            ADD COLUMN call_kind TEXT COLLATE "C" DEFAULT '' NOT NULL,
            ADD COLUMN chunks SMALLINT DEFAULT 0 NOT NULL,
            ADD COLUMN hinted_at TIMESTAMPTZ,
            ADD COLUMN hinted_operation TEXT,
            ADD COLUMN hinted_id TEXT
        """
    )
    op.execute("DROP INDEX orders_due_idx")
    op.execute("CREATE INDEX orders_blocked_idx ON orders (blocked) WHERE blocked IS NOT NULL")
    op.execute(
        """
        CREATE INDEX orders_due_idx ON orders (merchant, provider, call_kind, due_at, state_version, key_id)
        WHERE due_at IS NOT NULL
        """
    )
    op.execute(
        """
        CREATE UNIQUE INDEX orders_provider_order_idx ON orders (merchant, provider, provider_order_id)
        WHERE provider_order_id IS NOT NULL AND (status NOT IN ('rejected', 'abandoned') OR captured_amount > 0)
        """
    )
    op.execute(
        """
        CREATE TABLE order_chunks (
            merchant TEXT COLLATE "C" NOT NULL,
            kind TEXT COLLATE "C" NOT NULL,
            subject TEXT COLLATE "C" NOT NULL,
            list TEXT COLLATE "C" NOT NULL,
            number INTEGER NOT NULL,
            content JSON NOT NULL,
            CONSTRAINT order_chunks_pkey PRIMARY KEY (merchant, kind, subject, list, number)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE attentions (
            merchant TEXT COLLATE "C" NOT NULL,
            kind TEXT COLLATE "C" NOT NULL,
            subject TEXT COLLATE "C" NOT NULL,
            id BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL,
            reason TEXT COLLATE "C" NOT NULL,
            operation_id TEXT COLLATE "C" DEFAULT '' NOT NULL,
            since TIMESTAMPTZ NOT NULL,
            until TIMESTAMPTZ,
            advice TEXT DEFAULT '' NOT NULL,
            resolved_by TEXT,
            CONSTRAINT attentions_pkey PRIMARY KEY (merchant, kind, subject, id)
        )
        """
    )
    op.execute(
        """
        CREATE UNIQUE INDEX attentions_open_idx ON attentions (merchant, kind, subject, reason, operation_id)
        WHERE until IS NULL
        """
    )
    op.execute("CREATE UNIQUE INDEX attentions_id_idx ON attentions (id)")
    op.execute("CREATE INDEX attentions_since_idx ON attentions (since) WHERE until IS NULL")
    op.execute(
        """
        ALTER TABLE epoch
            ADD COLUMN lowest_version SMALLINT DEFAULT 1 NOT NULL,
            ADD COLUMN lineage TEXT
        """
    )
    # Null on a standby, and where the server refuses these functions.
    op.execute(
        """
        CREATE FUNCTION ordersaga_lineage() RETURNS TEXT LANGUAGE plpgsql STABLE AS $$
        BEGIN
            RETURN (SELECT system_identifier FROM pg_control_system())
                || '/' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8);
        EXCEPTION WHEN OTHERS THEN
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TABLE heartbeats (
            owner TEXT COLLATE "C" NOT NULL,
            beat BIGINT NOT NULL,
            version SMALLINT NOT NULL,
            key_ids BYTEA[] NOT NULL,
            seen_at TIMESTAMPTZ DEFAULT now() NOT NULL,
            since TIMESTAMPTZ DEFAULT now() NOT NULL,
            CONSTRAINT heartbeats_pkey PRIMARY KEY (owner)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE kept_results (
            merchant TEXT COLLATE "C" NOT NULL,
            kind TEXT COLLATE "C" NOT NULL,
            subject TEXT COLLATE "C" NOT NULL,
            lease_token BIGINT NOT NULL,
            sealed BYTEA NOT NULL,
            sealed_key BYTEA NOT NULL,
            kept_at TIMESTAMPTZ DEFAULT now() NOT NULL,
            CONSTRAINT kept_results_pkey PRIMARY KEY (merchant, kind, subject)
        )
        """
    )


def downgrade() -> None:
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM orders WHERE chunks > 0) THEN
                RAISE EXCEPTION 'some orders have lists in order_chunks, which revision 0001 cannot read';
            END IF;
        END $$
        """
    )
    op.execute("DROP TABLE kept_results")
    op.execute("DROP TABLE heartbeats")
    op.execute("DROP FUNCTION ordersaga_lineage()")
    op.execute("ALTER TABLE epoch DROP COLUMN lowest_version, DROP COLUMN lineage")
    op.execute("DROP TABLE attentions")
    op.execute("DROP TABLE order_chunks")
    op.execute("DROP INDEX orders_blocked_idx")
    op.execute("DROP INDEX orders_provider_order_idx")
    op.execute("DROP INDEX orders_due_idx")
    op.execute("CREATE INDEX orders_due_idx ON orders (merchant, provider, due_at) WHERE due_at IS NOT NULL")
    op.execute(
        """
        ALTER TABLE orders DROP COLUMN state_version, DROP COLUMN key_id, DROP COLUMN call_kind, DROP COLUMN chunks,
            DROP COLUMN hinted_at, DROP COLUMN hinted_operation, DROP COLUMN hinted_id
        """
    )
