"""What is different this time: values out of their usual range, more often than before, new hosts, other circumstances.

All of it reads logs, so it is bounded: a few of the newest by their keys, and the comparison by its own limits. What
takes too long is told as such, and the rest all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from andon.core.errors import QueryTooSlow
from andon.core.models import LogQuery, StoredLog
from andon.core.models.history import Difference
from andon.core.times import seconds, stored
from andon.insight.differences import differences
from andon.insight.now import board
from andon.insight.problem import goes_with
from andon.insight.shifts.calendar import Shift
from andon.insight.situation import course, problem_state
from andon.insight.situation.course import Course
from andon.insight.trends.trends import DAY, Together
from andon.store import Connection, alarms, counts, problems, search

Kind = Literal["up", "down", "new", "note"]

#: How far back "before" goes, and how long "this time" is where no alarm says when it began, in seconds.
BEFORE, THIS_TIME = 30 * DAY, 3_600.0
#: So many earlier records make a usual range, and so many are looked at.
_EARLIER_LEAST, _EARLIER = 5, 60
_TOLD = 3
#: So many records of the problem are compared, the newest: more would keep other pages waiting, and tell no more.
_COMPARED = 2_000
#: What tells a problem from others anyway.
_NO_NEWS = ("severity", "service", "state", "status")
#: A value is out of its range by this share of it, or not worth telling.
_CLEARLY = 0.02
# A measured value: a number by itself, not part of a name, a time, a date or a path, with the unit behind it.
_VALUE = re.compile(
    r"(?<![\w.:/#-])(-?\d{1,6}(?:\.\d{1,4})?)"
    r"(?:( ?(?:%|°?[A-Za-zµΩ]{1,5}(?:/[a-z]{1,3})?))(?![\w:]))?(?![\w:/-]|\.\d)"
)
_PIECES = re.compile(r"[,;:.()\d=]+")
_DIGITS = re.compile(r"\d+")
_WORDS = re.compile(r"[^\W\d_][\w-]*")
_NO_NAME = frozenset(
    ("at", "to", "of", "is", "was", "by", "from", "than", "the", "in", "on", "above", "below", "after")
)


class Change(msgspec.Struct, frozen=True):
    """One thing that is different, as a sentence without its full stop; ``problem`` is another one that it is about."""

    kind: Kind
    text: str
    problem: int | None = None
    title: str = ""


class Changes(msgspec.Struct, frozen=True):
    """What is different this time; ``always`` are circumstances that tell this problem from all others, ``beside`` what
    comes with it. ``missing`` says what could not be found out, and why."""

    now: list[Change]
    always: list[Change]
    beside: list[Change]
    missing: list[str]


def read(connection: Connection, root: int, shifts: Sequence[Shift], zone: ZoneInfo, now: float) -> Changes:
    """What is different about a problem this time. Raises NotFound."""
    whole = problems.whole(connection, root)
    known = alarms.of_patterns(connection, whole.members)
    at, _ = board.moment_of(connection, now, shifts, zone)
    standing = problem_state.read(known.entries, whole.worst_severity, at)
    times = course.read(connection, whole, known, now, zone)
    missing: list[str] = []

    def tried(what: str, work: Callable[[], list[Change]]) -> list[Change]:
        try:
            return work()
        except QueryTooSlow:
            missing.append(f"{what}: there are too many records to read in a few seconds")
            return []

    newest = problems.newest_logs(connection, root, 1)
    last = _moment(newest[0].timestamp if newest else whole.last_seen, now)
    start = min(standing.since or last - THIS_TIME, last)
    found = tried("Values", lambda: _values(connection, root, newest, start))
    found += _more_often(times)
    found += _new_hosts(connection, root, start, whole.first_seen)
    hours = counts.hourly(connection, start - BEFORE, now + 60, root)
    began = max(start, back_to(hours, now, _COMPARED))
    before = max(start - BEFORE, back_to(hours, began, _COMPARED))
    found += tried("Circumstances", lambda: _circumstances(connection, root, (began, now), before, zone))
    always = tried(
        "Other records", lambda: _always(connection, root, (back_to(hours, now, _COMPARED), now), shifts, zone)
    )
    pairs = goes_with(connection, problems.summary(connection, root))
    if pairs is None:
        missing.append("What comes with it: too much was logged to look at each minute")
    return Changes(found, always, [_beside(one, root) for one in (pairs or [])[:_TOLD]], missing)


def _moment(text: str, otherwise: float) -> float:
    """A time in stored form as unix seconds; of what is none, as a database that was taken over may hold, another."""
    try:
        return seconds(text)
    except ValueError:
        return otherwise


def _values(connection: Connection, root: int, newest: Sequence[StoredLog], start: float) -> list[Change]:
    if not newest:
        return []
    earlier = search.find(connection, LogQuery(pattern_id=root, until=stored(start), limit=_EARLIER))
    return out_of_range(newest[0].message, [one.message for one in earlier])


def out_of_range(message: str, earlier: Sequence[str]) -> list[Change]:
    """Measured values of a message that are out of the range that the same text had before (newest first).

    >>> [one.text for one in out_of_range("load 27.4 A", [f"load {n}.0 A" for n in (21, 23, 22, 21, 22)])]
    ['Load 27.4 A, before 21 to 23 A']
    """
    shape = _shape(message)
    rows = [_VALUE.findall(one) for one in earlier if _shape(one) == shape]
    if len(rows) < _EARLIER_LEAST:
        return []
    found = []
    for at, match in enumerate(_VALUE.finditer(message)):
        before = [float(row[at][0]) for row in rows]
        value, low, high = float(match[1]), min(before), max(before)
        steps = [one - two for one, two in zip((value, *before), before, strict=False)]
        if all(step > 0 for step in steps) or all(step < 0 for step in steps):
            continue  # it only counts
        margin = _CLEARLY * max(abs(low), abs(high))
        if low - margin <= value <= high + margin:
            continue
        unit = (match[2] or "").strip()
        usual = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        text = " ".join(part for part in (_name(message[: match.start()]), match[1], unit) if part)
        found.append(Change("up" if value > high else "down", " ".join(f"{text}, before {usual} {unit}".split())))
    return found[:_TOLD]


def _shape(message: str) -> str:
    """What is the same in two messages of one text that measure something."""
    return _DIGITS.sub("0", _VALUE.sub("#", message))


def _name(before: str) -> str:
    """What a value is called: the word or two right before it."""
    words = _WORDS.findall(_PIECES.split(before)[-1])
    while words and words[-1].lower() in _NO_NAME:
        words.pop()
    name = " ".join(words[-2:])
    return name[:1].upper() + name[1:]


def _more_often(times: Course) -> list[Change]:
    before = [day.count for day in times.days[:-1]]
    most = max(before, default=0)
    if times.today <= most or times.today < 2 or not any(before):
        return []
    what = f"{times.today:,} times today" if times.times else f"{times.today:,} records today"
    return [Change("up", f"{what}, at most {most:,} a day in the 30 days before")]


def _new_hosts(connection: Connection, root: int, start: float, first: str) -> list[Change]:
    """Hosts that had it for the first time since then; none where the problem itself is new."""
    if _moment(first, start) >= start:
        return []
    since = stored(start)
    new = [host.hostname for host in problems.hosts_of(connection, root) if host.first_seen >= since]
    if not new:
        return []
    named = ", ".join(new[:_TOLD]) + (f" and {len(new) - _TOLD} more" if len(new) > _TOLD else "")
    return [Change("new", f"First time on {named}")]


def back_to(hours: Mapping[int, int], end: float, most: int) -> float:
    """From when on (unix seconds) at most so many records came before ``end``, though an hour at least.

    ``hours`` counts them by hours since 1970.

    >>> back_to({0: 5, 1: 5, 2: 5}, 3 * 3600.0, 10), back_to({2: 50}, 3 * 3600.0, 10)
    (3600.0, 7200.0)
    """
    total = 0
    for hour in sorted((one for one in hours if one * 3600.0 < end), reverse=True):
        total += hours[hour]
        if total > most:
            return min((hour + 1) * 3600.0, end - 3600.0)
    return end - BEFORE


def _circumstances(
    connection: Connection, root: int, window: tuple[float, float], before: float, zone: ZoneInfo
) -> list[Change]:
    result = differences.of_windows(connection, window, (before, window[0]), root, zone, limit=_TOLD)
    return [
        Change("note", f"{_fact(one)}: {one.inside:,} of {one.of_inside:,} records this time, {_of(one)} before")
        for one in result.differences
        if one.field.rpartition(".")[2] not in _NO_NEWS
    ]


def _always(
    connection: Connection, root: int, window: tuple[float, float], shifts: Sequence[Shift], zone: ZoneInfo
) -> list[Change]:
    result = differences.of_pattern(connection, root, *window, shifts, zone, limit=_TOLD)
    return [
        Change("note", f"{_fact(one)}: {one.inside:,} of {one.of_inside:,} records, {_rate(one)} elsewhere")
        for one in result.differences
        if one.field.rpartition(".")[2] not in _NO_NEWS
    ]


def _fact(one: Difference) -> str:
    name = {"hostname": "host"}.get(one.field, one.field.removeprefix("context."))
    return f"{name[:1].upper()}{name[1:]} {one.value}"


def _of(one: Difference) -> str:
    return f"{one.outside:,} of {one.of_outside:,}" if one.outside else "never"


def _rate(one: Difference) -> str:
    share = one.outside / one.of_outside if one.of_outside else 0.0
    return "never" if not one.outside else "under 1 %" if share < 0.01 else f"{share:.0%}".replace("%", " %")


def _beside(pair: Together, root: int) -> Change:
    """A problem that comes with this one."""
    first = pair.first_id == root
    other, title = (pair.second_id, pair.second) if first else (pair.first_id, pair.first)
    how = f"{pair.count:,} of {pair.of_first:,} times"
    if pair.lag == 0:
        return Change("note", f"comes in the same minute, {how}", other, title)
    later = f"{pair.lag:g} min {'later' if first else 'before'}"
    return Change("note", f"{'follows' if first else 'comes first'}, {later}, {how}", other, title)
