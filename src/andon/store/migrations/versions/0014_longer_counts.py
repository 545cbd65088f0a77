"""Counts of alarms by weeks, and of the values of fields by days: what questions about months read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables of the counts by days and hours: some seconds for ten million logs."""
    op.create_table(
        "alarm_weeks",
        sa.Column("week", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("alarm_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("most", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    _fill(
        "alarm_days",
        "INSERT INTO alarm_weeks (week, alarm_id, count, most)"
        " SELECT day / 7, alarm_id, SUM(count), MAX(most) FROM alarm_days GROUP BY day / 7, alarm_id",
    )
    op.create_table(
        "facet_days",
        sa.Column("field_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("value_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("squares", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    _fill(
        "facet_hours",
        "INSERT INTO facet_days (field_id, day, value_id, count, squares)"
        " SELECT field_id, hour / 24, value_id, SUM(count), SUM(1.0 * count * count)"
        " FROM facet_hours GROUP BY field_id, hour / 24, value_id",
    )


def _fill(source: str, statement: str) -> None:
    """Run the statement where the table is there: databases of some versions between two releases lack it."""
    if sa.inspect(op.get_bind()).has_table(source):
        op.execute(statement)
