"""Durable callers whose message was refused are told so: a waiter may be one for a reject."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; all waiters so far wait for a log."""
    op.add_column("waiters", sa.Column("reject_id", sa.BigInteger))
