"""What a run says: rates with their intervals for each family and in all, cost, latency; as values that are JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

import andon
from andon.app.evals.running import Asked, Status
from andon.explain.trials.scoring import CRITERIA, Score, answer_of, score, unanswered
from andon.explain.trials.stats import percentile, wilson

VERSION = 1
#: Derived rates beside the criteria: what operators need of one answer, and how "not enough evidence" is used.
USEFUL = "category_and_first_check"
RECALL, PRECISION = "not_enough_recall", "not_enough_precision"
RATES: tuple[str, ...] = (*CRITERIA, USEFUL, RECALL, PRECISION)
#: Tags that get a line of their own below the families.
SHOWN_TAGS: tuple[str, ...] = ("hostile",)


class Prices(msgspec.Struct, frozen=True):
    """Money for a million tokens, in whatever currency; None where it is not known."""

    input: float | None = None
    output: float | None = None


class Judgement(msgspec.Struct, frozen=True):
    """What the judging model thinks of an answer's prose, 1 (bad) to 5 (good); no part of any rate."""

    clear: int
    actionable: int
    remark: str


class CaseResult(msgspec.Struct, kw_only=True):
    """One case: what was said and how it scored. ``error`` says why there is no answer."""

    id: str
    family: str
    tags: tuple[str, ...]
    status: Status
    enough_evidence: bool
    said_enough: bool | None = None
    scores: list[Score] = []
    error: str | None = None
    finding: dict[str, Any] | None = None
    text: str | None = None
    source: str | None = None
    latency: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    judgement: Judgement | None = None

    @property
    def counted(self) -> bool:
        """Whether the rates count it: the provider was there, whatever it said."""
        return self.status in (Status.ANSWERED, Status.UNUSABLE)

    def passed(self, criterion: str) -> bool | None:
        """Whether ``criterion`` holds; None where it is not asked of this case."""
        if criterion == USEFUL:
            parts = (self.passed("category"), self.passed("first_check"))
            return None if None in parts else all(parts)
        return next((row.passed for row in self.scores if row.criterion == criterion), None)


class Rate(msgspec.Struct, frozen=True):
    """``passed`` of ``n``, with the 95 % Wilson interval from ``low`` to ``high``; ``rate`` None where n is 0."""

    passed: int
    n: int
    rate: float | None
    low: float
    high: float


class Summary(msgspec.Struct, kw_only=True):
    """The rates of some cases. Infrastructure errors and skipped cases stand apart and are in no denominator.

    ``latency_p50`` and ``latency_p95`` in seconds; ``cost`` None without prices.
    """

    cases: int
    answered: int
    unusable: int
    infrastructure: int
    skipped: int
    rates: dict[str, Rate]
    input_tokens: int
    output_tokens: int
    cost: float | None
    latency_p50: float | None
    latency_p95: float | None


class Threshold(msgspec.Struct, frozen=True):
    """The least a rate may be; ``reached`` None where nothing was counted, which fails too."""

    rate: str
    least: float
    reached: float | None

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.reached is not None and self.reached >= self.least


class Report(msgspec.Struct, kw_only=True):
    """A whole run. ``started_at`` is RFC 3339 text, ``seconds`` how long it took."""

    version: int = VERSION
    andon: str = andon.__version__
    provider: str
    model: str
    prompt_version: str | None
    started_at: str
    seconds: float
    total: Summary
    families: dict[str, Summary]
    tags: dict[str, Summary]
    thresholds: list[Threshold]
    cases: list[CaseResult]

    @property
    def problem(self) -> str | None:
        """Why the run has failed, in a sentence; None where it has not."""
        total = self.total
        if total.answered + total.unusable == 0:
            first = next((case.error for case in self.cases if case.error), None)
            what = f"none of {total.cases} cases could be asked" if total.cases else "no case was chosen"
            return f"{what}: {first}" if first else f"{what}, so nothing was measured"
        if total.skipped:
            first = next((case.error for case in self.cases if case.error), "it was stopped")
            return f"only {total.cases - total.skipped} of {total.cases} cases were asked: {first}"
        missed = [
            f"{row.rate} {'-' if row.reached is None else format(row.reached, '.3f')} < {row.least:g}"
            for row in self.thresholds
            if not row.met
        ]
        return f"below the least that was asked for: {', '.join(missed)}" if missed else None


def case_result(asked: Asked) -> CaseResult:
    """A case as it is reported, scored."""
    case, explanation = asked.case, asked.explanation
    result = CaseResult(
        id=case.id,
        family=case.family,
        tags=case.tags,
        status=asked.status,
        enough_evidence=case.expect.enough_evidence,
        error=asked.error,
        latency=asked.latency,
    )
    if asked.status is Status.UNUSABLE:
        result.scores = unanswered(case, asked.error or "no usable answer")
        result.input_tokens = asked.tokens or None
    elif explanation is not None:
        result.scores = score(case, asked.question, explanation)
        result.said_enough = answer_of(explanation).enough_evidence
        result.finding, result.text, result.source = explanation.finding, explanation.text, explanation.source
        result.input_tokens, result.output_tokens = explanation.input_tokens, explanation.output_tokens
    return result


def summarise(cases: Sequence[CaseResult], prices: Prices = Prices()) -> Summary:  # noqa: B008 - immutable
    """The rates, cost and latency of ``cases``."""
    counted = [case for case in cases if case.counted]
    rates = {name: _rate(case.passed(name) for case in counted) for name in (*CRITERIA, USEFUL)}
    rates[RECALL] = _rate(case.said_enough is False for case in counted if not case.enough_evidence)
    rates[PRECISION] = _rate(not case.enough_evidence for case in counted if case.said_enough is False)
    read = sum(case.input_tokens or 0 for case in cases)
    written = sum(case.output_tokens or 0 for case in cases)
    latencies = [case.latency for case in counted if case.latency is not None]
    return Summary(
        cases=len(cases),
        **{status.value: sum(case.status is status for case in cases) for status in Status},
        rates=rates,
        input_tokens=read,
        output_tokens=written,
        cost=_cost(read, written, prices),
        latency_p50=percentile(latencies, 0.5),
        latency_p95=percentile(latencies, 0.95),
    )


def build_report(
    cases: list[CaseResult],
    *,
    provider: str,
    model: str,
    started_at: str,
    seconds: float,
    prompt_version: str | None = None,
    prices: Prices = Prices(),  # noqa: B008 - immutable
    least: Mapping[str, float] | None = None,
) -> Report:
    """The report of a run; ``least`` maps names of :data:`RATES` to thresholds."""
    total = summarise(cases, prices)
    return Report(
        provider=provider,
        model=model,
        prompt_version=prompt_version,
        started_at=started_at,
        seconds=round(seconds, 3),
        total=total,
        families=_groups(cases, lambda case: (case.family,), prices),
        tags=_groups(cases, lambda case: [tag for tag in case.tags if tag in SHOWN_TAGS], prices),
        thresholds=[Threshold(name, value, total.rates[name].rate) for name, value in (least or {}).items()],
        cases=cases,
    )


def _groups(
    cases: Iterable[CaseResult], names: Callable[[CaseResult], Iterable[str]], prices: Prices
) -> dict[str, Summary]:
    groups: dict[str, list[CaseResult]] = {}
    for case in cases:
        for name in names(case):
            groups.setdefault(name, []).append(case)
    return {name: summarise(rows, prices) for name, rows in groups.items()}


def _rate(outcomes: Iterable[bool | None]) -> Rate:
    known = [outcome for outcome in outcomes if outcome is not None]
    passed, n = sum(known), len(known)
    low, high = wilson(passed, n)
    return Rate(passed, n, passed / n if n else None, low, high)


def _cost(read: int, written: int, prices: Prices) -> float | None:
    if prices.input is None and prices.output is None:
        return None
    return (read * (prices.input or 0.0) + written * (prices.output or 0.0)) / 1_000_000
