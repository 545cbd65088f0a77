"""Finding logs: filters in SQL, words through the index, and a last look at each candidate.

The newest logs are looked at first: what is frequent is found there. What is not is asked of the index of words, which
also knows the fields; its answers are ids, and ids follow time nearly enough to tell where the newest ones end. Only
what neither settles (a glob, words that occur often but rarely together) is walked through in the order of time.
All ways find the same. "Newest" is "oldest" here where a query turns the order round.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, or_, select, text, tuple_, union_all

from andon.models import LogQuery, Severity, StoredLog, utc_text
from andon.store import family, indexing
from andon.store.batch import unix_minute
from andon.store.dialect import SEARCHED_WORDS, is_postgres, matches_glob, run, unindexed
from andon.store.rows import select_logs, to_log
from andon.store.schema import logs, pattern_hours
from andon.store.words import Wanted

#: Up to so many logs that hold the words are taken from the index at once.
HITS_MAX = 5_000
#: So many of the newest logs are looked at before the index is asked.
LOOKED = 2_000
#: Candidates that are read at a time, at least.
_CHUNK = 200
_GLOBBED = {"service": "service", "host": "hostname", "site": "site", "area": "area", "line": "line"}
_GLOBBED["machine"] = "machine"
#: Severities that have an index of their own.
_SEVERE = {Severity.CRITICAL.value, Severity.ERROR.value}
_TIME: Any = logs.c.timestamp
_unindexed_time: Any = unindexed(logs.c.timestamp)
_FAMILY_MAX = 500
_FAR = 2**62


class _Candidates(msgspec.Struct, frozen=True):
    """Ids from the index of words; ``all`` of them, or those of logs whose time is beyond ``settled``."""

    ids: list[int]
    all: bool
    settled: str = ""


def search(connection: Connection, query: LogQuery) -> list[StoredLog]:
    """The logs that ``query`` asks for, in its order."""
    limit = max(0, query.limit)
    if not limit:
        return []
    wanted = Wanted.read(query.text, query.fields)
    own = _named(query)
    if query.pattern_id is not None and not wanted and not is_postgres(connection):
        return _of_pattern(connection, query, limit)
    where = [*_conditions(connection, query), *_coarse(wanted, postgres=is_postgres(connection))]
    if not wanted and not own:
        return _page(connection, query, where, limit)
    if is_postgres(connection):
        return _checked(connection, query, [*where, *_text_condition(wanted)], wanted, limit)
    edge = _edge(connection, query)
    found = _checked(connection, query, [*where, *([] if edge is None else [_beyond(query, edge)])], wanted, limit)
    if edge is None or len(found) == limit:
        return found
    candidates = _candidates(connection, query, wanted.expression(own))
    if candidates is not None:
        found = _checked(connection, query, [*where, *_among(connection, query, candidates)], wanted, limit)
        if candidates.all or len(found) == limit:
            return found
    return _checked(connection, query, where, wanted, limit)


def _checked(
    connection: Connection, query: LogQuery, where: Sequence[ColumnElement[bool]], wanted: Wanted, limit: int
) -> list[StoredLog]:
    """The first ``limit`` logs that are what was asked for, each looked at."""
    if not wanted:
        return _page(connection, query, where, limit)
    found: list[StoredLog] = []
    for log in _walk(connection, query, where, max(limit, _CHUNK)):
        if wanted.fits(log.message, log.context):
            found.append(log)
            if len(found) == limit:
                break
    return found


def _walk(
    connection: Connection, query: LogQuery, where: Sequence[ColumnElement[bool]], chunk: int
) -> Iterator[StoredLog]:
    """Candidates in the order of the query, page by page."""
    place = query
    while True:
        page = _page(connection, place, where, chunk)
        yield from page
        if len(page) < chunk:
            return
        place = msgspec.structs.replace(query, before=(page[-1].timestamp, page[-1].id))


def _page(
    connection: Connection, query: LogQuery, where: Sequence[ColumnElement[bool]], limit: int, time: Any = _TIME
) -> list[StoredLog]:
    """Logs in the order of time. The severe ones are a short index walk for each severity.

    Where ``time`` is not indexed, the conditions name few logs by another index: those are sorted.
    """
    where = [*where, *_after(query, time)]
    order = (time, logs.c.id) if query.oldest_first else (time.desc(), logs.c.id.desc())
    severities = _at_least(query.severity)
    if time is _TIME and severities and set(severities) <= _SEVERE:
        walks = [
            select(logs.c.id).where(logs.c.severity == s, *where).order_by(*order).limit(limit).subquery()
            for s in severities
        ]
    else:
        if severities:
            where.append(unindexed(logs.c.severity).in_(severities))
        walks = [select(logs.c.id).where(*where).order_by(*order).limit(limit).subquery()]
    chosen = union_all(*(select(walk.c.id) for walk in walks))
    columns = (logs.c.timestamp, logs.c.id)
    shown = columns if query.oldest_first else tuple(column.desc() for column in columns)
    found: Select[Any] = select_logs().where(logs.c.id.in_(chosen)).order_by(*shown).limit(limit)
    return [to_log(row) for row in connection.execute(found)]


def _of_pattern(connection: Connection, query: LogQuery, limit: int) -> list[StoredLog]:
    """The logs of one problem: those of as many hours as hold enough, found by pattern and id, and sorted."""
    where = _conditions(connection, query, _unindexed_time)
    first, last = _hours(query)
    hour = pattern_hours.c.hour
    counted = connection.execute(
        select(hour, func.sum(pattern_hours.c.count))
        .where(hour >= first, hour <= last, pattern_hours.c.pattern_id.in_(_family(connection, query)))
        .group_by(hour)
        .order_by(hour if query.oldest_first else hour.desc())
    )
    enough, seen = 2 * limit, 0
    with contextlib.closing(counted):
        for at, count in counted:
            seen += count
            if seen >= enough:
                enough *= 8
                found = _page(connection, query, [*where, *_up_to(connection, query, at)], limit, _unindexed_time)
                if len(found) == limit:
                    return found
    return _page(connection, query, where, limit, _unindexed_time)


def _up_to(connection: Connection, query: LogQuery, hour: int) -> list[ColumnElement[bool]]:
    """No further in the order of the query than this hour, by time and by the ids that it allows."""
    if query.oldest_first:
        ids = or_(logs.c.id <= _last_id(connection, hour), _fresh(connection))
        return [_unindexed_time < _hour_text(hour + 1), ids]
    return [_unindexed_time >= _hour_text(hour), logs.c.id >= indexing.first_id(connection, hour)]


def _edge(connection: Connection, query: LogQuery) -> str | None:
    """The time up to which the newest logs are looked at; None where all of them are few enough."""
    where = [*_times(query, _TIME), *_after(query, _TIME)]
    order = logs.c.timestamp if query.oldest_first else logs.c.timestamp.desc()
    found = connection.execute(select(logs.c.timestamp).where(*where).order_by(order).offset(LOOKED).limit(1)).scalar()
    return None if found is None else str(found)


def _beyond(query: LogQuery, time: str) -> ColumnElement[bool]:
    return logs.c.timestamp < time if query.oldest_first else logs.c.timestamp > time


def _candidates(connection: Connection, query: LogQuery, expression: str) -> _Candidates | None:
    """What the index of words knows, the newest first; None where it was not asked anything."""
    if not expression:
        return None
    first, last = _hours(query)
    turn = "ASC" if query.oldest_first else "DESC"
    rows = connection.exec_driver_sql(
        "SELECT rowid FROM log_words WHERE log_words MATCH ? AND rowid >= ? AND rowid <= ?"  # noqa: S608
        f" ORDER BY rowid {turn} LIMIT ?",
        (expression, indexing.first_id(connection, first), _last_id(connection, last), HITS_MAX + 1),
    )
    ids = [row[0] for row in rows]
    if len(ids) <= HITS_MAX:
        return _Candidates(ids, all=True)
    # Where the logs beyond the last of these ids end in time.
    if query.oldest_first:
        sql = "SELECT MIN(hour) FROM log_hours WHERE last_id > ?"
    else:
        sql = "SELECT MAX(hour) + 1 FROM log_hours WHERE first_id < ?"
    hour = run(connection, sql, (ids[-1],)).scalar()
    return _Candidates(ids, all=False, settled=_hour_text(hour or 0))


def _among(connection: Connection, query: LogQuery, candidates: _Candidates) -> list[ColumnElement[bool]]:
    """These candidates and what is not indexed yet."""
    found: list[ColumnElement[bool]] = []
    if not candidates.all:
        found.append(
            _unindexed_time < candidates.settled if query.oldest_first else _unindexed_time >= candidates.settled
        )
    if not candidates.ids:
        return [_fresh(connection)]
    listed = select(func.json_each(json.dumps(candidates.ids)).table_valued("value").c.value)
    return [or_(logs.c.id.in_(listed), _fresh(connection)), *found]


def _fresh(connection: Connection) -> ColumnElement[bool]:
    return logs.c.id > indexing.mark(connection)


def _last_id(connection: Connection, hour: int) -> int:
    """No indexed log up to this hour has a greater id."""
    return int(run(connection, "SELECT MAX(last_id) FROM log_hours WHERE hour <= ?", (hour,)).scalar() or 0)


def _hours(query: LogQuery) -> tuple[int, int]:
    """The first and the last hour (since 1970) in which the query's logs can be."""
    since, until = query.since, query.until
    if query.before is not None:
        time = query.before[0]
        if query.oldest_first:
            since = time if since is None else max(since, time)
        else:
            until = time if until is None else min(until, time)
    return 0 if since is None else unix_minute(since) // 60, _FAR if until is None else unix_minute(until) // 60


def _hour_text(hour: int) -> str:
    """The beginning of an hour as stored text."""
    try:
        return utc_text(datetime.fromtimestamp(hour * 3600, UTC))
    except (OverflowError, ValueError, OSError):
        return "9999-12-31T23:59:59.999Z"


def _text_condition(wanted: Wanted) -> list[ColumnElement[bool]]:
    """PostgreSQL's own index of words."""
    asked = wanted.tsquery()
    if not asked:
        return []
    searched = SEARCHED_WORDS.format(message="logs.message").replace(":alnum:", "\\:alnum\\:")
    condition = text(f"{searched} @@ to_tsquery('simple', :asked)").bindparams(asked=asked)
    return [condition]  # type: ignore[list-item]  # a text is a condition


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


def _after(query: LogQuery, time: Any) -> list[ColumnElement[bool]]:
    """What comes behind ``query.before`` in the order of the query."""
    if query.before is None:
        return []
    last, log_id = query.before
    place = tuple_(literal(last), literal(log_id))
    # The first condition is implied by the second, and lets the index begin the walk in the right place.
    if query.oldest_first:
        return [time >= last, tuple_(time, logs.c.id) > place]
    return [time <= last, tuple_(time, logs.c.id) < place]


def _at_least(severity: str | None) -> list[str]:
    """The severities from this one up; none where all are wanted."""
    if severity is None or severity == Severity.DEBUG:
        return []
    rank = Severity(severity).rank
    return [s.value for s in Severity if s.rank >= rank]


def _named(query: LogQuery) -> list[tuple[str, str]]:
    """The fields of the record that must have one value."""
    given = [(column, getattr(query, name)) for name, column in _GLOBBED.items()]
    return [(column, value) for column, value in given if value and not _is_glob(value)]


def _times(query: LogQuery, time: Any) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.since is not None:
        found.append(time >= query.since)
    if query.until is not None:
        found.append(time < query.until)
    return found


def _conditions(connection: Connection, query: LogQuery, time: Any = _TIME) -> list[ColumnElement[bool]]:
    found = _times(query, time)
    for name, column in _GLOBBED.items():
        pattern = getattr(query, name)
        if pattern is not None:
            found.append(matches_glob(logs.c[column], pattern) if _is_glob(pattern) else logs.c[column] == pattern)
    if query.pattern_id is not None:
        found.append(logs.c.pattern_id.in_(_family(connection, query)))
    return found


def _family(connection: Connection, query: LogQuery) -> list[int]:
    """The patterns of the problem asked for."""
    return family.members(connection, query.pattern_id or 0, _FAMILY_MAX)


def _is_glob(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern
