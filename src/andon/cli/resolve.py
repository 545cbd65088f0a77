"""``andon resolve``: a technician's confirmed fix becomes the explanation of a problem."""

from __future__ import annotations

from typing import Annotated

import typer


def resolve(
    pattern_id: Annotated[int, typer.Argument(metavar="PATTERN", help="Id of the problem, as `andon patterns` shows.")],
    fix: Annotated[str, typer.Option("--fix", help="What solved it, as the next shift should read it.")],
    cause: Annotated[str | None, typer.Option("--cause", help="What was wrong.")] = None,
    author: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who confirmed it; you unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Record the confirmed fix of a problem: every log of it shows the fix from now on, and no model is asked again.

    Example: andon resolve 12 --fix "Cleaned the fan of cabinet 4" --cause "Dust in the filter"
    """
    from andon import store
    from andon.cli.output import command_settings, console, plain, print_json, user_name

    if not fix.strip():
        raise typer.BadParameter("say what solved it", param_hint="--fix")
    settings = command_settings()
    made = store.resolve(
        settings.database, pattern_id, fix.strip(), (cause or "").strip() or None, author or user_name()
    )
    if as_json:
        print_json(made)
        return
    console.print(plain(f"Pattern {pattern_id} is resolved: {made.fix}"))
    console.print("Its logs show this fix from now on, later ones too; similar problems are told of it.")
