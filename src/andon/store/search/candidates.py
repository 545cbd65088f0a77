"""What the index of words (SQLite's) knows of a query: ids of logs, which follow time nearly enough to be cut by it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from andon.core.models import LogQuery
from andon.core.times import stored, unix_minute
from andon.store.engine import watermark
from andon.store.schema.dialect import run
from andon.store.search.words import Wanted

#: Up to so many logs that hold the words are taken from the index at once: few at first, more where few of them fit, as
#: of words that stand together seldom in the order that is asked for. Beyond that every log is looked at.
HITS = (500, 5_000, 50_000, 500_000)
#: A beginning that more words share is asked for as such.
_WORDS_MAX = 40
#: With so many logs waiting to be indexed all are walked through in the order of time.
_BACKLOG_MAX = 20_000
_FAR = 2**62
#: The first moment and the last that a time in stored form can be.
_CALENDAR = datetime(1, 1, 1, tzinfo=UTC).timestamp(), datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC).timestamp()


def candidates(
    connection: Connection, query: LogQuery, wanted: Wanted, own: Sequence[tuple[str, Sequence[str]]], most: int
) -> tuple[list[int], str | None] | None:
    """Up to ``most`` ids that the index knows, the newest first; None where it was not asked or is far behind.

    And the time beyond which these are all there are, None where they are all of any time.
    """
    expression = wanted.expression(own, functools.partial(_beginning_with, connection))
    if not expression or watermark.newest_id(connection) - watermark.mark(connection) > _BACKLOG_MAX:
        return None
    first, last = hours(query)
    turn = "ASC" if query.oldest_first else "DESC"
    rows = run(
        connection,
        "SELECT rowid FROM log_words WHERE log_words MATCH ? AND rowid >= ? AND rowid <= ?"  # noqa: S608
        f" ORDER BY rowid {turn} LIMIT ?",
        (expression, watermark.first_id(connection, first), watermark.last_id(connection, last), most + 1),
    )
    ids = [row[0] for row in rows]
    if len(ids) <= most:
        return ids, None
    # Where the logs beyond the last of these ids end in time.
    if query.oldest_first:
        sql = "SELECT MIN(hour) FROM log_hours WHERE last_id > ?"
    else:
        sql = "SELECT MAX(hour) + 1 FROM log_hours WHERE first_id < ?"
    hour = run(connection, sql, (ids[-1],)).scalar()
    return ids, hour_text(hour or 0)


def _beginning_with(connection: Connection, word: str) -> list[str] | None:
    """The indexed words that begin with this one; None where there are many.

    The index can walk through words at once where it is told them; from their beginning it makes a list first.
    """
    found: list[str] = []
    at = word
    while True:
        term = run(connection, "SELECT term FROM log_vocabulary WHERE term >= ? LIMIT 1", (at,)).scalar()
        if term is None or not term.startswith(word):
            return found
        if len(found) == _WORDS_MAX:
            return None
        found.append(term)
        at = f"{term}\x01"


def hours(query: LogQuery) -> tuple[int, int]:
    """The first and the last hour (since 1970) in which the query's logs can be."""
    time = None if query.before is None else query.before[0]
    since = max(filter(None, (query.since, time if query.oldest_first else None)), default="")
    until = min(filter(None, (query.until, None if query.oldest_first else time)), default="")
    # A time that is none (taken over as it was) bounds nothing.
    return unix_minute(since) // 60, unix_minute(until) // 60 or _FAR


def hour_text(hour: int) -> str:
    """The beginning of an hour as stored text."""
    return moment_text(hour * 3600)


def moment_text(moment: float) -> str:
    """Unix seconds as stored text; what is beyond the calendar is its end: nothing is stored there."""
    return stored(min(max(moment, _CALENDAR[0]), _CALENDAR[1]))
