"""Asking the cases: bounded, patient with a provider that is busy, and brief with one that is not there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

import msgspec
import structlog

from andon.core.errors import ModelAnswerError, ModelBusy, ModelMisconfigured, ModelUnavailable
from andon.core.models import Explanation, Question
from andon.explain.trials.cases import Case
from andon.explain.trials.questions import Questions

log = structlog.get_logger(__name__)

#: Asks one question. Raises ModelError.
Ask = Callable[[Question], Awaitable[Explanation]]

#: So many infrastructure errors without an answer between them end the run: the rest would fail alike.
GIVE_UP_AFTER = 8
#: A busy provider is asked again so often, waiting what it asks for, at most :data:`WAIT_MAX` seconds.
BUSY_RETRIES = 4
WAIT_MAX = 60.0


class Status(StrEnum):
    """What became of a case. Only the first two say something about the model's answers."""

    ANSWERED = "answered"
    UNUSABLE = "unusable"
    INFRASTRUCTURE = "infrastructure"
    SKIPPED = "skipped"


class Asked(msgspec.Struct):
    """A case that was asked, or not. ``latency`` is of the answered call, in seconds."""

    case: Case
    question: Question
    status: Status = Status.SKIPPED
    explanation: Explanation | None = None
    error: str | None = None
    latency: float | None = None
    tokens: int = 0


class Runner:
    """Asks cases, ``concurrency`` at a time. ``wait`` is how waiting is done (tests do not wait)."""

    def __init__(
        self,
        ask: Ask,
        *,
        concurrency: int = 1,
        questions: Questions | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ask = ask
        self._concurrency = concurrency
        self._questions = questions or Questions()
        self._wait = wait
        self._in_a_row = 0
        self._given_up = False
        self._workers: list[asyncio.Task[None]] = []

    def stop(self) -> None:
        """Ask no more: calls in flight are cancelled, and :meth:`run` returns with what there is."""
        self._given_up = True
        for worker in self._workers:
            worker.cancel()

    async def run(self, cases: Sequence[Case], done: Callable[[Asked], None] = lambda _: None) -> list[Asked]:
        """Every case's outcome in the order given; ``done`` is called as each ends.

        Where the provider refuses the configuration, or fails :data:`GIVE_UP_AFTER` times in a row, or :meth:`stop` is
        called, the cases that have no outcome yet are SKIPPED. Raises CaseError before anything is asked where a case
        is no valid log.
        """
        rows = [Asked(case, self._questions(case)) for case in cases]
        waiting = iter(rows)

        async def worker() -> None:
            for row in waiting:  # shared: each worker takes the next
                if not self._given_up:
                    await self._one(row)
                done(row)

        async with asyncio.TaskGroup() as group:
            self._workers = [group.create_task(worker()) for _ in range(min(self._concurrency, len(rows)))]
        return rows

    async def _one(self, row: Asked) -> None:
        started = time.perf_counter()
        try:
            row.explanation = await self._patiently(row)
        except ModelAnswerError as error:
            row.status, row.error, row.tokens = Status.UNUSABLE, str(error), error.tokens
            self._in_a_row = 0
        except (ModelUnavailable, ModelMisconfigured) as error:
            row.status, row.error, row.tokens = Status.INFRASTRUCTURE, str(error), error.tokens
            self._in_a_row += 1
            if isinstance(error, ModelMisconfigured) or self._in_a_row >= GIVE_UP_AFTER:
                self._given_up = True
            log.info("case not answered", case=row.case.id, error=str(error))
        else:
            row.status = Status.ANSWERED
            row.latency = row.explanation.latency
            if row.latency is None:
                row.latency = time.perf_counter() - started
            self._in_a_row = 0

    async def _patiently(self, row: Asked) -> Explanation:
        """Ask, and again while the provider is only busy. Raises ModelError."""
        for attempt in range(BUSY_RETRIES):
            try:
                return await self._ask(row.question)
            except ModelUnavailable as error:
                if not isinstance(error, ModelBusy) and error.retry_after is None:
                    raise
                pause = error.retry_after if error.retry_after is not None else 2.0**attempt
                log.info("provider is busy", case=row.case.id, seconds=pause)
                await self._wait(min(max(pause, 0.0), WAIT_MAX))
        return await self._ask(row.question)
