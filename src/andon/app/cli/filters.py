"""The options by which commands choose logs, and the checks of what is given for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from andon.core.models import ID_MAX
from andon.insight import filters
from andon.insight.filters import WrongFilter

Since = Annotated[str | None, typer.Option(help="From this time on: 2025-01-15T02:00, or an age like 8h.")]
Until = Annotated[str | None, typer.Option(help="Before this time.")]
UntilNow = Annotated[str | None, typer.Option(help="Before this time; the present unless given.")]
LeastSeverity = Annotated[str | None, typer.Option(help="This severity and worse, such as WARNING.")]
Service = Annotated[str | None, typer.Option(help="This service; * and ? stand for anything.")]
Host = Annotated[str | None, typer.Option(help="This host; * and ? stand for anything.")]
Words = Annotated[
    str | None, typer.Option(help="Words that must occur, or their beginnings; phrases in double quotes.")
]
OfProblem = Annotated[int | None, typer.Option(min=1, max=ID_MAX, help="Logs of this problem.")]
Site = Annotated[str | None, typer.Option(help="This site; * and ? stand for anything.")]
Area = Annotated[str | None, typer.Option(help="This area.")]
Line = Annotated[str | None, typer.Option(help="This line.")]
Machine = Annotated[str | None, typer.Option(help="This machine.")]
Fields = Annotated[
    list[str] | None, typer.Option(help="A context field with its value, such as firmware=2.1.4; may be repeated.")
]


@contextlib.contextmanager
def named_options() -> Iterator[None]:
    """A filter that makes no sense becomes the usual error of a command, which names its option."""
    try:
        yield
    except WrongFilter as error:
        raise typer.BadParameter(str(error), param_hint=f"--{error.about}" if error.about else None) from None


def time_of(option: str, value: str | None, zone: str) -> str | None:
    """A point in time from the user in stored form, None where none is named. Raises typer.BadParameter."""
    with named_options():
        return filters.moment(option, value, zone)


def window(since: str | None, until: str | None, zone: str, length: float) -> tuple[float, float]:
    """A time from the user in unix seconds, the last ``length`` seconds unless given. Raises typer.BadParameter."""
    with named_options():
        return filters.window(since, until, zone, length)
