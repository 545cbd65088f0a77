"""``andon actions upload``: reports, exports, rows, actions and alerts for a connected system."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Literal

import typer

from andon.app.cli.action_output import print_action
from andon.app.cli.database import Visitor, change
from andon.app.cli.filters import Json
from andon.app.cli.output import command_settings, console, plain, user_name
from andon.core.models import ID_MAX
from andon.core.models.actions import Origin


def upload_command(
    target: Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the connected system.")],
    what: Annotated[
        Literal["report", "problems", "records", "action", "alert"],
        typer.Argument(
            metavar="WHAT",
            help="report (of a shift), problems (an export), records (rows), action (of an ontology), or alert.",
        ),
    ],
    problem: Annotated[
        int | None,
        typer.Option(
            "--problem", "--pattern", metavar="ID", min=1, max=ID_MAX, help="What an action or alert is about."
        ),
    ] = None,
    name: Annotated[
        str,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Shift of a report, or action (default: the last, the only one).",
        ),
    ] = "",
    where: Annotated[
        str, typer.Option("--where", metavar="PLACE", help="Dataset or stream (default: the usual one).")
    ] = "",
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for whoever approves it.")] = "",
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so (default: you).")] = None,
    as_json: Json = False,
) -> None:
    """Propose a report, an export, rows, an action or an alert. Nothing is sent before somebody approves it.

    Example: andon actions upload foundry report --name night
    """
    from andon.app import uploads  # reports and all that they are made from, which no list needs
    from andon.app.cli.action_targets import proposals_for

    settings, now = command_settings(), time.time()
    proposals = proposals_for(settings, target)
    proposals.able(target, uploads.OPERATIONS[what])
    with Visitor(settings.database) as visitor:
        drawn_up = partial(uploads.drawn_up, now=now, problem_id=problem, name=name, where=where)
        drawn = visitor.read(drawn_up, settings, target, what)
    put_up = partial(uploads.put_up, origin=Origin.PERSON, now=now, problem_id=problem, by=by or user_name(), why=why)
    made = change(settings.database, put_up, proposals, target, what, drawn)
    print_action(made, settings, as_json=as_json)
    if not as_json:
        console.print(plain(f"\nProposed. `andon actions approve {made.id}` sends exactly this."))
