"""The analyst that the settings name: where a provider is away or misconfigured, the next one is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from andon.core.errors import ModelError, ModelMisconfigured, ModelUnavailable
from andon.core.models import Explanation, Question
from andon.core.settings.providers import Member
from andon.core.settings.settings import Settings
from andon.explain.blame import Blame
from andon.explain.interfaces import Analyst, AskAgain
from andon.explain.model.analyst import ModelAnalyst
from andon.explain.model.history_tools import HistoryTools
from andon.explain.providers.registry import build_backends
from andon.explain.suggestions import Offer

log = structlog.get_logger(__name__)

#: Seconds that a member which failed is not asked; doubled with each further failure.
REST_FIRST, REST_LAST = 5.0, 300.0
#: The longest rest that a provider may ask for itself (Retry-After), in seconds.
REST_ASKED_LAST = 900.0


class _Member:
    """One provider and whether it rests. ``clock`` gives seconds and only moves forward."""

    def __init__(self, analyst: ModelAnalyst, clock: Callable[[], float]) -> None:
        self.analyst = analyst
        self._clock = clock
        self._rest = REST_FIRST
        self._until = 0.0
        self._blame = Blame()
        self.failure: ModelError | None = None

    @property
    def rests(self) -> bool:
        return self.failure is not None and self._clock() < self._until

    async def failed(self, question: int, error: ModelError) -> None:
        """Leave it alone for a while where it is away, but not for one question that it alone cannot answer."""
        if isinstance(error, ModelMisconfigured):
            try:
                await self.analyst.check()
            except ModelError as outage:
                error = outage
            else:
                if not self._blame.failed(question):
                    log.info(
                        "one question refused, the next provider is asked",
                        provider=self.analyst.provider,
                        reason=str(error),
                    )
                    return
        self._rest_for(error)

    def _rest_for(self, error: ModelError) -> None:
        asked = error.retry_after if isinstance(error, ModelUnavailable) else None
        pause = self._rest if asked is None else min(max(asked, REST_FIRST), REST_ASKED_LAST)
        self.failure = error
        self._until = self._clock() + pause
        self._rest = min(self._rest * 2, REST_LAST)
        name = self.analyst.provider
        log.warning("provider not available, the next one is asked", provider=name, seconds=pause, reason=str(error))

    def answered(self, question: int) -> None:
        """It answered, so it is well."""
        self._blame.answered(question)
        self.well()

    def well(self) -> None:
        """It passes its check."""
        if self.failure is not None:
            log.info("provider is back", provider=self.analyst.provider)
        self.failure = None
        self._rest = REST_FIRST


class FallbackAnalyst:
    """See :class:`andon.explain.interfaces.Analyst`; over several, best first. Belongs to one event loop.

    The first that does not rest is asked, and the next where it fails and a further call is granted. ``check`` asks
    those that rest too, and one that is well rests no longer. The configured provider is warmed up, the others when
    they are first asked; ``model``, ``identity`` and the rest that tells who it is are that one's too.
    A bad answer (ModelAnswerError) is an answer: nobody else is asked for another. A member that is away, or
    answers nobody, rests for a growing time, so that a dead provider does not cost its time-out with each question;
    where it fails at one question only, the next is asked that one.
    """

    def __init__(self, members: Sequence[ModelAnalyst], clock: Callable[[], float] = time.monotonic) -> None:
        if not members:
            raise ValueError("a fallback needs at least one member")
        self._members = [_Member(analyst, clock) for analyst in members]

    @property
    def provider(self) -> str:
        return self._next.provider

    @property
    def model(self) -> str:
        return self._next.model

    @property
    def _next(self) -> ModelAnalyst:
        return next((one for one in self._members if not one.rests), self._members[0]).analyst

    @property
    def analysts(self) -> list[ModelAnalyst]:
        """The members, best first."""
        return [member.analyst for member in self._members]

    @property
    def prompt_version(self) -> str:
        return self._next.prompt_version

    async def identity(self) -> str:
        return await self._next.identity()

    async def warm_up(self) -> None:
        await self._members[0].analyst.warm_up()

    async def explain(self, question: Question, again: AskAgain | None = None, *, choose: bool = False) -> Explanation:
        failure: ModelError | None = None
        asked = tokens = 0
        for member in self._members:
            if member.rests:
                continue
            if asked and again is not None and not await again():
                break
            asked += 1
            try:
                explanation = await member.analyst.explain(question, again, choose=choose)
            except (ModelUnavailable, ModelMisconfigured) as error:
                await member.failed(question.pattern_id, error)
                failure = error
                tokens += error.tokens
            else:
                member.answered(question.pattern_id)
                return explanation
        if failure is None:
            first = self._members[0].failure
            failure = ModelUnavailable(f"None of the providers in ANDON_FALLBACK answers; the first one said: {first}")
        failure.tokens = tokens
        raise failure

    async def check(self) -> None:
        failures: list[ModelError] = []
        for member in self._members:
            try:
                await member.analyst.check()
            except (ModelUnavailable, ModelMisconfigured) as error:
                failures.append(error)
            else:
                member.well()
                return
        raise failures[0]

    async def close(self) -> None:
        for member in self._members:
            await member.analyst.close()


def each_of(analyst: Analyst | None) -> list[Analyst]:
    """The analysts that ``analyst`` asks, each of them one model; none for None."""
    if isinstance(analyst, FallbackAnalyst):
        return [*analyst.analysts]
    return [] if analyst is None else [analyst]


def loads_model(analyst: Analyst | None) -> bool:
    """Whether the one that is asked first loads its model into memory of this machine when it is warmed up."""
    first = next(iter(each_of(analyst)), None)
    return isinstance(first, ModelAnalyst) and first.loads_model


def build_analyst(
    settings: Settings,
    look: Callable[[Question], HistoryTools | None] | None = None,
    *,
    members: Sequence[Member] | None = None,
    offers: Sequence[Offer] = (),
) -> Analyst | None:
    """The analyst for ``PROVIDER`` with its fallbacks, or for ``members``; None for PLAYBOOK, which needs no model.

    ``look`` makes the tools with which a model may look into the history while it explains a problem, ``offers`` is
    what it may suggest. Raises ConfigError as :func:`andon.explain.providers.registry.build_backends`.
    """
    analysts = [ModelAnalyst(backend, settings, look, offers) for backend in build_backends(settings, members)]
    return FallbackAnalyst(analysts) if len(analysts) > 1 else next(iter(analysts), None)
