"""Counts of alarms by weeks, and of the values of fields by days: what questions about months read."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables of the counts by days and hours: some seconds for ten million logs."""
    tables = sa.inspect(op.get_bind()).get_table_names()
    if "facet_hours" not in tables:
        _count_by_hours()
    if "alarm_days" not in tables:
        _count_alarms_by_days()
    op.create_table(
        "alarm_weeks",
        sa.Column("week", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("alarm_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("most", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
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
    op.execute(
        "INSERT INTO facet_days (field_id, day, value_id, count, squares)"
        " SELECT field_id, hour / 24, value_id, SUM(count), SUM(1.0 * count * count)"
        " FROM facet_hours GROUP BY field_id, hour / 24, value_id",
    )


# Programs from between two releases made 0004 and 0005 without these tables: what they would hold is counted anew.


def _count_by_hours() -> None:
    """Counts of fields by day for a problem and by hour for all, those of logs, and indexes of that time."""
    op.rename_table("facets", "facets_before")
    _table("facets", "field_id", "day", "pattern_id", "value_id")
    _table("facet_hours", "field_id", "hour", "value_id")
    _table("pattern_hours", "hour", "pattern_id")
    op.create_table(
        "log_hours",
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("first_id", sa.BigInteger, nullable=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO facets (field_id, day, pattern_id, value_id, count)"
        " SELECT field_id, hour / 24, pattern_id, value_id, SUM(count) FROM facets_before WHERE pattern_id > 0"
        " GROUP BY field_id, hour / 24, pattern_id, value_id"
    )
    op.execute(
        "INSERT INTO facet_hours (field_id, hour, value_id, count)"
        " SELECT field_id, hour, value_id, SUM(count) FROM facets_before GROUP BY field_id, hour, value_id"
    )
    op.drop_table("facets_before")
    _count_logs()
    op.drop_index("logs_severity_time", "log_rows")
    for severity in ("CRITICAL", "ERROR"):
        condition = sa.text(f"severity = '{severity}'")
        name = f"logs_{severity.lower()}_time"
        op.create_index(name, "log_rows", ["timestamp"], sqlite_where=condition, postgresql_where=condition)


def _count_logs() -> None:
    """Count what is indexed; the service goes on from there."""
    run = op.get_bind().exec_driver_sql
    indexed = "FROM log_rows WHERE id <= (SELECT value FROM counters WHERE name = 'indexed')"
    hours = run(
        f"SELECT SUBSTR(timestamp, 1, 13), MIN(id), MAX(id), COUNT(*) {indexed} GROUP BY SUBSTR(timestamp, 1, 13)"
    ).fetchall()
    for text, first, last, count in hours:
        run(f"INSERT INTO log_hours VALUES ({_hour(text)}, {first}, {last}, {count})")  # noqa: S608 - numbers
    seen = run(
        f"SELECT SUBSTR(timestamp, 1, 13), pattern_id, COUNT(*) {indexed} AND pattern_id > 0"
        " GROUP BY SUBSTR(timestamp, 1, 13), pattern_id"
    ).fetchall()
    for text, pattern, count in seen:
        run(f"INSERT INTO pattern_hours VALUES ({_hour(text)}, {pattern}, {count})")  # noqa: S608 - numbers


def _count_alarms_by_days() -> None:
    op.create_table(
        "alarm_days",
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("alarm_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("most", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO alarm_days (day, alarm_id, count, most)"
        " SELECT period / 144, alarm_id, SUM(count), MAX(most) FROM alarm_periods GROUP BY period / 144, alarm_id"
    )


def _table(name: str, *key: str) -> None:
    columns = [sa.Column(part, sa.BigInteger, primary_key=True, autoincrement=False) for part in key]
    op.create_table(name, *columns, sa.Column("count", sa.BigInteger, nullable=False), sqlite_with_rowid=False)


def _hour(text: str) -> int:
    """Since 1970, of a time that begins so: 2026-03-01T22."""
    return int(datetime.fromisoformat(f"{text}:00+00:00").timestamp()) // 3600
