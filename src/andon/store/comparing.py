"""Logs in question beside other logs: how often each value of each field occurs in both."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection

from andon.history import Comparison, FieldCounts
from andon.models import utc_text
from andon.store import family
from andon.store.batch import unix_minute
from andon.store.dialect import run
from andon.store.facets import OWN, VALUES_MAX, context_fields

#: Up to so many logs in question are read one by one; more are counted by the hour.
EXACT_MAX = 50_000
_HOUR = 3600
_IDS_PER_QUERY = 500

Counts = dict[str, Counter[str]]


class _Side:
    """One of the two groups of logs: counts of values by field, totals by field, logs by hour."""

    def __init__(self) -> None:
        self.values: Counts = defaultdict(Counter)
        self.totals: Counter[str] = Counter()
        self.rest: Counter[str] = Counter()
        self.hours: Counter[int] = Counter()

    @property
    def logs(self) -> int:
        return sum(self.hours.values())

    def add(self, field: str, value: str, count: int, *, rest: bool) -> None:
        self.totals[field] += count
        if rest:
            self.rest[field] += count
        else:
            self.values[field][value] += count


def compare_pattern(connection: Connection, pattern_id: int, since: float, until: float) -> Comparison | None:
    """A problem's logs beside all others of the same time (unix seconds); None where there is no such pattern."""
    root = family.root_of(connection, pattern_id)
    if root is None:
        return None
    patterns = family.members(connection, root)
    inside, exact = _window(connection, patterns, since, until)
    everything = _hourly(connection, since, until, inside.totals)
    counted = inside if not exact else _hourly(connection, since, until, inside.totals, patterns)
    return _joined(inside, _without(everything, counted), exact=exact)


def compare_windows(
    connection: Connection, window: tuple[float, float], baseline: tuple[float, float], pattern_id: int | None = None
) -> Comparison | None:
    """The logs of one time beside those of another, of one problem or of all; None where there is no such pattern."""
    patterns: list[int] | None = None
    if pattern_id is not None:
        root = family.root_of(connection, pattern_id)
        if root is None:
            return None
        patterns = family.members(connection, root)
    inside, exact = _window(connection, patterns, *window)
    return _joined(inside, _hourly(connection, *baseline, inside.totals, patterns), exact=exact)


def _window(connection: Connection, patterns: list[int] | None, since: float, until: float) -> tuple[_Side, bool]:
    """The logs of a window, one by one where there are not too many, else by the hour; whether it was one by one."""
    condition, values = _of(patterns)
    found = run(
        connection,
        "SELECT timestamp, hostname, service, severity, site, area, line, machine, context FROM logs"  # noqa: S608
        f" WHERE timestamp >= ? AND timestamp < ?{condition} LIMIT ?",
        (_text(since), _text(until), *values, EXACT_MAX + 1),
    )
    side = _Side()
    for count, row in enumerate(map(tuple, found), 1):
        if count > EXACT_MAX:
            return _hourly(connection, since, until, None, patterns), False
        side.hours[unix_minute(str(row[0])) // 60] += 1
        for name, value in zip(OWN, row[1:8], strict=True):
            if value:
                side.add(name, str(value), 1, rest=False)
        for name, value in context_fields(row[8]):
            side.add(name, value, 1, rest=False)
    _put_aside_what_is_not_kept(connection, side)
    return side, True


def _put_aside_what_is_not_kept(connection: Connection, side: _Side) -> None:
    """A value that the others count among the rest would look as if none of them had it."""
    full = run(connection, "SELECT name, id FROM fields WHERE kept >= ?", (VALUES_MAX,)).all()
    for name, field in map(tuple, full):
        values = side.values.get(name)
        if values:
            found = run(connection, "SELECT value FROM field_values WHERE field_id = ? AND rest = ?", (field, False))
            kept = {row[0] for row in map(tuple, found)}
            for value in [value for value in values if value not in kept]:
                side.rest[name] += values.pop(value)


def _hourly(
    connection: Connection,
    since: float,
    until: float,
    fields: Iterable[str] | None,
    patterns: list[int] | None = None,
) -> _Side:
    """The counts of the hours that a span touches; only of ``fields``, unless that is None, and of ``patterns``."""
    first, last = int(since // _HOUR), int(-(-until // _HOUR))
    names = dict(map(tuple, run(connection, "SELECT name, id FROM fields").all()))
    wanted = names if fields is None else {name: names[name] for name in fields if name in names}
    side = _Side()
    condition, values = _of(patterns)
    span = "hour >= ? AND hour < ?"
    moments: tuple[int, ...] = (first, last)
    if patterns is not None:
        # With the hours named one by one, each is a step to the right place of the key.
        moments = _hours_of(connection, patterns, first, last)
        span = f"hour IN ({','.join('?' * len(moments))})"
    for name, field in wanted.items():
        found = run(
            connection,
            "SELECT v.value, v.rest, f.count FROM (SELECT value_id, SUM(count) AS count FROM facets"  # noqa: S608
            f" WHERE field_id = ? AND {span}{condition} GROUP BY value_id) AS f"
            " JOIN field_values AS v ON v.id = f.value_id",
            (field, *moments, *values),
        )
        for value, rest, count in map(tuple, found):
            side.add(name, value, int(count), rest=bool(rest))
    if "severity" in names:  # the one field that every log has
        found = run(
            connection,
            "SELECT hour, SUM(count) FROM facets"  # noqa: S608
            f" WHERE field_id = ? AND {span}{condition} GROUP BY hour",
            (names["severity"], *moments, *values),
        )
        side.hours.update({int(hour): int(count) for hour, count in map(tuple, found)})
    return side


def _hours_of(connection: Connection, patterns: list[int], first: int, last: int) -> tuple[int, ...]:
    """The hours of a span in which any of these patterns occurred."""
    condition, values = _of(patterns)
    found = run(
        connection,
        "SELECT DISTINCT minute / 60 FROM pattern_minutes"  # noqa: S608
        f" WHERE minute >= ? AND minute < ?{condition}",
        (first * 60, last * 60, *values),
    )
    return tuple(row[0] for row in map(tuple, found))


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


def _of(patterns: list[int] | None) -> tuple[str, tuple[int, ...]]:
    """A condition for these patterns with its values."""
    if patterns is None:
        return "", ()
    some = patterns[:_IDS_PER_QUERY]
    return f" AND pattern_id IN ({','.join('?' * len(some))})", tuple(some)


def _text(moment: float) -> str:
    return utc_text(datetime.fromtimestamp(moment, UTC))
