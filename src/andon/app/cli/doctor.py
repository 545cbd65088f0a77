"""``andon doctor``: what is configured, what answers, and what to do about what does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from andon.app.cli.filters import Json
from andon.app.cli.output import command_settings, errors, plain, print_hanging, print_json
from andon.app.doctor import examine

if TYPE_CHECKING:
    from andon.core.models import CheckResult

#: The word for each result, and its colour.
_MARKS = {True: ("ok", "green"), False: ("fails", "bold red"), None: ("note", "yellow")}


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
    longest = max((len(result.name) for result in results), default=0)
    for result in results:
        word, style = _MARKS[result.ok]
        head = Text(f"{word:<7}", style=style).append(f"{result.name:<{longest + 2}}", style="not italic bold default")
        print_hanging(head, plain(result.detail), *([plain(f"→ {result.remedy}")] if result.remedy else []))
