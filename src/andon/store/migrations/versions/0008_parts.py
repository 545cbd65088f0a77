"""Several logs of one message: the place in it becomes part of what identifies a row, and odd bytes are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is stored came one to a message, so each of it stands at place 0."""
    for table in ("logs", "rejects"):
        op.add_column(table, sa.Column("part", sa.Integer, nullable=False, server_default="0"))
        op.drop_index(f"{table}_identity", table)
        op.create_index(f"{table}_identity", table, ["stream_id", "seq", "stored_ns", "part"], unique=True)
    op.add_column("logs", sa.Column("raw", sa.LargeBinary))
