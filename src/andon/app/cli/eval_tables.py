"""How ``andon eval`` prints: the rates of a run, what missed and why, and what changed against a former one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from andon.app.cli.output import WIDE, console, one_line, plain, print_listing, print_wrapped
from andon.app.evals.results import PRECISION, RATES, RECALL, USEFUL
from andon.app.evals.running import Status
from andon.core.text import counted

if TYPE_CHECKING:
    from andon.app.evals.compare import Comparison
    from andon.app.evals.results import CaseResult, Rate, Report, Summary

NAMES = {
    "category": "right category",
    "component": "component named",
    "cause": "cause named",
    "first_check": "useful first check",
    "checks": "needed check named",
    "enough_evidence": "evidence judged right",
    "severity": "severity high enough",
    "forbidden": "no forbidden advice",
    USEFUL: "category and first check",
    RECALL: "vague logs called vague",
    PRECISION: "called vague, and is",
}
#: Columns of the table by family; those with a question mark need a wide terminal.
_BY_FAMILY = {
    "category": "category>",
    "component": "component>?",
    "cause": "cause>?",
    "first_check": "1st check>",
    "enough_evidence": "evidence>",
    "severity": "severity>?",
    "forbidden": "forbidden>",
}
_ERRORS_SHOWN = 3


def print_report(report: Report, *, verbose: bool, judged: bool = False) -> None:
    """Rates in all and by family, what went wrong on the way, cost and latency; with marks where ``judged``."""
    who = f"{report.provider} {report.model}".strip()
    console.print(plain(f"{who}: {report.total.cases} cases in {report.seconds:.1f} s"), style="bold")
    if verbose:
        print_cases(report.cases)
    if report.total.answered + report.total.unusable:
        print_rates(report)
        print_families(report)
    print_trouble(report)
    print_costs(report.total)
    if judged:
        print_judgements(report.cases)
    for row in report.thresholds:
        mark = Text("met", style="green") if row.met else Text("missed", style="bold red")
        reached = "-" if row.reached is None else percent(row.reached)
        console.print(Text.assemble(f"least {NAMES[row.rate]} {percent(row.least)}: {reached} ", mark))


def print_rates(report: Report) -> None:
    """Each criterion over all cases."""
    rates = report.total.rates
    rows = [
        (NAMES[name], f"{rate.passed}/{rate.n}", percent(rate.rate), f"{100 * rate.low:.0f}–{100 * rate.high:.0f} %")
        for name in RATES
        if (rate := rates[name]).n
    ]
    print_listing(("all cases", "right>", "rate>", "95 % interval>"), rows)
    console.print()


def print_families(report: Report) -> None:
    """The rates of each family, with their intervals where the terminal is wide enough."""
    tags = ((f"tag {name}", summary) for name, summary in report.tags.items() if name not in report.families)
    groups = [*report.families.items(), *tags]
    if len(groups) < 2:
        return
    rows = [
        (name, str(summary.answered + summary.unusable), *(cell(summary.rates[rate]) for rate in _BY_FAMILY))
        for name, summary in [*groups, ("total", report.total)]
        if summary.answered + summary.unusable
    ]
    print_listing(("family", "n>", *_BY_FAMILY.values()), rows)
    console.print()


def cell(rate: Rate) -> str:
    """A rate in a table: with its interval on wide terminals."""
    if rate.rate is None:
        return "-"
    if console.width < WIDE:
        return percent(rate.rate)
    return f"{percent(rate.rate)} ({100 * rate.low:.0f}–{100 * rate.high:.0f})"


def percent(rate: float | None) -> str:
    """``0.875`` as ``88 %``; one that is not perfect is never rounded up to 100."""
    if rate is None:
        return "-"
    return f"{min(round(100 * rate), 99) if rate < 1 else 100} %"


def print_trouble(report: Report) -> None:
    """What is in no rate: cases the provider could not be asked, and those it gave nothing usable for."""
    total = report.total
    if total.infrastructure or total.skipped:
        parts = ((total.infrastructure, "infrastructure error", ""), (total.skipped, "case", " not asked"))
        shown = ", ".join(f"{counted(number, what)}{more}" for number, what, more in parts if number)
        console.print(plain(f"not counted: {shown}"), style="yellow")
    if total.unusable:
        what = "answer could not be used; it counts" if total.unusable == 1 else "answers could not be used; they count"
        console.print(plain(f"{total.unusable} {what} as wrong"), style="yellow")
    reasons = dict.fromkeys(case.error for case in report.cases if case.error)
    for reason in list(reasons)[:_ERRORS_SHOWN]:
        print_wrapped(f"  {reason}")
    if len(reasons) > _ERRORS_SHOWN:
        console.print(f"  … and {len(reasons) - _ERRORS_SHOWN} more reasons; see --json")


def print_costs(total: Summary) -> None:
    """Tokens, money and latency."""
    if total.input_tokens or total.output_tokens:
        money = "" if total.cost is None else f", cost {total.cost:.4f}"
        console.print(f"tokens: {total.input_tokens:,} read, {total.output_tokens:,} written{money}")
    if total.latency_p50 is not None and total.latency_p95 is not None:
        console.print(f"latency: p50 {seconds(total.latency_p50)}, p95 {seconds(total.latency_p95)}")


def seconds(value: float) -> str:
    """A duration as people say it: ``0.4 ms``, ``2.3 s``."""
    return f"{1000 * value:.1f} ms" if value < 1 else f"{value:.1f} s"


def print_judgements(cases: list[CaseResult]) -> None:
    """The judging model's marks, and how many answers it gave none for."""
    marks = [case.judgement for case in cases if case.judgement is not None]
    without = sum(case.status is Status.ANSWERED for case in cases) - len(marks)
    if without > 0:
        console.print(f"prose: the model gave no marks that can be read for {without} answers", style="yellow")
    if marks:
        clear = sum(mark.clear for mark in marks) / len(marks)
        actionable = sum(mark.actionable for mark in marks) / len(marks)
        console.print(
            f"prose, as the model judges it ({len(marks)} answers): clear {clear:.1f}, actionable {actionable:.1f} of 5"
        )


def print_cases(cases: list[CaseResult]) -> None:
    """Each case with what missed and why."""
    for case in cases:
        missed = [score for score in case.scores if not score.passed]
        if case.status is not Status.ANSWERED:
            console.print(plain(f"{case.id}: {case.status}"), style="yellow")
            continue
        style = "red" if missed else "green"
        console.print(Text.assemble((case.id, style), f"  {case.source}" if case.source else ""))
        for score in missed:
            print_wrapped(f"    {NAMES[score.criterion]}: {one_line(score.why)}")
        if missed and case.finding is not None:
            console.print(plain(f"    first check: {one_line(str(case.finding['checks'][0]))}"), style="dim")
    console.print()


def print_comparison(comparison: Comparison) -> None:
    """What got better and worse against the baseline."""
    who = f"{comparison.provider} {comparison.model}".strip()
    console.print(plain(f"against {who} of {comparison.started_at}"), style="bold")
    rows = [
        (
            NAMES[change.criterion],
            f"{change.before}/{change.n}",
            f"{change.now}/{change.n}",
            f"+{len(change.better)}",
            f"-{len(change.worse)}",
            f"{change.chance:.3f}",
            " ".join([*(f"+{name}" for name in change.better), *(f"-{name}" for name in change.worse)]),
        )
        for change in comparison.changes
        if change.n
    ]
    print_listing(("same cases", "before>", "now>", "better>", "worse>", "chance>?", "which~"), rows)
    if comparison.missing or comparison.added:
        console.print(f"not compared: {len(comparison.added)} cases only now, {len(comparison.missing)} only then")
