"""The views: ``logs``, every log whole, ``pattern_minutes``, and ``agent_logs``, the reference's table. All are plain
SQL.

What a log shares with its origin is looked up for each log by itself rather than joined: so ``logs`` is as good as a
table to SQLite's planner, wherever it stands in a statement, and what is not asked for is not looked up.
"""

from __future__ import annotations

from andon.store.schema.dialect import SECONDS_TEXT

#: What a log has of its origin.
OF_ORIGIN = ("hostname", "service", "site", "area", "line", "machine")
_COLUMNS = (
    *("id", "stream_id", "seq", "stored_ns", "timestamp", "hostname", "severity", "service", "message", "context"),
    *("pattern_id", "created_at", "severity_native", "site", "area", "line", "machine", "notes", "analysis_id"),
    *("created_text", "part", "raw"),
)
_SHARED = "COALESCE(l.{0}, (SELECT o.{0} FROM origins AS o WHERE o.id = l.origin_id))"

#: The columns of ``pattern_minutes``, and the statement that makes it.
MINUTE_COLUMNS = ("minute", "pattern_id", "hostname", "count")
VIEW_OF_MINUTES = (
    "CREATE VIEW pattern_minutes AS SELECT m.minute, m.pattern_id,"
    " (SELECT h.hostname FROM host_names AS h WHERE h.id = m.host_id) AS hostname, m.count FROM host_minutes AS m"
)


def view_of_logs(dialect: str) -> list[str]:
    """Statements that make the view ``logs``."""
    columns = ", ".join(f"{_SHARED.format(name)} AS {name}" if name in OF_ORIGIN else f"l.{name}" for name in _COLUMNS)
    made = [f"CREATE VIEW logs AS SELECT {columns} FROM log_rows AS l"]  # noqa: S608
    return made if dialect == "postgresql" else [*made, *_written_through()]


def _written_through() -> list[str]:
    """What lets a person's own SQL change ``logs`` as when it was a table; PostgreSQL sees to that by itself."""
    listed, new = ", ".join(_COLUMNS), ", ".join(f"NEW.{name}" for name in _COLUMNS)
    defaults = {"NEW.part": "COALESCE(NEW.part, 0)"}
    values = ", ".join(defaults.get(one, one) for one in new.split(", "))
    return [
        "CREATE TRIGGER logs_deleted INSTEAD OF DELETE ON logs BEGIN DELETE FROM log_rows WHERE id = OLD.id; END",
        f"CREATE TRIGGER logs_inserted INSTEAD OF INSERT ON logs BEGIN"  # noqa: S608
        f" INSERT INTO log_rows ({listed}) VALUES ({values}); END",
        f"CREATE TRIGGER logs_updated INSTEAD OF UPDATE ON logs BEGIN"  # noqa: S608
        f" UPDATE log_rows SET ({listed}, origin_id) = ({new}, NULL) WHERE id = OLD.id; END",
    ]


def view_of_agent_logs(dialect: str) -> str:
    """The statement that makes the view ``agent_logs``: a log's own explanation, else that of its pattern (or of the
    pattern this one was merged into)."""
    created_at = SECONDS_TEXT[dialect].format("l.created_at")
    hostname, service = (_SHARED.format(name) for name in ("hostname", "service"))
    return (
        f"CREATE VIEW agent_logs AS SELECT l.id, l.timestamp, {hostname} AS hostname, l.severity,"  # noqa: S608
        f" {service} AS service, l.message, l.context, a.text AS analysis,"
        f" COALESCE(l.created_text, {created_at}) AS created_at FROM log_rows AS l"
        " LEFT JOIN patterns AS p ON p.id = l.pattern_id LEFT JOIN patterns AS m ON m.id = p.merged_into"
        " LEFT JOIN analyses AS a ON a.id = COALESCE(l.analysis_id, m.analysis_id, p.analysis_id)"
    )
