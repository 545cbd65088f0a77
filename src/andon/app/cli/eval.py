"""``andon eval``: how good the explanations of a provider are, measured on labelled cases."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from andon.app.cli.eval_tables import print_comparison, print_report
from andon.app.cli.filters import spread
from andon.app.cli.output import Cell, command_settings, console, errors, print_json, print_listing
from andon.app.evals.bundled import bundled_cases
from andon.app.evals.compare import compare, read_report
from andon.app.evals.measure import Plan, measure
from andon.app.evals.results import PRECISION, RECALL, USEFUL, Prices
from andon.core.errors import AndonError
from andon.explain.trials.cases import select, site_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from andon.app.evals.results import Report
    from andon.core.settings.settings import Settings
    from andon.explain.trials.cases import Case


class EvalFailed(AndonError):
    """The measurement did not reach what was asked of it, or nothing could be measured."""


def _least(what: str) -> Any:
    return typer.Option(min=0.0, max=1.0, metavar="RATE", help=f"Fail below this rate of {what}, 0 to 1.")


class LeastRates(NamedTuple):
    """The least that each rate must be."""

    min_category: Annotated[float | None, _least("right categories")] = None
    min_component: Annotated[float | None, _least("named components")] = None
    min_cause: Annotated[float | None, _least("right causes")] = None
    min_first_check: Annotated[float | None, _least("useful first checks")] = None
    min_useful: Annotated[float | None, _least("right category and useful first check together")] = None
    min_severity: Annotated[float | None, _least("severities that are high enough")] = None
    min_forbidden: Annotated[float | None, _least("answers free of forbidden advice")] = None
    min_recall: Annotated[float | None, _least("vague logs for which it says so")] = None
    min_precision: Annotated[float | None, _least("logs that are vague where it says so")] = None

    def by_rate(self) -> dict[str, float]:
        """Those that were asked for, by the names of the rates."""
        names = {"useful": USEFUL, "recall": RECALL, "precision": PRECISION}
        asked = {option.removeprefix("min_"): value for option, value in self._asdict().items() if value is not None}
        return {names.get(name, name): value for name, value in asked.items()}


@spread
def evaluate(
    cases: Annotated[
        Path | None,
        typer.Option("--cases", metavar="PATH", help="Your own cases: a YAML file, or a directory of them."),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="Only cases with this tag or family; repeat to narrow down."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="Ask at most N cases, spread over the families.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="NAME", help="Ask this provider, not the configured one.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Ask this model.")] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Ask N questions at once (default: 1 for a model on this machine, else 4)."),
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="Also let the model rate the prose, 1 to 5; the scores ignore it.")
    ] = False,
    price_in: Annotated[
        float | None, typer.Option(min=0.0, metavar="PRICE", help="Price of a million input tokens.")
    ] = None,
    price_out: Annotated[
        float | None, typer.Option(min=0.0, metavar="PRICE", help="Price of a million output tokens.")
    ] = None,
    *,
    least: LeastRates,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An earlier --json output to compare with.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what each case missed, and why.")] = False,
    list_only: Annotated[bool, typer.Option("--list", help="List the cases and ask nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with every answer, score and reason.")] = False,
) -> None:
    """Measure the explanations of a provider on labelled cases, scored without a model.

    Prints rates with 95 % intervals, tokens, cost and latency. Cases that the provider did not answer at all
    (unreachable, misconfigured) are reported separately. Ctrl-C ends with a report of what was measured. Exits with 1
    if nothing was measured or a rate is below its minimum.

    Example: andon eval --provider PLAYBOOK --min-category 0.7
    """
    settings = chosen_settings(provider, model)
    chosen = select(bundled_cases() if cases is None else site_cases(cases), tags=tag or (), limit=limit)
    if list_only:
        list_cases(chosen, as_json=as_json)
        return
    if not chosen:
        raise EvalFailed("no case matches: `andon eval --list` lists them.")
    plan = Plan(concurrency=concurrency, judge=judge, prices=Prices(price_in, price_out), least=least.by_rate())
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
        verdict = {"passed": report.problem is None, "problem": report.problem, "comparison": comparison}
        print_json(msgspec.structs.asdict(report) | verdict)
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
    changed = command_settings(model=model or "", **({} if provider is None else {"provider": provider}))
    return settings if model is None and changed.provider == settings.provider else changed


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

    def row(case: Case) -> tuple[Cell, ...]:
        enough = "yes" if case.expect.enough_evidence else "no"
        return case.id, case.family, ", ".join(case.tags), enough, str(case.records[-1]["message"])

    print_listing(("case", "family?", "tags?", "enough", "message~"), map(row, cases))
    console.print(f"{len(cases)} cases")
