"""Users, their sessions, tokens of programs; ticked steps, notes about problems; indexes for what is alarming now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Compared by its bytes in both databases.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def _table(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(name, sa.Column("id", _KEY, primary_key=True), *columns, sqlite_autoincrement=True)


def _given(kind: object, *names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, kind, nullable=False) for name in names]  # type: ignore[arg-type]  # a type of SQLAlchemy's


def _optional(kind: object, *names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, kind) for name in names]  # type: ignore[arg-type]  # a type of SQLAlchemy's


def upgrade() -> None:
    """Add the five tables, all empty, and three indexes of alarms."""
    op.create_index("alarms_seen", "alarms", ["last_seen"])
    op.create_index("alarms_pattern", "alarms", ["pattern_id"])
    op.create_index(
        "alarms_clearing", "alarms", ["place"], sqlite_where=sa.text("clears"), postgresql_where=sa.text("clears")
    )
    _table(
        "users",
        sa.Column("name_key", _TEXT, nullable=False, unique=True),
        *_given(_TEXT, "name", "password", "role"),
        *_given(sa.Float, "created"),
        *_optional(sa.Float, "disabled", "last_login"),
    )
    _table(
        "sessions",
        sa.Column("digest", _TEXT, nullable=False, unique=True),
        *_given(sa.BigInteger, "user_id"),
        *_given(_TEXT, "csrf"),
        *_given(sa.Float, "created", "expires", "last_seen"),
    )
    op.create_index("sessions_user", "sessions", ["user_id"])
    _table(
        "tokens",
        sa.Column("digest", _TEXT, nullable=False, unique=True),
        *_given(_TEXT, "name", "role"),
        *_given(sa.Float, "created"),
        *_optional(_TEXT, "created_by"),
        *_optional(sa.Float, "last_used", "revoked"),
    )
    _table(
        "ticks",
        *_given(sa.BigInteger, "pattern_id", "analysis_id"),
        *_given(sa.Integer, "step"),
        *_given(_TEXT, "text"),
        *_optional(_TEXT, "author"),
        *_given(sa.Float, "at"),
        *_optional(sa.Float, "undone"),
    )
    op.create_index("ticks_pattern", "ticks", ["pattern_id"])
    _table(
        "problem_notes",
        *_given(sa.BigInteger, "pattern_id"),
        *_given(sa.Float, "at"),
        *_optional(_TEXT, "author"),
        *_given(_TEXT, "text"),
    )
    op.create_index("problem_notes_pattern", "problem_notes", ["pattern_id"])
