"""``andon eval``: how good the explanations of a provider are, measured on labelled cases."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from andon.app.cli.eval_tables import print_comparison, print_report
from andon.app.cli.output import command_settings, console, errors, one_line, print_json, print_listing
from andon.app.evals.cases import bundled_cases, select, site_cases
from andon.app.evals.compare import compare, read_report
from andon.app.evals.measure import Plan, measure
from andon.app.evals.results import PRECISION, RECALL, USEFUL, Prices
from andon.core.errors import AndonError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from andon.app.evals.cases import Case
    from andon.app.evals.results import Report
    from andon.core.settings.settings import Settings


class EvalFailed(AndonError):
    """The measurement did not reach what was asked of it, or nothing could be measured."""


CasesOption = Annotated[
    Path | None,
    typer.Option("--cases", help="Your own cases: a YAML file or a directory of them, in place of Andon's."),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option("--tag", help="Only cases with this tag or of this family; repeat it to narrow down."),
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="At most so many cases, spread over the families.")]
ProviderOption = Annotated[str | None, typer.Option(help="Ask this provider instead of the configured one.")]
ModelOption = Annotated[str | None, typer.Option(help="Ask this model.")]
ConcurrencyOption = Annotated[
    int | None, typer.Option(min=1, max=64, help="Questions at once; 1 for a model on this box, else 4.")
]
JudgeOption = Annotated[
    bool, typer.Option("--judge", help="Let the model also rate the prose, 1 to 5; no part of the scores.")
]
PriceInOption = Annotated[float | None, typer.Option(min=0.0, help="Money for a million tokens read.")]
PriceOutOption = Annotated[float | None, typer.Option(min=0.0, help="Money for a million tokens written.")]
BaselineOption = Annotated[Path | None, typer.Option(help="A former --json to compare with.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show for every case what missed, and why.")]
ListOption = Annotated[bool, typer.Option("--list", help="List the cases; ask nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON: every answer, score and reason.")]


def _least(what: str) -> Any:
    return typer.Option(min=0.0, max=1.0, help=f"Least rate of {what}.")


LeastCategory = Annotated[float | None, _least("right categories, 0 to 1")]
LeastComponent = Annotated[float | None, _least("named components")]
LeastCause = Annotated[float | None, _least("right causes")]
LeastFirstCheck = Annotated[float | None, _least("useful first checks")]
LeastUseful = Annotated[float | None, _least("right category and useful first check together")]
LeastSeverity = Annotated[float | None, _least("severities that are high enough")]
LeastForbidden = Annotated[float | None, _least("answers free of forbidden advice")]
LeastRecall = Annotated[float | None, _least("vague logs for which it says so")]
LeastPrecision = Annotated[float | None, _least("logs that are vague where it says so")]


def evaluate(
    cases: CasesOption = None,
    tag: TagOption = None,
    limit: LimitOption = None,
    provider: ProviderOption = None,
    model: ModelOption = None,
    concurrency: ConcurrencyOption = None,
    judge: JudgeOption = False,
    price_in: PriceInOption = None,
    price_out: PriceOutOption = None,
    min_category: LeastCategory = None,
    min_component: LeastComponent = None,
    min_cause: LeastCause = None,
    min_first_check: LeastFirstCheck = None,
    min_useful: LeastUseful = None,
    min_severity: LeastSeverity = None,
    min_forbidden: LeastForbidden = None,
    min_recall: LeastRecall = None,
    min_precision: LeastPrecision = None,
    baseline: BaselineOption = None,
    verbose: VerboseOption = False,
    list_only: ListOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure the explanations of a provider on labelled cases, scored without a model.

    Answers with rates and their 95 % intervals, tokens, cost and latency. What the provider failed to answer at all
    (unreachable, misconfigured) is reported apart. Ctrl-C ends it with a report of what there is. Exit status 1 if
    nothing was measured or a least rate was missed.

    Example: andon eval --provider PLAYBOOK --min-category 0.7
    """
    settings = chosen_settings(provider, model)
    chosen = select(bundled_cases() if cases is None else site_cases(cases), tags=tag or (), limit=limit)
    if list_only:
        list_cases(chosen, as_json=as_json)
        return
    if not chosen:
        raise EvalFailed("no case was chosen: see what there is with `andon eval --list`.")
    least = {
        "category": min_category,
        "component": min_component,
        "cause": min_cause,
        "first_check": min_first_check,
        USEFUL: min_useful,
        "severity": min_severity,
        "forbidden": min_forbidden,
        RECALL: min_recall,
        PRECISION: min_precision,
    }
    plan = Plan(
        concurrency=concurrency,
        judge=judge,
        prices=Prices(price_in, price_out),
        least={name: value for name, value in least.items() if value is not None},
    )
    measure_and_tell(settings, chosen, plan, baseline=baseline, verbose=verbose, as_json=as_json)


def measure_and_tell(
    settings: Settings, cases: Sequence[Case], plan: Plan, *, baseline: Path | None, verbose: bool, as_json: bool
) -> None:
    """Ask the cases and print the report. Raises EvalFailed where it failed, after it is printed."""
    before = None if baseline is None else read_report(baseline)
    stop = asyncio.Event()
    report = asyncio.run(measured(settings, cases, plan, stop, quiet=as_json))
    comparison = None if before is None else compare(before, report)
    if as_json:
        print_json(as_object(report, comparison))
    else:
        print_report(report, verbose=verbose, judged=plan.judge)
        if comparison is not None:
            print_comparison(comparison)
    if stop.is_set():
        raise typer.Exit(130)
    if report.problem is not None:
        raise EvalFailed(report.problem.rstrip(".") + ".")


def chosen_settings(provider: str | None, model: str | None) -> Settings:
    """The settings with another provider or model. Another provider does not get the configured one's model."""
    settings = command_settings()
    if provider is None and model is None:
        return settings
    overrides: dict[str, Any] = {"model": model or ""}
    if provider is not None:
        overrides["provider"] = provider
    changed = command_settings(**overrides)
    if model is None and changed.provider == settings.provider:
        return settings
    return changed


async def measured(
    settings: Settings, cases: Sequence[Case], plan: Plan, stop: asyncio.Event, *, quiet: bool
) -> Report:
    """The report of all cases, with a progress bar on standard error. A first Ctrl-C sets ``stop``: report and end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=quiet, transient=True) as progress:
        tasks = {"asked": progress.add_task(f"asking {settings.provider}", total=len(cases))}
        if plan.judge:
            tasks["judged"] = progress.add_task("judging", total=len(cases))
        loop = asyncio.get_running_loop()

        def interrupted() -> None:
            loop.remove_signal_handler(signal.SIGINT)  # a second one ends the command as usual
            stop.set()

        with contextlib.suppress(RuntimeError, ValueError):  # only the main thread hears signals, and not everywhere
            loop.add_signal_handler(signal.SIGINT, interrupted)
        return await measure(settings, cases, plan, lambda step: progress.advance(tasks[step]), stop)


def list_cases(cases: Sequence[Case], *, as_json: bool) -> None:
    """Every case with its family, tags and first message."""
    if as_json:
        print_json(cases)
        return
    rows = [
        (
            case.id,
            case.family,
            ", ".join(case.tags),
            "yes" if case.expect.enough_evidence else "no",
            one_line(str(case.records[-1]["message"])),
        )
        for case in cases
    ]
    print_listing(("case", "family?", "tags?", "enough", "message~"), rows)
    console.print(f"{len(cases)} cases")


def as_object(report: Report, comparison: Any) -> Mapping[str, Any]:
    """The report as JSON shows it, with the verdict."""
    problem = report.problem
    shown = msgspec.structs.asdict(report)
    return {**shown, "passed": problem is None, "problem": problem, "comparison": comparison}
