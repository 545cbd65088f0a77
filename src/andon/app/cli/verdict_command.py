"""``andon verdict``: a technician says whether an explanation helped."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from andon.app.cli.database import change
from andon.app.cli.filters import Json, ProblemId
from andon.app.cli.output import command_settings, print_outcome, user_name
from andon.store import verdicts


def verdict(
    pattern_id: ProblemId,
    word: Annotated[str | None, typer.Argument(metavar="helpful|wrong", help="Your word on the explanation.")] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What it was, or what helped.")] = None,
    author: Annotated[
        str | None, typer.Option("--author", "--by", metavar="NAME", help="Who says so (default: you).")
    ] = None,
    second: Annotated[
        bool, typer.Option("--second", help="Judge the second opinion of a model instead, below the explanation.")
    ] = False,
    take_back: Annotated[bool, typer.Option("--revoke", help="Take your word back.")] = False,
    as_json: Json = False,
) -> None:
    """Say whether the explanation of a problem was helpful or wrong. Models and rules gain or lose trust by it.

    Examples: andon verdict 12 helpful

    andon verdict 12 wrong --note "It was the cable, not the drive"
    """
    if take_back is (word is not None):
        raise typer.BadParameter("say helpful or wrong, or --revoke to take your word back", param_hint="helpful|wrong")
    if word is not None and word.lower() not in verdicts.WORDS:
        raise typer.BadParameter(f"{word!r} is not a verdict: say helpful or wrong", param_hint="helpful|wrong")
    database, author = command_settings().database, author or user_name()
    if word is None:
        made = change(database, verdicts.take_back, pattern_id, author, time.time(), second=second)
        lines = [f"{author or 'Somebody'} no longer calls {_about(made)} {made.verdict}."]
    else:
        made = change(database, verdicts.judge, pattern_id, word.lower(), author, note, time.time(), second=second)
        lines = [f"{author or 'Somebody'} calls {_about(made)} {made.verdict}."]
    print_outcome(made, lines, as_json=as_json)


def _about(made: verdicts.Verdict) -> str:
    what = "the second opinion on" if made.second else "the explanation of"
    by = " ".join(part for part in (made.provider, made.model) if part) or made.source or made.rung
    return f"{what} problem {made.pattern_id} (by {by})"
