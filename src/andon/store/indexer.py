"""Keeping up what search, comparison and alarms need, some steps behind the recorder.

Recording must not wait for it: logs are indexed in the order of their ids, in small transactions of their own, and a
mark says how far that has come. Whoever searches looks at the logs beyond the mark themselves.
"""

from __future__ import annotations

from sqlalchemy import Connection

from andon.core.timestamps import TimeReader
from andon.store.alarms import tracking
from andon.store.engine.counters import set_counter
from andon.store.engine.plain_rows import plain_rows
from andon.store.engine.watermark import MARK, mark
from andon.store.schema.dialect import is_postgres, run
from andon.store.search import words
from andon.store.search.facets import ROW_COLUMNS, FacetBook, Row


def advance(connection: Connection, book: FacetBook, limit: int, times: TimeReader) -> tuple[int, bool]:
    """Index the next ``limit`` logs inside the open transaction; how many there were, and whether more may wait.

    ``times`` reads those in contexts.
    """
    several = is_postgres(connection)
    if several:
        # one indexer at a time, whichever process it runs in
        run(connection, "INSERT INTO counters (name, value) VALUES (?, 0) ON CONFLICT (name) DO NOTHING", (MARK,))
        run(connection, "SELECT value FROM counters WHERE name = ? FOR UPDATE", (MARK,))
        book.forget()
    after = mark(connection)
    # nothing is skipped: whoever records holds the lock that we hold, so no id below these is still to be committed
    found = plain_rows(connection, f"SELECT {ROW_COLUMNS} FROM logs WHERE id > ? ORDER BY id LIMIT ?", (after, limit))  # noqa: S608
    if not found:
        return 0, False
    rows = [Row.read(row) for row in found]
    words.add(connection, rows)
    book.add(connection, rows)
    tracking.add(connection, rows, times)
    set_counter(connection, MARK, rows[-1].id)
    return len(rows), len(rows) == limit
