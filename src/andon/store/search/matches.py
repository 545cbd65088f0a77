"""How many logs a question finds, and how many of them when: bounded, so that it is quick on any number of logs.

What is counted by the recorder and the indexer is read from there; else so many of the newest logs are looked at, and
what is told then says that there may be more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, desc, func, literal, select

from andon.core.errors import QueryTooSlow
from andon.core.models import LogQuery
from andon.core.times import stored, unix_minute
from andon.store.counts import counts, field_hours, spans
from andon.store.engine.counters import read_counter
from andon.store.engine.deadline import statement_deadline
from andon.store.rules.analysis import at_least
from andon.store.schema.expressions import is_glob, unindexed
from andon.store.schema.tables import logs
from andon.store.search import search
from andon.store.search.words import SEVERE

#: Matches that are counted one by one.
COUNTED_MAX = 10_000
#: Logs that are counted by looking at each, which words need.
FOUND_MAX = 1_000
#: Logs that are looked at for a question whose matches no index knows.
LOOKED_MAX = 60_000
_HOUR = 60
#: Minutes whose logs are counted themselves where the indexer has not come to them.
_READ_MAX = 300
#: Filters by their names, and the fields whose values the indexer counts by the hour.
_FIELDS = {"host": "hostname", **{name: name for name in ("service", "site", "area", "line", "machine")}}


class Tally(msgspec.Struct, frozen=True):
    """``matches`` logs at least, ``more`` where there may be others. ``steps`` are records by the number of the step
    since 1970, also those that were deleted since; None where that is not known for these filters."""

    matches: int
    more: bool
    steps: Mapping[int, int] | None

    @property
    def told(self) -> int:
        """The number that people are told: a round one below it where there are more."""
        return self.matches // 1_000 * 1_000 if self.more and self.matches > 1_000 else self.matches


def tally(connection: Connection, query: LogQuery, since: float, until: float, step: int) -> Tally:
    """Count the logs of ``query``, and those of ``since`` ≤ t < ``until`` (unix seconds) by so many minutes."""
    first, last = int(since // 60), int(-(-until // 60))
    named = {name: value for name in _FIELDS if (value := getattr(query, name)) is not None}
    plain = not named and query.pattern_id is None and query.severity in (None, "DEBUG")
    if plain:
        minutes: Mapping[int, int] | None = _by_field(connection, "severity", None, first, last, step)
        return Tally(*_few(connection, query), _stepped(minutes, step))
    if query.pattern_id is not None and not named and query.severity is None:
        minutes = _of_problem(connection, query.pattern_id, since, until, step)
        return Tally(sum(minutes.values()), False, _stepped(minutes, step))
    found, looked = _walked(connection, query)
    whole = looked < LOOKED_MAX
    if whole:
        return Tally(sum(found.values()), False, _stepped(found, step))
    return Tally(sum(found.values()), True, _stepped(_one_field(connection, query, named, first, last, step), step))


def count(connection: Connection, query: LogQuery, seconds: float = 0.2) -> Tally:
    """How many logs ``query`` finds, without its steps: exact where nothing is filtered, else up to some thousands.

    What takes longer than ``seconds`` is told as more than nothing.
    """
    try:
        with statement_deadline(connection, seconds):
            return _count(connection, msgspec.structs.replace(query, before=None))
    except QueryTooSlow:
        return Tally(0, True, None)


def _count(connection: Connection, query: LogQuery) -> Tally:
    if query.text or query.fields or query.state:  # no count knows what it asks for: so many are looked for
        found = len(search.find(connection, msgspec.structs.replace(query, limit=FOUND_MAX + 1, cut=1)))
        return Tally(min(found, FOUND_MAX), found > FOUND_MAX, None)
    named = any(getattr(query, name) is not None for name in _FIELDS)
    if named or query.severity not in (None, "DEBUG"):
        walked, looked = _walked(connection, query)
        return Tally(sum(walked.values()), looked >= LOOKED_MAX, None)
    if query.pattern_id is not None:
        those = search.conditions(connection, query, unindexed(logs.c.timestamp))
        inside = select(logs.c.id).where(*those).limit(COUNTED_MAX + 1).subquery()
        found = int(connection.execute(select(func.count()).select_from(inside)).scalar_one())
        return Tally(min(found, COUNTED_MAX), found > COUNTED_MAX, None)
    if query.since is None and query.until is None:
        return Tally(read_counter(connection, "logs"), False, None)
    return Tally(*_few(connection, query), None)


def of_rows(times: Sequence[str], step: int) -> Tally:
    """The tally of logs that are all there are, by their times."""
    return Tally(len(times), False, _stepped(Counter(map(unix_minute, times)), step))


def _stepped(minutes: Mapping[int, int] | None, step: int) -> Mapping[int, int] | None:
    if minutes is None:
        return None
    found: Counter[int] = Counter()
    for minute, count in minutes.items():
        found[minute // step] += count
    return found


def _few(connection: Connection, query: LogQuery) -> tuple[int, bool]:
    """How many logs there are of a time, up to :data:`COUNTED_MAX`."""
    inside = select(logs.c.timestamp).where(*_times(query)).limit(COUNTED_MAX + 1).subquery()
    count = int(connection.execute(select(func.count()).select_from(inside)).scalar_one())
    return min(count, COUNTED_MAX), count > COUNTED_MAX


def _walked(connection: Connection, query: LogQuery) -> tuple[Mapping[int, int], int]:
    """Matches by the minute, and how many logs were looked at: the newest, at most :data:`LOOKED_MAX`."""
    severities = at_least(query.severity)
    conditions = search.conditions(connection, query)
    parts, size = [_times(query)], LOOKED_MAX
    if severities and set(severities) <= set(SEVERE):  # their index is walked
        parts = [[*_times(query), logs.c.severity == literal(one)] for one in severities]
        size = LOOKED_MAX // len(parts)
    elif severities:
        conditions = [*conditions, logs.c.severity.in_(severities)]
    found: Counter[int] = Counter()
    looked = 0
    fits: ColumnElement[int] = case((and_(literal(value=True), *conditions), 1), else_=0)
    for part in parts:
        newest = (
            select(func.substr(logs.c.timestamp, 1, 16).label("minute"), fits.label("fits"))
            .where(*part)
            .order_by(desc(logs.c.timestamp))
            .limit(size)
            .subquery()
        )
        by_minute = select(newest.c.minute, func.sum(newest.c.fits), func.count()).group_by(newest.c.minute)
        seen = 0
        for minute, count, rows in connection.execute(by_minute):
            found[unix_minute(str(minute))] += int(count)
            seen += int(rows)
        looked = max(looked, LOOKED_MAX if seen >= size else seen)
    return {minute: count for minute, count in found.items() if count}, looked


def _times(query: LogQuery) -> list[ColumnElement[bool]]:
    since = [] if query.since is None else [logs.c.timestamp >= query.since]
    return since if query.until is None else [*since, logs.c.timestamp < query.until]


def _of_problem(connection: Connection, pattern_id: int, since: float, until: float, step: int) -> Mapping[int, int]:
    if step < _HOUR:
        return counts.minutes_of(connection, pattern_id, since, until)
    return {hour * 60: count for hour, count in counts.hourly(connection, since, until, pattern_id).items()}


def _one_field(
    connection: Connection, query: LogQuery, named: Mapping[str, Any], first: int, last: int, step: int
) -> Mapping[int, int] | None:
    """By the counts of the one field that is filtered by; None where that is not all, or they do not tell."""
    severities = None if query.severity is None else at_least(query.severity)
    if query.pattern_id is not None or len(named) + (severities is not None) != 1:
        return None
    if severities is not None:
        return _by_field(connection, "severity", severities, first, last, step) if step >= _HOUR else None
    ((name, value),) = named.items()
    if is_glob(value):
        return None
    values = [value] if isinstance(value, str) else list(value)
    if name == "host" and step < _HOUR:
        return counts.minutely(connection, first * 60.0, last * 60.0, values)
    return _by_field(connection, _FIELDS[name], values, first, last, step) if step >= _HOUR else None


def _by_field(
    connection: Connection, field: str, values: Sequence[str] | None, first: int, last: int, step: int
) -> Mapping[int, int] | None:
    """Logs whose ``field`` has one of these values (None: any) by the minute, or by the hour where a step is longer.

    None where too much was logged that the indexer has not come to, or does not count.
    """
    if step < _HOUR and values is None:
        return counts.minutely(connection, first * 60.0, last * 60.0)
    field_id, ids = field_hours.ids_of(connection, field, values)
    if ids is not None and len(ids) < len(set(values or ())) and field != "severity":
        return None
    found: Counter[int] = Counter()
    for whole, begin, end in spans.segments(first, last, spans.open_hours(connection)):
        if whole:
            hours = field_hours.by_hour(connection, field_id, ids, begin, end)
            found.update({hour * 60: count for hour, count in hours.items()})
        elif values is None:
            found.update(counts.minutely(connection, begin * 60.0, end * 60.0))
        elif end - begin > _READ_MAX:
            return None
        else:
            found.update({unix_minute(at): count for at, count in _read(connection, field, values, begin, end)})
    return found


def _read(connection: Connection, field: str, values: Sequence[str], begin: int, end: int) -> list[tuple[str, int]]:
    """From the logs of a few minutes themselves."""
    inside = [logs.c.timestamp >= stored(begin * 60.0), logs.c.timestamp < stored(end * 60.0)]
    minute = func.substr(logs.c.timestamp, 1, 16)
    rows = connection.execute(
        select(minute, func.count()).where(*inside, unindexed(logs.c[field]).in_(values)).group_by(minute)
    )
    return [(str(at), int(count)) for at, count in rows]
