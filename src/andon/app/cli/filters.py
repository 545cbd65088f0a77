"""The options that commands share, and the checks of what is given for them."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer

from andon.core.models import ID_MAX, LogQuery
from andon.insight import filters
from andon.insight.filters import WrongFilter

#: Rows listed unless told otherwise.
LISTED = 50
#: Rows that may be asked for.
ROWS_MAX = 10_000

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JsonArray = Annotated[bool, typer.Option("--json", help="Print JSON, one array of objects.")]
Redact = Annotated[
    bool, typer.Option("--redact", help="Replace passwords, tokens, keys and other secrets by numbered marks.")
]
Rows = Annotated[int, typer.Option("--limit", "-n", min=1, max=ROWS_MAX, help="List at most N rows.")]


def id_argument(metavar: str, text: str) -> Any:
    """An argument that is the id of something stored."""
    return typer.Argument(metavar=metavar, min=1, max=ID_MAX, help=text)


ProblemId = Annotated[int, id_argument("PROBLEM", "Id of the problem, as `andon problems` shows it.")]
AboutProblem = Annotated[
    int | None,
    typer.Option("--problem", "--pattern", metavar="ID", min=1, max=ID_MAX, help="Only what is about this problem."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="From this time on: 02:00, yesterday 14:00, 2025-01-15, or an age such as 8h."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Before this time.")]
UntilNow = Annotated[str | None, typer.Option(metavar="TIME", help="Before this time (default: now).")]
Host = Annotated[str | None, typer.Option(metavar="NAME", help="Only this host; * and ? are wildcards.")]
Site = Annotated[str | None, typer.Option(metavar="NAME", help="Only this site; * and ? are wildcards.")]
Area = Annotated[str | None, typer.Option(metavar="NAME", help="Only this area; `area 2` finds A2.")]
Line = Annotated[str | None, typer.Option(metavar="NAME", help="Only this line; `line 3` finds L3.")]
Machine = Annotated[str | None, typer.Option(metavar="NAME", help="Only this machine; `press 4` finds PRESS-04.")]
Service = Annotated[str | None, typer.Option(metavar="NAME", help="Only this service; * and ? are wildcards.")]


class LogFilters(NamedTuple):
    """Which logs; all that is given must hold."""

    since: Since = None
    until: Until = None
    severity: Annotated[
        str | None,
        typer.Option(metavar="SEVERITY", help="This severity and worse, such as WARNING or warn."),
    ] = None
    service: Service = None
    host: Host = None
    text: Annotated[
        str | None, typer.Option(help="Only logs with these words, or words that begin so; phrases in double quotes.")
    ] = None
    problem: AboutProblem = None
    site: Site = None
    area: Area = None
    line: Line = None
    machine: Machine = None
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Only this value of a context field: firmware=2.1.4; repeatable."),
    ] = None

    def query(self, zone: str, *, limit: int, oldest_first: bool) -> LogQuery:
        """The question to the store. Raises typer.BadParameter."""
        given = self._asdict()
        with named_options():
            return filters.log_query(
                zone, pattern_id=given.pop("problem"), limit=limit, oldest_first=oldest_first, **given
            )


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` as Typer takes it, which knows no groups of options: each field of a named tuple becomes one."""
    signature = inspect.signature(command, eval_str=True)
    groups = {one.name: one.annotation for one in signature.parameters.values() if hasattr(one.annotation, "_fields")}
    options: list[inspect.Parameter] = []
    for one in signature.parameters.values():
        if one.name not in groups:
            options.append(one)
            continue
        defaults = groups[one.name]._field_defaults
        for name, kind in get_type_hints(one.annotation, include_extras=True).items():
            options.append(inspect.Parameter(name, one.kind, default=defaults[name], annotation=kind))

    @functools.wraps(command)
    def called(**given: Any) -> None:
        made = {name: group(**{each: given.pop(each) for each in group._fields}) for name, group in groups.items()}
        command(**made, **given)

    called.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
    return called


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
