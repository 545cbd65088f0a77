"""What ``andon patterns show`` tells about one problem, gathered and printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from andon.models import LogQuery, PatternSummary, Resolution, StoredLog
from andon.store import AnalysisEntry, PatternHost, PatternMerge

if TYPE_CHECKING:
    from rich.text import Text

    from andon.config import Settings
    from andon.store import Reader

#: Patterns that similar ones are searched in, those with the newest logs first.
SEARCHED = 10_000
SIMILAR, LIKENESS = 5, 0.5
HOSTS_SHOWN, EARLIER_SHOWN = 12, 10


class Similar(msgspec.Struct, frozen=True):
    """A problem that reads alike; ``score`` is the likeness from 0 to 1."""

    id: int
    score: float
    template: str
    rung: str | None


class Problem(msgspec.Struct, frozen=True):
    """All that is known about a problem. ``newest`` is its newest log, with the explanation that is shown for it."""

    pattern: PatternSummary
    newest: StoredLog | None
    hosts: list[PatternHost]
    merges: list[PatternMerge]
    history: list[AnalysisEntry]
    resolutions: list[Resolution]
    similar: list[Similar]


def gather(reader: Reader, pattern_id: int) -> Problem:
    """Read a problem. Raises NotFound where there is none with this id."""
    pattern = reader.pattern(pattern_id)
    newest = [
        found[0] for i in (pattern_id, *pattern.merged) if (found := reader.search(LogQuery(pattern_id=i, limit=1)))
    ]
    return Problem(
        pattern=pattern,
        newest=max(newest, key=lambda log: (log.timestamp, log.id), default=None),
        hosts=reader.pattern_hosts(pattern_id),
        merges=reader.pattern_merges(pattern_id),
        history=reader.pattern_history(pattern_id),
        resolutions=reader.resolutions(pattern_id),
        similar=similar(pattern, reader.patterns(SEARCHED)),
    )


def similar(pattern: PatternSummary, others: list[PatternSummary]) -> list[Similar]:
    """The problems most like this one; it and what it is part of left out."""
    from andon.patterns import SimilarIndex

    index, known = SimilarIndex(capacity=SEARCHED + 1), {}
    for other in others:
        if other.id not in (pattern.id, pattern.merged_into):
            known[other.fingerprint] = other
            index.add(other.fingerprint, other.template)
    index.add(pattern.fingerprint, pattern.template)  # its words count towards how rare a word is
    found = index.similar(pattern.template, SIMILAR, LIKENESS, exclude=pattern.fingerprint)
    return [Similar(known[key].id, score, known[key].template, known[key].rung) for key, score in found]


def as_object(problem: Problem) -> dict[str, Any]:
    """A problem for ``--json``; ``explanation`` is what its newest log shows, null where nothing yet."""
    newest = problem.newest
    value: dict[str, Any] = {"pattern": problem.pattern, "explanation": None}
    if newest is not None and newest.analysis is not None:
        value["explanation"] = {
            "text": newest.analysis,
            "rung": newest.rung,
            "provisional": newest.provisional,
            "analysis_id": newest.analysis_id,
        }
    value["newest_message"] = newest.message if newest is not None else None
    for name in ("hosts", "merges", "history", "resolutions", "similar"):
        value[name] = getattr(problem, name)
    return value


def print_problem(problem: Problem, settings: Settings) -> None:
    """One problem for people."""
    from rich.panel import Panel

    from andon.cli.output import console, explained_by, plain

    print_facts(problem, settings)
    newest = problem.newest
    label = explained_by(problem.pattern.rung, problem.pattern.provisional, problem.pattern.status)
    text = newest.analysis if newest is not None and newest.analysis else "Not explained yet."
    console.print(Panel(plain(text), title=f"explanation: {label}", title_align="left"))
    print_resolutions(problem, settings)
    print_history(problem, settings)
    print_merges(problem, settings)
    print_similar(problem)


def print_facts(problem: Problem, settings: Settings) -> None:
    """Where, when and how often."""
    from rich.table import Table

    from andon.cli.output import console, one_line, plain, severity_text, shown_time
    from andon.cli.patterns import shown_rate

    pattern, zone = problem.pattern, settings.time_zone
    hosts = [f"{host.hostname} ({host.count:,})" for host in problem.hosts[:HOSTS_SHOWN]]
    more = len(problem.hosts) - HOSTS_SHOWN
    facts = Table.grid(padding=(0, 2))
    for name, value in {
        "problem": plain(one_line(pattern.template)),
        "part of": plain(f"problem {pattern.merged_into}" if pattern.merged_into else ""),
        "newest log": plain(one_line(problem.newest.message)[:500] if problem.newest else ""),
        "worst": severity_text(pattern.worst_severity),
        "logs": plain(f"{pattern.count:,}, {shown_rate(pattern.rate)} an hour over the last day"),
        "first seen": plain(shown_time(pattern.first_seen, zone)),
        "last seen": plain(shown_time(pattern.last_seen, zone)),
        "hosts": plain(", ".join(hosts) + (f" and {more} more" if more > 0 else "")),
        "fingerprint": plain(pattern.fingerprint),
    }.items():
        if value.plain:
            facts.add_row(f"[bold]{name}[/]", value)
    console.print(facts)


def print_resolutions(problem: Problem, settings: Settings) -> None:
    """What a technician confirmed."""
    from andon.cli.output import console, plain, short_time

    if not problem.resolutions:
        return
    console.print("[bold]confirmed fixes[/]")
    for done in problem.resolutions:
        by = f" by {done.author}" if done.author else ""
        cause = f" Cause: {done.cause}" if done.cause else ""
        console.print(
            plain(f"  {short_time(done.created_at, settings.time_zone)}{by}: {done.fix}{cause} (fix {done.id})")
        )


def print_history(problem: Problem, settings: Settings) -> None:
    """Every explanation so far, and what went wrong with those that are not there."""
    from andon.cli.output import console, print_listing

    if not problem.history:
        return
    console.print("[bold]explanations, the newest first[/]")
    print_listing(
        ("id>", "asked", "why?", "answer", "model", "prompt?", "says~"),
        [history_row(row, settings.time_zone) for row in problem.history[:EARLIER_SHOWN]],
    )
    if len(problem.history) > EARLIER_SHOWN:
        console.print(f"  … and {len(problem.history) - EARLIER_SHOWN} earlier; --json has them all")


def history_row(row: AnalysisEntry, zone: str) -> tuple[str | Text, ...]:
    """One analysis as a line: who answered what, or what went wrong."""
    from andon.cli.output import explained_by, one_line, plain, short_time
    from andon.cli.queue import REASONS

    model = " ".join(part for part in (row.provider, row.model) if part)
    says = " | ".join(one_line(part) for part in (row.last_error, row.text) if part)
    return (
        str(row.id),
        short_time(row.created_at, zone),
        plain(REASONS.get(row.reason, row.reason)),
        explained_by(row.rung, row.provisional, row.status),
        plain(model or row.source or ""),
        plain(row.prompt_version or ""),
        plain(says),
    )


def print_merges(problem: Problem, settings: Settings) -> None:
    """What was merged into it, and what shows that it is the same."""
    from andon.cli.output import console, one_line, plain, short_time

    if not problem.merges:
        return
    console.print("[bold]merged and split[/]")
    for merge in problem.merges:
        undone = f"; split {short_time(merge.undone_at, settings.time_zone)}" if merge.undone_at else ""
        when = short_time(merge.created_at, settings.time_zone)
        console.print(plain(f"  {merge.child_id} into {merge.parent_id}, {when}, {evidence(merge)}{undone}"))
        console.print(plain(f"     {one_line(merge.child_template)}"))


def evidence(merge: PatternMerge) -> str:
    """Why the two are one, in words."""
    if merge.position < 0:
        return "by a person"
    if not merge.words:
        return "the same text"
    return f"word {merge.position + 1} varies: {', '.join(merge.words)}"


def print_similar(problem: Problem) -> None:
    """Problems that read alike."""
    from andon.cli.output import console, one_line, plain

    if not problem.similar:
        return
    console.print("[bold]similar problems[/]")
    for other in problem.similar:
        how = f", explained by {other.rung}" if other.rung else ""
        console.print(plain(f"  {other.id} ({other.score:.0%} alike{how}): {one_line(other.template)}"))
