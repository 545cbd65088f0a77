"""What leaves the house: actions, the tickets they opened, and what people were told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
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


def _part(name: str, columns: list[str], condition: str) -> None:
    held = sa.text(condition)
    op.create_index(name, "actions", columns, sqlite_where=held, postgresql_where=held)


def upgrade() -> None:
    """Add the three tables, all empty."""
    _table(
        "actions",
        *_given(sa.Float, "created"),
        *_given(_TEXT, "status", "target", "operation", "dedup", "title"),
        *_optional(sa.BigInteger, "problem_id"),
        *_given(_TEXT, "origin"),
        *_optional(_TEXT, "proposed_by"),
        *_given(_TEXT, "reason", "arguments", "rendered", "digest"),
        *_optional(sa.Float, "expires", "decided_at"),
        *_optional(_TEXT, "decided_by", "decision_note"),
        *_optional(sa.BigInteger, "follows"),
        *_given(sa.Float, "not_before"),
        *_given(sa.Integer, "attempts"),
        *_optional(_TEXT, "lease_owner"),
        *_optional(sa.Float, "lease_until", "sent_at", "finished"),
        *_optional(_TEXT, "last_error", "receipt"),
    )
    _part("actions_lane", ["target", "id", "status"], "finished IS NULL")
    _part("actions_held", ["target", "lease_until"], "lease_until IS NOT NULL")
    _part("actions_sent", ["target", "not_before"], "finished IS NULL AND sent_at IS NOT NULL")
    failed = sa.text("status = 'failed'")
    op.create_index("actions_failed", "actions", ["finished"], sqlite_where=failed, postgresql_where=failed)
    op.create_index("actions_problem", "actions", ["problem_id"])
    op.create_index("actions_dedup", "actions", ["target", "dedup"])
    _table(
        "tickets",
        *_given(sa.BigInteger, "problem_id", "action_id"),
        *_given(_TEXT, "target", "ref", "url"),
        *_given(sa.Float, "opened", "told"),
        *_optional(sa.Float, "closed"),
    )
    op.create_index("tickets_problem", "tickets", ["problem_id"])
    _table(
        "notices",
        *_given(_TEXT, "route", "about", "state", "title", "severity"),
        *_given(sa.Float, "since", "told"),
        *_optional(sa.Float, "escalated", "acknowledged", "ended"),
        *_optional(sa.BigInteger, "problem_id", "action_id"),
    )
    op.create_index("notices_thing", "notices", ["route", "about"], unique=True)
