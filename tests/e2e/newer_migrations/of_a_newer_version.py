"""What a newer version adds, so that older processes go on: a column that may be null, and an index without a lock."""

from collections.abc import Sequence
from pathlib import Path

from alembic import op
from alembic.script import ScriptDirectory

revision: str = "newer"
down_revision: str | None = ScriptDirectory(str(Path(__file__).parents[3] / "migrations")).get_current_head()
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN newer TEXT")
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS orders_newer_idx")
        op.execute("CREATE INDEX CONCURRENTLY orders_newer_idx ON orders (merchant, newer) WHERE newer IS NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP COLUMN newer")
