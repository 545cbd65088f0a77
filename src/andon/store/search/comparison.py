"""Logs in question beside other logs: how often each value of each field occurs in both.

Few logs are read one by one. Many are counted: those of all patterns by whole hours, those of one by whole days.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container
from typing import NamedTuple

from sqlalchemy import Connection

from andon.core.models.history import Comparison, FieldCounts
from andon.core.times import unix_minute
from andon.store.counts.spans import ends, of_patterns
from andon.store.engine.watermark import first_id
from andon.store.problems import members
from andon.store.schema.dialect import is_postgres, marks, run
from andon.store.search.candidates import moment_text
from andon.store.search.facets import OWN, SCATTERED, VALUES_MAX, context_fields

#: Up to so many logs in question are read one by one; more are counted.
EXACT_MAX = 30_000
_HOUR = 3600
_DAYS_MAX = 20_000


class _Side:
    """One of the two groups of logs: counts of values by field, totals by field, logs by hour."""

    def __init__(self) -> None:
        self.values: dict[str, Counter[str]] = defaultdict(Counter)
        self.totals: Counter[str] = Counter()
        self.rest: Counter[str] = Counter()
        self.hours: Counter[int] = Counter()
        #: (field, value) of logs that are read one by one.
        self.pairs: Counter[tuple[str, str]] = Counter()

    @property
    def logs(self) -> int:
        return sum(self.hours.values())

    def split_pairs(self) -> None:
        """Take what was met one by one into the counts."""
        for (field, value), count in self.pairs.items():
            self.totals[field] += count
            self.values[field][value] += count


def compare_pattern(connection: Connection, pattern_id: int, since: float, until: float) -> Comparison:
    """A problem's logs beside all others of the same time (unix seconds). Raises NotFound."""
    patterns = members.of_problem(connection, pattern_id)
    hours = _Hours.around(since, until)
    if (read := _read(connection, patterns, since, until, hours)) is not None:
        inside, in_whole_hours = read
        return _joined(inside, _without(_counted(connection, None, hours, inside.totals), in_whole_hours), exact=True)
    hours = hours.whole_days()
    inside = _counted(connection, patterns, hours)
    return _joined(inside, _without(_counted(connection, None, hours, inside.totals), inside), exact=False)


def compare_windows(
    connection: Connection, window: tuple[float, float], baseline: tuple[float, float], pattern_id: int | None = None
) -> Comparison:
    """The logs of one time (unix seconds) beside those of another, of one problem or of all. Raises NotFound."""
    patterns = None if pattern_id is None else members.of_problem(connection, pattern_id)
    inside, exact = _side(connection, patterns, window, None)
    outside, _ = _side(connection, patterns, baseline, window)
    return _joined(inside, outside, exact=exact)


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
    return _counted(connection, patterns, hours), False


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
        "SELECT timestamp, hostname, service, severity, site, area, line, machine, context FROM logs"  # noqa: S608
        f" WHERE {time} >= ? AND {time} < ?{condition} LIMIT ?",
        (moment_text(hours.first * _HOUR), moment_text(hours.last * _HOUR), *values, 2 * EXACT_MAX + 1),
    )
    inside, beside = _Side(), _Side()
    first, last = moment_text(since), moment_text(until)
    for count, row in enumerate(map(tuple, found), 1):
        if count > 2 * EXACT_MAX:  # very many that are not counted yet
            return None
        moment = str(row[0])
        side = inside if first <= moment < last else beside
        side.hours[unix_minute(moment) // 60] += 1
        side.pairs.update([(name, str(value)) for name, value in zip(OWN, row[1:8], strict=True) if value])
        side.pairs.update(context_fields(row[8])[0])
    around = _Side()
    around.hours = inside.hours + beside.hours
    if around.logs < counted:
        return None
    around.pairs = inside.pairs + beside.pairs
    for side in (inside, around):
        side.split_pairs()
        _put_aside_what_is_not_kept(connection, side)
    return inside, around


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
        table, span, moments = "facet_hours", "hour >= ? AND hour < ?", tuple(hours)
    else:
        # With the days named one by one, each is a step to the right place of the key.
        moments = tuple(range(hours.first // 24, hours.last // 24))[:_DAYS_MAX]
        table, span = "facets", f"day IN ({marks(moments)})"
    for name, field, kept in map(tuple, run(connection, "SELECT name, id, kept FROM fields").all()):
        if fields is not None and name not in fields:
            continue
        found = run(
            connection,
            "SELECT v.value, v.rest, f.count FROM (SELECT value_id, SUM(count) AS count FROM "  # noqa: S608
            f"{table} WHERE field_id = ? AND {span}{condition} GROUP BY value_id) AS f"
            " JOIN field_values AS v ON v.id = f.value_id",
            (field, *moments, *values),
        )
        for value, rest, count in map(tuple, found):
            side.totals[name] += int(count)
            if rest or kept == SCATTERED:
                side.rest[name] += int(count)
            else:
                side.values[name][value] += int(count)
    table = "log_hours" if patterns is None else "pattern_hours"
    sql = f"SELECT hour, SUM(count) FROM {table} WHERE hour >= ? AND hour < ?{condition} GROUP BY hour"  # noqa: S608
    side.hours.update({int(hour): int(count) for hour, count in map(tuple, run(connection, sql, (*hours, *values)))})
    return side


def _without(everything: _Side, part: _Side) -> _Side:
    """What is in ``everything`` and not in ``part``."""
    left = _Side()
    for field, values in everything.values.items():
        left.values[field] = values - part.values.get(field, Counter())
    left.totals = everything.totals - part.totals
    left.rest = everything.rest - part.rest
    left.hours = everything.hours - part.hours
    return left


def _joined(inside: _Side, outside: _Side, *, exact: bool) -> Comparison:
    fields = {
        name: FieldCounts(
            inside.values.get(name, Counter()),
            outside.values.get(name, Counter()),
            total,
            outside.totals[name],
            inside.rest[name] + outside.rest[name],
        )
        for name, total in inside.totals.items()
    }
    hours = {
        hour: (inside.hours[hour], outside.hours[hour]) for hour in sorted(inside.hours.keys() | outside.hours.keys())
    }
    return Comparison(inside.logs, outside.logs, fields, hours, exact)
