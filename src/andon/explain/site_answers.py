"""What the site knows wins at once: problems are looked through whenever its runbooks and rules have changed.

An answer of the site needs no model, so it waits for none: not while the model is away, not behind what the model is
busy with, and not until a problem is asked about again. So it is with a rule that a model may not replace. The same
walk takes back a runbook's answer when the runbook is gone, and at the start what an older version showed of a model's
forbidden advice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from andon.core.errors import StoreError
from andon.core.models import Explanation, Question, Rung, Standing
from andon.core.models.explanations import question_about
from andon.explain import placing
from andon.explain.ladder import Ladder
from andon.explain.outcomes import Outcomes
from andon.store import queue

log = structlog.get_logger(__name__)

#: Problems that are looked at between two breaths of the loop, and rows of the queue in one step.
SLICE, STEP = 100, 20
AGAIN_AFTER = 5.0


@dataclass(eq=False, repr=False)
class SiteAnswers:
    """Belongs to one event loop. What it finds goes into ``outcomes``."""

    outcomes: Outcomes
    #: Open rows up to this id were compared with what the site knows now.
    _compared: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.store = self.outcomes.store

    @property
    def ladder(self) -> Ladder:
        """What the site knows now."""
        return self.outcomes.ladder

    def changed(self) -> None:
        """The site's runbooks, its rules, or what its models are worth are others than before."""
        self._compared = 0
        self._changed.set()

    async def run(self) -> None:
        """Look through all problems now and after each change, for ever."""
        first = True
        while True:
            self._changed.clear()
            try:
                await self._walk(first=first)
                first = False
            except StoreError as error:
                log.warning("problems not compared with the site's fixes and runbooks", error=str(error))
                await asyncio.sleep(AGAIN_AFTER)
                continue
            await self._changed.wait()

    async def answer_waiting(self) -> bool:
        """Answer what waits in the queue and the site knows, some rows further; False where all were looked at."""
        jobs = await self.store.read(queue.waiting_after, self._compared, STEP)
        for job in jobs:
            self._compared = max(self._compared, job.id)
            await self.outcomes.at_once(job)
        return bool(jobs)

    async def _walk(self, *, first: bool) -> None:
        after, answered = 0, 0
        while True:
            found, after = await self.store.read(queue.glances, after, SLICE)
            for glance in await asyncio.to_thread(self._worth, found, first):
                answered += await self._settle(glance, first)
            if not after:
                break
            await asyncio.sleep(0)
        if answered:
            log.info("problems answered again from the site's fixes and runbooks", problems=answered)

    def _worth(self, found: list[queue.Glance], first: bool) -> list[queue.Glance]:
        return [glance for glance in found if self._concerns(glance, first)]

    def _concerns(self, glance: queue.Glance, first: bool) -> bool:
        """Whether the problem is worth a closer look; from memory alone."""
        if glance.rung == Rung.RESOLUTION:
            return False
        books = self.ladder.runbooks
        if glance.rung == Rung.RUNBOOK or (books is not None and books.may_answer(glance.log)):
            return True
        if glance.rung == Rung.PLAYBOOK:
            compared = not first or self.ladder.own_rules() > 0
            return compared and self.ladder.rules(question_about(glance.log, "")).source != glance.source
        if _on_trial(glance):
            return placing.fits(self.ladder.rules(question_about(glance.log, "")))
        return first and glance.final and self._forbidden(glance) is not None

    async def _settle(self, glance: queue.Glance, first: bool) -> bool:
        """Show what the site knows of the problem; whether that was anything else than before."""
        question = await self.store.read(queue.question_about, glance.root)
        if question is None:
            return False
        await self.ladder.ready()
        known = self.ladder.known(question)
        if known is not None:
            if glance.final and (known.source, known.text) == (glance.source, glance.text):
                return False
            await self._show(question, known)
            return True
        if glance.rung == Rung.RUNBOOK:
            await self._withdraw(question, "runbook")
            return True
        if glance.rung == Rung.PLAYBOOK:
            return await self._renew_rule(glance, question)
        if _on_trial(glance) and placing.fits(self.ladder.rules(question)):
            return await self._put_rule_first(question)
        if first and self._forbidden(glance) is not None:
            await self._withdraw(question, "advice")
            return True
        return False

    async def _renew_rule(self, glance: queue.Glance, question: Question) -> bool:
        rule = self.ladder.rules(question)
        if rule.source == glance.source:
            return False
        if glance.final:
            prepared = await self.ladder.prepare(question)
            final = self.outcomes.final(prepared)
            if final is not None:
                await self._show(prepared, *final)
                return True
        await self._withdraw(question, "rule")
        return True

    async def _put_rule_first(self, question: Question) -> bool:
        """A rule fits by now, and the model whose answer is shown has not proved itself."""
        if self.outcomes.standing is Standing.QUALIFIED:
            return False
        prepared = await self.ladder.prepare(question)
        final = self.outcomes.final(prepared)
        if final is not None:
            await self._show(prepared, *final)
        return final is not None

    async def _show(self, question: Question, explanation: Explanation, second: bool = False) -> None:
        answer = await self.store.write(
            queue.answer_at_once, question, explanation, "site", self.outcomes.clock(), second=second
        )
        await self.outcomes.tell(question, answer)

    async def _withdraw(self, question: Question, reason: str) -> None:
        question = await self.ladder.prepare(question)
        instead = self.ladder.playbook(question)
        answer = await self.store.write(queue.withdraw, question.pattern_id, reason, instead)
        if answer is not None:
            await self.outcomes.tell(question, answer)

    @staticmethod
    def _forbidden(glance: queue.Glance) -> str | None:
        if glance.rung != Rung.MODEL or not glance.text:
            return None
        from andon.explain.advice import refusal_of  # once models have answered

        return refusal_of(Explanation(rung=Rung.MODEL, text=glance.text, finding=glance.finding))


def _on_trial(glance: queue.Glance) -> bool:
    """Whether the problem shows what a model says that has not proved itself."""
    return glance.final and glance.rung == Rung.MODEL and glance.source == Standing.ADVISORY
