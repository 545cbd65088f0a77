"""``andon resolve``: a technician's confirmed fix becomes the explanation of a problem."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from andon.app.cli.database import change
from andon.app.cli.filters import Json, ProblemId
from andon.app.cli.output import command_settings, print_outcome, user_name
from andon.core.models import ID_MAX
from andon.store import problems


def resolve(
    pattern_id: ProblemId,
    fix: Annotated[
        str | None, typer.Option("--fix", metavar="TEXT", help="What solved it, for the next shift.")
    ] = None,
    cause: Annotated[str | None, typer.Option("--cause", metavar="TEXT", help="What was wrong.")] = None,
    author: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who confirmed it (default: you).")] = None,
    take_back: Annotated[
        bool, typer.Option("--revoke", help="Revoke a confirmed fix: the newest, or the one that --id names.")
    ] = False,
    fix_id: Annotated[
        int | None, typer.Option("--id", metavar="FIX", min=1, max=ID_MAX, help="The fix to revoke.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Confirm the fix of a problem. All its logs show the fix from now on, and no model is asked again.

    Examples: andon resolve 12 --fix "Cleaned the fan of cabinet 4" --cause "Dust in the filter"

    andon resolve 12 --revoke
    """
    if take_back:
        if fix is not None:
            raise typer.BadParameter("give either --fix or --revoke")
        revoke(pattern_id, fix_id, author or user_name(), as_json)
        return
    if fix is None or not fix.strip():
        raise typer.BadParameter("say what solved it", param_hint="--fix")
    if fix_id is not None:
        raise typer.BadParameter("goes with --revoke only", param_hint="--id")
    database, author = command_settings().database, author or user_name()
    made = change(database, problems.resolve, pattern_id, fix, cause, author, time.time())
    lines = (
        f"Problem {pattern_id} is resolved: {made.fix}",
        "All its logs, later ones too, now show this fix; similar problems point to it.",
    )
    print_outcome(made, lines, as_json=as_json)


def revoke(pattern_id: int, fix_id: int | None, by: str | None, as_json: bool) -> None:
    """Take a confirmed fix back and say what becomes of the problem."""
    gone = change(command_settings().database, problems.revoke, pattern_id, fix_id, time.time(), by)
    lines = (
        f"Fix {gone.id} of problem {gone.pattern_id} is revoked: {gone.fix}",
        f"`andon problems {pattern_id}` shows what the problem says now.",
    )
    print_outcome(gone, lines, as_json=as_json)
