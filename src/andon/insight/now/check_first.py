"""What to check first about a problem: the steps that its explanation names, and what fixed it before."""

from __future__ import annotations

import msgspec

from andon.insight.titles import checks_of
from andon.store import Connection, problems, queue


class Steps(msgspec.Struct, frozen=True):
    """``summary`` says what happened, ``checks`` what to look at, the most useful first; ``fix`` ended it last time.

    ``fixed_at`` and ``fixed_by`` (stored form, a name) say when and who confirmed that.
    """

    summary: str | None
    checks: tuple[str, ...]
    fix: str | None
    fixed_at: str | None
    fixed_by: str | None


def find(connection: Connection, problem_id: int) -> Steps:
    """The steps of a problem; empty where nothing is explained yet."""
    shown = queue.shown_for(connection, [problem_id]).get(problem_id)
    finding = shown.finding if shown is not None and isinstance(shown.finding, dict) else {}
    summary = finding.get("summary")
    fix = problems.resolution_of(connection, problem_id)
    return Steps(
        str(summary) if summary else None,
        checks_of(finding),
        None if fix is None else fix.fix,
        None if fix is None else fix.created_at,
        None if fix is None else fix.author,
    )
