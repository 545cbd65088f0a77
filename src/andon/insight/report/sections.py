"""What the report of a shift holds, section by section, whichever form it is given: the words and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from andon.core.text import counted
from andon.core.times import at, clock, lasting
from andon.insight.alarms.alarm_report import NOTHING
from andon.insight.report.shift_problems import Flag, ShiftProblem
from andon.insight.report.shift_report import ShiftReport
from andon.store.alarms import Deed, Did


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


#: How each flag is called.
FLAG_WORDS: dict[Flag, str] = {
    "stopped": "Stopped production",
    "new": "New kind",
    "rising": "Rising",
    "quiet": "Gone quiet",
}
NO_FIGURE = "not available"
_COLUMNS = ("severity!", "problem", "where", "times>", "minutes>", "what was done")
_DID: dict[Did, str] = {
    "acknowledged": "Acknowledged",
    "shelved": "Shelved",
    "unshelved": "Put back",
    "checked": "Checked",
    "noted": "Noted",
    "fixed": "Fixed",
}


def sections(report: ShiftReport) -> dict[str, Section]:
    """The sections in their order, by a short name. Each problem stands in one of them."""
    zone = ZoneInfo(report.zone)
    return {
        "figures": Section(
            "Figures",
            ("", "this shift>", "before>"),
            [(one.name, figure(one.value, one.unit), figure(one.before, one.unit)) for one in report.figures],
            intro="" if report.alarms.judged else f"{NOTHING[0].upper()}{NOTHING[1:]}.",
        ),
        **{name: _problems(report, name, title, empty) for name, (title, empty) in _PARTS.items()},
        "new": Section("New kinds", empty=new_words(report)),
        "notes": Section(
            "Notes",
            items=[f"{at(one.at, zone)}, {one.author or 'unknown'}: {one.text}" for one in report.notes],
            empty="No notes. `andon note` adds one.",
        ),
        "signatures": Section(
            "Hand-over",
            items=[f"{one.name}, {at(one.at, zone)}" for one in report.signatures],
            empty="Not signed yet. `andon report --sign NAME` signs the report and keeps it as it stands.",
        ),
    }


#: The sections of problems: their titles, and what is said where there is none.
_PARTS = {
    "open": ("Open and not acknowledged", "Nothing is waiting to be acknowledged."),
    "shelved": ("Shelved", "Nothing is shelved."),
    "problems": ("Other problems of this shift", "No other problem needs handing over."),
}


def of_part(report: ShiftReport, name: str) -> list[ShiftProblem]:
    """The problems of a section: ``open``, ``shelved``, or the others."""
    kept = {"open": ("open",), "shelved": ("shelved",)}.get(name, ("acknowledged", "over"))
    return [one for one in report.problems if one.state in kept]


def _problems(report: ShiftReport, name: str, title: str, empty: str) -> Section:
    zone = ZoneInfo(report.zone)
    rows = [
        (
            one.severity,
            told(one) + (f". Check first: {one.first_check}" if one.first_check and one.state == "open" else ""),
            where(one),
            times(one),
            minutes(one),
            "; ".join(done(one, report, zone)) or "–",
        )
        for one in of_part(report, name)
    ]
    return Section(title, _COLUMNS, rows, intro=alarms_now(report) if name == "open" else "", empty=empty)


def alarms_now(report: ShiftReport) -> str:
    """How many alarms these problems have, which are more than the problems; nothing where none is active."""
    if not report.active:
        return ""
    stale = f", {report.stale} active for more than a day" if report.stale else ""
    return f"Alarms: {report.active} active, {report.not_acknowledged} not acknowledged{stale}."


def told(one: ShiftProblem) -> str:
    """What happened, with its flags: ``Door 4 left open (new kind, rising)``."""
    flags = ", ".join(FLAG_WORDS[flag].lower() for flag in one.flags)
    return f"{one.text} ({flags})" if flags else one.text


def where(one: ShiftProblem) -> str:
    """Its machine, or how many, and its line."""
    return ", ".join(part for part in (one.where, one.line if one.line != one.where else None) if part)


def times(one: ShiftProblem) -> str:
    """How often its alarms became active; of one without alarms, how many records it has, if any."""
    if one.unit == "alarms":
        return f"{one.count:,}"
    return f"{one.count:,} record{'' if one.count == 1 else 's'}" if one.count else "–"


def minutes(one: ShiftProblem) -> str:
    """For how many minutes it was active, or held up production; a dash where nobody says."""
    lasted = one.stopped_seconds if one.stopped_seconds is not None else one.seconds
    return "–" if lasted is None else f"{lasted / 60:,.0f}"


def done(one: ShiftProblem, report: ShiftReport, zone: ZoneInfo) -> list[str]:
    """How it stands, and what was done about it, a sentence each, in the order of time."""
    found = [_deed(deed, report, zone) for deed in one.done]
    waiting = [alarm for alarm in one.alarms if (alarm.shelved_until or 0.0) <= report.made]
    shelved = [alarm for alarm in one.alarms if (alarm.shelved_until or 0.0) > report.made]
    since = [alarm.active_since or alarm.last_seen for alarm in waiting]
    acked = next((alarm for alarm in waiting if alarm.acked_at is not None), None)
    if acked is not None and not any(deed.did == "acknowledged" for deed in one.done):
        found.insert(0, _said("Acknowledged", acked.acked_at or 0.0, acked.acked_by, acked.ack_note, report, zone))
    if shelved and not any(deed.did == "shelved" for deed in one.done):
        first = shelved[0]
        found.insert(0, _said("Shelved", first.shelved_at or 0.0, first.shelved_by, first.shelve_note, report, zone))
    if shelved:
        found.append(f"Back at {clock_at(min(alarm.shelved_until or 0.0 for alarm in shelved), report, zone)}")
    if since:
        unseen = sum(alarm.acked_at is None for alarm in waiting)
        left = f", {unseen} of {len(waiting)} alarms not acknowledged" if 0 < unseen < len(waiting) else ""
        found.append(f"Active since {clock_at(min(since), report, zone)}{left}")
    return found


def _deed(deed: Deed, report: ShiftReport, zone: ZoneInfo) -> str:
    return _said(_DID[deed.did], deed.at, deed.by, deed.text, report, zone)


def _said(did: str, moment: float, by: str | None, text: str | None, report: ShiftReport, zone: ZoneInfo) -> str:
    """``Acknowledged 02:12, Night shift: "waits for the electrician"``."""
    who = f", {by}" if by else ""
    return f"{did} {clock_at(moment, report, zone)}{who}" + (f": \u201c{text}\u201d" if text else "")


def clock_at(moment: float, report: ShiftReport, zone: ZoneInfo) -> str:
    """The time of day of a moment in or near the shift; with the day where it is further away."""
    found = clock(moment, zone)
    near = report.start - 12 * 3600 < moment < report.end + 12 * 3600
    return f"{found:%H:%M}" if near else f"{found.day} {found:%b} {found:%H:%M}"


def new_words(report: ShiftReport) -> str:
    """How many problems were seen for the first time; they are marked where they stand."""
    count = sum("new" in one.flags for one in report.problems)
    if not count:
        return "No problem was new in this shift."
    return f"{counted(count, 'problem')} occurred for the first time, marked \u201cnew kind\u201d above."


def when(report: ShiftReport) -> str:
    """When the shift worked, on the site's clock."""
    return when_of(report.start, report.end, ZoneInfo(report.zone))


def when_of(begin: float, over: float, zone: ZoneInfo) -> str:
    """A working (unix seconds) on the site's clock, with how long it is."""
    start, end = (datetime.fromtimestamp(moment, zone) for moment in (begin, over))
    last = f"{end:%H:%M %Z}" if end.date() == start.date() else at(over, zone)
    return f"{start:%A} {at(begin, zone)} to {last} ({lasting(over - begin)})"


def opening(report: ShiftReport) -> list[str]:
    """What a reader must know before the figures."""
    zone = ZoneInfo(report.zone)
    lines = []
    if report.running:
        lines.append(f"The shift is still running. Figures up to {at(report.until, zone)}.")
    if report.previous is not None:
        so_far = ", up to the same point" if report.running else ""
        lines.append(f"“Before” is the same shift that began at {at(report.previous.start, zone)}{so_far}.")
    kept = "Signed, and kept as it was" if report.frozen else "Made"
    lines.append(f"{kept} at {at(report.made, zone)}. Open and shelved alarms are as of then.")
    return lines


def figure(value: float | None, unit: str) -> str:
    """A figure of the report in words."""
    if value is None:
        return NO_FIGURE
    if unit == "seconds":
        return lasting(value)
    return f"{value:.2f}" if unit == "rate" else f"{value:,.0f}"
