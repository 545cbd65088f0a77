"""A whole measurement: the provider as configured, every case asked and scored, and the report of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import msgspec
import structlog

from andon.app.evals.judge import Judge
from andon.app.evals.results import CaseResult, Prices, Report, build_report, case_result
from andon.app.evals.running import Ask, Asked, Runner
from andon.app.wiring import decoder
from andon.core.errors import ConfigError, ModelError
from andon.core.models import Explanation, Question, now_text
from andon.core.settings.settings import Settings
from andon.explain.model.fallback import build_analyst
from andon.explain.playbook import SitePlaybook
from andon.explain.providers.registry import build_backend
from andon.explain.trials.cases import Case
from andon.explain.trials.questions import Questions

log = structlog.get_logger(__name__)

PLAYBOOK = "PLAYBOOK"
#: Questions at once that a provider in the cloud is asked; one that runs here gets one.
CLOUD_CONCURRENCY = 4


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to measure. ``concurrency`` None means what suits the provider; ``least`` maps rates to thresholds."""

    concurrency: int | None = None
    judge: bool = False
    prices: Prices = Prices()  # noqa: RUF009 - immutable
    least: Mapping[str, float] = field(default_factory=dict)


async def measure(
    settings: Settings,
    cases: Sequence[Case],
    plan: Plan,
    done: Callable[[str], None] = lambda _: None,
    stop: asyncio.Event | None = None,
) -> Report:
    """Ask ``cases`` of the provider in ``settings``; no fallback steps in for it, and no database is touched.

    ``done`` is called with ``asked`` or ``judged`` after each step. Once ``stop`` is set nothing more is asked, and the
    report is of what there is. Raises ConfigError where the provider cannot be
    set up, or where a judge is wanted of PLAYBOOK; CaseError where a case is no valid log.
    """
    started_at, started = now_text(), time.monotonic()
    concurrency = plan.concurrency or (1 if settings.local_model else CLOUD_CONCURRENCY)
    async with AsyncExitStack() as judging:
        judge = _judge(settings, judging) if plan.judge else None
        async with AsyncExitStack() as asking:  # ends first: a model on this box would be loaded twice
            ask, prompt_version = _asker(settings, asking)
            runner = Runner(ask, concurrency=concurrency, questions=Questions(decoder(settings)))
            stopping = asyncio.create_task(_stopped(stop, runner)) if stop is not None else None
            try:
                rows = await runner.run(cases, lambda _: done("asked"))
            finally:
                if stopping is not None:
                    stopping.cancel()
                    await asyncio.wait([stopping])
        results = [case_result(row) for row in rows]
        if judge is not None and not (stop is not None and stop.is_set()):
            await _judged(judge, rows, results, concurrency, done)
        return build_report(
            results,
            provider=settings.provider,
            model="" if settings.provider == PLAYBOOK else settings.model_name,
            prompt_version=prompt_version,
            started_at=started_at,
            seconds=time.monotonic() - started,
            prices=plan.prices,
            least=plan.least,
        )


async def _stopped(stop: asyncio.Event, runner: Runner) -> None:
    await stop.wait()
    runner.stop()


def _asker(settings: Settings, stack: AsyncExitStack) -> tuple[Ask, str | None]:
    """What answers, closed by ``stack``, and the version of its wording."""
    analyst = build_analyst(settings, members=[settings.configured])
    playbook = SitePlaybook(settings.playbook)
    playbook.scan()
    if analyst is None:

        async def look_up(question: Question) -> Explanation:
            await asyncio.sleep(0)  # lets the progress bar breathe between answers
            return playbook.explain(question)

        return look_up, None
    stack.push_async_callback(analyst.close)

    async def ask(question: Question) -> Explanation:  # with the rules that a service offers
        return await analyst.explain(msgspec.structs.replace(question, rules=playbook.candidates(question)))

    return ask, analyst.prompt_version


def _judge(settings: Settings, stack: AsyncExitStack) -> Judge:
    backend = build_backend(settings)
    if backend is None:
        raise ConfigError("--judge needs a model: set PROVIDER (or --provider) to one that is not PLAYBOOK.")
    judge = Judge(backend, settings)
    stack.push_async_callback(judge.close)
    return judge


async def _judged(
    judge: Judge, rows: Sequence[Asked], results: Sequence[CaseResult], concurrency: int, done: Callable[[str], None]
) -> None:
    """Let the model rate every explanation; one that it does not rate stays without, which the report counts."""
    waiting = iter([(row, result) for row, result in zip(rows, results, strict=True) if result.text])

    async def worker() -> None:
        for row, result in waiting:
            try:
                result.judgement = await judge.rate(row.question.logs[0].message, result.text or "")
            except ModelError as error:
                log.warning("not judged", case=result.id, error=str(error))
            done("judged")

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())
