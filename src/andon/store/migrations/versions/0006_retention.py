"""What retention remembers: which messages were handled and have no row, how far the rules were applied, samples."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Compared by its bytes in both databases.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables; nothing that is stored changes."""
    op.create_table(
        "gone",
        sa.Column("stream_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last_ns", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("first_ns", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "retention_marks",
        sa.Column("policy", _TEXT, primary_key=True),
        sa.Column("age", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("log_id", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "retention_later",
        sa.Column("log_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "samples",
        sa.Column("pattern_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hour", _TEXT, primary_key=True),
        sa.Column("log_id", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
