"""Analyze: claim the most urgent waiting problem, climb the ladder of answers, save, announce, answer callers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from andon.bus.interfaces import Publisher
from andon.core.errors import ModelAnswerError, ModelError, StoreError
from andon.core.models import CALLER_PATIENCE, Explanation, PendingAnalysis, Severity, StoredAnalysis
from andon.core.settings.settings import DEFAULT_INSTRUCTIONS
from andon.core.telemetry import Metrics
from andon.core.waiting import woken
from andon.explain.admission import Admission
from andon.explain.interfaces import Analyst
from andon.explain.ladder import Ladder
from andon.explain.outcomes import Outcomes
from andon.explain.site_answers import SiteAnswers
from andon.explain.trials.turns import Turns
from andon.explain.trust import Trust
from andon.explain.verdict import verdict_on
from andon.ingest.pictures.fetcher import QuestionPictures
from andon.store import Store, queue

if TYPE_CHECKING:
    from andon.explain.gate import Fault
    from andon.explain.suggestions import Suggestions

log = structlog.get_logger(__name__)

#: While anything waits the queue is looked at this often, in seconds; else after a change, when the next row is due,
#: and after :data:`QUIET`.
POLL = 1.0
QUIET = 60.0
#: A claim is ours this much longer than the longest model call, in seconds: it begins when it is asked for, and the
#: store may take a minute to write it.
LEASE_MARGIN = 90.0
RETRY_FIRST, RETRY_LAST = 5.0, 300.0
#: A question that came to nothing stays behind all others for so long, in seconds.
BEHIND = 300.0
#: An answer that fails the gate by its form is asked for so often; what it says is never asked for twice.
REPAIRED = 2
#: While the budget leaves only the reserve: how often waiting rows with a provisional answer are looked through.
REVIEW = 10.0
#: Questions are with the model and none came back for so long: nobody should see nothing any longer, in seconds.
SILENCE = CALLER_PATIENCE


@dataclass(eq=False, repr=False)
class Analyzer:
    """Works the queue of pending analyses, as many questions at once as ``admission`` lets through.

    ``analyst`` None means that the playbook is the configured provider and its answers are final. What an answer of a
    model is worth says ``trust``; ``instructions`` are those that it was given. What the first question needs is loaded
    when one waits, where ``eager`` with the start. ``clock`` gives unix seconds, the time
    in which leases and pauses are kept.
    """

    store: Store
    publisher: Publisher
    analyst: Analyst | None
    ladder: Ladder
    trust: Trust
    admission: Admission
    metrics: Metrics
    _: KW_ONLY
    owner: str
    attempts: int
    deadline: float
    explained: Callable[[StoredAnalysis], Awaitable[None]]
    pictures: QuestionPictures | None = None
    suggestions: Suggestions | None = None
    instructions: str = DEFAULT_INSTRUCTIONS
    turns: Turns = field(default_factory=Turns)
    eager: bool = False
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._wake = asyncio.Event()
        self._review_at = 0.0
        self._in_hand: dict[int, PendingAnalysis] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._gave_way: set[int] = set()
        self._heard = 0.0
        self._stranded = False
        self._settling = self._warm = False
        self._doubted = self.trust.doubted
        self._behind: dict[int, float] = {}
        self.outcomes = Outcomes(
            self.store,
            self.publisher,
            self.analyst,
            self.ladder,
            self.trust,
            self.metrics,
            self.explained,
            self.clock,
        )
        self.site = SiteAnswers(self.outcomes)
        self.trust.told = self.wake

    def wake(self) -> None:
        """Something new waits."""
        self._wake.set()

    def site_changed(self) -> None:
        """The site's own runbooks and rules are others than before."""
        self.site.changed()
        self.wake()

    async def settle(self, seconds: float) -> None:
        """Before the end: take up nothing more, and give what is with the model ``seconds`` to come back.

        A call that is broken off has been made all the same, and is made again after the next start.
        """
        self._settling = True
        if self.admission.running:
            log.info("waiting for answers in progress", questions=self.admission.running, seconds=seconds)
        until = time.monotonic() + seconds
        while self.admission.running and (left := until - time.monotonic()) > 0:
            self._wake.clear()
            await woken(self._wake, left)

    async def run(self) -> None:
        """Explain what waits, for ever. What is in hand when this is cancelled goes back to the queue."""
        self.admission.running = 0
        self._in_hand.clear()
        self._gave_way.clear()
        await self.store.write(queue.release, self.owner)
        if self.eager:
            await self._load()
        try:
            async with asyncio.TaskGroup() as group:
                await self._work(group)
        finally:
            try:
                await asyncio.shield(self.store.write(queue.release, self.owner, counted=False))
            except StoreError as error:
                log.warning("problems being explained stay reserved until their lease ends", error=str(error))

    async def _work(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            seen, quiet = self.store.news.count, 0.0
            try:
                while await self._step(group):
                    pass
                pause, quiet = POLL, await self._quiet()
            except StoreError as error:
                log.warning("queue cannot be read", error=str(error))
                self._stranded = True
                pause = RETRY_FIRST
            self._show()
            if self.trust.doubted != self._doubted:  # such rules answer no more, or do again
                self._doubted = self.trust.doubted
                self.site.changed()
            if not self.admission.breaker.closed:
                probe = max(self.admission.breaker.probe_due, 0.05)
                pause, quiet = min(pause, probe), min(quiet, probe)
            if not await woken(self._wake, pause) and quiet > pause:
                await self.store.news.rest(seen, quiet - pause, self._wake)

    async def _quiet(self) -> float:
        """For how many seconds nothing is to be done unless somebody changes something."""
        if self.admission.running or self.store.news.blind:
            return 0.0
        due = await self.store.read(queue.next_due)
        return QUIET if due is None else min(due - self.clock(), QUIET)

    def _show(self) -> None:
        admission, metrics = self.admission, self.metrics
        metrics.model_limit.set(admission.limit if self.analyst is not None else 0)
        metrics.model_running.set(admission.running)
        metrics.model_away.set(0 if admission.breaker.closed else 1)
        metrics.budget_exhausted.set(0 if admission.budget.exhausted is None else 1)
        for name, left in admission.budget.left.items():
            metrics.budget_left.labels(name).set(left)

    async def _step(self, group: asyncio.TaskGroup) -> bool:
        """One unit of work; False where there is none now."""
        if self._settling:
            return False
        if self._stranded and not self.admission.running:  # rows that a failing store would not take back
            await self.store.write(queue.release, self.owner, counted=False)
            self._stranded = False
        if self.analyst is None:
            return await self._answer_alone()
        if not self.admission.breaker.closed and not await self._probe(self.analyst):
            away = self.admission.breaker.reason or "the model is away"
            # what has no answer at all goes first: it is compared with what the site knows on the way
            return await self._answer_provisionally(away) or await self.site.answer_waiting()
        silent = self._in_hand and time.monotonic() - self._heard >= SILENCE
        if silent and await self._answer_in_hand():
            return True
        if not self.admission.free:
            reason = f"the model has not answered for {SILENCE:g} s" if silent else ""
            if self.admission.breaker.half_open:
                reason = "the model was not available and is being tried with another problem"
            if reason and await self._answer_provisionally(reason):
                return True
            return await self.site.answer_waiting() or await self._make_room()
        shortage = await self.admission.budget.shortage()
        if shortage is not None:
            return await self._answer_from_reserve(group, self.analyst, shortage)
        job = await self._claim()
        if job is not None:
            await self._take_up(group, self.analyst, job)
        return job is not None

    async def _claim(self, *, unanswered: bool = False, seconds: bool = True) -> PendingAnalysis | None:
        if not self._warm and not await self._warm_up():
            return None
        now = self.clock()
        self._behind = {row: until for row, until in self._behind.items() if until > now}
        lease = self.deadline + LEASE_MARGIN
        job = await self.store.write(
            queue.claim, self.owner, lease, now, unanswered=unanswered, seconds=seconds, behind=list(self._behind)
        )
        if job is not None and self.turns.renew is not None:  # what becomes of it hangs on what the model is worth
            await self.turns.renew()
        return job

    async def _warm_up(self) -> bool:
        """Load what the first answer needs once something waits; False where nothing does.

        That is before the first claim: what comes up while libraries load is still sorted by urgency.
        """
        if not await self.store.read(queue.anything_waits):
            return False
        await self._load()
        return True

    async def _load(self) -> None:
        await self.outcomes.ladder.ready()
        if self.analyst is not None:
            await self.analyst.warm_up()
        self._warm = True

    async def _answer_alone(self) -> bool:
        """Without a model: what the site knows, else the playbook; both final."""
        job = await self._claim()
        if job is None:
            return False
        if job.second_of is None:
            await self.outcomes.at_once(job)
        else:
            await self._end_useless(job)
        return True

    async def _end_useless(self, job: PendingAnalysis) -> bool:
        """End a second opinion that nobody has a use for; False where it is to be asked for."""
        why = self.outcomes.useless(job)
        if why is not None:
            await self.store.write(queue.end_second, job, why, wanted=False)
        return why is not None

    async def _probe(self, analyst: Analyst) -> bool:
        breaker = self.admission.breaker
        if breaker.probe_due > 0:
            return False
        try:
            await analyst.check()
        except ModelError as error:
            breaker.trip(str(error))
            return False
        breaker.reset()
        return True

    async def _answer_provisionally(self, reason: str) -> bool:
        """While the model is away: an answer for one problem that has none yet; without the model it stays queued."""
        job = await self._claim(unanswered=True)
        return job is not None and await self._answer_for_now(job, reason)

    async def _answer_in_hand(self) -> bool:
        """An answer for now for one problem that is with the model for long; False where each has one."""
        for job in self._in_hand.values():
            if not job.provisional:
                await self.outcomes.meanwhile(job)
                return True
        return False

    async def _make_room(self) -> bool:
        """Break a second opinion off, each once at most, where a question waits that only the model can answer."""
        opinions = [row for row, job in self._in_hand.items() if job.second_of is not None]
        if not opinions or not self._gave_way.isdisjoint(opinions):
            return False
        if not await self.store.read(queue.question_waits, self.clock()):
            return False
        task = self._tasks.get(opinions[0])
        if task is None:  # it ended while the store was asked
            return False
        self._gave_way.add(opinions[0])
        return task.cancel()

    async def _answer_from_reserve(self, group: asyncio.TaskGroup, analyst: Analyst, shortage: str) -> bool:
        """While the budget is used up but for its reserve: the model for what is urgent, the playbook for the rest."""
        reserve = await self.admission.budget.shortage(urgent=True) is None
        review = reserve and time.monotonic() >= self._review_at
        if review:
            self._review_at = time.monotonic() + REVIEW
        job = await self._claim(unanswered=not review, seconds=False)
        if job is None:
            return await self.site.answer_waiting() or review
        if reserve and _is_urgent(job):
            await self._take_up(group, analyst, job)
            return True
        return await self._answer_for_now(job, shortage) or review

    async def _answer_for_now(self, job: PendingAnalysis, reason: str) -> bool:
        """Answer what needs no model, or provisionally; False where the row shows something already."""
        if await self.outcomes.at_once(job):
            return True
        job.question = await self.outcomes.ladder.prepare(job.question)
        return await self.outcomes.postpone(job, reason, delay=0.0, counted=False)

    async def _take_up(self, group: asyncio.TaskGroup, analyst: Analyst, job: PendingAnalysis) -> None:
        """Answer what needs no model, or start a question to the model; the call is counted before it is made."""
        if await (self.outcomes.at_once(job) if job.second_of is None else self._end_useless(job)):
            return
        job.question = await self.outcomes.ladder.prepare(job.question, for_model=True)
        if job.attempts > self.attempts:  # the process died in mid-call again and again
            await self._give_up(job, f"no answer after {self.attempts} attempts")
            return
        if self._settling:  # it goes back to the queue
            return
        shortage = await self.admission.budget.take(urgent=_is_urgent(job))
        if shortage is not None:
            await self.outcomes.postpone(job, shortage, delay=0.0, counted=False)
            return
        if not self.admission.running:
            self._heard = time.monotonic()
        self.admission.running += 1
        self._in_hand[job.id] = job
        self._tasks[job.id] = group.create_task(self._hold_place(analyst, job), name=f"analysis-{job.id}")
        self._show()

    async def _hold_place(self, analyst: Analyst, job: PendingAnalysis) -> None:
        try:
            await self._ask_or_give_way(analyst, job)
        except StoreError as error:
            log.warning("answer not saved, the model will be asked again", analysis=job.id, error=str(error))
            self._stranded = True
        finally:
            self.admission.running -= 1
            self._in_hand.pop(job.id, None)
            self._tasks.pop(job.id, None)
            self._heard = time.monotonic()
            self._wake.set()

    async def _ask_or_give_way(self, analyst: Analyst, job: PendingAnalysis) -> None:
        task = asyncio.current_task()
        try:
            await self._ask(analyst, job)
        except asyncio.CancelledError:
            if task is None or job.id not in self._gave_way or task.cancelling() > 1:
                raise
            task.uncancel()
            self.metrics.model_calls.labels("gave way").inc()
            await self.outcomes.postpone(job, "a question that somebody waits for came first", delay=0.0, counted=False)

    async def _ask(self, analyst: Analyst, job: PendingAnalysis) -> None:
        async def again() -> bool:
            try:
                granted = await self.admission.budget.take(urgent=_is_urgent(job)) is None
            except StoreError:
                return False
            if granted:
                self.metrics.model_calls.labels("again").inc()
            return granted

        if self.pictures is not None:
            job.question = await self.pictures.attach(job.question)
        started = time.monotonic()
        try:
            async with self.turns.real(behind=job.reason == "second"):
                choose = self.trust.chooses(analyst.provider, analyst.model)
                explanation = await analyst.explain(job.question, again, choose=choose)
        except ModelError as error:
            self.metrics.model_calls.labels(type(error).__name__).inc()
            await self._spend_tokens(error.tokens)
            await self._failed(analyst, job, error)
            return
        finally:
            self.metrics.model_seconds.observe(time.monotonic() - started)
        for direction, tokens in (("input", explanation.input_tokens), ("output", explanation.output_tokens)):
            self.metrics.model_tokens.labels(direction).inc(tokens or 0)
        await self._examine(analyst, job, explanation, time.monotonic() - started)

    @staticmethod
    def _fault(*asked: Any, **named: Any) -> Fault | None:
        from andon.explain.gate import fault  # with the first answer of a model, in a thread

        return fault(*asked, **named)

    async def _examine(self, analyst: Analyst, job: PendingAnalysis, explanation: Explanation, seconds: float) -> None:
        """An answer came: it goes where it belongs once it passed the gate."""
        ruled, blind = self.outcomes.ladder.rules(job.question), self.trust.blind
        found = await asyncio.to_thread(
            self._fault, job.question, explanation, ruled, blind=blind, instructions=self.instructions
        )
        if found is None:
            self.admission.answered(job.pattern_id, seconds)
            self.metrics.model_calls.labels("answered").inc()
            try:
                await self.outcomes.place(job, explanation)
            except StoreError:
                await self._spend_tokens(explanation.tokens)
                raise
            if self.suggestions is not None:
                await self.suggestions.consider(job, explanation)
            return
        await self._spend_tokens(explanation.tokens)
        self.metrics.model_calls.labels("refused").inc()
        self.metrics.answers_refused.labels(found.kind).inc()
        if found.kind == "advice":
            self.metrics.advice_refused.inc()
        reason = f"The answer of {explanation.model or analyst.model} {found.reason}"
        if found.repairable and job.attempts < min(REPAIRED, self.attempts):
            await self._failed(analyst, job, ModelAnswerError(f"{reason}: choose another model if this continues."))
            return
        self.admission.answered(job.pattern_id, seconds)
        log.warning("answer refused", analysis=job.id, reason=reason)
        await self._give_up(job, reason, explanation)

    async def _spend_tokens(self, tokens: int) -> None:
        try:
            await self.admission.budget.used(tokens)
        except StoreError as error:  # the answer matters more than its price
            log.warning("token use not counted", tokens=tokens, error=str(error))

    async def _failed(self, analyst: Analyst, job: PendingAnalysis, error: ModelError) -> None:
        """No answer: the provider's fault (pause, ask again later) or this question's (a bounded number of tries)."""
        verdict = await verdict_on(self.admission, analyst, job.pattern_id, error)
        self._behind[job.id] = self.clock() + BEHIND
        if not verdict.counted:
            await self.outcomes.postpone(job, verdict.reason, delay=0.0, counted=False)
        elif job.attempts >= self.attempts:
            await self._give_up(job, verdict.reason)
        else:
            delay = verdict.retry_after or min(RETRY_FIRST * 2 ** (job.attempts - 1), RETRY_LAST)
            reason = verdict.reason
            log.warning("no answer from the model, Andon asks again", analysis=job.id, reason=reason, seconds=delay)
            await self.outcomes.postpone(job, reason, delay=delay, counted=True)

    async def _give_up(self, job: PendingAnalysis, reason: str, refused: Explanation | None = None) -> None:
        self._behind.pop(job.id, None)
        await self.outcomes.give_up(job, reason, refused)


def _is_urgent(job: PendingAnalysis) -> bool:
    """A CRITICAL problem that was never explained: what the budget's reserve is for."""
    return job.question.worst_severity == Severity.CRITICAL and job.reason == "new" and not job.late
