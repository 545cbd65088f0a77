"""Keeping up what search and comparison need, some steps behind the recorder.

Recording must not wait for it: logs are indexed in the order of their ids, in small transactions of their own, and a
mark says how far that has come. Whoever searches looks at the logs beyond the mark themselves.
"""

from __future__ import annotations

from sqlalchemy import Connection

from andon.store import words
from andon.store.dialect import is_postgres, run
from andon.store.facets import FacetBook, Row

#: Seconds that a log must be old before it is indexed where several processes record: ids are given before the commit.
SETTLED = 30.0
_MARK = "indexed"


def mark(connection: Connection) -> int:
    """The id of the last log that is indexed."""
    found: int | None = run(connection, "SELECT value FROM counters WHERE name = ?", (_MARK,)).scalar()
    return found or 0


def advance(connection: Connection, book: FacetBook, limit: int, now: float) -> tuple[int, bool]:
    """Index the next ``limit`` logs inside the open transaction; how many there were, and whether more may wait."""
    several = is_postgres(connection)
    if several:
        # one indexer at a time, whichever process it runs in
        run(connection, "INSERT INTO counters (name, value) VALUES (?, 0) ON CONFLICT (name) DO NOTHING", (_MARK,))
        run(connection, "SELECT value FROM counters WHERE name = ? FOR UPDATE", (_MARK,))
        book.forget()
    after = mark(connection)
    settled = " AND created_at <= ?" if several else ""
    found = run(
        connection,
        "SELECT id, timestamp, pattern_id, message, hostname, service, severity, site, area, line, machine, context"  # noqa: S608
        f" FROM logs WHERE id > ?{settled} ORDER BY id LIMIT ?",
        (after, *((now - SETTLED,) if several else ()), limit),
    ).all()
    if not found:
        return 0, False
    rows = [
        Row(row[0], str(row[1] or ""), row[2] or 0, str(row[3] or ""), tuple(row[4:11]), row[11])
        for row in map(tuple, found)
    ]
    words.add(connection, rows)
    book.add(connection, [row for row in rows if row.pattern_id])
    run(
        connection,
        "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_MARK, rows[-1].id),
    )
    return len(rows), len(rows) == limit
