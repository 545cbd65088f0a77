"""The report of a shift as Markdown. What comes from logs and people is shown as it is: no markup is read from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from andon.core.times import seconds
from andon.insight.report.durations import at, lasting
from andon.insight.report.shift_report import Bar, KeyFigure, Problem, ShiftReport
from andon.store.alarms import AlarmEntry

_MARKUP = re.compile(r"([\\`*_\[\]<>|#~!&{}])")
_TEXT_MAX = 200


def markdown(report: ShiftReport) -> str:
    """The whole report, ending with a line feed."""
    zone = ZoneInfo(report.zone)
    parts = [
        f"# Shift report: {plain(report.shift)}, {when(report)}\n",
        "\n\n".join(plain(line) for line in opening(report)) + "\n",
        "## Figures\n\n" + table(("", "this shift", "before"), figure_rows(report.figures)),
        "## Open alarms\n\n" + _open(report, zone),
        f"## Shelved alarms\n\n{_shelved(report, zone)}",
        f"## {pareto_title(report)}\n\n" + _bars(report.bars),
        "## Top problems\n\n" + problems(report.top, "No log was recorded in this shift."),
        "## New problems\n\n" + problems(report.new, "Nothing was seen for the first time."),
        "## What rose\n\n" + problems(report.rising, "Nothing rose beyond what chance explains."),
        "## What went quiet\n\n" + _quiet(report.quiet),
        "## Fixes confirmed\n\n" + _fixes(report, zone),
        "## Notes\n\n" + _notes(report, zone),
        "## Hand-over\n\n" + _signatures(report, zone),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def when(report: ShiftReport) -> str:
    """When the shift worked, on the site's clock."""
    zone = ZoneInfo(report.zone)
    start, end = (datetime.fromtimestamp(moment, zone) for moment in (report.start, report.end))
    last = f"{end:%H:%M %Z}" if end.date() == start.date() else at(report.end, zone)
    return f"{start:%A} {start:%Y-%m-%d %H:%M %Z} to {last} ({lasting(report.end - report.start)})"


def opening(report: ShiftReport) -> list[str]:
    """What a reader must know before the figures."""
    zone = ZoneInfo(report.zone)
    lines = []
    if report.running:
        lines.append(f"The shift still works: counted up to {at(report.until, zone)}.")
    if report.previous is not None:
        so_far = ", up to the same time of the shift" if report.running else ""
        lines.append(f"Before: the same shift from {at(report.previous.start, zone)}{so_far}.")
    kept = "Signed, and kept as it was" if report.frozen else "Made"
    lines.append(f"{kept} at {at(report.made, zone)}; open and shelved alarms are those of that moment.")
    return lines


def plain(text: str | None, limit: int = _TEXT_MAX) -> str:
    """A text on one line that Markdown reads no markup from."""
    words = " ".join((text or "").split())
    words = words if len(words) <= limit else words[: limit - 1] + "…"
    return _MARKUP.sub(r"\\\1", words)


def number(value: float | None, unit: str) -> str:
    """A figure for people."""
    if value is None:
        return "not available"
    if unit == "seconds":
        return lasting(value)
    return f"{value:.2f}" if unit == "rate" else f"{value:,.0f}"


def figure_rows(figures: Iterable[KeyFigure]) -> list[tuple[str, str, str]]:
    """Name, this shift, the one before."""
    return [(one.name, number(one.value, one.unit), number(one.before, one.unit)) for one in figures]


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells that are Markdown already."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (names, ["---"] * len(names), *rows)]
    return "\n".join(lines)


def pareto_title(report: ShiftReport) -> str:
    """What the Pareto is of."""
    return (
        "Stops, by time and count" if report.stopped else "Most frequent alarms (no log says that production stopped)"
    )


def open_summary(report: ShiftReport) -> str:
    """How many alarms are open, in a sentence."""
    if not report.open:
        return "No alarm is known to be active."
    return f"{len(report.open)} active, {report.not_acknowledged} not acknowledged, {report.stale} for more than a day."


def problem_note(one: Problem) -> str:
    """What is to be checked first, if that is known."""
    return one.first_check or ("explained" if one.rung else "not explained yet")


def seen(one: AlarmEntry) -> str:
    """Who acknowledged it, and what they said."""
    if one.acked_at is None:
        return "no"
    return f"{one.acked_by or 'yes'}: {one.ack_note}" if one.ack_note else one.acked_by or "yes"


def problems(rows: Sequence[Problem], nothing: str) -> str:
    """Problems as a table."""
    if not rows:
        return nothing
    cells = [
        (str(one.pattern_id), one.severity, f"{one.count:,}", plain(one.template), plain(problem_note(one)))
        for one in rows
    ]
    return table(("id", "worst", "logs", "problem", "check first"), cells)


def _quiet(rows: Sequence[Problem]) -> str:
    if not rows:
        return "Nothing that was regular fell silent."
    cells = [(str(one.pattern_id), f"{one.before_per_hour or 0:.1f}", plain(one.template)) for one in rows]
    return table(("id", "an hour before", "problem"), cells)


def _open(report: ShiftReport, zone: ZoneInfo) -> str:
    if not report.open:
        return open_summary(report)
    cells = [
        (
            str(one.id),
            at(one.active_since or one.last_seen, zone),
            lasting(report.made - (one.active_since or one.last_seen)),
            one.severity,
            plain(one.source),
            plain(seen(one)),
        )
        for one in report.open
    ]
    return f"{open_summary(report)}\n\n" + table(("id", "since", "for", "severity", "alarm", "acknowledged"), cells)


def _shelved(report: ShiftReport, zone: ZoneInfo) -> str:
    if not report.shelved:
        return "None."
    cells = [
        (
            str(one.id),
            at(one.shelved_until or 0.0, zone),
            plain(one.shelved_by),
            plain(one.source),
            plain(one.shelve_note),
        )
        for one in report.shelved
    ]
    return table(("id", "until", "by", "alarm", "why"), cells)


def _bars(bars: Sequence[Bar]) -> str:
    if not bars:
        return "Nothing."
    return table(
        ("alarm", "times", "time"),
        [(plain(bar.source), f"{bar.count:,}", lasting(bar.seconds)) for bar in bars],
    )


def _fixes(report: ShiftReport, zone: ZoneInfo) -> str:
    if not report.fixes:
        return "None."
    lines = []
    for one in report.fixes:
        by = f", {plain(one.author)}" if one.author else ""
        cause = f" Cause: {plain(one.cause)}" if one.cause else ""
        moment = at(seconds(one.at), zone)
        lines.append(
            f"- {moment}{by}, problem {one.pattern_id} ({plain(one.template, 80)}): {plain(one.fix, 500)}{cause}"
        )
    return "\n".join(lines)


def _notes(report: ShiftReport, zone: ZoneInfo) -> str:
    if not report.notes:
        return "None; `andon note` adds one."
    return "\n".join(
        f"- {at(one.at, zone)}, {plain(one.author or 'unknown')}: {plain(one.text, 2000)}" for one in report.notes
    )


def _signatures(report: ShiftReport, zone: ZoneInfo) -> str:
    if not report.signatures:
        return "Not signed; `andon report --sign NAME` signs and keeps the report as it is."
    return "\n".join(f"- {plain(one.name)}, {at(one.at, zone)}" for one in report.signatures)
