"""Finding logs: filters in SQL, words through the index, and a last look at each candidate.

Which way is quick depends on how many logs hold the words. Few: they are read through the index and sorted. Many: the
newest logs are walked through in order of time until enough fit. Both find the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, or_, select, text, tuple_, union_all

from andon.models import LogQuery, Severity, StoredLog
from andon.store import family, indexing
from andon.store.dialect import SEARCHED_WORDS, is_postgres, matches_glob
from andon.store.rows import select_logs, to_log
from andon.store.schema import logs
from andon.store.words import Wanted

#: Up to so many logs that hold the words are sorted; more are walked through in order of time.
HITS_MAX = 20_000
#: Candidates that are read at a time, at least.
_CHUNK = 200
_GLOBBED = ("site", "area", "line", "machine")


def search(connection: Connection, query: LogQuery) -> list[StoredLog]:
    """The logs that ``query`` asks for, in its order."""
    limit = max(0, query.limit)
    if not limit:
        return []
    wanted = Wanted.read(query.text, query.fields)
    if not wanted:
        return _page(connection, query, _conditions(query), limit)
    narrowed = _narrowed(connection, wanted)
    found: list[StoredLog] = []
    conditions = [*_coarse(wanted, postgres=is_postgres(connection)), *([] if narrowed is None else [narrowed])]
    for log in _walk(connection, query, conditions, max(limit, _CHUNK)):
        if wanted.fits(log.message, log.context):
            found.append(log)
            if len(found) == limit:
                break
    return found


def _walk(
    connection: Connection, query: LogQuery, conditions: list[ColumnElement[bool]], chunk: int
) -> Iterator[StoredLog]:
    """Candidates in the order of the query, page by page."""
    before = query.before
    while True:
        page = _page(connection, query, [*_conditions(query), *conditions, *_after(query, before)], chunk)
        yield from page
        if len(page) < chunk:
            return
        before = (page[-1].timestamp, page[-1].id)


def _page(connection: Connection, query: LogQuery, where: list[ColumnElement[bool]], limit: int) -> list[StoredLog]:
    """Logs in the order of time. From some severity up, each severity is a short index walk of its own."""
    where = [*where, *_after(query, query.before)]
    columns = (logs.c.timestamp, logs.c.id)
    order = columns if query.oldest_first else tuple(column.desc() for column in columns)
    severities = _at_least(query.severity)
    if len(severities) > 1:
        walks = [
            select(logs.c.id).where(logs.c.severity == s, *where).order_by(*order).limit(limit).subquery()
            for s in severities
        ]
        chosen = union_all(*(select(walk.c.id) for walk in walks))
        found: Select[Any] = select_logs().where(logs.c.id.in_(chosen)).order_by(*order).limit(limit)
    else:
        where += [logs.c.severity == s for s in severities]
        found = select_logs().where(*where).order_by(*order).limit(limit)
    return [to_log(row) for row in connection.execute(found)]


def _narrowed(connection: Connection, wanted: Wanted) -> ColumnElement[bool] | None:
    """A condition that leaves few rows, through the index of words; None where it cannot."""
    if is_postgres(connection):
        asked = wanted.tsquery()
        if not asked:
            return None
        searched = SEARCHED_WORDS.format(message="logs.message").replace(":alnum:", "\\:alnum\\:")
        return text(f"{searched} @@ to_tsquery('simple', :asked)").bindparams(asked=asked)  # type: ignore[return-value]  # a text is a condition
    expression = wanted.expression()
    if not expression:
        return None
    rows = connection.exec_driver_sql(
        "SELECT rowid FROM log_words WHERE log_words MATCH ? LIMIT ?", (expression, HITS_MAX + 1)
    )
    ids = [row[0] for row in rows]
    if len(ids) > HITS_MAX:
        return None
    fresh = logs.c.id > indexing.mark(connection)
    if not ids:
        return fresh
    listed = select(func.json_each(json.dumps(ids)).table_valued("value").c.value)
    return or_(logs.c.id.in_(listed), fresh)


def _coarse(wanted: Wanted, *, postgres: bool) -> list[ColumnElement[bool]]:
    """What SQL can say of the words by itself: most rows that do not fit fall here."""
    conditions: list[ColumnElement[bool]] = []
    if not postgres:  # an accented letter of the message must not hide it; LIKE does not know them
        plain = [logs.c.message.icontains(part, autoescape=True) for part in wanted.parts()]
        if plain:
            conditions.append(or_(and_(*plain), func.andon_plain(logs.c.message) == literal(0)))
    conditions += [
        logs.c.context.contains(json.dumps(name.removeprefix("context.").rpartition(".")[2])[1:-1], autoescape=True)
        for name, _ in wanted.fields
        if name.isascii() and name.isprintable()
    ]
    return conditions


def _after(query: LogQuery, before: tuple[str, int] | None) -> list[ColumnElement[bool]]:
    """What comes behind ``before`` in the order of the query."""
    if before is None:
        return []
    time, log_id = before
    place = tuple_(literal(time), literal(log_id))
    # The first condition is implied by the second, and lets the index begin the walk in the right place.
    if query.oldest_first:
        return [logs.c.timestamp >= time, tuple_(logs.c.timestamp, logs.c.id) > place]
    return [logs.c.timestamp <= time, tuple_(logs.c.timestamp, logs.c.id) < place]


def _at_least(severity: str | None) -> list[str]:
    """The severities from this one up; none where all are wanted."""
    if severity is None or severity == Severity.DEBUG:
        return []
    rank = Severity(severity).rank
    return [s.value for s in Severity if s.rank >= rank]


def _conditions(query: LogQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.since is not None:
        found.append(logs.c.timestamp >= query.since)
    if query.until is not None:
        found.append(logs.c.timestamp < query.until)
    if query.service is not None:
        found.append(_like_glob(logs.c.service, query.service))
    if query.host is not None:
        found.append(_like_glob(logs.c.hostname, query.host))
    for name in _GLOBBED:
        pattern = getattr(query, name)
        if pattern is not None:
            found.append(_like_glob(logs.c[name], pattern))
    if query.pattern_id is not None:
        found.append(logs.c.pattern_id.in_(family.ids_of(query.pattern_id)))
    return found


def _like_glob(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    return matches_glob(column, pattern) if "*" in pattern or "?" in pattern else column == pattern
