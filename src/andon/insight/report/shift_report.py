"""The report of a shift: what happened, what is still open, and what the next shift should know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models.history import PRIORITY_OF, ShiftWindow
from andon.core.times import at, stored
from andon.insight.alarms import alarm_report as alarm_figures
from andon.insight.alarms.metrics import STALE_SECONDS, AlarmFigures, Target
from andon.insight.shifts.calendar import Shift, previous
from andon.insight.trends.trends import DAY, KINDS, Asked, Kind, find
from andon.store import Connection, alarms, counts, problems, queue
from andon.store.alarms import AlarmCounts, AlarmEntry, ShiftNote

_LISTED = 10
#: So many problems are looked at, of which those that are mere information are left out.
_LOOKED_AT = 100
_OPEN_MAX = 200
_BARS = 8
#: How far back is looked for what a problem was like before.
_BASELINE = 7 * DAY


class KeyFigure(msgspec.Struct, frozen=True):
    """A figure of the shift beside that of the working before; None is "not available"."""

    name: str
    value: float | None
    before: float | None
    unit: Literal["count", "rate", "seconds"] = "count"


class Bar(msgspec.Struct, frozen=True):
    """What one alarm cost: how often, and for how many seconds (None where nobody knows)."""

    source: str
    count: int
    seconds: float | None


class Problem(msgspec.Struct, frozen=True):
    """A problem of the shift, and what its explanation says to check first."""

    pattern_id: int
    template: str
    severity: str
    count: int
    first_check: str | None = None
    rung: str | None = None
    before_per_hour: float | None = None
    per_hour: float | None = None


class Fix(msgspec.Struct, frozen=True):
    """A fix that was confirmed in the shift."""

    pattern_id: int
    template: str
    fix: str
    cause: str | None
    author: str | None
    at: str


class Signature(msgspec.Struct, frozen=True):
    """Who signed, and when (unix seconds)."""

    name: str
    at: float


class ShiftReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report. Moments are unix seconds; ``zone`` is the site's, for showing them.

    ``until`` is the end of what is counted: that of the shift, or the moment of making where it still works. The open
    alarms are those of the moment of making. ``frozen`` says that a signature holds it as it was.
    """

    shift: str
    start: float
    end: float
    until: float
    zone: str
    made: float
    frozen: bool = False
    previous: ShiftWindow | None
    figures: list[KeyFigure]
    alarms: AlarmFigures
    targets: list[Target]
    open: list[AlarmEntry]
    not_acknowledged: int
    stale: int
    shelved: list[AlarmEntry]
    stopped: bool
    bars: list[Bar]
    top: list[Problem]
    new: list[Problem]
    rising: list[Problem]
    quiet: list[Problem]
    fixes: list[Fix]
    notes: list[ShiftNote]
    signatures: list[Signature] = []

    @property
    def running(self) -> bool:
        """Whether the shift still worked when the report was made."""
        return self.until < self.end


def signed(connection: Connection, window: ShiftWindow) -> ShiftReport | None:
    """The report as it was when it was signed, with everybody who did; None where nobody has, or it cannot be read."""
    found = alarms.handovers(connection, window)
    frozen = next((one.report for one in found if one.report), None)
    if frozen is None:
        return None
    try:
        report = msgspec.json.decode(frozen, type=ShiftReport)
    except msgspec.DecodeError:  # of a version that knew other figures
        return None
    signatures = [Signature(one.signed_by, one.signed_at) for one in found]
    return msgspec.structs.replace(report, frozen=True, signatures=signatures)


def nothing_then(connection: Connection, window: ShiftWindow, zone: ZoneInfo) -> str | None:
    """A sentence where the window ended before anything was stored; None where there may be something to report."""
    span = counts.span(connection)
    if span is None or window.end > span[0] * 60:
        return None
    then = (window.start, window.end)
    if alarms.counts(connection, *then).periods or alarms.notes(connection, *then):
        return None
    return f"nothing is stored of that time: the oldest log is from {at(span[0] * 60, zone)}"


def report_of(
    connection: Connection, window: ShiftWindow, shifts: Sequence[Shift], zone: ZoneInfo, now: float
) -> ShiftReport | str:
    """The report of a working, as it was signed or as it is known ``now``; a sentence where nothing is stored of it."""
    return (
        nothing_then(connection, window, zone)
        or signed(connection, window)
        or make(connection, window, shifts, zone, now)
    )


def make(
    connection: Connection, window: ShiftWindow, shifts: Sequence[Shift], zone: ZoneInfo, now: float
) -> ShiftReport:
    """The report of a working as it is known at ``now``, beside the working of the same shift before it."""
    until = min(max(now, window.start + 1), window.end)
    before = previous(shifts, window, zone)
    counted = alarms.counts(connection, window.start, until)
    current = alarm_figures.find(connection, window.start, until)
    opened = alarms.listing(connection, "active", now, limit=_OPEN_MAX)
    asked = Asked(window.start, until, window.start - _BASELINE, None, _LOOKED_AT)
    stopped = any(one.count or one.lost for one in counted.stops)
    found = {kind: _problems(connection, kind, asked) for kind in KINDS}
    return ShiftReport(
        shift=window.name,
        start=window.start,
        end=window.end,
        until=until,
        zone=zone.key,
        made=now,
        frozen=False,
        previous=before,
        figures=_compared(connection, window, until, before, current.figures),
        alarms=current.figures,
        targets=current.targets,
        open=opened,
        not_acknowledged=sum(one.acked_at is None for one in opened),
        stale=sum(_is_stale(one, now) for one in opened),
        shelved=alarms.listing(connection, "shelved", now, limit=_OPEN_MAX),
        stopped=stopped,
        bars=_bars(counted, stopped=stopped),
        **found,
        fixes=_fixes(connection, window.start, until),
        notes=alarms.notes(connection, window.start, window.end),
        signatures=[Signature(one.signed_by, one.signed_at) for one in alarms.handovers(connection, window)],
    )


def _is_stale(one: AlarmEntry, now: float) -> bool:
    return one.clears and one.active_since is not None and now - one.active_since > STALE_SECONDS


def _compared(
    connection: Connection, window: ShiftWindow, until: float, before: ShiftWindow | None, now: AlarmFigures
) -> list[KeyFigure]:
    """The figures beside those of the working before; of one that still works, by the same time of the shift."""
    figures = _key_figures(connection, window.start, until, now)
    if before is None:
        return figures
    end = min(before.end, before.start + (until - window.start)) if until < window.end else before.end
    then = _key_figures(connection, before.start, end, alarm_figures.find(connection, before.start, end).figures)
    return [msgspec.structs.replace(one, before=was.value) for one, was in zip(figures, then, strict=True)]


def _key_figures(connection: Connection, since: float, until: float, figures: AlarmFigures) -> list[KeyFigure]:
    stops = figures.stops
    return [
        KeyFigure("alarms", figures.alarms, None),
        KeyFigure("alarms in 10 min, average", figures.rates.average, None, "rate"),
        KeyFigure("alarms in 10 min, worst", figures.rates.peak, None),
        KeyFigure("floods", len(figures.floods) if figures.judged else None, None),
        KeyFigure("chattering alarms", len(figures.chattering) if figures.judged else None, None),
        KeyFigure("stops", None if stops is None else stops.count, None),
        KeyFigure("time stopped", None if stops is None else stops.total_seconds, None, "seconds"),
        KeyFigure("mean time to acknowledge", figures.mean_ack_seconds, None, "seconds"),
        KeyFigure("new problems", len(counts.first_seen_within(connection, stored(since), stored(until))), None),
    ]


def _bars(counted: AlarmCounts, *, stopped: bool) -> list[Bar]:
    """What cost most: stops, or alarms where no log says that production stopped; the worst by count and by time."""
    if stopped:
        bars = [Bar(one.alarm.source, one.count, one.lost) for one in counted.stops]
    else:
        bars = [Bar(one.alarm.source, one.count, one.seconds) for one in counted.top]
    worst = {*sorted(bars, key=lambda bar: -bar.count)[:_BARS], *sorted(bars, key=_cost)[:_BARS]}
    return sorted(worst, key=_cost)


def _cost(bar: Bar) -> tuple[float, int, str]:
    return -(bar.seconds or 0.0), -bar.count, bar.source


def _problems(connection: Connection, kind: Kind, asked: Asked) -> list[Problem]:
    rows = [row for row in find(connection, kind, asked).rows if row.worst_severity in PRIORITY_OF][:_LISTED]
    shown = queue.shown_for(connection, [row.pattern_id for row in rows])
    found = []
    for row in rows:
        one = shown.get(row.pattern_id)
        check, rung = (_first_check(one.finding), one.rung) if one else (None, None)
        known = (row.pattern_id, row.template, row.worst_severity, row.count)
        found.append(Problem(*known, check, rung, row.before_per_hour, row.per_hour))
    return found


def _first_check(finding: object) -> str | None:
    checks = finding.get("checks") if isinstance(finding, dict) else None
    return str(checks[0]) if isinstance(checks, list) and checks else None


def _fixes(connection: Connection, since: float, until: float) -> list[Fix]:
    confirmed = problems.fixes_within(connection, stored(since), stored(until))
    texts = problems.templates_of(connection, [one.pattern_id for one in confirmed])
    return [
        Fix(one.pattern_id, texts.get(one.pattern_id, ""), one.fix, one.cause, one.author, one.created_at)
        for one in confirmed
    ]
