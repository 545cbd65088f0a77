"""Whether, and how many at once, questions may go to the model now: breaker, concurrency and budget.

The breaker opens when the provider is away, busy or refuses us, and half closes when a probe (the analyst's ``check``)
succeeds after the pause: then one question at a time goes out until one comes back. Pauses double up to a limit; a
provider that names its own pause gets it. Concurrency is additive increase, multiplicative decrease. Budgets are
rolling windows that the store counts, so that no restart and no crash forgets a call.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Callable

import structlog

from andon.core.settings.settings import Settings
from andon.explain.blame import Blame
from andon.store import Ask, queue

log = structlog.get_logger(__name__)

PAUSE_FIRST, PAUSE_LAST = 2.0, 30.0
PAUSE_ASKED_LAST = 900.0
#: One question more at once has to bring this share of what it would bring a provider with room for it; else the others
#: only wait longer, as at a server that answers one at a time.
WORTH = 0.5
#: A round of answers this many times slower than the best one of as many at once asks for less.
SLOW = 1.7
#: The best round seen counts a little worse with each round: prompts and machines change.
_FORGET = 1.02
#: Rounds to stay at a limit after it was lowered: doubled each time, so that a full provider is seldom tried again.
_REST_FIRST, _REST_LAST = 2, 64
#: The share of a budget of calls that is kept for CRITICAL problems never seen before.
RESERVE = 0.1
HOUR, DAY = 3600.0, 86400.0


class Breaker:
    """State of the way to one provider. ``clock`` gives seconds and only moves forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause = PAUSE_FIRST
        self._until = 0.0
        self._opened = 0.0
        self.reason: str | None = None
        #: After a probe and before an answer: one question at a time.
        self.half_open = False

    @property
    def closed(self) -> bool:
        """Whether questions may go out."""
        return self.reason is None

    @property
    def open_for(self) -> float:
        """For how many seconds no question goes out any more, 0 where they do."""
        return 0.0 if self.reason is None else self._clock() - self._opened

    @property
    def probe_due(self) -> float:
        """Seconds until the next probe makes sense, 0 where it does now."""
        return max(0.0, self._until - self._clock())

    def trip(self, reason: str, retry_after: float | None = None) -> None:
        """The provider is away, busy or refuses: no question for a while."""
        now = self._clock()
        pause = self._pause if retry_after is None else min(max(retry_after, 0.1), PAUSE_ASKED_LAST)
        if self.reason is None:
            log.warning("model not available, the playbook answers meanwhile", reason=reason)
            self._opened = now
        elif now < self._until:  # a question that was under way when another one opened the breaker: no news
            if retry_after is not None:
                self._until = max(self._until, now + pause)
            return
        self._until = now + pause
        self.reason = reason
        self.half_open = False
        self._pause = min(self._pause * 2, PAUSE_LAST)

    def answered(self) -> None:
        """A question was answered: all is well."""
        self._pause = PAUSE_FIRST
        self.half_open = False

    def reset(self) -> None:
        """A probe succeeded: a question may go out again. The next pause stays long until one is answered."""
        if self.reason is not None:
            log.info("model is back")
            self.half_open = True
        self.reason = None


class Budget:
    """Model calls and tokens against the limits in the settings (``ANDON_BUDGET_…``).

    They are counted in the database that ``read`` and ``write`` lead to. ``clock`` gives unix seconds.

    A part of each limit of calls (``RESERVE``, rounded down) is only for urgent questions. Tokens are known after the
    call, so the calls that run at the moment may go beyond their limit.
    """

    def __init__(self, read: Ask, write: Ask, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._read = read
        self._write = write
        self._settings = settings
        self._clock = clock
        self._taking = asyncio.Lock()
        #: What is left by limit (``calls_hour``, …) when it was last looked at.
        self.left: dict[str, int] = {}
        #: Why ordinary questions are not asked now, None where they are.
        self.exhausted: str | None = None

    async def shortage(self, *, urgent: bool = False) -> str | None:
        """Why the next question may not be asked, None where it may. Raises StoreError."""
        ordinary, reserved = await self._look()
        return reserved if urgent else ordinary

    async def take(self, *, urgent: bool = False) -> str | None:
        """Count one call, before it is made; where there is none left, count nothing and say why. Raises StoreError."""
        async with self._taking:
            shortage = await self.shortage(urgent=urgent)
            if shortage is None:
                await self._write(queue.spend, 1, 0, self._clock())
            return shortage

    async def used(self, tokens: int) -> None:
        """A call took so many tokens. Raises StoreError."""
        if tokens > 0:
            await self._write(queue.spend, 0, tokens, self._clock())

    async def _look(self) -> tuple[str | None, str | None]:
        """Why an ordinary, and why an urgent question may not be asked."""
        ordinary: str | None = None
        reserved: str | None = None
        for span, name in ((HOUR, "hour"), (DAY, "day")):
            calls, tokens = (getattr(self._settings, f"budget_{what}_{name}") for what in ("calls", "tokens"))
            if not calls and not tokens:
                continue
            spent = await self._read(queue.spent, self._clock() - span)
            if calls:
                kept = int(calls * RESERVE)
                self.left[f"calls_{name}"] = max(0, calls - spent.calls)
                if spent.calls >= calls:
                    reserved = _used_up("calls", name, spent.calls, calls)
                if spent.calls >= calls - kept:
                    note = f"; {calls - spent.calls} reserved for new CRITICAL problems" if spent.calls < calls else ""
                    ordinary = _used_up("calls", name, spent.calls, calls, note)
            if tokens:
                self.left[f"tokens_{name}"] = max(0, tokens - spent.tokens)
                if spent.tokens >= tokens:
                    ordinary = reserved = _used_up("tokens", name, spent.tokens, tokens)
        self._tell(ordinary)
        return ordinary, reserved

    def _tell(self, ordinary: str | None) -> None:
        if ordinary is not None and self.exhausted is None:
            log.warning("model budget used up, the playbook answers meanwhile", reason=ordinary)
        elif ordinary is None and self.exhausted is not None:
            log.info("model budget is available again")
        self.exhausted = ordinary


def _used_up(what: str, name: str, spent: int, limit: int, note: str = "") -> str:
    return (
        f"The model's budget is used up ({spent} of {limit} {what} in the last {'24 hours' if name == 'day' else name}"
        f"{note}): wait, or raise ANDON_BUDGET_{what.upper()}_{name.upper()}."
    )


class Admission:
    """How many questions may be with the model at once. ``first`` is where it starts, ``most`` the bound."""

    def __init__(self, budget: Budget, breaker: Breaker | None = None, *, first: int = 1, most: int = 4) -> None:
        self.budget = budget
        self.breaker = breaker or Breaker()
        self.blame = Blame()
        self.running = 0
        self._most = max(1, most)
        self._allowed = min(max(1, first), self._most)
        #: By number at once: seconds of the best round, and answers a second of the latest two or more.
        self._best: dict[int, float] = {}
        self._rates: dict[int, float] = {}
        self._round: list[float] = []
        self._rest = 0
        self._rest_next = _REST_FIRST

    @property
    def limit(self) -> int:
        """Questions that may run at once now; 0 while the breaker is open."""
        if not self.breaker.closed:
            return 0
        return 1 if self.breaker.half_open else self._allowed

    @property
    def free(self) -> bool:
        """Whether another question may go out now, as far as room goes."""
        return self.running < self.limit

    @property
    def unavailable(self) -> bool:
        """Whether an ordinary question has to wait for longer than a caller would: model away, or budget used up."""
        return not self.breaker.closed or self.budget.exhausted is not None

    def answered(self, question: int, seconds: float) -> None:
        """An answer came after ``seconds``. Only where every place was taken does that say anything about the limit."""
        full = self.running >= self._allowed
        self.alive(question)
        if full:
            self._round.append(seconds)
        if len(self._round) >= max(2, self._allowed):
            pace, self._round = statistics.median_high(self._round), []
            self._judge(pace)

    def alive(self, question: int) -> None:
        """The provider answered, with an explanation or with nonsense: it is there."""
        self.blame.answered(question)
        self.breaker.answered()

    def failed(self, question: int, reason: str) -> bool:
        """A question came to nothing (refused, 500, timeout, broken off) although the provider says that it is well;
        whether that is the provider's fault all the same.

        The first one after an outage lets the provider rest again, whoever is at fault.
        """
        provider = self.blame.failed(question)
        self._lower()
        if provider or self.breaker.half_open:
            self.breaker.trip(f"No question to the model is allowed now. {reason}" if provider else reason)
        return provider

    def away(self, question: int, reason: str, retry_after: float | None = None, *, busy: bool = False) -> bool:
        """The provider is away, busy or refuses us, after this question; whether the question is at fault for that."""
        self._lower()
        self.breaker.trip(reason, retry_after)
        return self.blame.away(question, busy=busy)

    def _judge(self, pace: float) -> None:
        """One more at once while that brings more answers a second; back where it does not, half where they grow slow.

        The first round at a number only says what to compare with: a model that had to be loaded first, or had
        nothing of the prompt in its memory, is no measure.
        """
        at, known = self._allowed, self._allowed in self._rates
        rate = at / pace if pace > 0 else math.inf
        self._rates[at] = (self._rates[at] + rate) / 2 if known and at > 1 else rate
        self._best[at] = min(self._best.get(at, pace) * _FORGET, pace)
        if pace > self._best[at] * SLOW:
            self._lower()
        elif at - 1 in self._rates and rate < self._rates[at - 1] * (1 + WORTH / (at - 1)):
            self._lower(at - 1)
        elif self._rest > 0:
            self._rest -= 1
        elif known and at < self._most:
            self._allowed += 1
            log.debug("one more question at once", limit=self._allowed, seconds=round(pace, 3))

    def _lower(self, to: int | None = None) -> None:
        self._round = []
        if self._allowed > 1:
            self._allowed = self._allowed // 2 if to is None else to
            self._rest = self._rest_next
            self._rest_next = min(self._rest_next * 2, _REST_LAST)
            log.debug("fewer questions at once", limit=self._allowed)
