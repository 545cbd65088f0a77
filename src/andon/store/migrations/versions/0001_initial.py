"""The first schema: logs, patterns with their rollups, analyses, waiters, rejects, counters, the view."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import UserDefinedType

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
# Compared by its bytes in both databases.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_AGENT_LOGS = """
CREATE VIEW agent_logs AS
SELECT l.id, l.timestamp, l.hostname, l.severity, l.service, l.message, l.context,
       a.text AS analysis,
       COALESCE(l.created_text, {created_at}) AS created_at
FROM logs AS l
LEFT JOIN patterns AS p ON p.id = l.pattern_id
LEFT JOIN patterns AS m ON m.id = p.merged_into
LEFT JOIN analyses AS a ON a.id = COALESCE(l.analysis_id, m.analysis_id, p.analysis_id)
"""


_CREATED_AT = {
    "sqlite": "datetime(l.created_at, 'unixepoch')",
    "postgresql": "to_char(to_timestamp(l.created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')",
}


class _Verbatim(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BLOB"


def upgrade() -> None:
    """Make the whole schema."""
    _logs()
    _patterns()
    _analyses()
    op.create_table(
        "waiters",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("log_id", sa.BigInteger, nullable=False),
        sa.Column("reply_to", _TEXT, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "rejects",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("stream_id", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("stored_ns", sa.BigInteger, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("received_at", _TEXT, nullable=False),
        sa.Column("retried_at", _TEXT),
        sqlite_autoincrement=True,
    )
    op.create_index("rejects_identity", "rejects", ["stream_id", "seq", "stored_ns"], unique=True)
    op.create_table(
        "counters",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(_AGENT_LOGS.format(created_at=_CREATED_AT[op.get_context().dialect.name]))


def _logs() -> None:
    op.create_table(
        "streams",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("name", _TEXT, nullable=False, unique=True),
    )
    op.create_table(
        "logs",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("stream_id", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("stored_ns", sa.BigInteger, nullable=False),
        *(sa.Column(name, _TEXT) for name in ("timestamp", "hostname", "severity", "service", "message")),
        sa.Column("context", _TEXT),
        sa.Column("pattern_id", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger),
        *(sa.Column(name, _TEXT) for name in ("severity_native", "site", "area", "line", "machine", "notes")),
        sa.Column("analysis_id", sa.BigInteger),
        sa.Column("created_text", _Verbatim().with_variant(sa.Text(collation="C"), "postgresql")),
        sqlite_autoincrement=True,
    )
    op.create_index("logs_identity", "logs", ["stream_id", "seq", "stored_ns"], unique=True)
    op.create_index("logs_time", "logs", ["timestamp"])
    op.create_index("logs_severity_time", "logs", ["severity", "timestamp"])
    op.create_index("logs_pattern", "logs", ["pattern_id"])


def _patterns() -> None:
    op.create_table(
        "patterns",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("fingerprint", _TEXT, nullable=False, unique=True),
        sa.Column("template", _TEXT, nullable=False),
        sa.Column("first_seen", _TEXT, nullable=False),
        sa.Column("last_seen", _TEXT, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("worst_severity", _TEXT, nullable=False),
        sa.Column("merged_into", sa.BigInteger),
        sa.Column("analysis_id", sa.BigInteger),
        sa.Column("created_at", _TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pattern_hosts",
        sa.Column("pattern_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hostname", _TEXT, primary_key=True),
        sa.Column("first_seen", _TEXT, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pattern_minutes",
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("pattern_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hostname", _TEXT, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _analyses() -> None:
    op.create_table(
        "analyses",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("pattern_id", sa.BigInteger),
        sa.Column("log_id", sa.BigInteger),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("caller", sa.Boolean, nullable=False),
        sa.Column("tier", sa.Integer, nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("created_at", _TEXT),
        sa.Column("not_before", sa.Float, nullable=False),
        sa.Column("lease_owner", _TEXT),
        sa.Column("lease_until", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", _TEXT),
        sa.Column("rung", _TEXT),
        sa.Column("provisional", sa.Boolean, nullable=False),
        *(sa.Column(name, _TEXT) for name in ("text", "finding", "source", "provider", "model")),
        sa.Column("prompt_version", _TEXT),
        sa.Column("input_tokens", sa.Integer),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("latency", sa.Float),
        sa.Column("finished_at", _TEXT),
        sqlite_autoincrement=True,
    )
    opened = sa.text("finished_at IS NULL")
    op.create_index(
        "analyses_open",
        "analyses",
        [sa.text("tier DESC"), sa.text("score DESC"), "id", "not_before"],
        sqlite_where=opened,
        postgresql_where=opened,
    )
    of_pattern = sa.text("pattern_id IS NOT NULL")
    op.create_index(
        "analyses_pattern", "analyses", ["pattern_id"], sqlite_where=of_pattern, postgresql_where=of_pattern
    )
