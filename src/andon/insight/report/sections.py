"""What the report of a shift holds, section by section, whichever form it is given: the words and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from andon.core.times import at, lasting, seconds
from andon.insight.alarms.alarm_report import NOTHING
from andon.insight.report.shift_report import Fix, Problem, ShiftReport
from andon.store.alarms import AlarmEntry


class Section(NamedTuple):
    """``intro`` and ``empty`` (where there is neither a row nor an item) are our words, with commands in backquotes.

    The name of a column that ends with ``>`` is of numbers, with ``!`` of a severity, with ``.`` unbroken.
    """

    title: str
    names: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    items: Sequence[str] = ()
    intro: str = ""
    empty: str = "None."


def sections(report: ShiftReport) -> dict[str, Section]:
    """The sections in their order, by a short name."""
    zone = ZoneInfo(report.zone)
    pareto = (
        "Stops, by time and count" if report.stopped else "Most frequent alarms (no log says that production stopped)"
    )
    return {
        "figures": Section(
            "Figures",
            ("", "this shift>", "before>"),
            [(one.name, _number(one.value, one.unit), _number(one.before, one.unit)) for one in report.figures],
            intro="" if report.alarms.judged else f"{NOTHING[0].upper()}{NOTHING[1:]}.",
        ),
        "open": _open(report, zone),
        "shelved": _shelved(report, zone),
        "pareto": Section(
            pareto,
            ("alarm", "times>", "time>"),
            [(bar.source, f"{bar.count:,}", lasting(bar.seconds)) for bar in report.bars],
            empty="Nothing.",
        ),
        "top": _problems("Top problems", report.top, "No log of WARNING or worse was recorded in this shift."),
        "new": _problems("New problems", report.new, "Nothing was seen for the first time."),
        "rising": _problems("What rose", report.rising, "Nothing rose beyond what chance explains."),
        "quiet": Section(
            "What went quiet",
            ("id>", "an hour before>", "problem"),
            [(str(one.pattern_id), f"{one.before_per_hour or 0:.1f}", one.template) for one in report.quiet],
            empty="Nothing that was regular fell silent.",
        ),
        "fixes": Section("Fixes confirmed", items=[_fix(one, zone) for one in report.fixes]),
        "notes": Section(
            "Notes",
            items=[f"{at(one.at, zone)}, {one.author or 'unknown'}: {one.text}" for one in report.notes],
            empty="None; `andon note` adds one.",
        ),
        "signatures": Section(
            "Hand-over",
            items=[f"{one.name}, {at(one.at, zone)}" for one in report.signatures],
            empty="Not signed; `andon report --sign NAME` signs and keeps the report as it is.",
        ),
    }


def when(report: ShiftReport) -> str:
    """When the shift worked, on the site's clock."""
    zone = ZoneInfo(report.zone)
    start, end = (datetime.fromtimestamp(moment, zone) for moment in (report.start, report.end))
    last = f"{end:%H:%M %Z}" if end.date() == start.date() else at(report.end, zone)
    return f"{start:%A} {at(report.start, zone)} to {last} ({lasting(report.end - report.start)})"


def opening(report: ShiftReport) -> list[str]:
    """What a reader must know before the figures."""
    zone = ZoneInfo(report.zone)
    lines = []
    if report.running:
        lines.append(f"The shift is still running: figures up to {at(report.until, zone)}.")
    if report.previous is not None:
        so_far = ", up to the same time of the shift" if report.running else ""
        lines.append(f"Before: the same shift from {at(report.previous.start, zone)}{so_far}.")
    kept = "Signed, and kept as it was" if report.frozen else "Made"
    lines.append(f"{kept} at {at(report.made, zone)}; open and shelved alarms are those of that moment.")
    return lines


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "not available"
    if unit == "seconds":
        return lasting(value)
    return f"{value:.2f}" if unit == "rate" else f"{value:,.0f}"


def _open(report: ShiftReport, zone: ZoneInfo) -> Section:
    rows = []
    for one in report.open:
        since = one.active_since or one.last_seen
        rows.append(
            (str(one.id), at(since, zone), lasting(report.made - since), one.severity, one.source, _acknowledged(one))
        )
    count = f"{len(rows)} active, {report.not_acknowledged} not acknowledged, {report.stale} for more than a day."
    return Section(
        "Open alarms",
        ("id>", "since.", "for.", "severity!", "alarm", "acknowledged"),
        rows,
        intro=count if rows else "",
        empty="No alarm is known to be active.",
    )


def _acknowledged(one: AlarmEntry) -> str:
    """Who acknowledged it, and what they said."""
    if one.acked_at is None:
        return "no"
    return f"{one.acked_by or 'yes'}: {one.ack_note}" if one.ack_note else one.acked_by or "yes"


def _shelved(report: ShiftReport, zone: ZoneInfo) -> Section:
    rows = [
        (str(one.id), at(one.shelved_until or 0.0, zone), one.shelved_by or "", one.source, one.shelve_note or "")
        for one in report.shelved
    ]
    return Section("Shelved alarms", ("id>", "until.", "by", "alarm", "why"), rows)


def _problems(title: str, found: Sequence[Problem], nothing: str) -> Section:
    rows = [
        (
            str(one.pattern_id),
            one.severity,
            f"{one.count:,}",
            one.template,
            one.first_check or ("explained" if one.rung else "not explained yet"),
        )
        for one in found
    ]
    return Section(title, ("id>", "worst!", "logs>", "problem", "check first"), rows, empty=nothing)


def _fix(one: Fix, zone: ZoneInfo) -> str:
    by, why = f", {one.author}" if one.author else "", f" Cause: {one.cause}" if one.cause else ""
    return f"{at(seconds(one.at), zone)}{by}, problem {one.pattern_id} ({one.template}): {one.fix}{why}"
