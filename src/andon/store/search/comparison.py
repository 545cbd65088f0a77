"""Logs in question beside other logs: how often each value of each field occurs in both.

Few logs are read one by one. Many are counted: those of all patterns by whole hours, those of one by whole days.
``independence.py`` says how many independent observations they are.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from andon.core.models.history import Comparison, FieldCounts, Observations
from andon.core.times import unix_minute
from andon.store.counts.spans import ends, of_patterns
from andon.store.engine.watermark import first_id
from andon.store.problems import members
from andon.store.schema.dialect import is_postgres, marks, run
from andon.store.search.candidates import moment_text
from andon.store.search.facets import OWN, SCATTERED, VALUES_MAX, context_fields
from andon.store.search.independence import Pair, by_stretch, most, storms, stretch, worth

#: Up to so many logs in question are read one by one; more are counted.
EXACT_MAX = 30_000
#: Up to so many other logs are read too, to see which came together; of more the hours say it.
OTHERS_MAX = 10_000
_HOUR = 3600
_DAYS_MAX = 20_000
_READ = "timestamp, hostname, service, severity, site, area, line, machine, context"

#: A log that was read: minute, host, and what it carries.
Row = tuple[int, str, list[Pair]]


class _Side:
    """One of the two groups of logs: counts of values by field, totals by field, logs by hour."""

    def __init__(self) -> None:
        self.values: dict[str, Counter[str]] = defaultdict(Counter)
        self.totals: Counter[str] = Counter()
        self.rest: Counter[str] = Counter()
        self.hours: Counter[int] = Counter()
        #: Over how many hours each (field, value) is spread, as Kish counts them, where logs are counted so.
        self.spread: dict[Pair, float] = {}
        #: Logs that were read one by one.
        self.rows: list[Row] = []
        #: Independent observations: of each (field, value), and of each field whatever its value.
        self.observed: dict[Pair, float] = {}
        self.observed_of: dict[str, float] = {}

    @property
    def logs(self) -> int:
        return sum(self.hours.values())

    def observe_rows(self, minutes: int, hours: int) -> None:
        """Where the logs were read, they are looked at by hosts and stretches of so many minutes."""
        if not self.rows:
            return
        self.observed = by_stretch(self.rows, minutes, hours)
        for (field, _), count in self.observed.items():
            self.observed_of[field] = self.observed_of.get(field, 0.0) + count

    def observed_values(self, field: str) -> dict[str, float]:
        """Observations of a field's values, of those that are told apart."""
        return {value: self.observed.get((field, value), 0.0) for value in self.values.get(field, ())}

    def count_rows(self) -> None:
        """Take what was met one by one into the counts."""
        pairs = Counter(pair for _, _, pairs in self.rows for pair in pairs)
        self.hours = Counter(minute // 60 for minute, _, _ in self.rows)
        for (field, value), count in pairs.items():
            self.totals[field] += count
            self.values[field][value] += count


def compare_pattern(connection: Connection, pattern_id: int, since: float, until: float) -> Comparison:
    """A problem's logs beside all others of the same time (unix seconds). Raises NotFound."""
    patterns = members.of_problem(connection, pattern_id)
    hours = _Hours.around(since, until)
    if (read := _read(connection, patterns, since, until, hours)) is not None:
        inside, in_whole_hours = read
        outside = _without(_counted(connection, None, hours, inside.totals), in_whole_hours)
        outside.rows = _others(connection, patterns, hours, outside.logs)
        if not outside.rows:
            _weigh(connection, None, outside, in_whole_hours.rows)
        return _joined(inside, outside, exact=True)
    hours = hours.whole_days()
    inside = _counted(connection, patterns, hours)
    outside = _without(_counted(connection, None, hours, inside.totals), inside)
    _weigh(connection, patterns, inside)
    _weigh(connection, None, outside)
    return _joined(inside, outside, exact=False)


def compare_windows(
    connection: Connection, window: tuple[float, float], baseline: tuple[float, float], pattern_id: int | None = None
) -> Comparison:
    """The logs of one time (unix seconds) beside those of another, of one problem or of all. Raises NotFound."""
    patterns = None if pattern_id is None else members.of_problem(connection, pattern_id)
    inside, exact = _side(connection, patterns, window, None)
    outside, _ = _side(connection, patterns, baseline, window)
    return _joined(inside, outside, exact=exact, together=False)


class _Hours(NamedTuple):
    """Hours since 1970 from ``first`` to before ``last``."""

    first: int
    last: int

    @classmethod
    def around(cls, since: float, until: float) -> _Hours:
        """The hours that a time touches."""
        return cls(int(since // _HOUR), int(-(-until // _HOUR)))

    def whole_days(self) -> _Hours:
        """The days that these hours touch."""
        return _Hours(self.first // 24 * 24, -(-self.last // 24) * 24)

    def within(self, first: int, last: int) -> _Hours:
        """These hours as far as they are on the days from ``first`` to ``last``; empty where none are."""
        begin = max(self.first, first // 24 * 24)
        return _Hours(begin, max(begin, min(self.last, (last // 24 + 1) * 24)))

    def without(self, other: _Hours) -> _Hours:
        """These hours up to the first of ``other`` or from its last on; empty where nothing else is left."""
        if other.last <= self.first or self.last <= other.first:
            return self
        if self.first < other.first:
            return _Hours(self.first, other.first)
        return _Hours(min(other.last, self.last), self.last)


def _side(
    connection: Connection, patterns: list[int] | None, span: tuple[float, float], beside: tuple[float, float] | None
) -> tuple[_Side, bool]:
    """The logs of a time, one by one where there are not too many, else by hours or days; whether one by one.

    Hours or days that are also of the time ``beside`` are left out of the latter.
    """
    hours = _Hours.around(*span)
    if (read := _read(connection, patterns, *span, hours)) is not None:
        return read[0], True
    if patterns is not None:
        hours = hours.whole_days()
    if beside is not None:
        other = _Hours.around(*beside)
        hours = hours.without(other if patterns is None else other.whole_days())
    side = _counted(connection, patterns, hours)
    _weigh(connection, patterns, side)
    if beside is None:  # a storm of one value may be no storm among all logs
        side.observed = {pair: min(n, most(side.spread.get(pair, math.inf))) for pair, n in side.observed.items()}
    return side, False


def _read(
    connection: Connection, patterns: list[int] | None, since: float, until: float, hours: _Hours
) -> tuple[_Side, _Side] | None:
    """The logs of a time, one by one, and those of all ``hours`` around it.

    None where there are too many, or where some were counted that are deleted by now: beside counts, what is left of
    them would look as if the deleted ones had been other logs.
    """
    counted = _about(connection, patterns, hours)
    if counted > EXACT_MAX:
        return None
    condition, values = of_patterns(patterns)
    time = "timestamp"
    if patterns is not None and not is_postgres(connection):
        # ``+``: found by pattern and id, where the index of times would go through the logs of all patterns
        time, condition = "+timestamp", f"{condition} AND id >= ?"
        values = [*values, first_id(connection, hours.first)]
    found = run(
        connection,
        f"SELECT {_READ} FROM logs WHERE {time} >= ? AND {time} < ?{condition} LIMIT ?",  # noqa: S608
        (moment_text(hours.first * _HOUR), moment_text(hours.last * _HOUR), *values, 2 * EXACT_MAX + 1),
    )
    inside, beside = _Side(), _Side()
    first, last = moment_text(since), moment_text(until)
    for count, row in enumerate(map(tuple, found), 1):
        if count > 2 * EXACT_MAX:  # very many that are not counted yet
            return None
        side = inside if first <= str(row[0]) < last else beside
        side.rows.append(_taken_apart(row))
    around = _Side()
    around.rows = inside.rows + beside.rows
    if len(around.rows) < counted:
        return None
    for side in (inside, around):
        side.count_rows()
        _put_aside_what_is_not_kept(connection, side)
    return inside, around


def _others(connection: Connection, patterns: list[int], hours: _Hours, count: int) -> list[Row]:
    """The logs of these hours that are not of ``patterns``; [] unless all of the ``count`` can be read soon."""
    if not 0 < count <= OTHERS_MAX:
        return []
    found = run(
        connection,
        f"SELECT {_READ} FROM logs WHERE timestamp >= ? AND timestamp < ?"  # noqa: S608
        f" AND (pattern_id IS NULL OR pattern_id NOT IN ({marks(patterns)})) LIMIT ?",
        (moment_text(hours.first * _HOUR), moment_text(hours.last * _HOUR), *patterns, 2 * OTHERS_MAX),
    )
    rows = [_taken_apart(tuple(row)) for row in found]
    return rows if count <= len(rows) < 2 * OTHERS_MAX else []


def _taken_apart(row: tuple[Any, ...]) -> Row:
    pairs = [(name, str(value)) for name, value in zip(OWN, row[1:8], strict=True) if value]
    return unix_minute(str(row[0])), str(row[1]), pairs + context_fields(row[8])[0]


def _about(connection: Connection, patterns: list[int] | None, hours: _Hours) -> int:
    """How many logs these hours hold, as far as they are counted."""
    condition, values = of_patterns(patterns)
    table = "log_hours" if patterns is None else "pattern_hours"
    sql = f"SELECT SUM(count) FROM {table} WHERE hour >= ? AND hour < ?{condition}"  # noqa: S608
    return int(run(connection, sql, (*hours, *values)).scalar() or 0)


def _put_aside_what_is_not_kept(connection: Connection, side: _Side) -> None:
    """A value that the others count among the rest would look as if none of them had it."""
    full = run(connection, "SELECT name, id, kept FROM fields WHERE kept >= ?", (VALUES_MAX,)).all()
    for name, field, kept_number in map(tuple, full):
        values = side.values.get(name)
        if values:
            found = run(connection, "SELECT value FROM field_values WHERE field_id = ? AND rest = ?", (field, False))
            kept = set() if kept_number == SCATTERED else {row[0] for row in map(tuple, found)}
            for value in [value for value in values if value not in kept]:
                side.rest[name] += values.pop(value)


def _counted(
    connection: Connection, patterns: list[int] | None, hours: _Hours, fields: Container[str] | None = None
) -> _Side:
    """The counts of all logs by the hour, or of those of ``patterns`` by whole days; only of ``fields`` if given."""
    side = _Side()
    condition, values = of_patterns(patterns)
    hours = hours.within(*(ends(connection, "log_hours", "hour") or (0, -1)))
    if hours.first >= hours.last:
        return side
    if patterns is None:
        counted, moments = _by_days_and_hours(hours)
    else:
        # With the days named one by one, each is a step to the right place of the key.
        days = tuple(range(hours.first // 24, hours.last // 24))[:_DAYS_MAX]
        moments = [(*days, *values)]
        counted = [f"SELECT value_id, count, 0 AS squares FROM facets WHERE field_id = ? AND day IN ({marks(days)})"]  # noqa: S608
        counted[0] += condition
    parts = " UNION ALL ".join(counted)
    for name, field, kept in map(tuple, run(connection, "SELECT name, id, kept FROM fields").all()):
        if fields is not None and name not in fields:
            continue
        found = run(
            connection,
            "SELECT v.value, v.rest, f.count, f.squares FROM (SELECT value_id, SUM(count) AS count,"  # noqa: S608
            f" SUM(squares) AS squares FROM ({parts}) AS c GROUP BY value_id) AS f"
            " JOIN field_values AS v ON v.id = f.value_id",
            tuple(value for part in moments for value in (field, *part)),
        )
        for value, rest, count, squares in map(tuple, found):
            side.totals[name] += int(count)
            if rest or kept == SCATTERED:
                side.rest[name] += int(count)
            else:
                side.values[name][value] += int(count)
                if patterns is None:
                    side.spread[name, value] = int(count) ** 2 / float(squares)
    table = "log_hours" if patterns is None else "pattern_hours"
    sql = f"SELECT hour, SUM(count) FROM {table} WHERE hour >= ? AND hour < ?{condition} GROUP BY hour"  # noqa: S608
    side.hours.update({int(hour): int(count) for hour, count in map(tuple, run(connection, sql, (*hours, *values)))})
    return side


def _by_days_and_hours(hours: _Hours) -> tuple[list[str], list[tuple[int, ...]]]:
    """Statements that yield the counts of a field's values in these hours, whole days as such, with their values."""
    first, last = -(-hours.first // 24), hours.last // 24
    by_hour = (
        "SELECT value_id, count, 1.0 * count * count AS squares FROM facet_hours"
        " WHERE field_id = ? AND hour >= ? AND hour < ?"
    )
    if first >= last:
        return [by_hour], [tuple(hours)]
    edges = [edge for edge in ((hours.first, first * 24), (last * 24, hours.last)) if edge[0] < edge[1]]
    by_day = "SELECT value_id, count, squares FROM facet_days WHERE field_id = ? AND day >= ? AND day < ?"
    return [by_day, *[by_hour] * len(edges)], [(first, last), *edges]


def _weigh(connection: Connection, patterns: list[int] | None, side: _Side, without: Sequence[Row] = ()) -> None:
    """Turn the counts of a side into independent observations.

    Logs ``without`` stand in the counts of all logs and are not of this side.
    """
    excess = storms(side.hours)
    each = worth(side.hours, excess)
    if patterns is not None:  # counted by days: a day has too much what its hours have
        days: Counter[int] = Counter()
        too_many: defaultdict[int, float] = defaultdict(float)
        for hour, count in side.hours.items():
            days[hour // 24] += count
            too_many[hour // 24] += count * excess.get(hour, 0.0)
        excess = {day: many / days[day] for day, many in too_many.items() if many}
    observed = {(field, value): float(n) for field, values in side.values.items() for value, n in values.items()}
    totals = {field: float(n) for field, n in side.totals.items()}
    for field, value, moment, count in _in_moments(connection, patterns, tuple(excess), totals):
        totals[field] -= excess[moment] * count
        if (field, value) in observed:
            observed[field, value] -= excess[moment] * count
    for minute, _, pairs in without:
        share = excess.get(minute // 60, 0.0)
        for pair in pairs if share else ():
            totals[pair[0]] = totals.get(pair[0], 0.0) + share
            if pair in observed:
                observed[pair] += share
    side.observed = {pair: max(0.0, count) * each for pair, count in observed.items()}
    side.observed_of = {field: max(0.0, count) * each for field, count in totals.items()}


def _in_moments(
    connection: Connection, patterns: list[int] | None, moments: tuple[int, ...], fields: Container[str]
) -> Iterator[tuple[str, str, int, int]]:
    """(field, value, hour or day, logs) of these hours, or of these days of ``patterns``."""
    if not moments:
        return
    condition, values = of_patterns(patterns)
    table, moment = ("facet_hours", "hour") if patterns is None else ("facets", "day")
    for name, field in map(tuple, run(connection, "SELECT name, id FROM fields").all()):
        if name in fields:
            found = run(
                connection,
                f"SELECT v.value, f.{moment}, f.count FROM {table} AS f JOIN field_values AS v ON v.id = f.value_id"  # noqa: S608
                f" WHERE f.field_id = ? AND f.{moment} IN ({marks(moments)}){condition}",
                (field, *moments, *values),
            )
            for value, at, count in map(tuple, found):
                yield name, value, at, int(count)


def _without(everything: _Side, part: _Side) -> _Side:
    """What is in ``everything`` and not in ``part``."""
    left = _Side()
    for field, values in everything.values.items():
        left.values[field] = values - part.values.get(field, Counter())
    left.totals = everything.totals - part.totals
    left.rest = everything.rest - part.rest
    left.hours = everything.hours - part.hours
    return left


def _joined(inside: _Side, outside: _Side, *, exact: bool, together: bool = True) -> Comparison:
    """Both sides; ``together`` says that they are of the same time."""
    both = inside.hours.keys() | outside.hours.keys()
    minutes = [minute for minute, _, _ in inside.rows or outside.rows]
    if together:  # a storm is short beside the time that is compared, not beside itself
        minutes += [minute for minute, _, _ in outside.rows] or [hour * 60 for hour in both]
    length = stretch(max(minutes) - min(minutes)) if minutes else 1
    for side in (inside, outside):
        hours = both if together else side.hours.keys()
        side.observe_rows(length, max(hours) - min(hours) + 1 if hours else 0)
    fields = {
        name: FieldCounts(
            inside.values.get(name, Counter()),
            outside.values.get(name, Counter()),
            total,
            outside.totals[name],
            inside.rest[name] + outside.rest[name],
            Observations(
                inside.observed_values(name),
                outside.observed_values(name),
                inside.observed_of.get(name, 0.0),
                outside.observed_of.get(name, 0.0),
            ),
        )
        for name, total in inside.totals.items()
    }
    by_hour = {hour: (inside.hours[hour], outside.hours[hour]) for hour in sorted(both)}
    return Comparison(inside.logs, outside.logs, fields, by_hour, exact)
