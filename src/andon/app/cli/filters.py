"""The options by which commands choose logs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from andon.core.models import ID_MAX, LogQuery
from andon.insight.log_query import BadFilter, log_query

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


def checked_query(zone: str, *, field: list[str] | None, **given: Any) -> LogQuery:
    """The filters a user gave, checked. Raises typer.BadParameter."""
    try:
        return log_query(zone, fields=field or (), **given)
    except BadFilter as error:
        raise typer.BadParameter(str(error), param_hint=f"--{error.name}") from None
