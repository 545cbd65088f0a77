"""How commands print: tables for people, JSON for programs, times with their zone."""

from __future__ import annotations

import getpass
import re
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from andon.core.lengths import read_seconds
from andon.core.moments import told
from andon.core.settings import whereabouts
from andon.core.settings.settings import load_settings
from andon.core.telemetry import configure_logging
from andon.core.text import json_escaped, printable, printable_json
from andon.core.times import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.console import ConsoleOptions, RenderableType
    from rich.segment import Segment

    from andon.core.models import StoredLog, StoredReject
    from andon.core.settings.settings import Settings
    from andon.insight.trends.trends import Together


class _Console(Console):
    """One on which no text steers the terminal, whoever prints it.

    That its reader left it says by the usual error: ``SystemExit``, rich's own way, would tear an event loop apart.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of what is printed, with escapes for what would be obeyed; styles and cursors stay."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else piece._replace(text=printable(piece.text))

    def on_broken_pipe(self) -> None:
        """Raises BrokenPipeError."""
        raise BrokenPipeError


#: What stands in a table: a string is shown as it is, on one line; None is empty.
Cell = str | int | None | Text
T = TypeVar("T")

console = _Console(highlight=False)
errors = _Console(stderr=True, highlight=False)

SEVERITY_STYLES = {
    "DEBUG": "dim",
    "INFO": "cyan",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "bold white on red",
}
#: From this many characters on a terminal shows all columns of a listing.
WIDE = 130
#: Columns that wrapped text needs beside what it is indented by; narrower than that it is left to the terminal.
LEAST_ROOM = 8
_MARK = re.compile(r" *(?:(?:\d{1,3}\.|[-*•]) +)?")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def command_settings(**overrides: Any) -> Settings:
    """The settings for a command, which speaks through its output and logs errors only. Raises ConfigError.

    Where nothing here says which service is meant, they are those of the one that this machine has.
    """
    configure_logging("error", "text")
    return load_settings(whereabouts.find(), **overrides)


def print_json(value: Any) -> None:
    """``value`` as indented JSON on standard output, its moments as text."""
    write_json(msgspec.json.format(msgspec.json.encode(told(value), enc_hook=str), indent=2))


def print_outcome(value: Any, lines: Iterable[str | Text], *, as_json: bool) -> None:
    """What a command did: ``value`` as JSON, or the lines that say it to people."""
    if as_json:
        print_json(value)
        return
    for line in lines:
        console.print(plain(line) if isinstance(line, str) else line)


def print_facts(facts: Mapping[str, str | Text | None]) -> None:
    """A line for each fact that is known, its name in bold in front."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")  # a hash is told whole
    for name, value in facts.items():
        if value:
            rows.add_row(f"[bold]{name}[/]", plain(value) if isinstance(value, str) else value)
    console.print(rows)


def write_json(data: bytes) -> None:
    """JSON text on standard output, harmless for a terminal, and whole where the output is not UTF-8."""
    text = printable_json(data.decode("utf-8", "surrogatepass"))
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        text = _NOT_ASCII.sub(lambda found: json_escaped(found[0]), text)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def severity_text(severity: str) -> Text:
    """The severity in its colour."""
    return Text(printable(severity), style=SEVERITY_STYLES.get(severity, ""))


def plain(text: str) -> Text:
    """``text`` as it is: no markup is read from it, and nothing in it steers the terminal."""
    return Text(printable(text))


def cut(text: str | Text, width: int) -> Text:
    """``text`` on one line, in at most ``width`` columns."""
    shown = _shown(text)
    shown.truncate(width, overflow="ellipsis")
    return shown


def shown_time(stored: str | None, zone: str) -> str:
    """A stored time in the site's zone, with the zone's name: ``2025-01-15 03:14:23.123 CET``."""
    found = local(stored or "", zone)
    if found is None:
        return stored or ""
    return f"{found:%Y-%m-%d %H:%M:%S}.{found.microsecond // 1000:03d} {found:%Z}"


def short_time(stored: str | None, zone: str) -> str:
    """A stored time in the site's zone to the minute, for listings with several: ``2025-01-15 03:14 CET``."""
    shown = shown_time(stored, zone)
    minute, _, rest = shown.rpartition(":")
    return f"{minute} {rest.partition(' ')[2]}" if rest.count(" ") == 1 else shown


def explained_by(rung: str | None, provisional: bool, status: str | None) -> str:
    """How a shown explanation came about, in a word or two; ``status`` is that of the newest analysis."""
    if rung is None:
        return {"pending": "waiting", "leased": "being asked", "failed": "failed", "refused": "refused"}.get(
            status or "", "-"
        )
    return f"{rung} (provisional)" if provisional else rung


def span_seconds(value: str, option: str) -> float:
    """Seconds of a length of time from the user: ``30m``, ``8h``, ``2d``. Raises typer.BadParameter."""
    try:
        return read_seconds(value)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def wait_seconds(value: str, option: str, least: float, most: float) -> float:
    """Seconds to wait: a number of them, or a length of time such as ``2m``. Raises typer.BadParameter."""
    bare = value.strip()
    seconds = float(bare) if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", bare) else span_seconds(value, option)
    if not least <= seconds <= most:
        raise typer.BadParameter(f"write {least:g} to {most:g} seconds", param_hint=option)
    return seconds


def print_wrapped(text: str) -> None:
    """Lines of text, on a terminal wrapped at words under what follows their blanks, number or dash.

    Whatever is read by something else than a terminal gets the lines as they are.
    """
    for line in text.splitlines():
        shown = plain(line)
        room = console.width - len(_mark(shown.plain))
        if not console.is_terminal or room < LEAST_ROOM:
            console.print(shown, soft_wrap=True)
            continue
        mark = _mark(shown.plain)
        for number, piece in enumerate(Text(shown.plain[len(mark) :]).wrap(console, room)):
            piece.rstrip()
            console.print(Text(mark if not number else " " * len(mark)) + piece, soft_wrap=True)


def _mark(line: str) -> str:
    found = _MARK.match(line)
    return found[0] if found is not None else ""


def print_rows(
    found: Sequence[T], names: Sequence[str], row: Callable[[T], Sequence[Cell]], none: str, *, as_json: bool
) -> None:
    """What was found: as JSON, as a table with a ``row`` for each, or the sentence that there is ``none``."""
    if as_json:
        print_json(found)
    elif found:
        print_listing(names, map(row, found))
    else:
        console.print(plain(none))


def print_listing(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """A table, a line for each row. The end of a column's name says how it is shown.

    ``>``: right-aligned. ``?``: on wide terminals only. ``~``: takes the room that is left, cut off there.
    """
    shown = [index for index, name in enumerate(names) if console.width >= WIDE or "?" not in name]
    titles = [Text(names[index].rstrip(">?~")) for index in shown]
    cells = [[_shown(row[index]) for index in shown] for row in rows]
    # Left to itself the table would take from every column, and an id that is cut off is of no use.
    elastic = [at for at, index in enumerate(shown) if "~" in names[index]]
    widths = [max(line[at].cell_len for line in [titles, *cells]) for at in range(len(shown))]
    room = console.width - sum(width + 2 for at, width in enumerate(widths) if at not in elastic)
    for line in cells:
        for at in elastic:
            line[at].truncate(max(10, room // len(elastic) - 2), overflow="ellipsis")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, index in enumerate(shown):
        fixed = widths[at] if ">" in names[index] else None  # rather the end of a line than a part of an id
        table.add_column(titles[at], justify="right" if fixed else "left", no_wrap=True, min_width=fixed)
    for line in cells:
        table.add_row(*line)
    console.print(table)


def _shown(cell: Cell) -> Text:
    if isinstance(cell, Text):
        return cell
    return plain("" if cell is None else one_line(str(cell)))


def one_line(text: str) -> str:
    """``text`` with each run of white space as one blank."""
    return " ".join(text.split())


def message_of(row: StoredLog | StoredReject) -> str:
    """The message a row came in, with its place there where that is not the first."""
    return f"{row.stream} {row.sequence}" + (f", part {row.part}" if row.part else "")


def user_name() -> str | None:
    """Who runs this command, None where the system does not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return None


def shown_rate(rate: float) -> str:
    """Logs per hour: whole above ten, with decimals below."""
    return f"{rate:,.0f}" if rate >= 10 or not rate else f"{rate:.1f}" if rate >= 1 else f"{rate:.2f}"


def pair_sentence(pair: Together) -> str:
    """One pair as a line.

    >>> from andon.insight.trends.trends import Together
    >>> pair_sentence(Together(12, "a", 17, "b", 41, 48, 60, 9.31, 2.0, 1e-9))
    '17 follows 12: 41 of 48 times, 2 min later, 9.3 × chance (p < 0.001)'
    """
    later = "in the same minute" if pair.lag == 0 else f"{pair.lag:g} min later"
    link = "comes with" if pair.lag == 0 else "follows"
    chance = "p < 0.001" if pair.p < 0.001 else f"p = {pair.p:.3f}"
    return (
        f"{pair.second_id} {link} {pair.first_id}: {pair.count:,} of {pair.of_first:,} times, {later}, "
        f"{pair.lift:,.1f} × chance ({chance})"
    )
