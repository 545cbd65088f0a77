"""Alarms with their states and occurrences, what people note about them and their shifts, and who did what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
# Compared by its bytes in both databases.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables; logs that are indexed from now on fill them."""
    _alarms()
    _occurrences()
    _rates()
    _people()


def _alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("place", _TEXT, nullable=False),
        sa.Column("code", _TEXT, nullable=False),
        sa.Column("item", _TEXT),
        sa.Column("hostname", _TEXT),
        sa.Column("site", _TEXT),
        sa.Column("area", _TEXT),
        sa.Column("line", _TEXT),
        sa.Column("machine", _TEXT),
        sa.Column("text", _TEXT, nullable=False),
        sa.Column("pattern_id", sa.BigInteger),
        sa.Column("log_id", sa.BigInteger),
        sa.Column("severity", _TEXT, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("stated", sa.Boolean, nullable=False),
        sa.Column("clears", sa.Boolean, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("active_since", sa.Float),
        sa.Column("last_seen", sa.Float, nullable=False),
        sa.Column("cleared_at", sa.Float),
        sa.Column("occurrences", sa.BigInteger, nullable=False),
        sa.Column("recent", _TEXT, nullable=False),
        sa.Column("acked_at", sa.Float),
        sa.Column("acked_by", _TEXT),
        sa.Column("ack_note", _TEXT),
        sa.Column("shelved_at", sa.Float),
        sa.Column("shelved_until", sa.Float),
        sa.Column("shelved_by", _TEXT),
        sa.Column("shelve_note", _TEXT),
        sqlite_autoincrement=True,
    )
    op.create_index("alarms_source", "alarms", ["place", "code"], unique=True)
    _partial("alarms_active", "alarms", "active_since", "state = 'active'")
    _partial("alarms_shelved", "alarms", "shelved_until", "shelved_until IS NOT NULL")


def _occurrences() -> None:
    op.create_table(
        "occurrences",
        sa.Column("alarm_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("started", sa.Float, primary_key=True, autoincrement=False),
        sa.Column("ended", sa.Float),
        sa.Column("clears", sa.Boolean, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("stopped", sa.Boolean, nullable=False),
        sa.Column("acknowledged", sa.Float),
        sa.Column("log_id", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("occurrences_started", "occurrences", ["started", "ended", "acknowledged"])
    _partial("occurrences_stops", "occurrences", "started", "stopped")


def _rates() -> None:
    op.create_table(
        "alarm_periods",
        sa.Column("period", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("alarm_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("priority", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("most", sa.Integer, nullable=False),
        sa.Column("first_at", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "alarm_days",
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("alarm_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("most", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "alarm_totals",
        sa.Column("period", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("priority", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _people() -> None:
    op.create_table(
        "audit",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("at", _TEXT, nullable=False),
        sa.Column("actor", _TEXT, nullable=False),
        sa.Column("action", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_at", "audit", ["at"])
    op.create_table(
        "shift_notes",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("author", _TEXT),
        sa.Column("text", _TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("shift_notes_at", "shift_notes", ["at"])
    op.create_table(
        "handovers",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("shift", _TEXT, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float, nullable=False),
        sa.Column("signed_by", _TEXT, nullable=False),
        sa.Column("signed_at", sa.Float, nullable=False),
        sa.Column("report", _TEXT),
        sqlite_autoincrement=True,
    )
    op.create_index("handovers_shift", "handovers", ["started", "ended", "shift", "signed_by"], unique=True)


def _partial(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
