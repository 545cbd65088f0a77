"""What two small real models say, and what an operator is shown: writes the table in docs/evaluation.md.

``make eval-models`` asks SmolLM2 and Gemma 3 a stratified part of the labelled cases and every case that no rule of the
playbook fits, as a service does whose model has not proved itself: the answer passes the gate, and is placed beside the
playbook's. The playbook is asked the same cases.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import real_models
import structlog

from andon.app.cli.eval_tables import NAMES, percent
from andon.app.evals.bundled import bundled_cases
from andon.app.evals.results import RATES, CaseResult, case_result, summarise
from andon.app.evals.running import Asked, Status
from andon.core.errors import ModelError
from andon.core.models import Explanation, Question, Standing
from andon.core.settings.settings import Settings
from andon.explain.gate import fault
from andon.explain.model.analyst import ModelAnalyst
from andon.explain.placing import fits, labelled, settled
from andon.explain.playbook import Playbook
from andon.explain.providers.registry import build_backends
from andon.explain.trials.cases import Case, select, site_cases
from andon.explain.trials.questions import Questions

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "evaluation.md"
BEGIN, END = "<!-- models:begin -->", "<!-- models:end -->"
TITLES = {"smollm2": "SmolLM2 135M", "gemma3": "Gemma 3 270M"}
SAMPLE = 40


@dataclass
class Column:
    """What one model said to each case, and what became of it."""

    raw: list[Asked] = field(default_factory=list)
    shown: list[Asked] = field(default_factory=list)
    refused: int = 0
    seconds: list[float] = field(default_factory=list)
    written: list[int] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, print how far it is, and write the table unless told not to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sample", type=int, default=SAMPLE, help="cases that a rule fits, taken from each family in turn"
    )
    parser.add_argument("--open", type=int, help="cases that no rule fits, taken the same way; all unless given")
    parser.add_argument("--models", nargs="+", choices=real_models.MODELS, default=list(real_models.MODELS))
    parser.add_argument("--cases", type=Path, help="a file or directory of other cases")
    parser.add_argument("--print", action="store_true", help="print the table and write nothing")
    wanted = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    playbook = Playbook.load()
    asked = _asked(playbook, bundled_cases() if wanted.cases is None else site_cases(wanted.cases), wanted)
    columns = {name: asyncio.run(_column(name, playbook, asked)) for name in wanted.models}
    table = _table(playbook, asked, columns)
    print(table)
    if not wanted.print:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{table}{END}{after}", encoding="utf-8")
    return 0


def _asked(playbook: Playbook, cases: list[Case], wanted: argparse.Namespace) -> list[tuple[Case, Question]]:
    """Cases with the question that the service asks: some of those that a rule fits, and of the others."""
    questions = Questions()
    made = [(case, questions(case)) for case in cases]
    for _, question in made:
        question.rules = playbook.candidates(question, 3)
    open_ones = {case.id for case, question in made if not fits(playbook.explain(question))}
    ruled = [case for case, _ in made if case.id not in open_ones]
    unruled = [case for case, _ in made if case.id in open_ones]
    kept = {case.id for case in (*select(ruled, limit=wanted.sample), *select(unruled, limit=wanted.open))}
    return [(case, question) for case, question in made if case.id in kept]


async def _column(name: str, playbook: Playbook, asked: Iterable[tuple[Case, Question]]) -> Column:
    settings = Settings(provider="EMBEDDED", gguf=real_models.fetch(name))
    (backend,) = build_backends(settings, None)
    analyst = ModelAnalyst(backend, settings)
    column = Column()
    try:
        await analyst.check()
        for case, question in asked:
            await _one(analyst, playbook, case, question, column)
            print(f"{name}: {len(column.raw)} answers, {column.refused} refused", end="\r", file=sys.stderr, flush=True)
    finally:
        await analyst.close()
        print(file=sys.stderr)
    return column


async def _one(analyst: ModelAnalyst, playbook: Playbook, case: Case, question: Question, column: Column) -> None:
    ruled = playbook.explain(question)
    started = time.perf_counter()
    try:
        answer = await analyst.explain(question)
    except ModelError as error:
        column.raw.append(Asked(case, question, Status.UNUSABLE, error=str(error)))
        shown = ruled
    else:
        column.raw.append(Asked(case, question, Status.ANSWERED, answer))
        column.written.append(answer.output_tokens or 0)
        shown = _shown(question, answer, ruled, column)
    column.seconds.append(time.perf_counter() - started)
    column.shown.append(Asked(case, question, Status.ANSWERED, shown))


def _shown(question: Question, answer: Explanation, ruled: Explanation, column: Column) -> Explanation:
    """What stands first where the model has not proved itself."""
    refused = fault(question, answer, ruled) is not None
    column.refused += refused
    if refused or settled(Standing.ADVISORY, ruled):
        return ruled
    return labelled(answer, ruled, Standing.ADVISORY)


def _table(playbook: Playbook, asked: Sequence[tuple[Case, Question]], columns: dict[str, Column]) -> str:
    rules = [Asked(case, question, Status.ANSWERED, playbook.explain(question)) for case, question in asked]
    alone = [case_result(row) for row in rules]
    results = {"PLAYBOOK": alone}
    for name, column in columns.items():
        results[f"{TITLES[name]}: its answers"] = [case_result(row) for row in column.raw]
        results[f"{TITLES[name]}: what is shown"] = [case_result(row) for row in column.shown]
    totals = {title: summarise(rows) for title, rows in results.items()}
    lines = [f"| {len(asked)} cases | " + " | ".join(results) + " |", "|---|" + "---:|" * len(results)]
    asked_for = [rate for rate in RATES if totals["PLAYBOOK"].rates[rate].n]
    lines += [
        f"| {NAMES[rate]} | " + " | ".join(_cell(total.rates[rate]) for total in totals.values()) + " |"
        for rate in asked_for
    ]
    worse = [str(sum(_is_worse(row, rule) for row, rule in zip(rows, alone, strict=True))) for rows in results.values()]
    lines.append("| worse than the playbook's | " + " | ".join(["", *worse[1:]]) + " |")
    for label, of in (
        ("refused by the gate", _refused),
        ("seconds for an answer", _seconds),
        ("tokens written", _tokens),
    ):
        lines.append(f"| {label} | | " + " | ".join(f"{of(column)} | " for column in columns.values()) + "|")
    return "\n".join(line.replace("  ", " ") for line in lines) + f"\n\nMeasured on {date.today().isoformat()}.\n"  # noqa: DTZ011


def _is_worse(row: CaseResult, rule: CaseResult) -> bool:
    """Whether the answer misses anything that the playbook's has."""
    return any(rule.passed(score.criterion) and not row.passed(score.criterion) for score in rule.scores)


def _cell(rate: object) -> str:
    return f"{percent(rate.rate)} ({rate.passed}/{rate.n})"  # type: ignore[attr-defined]


def _refused(column: Column) -> str:
    return f"{column.refused} of {len(column.raw)}"


def _seconds(column: Column) -> str:
    return f"{statistics.median(column.seconds):.1f} (median)"


def _tokens(column: Column) -> str:
    return f"{statistics.median(column.written or [0]):.0f} (median)"


if __name__ == "__main__":
    sys.exit(main())
