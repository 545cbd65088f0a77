"""Pictures that come with logs: stored once, named by logs, or still to be fetched from an object store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
# Compared by its bytes in both databases.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables; nothing that is stored changes."""
    op.create_table(
        "pictures",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("sha256", _TEXT, nullable=False, unique=True),
        sa.Column("media_type", _TEXT, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("created_at", _TEXT, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "log_pictures",
        sa.Column("log_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("picture_id", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("log_pictures_picture", "log_pictures", ["picture_id"])
    op.create_table(
        "picture_fetches",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("log_id", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("bucket", _TEXT, nullable=False),
        sa.Column("object", _TEXT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("picture_fetches_log", "picture_fetches", ["log_id"])
