"""``andon export``: stored logs as CSV, JSON lines or Parquet, however many they are."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from andon.app.cli.filters import LogFilters, Redact, spread
from andon.app.cli.named import read_names, tell
from andon.app.cli.output import command_settings, errors
from andon.core.redact import Redactor
from andon.core.text import counted, printable
from andon.insight import export as writing
from andon.store import Visitor, search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from andon.core.models import LogQuery, StoredLog
    from andon.core.settings.database_url import Database

PAGE = 2_000


@spread
def export(
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="File to write; its name sets the format: .csv, .jsonl, .parquet or .csv.gz."
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="csv, jsonl or parquet (default on standard output: jsonl)."),
    ] = None,
    *,
    which: LogFilters,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="Export at most N logs (default: all).")
    ] = None,
    redact: Redact = False,
) -> None:
    """Export stored logs, oldest first, to FILE or to standard output.

    In CSV, a cell that a spreadsheet would take for a formula begins with an apostrophe. Parquet needs the extra
    `parquet`; if it is missing, the message names the command that installs it.

    --redact replaces secrets by numbered marks, the same number for the same secret throughout the file.

    Example: andon export night.csv --since 12h --severity ERROR
    """
    settings = command_settings()
    query = which.query(settings.time_zone, limit=PAGE, oldest_first=True)
    try:
        kind = writing.format_of(form, out)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--format" if form else "FILE") from None
    with Visitor(settings.database) as visitor:
        read = read_names(visitor, query)
    rows = _counted(_pages(settings.database, read.query, limit))
    if redact:
        redactor = Redactor()
        rows = ([writing.redacted(row, redactor) for row in page] for page in rows)
    if out is None:
        file = _Terminal() if sys.stdout.isatty() and kind != "parquet" else sys.stdout.buffer
        written = writing.write(rows, file, kind)
    else:
        written = writing.write_file(rows, out, kind)
        errors.print(f"{counted(written, 'log')} written to {out}.", highlight=False)
    if not written:
        tell(read.empty)


class _Terminal(io.BytesIO):
    """Standard output where a person looks at it: what would steer the terminal is shown instead."""

    def write(self, chunk: bytes) -> int:  # type: ignore[override]  # of an export, in whole characters
        """Show a piece of an export."""
        sys.stdout.write(printable(chunk.decode("utf-8", "replace").replace("\r\n", "\n")))
        return len(chunk)


def _pages(database: Database, query: LogQuery, limit: int | None) -> Iterator[list[StoredLog]]:
    """The logs of ``query`` page by page."""
    left = limit
    with Visitor(database) as visitor:
        while left is None or left > 0:
            page = visitor.read(
                search.find, msgspec.structs.replace(query, limit=PAGE if left is None else min(PAGE, left))
            )
            if page:
                yield page
            if len(page) < query.limit:
                return
            left = None if left is None else left - len(page)
            query = msgspec.structs.replace(query, before=(page[-1].timestamp, page[-1].id))


def _counted(pages: Iterator[list[StoredLog]]) -> Iterator[list[StoredLog]]:
    """The same, with the number of logs shown on a terminal while they are written."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} logs"))
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("logs", total=None)
        for page in pages:
            yield page
            progress.advance(task, len(page))
