"""The report of a shift: what happened, what is still open, and what the next shift should know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models import Moment
from andon.core.models.history import ShiftWindow
from andon.core.times import at, stored
from andon.insight.alarms import alarm_report as alarm_figures
from andon.insight.alarms import rhythm
from andon.insight.alarms.metrics import STALE_SECONDS, AlarmFigures, Target
from andon.insight.alarms.rhythm import DAY, Course
from andon.insight.report.older_reports import renewed
from andon.insight.report.shift_problems import ShiftProblem, problems_of_shift
from andon.insight.shifts.calendar import Shift, previous
from andon.store import Connection, alarms, counts
from andon.store.alarms import AlarmEntry, ShiftNote

_OPEN_MAX = 200


class KeyFigure(msgspec.Struct, frozen=True):
    """A figure of the shift beside that of the working before; None is "not available"."""

    name: str
    value: float | None
    before: float | None
    unit: Literal["count", "rate", "seconds"] = "count"


class Signature(msgspec.Struct, frozen=True):
    """Who signed, and when (unix seconds)."""

    name: str
    at: Moment


class ShiftReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report. Moments are unix seconds; ``zone`` is the site's, for showing them.

    ``until`` is the end of what is counted: that of the shift, or the moment of making where it still works. The open
    alarms are those of the moment of making: ``active`` of them, ``not_acknowledged`` and ``stale`` among these.
    ``stopped`` says that something held up production. ``course`` are the alarms per ten minutes. ``problems`` holds
    each problem once. ``frozen`` says that a signature holds the report as it was.
    """

    shift: str
    start: Moment
    end: Moment
    until: Moment
    zone: str
    made: Moment
    frozen: bool = False
    previous: ShiftWindow | None
    figures: list[KeyFigure]
    alarms: AlarmFigures
    targets: list[Target]
    active: int
    not_acknowledged: int
    stale: int
    stopped: bool
    course: Course | None = None
    problems: list[ShiftProblem]
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
        report = msgspec.convert(renewed(msgspec.json.decode(frozen)), ShiftReport)
    except (msgspec.DecodeError, msgspec.ValidationError):  # of a version that knew other figures
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
    # what came after the shift is not handed over by it
    listed = alarms.listing(connection, "active", now, limit=_OPEN_MAX)
    active = [one for one in listed if (one.active_since or one.last_seen) < until]
    listed = alarms.listing(connection, "shelved", now, limit=_OPEN_MAX)
    shelved = [one for one in listed if (one.shelved_at or 0.0) < until]
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
        active=len(active),
        not_acknowledged=sum(one.acked_at is None for one in active),
        stale=sum(_is_stale(one, now) for one in active),
        stopped=any(one.count or one.lost for one in counted.stops),
        course=rhythm.course(counted.periods, window.start, until) if until - window.start <= DAY else None,
        problems=problems_of_shift(connection, window.start, until, counted, [*active, *shelved], now),
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
