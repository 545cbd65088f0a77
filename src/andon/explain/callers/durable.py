"""Callers that named a ``Reply-To`` subject: they are kept in the database and answered from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass

import structlog

from andon.bus.interfaces import Publisher
from andon.core.errors import BrokerError, BrokerUnavailable
from andon.core.models import StoredAnalysis, StoredLog, StoredReject, Waiter
from andon.core.telemetry import Metrics
from andon.explain.callers import payloads
from andon.explain.callers.fallback_reply import Fallback
from andon.store import Store, queue, recording

log = structlog.get_logger(__name__)

BATCH = 100
#: A caller that does not listen is tried again every so many seconds, for as long as the stream keeps a log.
RETRY = 2.0
FORGOTTEN_AFTER = 24 * 3600.0
#: While the model is not to be had: how long the provisional answer may take that the queue makes, in seconds.
AWAY_PATIENCE = 3.0


@dataclass(eq=False, repr=False)
class DurableCallers:
    """Answers each durable caller once: with the explanation, or with the best there is.

    ``away`` tells whether no model answers for the time being; then nobody waits for one. ``selective`` says that some
    logs are not explained at all; nobody waits for that either. ``clock`` gives unix seconds.
    """

    store: Store
    publisher: Publisher
    fallback: Fallback
    metrics: Metrics
    _: KW_ONLY
    patience: float
    away: Callable[[], bool]
    selective: bool
    clock: Callable[[], float]

    async def answer(self) -> None:
        """Answer whom there is an explanation for, and who waited long enough. Raises StoreError and BrokerError."""
        if not await self.store.read(queue.somebody_waits):
            return
        while refused := await self.store.read(queue.refused_waiters, BATCH, self.clock()):
            await self._refuse(refused)
        while explained := await self.store.read(queue.explained_waiters, BATCH, self.clock()):
            await self._deliver(explained)
        away = self.away()
        if away or self.selective:
            waiting = await self._overdue(0.0)
            unasked = [one for one in waiting if self.selective and not one[1].analysis_status]
            await self._deliver([one for one in waiting if away and one[2] is not None] + unasked)
        await self._deliver(await self._overdue(min(self.patience, AWAY_PATIENCE) if away else self.patience))

    async def _overdue(self, seconds: float) -> list[tuple[Waiter, StoredLog, StoredAnalysis | None]]:
        return await self.store.read(queue.overdue_waiters, seconds, BATCH, self.clock())

    async def _deliver(self, answers: Sequence[tuple[Waiter, StoredLog, StoredAnalysis | None]]) -> None:
        if not answers:
            return
        rests = await self.store.read(recording.messages_of, [stored.id for _, stored, _ in answers])
        bodies = []
        if any(answer is None for _, _, answer in answers):
            await self.fallback.ready()
        for waiter, stored, answer in answers:
            about = payloads.subject_of(stored, payloads.Rest(*rests.get(stored.id, ())))
            bodies.append((waiter, self.fallback.best(payloads.payload_of(stored), stored, answer, about)))
        await self._send(bodies)

    async def _refuse(self, refused: Sequence[tuple[Waiter, Sequence[StoredReject]]]) -> None:
        """Say that a message was not understood."""
        gone = [waiter for waiter, rejects in refused if not rejects]
        if gone:  # a person deleted the reject
            await self.store.write(queue.remove_waiters, gone)
        told = [(waiter, rejects) for waiter, rejects in refused if rejects]
        agent = self.fallback.agent
        await self._send([(one, payloads.refusal(kept[0].data, kept, agent=agent)) for one, kept in told])

    async def _send(self, answers: Sequence[tuple[Waiter, bytes]]) -> None:
        """Send; who is not listening now is tried again later."""
        heard: list[Waiter] = []
        unheard: list[Waiter] = []
        for waiter, body in answers:
            try:
                listening = await self.publisher.deliver(waiter.reply_to, body)
            except BrokerUnavailable:
                raise
            except BrokerError as error:  # this answer can never be sent
                log.warning("durable reply not sent", subject=waiter.reply_to, error=str(error))
                listening = True
            (heard if listening else unheard).append(waiter)
        if heard:
            self.metrics.replies.labels("header").inc(len(heard))
            await self.store.write(queue.remove_waiters, heard)
        if unheard:
            forgotten = await self.store.write(queue.put_off_waiters, unheard, RETRY, FORGOTTEN_AFTER, self.clock())
            self.metrics.callers_dropped.inc(forgotten)
