"""The composition root: joins the adapters and says in which order they start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

import andon
from andon.app.background.acknowledging import pass_on
from andon.app.background.acting import Acting
from andon.app.background.changes import Changes
from andon.app.background.indexing import keep_indexed
from andon.app.background.others import EVERY, OFTEN, tell_of_others
from andon.app.background.own_words import Questions
from andon.app.background.retainer import Retainer
from andon.app.background.source_keeper import Intake
from andon.app.background.supervise import Report, keep_running
from andon.app.background.tasks import ended, first_error, heed
from andon.app.background.watch import Watch
from andon.app.known_habits import KnownHabits
from andon.app.retention_policy import retention_policy
from andon.app.starting import Starting, in_thread, told_where_long
from andon.app.wiring import analysis_policy, broker_url, code_rules, decoder, lease_owner, model_admission, public
from andon.bus.connection import PING_EVERY, PING_OWN_EVERY, BusConnection, connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.embedded.config import MQTT_HEADER, bracketed
from andon.bus.feed import Feed
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.object_store import NatsObjects
from andon.bus.publisher import JetStreamPublisher
from andon.bus.requests import NatsCallers
from andon.bus.stream_guard import StreamGuard
from andon.core.errors import BrokerError, BrokerUnavailable, StoreError, StoreFull, StoreUnavailable
from andon.core.settings.database_url import Database
from andon.core.settings.settings import Settings
from andon.core.telemetry import Health, Metrics
from andon.core.timestamps import TimeReader
from andon.explain import placing
from andon.explain.analyzer import Analyzer
from andon.explain.callers.desk import SLOTS, SLOTS_BYTES, CallerDesk
from andon.explain.interfaces import Rules
from andon.explain.ladder import Ladder
from andon.explain.playbook import RULES_KEPT, SitePlaybook
from andon.explain.runbooks.runbooks import MarkdownRunbooks
from andon.explain.site_files import scan_always
from andon.explain.trials.examiner import Examiner
from andon.explain.trust import Trust
from andon.grouping.similar_fixes import ConfirmedFixes
from andon.ingest import regroup
from andon.ingest.pictures.fetcher import PictureFetcher, QuestionPictures
from andon.ingest.pictures.intake import PictureLimits
from andon.ingest.pictures.shrink import for_model
from andon.ingest.recorder import Batch, Recorder
from andon.ingest.sources.acknowledged import Acknowledging
from andon.ingest.sources.configured import configured_sources, without_effect
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.source import Source
from andon.store import Retention, Store, counts, lock_database, prepare

if TYPE_CHECKING:
    from types import ModuleType

    from andon.act.connectors.connector import Connector, Reader
    from andon.act.outbox import Outbox
    from andon.act.proposals import Proposals
    from andon.app.http_server import HttpServer
    from andon.core.models import Hint, Question, Recorded, StoredAnalysis, StreamState
    from andon.explain.admission import Admission
    from andon.explain.interfaces import Analyst
    from andon.explain.suggestions import Suggestions
    from andon.ingest.sources.source import Source

log = structlog.get_logger(__name__)

#: Questions that are with the model when the stop comes may still be answered for so long, in seconds.
ANSWERED_WITHIN = 4.0
#: A broker of our own that takes longer than so many seconds to say how it is has its health checked.
ANSWERS_WITHIN = 1.0
#: Requests to the endpoint that may be on their way into the stream while every place to wait is taken.
STORING = 1024


#: Makes the HTTP side of a service. The web is above us in the tree, so whoever starts a service hands it in.
Listen = Callable[["Service"], "HttpServer"]


#: Makes a part that runs beside a service once it is open, with its name; None where there is nothing to do.
Companion = Callable[[], tuple[str, Callable[[], object]] | None]


def _shown(database: Database) -> str:
    """Where the database is, wherever that is read."""
    return str(database.absolute() if isinstance(database, Path) else database)


class Service:
    """The whole of Andon in one process. :meth:`run` is its life."""

    def __init__(self, settings: Settings, listen: Listen) -> None:
        self.settings = settings
        self._make_http = listen
        self.http_port = settings.http_port
        self.metrics = Metrics()
        self.health = Health()
        self.changes = Changes()
        self._acting = Acting(settings, self.metrics, self.health, self.changes)
        self.trust = Trust(settings)
        asked = self._models_asked()
        self.runbooks = MarkdownRunbooks(settings.runbooks)
        self.readers: Sequence[Reader] = ()
        self.analyst: Analyst | None = None
        if asked is not None:
            self.readers = asked.readers(self.connectors)
            self.analyst = asked.analyst_of(settings, self.connectors, lambda: self.store, self.runbooks, self.readers)
        self.playbook: SitePlaybook
        self._starting = Starting(self.health)
        self._store: Store | None = None
        self.broker: EmbeddedBroker | None = None
        self._stream: JetStreamLogStream
        self._watch: Watch | None = None
        self._connection: BusConnection
        self._gauges_at = 0.0
        self._retainer: Retainer | None = None
        self._publisher: JetStreamPublisher | None = None
        self.intake: Intake | None = None  # once there is a broker
        self.sources: list[Source] = []  # those of whoever makes the HTTP side, beside the configured ones
        self.companions: list[Companion] = []  # the same, of what runs beside the outbox
        # the store is looked up with each question: it opens later
        self.questions = Questions(
            settings,
            lambda *args, **kwargs: self.store.ask(*args, **kwargs),
            lambda *args, **kwargs: self.store.write(*args, **kwargs),
            self.runbooks,
            self.readers,
        )
        self._analyzer: Analyzer | None = None
        self.usual = KnownHabits(lambda *args, **kwargs: self.store.ask(*args, **kwargs))
        self.started = time.time()
        self.began = asyncio.Event()  # set once everything runs

    def _models_asked(self) -> ModuleType | None:
        """What is imported only where a model is asked, or systems are connected that may be looked into."""
        if self.settings.provider == "PLAYBOOK" and not self.connectors:
            return None
        from andon.app import models_asked

        return models_asked

    @property
    def store(self) -> Store:
        """The database. Raises StoreUnavailable while the start has not come to it."""
        if self._store is None:
            raise StoreUnavailable("Andon is starting and has not opened its database yet: see /readyz, and ask again")
        return self._store

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """The connected systems by name; they are asked and written to through the outbox alone."""
        return self._acting.connectors

    @property
    def proposals(self) -> Proposals:
        """What checks and renders what is to leave the house."""
        return self._acting.proposals

    @property
    def outbox(self) -> Outbox | None:
        """What sends approved actions; None where no system is connected, or the start has not come to it."""
        return self._acting.outbox

    @property
    def admission(self) -> Admission | None:
        """Whether questions go to the model, and how many; None while the start has not come to it."""
        return None if self._analyzer is None else self._analyzer.admission

    @property
    def connection(self) -> BusConnection | None:
        """The connection to the broker; None while the start has not come to it."""
        return getattr(self, "_connection", None)

    async def stream_state(self) -> StreamState | None:
        """Where the log stream stands; None where the broker does not say so within a second."""
        if self._store is None or (stream := getattr(self, "_stream", None)) is None:
            return None
        try:
            async with asyncio.timeout(1.0):
                return await stream.state()  # type: ignore[no-any-return]  # what the start has not come to
        except (BrokerError, TimeoutError) as error:
            log.info("stream metrics not updated", error=str(error))
            return None

    def wake_outbox(self) -> None:
        """Something was proposed or decided on. Before the start is through it is found anyway."""
        if self.outbox is not None:
            self.outbox.wake()

    def wake_analyzer(self) -> None:
        """A person asked for an explanation. Before the start is through it is found anyway."""
        if self._analyzer is not None:
            self._analyzer.wake()

    async def publish(self, data: bytes, subject: str, message_id: str) -> None:
        """Put a message into the log stream once more; one with an id that it took a moment ago is not taken twice.

        Raises BrokerUnavailable, and BrokerError where the broker refuses it.
        """
        if self._publisher is None:
            raise BrokerUnavailable("Andon is starting and has no broker yet: see /readyz, and try again")
        await self._publisher.store(data, subject=subject, message_id=message_id)

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
        """Start everything, call ``ready``, work until ``stop`` is set, stop everything in order.

        Raises AndonError with one sentence where something essential cannot start.
        """
        async with AsyncExitStack() as stack:
            http, serving = await self._answer_http(stack)
            await self._open(stack)
            publisher = self._publisher = JetStreamPublisher(self._connection)
            stack.push_async_callback(publisher.close)
            sources, self.intake = self._ways_in(stack)
            stack.push_async_callback(self.questions.close)
            shown = QuestionPictures(self.store, for_model)
            stack.push_async_callback(shown.close)
            limits = PictureLimits(max_bytes=self.settings.picture_max_bytes)
            fetcher = PictureFetcher(self.store, NatsObjects(self._connection).fetch, limits, self.metrics)
            desk, recorder, analyzer = self._pipeline(publisher, fetcher, shown)
            self._analyzer = analyzer
            self._acting.open(self.store, lease_owner(self.settings, self.http_port))
            stack.push_async_callback(self._acting.close)
            stack.push_async_callback(self.usual.close)
            examiner = await self._examiner(analyzer)
            callers = self._callers(publisher)
            async with asyncio.TaskGroup() as group:

                def start(
                    name: str, part: Callable[[], object], report: Report = self.health.report
                ) -> asyncio.Task[None]:
                    return group.create_task(keep_running(name, part, self.metrics, report), name=name)  # type: ignore[arg-type]

                group.create_task(heed(serving), name="http-heed")
                site = analyzer.site
                background = [start(name, part) for name, part in self._beside(analyzer.site_changed, sources)]
                background += [start(name, part, self.health.remark) for name, part in self._telling_others()]
                await callers.listen(desk.analyze, desk.plain)
                taking_in = [start("pictures", fetcher.run), start("recorder", recorder.run)]
                taking_in.append(start("examiner", examiner.run))
                hearing = group.create_task(self.intake.run(sources), name="intake")
                answering = [start("callers", desk.run), start("analyzer", analyzer.run), start("site", site.run)]
                self.health.report("service", None)
                log.info("ready", **self._places())
                gc.freeze()  # what the start made stays: no collection need walk through it again
                self.began.set()
                if ready is not None:
                    ready()
                await stop.wait()
                self.health.report("service", "stopping")
                log.info("stopping")
                # Stop hearing, then stop taking in, then stop answering, then stop being asked.
                await ended(hearing)
                await ended(*taking_in)
                await asyncio.gather(analyzer.settle(ANSWERED_WITHIN), self._acting.settle(ANSWERED_WITHIN))
                await callers.close()
                await ended(*answering)
                self.changes.close()
                await http.stop(serving)
                await ended(*background)
        log.info("stopped")

    def _places(self) -> dict[str, object]:
        """Where it is found, for the log."""
        broker, database = public(self.settings, self.broker), _shown(self.settings.database)
        return {"version": andon.__version__, "broker": broker, "http": self.http_port, "database": database}

    def _callers(self, publisher: JetStreamPublisher) -> NatsCallers:
        return NatsCallers(
            self._connection,
            version=andon.__version__,
            owns=publisher.owns,
            max_concurrent=SLOTS + STORING,
            max_bytes=2 * SLOTS_BYTES,
            heard=self._stream.moved.set,
        )

    def _telling_others(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """What works for others than those who look at Andon, by name: its trouble is worth a remark and no more."""
        if self.outbox is not None:
            yield "outbox", self.outbox.run
        for make in self.companions:
            if (made := make()) is not None:
                yield made

    def _ways_in(self, stack: AsyncExitStack) -> tuple[list[Source], Intake]:
        """The sources that are to run, and what runs them."""
        for sentence, remedy in without_effect(self.settings):
            log.warning(sentence, remedy=remedy)
        feed = Feed(self._connection)
        stack.push_async_callback(feed.close)
        return [*configured_sources(self.settings), *self.sources], Intake(feed, self.metrics, self.health)

    def _beside(self, changed: Callable[[], None], sources: Sequence[Source]) -> list[tuple[str, Callable[[], object]]]:
        """What runs beside the pipeline, by name; ``changed`` is told when the site's own files are others.

        Those of ``sources`` that want to know hear what people acknowledge.
        """
        guard = self._stream.guard
        self._watch = Watch(
            self._look_at_broker, self.store, self.health, broker=self._broker_problem, changed=guard.changed
        )
        told = [one for one in sources if isinstance(one, Acknowledging) and one.acknowledges]
        rules = Retention(self.store, retention_policy(self.settings))
        self._retainer = Retainer(self.store, rules, self.metrics, self._stream)
        return [
            ("watch", self._watch.run),
            *([("broker", self.broker.supervise)] if self.broker else []),
            ("runbooks", lambda: scan_always(self.runbooks.scan, self.playbook.scan, changed=changed)),
            ("indexer", functools.partial(keep_indexed, self.store, self.metrics, self._logs_changed)),
            ("retention", self._retainer.run),
            ("elsewhere", self._listen_elsewhere),
            *([("acknowledgements", functools.partial(pass_on, self.store, self.changes, told))] if told else []),
        ]

    async def _listen_elsewhere(self) -> None:
        heard = self._acting.heard
        await tell_of_others(self.store, self.changes, EVERY if heard is None else OFTEN, heard=heard)

    def _logs_changed(self) -> None:
        """Pages are told once logs are stored, and again once they are read: alarms are known only then."""
        self.changes.tell("logs")

    def _occupy(self, stack: AsyncExitStack) -> None:
        """Make the data directory, and lock the database until ``stack`` ends."""
        settings, access = self.settings, self.settings.file_access
        stack.enter_context(lock_database(settings.database, access))
        if settings.embedded_broker:
            with contextlib.suppress(OSError):  # the broker says what is wrong with the directory
                access.make_directory(settings.data_dir)

    async def _open(self, stack: AsyncExitStack) -> None:
        """Start and open what the pipeline needs; ``stack`` closes it in the opposite order."""
        settings, step = self.settings, self._starting.step
        prepared = functools.partial(
            in_thread,
            prepare,
            settings.database,
            durability=settings.durability,
            access=settings.file_access,
            copies=settings.upgrade_copies,
        )
        updating = f"the database {settings.database} is checked and, where it is older, brought up to date"
        try:
            async with asyncio.TaskGroup() as opening:
                preparing = opening.create_task(
                    step("database", self._database_place, prepared, updating), name="prepare"
                )
                opening.create_task(self._connect(stack), name="connect")
        except BaseExceptionGroup as group:
            raise first_error(group) from None
        done = preparing.result()
        if done.taken_over:
            log.info("imported the reference system's database", rows=done.taken_over, backup=str(done.backup))
        self.playbook = SitePlaybook(settings.playbook, kept=settings.data_dir / RULES_KEPT)
        with told_where_long("runbooks and rules are read"):
            await asyncio.to_thread(self.runbooks.scan)
            await asyncio.to_thread(self.playbook.scan)
        self._store = await step("database", self._database_place, self._open_store)
        stack.push_async_callback(self._store.close)
        self._stream = await self._open_stream()
        stack.push_async_callback(self._stream.close)
        await self._stream.guard.listen()
        stack.push_async_callback(self._stream.guard.close)
        if self.analyst is not None:
            stack.push_async_callback(self.analyst.close)

    async def _connect(self, stack: AsyncExitStack) -> None:
        """Start the broker where it is ours, and connect to it."""
        if self.settings.embedded_broker:
            self.broker = EmbeddedBroker(self.settings, health=self.health)
            reads = f"the broker starts and reads its store in {self.settings.data_dir}"
            await self._starting.step("broker", self.settings.data_dir, self.broker.start, reads)
            stack.push_async_callback(self.broker.stop)
        url, ping = broker_url(self.settings, self.broker), PING_EVERY if self.broker is None else PING_OWN_EVERY
        with told_where_long(f"connecting to the broker at {public(self.settings, self.broker)}"):
            self._connection = await connect(url, name=self.settings.agent_name, ping_every=ping)
        stack.push_async_callback(self._connection.close)
        self._connection.watch(lambda up: None if up else self._doubt_broker())

    def _doubt_broker(self) -> None:
        if self.broker is not None:
            self.broker.doubt()

    async def _look_at_broker(self) -> str | None:
        """What keeps logs from being taken, as the broker says. Raises BrokerError; our own broker is doubted then."""
        doubting = asyncio.get_running_loop().call_later(ANSWERS_WITHIN, self._doubt_broker)
        try:
            return await self._stream.guard.check()
        except BrokerError:
            self._doubt_broker()
            raise
        finally:
            doubting.cancel()

    @property
    def _database_place(self) -> Path:
        """The directory on whose disk the database lies, as far as it is one of ours."""
        database = self.settings.database
        return database.parent if isinstance(database, Path) else self.settings.data_dir

    async def _answer_http(self, stack: AsyncExitStack) -> tuple[HttpServer, asyncio.Task[None]]:
        """Take the database's lock and serve HTTP, which says what the rest of the start waits for."""

        async def take() -> None:
            await asyncio.to_thread(self._occupy, stack)

        try:
            await take()  # first: who starts Andon twice is to hear of that, not of the port
            locked = True
        except StoreFull:
            locked = False
        http = self._make_http(self)
        self.http_port = http.bind()  # before anything is started: a port that is taken is known at once
        stack.callback(http.close)
        serving = asyncio.create_task(http.run(), name="http")
        stack.callback(self.changes.close)
        stack.push_async_callback(http.stop, serving)  # cancelled, it would leave its sockets to the loop's end
        if not locked:
            await self._starting.step("database", self._database_place, take)
        return http, serving

    async def _open_store(self) -> Store:
        settings = self.settings
        return await Store.open(
            settings.database,
            durability=settings.durability,
            policy=analysis_policy(settings),
            keeping=retention_policy(settings),
            times=TimeReader(ZoneInfo(settings.time_zone), settings.day_first),
        )

    async def _open_stream(self) -> JetStreamLogStream:
        """The log stream; an embedded broker that gives up meanwhile, as the disk is full, is started again."""
        guard = StreamGuard(
            self._connection,
            ours=self.broker is not None,
            store_bytes=self.settings.nats_max_store,
            put_back=lambda setting: self.metrics.put_back.labels(setting).inc(),
        )
        batch = self.settings.record_batch
        opening = functools.partial(JetStreamLogStream.open, self._connection, guard=guard, batch=batch)
        if self.broker is None:
            with told_where_long("the broker opens the stream of logs"):
                return await opening()
        supervising = asyncio.create_task(self.broker.supervise(), name="broker-while-starting")
        try:
            return await self._starting.step("broker", self.settings.data_dir, opening)
        finally:
            await ended(supervising)

    def _mqtt_outlet(self) -> Outlet | None:
        """Where logs are counted that came through the broker's own MQTT port; None where it has none."""
        if self.broker is None or self.intake is None or not self.broker.mqtt_port:
            return None
        address = f"mqtt://{bracketed(self.settings.mqtt_host)}:{self.broker.mqtt_port}"
        return self.intake.outlet("mqtt listener", lambda: address)

    def _rules_near(self, question: Question) -> list[Hint]:
        """The rules that come nearest, without those that technicians here found wrong."""
        return [rule for rule in self.playbook.candidates(question) if not self.trust.doubts(rule.source)]

    def _ladder(self, rules: Rules) -> Ladder:
        return Ladder(
            self.store.read,
            rules,
            fixes=ConfirmedFixes(),
            runbooks=self.runbooks,
            own_rules=lambda: len(self.playbook),
            ready=self.playbook.ready,
            rules_near=self._rules_near,
            history=self.store.look_up if self.settings.investigate == "on" else None,
        )

    def _pipeline(
        self, publisher: JetStreamPublisher, fetcher: PictureFetcher, pictures: QuestionPictures
    ) -> tuple[CallerDesk, Recorder, Analyzer]:
        settings = self.settings
        decode = decoder(settings)
        self.health.report(regroup.PART, regroup.BEGINS)  # until the recorder has seen to it
        admission, policy = model_admission(settings, self.store), analysis_policy(settings)
        rules = placing.undoubted(self.playbook.explain, self.playbook.general, self.trust.doubts)
        desk = CallerDesk(
            self.store,
            publisher,
            rules,
            decode,
            self.metrics,
            agent=settings.agent_name,
            away=lambda: admission.unavailable,
            ready=self.playbook.ready,
            asks=None if policy.asks_all else policy.asks,
        )

        async def explained(answer: StoredAnalysis) -> None:
            self.changes.tell("answers")
            await desk.explained(answer)

        on_stored, asked = self._on_stored(desk), self._models_asked()

        analyzer = Analyzer(
            self.store,
            publisher,
            self.analyst,
            self._ladder(rules),
            self.trust,
            admission,
            self.metrics,
            owner=lease_owner(settings, self.http_port),
            attempts=settings.model_attempts,
            # one question may be put to each of the providers in turn
            deadline=settings.model_cold_deadline * (1 + len(settings.fallback_members)),
            explained=explained,
            pictures=pictures,
            suggestions=self._suggestions(asked),
            instructions=settings.agent_instructions,
            eager=asked is not None and asked.loads_model(self.analyst),
        )
        recorder = Recorder(
            self._stream,
            self.store,
            decode,
            self.metrics,
            self.health,
            batch=settings.record_batch,
            on_stored=on_stored,
            on_stalled=desk.on_stalled,
            queued=analyzer.wake,
            pinned=code_rules(settings).is_pinned,
            limits=PictureLimits(max_bytes=settings.picture_max_bytes),
            referenced=fetcher.wake,
            renew=functools.partial(regroup.regroup, self.store, decoder(settings), self.health),
        )
        return desk, recorder, analyzer

    def _suggestions(self, asked: ModuleType | None) -> Suggestions | None:
        if asked is None:
            return None
        made: Suggestions = asked.suggestions_of(
            self.store, self.proposals, self.settings, self.trust, lambda: self.changes.tell("work")
        )
        return made

    def _on_stored(self, desk: CallerDesk) -> Callable[[Batch, Recorded], Awaitable[None]]:
        """Tells pages and callers of what is stored, and counts what came through the broker's own MQTT port."""
        mqtt = self._mqtt_outlet()

        async def on_stored(batch: Batch, recorded: Recorded) -> None:
            self.changes.tell("logs")
            if mqtt is not None and (came := sum(MQTT_HEADER in (each.headers or ()) for each in batch.deliveries)):
                mqtt.took(came)
            await desk.on_stored(batch, recorded)

        return on_stored

    async def _examiner(self, analyzer: Analyzer) -> Examiner:
        """What measures the models behind the analyzer's questions; what is known of them is known before the first."""
        store, asked = self.store, self._models_asked()
        examiner = Examiner(
            self.settings,
            [] if asked is None else asked.each_of(self.analyst),
            store.read,
            store.write,
            self.trust,
            analyzer.admission,
            analyzer.turns,
            self.metrics,
        )
        with contextlib.suppress(StoreError):  # it looks again
            await examiner.renew()
        return examiner

    def _broker_problem(self) -> str | None:
        if self.broker is not None:
            self.metrics.broker_restarts.set(self.broker.restarts)
            if self.broker.problem is not None:
                return self.broker.problem
        if not self._connection.is_connected:
            return f"no connection to the broker at {self._connection.address}; connecting again"
        return None

    async def freshen(self) -> None:
        """Look at the broker unless that was done a moment ago: whoever asks whether we are ready is told the truth."""
        if self._watch is not None:
            await self._watch.freshen()

    @property
    def guard(self) -> StreamGuard | None:
        """What keeps stream and consumer as they must be; None before the start has come to them."""
        return None if self._watch is None else self._stream.guard  # which is there before it is watched

    async def oldest_waiting(self, state: StreamState) -> float | None:
        """Since when the oldest message waits that is not stored yet (unix seconds); None where none does."""
        if self._watch is None:
            return None
        try:
            async with asyncio.timeout(1.0):
                return await self._stream.oldest_waiting(state)
        except (BrokerError, TimeoutError) as error:
            log.info("the oldest waiting message is not known", error=str(error))
            return None

    async def refresh(self) -> None:
        """Bring the gauges up to date, at most once a second; what cannot be asked now keeps its last value."""
        now = time.monotonic()
        if now - self._gauges_at < 1.0:
            return
        self._gauges_at = now
        metrics = self.metrics
        metrics.runbooks.set(len(self.runbooks))
        metrics.runbook_problems.set(len(self.runbooks.problems))
        metrics.playbook_rules.set(len(self.playbook))
        metrics.playbook_problems.set(len(self.playbook.problems))
        try:
            sizes = await self.store.read(counts.sizes)
            if self._retainer is not None:
                await self._retainer.count_others()
        except StoreError as error:
            log.info("database metrics not updated", error=str(error))
        else:
            metrics.logs.set(sizes.logs)
            metrics.patterns.set(sizes.patterns)
            metrics.rejects.set(sizes.rejects)
            metrics.pending.set(sizes.pending)
            metrics.failed.set(sizes.failed)
            metrics.store_bytes.set(sizes.bytes)
        if (state := await self.stream_state()) is not None:
            metrics.stream_pending.set(state.pending + state.ack_pending)
            metrics.stream_bytes.set(state.bytes)
