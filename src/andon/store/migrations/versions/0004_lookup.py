"""What search and comparison need beside the rows: an index of words, and counts of the values of fields."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    """Add the tables; the service fills them in, oldest logs first, while it runs."""
    op.create_table(
        "fields",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("kept", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "field_values",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("field_id", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("rest", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("field_values_value", "field_values", ["field_id", "value", "rest"], unique=True)
    op.create_table(
        "facets",
        sa.Column("field_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("pattern_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("value_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE log_words USING fts5"
            "(words, content='', detail=none, columnsize=0, tokenize='unicode61 remove_diacritics 2')"
        )
    else:
        op.execute(
            "CREATE INDEX logs_words ON logs USING gin"
            " (to_tsvector('simple', regexp_replace(message, '[^[:alnum:]]+', ' ', 'g')))"
        )
