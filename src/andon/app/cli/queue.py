"""``andon queue`` and ``andon reanalyze``: what waits for an explanation and why, and asking again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.text import Text

from andon.app.cli.database import Visitor, change
from andon.app.cli.filters import LISTED, Json, JsonArray, ProblemId, Rows
from andon.app.cli.output import (
    Cell,
    When,
    command_settings,
    console,
    one_line,
    plain,
    print_hanging,
    print_json,
    print_listing,
    print_outcome,
    print_wrapped,
    severity_text,
    short_time,
    user_name,
)
from andon.core.models import rung_words
from andon.core.moments import told
from andon.store import problems
from andon.store import queue as waiting

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings
    from andon.store.queue import QueueEntry

#: Why an analysis was asked for, for people.
REASONS = {
    "new": "new problem",
    "every": "every log",
    "asked": "asked for",
    "split": "split off",
    "resolved": "resolved",
    "revoked": "fix revoked",
    "severity": "severity rose",
    "host": "new host",
    "rate": "rate jumped",
    "age": "explanation is old",
    "site": "runbook or rule",
    "runbook": "runbook gone",
    "rule": "rule changed",
    "advice": "advice refused",
    "second": "second opinion",
}


def queue(
    which: Annotated[
        str | None,
        typer.Argument(metavar="[failed]", help="failed: list those that failed, and why."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", hidden=True, help="The same as failed.")] = False,
    limit: Rows = LISTED,
    as_json: JsonArray = False,
) -> None:
    """List the problems that wait for an explanation, the next one first, and why they wait.

    Example: andon queue failed
    """
    if which not in (None, "failed"):
        raise typer.BadParameter(f"{which!r} is not a list: leave it out, or write failed", param_hint="failed")
    failed = failed or which is not None
    settings = command_settings()
    with Visitor(settings.database) as visitor:
        rows = visitor.read(waiting.listing, failed=failed, limit=limit)
    if as_json:
        now = time.time()
        print_json([as_object(row, now) for row in rows])
    elif not rows:
        console.print("No explanation failed." if failed else "Nothing waits.")
    else:
        print_failed(rows, settings) if failed else print_waiting(rows, settings)


def reanalyze(pattern_id: ProblemId, as_json: Json = False) -> None:
    """Ask for a new explanation of a problem, ahead of others. The present one stays until the new one is there.

    Example: andon reanalyze 12
    """
    analysis_id = change(command_settings().database, problems.reanalyze, pattern_id, user_name())
    sentence = f"Problem {pattern_id} waits for a new explanation (analysis {analysis_id}); see `andon queue`."
    print_outcome({"pattern_id": pattern_id, "analysis_id": analysis_id}, [sentence], as_json=as_json)


def as_object(row: QueueEntry, now: float) -> dict[str, Any]:
    """A row for ``--json``; ``due_in`` and ``leased_for`` are seconds from now, None where they do not apply."""
    value: dict[str, Any] = msgspec.to_builtins(told(row))
    due, leased = due_in(row, now), row.lease_until
    value["due_in"] = None if due is None else round(due, 1)
    value["leased_for"] = round(leased - now, 1) if row.status == "leased" and leased is not None else None
    return value


def due_in(row: QueueEntry, now: float) -> float | None:
    """Seconds until a waiting row may be asked, 0 where it may now; None where it does not wait."""
    return max(0.0, row.not_before - now) if row.status == "pending" else None


def priority(row: QueueEntry) -> str:
    """Its place in the queue: a waiting caller and never explained CRITICAL problems come before any score."""
    if row.caller:
        return f"caller {row.score}"
    return f"first {row.score}" if row.tier > 0 else str(row.score)


def waits_for(row: QueueEntry, now: float) -> str:
    """What the row waits for."""
    if row.status == "leased":
        left = (row.lease_until or now) - now
        return "being asked" if left > 0 else "its lease ran out"
    due = due_in(row, now) or 0.0
    if due >= 1:
        return f"in {span(due)}"
    return "the model" if unasked(row) else "its turn"


def unasked(row: QueueEntry) -> bool:
    """Whether it waits because no model could be asked: nothing went wrong with the problem itself."""
    return not row.attempts and bool(row.last_error) and row.status != "leased"


def span(seconds: float) -> str:
    """A duration for people, in its largest unit.

    >>> span(90), span(7200)
    ('2 min', '2 h')
    """
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} s"


def print_waiting(rows: list[QueueEntry], settings: Settings) -> None:
    """What waits, for people."""
    now = time.time()

    def cells(row: QueueEntry) -> tuple[Cell, ...]:
        severity, why = severity_text(row.worst_severity), REASONS.get(row.reason, row.reason)
        since, awaits = When(row.created_at, settings.time_zone), waits_for(row, now)
        return row.pattern_id, priority(row), severity, why, row.attempts, since, awaits, row.template, row.last_error

    names = ("id>", "priority?>", "severity", "asked as", "tries?>", "since?", "waits for", "problem~", "reason~=")
    print_listing(names, map(cells, rows))
    if all(unasked(row) for row in rows) and console.is_terminal:
        stand_in = " The playbook's explanations stand in." if all(row.rung for row in rows) else ""
        print_wrapped(f"No model was asked about {'it' if len(rows) == 1 else 'them'} yet.{stand_in}")


def print_failed(rows: list[QueueEntry], settings: Settings) -> None:
    """Explanations that failed, for people; the reason is never cut off."""
    for row in rows:
        when = short_time(row.finished_at, settings.time_zone)
        tries = (
            f"after {row.attempts:,} {'try' if row.attempts == 1 else 'tries'}" if row.attempts else "before any try"
        )
        line = severity_text(row.worst_severity).append(f"  problem {row.pattern_id or '-'}", style="default")
        instead = f"; explained by {rung_words(row.rung)}" if row.rung else ""
        console.print(line.append(f"  failed {when} {tries}{instead}", style="default"))
        print_hanging(Text("  problem  "), plain(one_line(row.template)))
        print_hanging(Text("  reason   "), plain(row.last_error or ""))
