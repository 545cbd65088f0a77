"""Analyze: claim the most urgent waiting problem, climb the ladder of answers, save, announce, answer callers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from andon.errors import (
    BrokerError,
    ModelAnswerError,
    ModelBusy,
    ModelError,
    ModelUnavailable,
    StoreError,
)
from andon.models import ANALYSIS_SUBJECT, Explanation, PendingAnalysis, StoredAnalysis
from andon.pipeline.gate import Breaker
from andon.pipeline.replies import announcement
from andon.ports import Analyst, LogStore, PlaybookAnswers, Publisher
from andon.telemetry import Metrics

log = structlog.get_logger(__name__)

POLL = 1.0
#: A claim is ours this much longer than the longest model call, in seconds.
LEASE_MARGIN = 30.0
RETRY_FIRST, RETRY_LAST = 5.0, 300.0


class Analyzer:
    """Works the queue of pending analyses, one at a time per provider.

    ``analyst`` None means that the playbook is the configured provider and its answers are final.
    """

    def __init__(
        self,
        store: LogStore,
        publisher: Publisher,
        analyst: Analyst | None,
        playbook: PlaybookAnswers,
        metrics: Metrics,
        *,
        owner: str,
        attempts: int,
        deadline: float,
        explained: Callable[[StoredAnalysis], Awaitable[None]],
        breaker: Breaker | None = None,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._analyst = analyst
        self._playbook = playbook
        self._metrics = metrics
        self._owner = owner
        self._attempts = attempts
        self._lease = deadline + LEASE_MARGIN
        self._explained = explained
        self.breaker = breaker or Breaker()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something new waits."""
        self._wake.set()

    async def run(self) -> None:
        """Explain what waits, for ever. What is in hand when this is cancelled goes back to the queue."""
        await self._store.release(self._owner)
        try:
            while True:
                self._wake.clear()
                try:
                    while await self._step():
                        pass
                    pause = POLL
                except StoreError as error:
                    log.warning("queue not reachable", error=str(error))
                    pause = RETRY_FIRST
                if not self.breaker.closed:
                    pause = min(pause, max(self.breaker.probe_due, 0.05))
                await self._sleep(pause)
        finally:
            await self._hand_back()

    async def _hand_back(self) -> None:
        try:
            await asyncio.shield(self._store.release(self._owner, counted=False))
        except StoreError as error:
            log.warning("claimed analyses stay leased until their lease ends", error=str(error))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _step(self) -> bool:
        """One unit of work; False where there is none now."""
        if self._analyst is not None and not self.breaker.closed and not await self._probe(self._analyst):
            return await self._answer_provisionally()
        job = await self._store.claim(self._owner, self._lease)
        if job is None:
            return False
        if self._analyst is None:
            await self._finish(job, self._playbook.explain(job.question))
        else:
            await self._ask(self._analyst, job)
        return True

    async def _probe(self, analyst: Analyst) -> bool:
        if self.breaker.probe_due > 0:
            return False
        try:
            await analyst.check()
        except ModelError as error:
            self.breaker.trip(str(error))
            return False
        self.breaker.reset()
        return True

    async def _answer_provisionally(self) -> bool:
        """While the model is away: the playbook's answer for one problem that has none yet; it stays queued."""
        job = await self._store.claim(self._owner, self._lease, unanswered=True)
        if job is None:
            return False
        await self._postpone(job, self.breaker.reason or "the model is away", delay=0.0, counted=False)
        return True

    async def _ask(self, analyst: Analyst, job: PendingAnalysis) -> None:
        if job.attempts > self._attempts:  # the process died in mid-call again and again
            await self._give_up(job, f"no answer after {self._attempts} attempts")
            return
        started = time.monotonic()
        try:
            explanation = await analyst.explain(job.question)
        except ModelError as error:
            self._metrics.model_calls.labels(type(error).__name__).inc()
            await self._failed(analyst, job, error)
            return
        finally:
            self._metrics.model_seconds.observe(time.monotonic() - started)
        self._metrics.model_calls.labels("answered").inc()
        for direction, tokens in (("input", explanation.input_tokens), ("output", explanation.output_tokens)):
            self._metrics.model_tokens.labels(direction).inc(tokens or 0)
        self.breaker.answered()
        await self._finish(job, explanation)

    async def _failed(self, analyst: Analyst, job: PendingAnalysis, error: ModelError) -> None:
        """No answer: the provider's fault (pause, ask again later) or this question's (a bounded number of tries)."""
        reason = str(error)
        retry_after = error.retry_after if isinstance(error, ModelUnavailable) else None
        provider_at_fault = isinstance(error, ModelBusy)
        if not provider_at_fault and not isinstance(error, ModelAnswerError):
            try:
                await analyst.check()
            except ModelError as outage:
                provider_at_fault, reason = True, str(outage)
        if provider_at_fault:
            self.breaker.trip(reason, retry_after)
            await self._postpone(job, reason, delay=0.0, counted=False)
        elif job.attempts >= self._attempts:
            await self._give_up(job, reason)
        else:
            delay = retry_after or min(RETRY_FIRST * 2 ** (job.attempts - 1), RETRY_LAST)
            log.warning("no answer from the model, will ask again", analysis=job.id, reason=reason, seconds=delay)
            await self._postpone(job, reason, delay=delay, counted=True)

    async def _postpone(self, job: PendingAnalysis, reason: str, *, delay: float, counted: bool) -> None:
        provisional = None if job.provisional else self._playbook.explain(job.question)
        answer = await self._store.postpone(job, reason, delay, provisional, counted=counted)
        if answer is not None and provisional is not None:
            await self._tell(job, answer)

    async def _give_up(self, job: PendingAnalysis, reason: str) -> None:
        log.warning("the model gives no answer, the playbook's stands", analysis=job.id, reason=reason)
        await self._tell(job, await self._store.fail(job, reason, self._playbook.explain(job.question)))

    async def _finish(self, job: PendingAnalysis, explanation: Explanation) -> None:
        await self._tell(job, await self._store.finish(job, explanation))

    async def _tell(self, job: PendingAnalysis, answer: StoredAnalysis) -> None:
        self._metrics.analyses.labels(answer.rung).inc()
        latest = job.question.logs[0]
        try:
            subject = f"{ANALYSIS_SUBJECT}.{latest.severity}"
            await self._publisher.send(subject, announcement(latest, job.question.template, answer))
        except BrokerError as error:
            log.info("explanation not announced", analysis=answer.id, error=str(error))
        await self._explained(answer)
