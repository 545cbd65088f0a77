"""Alarms are told apart by their source, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Compared by its bytes in both databases.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column, empty: the first log that names the source of an alarm fills it."""
    op.add_column("alarms", sa.Column("source", _TEXT, nullable=False, server_default=""))
    op.drop_index("alarms_source", "alarms")
    op.create_index("alarms_source", "alarms", ["place", "code", "source"], unique=True)
