"""Measuring models: one labelled case at a time, behind everything else, until what they are worth is decided."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import structlog

from andon.core.errors import ModelError, StoreError
from andon.core.models import Standing, now_text
from andon.core.settings.settings import Settings
from andon.core.telemetry import Metrics
from andon.explain.admission import Admission
from andon.explain.interfaces import Analyst
from andon.explain.trials.turns import BrokenOff, Turns
from andon.explain.trust import ModelTrust, Trust, known, trust_in
from andon.store import Ask, trials
from andon.store.trials import Candidate, Trial

if TYPE_CHECKING:
    from andon.explain.trials.bank import TrialCase

log = structlog.get_logger(__name__)

#: After a case that took so long the box belongs to others nine times as long: a tenth of its time is the examiner's.
REST = 9.0
#: While real questions go first: how often it is looked for a gap; and how often what others stored is read, without a
#: question and at most with one.
LOOK, RENEW, RENEW_SOON = 2.0, 10.0, 1.0
#: The weights behind a name are looked at before a question where that is so many seconds ago, and this often without
#: one; and so often at most where nobody told them when they were looked at last.
IDENTIFY_ASKED, IDENTIFY_IDLE, IDENTIFY_UNTOLD = 1.0, 10.0, 60.0
#: They are waited for so long: with a question waiting, and without one.
IDENTIFY_WITHIN, IDENTIFY_FIRST = 3.0, 60.0
#: A provider that cannot be asked is left alone so long, twice as long each time.
AWAY_FIRST, AWAY_LAST = 60.0, 3600.0


@dataclass(eq=False, repr=False)
class Examiner:
    """Measures ``analysts``, the configured one first, and tells ``trust`` what comes out.

    ``read`` and ``write`` lead to the database. ``pause`` waits some seconds, ``clock`` gives seconds.
    """

    settings: Settings
    analysts: Sequence[Analyst]
    read: Ask
    write: Ask
    trust: Trust
    admission: Admission
    turns: Turns
    metrics: Metrics
    _: KW_ONLY
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._look_at: dict[int, float] = {}
        self._told: set[int] = set()
        self._identities: dict[int, str] = {}
        self._rest_until = float("-inf")
        self._put_off: set[tuple[int, str]] = set()
        self._met: set[int] = set()  # analysts that were there once
        self._away: dict[int, tuple[float, float]] = {}
        self._renew_at = float("-inf")

    async def run(self) -> None:
        """Measure what is not measured yet, for ever."""
        self.turns.before, self.turns.renew = self.recognise, self.renew_soon
        while True:
            try:
                rest = await self._step()
            except StoreError as error:
                log.info("tests wait for the database", error=str(error))
                rest = RENEW
            await self.pause(rest)

    async def _step(self) -> float:
        """One case where there is a gap; the seconds until the next look."""
        await self.recognise(IDENTIFY_FIRST, IDENTIFY_IDLE)
        if self.clock() >= self._renew_at:
            await self.renew()
        if (rest := self._rest_until - self.clock()) > 0:
            return min(rest, RENEW)
        if self.settings.model_trust != "measured":
            return RENEW
        for number, analyst in enumerate(self.analysts):
            if self.clock() < self._away.get(number, (0.0, 0.0))[0]:
                continue
            trial = await self.next_case(analyst, [case for of, case in self._put_off if of == number])
            if trial is not None:
                if not await self._gap():
                    return LOOK
                rest = await self._take(number, analyst, trial)
                self._rest_until = self.clock() + rest
                return min(rest, RENEW)
        return RENEW

    async def _gap(self) -> bool:
        """Whether nothing real waits, and the budget has room."""
        admission = self.admission
        well = admission.breaker.closed and not admission.breaker.half_open
        if not well or not self.turns.free:
            return False
        return await self.read(trials.idle, time.time()) and await admission.budget.shortage() is None

    async def _take(self, number: int, analyst: Analyst, trial: TrialCase) -> float:
        started = self.clock()

        async def ask() -> None:
            nonlocal started
            started = self.clock()  # it has its turn
            await self.ask(analyst, trial)

        try:
            if number not in self._met:
                await analyst.check()  # for who is away nothing need be loaded
                self._met.add(number)
            await analyst.warm_up()  # once, and no time of the model's
            if await self.admission.budget.take() is not None:
                return LOOK
            await self.turns.background(ask)
        except BrokenOff:
            log.debug("test interrupted for a real question", case=trial.case.id)
        except ModelError as error:
            self._put_off.add((number, trial.case.id))
            pause = self._away.get(number, (0.0, AWAY_FIRST / 2))[1] * 2
            self._away[number] = self.clock() + min(pause, AWAY_LAST), min(pause, AWAY_LAST)
            log.info("model cannot be measured now", provider=analyst.provider, seconds=pause, reason=str(error))
            return LOOK
        else:
            self._away.pop(number, None)
        return REST * (self.clock() - started)

    async def ask(self, analyst: Analyst, trial: TrialCase) -> None:
        """Ask one case and store what came.

        Raises ModelError, and stores nothing, where that says nothing of the model. The first call is counted already.
        """

        from andon.explain.trials.trial import failed, judge, question_of

        async def again() -> bool:
            return await self.admission.budget.take() is None

        self.metrics.model_calls.labels("trial").inc()
        started = time.monotonic()
        question = await asyncio.to_thread(question_of, trial)
        read = written = None
        try:
            explanation = await analyst.explain(question, again)
        except ModelError as error:
            await self.admission.budget.used(error.tokens)
            said = await failed(analyst, error)
            if said is None:
                raise
            outcome = said.value
        else:
            read, written = explanation.input_tokens, explanation.output_tokens
            await self.admission.budget.used((read or 0) + (written or 0))
            instructions = self.settings.agent_instructions
            outcome = await asyncio.to_thread(judge, trial, question, explanation, instructions=instructions)
        self.metrics.trial_answers.labels(outcome.partition(" ")[0]).inc()
        answer = Trial(
            case_id=trial.case.id,
            outcome=outcome,
            answered_at=now_text(),
            input_tokens=read,
            output_tokens=written,
            seconds=round(time.monotonic() - started, 3),
        )
        await self.write(trials.add, await self.candidate(analyst), answer)
        await self.renew()

    async def next_case(self, analyst: Analyst, last: Container[str] = ()) -> TrialCase | None:
        """The case that this model is asked next, one of ``last`` only after all others; None where it is decided."""
        # as it stands now: somebody else may measure the same model
        who = await self.candidate(analyst)
        if not (await self.read(trust_in, self.settings, who)).testing:
            return None
        from andon.explain.trials.bank import trial_cases

        answered = {trial.case_id for trial in await self.read(trials.of, who)}
        left = [one for one in trial_cases() if one.case.id not in answered]
        return next((one for one in left if one.case.id not in last), left[0] if left else None)

    async def recognise(self, patience: float = IDENTIFY_WITHIN, every: float = IDENTIFY_ASKED) -> None:
        """Look at the weights behind the names where that is ``every`` seconds ago: other ones are measured anew.

        They are waited for ``patience`` seconds. Where nobody told them last time it is looked once a minute.
        """
        if self.settings.model_trust != "measured":
            return
        now = self.clock()
        due = [
            number
            for number in range(len(self.analysts))
            if now >= self._looked_at(number) + (every if number in self._told else IDENTIFY_UNTOLD)
        ]
        self._look_at |= dict.fromkeys(due, now)
        identities = await asyncio.gather(*(identity_of(self.analysts[number], patience) for number in due))
        changed = [await self._meet(number, told) for number, told in zip(due, identities, strict=True)]
        if any(changed):
            await self.renew()

    def _looked_at(self, number: int) -> float:
        return self._look_at.get(number, float("-inf"))

    async def _meet(self, number: int, identity: str) -> bool:
        """Note what is behind a name now; whether it is anything else than before."""
        (self._told.add if identity else self._told.discard)(number)
        if not identity or identity == self._identities.get(number):
            return False
        self._identities[number] = identity
        try:
            await self.write(trials.meet, _unidentified(self.analysts[number], identity), now_text())
        except StoreError as error:
            log.info("weights of a model could not be recorded", error=str(error))
        return True

    async def renew_soon(self) -> None:
        """:meth:`renew` where that is a second ago: others measure models, and technicians tell what they found."""
        if self.clock() >= self._renew_at - RENEW + RENEW_SOON:
            await self.renew()

    async def renew(self) -> None:
        """Read what is known of each model and rule, and tell it."""
        self._renew_at = self.clock() + RENEW
        models = [_unidentified(analyst) for analyst in self.analysts]
        before = {key: one.standing for key, one in self.trust.describe().items()}
        self.trust.learn(*await self.read(known, self.settings, models))
        for key, one in self.trust.describe().items():
            if before.get(key, one.standing) is not one.standing:
                log.info(f"model is {one.standing} now", provider=one.provider, model=one.model, reason=one.reason)
            self._show(one)

    def _show(self, one: ModelTrust) -> None:
        for standing in Standing:
            on = standing is one.standing
            self.metrics.model_standing.labels(one.provider, one.model, standing.value).set(on)
        self.metrics.model_trials.labels(one.provider, one.model).set(one.asked)
        self.metrics.model_trials_wanted.labels(one.provider, one.model).set(one.of if one.testing else one.asked)

    async def candidate(self, analyst: Analyst) -> Candidate:
        """What is measured of it now: with the weights that were met last."""
        who = _unidentified(analyst)
        met = await self.read(trials.identities, who.provider, who.model, who.prompt_version)
        return _unidentified(analyst, met[0]) if met else who


def _unidentified(analyst: Analyst, identity: str = "") -> Candidate:
    return Candidate(analyst.provider, analyst.model, analyst.prompt_version, identity)


async def identity_of(analyst: Analyst, patience: float) -> str:
    """What tells its weights from others behind the same name; "" where nobody knows, or says it in time."""
    try:
        async with asyncio.timeout(patience):
            return await analyst.identity()
    except TimeoutError:
        return ""
