"""``andon alarms``, ``andon ack``, ``andon shelve``: how good the alarms are, which are active, what people did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from andon import store
from andon.app.cli.database import Visitor, change
from andon.app.cli.filters import (
    LISTED,
    Area,
    Host,
    Json,
    Line,
    Machine,
    Rows,
    Since,
    Site,
    UntilNow,
    named_options,
)
from andon.app.cli.named import print_found, read_names, tell
from andon.app.cli.output import (
    Cell,
    When,
    command_settings,
    console,
    plain,
    print_json,
    print_listing,
    print_outcome,
    severity_text,
    span_seconds,
    user_name,
)
from andon.core.text import counted
from andon.core.times import at, lasting
from andon.insight.alarms.alarm_report import FLOODS_NAMED, NOTHING, find
from andon.insight.filters import DAY, window
from andon.store.alarms import AlarmFilter

if TYPE_CHECKING:
    from andon.insight.alarms.alarm_report import AlarmReport
    from andon.insight.alarms.metrics import Contributor
    from andon.store.alarms import AlarmCounts, AlarmEntry, AlarmList, Share
    from andon.store.names import Read

_SHELF = "8h"

AlarmId = Annotated[int, typer.Argument(metavar="ALARM", help="Id of an alarm, as `andon alarms active` shows it.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who did it (default: you).")]


#: The lists of ``andon alarms``; each was an option of its own.
LISTS = ("active", "stale", "shelved", "all", "chattering", "floods")
_LISTED = (
    "active: what is active, not acknowledged first; stale: active for more than a day; shelved: shelved, and until "
    "when; all: every alarm, newest first; chattering: three times in a minute; floods: floods, and what came first."
)


def alarms(
    which: Annotated[str | None, typer.Argument(metavar="[LIST]", help=_LISTED)] = None,
    since: Since = None,
    until: UntilNow = None,
    host: Host = None,
    site: Site = None,
    area: Area = None,
    line: Line = None,
    machine: Machine = None,
    place: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this site, area, line, machine or host.")
    ] = None,
    active: Annotated[bool, typer.Option("--active", hidden=True)] = False,
    stale: Annotated[bool, typer.Option("--stale", hidden=True)] = False,
    shelved: Annotated[bool, typer.Option("--shelved", hidden=True)] = False,
    everything: Annotated[bool, typer.Option("--all", hidden=True)] = False,
    chattering: Annotated[bool, typer.Option("--chattering", hidden=True)] = False,
    floods: Annotated[bool, typer.Option("--floods", hidden=True)] = False,
    limit: Rows = LISTED,
    as_json: Json = False,
) -> None:
    """Show how good the alarms are, next to the targets of ISA-18.2, or list alarms.

    An alarm is a log of WARNING or worse: a code (or problem) at a machine or host. Figures cover the last 30 days
    unless --since says otherwise.

    Examples: andon alarms active --line 3

    andon alarms --since 30d --area press-shop
    """
    options = dict(zip(LISTS, (active, stale, shelved, everything, chattering, floods), strict=True))
    chosen = _chosen_list(which, [name for name, on in options.items() if on])
    zone = ZoneInfo((settings := command_settings()).time_zone)
    with named_options():
        start, end = window(since, until, settings.time_zone, 30 * DAY)
    asked = AlarmFilter(host=host, site=site, area=area, line=line, machine=machine, place=place)
    with Visitor(settings.database) as visitor:
        read = read_names(visitor, asked)
        where = read.query
        if chosen in ("active", "stale", "shelved", "all"):
            found = visitor.read(store.alarms.listing, chosen, time.time(), where, limit)
            _show_list(found, chosen, zone, read, as_json)
        elif chosen == "chattering":
            _show_chattering(visitor.read(store.alarms.counts, start, end, where), limit, read, as_json)
        else:
            report = visitor.read(find, start, end, where, named=limit if chosen else FLOODS_NAMED)
            if chosen == "floods":
                print_found(
                    read,
                    report.figures.floods[-limit:],
                    ("began", "for>", "alarms>", "first was~"),
                    lambda one: (When(one.start, zone.key), lasting(one.end - one.start), f"{one.alarms:,}", one.first),
                    f"No flood: {'never more than 10 alarms in ten minutes' if report.figures.judged else NOTHING}.",
                    as_json=as_json,
                )
            else:
                now = visitor.read(store.alarms.listing, "active", time.time(), where, 10_000)
                if not report.figures.judged:
                    tell(read.empty)
                _show_figures(report, now, zone, as_json)


def _chosen_list(which: str | None, options: list[str]) -> Any:
    """The list that is asked for, by its name or a former option; None for the figures. Raises typer.BadParameter."""
    named = [which.lower(), *options] if which is not None else options
    if named and named[0] not in LISTS:
        raise typer.BadParameter(f"{which!r} is not a list: write one of {', '.join(LISTS)}", param_hint="LIST")
    if len(set(named)) > 1:
        raise typer.BadParameter("choose one list", param_hint=f"--{named[1]}")
    return named[0] if named else None


def ack(
    alarm: AlarmId,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What is being done about it.")] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Acknowledge an alarm. It stays acknowledged until it becomes active again.

    Example: andon ack 17 --note "fitter called"
    """
    settings = command_settings()
    now = time.time()
    done = change(settings.database, store.alarms.acknowledge, alarm, by or user_name(), note, now=now)
    sentence = f"Acknowledged alarm {done.id} ({done.source}) as {done.acked_by or 'unknown'}."
    if done.acked_at is not None and done.acked_at < now:
        seen = at(done.acked_at, ZoneInfo(settings.time_zone))
        kept = "; your note is kept" if note and note.strip() else ""
        sentence = f"Alarm {done.id} ({done.source}) was acknowledged by {done.acked_by or 'unknown'} at {seen}{kept}."
    print_outcome(done, [sentence], as_json=as_json)


def shelve(
    alarm: AlarmId,
    lasting: Annotated[str, typer.Option("--for", metavar="TIME", help="For how long: 30m, 8 hours, 2d.")] = _SHELF,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why (required).")] = None,
    end: Annotated[bool, typer.Option("--end", help="Put it back on the active list now.")] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Take an alarm off the active list for a while. It comes back by itself and is counted all the time.

    Example: andon shelve 17 --for 8h --note "sensor is ordered, comes on Monday"
    """
    seconds = span_seconds(lasting, "--for")
    if not end and not (note or "").strip():
        raise typer.BadParameter("say why, so that the next shift knows", param_hint="--note")
    settings = command_settings()
    actor = by or user_name()
    if end:
        done = change(settings.database, store.alarms.unshelve, alarm, actor, now=time.time())
    else:
        done = change(settings.database, store.alarms.shelve, alarm, seconds, actor, note or "", now=time.time())
    sentence = f"Alarm {done.id} ({done.source}) is on the active list again."
    if not end and done.shelved_until is not None:
        until = at(done.shelved_until, ZoneInfo(settings.time_zone))
        sentence = f"Shelved alarm {done.id} ({done.source}) until {until}."
    print_outcome(done, [sentence], as_json=as_json)


def _show_list(found: list[AlarmEntry], which: AlarmList, zone: ZoneInfo, read: Read[Any], as_json: bool) -> None:
    none = {
        "active": "No alarm is known to be active.",
        "stale": "No alarm has been active for a day.",
        "shelved": "No alarm is shelved.",
        "all": "No alarm yet.",
    }
    first = {"shelved": ("until", "by"), "all": ("last", "state")}.get(which, ("since", "for>?"))
    aside = "why?" if which == "shelved" else "seen by?"
    names = ("id>", *first, "severity", "where", "code", "times>?", aside, "says~")
    print_found(read, found, names, lambda one: _row(one, which, zone), none[which], as_json=as_json)


def _row(one: AlarmEntry, which: AlarmList, zone: ZoneInfo) -> tuple[Cell, ...]:
    aside = f"{one.acked_by or 'yes'} {one.ack_note or ''}" if one.acked_at is not None else ""
    first: tuple[Cell, Cell]
    if which == "shelved":
        first, aside = (When(one.shelved_until or 0.0, zone.key), one.shelved_by), one.shelve_note or ""
    elif which == "all":
        first = When(one.last_seen, zone.key), one.state
    else:
        since = one.active_since or one.last_seen
        first = When(since, zone.key), lasting(time.time() - since)
    code = "" if one.code.startswith("pattern ") else one.code
    return one.id, *first, severity_text(one.severity), one.where, code, f"{one.occurrences:,}", aside, one.text


def _show_chattering(counts: AlarmCounts, limit: int, read: Read[Any], as_json: bool) -> None:
    names = ("id>", "in a minute>", "times>", "where", "code", "says~")
    seen = "no alarm came three times within a minute" if counts.periods else NOTHING
    none = f"Nothing chatters: {seen}."
    print_found(read, counts.chattering[:limit], names, _chattering_row, none, as_json=as_json)


def _chattering_row(one: Share) -> tuple[Cell, ...]:
    code = "" if one.alarm.code.startswith("pattern ") else one.alarm.code
    return one.alarm.id, one.most, f"{one.count:,}", one.alarm.where, code, one.alarm.text


def _top_row(one: Contributor) -> tuple[Cell, ...]:
    lasted = "-" if one.seconds is None else lasting(one.seconds)
    return f"{100 * one.share:.0f} %", f"{one.count:,}", lasted, one.source


def _show_figures(report: AlarmReport, now: list[AlarmEntry], zone: ZoneInfo, as_json: bool) -> None:
    unseen = sum(one.acked_at is None for one in now)
    if as_json:
        present: dict[str, Any] = {"active": len(now), "not_acknowledged": unseen, "shelved": report.shelved}
        told = {"figures": report.figures, "targets": report.targets, "now": present, "note": report.note}
        print_json({"judged": report.figures.judged, **told})
        return
    figures = report.figures
    span = f"from {at(figures.since, zone)} to {at(figures.until, zone)}"
    console.print(plain(f"{counted(figures.alarms, 'alarm')} {span}{'' if figures.judged else f'; {NOTHING}'}."))
    marks = {True: Text("good", style="green"), False: Text("too much", style="red"), None: Text("-", style="dim")}
    targets = [(one.name, one.value, one.target, marks[one.good]) for one in report.targets]
    print_listing(("figure", "is>", "should be?", "result"), targets)
    if figures.top:
        console.print("[bold]most frequent[/]")
        print_listing(("share>", "times>", "active for>", "alarm~"), map(_top_row, figures.top))
    if figures.stops is not None:
        stops = figures.stops
        console.print(
            f"{counted(stops.count, 'stop')} ({stops.open} still open), {lasting(stops.mean_seconds)} each, one every "
            f"{lasting(stops.between_seconds)} of calendar time."
        )
    if figures.mean_ack_seconds is not None:
        console.print(f"Acknowledged after {lasting(figures.mean_ack_seconds)} on average ({figures.acknowledged:,}).")
    console.print(f"Now: {len(now)} active, {unseen} of them not acknowledged; {report.shelved} shelved.")
    if report.note and figures.judged:
        console.print(report.note[0].upper() + report.note[1:] + ".", style="dim")
