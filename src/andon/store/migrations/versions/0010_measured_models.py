"""Second opinions below what is shown, what models answered to labelled cases, and what technicians say of answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Compared by its bytes in both databases.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
_SECOND = sa.text("second_of IS NOT NULL")


def upgrade() -> None:
    """Add the column and the two tables, all empty."""
    op.add_column("analyses", sa.Column("second_of", sa.BigInteger))
    op.create_index("analyses_second", "analyses", ["second_of"], sqlite_where=_SECOND, postgresql_where=_SECOND)
    op.create_table(
        "trials",
        sa.Column("id", _KEY, primary_key=True),
        *(sa.Column(name, _TEXT, nullable=False) for name in ("provider", "model", "identity", "prompt_version")),
        *(sa.Column(name, _TEXT, nullable=False) for name in ("case_id", "outcome", "answered_at")),
        *(sa.Column(name, sa.Integer) for name in ("input_tokens", "output_tokens")),
        sa.Column("seconds", sa.Float),
        sqlite_autoincrement=True,
    )
    of = ["provider", "model", "identity", "prompt_version", "case_id"]
    op.create_index("trials_once", "trials", of, unique=True)
    op.create_table(
        "verdicts",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("analysis_id", sa.BigInteger, nullable=False),
        sa.Column("pattern_id", sa.BigInteger),
        *(sa.Column(name, _TEXT, nullable=False) for name in ("verdict", "created_at")),
        *(sa.Column(name, _TEXT) for name in ("author", "note", "rung", "source", "provider", "model")),
        *(sa.Column(name, _TEXT) for name in ("prompt_version", "revoked_at")),
        sqlite_autoincrement=True,
    )
    op.create_index("verdicts_analysis", "verdicts", ["analysis_id"])
