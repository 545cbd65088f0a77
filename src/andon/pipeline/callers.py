"""The desk where callers wait for the analysis of a log they sent.

A caller is matched with its stored log by the bytes it sent: it registers before (or just after) the recorder sees the
same bytes in the stream. Places are bounded, and because every JetStream publisher sets a reply subject too, most
"callers" of plain messages do not wait at all: they cost a place for a moment and never raise a priority.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
import structlog

from andon.errors import AndonError, BrokerError, BrokerUnavailable, MessageRejected, StoreError
from andon.models import (
    CALLER_PATIENCE,
    SUBJECT,
    Delivery,
    LogRecord,
    Question,
    Recorded,
    StoredAnalysis,
    StoredLog,
    Waiter,
)
from andon.pipeline import replies
from andon.ports import LogStore, PlaybookAnswers, Publisher
from andon.telemetry import Metrics

log = structlog.get_logger(__name__)

PLACES = 4096
PLACES_BYTES = 32 * 1024 * 1024
DURABLE_BATCH = 100
#: A durable caller that does not listen is tried again every so many seconds, for as long as the stream keeps a log.
DURABLE_RETRY = 2.0
DURABLE_PATIENCE = 24 * 3600.0


class Caller(msgspec.Struct, eq=False):
    """One caller in memory. ``urgent`` callers (they asked for exactly one reply) raise the priority."""

    payload: bytes
    answer: Callable[[bytes], Awaitable[None]]
    deadline: float
    urgent: bool
    way: str
    about: replies.Subject | None = None


Matches = list[tuple[int, Caller]]


class _Batch:
    """A stored batch; its index by payload is made when somebody asks, which in a quiet hour nobody does."""

    def __init__(self, deliveries: Sequence[Delivery], records: Sequence[LogRecord], recorded: Recorded | None) -> None:
        self._facts = (deliveries, records, recorded)

    @functools.cached_property
    def by_payload(self) -> dict[bytes, replies.Subject]:
        """What is stored of each payload."""
        deliveries, records, recorded = self._facts
        if recorded is None:
            return {}
        rows = zip(deliveries, records, recorded.log_ids, recorded.pattern_ids, strict=True)
        return {
            delivery.data: replies.Subject(log_id, pattern_id, record.severity)
            for delivery, record, log_id, pattern_id in rows
            if log_id is not None
        }


class CallerDesk:
    """Keeps callers until their log is explained or their patience ends; answers durable ones from the store."""

    def __init__(
        self,
        store: LogStore,
        publisher: Publisher,
        playbook: PlaybookAnswers,
        understand: Callable[[Delivery], LogRecord],
        metrics: Metrics,
        *,
        agent: str,
        patience: float = CALLER_PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._playbook = playbook
        self._understand = understand
        self._metrics = metrics
        self._agent = agent
        self._patience = patience
        self._clock = clock
        self._expected: dict[bytes, deque[Caller]] = {}
        self._attached: dict[int, list[Caller]] = {}
        nothing = _Batch((), (), None)
        self._recent: tuple[_Batch, _Batch] = (nothing, nothing)
        self._late: list[Caller] = []
        self._places = 0
        self._bytes = 0
        self._wake = asyncio.Event()

    # Where callers come in.

    def plain(self, payload: bytes, subject: str, reply: str) -> None:
        """A message with a reply subject was published on the log subject."""

        async def answer(body: bytes) -> None:
            await self._publisher.send(reply, body)

        self._expect(Caller(payload, answer, self._clock() + self._patience, urgent=False, way="request"))

    async def analyze(self, payload: bytes) -> bytes:
        """The micro-service endpoint: store the log, wait for its analysis, return the reply.

        Raises MessageRejected (the bytes are kept in ``rejects``) and BrokerUnavailable.
        """
        done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def answer(body: bytes) -> None:
            if not done.done():
                done.set_result(body)

        caller = Caller(payload, answer, self._clock() + self._patience, urgent=True, way="endpoint")
        if not self._expect(caller):
            raise BrokerUnavailable("too many callers wait at the moment; ask again in a few seconds")
        rejected: str | None = None
        try:
            self._understand(Delivery(payload, SUBJECT, "", 0, time.time_ns(), ""))
        except MessageRejected as error:
            rejected = str(error)
        try:
            await self._publisher.store(payload, subject=SUBJECT)
            if rejected is not None:
                raise MessageRejected(f"the message {rejected}; it is kept, see `andon rejects`")
            return await done
        finally:
            self._forget(caller)

    def _expect(self, caller: Caller) -> bool:
        if self._places >= PLACES or self._bytes + len(caller.payload) > PLACES_BYTES:
            self._metrics.callers_dropped.inc()
            return False
        self._places += 1
        self._bytes += len(caller.payload)
        self._metrics.callers.set(self._places)
        for recent in self._recent:
            known = recent.by_payload.get(caller.payload)
            if known is not None and not caller.urgent:  # recorded before the caller was heard of
                caller.about = known
                self._late.append(caller)
                self._wake.set()
                return True
        self._expected.setdefault(caller.payload, deque()).append(caller)
        return True

    def _leave(self, caller: Caller) -> None:
        self._places -= 1
        self._bytes -= len(caller.payload)
        self._metrics.callers.set(self._places)

    def _forget(self, caller: Caller) -> None:
        """Take a caller off every list, wherever it stands (its request was cancelled or answered)."""
        queue = self._expected.get(caller.payload)
        if queue is not None and caller in queue:
            queue.remove(caller)
            if not queue:
                del self._expected[caller.payload]
            self._leave(caller)
            return
        for pattern_id, callers in list(self._attached.items()):
            if caller in callers:
                callers.remove(caller)
                if not callers:
                    del self._attached[pattern_id]
                self._leave(caller)
                return

    # What the recorder tells.

    def match(self, deliveries: Sequence[Delivery]) -> Matches:
        """Callers whose bytes are in this batch, with their place in it."""
        if not self._expected:
            return []
        found: Matches = []
        for index, delivery in enumerate(deliveries):
            queue = self._expected.get(delivery.data)
            if queue is not None:
                found.append((index, queue.popleft()))
                if not queue:
                    del self._expected[delivery.data]
        return found

    def put_back(self, matches: Matches) -> None:
        """The batch was not stored: its callers go on waiting."""
        for _, caller in reversed(matches):
            self._expected.setdefault(caller.payload, deque()).appendleft(caller)

    async def refuse(self, caller: Caller, reason: str) -> None:
        """The caller's message went to ``rejects``."""
        self._leave(caller)
        await self._send(caller, replies.refusal(caller.payload, reason, agent=self._agent))

    def remember(self, deliveries: Sequence[Delivery], records: Sequence[LogRecord], recorded: Recorded) -> None:
        """Keep the last two batches in mind for callers that are heard of a moment late."""
        self._recent = (_Batch(deliveries, records, recorded), self._recent[0])

    def moved(self, patterns: Mapping[int, int]) -> None:
        """Problems (by the id of the pattern that stood for each) turned out to be part of others."""
        for old, new in patterns.items():
            callers = self._attached.pop(old, None)
            if callers:
                self._attached.setdefault(new, []).extend(callers)

    async def attach(self, matches: Matches, records: Sequence[LogRecord], recorded: Recorded) -> None:
        """The batch is stored: callers of explained problems are answered, the others wait for their pattern."""
        urgent: list[int] = []
        patterns: set[int] = set()
        for index, caller in matches:
            log_id, pattern_id = recorded.log_ids[index], recorded.pattern_ids[index]
            if log_id is None or pattern_id is None:  # a redelivery of what was stored before: wait for the next match
                self._expected.setdefault(caller.payload, deque()).append(caller)
                continue
            caller.about = replies.Subject(log_id, pattern_id, records[index].severity)
            self._attached.setdefault(pattern_id, []).append(caller)
            patterns.add(pattern_id)
            if caller.urgent and pattern_id not in recorded.explained:
                urgent.append(log_id)
        if urgent:
            await self._store.prioritise(urgent)
        await self._answer_explained(patterns, recorded.explained)

    async def _answer_explained(self, patterns: set[int], explained: set[int]) -> None:
        """Answer the callers of patterns that show something already, provisional or not."""
        if patterns:
            for pattern_id, answer in (await self._store.shown_for(sorted(patterns))).items():
                await self._answer_pattern(pattern_id, answer, reused=pattern_id in explained)

    # What the analyzer tells.

    async def explained(self, answer: StoredAnalysis) -> None:
        """A problem has an explanation (or a provisional one, while the model is away)."""
        self._wake.set()
        if answer.pattern_id is not None:
            await self._answer_pattern(answer.pattern_id, answer, reused=False)
        elif answer.log_id is not None:
            await self._answer_log(answer.log_id, answer)

    async def _answer_log(self, log_id: int, answer: StoredAnalysis) -> None:
        """A log that has an analysis of its own is explained."""
        for pattern_id, callers in list(self._attached.items()):
            waiting = [caller for caller in callers if caller.about is not None and caller.about.log_id == log_id]
            if waiting:
                self._attached[pattern_id] = [caller for caller in callers if caller not in waiting]
                await self._answer_all(waiting, answer, reused=False)

    async def _answer_pattern(self, pattern_id: int, answer: StoredAnalysis, *, reused: bool) -> None:
        await self._answer_all(self._attached.pop(pattern_id, []), answer, reused=reused)

    async def _answer_all(self, callers: list[Caller], answer: StoredAnalysis, *, reused: bool) -> None:
        for caller in callers:
            self._leave(caller)
            if caller.about is not None:
                body = replies.reply(caller.payload, caller.about, answer, agent=self._agent, reused=reused)
                await self._send(caller, body)

    async def _send(self, caller: Caller, body: bytes) -> None:
        try:
            await caller.answer(body)
        except AndonError as error:
            log.warning("reply not sent", way=caller.way, error=str(error))
        else:
            self._metrics.replies.labels(caller.way).inc()

    # Its own task: patience and durable callers.

    async def run(self) -> None:
        """Answer durable callers and those whose patience ended; for ever."""
        while True:
            self._wake.clear()
            try:
                await self._attach_late()
                await self._answer_durable()
                await self._answer_overdue()
            except (StoreError, BrokerError) as error:
                log.warning("callers not answered now", error=str(error))
            try:
                async with asyncio.timeout(1.0):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _attach_late(self) -> None:
        late, self._late = self._late, []
        patterns: set[int] = set()
        for caller in late:
            if caller.about is not None and caller.about.pattern_id is not None:
                self._attached.setdefault(caller.about.pattern_id, []).append(caller)
                patterns.add(caller.about.pattern_id)
        await self._answer_explained(patterns, patterns)

    async def _answer_durable(self) -> None:
        while batch := await self._store.waiters(DURABLE_BATCH):
            await self._deliver(
                [(waiter, self._reply(replies.payload_of(stored), stored, answer)) for waiter, stored, answer in batch]
            )

    async def _deliver(self, answers: list[tuple[Waiter, bytes]]) -> None:
        """Send durable answers; who is not listening now is tried again later."""
        heard: list[Waiter] = []
        unheard: list[Waiter] = []
        for waiter, body in answers:
            try:
                listening = await self._publisher.deliver(waiter.reply_to, body)
            except BrokerUnavailable:
                raise
            except BrokerError as error:  # this answer can never be sent
                log.warning("durable reply not sent", subject=waiter.reply_to, error=str(error))
                listening = True
            (heard if listening else unheard).append(waiter)
        self._metrics.replies.labels("header").inc(len(heard))
        await self._store.answered(heard)
        if unheard:
            forgotten = await self._store.unheard(unheard, DURABLE_RETRY, DURABLE_PATIENCE)
            self._metrics.callers_dropped.inc(forgotten)

    async def _answer_overdue(self) -> None:
        overdue = await self._store.overdue_waiters(self._patience, DURABLE_BATCH)
        await self._deliver(
            [(waiter, self._best_now(replies.payload_of(stored), stored, answer)) for waiter, stored, answer in overdue]
        )
        now = self._clock()
        for pattern_id, callers in list(self._attached.items()):
            late = [caller for caller in callers if caller.deadline <= now]
            if late:
                await self._answer_late(pattern_id, late)
        for queue in list(self._expected.values()):
            for caller in [c for c in queue if c.deadline <= now]:
                self._forget(caller)
                await self._send(caller, self._unseen(caller))

    async def _answer_late(self, pattern_id: int, late: list[Caller]) -> None:
        """One pattern's callers whose patience ended: what is shown now, else the playbook's answer, once for all."""
        log_id = late[0].about.log_id if late[0].about is not None else None
        stored = await self._store.log(log_id) if log_id is not None else None
        answer = await self._store.analysis_of(log_id) if log_id is not None else None
        explanation = self._playbook.explain(question_of(stored, stored.message)) if stored is not None else None
        for caller in late:
            if caller not in self._attached.get(pattern_id, ()):  # answered while we asked the store
                continue
            self._forget(caller)
            if caller.about is None:
                continue
            if answer is not None:
                body = replies.reply(caller.payload, caller.about, answer, agent=self._agent, reused=False)
            elif explanation is not None:
                body = replies.provisional_reply(caller.payload, caller.about, explanation, agent=self._agent)
            else:
                continue
            await self._send(caller, body)

    def _reply(self, payload: bytes, stored: StoredLog, answer: StoredAnalysis) -> bytes:
        about = replies.subject_of(stored)
        return replies.reply(payload, about, answer, agent=self._agent, reused=answer.log_id != stored.id)

    def _best_now(self, payload: bytes, stored: StoredLog, answer: StoredAnalysis | None) -> bytes:
        if answer is not None:
            return self._reply(payload, stored, answer)
        explanation = self._playbook.explain(question_of(stored, stored.message))
        return replies.provisional_reply(payload, replies.subject_of(stored), explanation, agent=self._agent)

    def _unseen(self, caller: Caller) -> bytes:
        """Answer a caller whose log has not come out of the stream yet (a long backlog)."""
        try:
            record = self._understand(Delivery(caller.payload, SUBJECT, "", 0, time.time_ns(), ""))
        except MessageRejected as error:
            return replies.refusal(caller.payload, str(error), agent=self._agent)
        stored = unstored_log(record)
        explanation = self._playbook.explain(question_of(stored, record.template))
        about = replies.subject_of(stored)
        return replies.provisional_reply(caller.payload, about, explanation, agent=self._agent)


def unstored_log(record: LogRecord) -> StoredLog:
    """A record that is not in the database yet, in the form readers get (id 0)."""
    return StoredLog(
        id=0,
        timestamp=record.timestamp,
        hostname=record.hostname,
        severity=record.severity,
        service=record.service,
        message=record.message,
        context=record.context,
        analysis=None,
        created_at=record.timestamp,
        severity_native=record.severity_native,
        site=record.site,
        area=record.area,
        line=record.line,
        machine=record.machine,
        notes=record.notes,
        stream=record.stream,
        sequence=record.sequence,
        stored_ns=record.stored_ns,
        pattern_id=None,
        analysis_id=None,
        rung=None,
        provisional=False,
        analysis_status=None,
    )


def question_of(stored: StoredLog, template: str) -> Question:
    """A question about a single log, for answers that must not wait for the queue."""
    return Question(
        pattern_id=stored.pattern_id or 0,
        template=template,
        logs=[stored],
        count=1,
        hosts=[stored.hostname],
        first_seen=stored.timestamp,
        last_seen=stored.timestamp,
        worst_severity=stored.severity,
    )
