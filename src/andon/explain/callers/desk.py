"""The desk where callers wait for the analysis of a log they sent.

A caller is matched with its stored log by the bytes it sent, as ``expected.py`` says: it registers before (or just
after) the recorder sees them in the stream. Places are bounded, and because every JetStream publisher sets a reply
subject too, most "callers" of plain messages do not wait at all: they cost a place for a moment, never raise a
priority, and give their place up to a caller who surely waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass

import msgspec
import structlog

from andon.bus.interfaces import Publisher
from andon.core.errors import AndonError, BrokerError, BrokerUnavailable, MessageRejected, StoreError
from andon.core.models import (
    CALLER_PATIENCE,
    SEVERITY_RANK,
    STREAM,
    SUBJECT,
    Decoded,
    Delivery,
    LogRecord,
    Recorded,
    StoredAnalysis,
    comes_back,
)
from andon.core.telemetry import Metrics
from andon.core.waiting import woken
from andon.explain.callers import payloads, slots
from andon.explain.callers.durable import DurableCallers
from andon.explain.callers.expected import REQUEST, Expected, Stored, about_of
from andon.explain.callers.fallback_reply import Fallback, understood
from andon.explain.callers.slots import Caller, Slots
from andon.explain.interfaces import Ready, Rules, at_hand
from andon.ingest.recorder import Batch
from andon.store import Store, queue, recording

log = structlog.get_logger(__name__)

SLOTS = 4096
SLOTS_BYTES = 32 * 1024 * 1024
#: What publishers that want no answer may hold of that: in a flood of large logs all of it.
UNASKED_BYTES = 8 * 1024 * 1024
#: Nothing could be stored for so many seconds: callers whose log is not stored are answered as well as it goes.
STALLED = 3.0
#: A log of a caller's bytes that was taken for another's is the caller's after all where no other came for so long.
PASSED = 1.0
#: While anybody waits it is looked this often whom to answer, in seconds; else after a change and after :data:`QUIET`.
LOOK = 1.0
QUIET = 60.0


@dataclass(eq=False, repr=False)
class CallerDesk:
    """Keeps callers until their log is explained or their patience ends; answers durable ones from the store.

    ``clock`` gives seconds that only move forward, ``wall_clock`` unix seconds: what durable callers' times are in.
    ``ready`` loads the rules before they are first asked.
    ``away`` tells whether no model answers for the time being. ``asks`` tells whether a log of a (service, severity) is
    to be explained, None where every log is.
    """

    store: Store
    publisher: Publisher
    rules: Rules
    understand: Callable[[Delivery], Decoded]
    metrics: Metrics
    _: KW_ONLY
    agent: str
    patience: float = CALLER_PATIENCE
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    away: Callable[[], bool] = lambda: False
    ready: Ready = at_hand
    asks: Callable[[str, str], bool] | None = None

    def __post_init__(self) -> None:
        self._fallback = Fallback(self.rules, self.understand, self.agent, self.ready)
        self._durable = DurableCallers(
            self.store,
            self.publisher,
            self._fallback,
            self.metrics,
            patience=self.patience,
            away=self.away,
            selective=self.asks is not None,
            clock=self.wall_clock,
        )
        self._slots = Slots(SLOTS, SLOTS_BYTES, UNASKED_BYTES)
        self._expected = Expected()
        self._attached: dict[int, list[Caller]] = {}
        #: The last two batches: for callers that are heard of a moment late.
        self._recent: deque[Stored] = deque(maxlen=2)
        self._late: list[Caller] = []
        self._unasked: dict[int, list[Caller]] = {}
        self._stalled_since: float | None = None
        self._wake = asyncio.Event()
        self._look_at = float("-inf")
        self._resting = False

    # Where callers come in.

    def plain(self, payload: bytes, subject: str, reply: str, arrived: int = 0) -> None:
        """A message was published on the log subject; who named a reply subject may wait there for an answer."""
        if not reply or comes_back(reply):
            self._expected.note(payload)
            return
        send = functools.partial(self.publisher.send, reply)
        rank = slots.UNASKED if slots.shared_inbox(reply) else slots.PLAIN
        caller = Caller(payload, send, self.clock() + self.patience, "request", rank, arrived=arrived)
        self._expect(caller)

    async def analyze(self, payload: bytes) -> bytes:
        """The micro-service endpoint: store the log, wait for its analysis, return the reply.

        The log is stored whether there is a place to wait or not. Raises MessageRejected (the bytes are kept in
        ``rejects``), and BrokerUnavailable where it could not be stored, or is stored and cannot be waited for.
        """
        done: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

        def settle(body: bytes | None) -> None:
            if not done.done():
                done.set_result(body)

        async def answer(body: bytes) -> None:
            settle(body)

        rank, rejected = slots.PLAIN + 1, None
        try:
            rank += SEVERITY_RANK[understood(self.understand, payload).severity]
        except MessageRejected as error:
            rejected = str(error)
        deadline = self.clock() + self.patience
        request = f"{REQUEST}{uuid.uuid4().hex}"
        caller = Caller(payload, answer, deadline, "endpoint", rank, lambda: settle(None), request=request)
        if not self._expect(caller):
            settle(None)
        try:
            sequence = caller.sequence = await self.publisher.store(payload, subject=SUBJECT, message_id=request)
            if rejected is not None:
                raise MessageRejected(f"the message {rejected}; it is kept as a reject, see `andon rejects`")
            body = await done
        finally:
            self._forget(caller)
        if body is None:
            raise BrokerUnavailable(
                f"the log is stored as message {sequence} of {STREAM}, but too many callers are waiting: find its "
                "explanation later with `andon logs`, or ask again in a few seconds"
            )
        return body

    def _expect(self, caller: Caller) -> bool:
        if self._resting:
            self._wake.set()
        displaced = self._slots.take(caller)
        if displaced is None:
            self.metrics.callers_dropped.inc()
            return False
        for one in displaced:
            self._off_lists(one)
            self.metrics.callers_dropped.inc()
            if one.displaced is not None:
                one.displaced()
        self.metrics.callers.set(len(self._slots))
        for recent in self._recent if caller.request is None else ():
            known = recent.take(caller)
            if known is not None:  # recorded before the caller was heard of
                self._match_late(caller, known)
                return True
        self._expected.add(caller)
        return True

    def _match_late(self, caller: Caller, about: payloads.Subject) -> None:
        caller.about = about
        self._late.append(caller)
        self._wake.set()

    def _leave(self, caller: Caller) -> bool:
        left = self._slots.leave(caller)
        self.metrics.callers.set(len(self._slots))
        return left

    def _forget(self, caller: Caller) -> None:
        """Take a caller off every list, wherever it stands (its request was cancelled or answered)."""
        self._leave(caller)
        self._off_lists(caller)

    def _off_lists(self, caller: Caller) -> None:
        self._expected.discard(caller)
        if caller.about is not None and (callers := self._attached.get(caller.about.pattern_id or 0)) is not None:
            with contextlib.suppress(ValueError):
                callers.remove(caller)
            if not callers:
                del self._attached[caller.about.pattern_id or 0]

    # What the recorder tells.

    def on_stalled(self, stalled: bool) -> None:
        """Whether nothing can be stored at the moment."""
        if not stalled:
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = self.clock()

    async def on_stored(self, batch: Batch, recorded: Recorded) -> None:
        """The batch is stored: callers of explained problems are answered, the others wait for their pattern.

        Those whose message went to ``rejects``, or is not stored by a rule of retention, are told so at once.
        """
        self._follow(recorded.moved)
        stored = Stored(batch, recorded)
        self._recent.append(stored)
        if not self._expected:
            return
        urgent: list[int] = []
        patterns: set[int] = set()
        for delivery, places, rejects in batch.messages():
            found = about_of(places, rejects, batch, recorded)
            if found is None and places and recorded.left_out.isdisjoint(places):
                continue  # it was stored before: whoever sent the same bytes again waits for the next
            caller = self._expected.take(delivery)
            if caller is None:
                if found is not None:
                    self._note_passed(delivery, found[1])
                continue
            stored.taken.add(delivery.sequence)
            if found is not None:
                record, about = found
                if about.log_id is not None and about.pattern_id is not None:
                    self._attach(caller, about, about.pattern_id)
                    patterns.add(about.pattern_id)
                    self._note_unasked(caller, about.log_id, record)
                    if caller.urgent and about.pattern_id not in recorded.explained:
                        urgent.append(about.log_id)
            elif not places:
                await self._answer_now(caller, payloads.refusal(caller.payload, rejects, agent=self.agent))
            else:
                await self._fallback.ready()
                await self._answer_now(caller, self._fallback.unstored(caller.payload))
        try:
            if urgent:
                await self.store.write(queue.prioritise, urgent)
            await self._answer_explained(patterns, recorded.explained)
        except StoreError as error:
            log.warning("callers cannot be answered now", error=str(error))

    def _note_passed(self, delivery: Delivery, about: payloads.Subject) -> None:
        caller = self._expected.passed(delivery)
        if caller is not None:
            caller.passed, caller.passed_at = about, self.clock()

    def _follow(self, moved: Mapping[int, int]) -> None:
        """Problems (by the id of the pattern that stood for each) turned out to be part of others."""
        for old, new in moved.items():
            for caller in self._attached.pop(old, []):
                if caller.about is not None:
                    self._attach(caller, msgspec.structs.replace(caller.about, pattern_id=new), new)

    def _attach(self, caller: Caller, about: payloads.Subject, pattern_id: int) -> None:
        caller.about = about
        self._attached.setdefault(pattern_id, []).append(caller)

    async def _answer_now(self, caller: Caller, body: bytes) -> None:
        if self._leave(caller):
            await self._send(caller, body)

    def _note_unasked(self, caller: Caller, log_id: int, record: LogRecord) -> None:
        if self.asks is not None and not self.asks(record.service, record.severity):
            self._unasked.setdefault(log_id, []).append(caller)
            self._wake.set()

    async def _answer_explained(self, patterns: set[int], explained: set[int]) -> None:
        """Answer the callers of patterns that show something already, provisional or not."""
        if patterns:
            for pattern_id, answer in (await self.store.read(queue.shown_for, sorted(patterns))).items():
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
            if self._leave(caller) and caller.about is not None:
                body = payloads.reply(caller.payload, caller.about, answer, agent=self.agent, reused=reused)
                await self._send(caller, body)

    async def _send(self, caller: Caller, body: bytes) -> None:
        try:
            await caller.answer(body)
        except AndonError as error:
            log.warning("reply not sent", way=caller.way, error=str(error))
        else:
            if caller.asked:
                self.metrics.replies.labels(caller.way).inc()
            else:
                self.metrics.answers_unasked.inc()

    # Its own task: patience and durable callers.

    async def run(self) -> None:
        """Answer durable callers and those whose patience ended; for ever."""
        while True:
            self._wake.clear()
            seen = self.store.news.count
            attach = self._attach_elsewhere, self._attach_late
            for step in (*attach, self._answer_shown, self._answer_unasked, self._answer_overdue, self._durable.answer):
                try:
                    await step()
                except (StoreError, BrokerError) as error:
                    log.warning("callers cannot be answered now", error=str(error))
            if not await woken(self._wake, max(0.0, min(self._look_at - time.monotonic(), LOOK))):
                await self._rest(seen)

    async def _rest(self, seen: int) -> None:
        """Where nobody waits: until somebody does, or something is stored after ``seen``."""
        try:
            waits = self.store.news.blind or await self.store.read(queue.somebody_waits)
        except StoreError:
            return
        if not waits and not len(self._slots) and not self._wake.is_set():
            self._resting = True
            try:
                await self.store.news.rest(seen, QUIET, self._wake)
            finally:
                self._resting = False

    async def _attach_elsewhere(self) -> None:
        """Another service that shares the stream and the database may have recorded a request to our endpoint."""
        since = self.clock() + self.patience - PASSED
        waiting = {c.sequence: c for c in self._slots if c.sequence and c.about is None and c.deadline <= since}
        if not waiting:
            return
        found = await self.store.read(recording.logs_at, STREAM, sorted(waiting), self.wall_clock() - 2 * self.patience)
        for sequence, (log_id, pattern_id, severity) in found.items():
            self._expected.discard(waiting[sequence])
            self._match_late(waiting[sequence], payloads.Subject(log_id, pattern_id, severity))
        await self.store.write(queue.prioritise, [log_id for log_id, *_ in found.values()])

    async def _attach_late(self) -> None:
        for caller in self._slots:
            if caller.about is None and caller.passed is not None and self.clock() - caller.passed_at >= PASSED:
                self._expected.discard(caller)
                self._match_late(caller, caller.passed)
        late, self._late = self._late, []
        patterns: set[int] = set()
        for caller in late:
            if caller in self._slots and caller.about is not None and caller.about.pattern_id is not None:
                self._attach(caller, caller.about, caller.about.pattern_id)
                patterns.add(caller.about.pattern_id)
                if self.asks is not None and caller.about.log_id is not None:
                    self._note_unasked(caller, caller.about.log_id, understood(self.understand, caller.payload))
        await self._answer_explained(patterns, patterns)

    async def _answer_shown(self) -> None:
        """What people did beside us (merged a problem into an explained one, told a fix) answers callers too.

        What is explained here tells its callers itself, so that this is looked at once in :data:`LOOK` seconds.
        """
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK
            await self._answer_explained(set(self._attached), set())

    async def _answer_unasked(self) -> None:
        """Logs that the site's rules leave unexplained: nobody waits for what will not come."""
        unasked, self._unasked = self._unasked, {}
        for log_id, callers in unasked.items():
            stored, _ = await self.store.read(queue.log_and_analysis, log_id)
            if stored is not None and stored.analysis_status is None:  # else it is part of a problem that is explained
                await self._answer_late(log_id, callers)

    async def _answer_overdue(self) -> None:
        now = self.clock()
        stalled = self._stalled_since is not None and now - self._stalled_since >= STALLED
        late: dict[int, list[Caller]] = {}
        for caller in self._slots:
            overdue = caller.deadline <= now
            if caller.about is not None and caller.about.log_id is not None:
                if overdue:
                    late.setdefault(caller.about.log_id, []).append(caller)
            elif overdue or (stalled and now - (caller.deadline - self.patience) >= STALLED):
                self._forget(caller)
                await self._fallback.ready()
                await self._send(caller, self._fallback.unstored(caller.payload))
        for log_id, callers in late.items():
            await self._answer_late(log_id, callers)

    async def _answer_late(self, log_id: int, late: list[Caller]) -> None:
        """One log's callers whose patience ended: what is shown now, else the playbook's answer."""
        try:
            stored, answer = await self.store.read(queue.log_and_analysis, log_id)
        except StoreError as error:
            log.warning("callers who wait for a stored log get the playbook's answer", log=log_id, error=str(error))
            stored, answer = None, None
        await self._fallback.ready()
        for caller in late:
            if caller not in self._slots:  # answered while we asked the store
                continue
            self._forget(caller)
            if stored is None or caller.about is None:
                body = self._fallback.unstored(caller.payload, caller.about)
            elif answer is not None:
                body = payloads.reply(caller.payload, caller.about, answer, agent=self.agent, reused=False)
            else:
                body = self._fallback.best(caller.payload, stored, None, caller.about)
            await self._send(caller, body)
