"""What ``andon problems show`` tells about one problem, gathered and printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from andon.app.cli.output import (
    Cell,
    When,
    console,
    explained_by,
    one_line,
    pair_sentence,
    print_box,
    print_facts,
    print_listing,
    print_wrapped,
    severity_text,
    short_time,
    shown_rate,
    shown_time,
)
from andon.app.cli.queue import REASONS
from andon.core.models import SecondOpinion, rung_words
from andon.core.times import lasting
from andon.insight.problem import Problem
from andon.store.problems import PatternMerge
from andon.store.queue import AnalysisEntry

if TYPE_CHECKING:
    from rich.text import Text

    from andon.core.settings.settings import Settings
    from andon.insight.trends.breakdown import Share

HOSTS_SHOWN, EARLIER_SHOWN, VALUES_SHOWN = 12, 10, 6


def print_problem(problem: Problem, settings: Settings) -> None:
    """One problem for people."""
    print_facts(_place(problem, settings) | _course(problem))
    print_goes_with(problem)
    label = explained_by(problem.pattern.rung, problem.pattern.provisional, problem.pattern.status)
    text = problem.explanation.text if problem.explanation else "Not explained yet."
    print_box(f"explanation: {label}", text)
    print_second_opinion(problem.second_opinion)
    print_verdicts(problem, settings)
    print_resolutions(problem, settings)
    print_history(problem, settings)
    print_merges(problem, settings)
    print_similar(problem)


def print_second_opinion(opinion: SecondOpinion | None) -> None:
    """What a model says below the explanation; its first line says whose it is and what that is worth."""
    if opinion is not None:
        print_box("second opinion", opinion.text, aside=True)


def print_verdicts(problem: Problem, settings: Settings) -> None:
    """What technicians said of the explanations."""
    if not problem.verdicts:
        return
    console.print("[bold]verdicts[/]")
    for one in problem.verdicts:
        when, by = short_time(one.created_at, settings.time_zone), f" by {one.author}" if one.author else ""
        whose = " ".join(part for part in (one.provider, one.model) if part) or one.source or one.rung
        note = f": {one_line(one.note)}" if one.note else ""
        what = "the second opinion" if one.second else "the explanation"
        print_wrapped(f"  {when}{by}: {what} of {whose} was {one.verdict}{note}")


def _place(problem: Problem, settings: Settings) -> dict[str, str | Text]:
    """Where, when and how often."""
    pattern, zone = problem.pattern, settings.time_zone
    hosts = [f"{host.hostname} ({host.count:,})" for host in problem.hosts[:HOSTS_SHOWN]]
    more = len(problem.hosts) - HOSTS_SHOWN
    return {
        "problem": one_line(pattern.template),
        "part of": f"problem {pattern.merged_into}" if pattern.merged_into else "",
        "newest log": one_line(problem.newest.message)[:500] if problem.newest else "",
        "worst": severity_text(pattern.worst_severity),
        "logs": f"{pattern.count:,}, {shown_rate(pattern.rate)} an hour over the last day",
        "first seen": shown_time(pattern.first_seen, zone),
        "last seen": shown_time(pattern.last_seen, zone),
        "hosts": ", ".join(hosts) + (f" and {more} more" if more > 0 else ""),
        "key": pattern.fingerprint,
    }


def _course(problem: Problem) -> dict[str, str | Text]:
    """Where and when, in the 30 days up to its newest log."""
    found = problem.breakdown
    between = "" if found.minutes_between is None else f", one every {lasting(found.minutes_between * 60)} on average"
    return {
        "occurrences": f"{found.occurrences:,} in 30 days{between}" if found.occurrences else "",
        "machines": _shares(found.machine),
        "lines": _shares(found.line),
        "shifts": ", ".join(f"{one.name} {one.count:,} ({shown_rate(one.per_hour)} an hour)" for one in found.shifts),
    }


def print_goes_with(problem: Problem) -> None:
    """Which problems it comes with."""
    if problem.goes_with:
        console.print("[bold]goes with[/]")
    for pair in problem.goes_with or []:
        root = problem.pattern.merged_into or problem.pattern.id
        other = pair.second if pair.first_id == root else pair.first
        print_wrapped(f"  {pair_sentence(pair)}")
        print_wrapped(f"     {one_line(other)}")


def _shares(shares: list[Share]) -> str:
    """The most frequent values with their shares."""
    shown = [f"{one.value or 'others'} {one.share:.0%}" for one in shares[:VALUES_SHOWN]]
    more = len(shares) - VALUES_SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def print_resolutions(problem: Problem, settings: Settings) -> None:
    """What a technician confirmed."""
    if not problem.resolutions:
        return
    console.print("[bold]confirmed fixes[/]")
    for done in problem.resolutions:
        when = short_time(done.created_at, settings.time_zone)
        by = f" by {done.author}" if done.author else ""
        cause = f" Cause: {done.cause}" if done.cause else ""
        print_wrapped(f"  {when}{by}: {done.fix}{cause} (fix {done.id})")


def print_history(problem: Problem, settings: Settings) -> None:
    """Every explanation so far, and what went wrong with those that are not there."""
    if not problem.history:
        return
    console.print("[bold]explanations, the newest first[/]")
    print_listing(
        ("id>", "asked?", "why?", "answer", "model", "prompt?", "says~"),
        [history_row(row, settings.time_zone) for row in problem.history[:EARLIER_SHOWN]],
    )
    if len(problem.history) > EARLIER_SHOWN:
        console.print(f"  … and {len(problem.history) - EARLIER_SHOWN} earlier; --json has them all")


#: How programs call the fix that an explanation shows.
_FIX = re.compile(r"^resolution (?=\d)")
#: How a refusal begins; who was asked stands beside it.
_ANSWER_OF = re.compile(r"^The answer of \S+ (?=[a-z])")


def history_row(row: AnalysisEntry, zone: str) -> tuple[Cell, ...]:
    """One analysis as a line: who answered what, or what went wrong."""
    model = row.model or row.provider
    why_not = _ANSWER_OF.sub("", one_line(row.last_error or ""))
    says = " | ".join(part for part in (why_not, one_line(row.text or "")) if part)
    asked, why = When(row.created_at, zone), REASONS.get(row.reason, row.reason)
    answer = explained_by(row.rung, row.provisional, row.status)
    whose = model or _FIX.sub("fix ", row.source or "")
    return row.id, asked, why, answer, whose, row.prompt_version, says


def print_merges(problem: Problem, settings: Settings) -> None:
    """What was merged into it, and what shows that it is the same."""
    if not problem.merges:
        return
    console.print("[bold]merged and split[/]")
    for merge in problem.merges:
        undone = f"; split {short_time(merge.undone_at, settings.time_zone)}" if merge.undone_at else ""
        when = short_time(merge.created_at, settings.time_zone)
        print_wrapped(f"  {merge.child_id} into {merge.parent_id}, {when}, {evidence(merge)}{undone}")
        print_wrapped(f"     {one_line(merge.child_template)}")


def evidence(merge: PatternMerge) -> str:
    """Why the two are one, in words."""
    if merge.position < 0:
        return "by a person"
    if not merge.words:
        return "the same text"
    return f"word {merge.position + 1} varies: {', '.join(merge.words)}"


def print_similar(problem: Problem) -> None:
    """Problems that read alike."""
    if not problem.similar:
        return
    console.print("[bold]similar problems[/]")
    for other in problem.similar:
        how = f", explained by {rung_words(other.rung)}" if other.rung else ""
        print_wrapped(f"  {other.id} ({other.score:.0%} alike{how}): {one_line(other.template)}")
