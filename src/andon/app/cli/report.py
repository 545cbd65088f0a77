"""``andon report`` and ``andon note``: what a shift hands over to the next."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
import typer

from andon.app.cli.database import Visitor, change
from andon.app.cli.filters import Json, Redact, named_options
from andon.app.cli.output import command_settings, console, plain, print_outcome, user_name
from andon.core.models.history import ShiftWindow
from andon.core.moments import told
from andon.core.private_files import written_whole
from andon.core.text import printable_json
from andon.insight.filters import window as window_of
from andon.insight.report import shift_report as reports
from andon.insight.report.report_page import page
from andon.insight.report.report_text import markdown
from andon.insight.shifts.calendar import NoShift, site_shifts, working_of
from andon.store import alarms

if TYPE_CHECKING:
    from andon.insight.report.shift_report import ShiftReport

Form = Literal["md", "html", "json"]
_SUFFIXES: dict[str, Form] = {".md": "md", ".html": "html", ".htm": "html", ".json": "json"}
#: Columns that a terminal needs for the tables of a report, and what parts the cells of their rows.
_WIDE, _BORDER = 110, re.compile(r"(?<!\\)\|")
_LONGEST = 31 * 86_400


def report(
    name: Annotated[
        str | None, typer.Argument(metavar="[SHIFT]", help="Name of a shift, as in the settings; see --day.")
    ] = None,
    shift: Annotated[bool, typer.Option("--shift", help="Report on the current shift, or the last one.")] = False,
    last: Annotated[bool, typer.Option("--last", help="Report on the shift that ended last.")] = False,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DAY", help="The day on which SHIFT began: 2025-01-15, yesterday.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Report on the time from here on, not on a shift.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Up to this time (default: now).")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write to a .md, .html or .json file.")
    ] = None,
    form: Annotated[Form | None, typer.Option("--format", help="Format (default: by the name of FILE).")] = None,
    as_json: Json = False,
    sign: Annotated[
        str | None, typer.Option("--sign", metavar="NAME", help="Sign for the shift and keep the report as it is now.")
    ] = None,
    redact: Redact = False,
) -> None:
    """Report on a shift: figures next to the shift before, open alarms, stops, new problems, fixes, notes.

    A signed report stays as it was; others can add their signatures.

    Example: andon report --shift early --day 2025-01-15 --out early.html
    """
    wanted: Form | None = "json" if as_json else form
    if out is not None and wanted is None and (wanted := _SUFFIXES.get(out.suffix.lower())) is None:
        raise typer.BadParameter("give a file name that ends with .md, .html or .json, or --format", param_hint="--out")
    settings = command_settings()
    zone, now = ZoneInfo(settings.time_zone), time.time()
    shifts = site_shifts(settings)
    by_time = since is not None or until is not None
    if by_time and (name or shift or last or day or sign):
        raise typer.BadParameter("choose a shift or a period; only a shift can be signed", param_hint="--since")
    if by_time:
        window = _time(since, until, settings.time_zone)
    else:
        try:
            window = working_of(shifts, zone, now, name=name, day=day, last=last)
        except NoShift as error:
            raise typer.BadParameter(str(error), param_hint="SHIFT" if error.about == "shift" else "--day") from None
    with Visitor(settings.database) as visitor:
        made = visitor.read(reports.report_of, window, shifts, zone, now)
        if isinstance(made, str):
            raise typer.BadParameter(made, param_hint="--since" if by_time else "--day")
        if sign is not None:
            frozen = msgspec.json.encode(made).decode()
            change(settings.database, alarms.sign, window, sign, frozen, by=user_name(), now=now)
            made = visitor.read(reports.signed, window) or made
    if redact:
        from andon.core.redact import Redactor  # compiles what other reports do not need

        made = msgspec.convert(Redactor().whole(msgspec.to_builtins(made)), type(made))
    _hand_over(made, wanted, out, settings.site_name)


def note(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the next shift should know.")],
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who writes it (default: you).")] = None,
    as_json: Json = False,
) -> None:
    """Write a note for the report of the current shift.

    Example: andon note "Press 4 runs at 80 % until the new seal is in"
    """
    if not text.strip():
        raise typer.BadParameter("say what the next shift should know", param_hint="TEXT")
    settings = command_settings()
    made = change(settings.database, alarms.add_note, text, by or user_name(), now=time.time())
    print_outcome(made, ["Noted for the shift report."], as_json=as_json)


def _time(since: str | None, until: str | None, zone: str) -> ShiftWindow:
    with named_options():
        start, end = window_of(since, until, zone, 8 * 3600)
    if end - start > _LONGEST:
        raise typer.BadParameter("a report covers at most 31 days", param_hint="--since")
    return ShiftWindow("chosen time", start, end)


def _hand_over(made: ShiftReport, form: Form | None, out: Path | None, site: str) -> None:
    """Write the report to ``out``, or print it: Markdown as text where no form was asked for on a terminal."""
    text = _rendered(made, form or "md", site)
    if out is not None:
        try:
            with written_whole(out) as file:
                file.write(text.encode())
        except OSError as error:
            raise typer.BadParameter(f"{out} cannot be written ({error.strerror})", param_hint="--out") from None
        names = ", ".join(one.name for one in made.signatures)
        console.print(plain(f"Wrote {out}" + (f", signed by {names}." if names else ".")))
    elif form is None and console.is_terminal:
        from rich.markdown import Markdown  # a parser and a highlighter, for terminals only

        console.print(Markdown(text if console.width >= _WIDE else _without_columns(text)))
    else:
        sys.stdout.write(text)


def _without_columns(text: str) -> str:
    """The report for a narrow terminal: problems as a list instead of a table, so that their texts have the width."""
    lines: list[str] = []
    names: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in _BORDER.split(line)[1:-1]] if line.startswith("|") else []
        if "problem" in cells and not names:
            names = cells
        elif not cells:
            names = []
            lines.append(line)
        elif not names:
            lines.append(line)
        elif set("".join(cells)) != {"-"}:
            row = dict(zip(names, cells, strict=True))
            first = " ".join(filter(None, (f"**{row.pop('severity', '')}**".replace("****", ""), row.pop("problem"))))
            plainly = ("where", "what was done")
            rest = ", ".join(
                cell if name in plainly else f"{name} {cell}" for name, cell in row.items() if cell not in {"", "–"}
            )
            lines.append(f"- {first}  \n  {rest}")
    return "\n".join(lines) + "\n"


def _rendered(made: ShiftReport, form: Form, site: str) -> str:
    if form == "json":
        return printable_json(msgspec.json.format(msgspec.json.encode(told(made)), indent=2).decode()) + "\n"
    return page(made, site) if form == "html" else markdown(made)
