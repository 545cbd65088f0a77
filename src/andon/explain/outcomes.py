"""What becomes of a question: saved, announced and told to callers, whoever answered it or did not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from andon.bus.interfaces import Publisher
from andon.core.errors import BrokerError, StoreFull, StoreUnavailable
from andon.core.models import ANALYSIS_SUBJECT, Explanation, PendingAnalysis, Question, Standing, StoredAnalysis
from andon.core.telemetry import Metrics
from andon.explain import placing
from andon.explain.callers.payloads import announcement
from andon.explain.interfaces import Analyst
from andon.explain.ladder import Ladder, with_hints
from andon.explain.trust import Trust
from andon.store import Store, queue

log = structlog.get_logger(__name__)

#: An answer that the store cannot take now is kept and offered again, for as long as its lease lasts.
SAVE_AGAIN, SAVE_LONGEST = 1.0, 90.0


@dataclass(eq=False, repr=False)
class Outcomes:
    """Puts answers where they belong, by what the model that gave them is worth (``trust``).

    ``analyst`` None means that the playbook's answers are final. ``explained`` hears of each answer that is shown from
    now on. ``clock`` gives unix seconds. All raise StoreError.
    """

    store: Store
    publisher: Publisher
    analyst: Analyst | None
    ladder: Ladder
    trust: Trust
    metrics: Metrics
    explained: Callable[[StoredAnalysis], Awaitable[None]]
    clock: Callable[[], float] = time.time

    @property
    def standing(self) -> Standing:
        """What an answer of the model that the next question goes to is worth."""
        return Standing.QUALIFIED if self.analyst is None else self.trust.standing(*self._asked)

    @property
    def _asked(self) -> tuple[str, str]:
        return ("", "") if self.analyst is None else (self.analyst.provider, self.analyst.model)

    async def at_once(self, job: PendingAnalysis) -> bool:
        """Answer what needs no model: what the site knows, and a rule that a model may not replace."""
        known = self.ladder.known(job.question)
        if known is not None:
            await self.finish(job, known)
            return True
        await self.ladder.ready()
        ruled, standing = self.ladder.rules(job.question), self.standing
        if self.analyst is not None and not placing.settled(standing, ruled):
            return False
        job.question = await self.ladder.prepare(job.question)
        below = self.analyst is not None and placing.asked_below(standing, ruled)
        await self.finish(job, with_hints(ruled, job.question.hints), below)
        return True

    def final(self, question: Question) -> tuple[Explanation, bool] | None:
        """The playbook's answer in place of one that was final, and whether a second opinion is asked for; None where
        the model is to be asked anew."""
        ruled, standing = self.ladder.rules(question), self.standing
        if self.analyst is None or placing.fits(ruled) or placing.settled(standing, ruled):
            return with_hints(ruled, question.hints), self.analyst is not None and placing.asked_below(standing, ruled)
        return None

    def useless(self, job: PendingAnalysis) -> str | None:
        """Why nobody has a use for a second opinion by now; None where it is to be asked for."""
        if self.analyst is None or self.trust.blind:
            return "second opinions are no longer requested"
        if self.standing is Standing.UNFIT and placing.fits(self.ladder.rules(job.question)):
            return f"{self.analyst.model} is unfit, and a rule fits"
        return None

    async def place(self, job: PendingAnalysis, explanation: Explanation) -> None:
        """Put a model's answer that passed the gate where it belongs; the tokens that it took are counted with it."""
        provider, model = self._asked
        standing = self.trust.standing(explanation.provider or provider, explanation.model or model)
        hints = job.question.hints
        if job.second_of is not None:
            await self._save(queue.finish_second, job, placing.second_opinion(explanation, standing), self.clock())
            self.metrics.second_opinions.inc()
            return
        if standing is Standing.QUALIFIED:
            await self.finish(job, with_hints(explanation, hints))
            return
        ruled = self.ladder.rules(job.question)
        if placing.settled(standing, ruled):  # the model was not the one that was to be asked, or is found unfit
            await self.finish(job, with_hints(ruled, hints), placing.second_opinion(explanation, standing))
            self.metrics.second_opinions.inc()
        else:
            await self.finish(job, with_hints(placing.labelled(explanation, ruled, standing), hints))

    async def finish(self, job: PendingAnalysis, explanation: Explanation, second: Explanation | bool = False) -> None:
        """Save and tell. ``second`` is what stands below it, True where that is to be asked for."""
        await self.tell(job.question, await self._save(queue.finish, job, explanation, self.clock(), second))

    async def _save(self, work: Callable[..., Any], *args: Any) -> Any:
        """While the store has no room the answer is kept: it may have cost a call."""
        until = time.monotonic() + SAVE_LONGEST
        while True:
            try:
                return await self.store.write(work, *args)
            except (StoreFull, StoreUnavailable):
                if time.monotonic() >= until:
                    raise
                await asyncio.sleep(SAVE_AGAIN)

    async def meanwhile(self, job: PendingAnalysis) -> None:
        """An answer for now for a problem that is with the model for long."""
        job.provisional = True
        answer = await self.store.write(queue.show_meanwhile, job, self.ladder.playbook(job.question))
        if answer is not None:
            await self.tell(job.question, answer)

    async def postpone(self, job: PendingAnalysis, reason: str, *, delay: float, counted: bool) -> bool:
        """Put the row back; True where it got a provisional answer just now."""
        provisional = None if job.provisional else self.ladder.playbook(job.question)
        answer = await self.store.write(queue.postpone, job, reason, self.clock() + delay, provisional, counted=counted)
        if answer is None:
            return False
        await self.tell(job.question, answer)
        return True

    async def give_up(self, job: PendingAnalysis, reason: str, refused: Explanation | None = None) -> None:
        """The playbook's answer stands; ``refused`` is what the model said and nobody is shown."""
        if job.second_of is not None:
            log.warning("no second opinion", analysis=job.id, reason=reason)
            await self.store.write(queue.end_second, job, reason, refused)
            return
        log.warning("the model gives no answer, the playbook's stands", analysis=job.id, reason=reason)
        if refused is not None:
            await self.store.write(queue.keep_refused, job, refused, reason)
        fallback = self.ladder.playbook(job.question)
        await self.tell(job.question, await self.store.write(queue.fail, job, reason, fallback, self.clock()))

    async def tell(self, question: Question, answer: StoredAnalysis) -> None:
        """Announce what is shown from now on, unless only the past asked for it, and answer who waits for it."""
        self.metrics.analyses.labels(answer.rung).inc()
        if not queue.is_late(answer.score):
            await self._announce(question, answer)
        await self.explained(answer)

    async def _announce(self, question: Question, answer: StoredAnalysis) -> None:
        latest = question.logs[0]
        try:
            subject = f"{ANALYSIS_SUBJECT}.{latest.severity}"
            await self.publisher.send(subject, announcement(latest, question.template, answer))
        except BrokerError as error:
            log.info("explanation not published", analysis=answer.id, error=str(error))
