"""Record: pull a bounded batch, decode it, store it in one transaction, acknowledge it. Never waits for a model."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field

import msgspec
import structlog

from andon.bus.interfaces import LogStream
from andon.core.errors import BrokerError, StoreError, StoreFull, StoreUnavailable
from andon.core.models import SEVERITY_NOT_UNDERSTOOD, Decoded, Delivery, LogRecord, Merge, Recorded, Reject
from andon.core.telemetry import Health, Metrics
from andon.grouping.codes import CodeRules
from andon.grouping.fingerprint import RecentCache
from andon.grouping.merge import Merger, rebuilt
from andon.ingest.decode import reject_of
from andon.ingest.pictures.intake import PictureLimits, take_out
from andon.ingest.recovery import Recovery
from andon.ingest.regroup import as_before
from andon.store import Store, problems

log = structlog.get_logger(__name__)

#: What went wrong beside pulling is seen after so many seconds at the latest, where nothing comes.
PULL_WAIT = 10.0
RETRY_FIRST, RETRY_LAST = 0.5, 5.0
#: The counts in :class:`Recorded`.
_SUMMED = ("stored", "duplicates", "rejected", "new_patterns", "queued", "pictures", "references", "unfetched")


class Batch(msgspec.Struct):
    """The logs and rejects of deliveries, in their order; beside each delivery how many of both it holds."""

    deliveries: list[Delivery] = []
    records: list[LogRecord] = []
    rejects: list[Reject] = []
    # Numbers rather than the lists they came in: so many lists kept for a while wake the garbage collector often.
    logs: list[int] = []
    refused: list[int] = []
    #: See :meth:`Store.record`.
    heirs: dict[str, str] = {}

    def add(self, delivery: Delivery, decoded: Decoded) -> None:
        """Take in a delivery and what it holds."""
        self.deliveries.append(delivery)
        self.records += decoded.records
        self.rejects += decoded.rejects
        self.logs.append(len(decoded.records))
        self.refused.append(len(decoded.rejects))

    def messages(self) -> Iterator[tuple[Delivery, range, Sequence[Reject]]]:
        """Each delivery with the places of its logs in ``records``, and its rejects."""
        place = refused = 0
        for delivery, logs, rejects in zip(self.deliveries, self.logs, self.refused, strict=True):
            yield delivery, range(place, place + logs), self.rejects[refused : refused + rejects]
            place += logs
            refused += rejects


@dataclass(eq=False, repr=False)
class Recorder:
    """Owns the log stream's consumer.

    ``batch`` messages are pulled at a time, and so many rows go into one transaction, or those of one message.
    ``on_stored`` is told of each batch after its commit, ``on_stalled`` whether nothing can be stored at the moment
    (over and over, while it lasts and with each batch that is stored). ``queued`` is called when a batch left problems
    to explain.

    ``limits`` are those of pictures that come in a log; ``referenced`` is called when logs named pictures that are to
    be fetched. ``renew`` is what must be done to the database before the first log is recorded.
    """

    stream: LogStream
    store: Store
    decode: Callable[[Delivery], Decoded]
    metrics: Metrics
    health: Health
    _: KW_ONLY
    batch: int
    on_stored: Callable[[Batch, Recorded], Awaitable[None]]
    on_stalled: Callable[[bool], None]
    queued: Callable[[], None]
    limits: PictureLimits = field(default_factory=PictureLimits)
    referenced: Callable[[], None] = lambda: None
    renew: Callable[[], Awaitable[None]] | None = None
    #: Tells which context fields (by name) are codes however many values they have.
    pinned: Callable[[str], bool] = CodeRules().is_pinned
    #: Held while a batch is stored: what is pulled and what is read again take turns.
    _storing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _merger: Merger | None = field(default=None, init=False)
    _counted: Sequence[LogRecord] | None = field(default=None, init=False)
    _regrouped: int | None = field(default=None, init=False)
    #: Proven and not stored yet: they go along with the next transaction, until one succeeds.
    _merges: list[Merge] = field(default_factory=list, init=False)
    #: Fingerprints, each with the one that the first version would have given its log, "" where that is no other.
    _met: RecentCache[str, str] = field(default_factory=lambda: RecentCache(20_000), init=False)

    async def run(self) -> None:
        """Record for ever, and beside that recover what is missing.

        Two batches are in hand at most: while one is written by the store's thread, the next is decoded.
        """
        self._merger = None  # what an earlier run had in hand may not have been stored
        if self.renew is not None:
            await self.renew()
        recovery = Recovery(self.stream, self.store, self.health, self._take_again, self.metrics.lost.inc)
        await recovery.begin()
        recovering = asyncio.create_task(recovery.run(), name="recorder-recovery")
        storing: asyncio.Task[None] | None = None
        try:
            while True:
                pulled = await self.stream.pull(self.batch, PULL_WAIT)
                if recovering.done():
                    await self._give_back(pulled)
                    recovering.result()
                taken = 0
                for batch in self._understood(pulled):
                    try:
                        if storing is not None:
                            await asyncio.wait({storing})
                            storing.result()
                    except BaseException:
                        await self._give_back(pulled[taken:])
                        raise
                    taken += len(batch.deliveries)
                    storing = asyncio.create_task(self._record(batch), name="recorder-batch") if taken else None
        finally:
            tasks = {task for task in (storing, recovering) if task is not None}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _record(self, batch: Batch) -> None:
        answered = False
        try:
            async with self._storing:
                recorded = await self._store_until_done(batch)
                await self._acknowledge(batch)
                answered = True
                self.metrics.duplicates.inc(recorded.duplicates)
                await self._tell(batch, recorded)
        except BaseException:
            if not answered:
                await self._give_back(batch.deliveries)
            raise

    async def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        """What was in hand when we were stopped: delivered again at once; harmless where it was stored already."""
        if not deliveries:
            return
        try:
            async with asyncio.timeout(1.0):
                await self.stream.release(deliveries)
        except (BrokerError, TimeoutError):
            log.info("current batch not released; the broker delivers it again", messages=len(deliveries))

    def _understood(self, deliveries: Sequence[Delivery]) -> Iterator[Batch]:
        """Decode deliveries as they are asked for, one batch at least; a message is never divided between two.

        A batch takes no more rows than :attr:`batch`, or those of one message.
        """
        batch, rows = Batch(), 0
        for delivery in deliveries:
            decoded = self.decode(delivery)
            size = len(decoded.records) + len(decoded.rejects)
            if size > 1:
                for record in decoded.records[1:]:
                    record.reply_to = None  # a caller gets one reply, about the first log
            rows += size
            if rows > self.batch and batch.deliveries:
                yield batch
                batch, rows = Batch(), size
            self._look_back(delivery, decoded.records, batch.heirs)
            batch.add(delivery, decoded)
        yield batch

    def _look_back(self, delivery: Delivery, records: Sequence[LogRecord], heirs: dict[str, str]) -> None:
        """Note which problems the first version took for another: if they are new, they inherit what is known of it."""
        for record in records:
            old = self._met.get(record.fingerprint)
            if old == "":  # the usual case
                continue
            if old is None:
                before = as_before(delivery)
                found = [] if before is None else self.decode(before).records
                old = found[0].fingerprint if found and found[0].fingerprint != record.fingerprint else ""
                self._met.put(record.fingerprint, old)
            if old:
                heirs[record.fingerprint] = old

    async def _acknowledge(self, batch: Batch) -> None:
        """Each delivery once: what holds a log is acknowledged, what holds none is never to be delivered again."""
        stored = [delivery for delivery, logs in zip(batch.deliveries, batch.logs, strict=True) if logs]
        try:
            if stored:
                await self.stream.ack(stored)
            if len(stored) < len(batch.deliveries):
                refused = [delivery for delivery, logs in zip(batch.deliveries, batch.logs, strict=True) if not logs]
                await self.stream.terminate(refused)
        except BrokerError as error:
            log.info(
                "acknowledgements lost; the broker delivers these logs again and Andon recognises them",
                error=str(error),
            )

    async def _store_until_done(self, batch: Batch) -> Recorded:
        """Store the batch; while there is no room (or no database) hold it, acknowledge nothing, say so, try again."""
        delay = RETRY_FIRST
        if pictured := [record for record in batch.records if record.images]:
            await asyncio.to_thread(take_out, pictured, self.limits)
        while True:
            started = time.monotonic()
            try:
                merges = await self._find_merges(batch.records)
                recorded = await self.store.record(batch.records, batch.rejects, merges, batch.heirs)
            except (StoreFull, StoreUnavailable) as error:
                self.metrics.store_errors.inc()
                self.on_stalled(True)
                if self.health.report("store", str(error), full=isinstance(error, StoreFull)):
                    log.error("recording stopped", reason=str(error))
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_LAST)
            except StoreError as error:
                self.metrics.store_errors.inc()
                return await self._store_one_by_one(batch, str(error))
            else:
                self.metrics.batch_seconds.observe(time.monotonic() - started)
                self.on_stalled(False)
                if self.health.report("store", None):
                    log.info("recording continues")
                self._merged(merges, recorded)
                return recorded

    async def _find_merges(self, records: Sequence[LogRecord]) -> tuple[Merge, ...]:
        """Show the merger the patterns that are new to it; all that is proven and not stored. Raises StoreError."""
        merger = self._merger
        if merger is None:
            known = await self.store.read(problems.known_patterns)
            apart = await self.store.read(problems.separated)
            made, self._merges = await asyncio.to_thread(rebuilt, known, apart, self.pinned)
            merger = self._merger = made
            self._counted = None
        keys = [record.fingerprint for record in records]
        if records is not self._counted:  # a batch that could not be stored comes again
            merger.saw(keys)
            self._counted = records
        if merger.unknown(keys):
            for record in records:
                self._merges += merger.add(record.fingerprint, record.template)
        return tuple(self._merges)

    def _merged(self, merges: Sequence[Merge], recorded: Recorded) -> None:
        """The transaction took these along. Where a person changed the grouping, the merger is made anew."""
        del self._merges[: len(merges)]
        self._counted = None  # nor is what was counted kept
        if self._regrouped is not None and recorded.regrouped != self._regrouped:
            log.info("problems were merged or split by a person, the grouping is read again")
            self._merger = None
        self._regrouped = recorded.regrouped

    async def _store_one_by_one(self, batch: Batch, reason: str) -> Recorded:
        """The database refuses something in this batch: store the rest, keep the culprit in ``rejects``.

        A message is one transaction still. ``batch`` holds afterwards what was made of each.
        """
        log.warning("batch refused by the database, its logs are stored one by one", reason=reason)
        total = await self.store.record([], [])
        stored = Batch()
        for delivery, places, rejects in batch.messages():
            decoded = Decoded(batch.records[places.start : places.stop], list(rejects))
            try:
                one = await self.store.record(decoded.records, decoded.rejects, (), batch.heirs)
            except (StoreFull, StoreUnavailable):
                raise
            except StoreError as error:
                decoded = await self._without_refused(delivery, decoded, str(error))
                one = await self.store.record(decoded.records, decoded.rejects, (), batch.heirs)
            stored.add(delivery, decoded)
            _add(total, one)
        batch.records, batch.rejects, batch.logs, batch.refused = (
            stored.records, stored.rejects, stored.logs, stored.refused,
        )  # fmt: skip
        merges = tuple(self._merges)
        last = await self.store.record([], [], merges)  # now that their patterns are there
        total.moved, total.regrouped = last.moved, last.regrouped
        self._merged(merges, last)
        return total

    async def _without_refused(self, delivery: Delivery, decoded: Decoded, reason: str) -> Decoded:
        """The logs of one message that the database takes; the others, or all where that is not it, are rejects."""
        split = len(decoded.records) + len(decoded.rejects) > 1
        reasons = await self.store.refused(decoded.records) if split else {0: reason}
        if not reasons:
            refused = reject_of(delivery, f"cannot be stored: {reason}")
            refused.reply_to = decoded.records[0].reply_to if decoded.records else None
            return Decoded([], [refused])
        rejects = list(decoded.rejects)
        for place, why in reasons.items():
            record = decoded.records[place]
            data = _bytes_of(record) if split else None
            rejects.append(reject_of(delivery, f"cannot be stored: {why}", data, record.part))
        taken = [record for place, record in enumerate(decoded.records) if place not in reasons]
        (taken or rejects)[0].reply_to = decoded.records[0].reply_to
        return Decoded(taken, rejects)

    async def _tell(self, batch: Batch, recorded: Recorded) -> None:
        """Count what was stored, and wake and tell those whom it concerns."""
        metrics = self.metrics
        metrics.recorded.inc(recorded.stored)
        metrics.rejected.inc(recorded.rejected)
        metrics.pictures_stored.inc(recorded.pictures)
        metrics.pictures_refused.inc(recorded.unfetched)
        for record, log_id in zip(batch.records, recorded.log_ids, strict=True):
            if log_id is None:
                continue
            if record.refused:
                metrics.pictures_refused.inc(record.refused)
            if record.notes and SEVERITY_NOT_UNDERSTOOD in record.notes:
                metrics.severities_not_understood.inc()
        for rule, count in recorded.dropped.items():
            metrics.retention_dropped.labels(rule).inc(count)
        if recorded.references:
            self.referenced()
        if recorded.queued:
            self.queued()
        await self.on_stored(batch, recorded)

    async def _take_again(self, deliveries: Sequence[Delivery]) -> int:
        """Store what was read again; how many logs and rejects were new."""
        new = 0
        for batch in self._understood(deliveries):
            async with self._storing:
                recorded = await self._store_until_done(batch)
                await self._tell(batch, recorded)
            self.metrics.recovered.inc(recorded.stored)
            new += recorded.stored + recorded.rejected
        return new


def _bytes_of(record: LogRecord) -> bytes:
    """One log of several as a message of its own, to be published again: its part of the bytes is not known here."""
    if record.raw is not None:
        return record.raw
    told = {name: getattr(record, name) for name in ("timestamp", "hostname", "severity", "service", "message")}
    told["severity"] = record.severity_native or record.severity
    return f'{json.dumps(told)[:-1]}, "context": {record.context or "{}"}}}'.encode("utf-8", "replace")


def _add(total: Recorded, one: Recorded) -> None:
    total.left_out |= {len(total.log_ids) + place for place in one.left_out}
    for rule, count in one.dropped.items():
        total.dropped[rule] = total.dropped.get(rule, 0) + count
    for name in _SUMMED:
        setattr(total, name, getattr(total, name) + getattr(one, name))
    total.log_ids += one.log_ids
    total.pattern_ids += one.pattern_ids
    total.explained |= one.explained
