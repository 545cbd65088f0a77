"""What many logs share (host, service, place) is stored once; ``logs`` becomes a view over ``log_rows``.

No row is written: those of before keep their texts, so this takes as long on a large database as on an empty one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Compared by its bytes in both databases.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
_NAMES = ("hostname", "service", "site", "area", "line", "machine")
_COLUMNS = (
    *("id", "stream_id", "seq", "stored_ns", "timestamp", "hostname", "severity", "service", "message", "context"),
    *("pattern_id", "created_at", "severity_native", "site", "area", "line", "machine", "notes", "analysis_id"),
    *("created_text", "part", "raw"),
)
_SHARED = "COALESCE(l.{0}, (SELECT o.{0} FROM origins AS o WHERE o.id = l.origin_id))"
_SECONDS = {
    "sqlite": "datetime(l.created_at, 'unixepoch')",
    "postgresql": "to_char(to_timestamp(l.created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')",
}


def upgrade() -> None:
    """Rename the table, add the empty table of origins, and make both views."""
    postgres = op.get_context().dialect.name == "postgresql"
    op.execute("DROP VIEW agent_logs")
    op.rename_table("logs", "log_rows")
    if postgres:
        op.execute("ALTER SEQUENCE logs_id_seq RENAME TO log_rows_id_seq")
        op.execute("ALTER INDEX logs_pkey RENAME TO log_rows_pkey")
    op.add_column("log_rows", sa.Column("origin_id", sa.BigInteger))
    op.create_table(
        "origins",
        sa.Column("id", _KEY, primary_key=True),
        *(sa.Column(name, _TEXT) for name in _NAMES),
        sqlite_autoincrement=True,
    )
    op.create_index("origins_name", "origins", ["hostname", "service"])
    columns = ", ".join(f"{_SHARED.format(name)} AS {name}" if name in _NAMES else f"l.{name}" for name in _COLUMNS)
    op.execute(f"CREATE VIEW logs AS SELECT {columns} FROM log_rows AS l")  # noqa: S608
    if not postgres:
        _let_write()
    hostname, service = (_SHARED.format(name) for name in ("hostname", "service"))
    op.execute(
        f"CREATE VIEW agent_logs AS SELECT l.id, l.timestamp, {hostname} AS hostname, l.severity,"  # noqa: S608
        f" {service} AS service, l.message, l.context, a.text AS analysis,"
        f" COALESCE(l.created_text, {_SECONDS[op.get_context().dialect.name]}) AS created_at FROM log_rows AS l"
        " LEFT JOIN patterns AS p ON p.id = l.pattern_id LEFT JOIN patterns AS m ON m.id = p.merged_into"
        " LEFT JOIN analyses AS a ON a.id = COALESCE(l.analysis_id, m.analysis_id, p.analysis_id)"
    )


def _let_write() -> None:
    new = ", ".join(f"NEW.{name}" for name in _COLUMNS)
    given = new.replace("NEW.part", "COALESCE(NEW.part, 0)")
    op.execute(
        "CREATE TRIGGER logs_deleted INSTEAD OF DELETE ON logs BEGIN DELETE FROM log_rows WHERE id = OLD.id; END"
    )
    op.execute(
        f"CREATE TRIGGER logs_inserted INSTEAD OF INSERT ON logs BEGIN"  # noqa: S608
        f" INSERT INTO log_rows ({', '.join(_COLUMNS)}) VALUES ({given}); END"
    )
    op.execute(
        f"CREATE TRIGGER logs_updated INSTEAD OF UPDATE ON logs BEGIN"  # noqa: S608
        f" UPDATE log_rows SET ({', '.join(_COLUMNS)}, origin_id) = ({new}, NULL) WHERE id = OLD.id; END"
    )
