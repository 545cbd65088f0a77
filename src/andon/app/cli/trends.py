"""``andon trends``: what is frequent, new, rising or silent, what set off a flood, and what follows what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from andon.app.cli.database import Visitor
from andon.app.cli.filters import Area, Host, Json, Line, Machine, Since, Site, UntilNow, named_options
from andon.app.cli.named import tell
from andon.app.cli.output import (
    Cell,
    When,
    command_settings,
    console,
    one_line,
    pair_sentence,
    plain,
    print_hanging,
    print_json,
    print_listing,
    print_wrapped,
    severity_text,
    short_time,
    shown_rate,
)
from andon.core.text import counted
from andon.insight.trends import trends as finding
from andon.store import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from andon.core.settings.settings import Settings
    from andon.insight.trends.trends import FirstOut, Together, Trend, Trends

KINDS = ("top", "new", "rising", "quiet", "first-out", "together")
_TITLES = {
    "top": "most frequent",
    "new": "seen for the first time",
    "rising": "more often than before",
    "quiet": "regular before, silent now",
}
#: Rows of each kind where all are shown.
_FEW = 5


def trends(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help=f"One of {', '.join(KINDS)} (default: the first four).")
    ] = None,
    since: Since = None,
    until: UntilNow = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Compare with the time from here to --since (default: the week before)."),
    ] = None,
    host: Host = None,
    site: Site = None,
    area: Area = None,
    line: Line = None,
    machine: Machine = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, max=1000, help="List at most N rows.")] = None,
    as_json: Json = False,
) -> None:
    """Show which problems are frequent, new, rising or silent (over the last day), and which follow each other.

    rising and quiet compare with the time before and show only what chance does not explain. first-out shows what came
    first in each flood of alarms. together shows problems that follow each other within ten minutes. Places other than
    a host are counted by whole days.

    Example: andon trends rising --since 8h
    """
    chosen = checked_kind(kind)
    settings = command_settings()
    with named_options():
        place = finding.place_of(host=host, site=site, area=area, line=line, machine=machine)
        asked = finding.ask(
            since, until, baseline, zone=settings.time_zone, place=place, limit=limit or (20 if chosen else _FEW)
        )
    if place is not None and chosen in ("first-out", "together"):
        raise typer.BadParameter(f"{chosen} covers the whole site: leave out --host and the other places")
    with Visitor(settings.database) as visitor:
        read = visitor.read(names.read_place, place)
        tell(read.notes)
        asked = asked._replace(place=read.query)
        if chosen == "first-out":
            floods = visitor.read(finding.first_out, asked.since, asked.until, asked.limit)
            print_json(floods) if as_json else print_floods(floods, settings)
        elif chosen == "together":
            pairs = visitor.read(finding.together, asked.since, asked.until, asked.limit)
            print_json(pairs) if as_json else print_pairs(pairs)
        else:
            kinds = [one for one in finding.KINDS if chosen in (None, one)]
            found: dict[str, Trends] = {one: visitor.read(finding.find, one, asked) for one in kinds}
            if not any(one.logs for one in found.values()):
                tell(read.empty)
            if as_json:
                print_json(found[chosen] if chosen else found)
                return
            for one in found.values():
                print_trends(one, settings)


def checked_kind(value: str | None) -> str | None:
    """The kind of question a user named. Raises typer.BadParameter."""
    if value is None or value.lower() in KINDS:
        return value.lower() if value else None
    raise typer.BadParameter(f"{value!r} is not a kind: use {', '.join(KINDS)}", param_hint="KIND")


def print_trends(found: Trends, settings: Settings) -> None:
    """Problems of one kind for people."""
    zone = settings.time_zone
    when = f"{short_time(found.since, zone)} to {short_time(found.until, zone)}"
    console.print(f"[bold]{_TITLES[found.kind]}[/], {when}:")
    if found.note:
        print_wrapped(f"  {found.note[0].upper()}{found.note[1:]}.")
    elif not found.rows:
        console.print("  None.")
    if found.rows:
        columns, cells = _TABLES[found.kind]
        rows = (
            (row.pattern_id, *cells(row, zone), severity_text(row.worst_severity), row.template) for row in found.rows
        )
        print_listing(("id>", *columns, "worst", "problem~"), rows)


def _top_cells(row: Trend, _zone: str) -> tuple[Cell, ...]:
    return f"{row.count:,}", f"{row.share or 0:.0%}", shown_rate(row.per_hour or 0)


def _new_cells(row: Trend, zone: str) -> tuple[Cell, ...]:
    return f"{row.count:,}", When(row.first_seen, zone)


def _rising_cells(row: Trend, _zone: str) -> tuple[Cell, ...]:
    times = "new" if row.ratio is None else f"{row.ratio:,.1f} ×"
    change = f"{shown_rate(row.before_per_hour or 0)} → {shown_rate(row.per_hour or 0)}"
    chance = "" if row.p is None else "< 0.001" if row.p < 0.001 else f"{row.p:.3f}"
    return f"{row.count:,}", change, times, chance


def _quiet_cells(row: Trend, zone: str) -> tuple[Cell, ...]:
    return f"{row.expected or 0:,.1f}", When(row.last_seen, zone)


#: What each kind shows of a problem between its id and its worst severity.
_TABLES: dict[str, tuple[tuple[str, ...], Callable[[Trend, str], tuple[Cell, ...]]]] = {
    "top": (("logs>", "share>", "per h>"), _top_cells),
    "new": (("logs>", "first seen"), _new_cells),
    "rising": (("logs>", "per h>", "times>", "p?"), _rising_cells),
    "quiet": (("expected>", "last seen"), _quiet_cells),
}


def print_floods(floods: list[FirstOut], settings: Settings) -> None:
    """Floods and what came first."""
    if not floods:
        console.print("No flood (more than 10 alarms in ten minutes) in this time.")
    for flood in floods:
        start, end = (short_time(moment, settings.time_zone) for moment in (flood.start, flood.end))
        console.print(f"[bold]{start}[/] to {end}: {counted(flood.alarms, 'alarm')}")
        tied = " (in the same minute)" if len(flood.first) > 1 else ""
        for one in flood.first:
            print_hanging(Text(f"  first{tied} {one.pattern_id}: "), plain(one_line(one.template)))
        for one in flood.then:
            print_hanging(Text(f"  {one.minutes:>2} min later {one.pattern_id}: "), plain(one_line(one.template)))


def print_pairs(pairs: list[Together]) -> None:
    """What follows what."""
    if not pairs:
        console.print("No problem follows another more often than chance explains in this time.")
    for pair in pairs:
        print_wrapped(pair_sentence(pair))
        for id_, text in ((pair.first_id, pair.first), (pair.second_id, pair.second)):
            print_hanging(Text(f"  {id_}: "), plain(one_line(text)))
