"""Severities that normalisation did not understand, from the notes on the newest logs."""

from __future__ import annotations

from sqlalchemy import Connection

from andon.core.models import SEVERITY_NOT_UNDERSTOOD
from andon.store.schema.dialect import run

_NOT_UNDERSTOOD = """
    SELECT severity_native, COUNT(*), MAX(id) FROM logs
    WHERE id > (SELECT MAX(id) FROM logs) - ? AND notes LIKE ? AND severity_native IS NOT NULL
    GROUP BY severity_native ORDER BY MAX(id) DESC
"""


def severities_not_understood(connection: Connection, newest: int) -> list[tuple[str, int, int]]:
    """(what was sent, how many logs have it, the newest of them) among the ``newest`` logs, the latest first."""
    rows = run(connection, _NOT_UNDERSTOOD, (newest, f"%{SEVERITY_NOT_UNDERSTOOD}%"))
    return [(native, count, log_id) for native, count, log_id in rows]
