"""Revisions of the database that a newer version could bring."""

from pathlib import Path
from typing import Final

from helm.chart import ROOT

NEWEST: Final = max(path.name[:4] for path in Path(ROOT / "migrations" / "versions").glob("0*.py"))

_REVISION: Final = """
from alembic import op

revision = "{revision}"
down_revision = "{down}"
branch_labels = depends_on = None


def upgrade() -> None:
    for statement in {statements}:
        op.execute(statement)
"""


def adding(revision: str, down: str) -> str:
    """What an older version doesn't know, and needn't."""
    return _REVISION.format(revision=revision, down=down, statements=["ALTER TABLE orders ADD COLUMN remark TEXT"])


def failing(revision: str, down: str) -> str:
    """After its first step."""
    statements = ["ALTER TABLE orders ADD COLUMN half TEXT", "SELECT 1 / 0"]
    return _REVISION.format(revision=revision, down=down, statements=statements)
