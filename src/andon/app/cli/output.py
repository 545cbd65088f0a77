"""How commands print: tables for people, JSON for programs, times with their zone."""

from __future__ import annotations

import getpass
import re
import sys
import time
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions
from rich.text import Text

from andon.app.cli.cells import Cell as Cell
from andon.app.cli.cells import When as When
from andon.app.cli.cells import one_line as one_line
from andon.app.cli.cells import plain as plain
from andon.app.cli.cells import short_time as short_time
from andon.app.cli.cells import shown_time as shown_time
from andon.app.cli.listing import WIDE as WIDE
from andon.app.cli.listing import Listing
from andon.core.lengths import read_seconds
from andon.core.models import rung_words
from andon.core.moments import told
from andon.core.own_log import configure_logging
from andon.core.settings import whereabouts
from andon.core.settings.settings import load_settings
from andon.core.text import json_escaped, printable, printable_json

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

    @property  # type: ignore[misc]  # which nobody sets
    def size(self) -> ConsoleDimensions:
        """How much room there is; without a terminal no line has an end."""
        if not self.is_terminal:
            return ConsoleDimensions(_WITHOUT_END, super().size.height)
        return super().size

    def on_broken_pipe(self) -> None:
        """Raises BrokenPipeError."""
        raise BrokenPipeError


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
#: What is no terminal has no width: its reader gets each line whole.
_WITHOUT_END = 1_000_000
_AT_ONCE = 200
#: Columns that wrapped text needs beside what it is indented by; narrower than that it is left to the terminal.
LEAST_ROOM = 8
#: Columns that a text should have behind its name; with fewer it stands below.
LEAST_TEXT = 24
_LITTLE = 4
#: Columns that a frame takes.
_FRAME = 4
_MARK = re.compile(r" *(?:(?:\d{1,3}\.|[-*•]) +)?")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def command_settings(**overrides: Any) -> Settings:
    """The settings for a command, which speaks through its output and logs errors only. Raises ConfigError.

    Where nothing here says which service is meant, they are those of the one that this machine has.
    """
    configure_logging("error", "text")
    return load_settings(whereabouts.find(), **overrides)


def warn_of_other_broker(settings: Settings) -> None:
    """Say where the broker at our port is that of a service with other data: what is sent is not stored here."""
    place = whereabouts.other_data_at("ANDON_NATS_PORT", settings.nats_port, settings.data_dir)
    if place is not None and settings.embedded_broker:
        from andon.app.running_service import OTHER_REMEDY, others_data  # rarely needed

        service = f"the service whose broker answers at port {settings.nats_port}"
        errors.print(plain(f"Careful: {service} {others_data(place, settings)}: {OTHER_REMEDY}"), soft_wrap=True)


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
    """A line for each fact that is known, its name in bold in front, as :func:`print_hanging`."""
    known = {name: plain(value) if isinstance(value, str) else value for name, value in facts.items() if value}
    indent = max(map(cell_len, known), default=0) + 2
    for name, value in known.items():
        print_hanging(Text(name, style="bold").append(" " * (indent - cell_len(name)), style="not bold"), value)


def print_hanging(head: Text, text: Text, *then: Text) -> None:
    """``text`` behind ``head``; on a terminal what does not fit goes on below its own beginning, and so do ``then``.

    Where that would leave too little room it stands below the head, indented by a little.
    """
    if not console.is_terminal:
        for number, one in enumerate((text, *then)):
            console.print((Text(" " * head.cell_len) if number else head) + one)
        return
    indent = head.cell_len
    if console.width - indent < min(LEAST_TEXT, max(one.cell_len for one in (text, *then))):
        head.rstrip()
        console.print(head, soft_wrap=True)
        indent = _LITTLE
        head = Text(" " * indent)
    for one in (text, *then):
        deeper = 2 if one.plain.startswith("→ ") else 0
        mark, rest = one[:deeper], one[deeper:]
        for number, piece in enumerate(rest.wrap(console, max(1, console.width - indent - deeper))):
            piece.rstrip()
            console.print((Text(" " * (indent + deeper)) if number else head + mark) + piece, soft_wrap=True)
        head = Text(" " * indent)


def print_box(title: str, text: str, *, aside: bool = False) -> None:
    """Text of several lines under a title, on a terminal in a frame, which is dim where it is an ``aside``."""
    if not console.is_terminal:
        console.print(plain(f"{title}\n{text}"))
        return
    from rich.panel import Panel  # for terminals only

    inside = Text("\n").join(_hung(text, console.width - _FRAME))
    style = "dim" if aside else "none"
    console.print(Panel(inside, title=plain(title), title_align="left", border_style=style))


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


def cut(text: str | Text, width: int) -> Text:
    """``text`` on one line, on a terminal in at most ``width`` columns."""
    shown = text if isinstance(text, Text) else plain(one_line(text))
    if console.is_terminal:
        shown.truncate(width, overflow="ellipsis")
    return shown


def explained_by(rung: str | None, provisional: bool, status: str | None) -> str:
    """How a shown explanation came about, in a word or two; ``status`` is that of the newest analysis."""
    if rung is None:
        return {"pending": "waiting", "leased": "being asked", "failed": "failed", "refused": "refused"}.get(
            status or "", "-"
        )
    return f"{rung_words(rung)} (provisional)" if provisional else rung_words(rung)


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
    lines = _hung(text, console.width) if console.is_terminal else [plain(line) for line in text.splitlines()]
    for line in lines:
        console.print(line, soft_wrap=True)


def _hung(text: str, width: int) -> list[Text]:
    """Lines of text in so many columns, what does not fit below what follows its blanks, number or dash."""
    found = []
    for line in text.splitlines():
        shown = plain(line)
        mark = _mark(shown.plain)
        if width - len(mark) < LEAST_ROOM:
            found.append(shown)
            continue
        pieces = Text(shown.plain[len(mark) :]).wrap(console, width - len(mark))
        for number, piece in enumerate(pieces):
            piece.rstrip()
            found.append(Text(mark if not number else " " * len(mark)) + piece)
    return found


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
    """A table, as :class:`Listing` lays it out; the marks behind a column's name are those of its ``Column``."""
    print_lines(Listing(names, console, time.time()).lines(rows))


def print_lines(lines: Sequence[Text]) -> None:
    """Lines that fit already, at once."""
    if console.is_terminal:
        for first in range(0, len(lines), _AT_ONCE):
            console.print(Text("\n").join(lines[first : first + _AT_ONCE]), soft_wrap=True)
        return
    console.file.writelines(f"{line.plain}\n" for line in lines)
    console.file.flush()


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
