"""``andon problems``: the problems that were found, what is known about each, joining and separating them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args
from zoneinfo import ZoneInfo

import typer

from andon.app.cli.database import Visitor, change
from andon.app.cli.filters import LISTED, Json, JsonArray, id_argument, time_of
from andon.app.cli.output import (
    Cell,
    When,
    command_settings,
    explained_by,
    print_json,
    print_outcome,
    print_rows,
    severity_text,
    shown_rate,
    user_name,
)
from andon.app.cli.problem import print_problem
from andon.app.cli.shapes import Group
from andon.insight.problem import as_object, gather
from andon.insight.shifts.calendar import site_shifts
from andon.store import problems
from andon.store.problems import PatternSort

if TYPE_CHECKING:
    from andon.core.models import PatternSummary

NEW_SINCE = "24h"


class ProblemsGroup(Group):
    """The commands, with a ``--new`` that may stand alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; see :func:`with_age`."""
        return super().parse_args(ctx, with_age(args))


def with_age(args: list[str]) -> list[str]:
    """``args`` with an age behind each ``--new`` that stands alone: at the end, or before another option.

    >>> with_age(["--new", "--json"]), with_age(["--new", "8h"])
    (['--new=24h', '--json'], ['--new', '8h'])
    """
    following = [*args, "-"][1:]
    return [
        f"--new={NEW_SINCE}" if arg == "--new" and after.startswith("-") else arg
        for arg, after in zip(args, following, strict=True)
    ]


app = typer.Typer(invoke_without_command=True, add_completion=False, cls=ProblemsGroup)


@app.callback()
def patterns(
    context: typer.Context,
    new: Annotated[
        str | None,
        typer.Option(
            "--new", metavar="[TIME]", help=f"Only problems first seen since then: 8h, yesterday (alone: {NEW_SINCE})."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", "--top", min=1, max=10_000, help="List at most N rows.")
    ] = LISTED,
    sort: Annotated[
        str,
        typer.Option("--sort", metavar="ORDER", help="Sort by count, rate, last, first or severity, highest first."),
    ] = "last",
    as_json: JsonArray = False,
) -> None:
    """List problems, the one with the newest log first, or show one.

    A problem includes everything merged into it; its rate is logs per hour over the last day. `andon problems 12` shows
    problem 12.

    Example: andon problems --new 8h --sort count --limit 20
    """
    if context.invoked_subcommand is not None:
        return
    order = checked_sort(sort)
    settings = command_settings()
    since = time_of("new", new, settings.time_zone)
    with Visitor(settings.database) as visitor:
        rows = visitor.read(problems.listing, limit, order, since)
    zone = settings.time_zone

    def row(one: PatternSummary) -> tuple[Cell, ...]:
        first, last = When(one.first_seen, zone), When(one.last_seen, zone)
        worst, rung = severity_text(one.worst_severity), explained_by(one.rung, one.provisional, one.status)
        return one.id, f"{one.count:,}", shown_rate(one.rate), first, last, worst, one.hosts, rung, one.template

    names = ("id>", "count>", "rate/h?>", "first seen?", "last seen", "worst", "hosts?>", "explained by", "problem~")
    print_rows(rows, names, row, "No problems match.", as_json=as_json)


@app.command("show")
def show(
    pattern_id: Annotated[int, id_argument("ID", "Id of the problem, as `andon problems` lists it.")],
    as_json: Json = False,
) -> None:
    """Show one problem: what it is, where and how often, its explanation, what fixed it, and similar problems.

    Example: andon problems show 12
    """
    settings = command_settings()
    with Visitor(settings.database) as visitor:
        problem = visitor.read(gather, pattern_id, site_shifts(settings), ZoneInfo(settings.time_zone))
    print_json(as_object(problem)) if as_json else print_problem(problem, settings)


@app.command("merge")
def merge(
    child: Annotated[int, id_argument("CHILD", "Id of the problem to merge into the other.")],
    parent: Annotated[int, id_argument("PARENT", "Id of the problem that it becomes part of.")],
    as_json: Json = False,
) -> None:
    """Merge two problems: from now on they share counts and explanation. `split` undoes it.

    Example: andon problems merge 17 12
    """
    root = change(command_settings().database, problems.merge, child, parent, user_name())
    sentence = f"Problem {child} is now part of problem {root}; `andon problems split {child}` undoes it."
    print_outcome({"pattern_id": child, "problem_id": root}, [sentence], as_json=as_json)


@app.command("split")
def split(
    pattern_id: Annotated[int, id_argument("ID", "Id of the problem to split off.")], as_json: Json = False
) -> None:
    """Split a merged problem off again. Andon does not merge the two again by itself.

    Example: andon problems split 17
    """
    left = change(command_settings().database, problems.split, pattern_id, user_name())
    sentence = (
        f"Problem {pattern_id} is separate again; it stays apart from problem {left} unless you merge them again."
    )
    print_outcome({"pattern_id": pattern_id, "left_problem_id": left}, [sentence], as_json=as_json)


def checked_sort(value: str) -> PatternSort:
    """The order a user named. Raises typer.BadParameter."""
    orders: tuple[PatternSort, ...] = get_args(PatternSort)
    for order in orders:
        if order == value.lower():
            return order
    raise typer.BadParameter(f"{value!r} is not a sort order: use {', '.join(orders)}", param_hint="--sort")
