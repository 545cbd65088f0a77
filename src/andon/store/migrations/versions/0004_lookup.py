"""What search and comparison need beside the rows: an index of words, and counts of the values of fields."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from andon.store.schema.dialect import LOG_WORDS

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
# Compared by its bytes in both databases.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables; the service fills them in, oldest logs first, while it runs."""
    op.create_table(
        "fields",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("name", _TEXT, nullable=False, unique=True),
        sa.Column("kept", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "field_values",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("field_id", sa.BigInteger, nullable=False),
        sa.Column("value", _TEXT, nullable=False),
        sa.Column("rest", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("field_values_value", "field_values", ["field_id", "value", "rest"], unique=True)
    op.create_table(
        "facets",
        sa.Column("field_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("pattern_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("value_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "facet_hours",
        sa.Column("field_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("value_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pattern_hours",
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("pattern_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_hours",
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("first_id", sa.BigInteger, nullable=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.drop_index("logs_severity_time", "logs")
    for severity in ("CRITICAL", "ERROR"):
        condition = sa.text(f"severity = '{severity}'")
        name = f"logs_{severity.lower()}_time"
        op.create_index(name, "logs", ["timestamp"], sqlite_where=condition, postgresql_where=condition)
    # the table was called otherwise then
    op.execute(LOG_WORDS[op.get_bind().dialect.name].replace(" ON log_rows ", " ON logs "))
