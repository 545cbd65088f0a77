"""What changes: the most frequent problems, new ones, those that rise, those that fell silent, and what sets off what.

All of it is made of counts; no log is read. What is merged counts as one problem.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from andon.core.errors import QueryTooSlow
from andon.core.models.history import Activity, Counted, Known, Place
from andon.core.times import stored
from andon.insight import filters
from andon.insight.alarms.metrics import find_floods
from andon.insight.trends.rates import (
    SILENCE_MINUTES,
    dispersion,
    following,
    holm,
    occurrences,
    rate_chance,
    silence_chance,
)
from andon.store import Connection, counts

Kind = Literal["top", "new", "rising", "quiet"]
KINDS: tuple[Kind, ...] = ("top", "new", "rising", "quiet")

#: A change is told where the chance of an accident, corrected for all problems looked at, is below this.
ALPHA = 0.01
#: A problem rises where it has so many logs, and so many times the rate of before.
LEAST_LOGS, LEAST_RATIO = 5, 1.5
#: A problem was regular where it was logged in so many hours of the baseline.
LEAST_PERIODS = 3
HOUR, DAY = 3_600.0, filters.DAY
#: From this many seconds on a time is compared by days, below by hours.
BY_DAYS = 7 * DAY
#: Occurrences of all problems that are held against each other.
OCCURRENCES_MAX = 20_000
#: Minutes of a flood in which it is looked for what set in.
_SETTING_IN = 60
_THEN = 4


class Trend(msgspec.Struct, frozen=True):
    """One problem and how often it occurred; what a kind of question does not tell is null.

    ``share`` is of all logs of the time. ``per_hour`` and ``before_per_hour`` are rates in the time and in the
    baseline, ``before`` the logs of the baseline, ``ratio`` the quotient of the rates (null where there were none
    before), ``expected`` the logs that the baseline makes expect. ``p`` is the corrected chance of an accident.
    """

    pattern_id: int
    template: str
    worst_severity: str
    first_seen: str
    last_seen: str
    count: int
    share: float | None = None
    per_hour: float | None = None
    before: int | None = None
    before_per_hour: float | None = None
    ratio: float | None = None
    expected: float | None = None
    p: float | None = None


class Trends(msgspec.Struct, frozen=True, kw_only=True):
    """Problems of one time, ``since`` ≤ t < ``until``, the most notable first; ``note`` says why there may be none.

    ``logs`` and ``problems`` count all of the time. ``baseline`` is where the time before begins, to which it was
    compared. Times are widened to whole days where only those are counted.
    """

    kind: Kind
    since: str
    until: str
    baseline: str | None
    logs: int
    problems: int
    rows: list[Trend]
    note: str | None = None


class Named(msgspec.Struct, frozen=True):
    """A problem by id and text; ``minutes`` after the first of its flood."""

    pattern_id: int
    template: str
    minutes: int


class FirstOut(msgspec.Struct, frozen=True):
    """A flood of ``alarms`` and what set in first, several where that was in the same minute; ``then`` came next.

    What was logged in the ten minutes before the flood did not set in with it, unless nothing else did.
    """

    start: str
    end: str
    alarms: int
    first: list[Named]
    then: list[Named]


class Together(msgspec.Struct, frozen=True, rename={"lag": "lag_minutes"}):
    """Of ``of_first`` occurrences of the first problem, ``count`` were followed by the second within ten minutes.

    The second occurred ``of_second`` times. ``lift`` is how many times more often than by chance, ``lag`` the median in
    minutes: 0 is the same minute, so that the order is not known.
    """

    first_id: int
    first: str
    second_id: int
    second: str
    count: int
    of_first: int
    of_second: int
    lift: float
    lag: float
    p: float


class Asked(NamedTuple):
    """A time (unix seconds) with the baseline that ends where it begins, a part of the site, and how many rows."""

    since: float
    until: float
    baseline: float
    place: Place | None = None
    limit: int = 20


def ask(
    since: str | None = None,
    until: str | None = None,
    baseline: str | None = None,
    *,
    zone: str,
    place: Place | None = None,
    limit: int = 20,
) -> Asked:
    """A question from what a person wrote; unless told otherwise the last day, beside the week before it.

    Raises WrongFilter for what is no time, or makes no sense.
    """
    start, end = filters.window(since, until, zone, DAY)
    before = filters.baseline(baseline, zone, start, max(7 * DAY, 3 * (end - start)))
    return Asked(start, end, before, place, limit)


def place_of(**named: str | None) -> Place | None:
    """The one part of the site that is named (``host``, ``site``, ``area``, ``line``, ``machine``), if any is.

    Raises WrongFilter where several are: counts are kept for each by itself.
    """
    given = [(name, value) for name, value in named.items() if value is not None]
    if len(given) > 1:
        raise filters.WrongFilter(f"{given[0][0]} and {given[1][0]} are counted separately: name one of them")
    return Place("hostname" if given[0][0] == "host" else given[0][0], given[0][1]) if given else None


def find(connection: Connection, kind: Kind, asked: Asked) -> Trends:
    """The problems of a kind. Raises NotFound where no such place is known."""
    by_days = kind in ("top", "new") or asked.until - asked.since >= BY_DAYS
    now = counts.activity(connection, asked.since, asked.until, asked.place, by_days=by_days)
    if kind in ("top", "new"):
        rows, baseline, note = _top(now) if kind == "top" else _new(connection, asked, now)
    else:
        rows, baseline, note = _changed(connection, kind, asked, now)
    rows = rows[: asked.limit]
    known = counts.known(connection, [row.root for row in rows])
    total = sum(one.logs for one in now.problems.values())
    if not total and note is None:
        note = _silence(connection, asked)
    hours = _length(now, asked.until) / 3600
    return Trends(
        kind=kind,
        since=stored(now.since),
        until=stored(now.until),
        baseline=None if baseline is None else stored(baseline),
        logs=total,
        problems=len(now.problems),
        rows=[row.told(known[row.root], total, hours) for row in rows if row.root in known],
        note=note,
    )


class _Row(msgspec.Struct, frozen=True):
    """A problem that is told; the last four only where it is compared with a baseline of ``before_hours``."""

    root: int
    count: int
    before: int | None = None
    before_hours: float = 0.0
    expected: float = 0.0
    p: float | None = None

    def told(self, known: Known, total: int, hours: float) -> Trend:
        rate, share = self.count / hours, self.count / total if total else None
        if self.before is None:
            return Trend(self.root, *known, self.count, share, rate)
        before = self.before / self.before_hours
        ratio = rate / before if before else None
        return Trend(self.root, *known, self.count, share, rate, self.before, before, ratio, self.expected, self.p)


_Found = tuple[list[_Row], float | None, str | None]


def _top(now: Counted) -> _Found:
    ranked = sorted(now.problems.items(), key=lambda item: (-item[1].logs, item[0]))
    return [_Row(root, one.logs) for root, one in ranked], None, None


def _new(connection: Connection, asked: Asked, now: Counted) -> _Found:
    first = counts.first_seen_within(connection, stored(asked.since), stored(asked.until))
    newest = sorted(first.keys() & now.problems.keys(), key=lambda root: (first[root], root), reverse=True)
    note = None if newest or not now.problems else "no problem was new in this time"
    return [_Row(root, now.problems[root].logs) for root in newest], None, note


def _changed(connection: Connection, kind: Kind, asked: Asked, now: Counted) -> _Found:
    """What rises, or what fell silent, beside the baseline."""
    before = _before(connection, asked, now)
    if before is None:
        return [], None, "nothing was logged before this time to compare with"
    length, time_before = _length(now, asked.until), before.until - before.since
    periods = time_before / before.period

    def row(root: int, count: int, then: Activity, p: float) -> _Row:
        return _Row(root, count, then.logs, time_before / 3600, then.logs * length / time_before, p)

    rows: list[_Row] = []
    if kind == "rising":
        for root, one in now.problems.items():
            then = before.problems.get(root, Activity(0, 0, 0))
            if one.logs >= LEAST_LOGS and one.logs * time_before >= LEAST_RATIO * then.logs * length:
                spread = dispersion(then.logs, then.squares, periods)
                rows.append(row(root, one.logs, then, rate_chance(one.logs, length, then.logs, time_before, spread)))
        tested, note = len(now.problems), "no problem rises more than chance explains" if now.problems else None
    else:
        for root, then in before.problems.items():
            if root not in now.problems and then.logs >= LEAST_LOGS and then.active >= LEAST_PERIODS:
                rows.append(row(root, 0, then, silence_chance(then.active, periods, length / before.period)))
        tested, note = len(before.problems), "no problem that was regular before is silent now"
    chances = holm([one.p or 0.0 for one in rows], tested)
    rows = [msgspec.structs.replace(one, p=p) for one, p in zip(rows, chances, strict=True) if p < ALPHA]
    rows.sort(key=lambda one: (-abs(one.expected - one.count), one.root))
    return rows, before.since, None if rows else note


def _before(connection: Connection, asked: Asked, now: Counted) -> Counted | None:
    """The baseline, from the first log on: before it nothing could be logged. None where there is none."""
    span = counts.span(connection)
    if span is None:
        return None
    since = max(asked.baseline, span[0] * 60.0)
    if now.since - since < now.period:
        return None
    found = counts.activity(connection, since, now.since, asked.place, by_days=now.period > HOUR)
    return found if found.problems else None


def _length(counted: Counted, until: float) -> float:
    """How long a counted time is, in seconds; what is still to come of a day does not count."""
    return max(min(counted.until, until), counted.since + 60.0) - counted.since


def _silence(connection: Connection, asked: Asked) -> str:
    where = "" if asked.place is None else " there"
    span = counts.span(connection)
    if span is None:
        return "nothing is stored yet"
    return f"nothing was logged{where} in this time; the newest log of all is from {stored(span[1] * 60.0)[:16]}Z"


def first_out(connection: Connection, since: float, until: float, limit: int = 20) -> list[FirstOut]:
    """The floods of alarms (WARNING and worse), the newest first, and what came first in each, to the minute."""
    floods = find_floods(counts.by_ten_minutes(connection, since, until), since, until)[-limit:]
    found = []
    for flood in reversed(floods):
        start = int(flood.start // 60)
        end = min(int(-(-flood.end // 60)), start + _SETTING_IN)
        minutes = counts.by_problem_and_minute(connection, start - SILENCE_MINUTES, end, alarms_only=True)
        setting_in = {root: times[0] for root, times in minutes.items() if times[0] >= start}
        setting_in = setting_in or {
            root: next(t for t in times if t >= start) for root, times in minutes.items() if times[-1] >= start
        }
        ordered = sorted((minute, root) for root, minute in setting_in.items())
        tied = sum(minute == ordered[0][0] for minute, _ in ordered)
        known = counts.known(connection, [root for _, root in ordered[: tied + _THEN]])
        ordered = [(minute, root) for minute, root in ordered if root in known]
        begin = ordered[0][0] if ordered else start
        named = [Named(root, known[root].template, minute - begin) for minute, root in ordered]
        first = [one for one in named if not one.minutes]
        later = [one for one in named if one.minutes][:_THEN]
        found.append(FirstOut(stored(begin * 60.0), stored(flood.end), flood.alarms, first, later))
    return found


def together(
    connection: Connection, since: float, until: float, limit: int = 20, about: int | None = None
) -> list[Together]:
    """Which problem follows which more often than chance explains; with ``about`` only what this one goes with.

    Raises QueryTooSlow where too much was logged to look at each minute.
    """
    span = counts.span(connection)
    if span is None:
        return []
    first, last = max(int(since // 60), span[0]), min(int(-(-until // 60)), span[1] + 1)
    minutes = counts.by_problem_and_minute(connection, first - SILENCE_MINUTES, last)
    starts = {root: [m for m in occurrences(times) if m >= first] for root, times in minutes.items()}
    if about is None and sum(map(len, starts.values())) > OCCURRENCES_MAX:
        raise QueryTooSlow("too much was logged in this time to compare every pair: choose a shorter time")
    rows = following(starts, last - first, limit=limit, about=about)
    known = counts.known(connection, {root for row in rows for root in (row.first, row.second)})
    text = {root: one.template for root, one in known.items()}
    return [
        Together(a, text[a], b, text[b], row.count, row.of_first, row.of_second, row.lift, row.lag, row.p)
        for row in rows
        if (a := row.first) in text and (b := row.second) in text
    ]
