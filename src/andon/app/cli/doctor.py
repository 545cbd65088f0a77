"""``andon doctor``: what is configured, what answers, and what to do about what does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from andon.app.cli.filters import Json
from andon.app.cli.output import command_settings, console, errors, plain, print_json
from andon.app.doctor import examine

if TYPE_CHECKING:
    from andon.core.models import CheckResult


def doctor(as_json: Json = False) -> None:
    """Check settings, disk, database, broker, service and model, and say what to do. Exits with 1 if one fails.

    Example: andon doctor
    """
    settings = command_settings()
    with errors.status("checking"):  # loading a model file takes its time
        results = asyncio.run(examine(settings))
    print_json(results) if as_json else print_results(results)
    if any(result.ok is False for result in results):
        raise typer.Exit(1)


def print_results(results: list[CheckResult]) -> None:
    """One line each, with the remedy below what fails."""
    marks = {True: "[green]ok[/]", False: "[bold red]fails[/]", None: "[yellow]note[/]"}
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(ratio=1)
    for result in results:
        table.add_row(marks[result.ok], result.name, plain(result.detail))
        if result.remedy:
            table.add_row("", "", plain(f"→ {result.remedy}"))
    console.print(table)
