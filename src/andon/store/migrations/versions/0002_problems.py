"""Problems: merges and splits, confirmed fixes, what an explanation was made of, and spent model calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
# Compared by its bytes in both databases.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# What is explained already counts as explained in its present state, or every pattern would be renewed at once.
_EXPLAINED = """
UPDATE patterns SET
    explained_at = COALESCE({finished}, 0.0),
    renewed_at = COALESCE({finished}, 0.0),
    explained_severity = worst_severity,
    explained_hosts = (SELECT count(*) FROM pattern_hosts AS h WHERE h.pattern_id = patterns.id),
    explained_rate = 0
FROM analyses AS a
WHERE a.id = patterns.analysis_id AND a.finished_at IS NOT NULL AND a.text IS NOT NULL
"""


_FINISHED = {
    "sqlite": "CAST(strftime('%s', a.finished_at) AS REAL)",
    "postgresql": "EXTRACT(EPOCH FROM CAST(a.finished_at AS TIMESTAMPTZ))",
}


def upgrade() -> None:
    """Add the tables and columns; nothing that is stored changes."""
    op.create_table(
        "resolutions",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("pattern_id", sa.BigInteger, nullable=False),
        sa.Column("fix", _TEXT, nullable=False),
        sa.Column("cause", _TEXT),
        sa.Column("author", _TEXT),
        sa.Column("created_at", _TEXT, nullable=False),
        sa.Column("revoked_at", _TEXT),
        sqlite_autoincrement=True,
    )
    op.create_index("resolutions_pattern", "resolutions", ["pattern_id"])
    op.create_table(
        "merges",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("child_id", sa.BigInteger, nullable=False),
        sa.Column("parent_id", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("words", _TEXT, nullable=False),
        sa.Column("created_at", _TEXT, nullable=False),
        sa.Column("undone_at", _TEXT),
        sqlite_autoincrement=True,
    )
    op.create_index("merges_child", "merges", ["child_id"])
    op.create_index("merges_parent", "merges", ["parent_id"])
    op.create_table(
        "kept_apart",
        sa.Column("one", _TEXT, primary_key=True),
        sa.Column("other", _TEXT, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "model_calls",
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("patterns", sa.Column("explained_at", sa.Float))
    op.add_column("patterns", sa.Column("explained_severity", _TEXT))
    op.add_column("patterns", sa.Column("explained_hosts", sa.Integer))
    op.add_column("patterns", sa.Column("explained_rate", sa.Integer))
    op.add_column("patterns", sa.Column("renewed_at", sa.Float))
    merged = sa.text("merged_into IS NOT NULL")
    op.create_index("patterns_merged", "patterns", ["merged_into"], sqlite_where=merged, postgresql_where=merged)
    op.execute(_EXPLAINED.format(finished=_FINISHED[op.get_context().dialect.name]))
