"""Topics of an MQTT broker: a client that acknowledges a message only when the log stream has it."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any

import msgspec
import structlog
from paho.mqtt.matcher import MQTTMatcher

from andon.bus.feed import Stored
from andon.core.errors import ConfigError
from andon.core.private_files import written_whole
from andon.core.settings.settings import Settings
from andon.core.settings.sources.mqtt_settings import MqttTopics
from andon.ingest.sources.heard import Heard
from andon.ingest.sources.mqtt_connection import Away, MqttConnection, Received
from andon.ingest.sources.mqtt_payloads import Origins, Payloads, Refusal, Whole
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.sparkplug_states import NAMESPACE, Remembered, SparkplugStates, birth_request

log = structlog.get_logger(__name__)

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
#: Seconds that a connection must hold before the next loss counts as the first.
STEADY = 60.0
#: Topics that were refused are asked for again after so many seconds.
ASK_AGAIN = 60.0
#: Retained messages that are known, so that a reconnect does not take them again.
RETAINED_KNOWN = 50_000
SAVE_EVERY = 1.0
#: Messages that are taken before others on the loop have their turn.
A_TURN = 20
REFUSED = 128
#: Brokers in the cloud take no more subscriptions at once.
TOPICS_A_PACKET = 8
_OTHER = {"5": "3.1.1", "3.1.1": "5"}

_Futures = list[asyncio.Future[Stored]]


def mqtt_sources(settings: Settings) -> list[MqttSource]:
    """A source for each table ``[[mqtt]]``, each under a name of its own."""
    made: list[MqttSource] = []
    for table in settings.mqtt:
        name = " ".join(filter(None, (f"mqtt {table.host_name}:{table.port}", table.client_id)))
        twins = sum(one.name.partition(" (")[0] == name for one in made)
        made.append(MqttSource(table, settings, f"{name} ({twins + 1})" if twins else name))
    return made


def client_id_of(table: MqttTopics, settings: Settings) -> str:
    """The table's own, else one that stays the same for this installation and broker: the broker's session has it."""
    if table.client_id:
        return table.client_id
    told = "\n".join((socket.gethostname(), str(settings.data_dir.absolute()), table.url, table.user))
    return f"andon{hashlib.blake2b(told.encode(), digest_size=8).hexdigest()}"


def login_of(table: MqttTopics, settings: Settings) -> tuple[str, str | None] | None:
    """User and password of a table. Raises ConfigError where its file cannot be read."""
    if not table.user:
        return None
    if table.password_file is None:
        return table.user, (table.password or settings.mqtt_password).get_secret_value() or None
    try:
        return table.user, table.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"password_file {table.password_file} of {table.url} cannot be read ({reason}): correct the path in "
            "[[mqtt]], or its permissions"
        ) from error


class _Taken(msgspec.Struct):
    """A message whose acknowledgement is due, by what it holds."""

    digest: bytes
    logs: _Futures


class MqttSource:
    """One table ``[[mqtt]]``: a session with a broker that is kept up for as long as Andon runs."""

    def __init__(self, table: MqttTopics, settings: Settings, name: str) -> None:
        self.name = name
        self._table = table
        self._settings = settings
        self._client_id = client_id_of(table, settings)
        self._version = "3.1.1" if table.version == "3.1.1" else "5"
        self._filters = [f"$share/{table.share}/{one}" if table.share else one for one in table.topics]
        self._matches = MQTTMatcher()  # type: ignore[no-untyped-call]
        for one in table.topics:
            self._matches[one] = True
        name = hashlib.blake2b(self._client_id.encode(), digest_size=8).hexdigest()
        self._memory = settings.data_dir / "mqtt" / f"{name}.json"
        self._unacknowledged: dict[int, _Taken] = {}
        self._retained: OrderedDict[bytes, None] = OrderedDict()
        self._connection: MqttConnection | None = None
        self._due: deque[tuple[int, _Futures]] = deque()
        self._unsaved = asyncio.Event()
        self._sparkplug = SparkplugStates(
            table.alarms, Origins(table).of, time.monotonic, self._ask_birth if table.rebirth else None
        )

    @property
    def address(self) -> str:
        """The broker and the topics."""
        topics = ", ".join(self._table.topics[:3])
        return f"{self._table.url} {topics}{' …' if len(self._table.topics) > 3 else ''}"

    async def run(self, outlet: Outlet) -> None:
        payloads = Payloads(self._table, self._settings.encoding, outlet.max_payload)
        await asyncio.to_thread(self._recall)
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            try:
                await self._session(outlet, payloads)
            except Away as away:
                told = str(away)
                if away.version and self._table.version == "auto":
                    self._version = _OTHER[self._version]
                    if self._version == "3.1.1":
                        continue
            if time.monotonic() - started > STEADY:
                pause = FIRST_PAUSE
            outlet.trouble(f"{told}: Andon tries again; check that the broker is running and accepts our login")
            log.info("MQTT broker is not reachable", source=self.name, reason=told, pause=round(pause, 1))
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - only so that not all come at once
            pause = min(pause * 2, LAST_PAUSE)

    async def _session(self, outlet: Outlet, payloads: Payloads) -> None:
        """One connection, from its start to its loss. Raises Away, always."""
        login = await asyncio.to_thread(login_of, self._table, self._settings)
        connection = MqttConnection(self._table, login, self._client_id, self._version)
        try:
            await connection.open()
            self._connection = connection
            if not connection.session_present:
                self._unacknowledged.clear()
            self._due.clear()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._subscribe(connection, outlet), name=f"{self.name} subscribe")
                group.create_task(self._listen(connection, outlet, payloads), name=f"{self.name} listen")
                group.create_task(self._keep_saved(), name=f"{self.name} save")
        except ExceptionGroup as ended:
            raise ended.exceptions[0] from None
        finally:
            self._connection = None
            connection.close()
            await self._save()

    async def _subscribe(self, connection: MqttConnection, outlet: Outlet) -> None:
        """Ask for all topics, and for those that were refused again and again."""
        wanted = self._filters
        while wanted:
            told: list[tuple[str, int]] = []
            for first in range(0, len(wanted), TOPICS_A_PACKET):
                asked = wanted[first : first + TOPICS_A_PACKET]
                try:
                    told += zip(asked, await connection.subscribe(asked, self._table.qos), strict=False)
                except Away:
                    return  # who listens is told it as well, after all that came
            wanted = [topic for topic, code in told if code >= REFUSED]
            lower = [topic for topic, code in told if code < self._table.qos]
            if wanted:
                outlet.trouble(
                    f"{self._table.url} refused the subscription to {', '.join(wanted[:5])}: give Andon's user that "
                    "right there"
                )
            elif lower:
                outlet.trouble(
                    f"{self._table.url} grants only QoS 0 for {', '.join(lower[:5])}, which may lose messages: allow "
                    "QoS 1 there, or set qos = 0"
                )
            else:
                outlet.trouble(None)
            if not wanted:
                return
            await asyncio.sleep(ASK_AGAIN)

    async def _listen(self, connection: MqttConnection, outlet: Outlet, payloads: Payloads) -> None:
        turn = 0
        while True:
            await self._take(connection, await connection.next(), outlet, payloads)
            turn += 1
            if turn % A_TURN == 0:  # others have something to do as well
                await asyncio.sleep(0)
            if self._sparkplug.changed:
                self._unsaved.set()

    async def _keep_saved(self) -> None:
        while True:
            await self._unsaved.wait()
            await self._save()
            await asyncio.sleep(SAVE_EVERY)

    async def _take(self, connection: MqttConnection, received: Received, outlet: Outlet, payloads: Payloads) -> None:
        digest = hashlib.blake2b(received.topic.encode() + b"\0" + received.payload, digest_size=16).digest()
        known = self._unacknowledged.get(received.mid) if received.qos and received.again else None
        if known is not None and known.digest == digest:  # it is on its way already, or the stream has it
            logs = known.logs
        else:
            logs = [
                await outlet.put(one) if isinstance(one, Heard) else await outlet.put_message(one.subject, one.data)
                for one in self._logs(received, digest, outlet, payloads)
            ]
            if received.retained:
                self._retained[digest] = None
                if len(self._retained) > RETAINED_KNOWN:
                    self._retained.popitem(last=False)
        if not received.qos:
            return
        self._unacknowledged[received.mid] = _Taken(digest, logs)
        self._due.append((received.mid, logs))
        for one in logs:
            one.add_done_callback(lambda _: self._acknowledge(connection))
        self._acknowledge(connection)

    def _acknowledge(self, connection: MqttConnection) -> None:
        """Acknowledge what the stream has (or will never take), in the order in which it came, as MQTT demands."""
        if connection is not self._connection or connection.lost:
            return  # it comes again
        while self._due and all(one.done() and not one.cancelled() for one in self._due[0][1]):
            mid, _ = self._due.popleft()
            self._unacknowledged.pop(mid, None)
            connection.ack(mid)

    def _logs(self, received: Received, digest: bytes, outlet: Outlet, payloads: Payloads) -> Iterable[Heard | Whole]:
        """What is to be stored of a message; what is not is counted."""
        if next(self._matches.iter_match(received.topic), None) is None:  # type: ignore[no-untyped-call]
            outlet.refuse("not subscribed to")  # a topic of an earlier configuration, which the session still has
            return []
        if received.retained and (not self._table.retained or digest in self._retained):
            return []
        try:
            if self._is_sparkplug(received.topic):
                return self._of_sparkplug(received, outlet)
            marks: dict[str, Any] = {"mqtt_retained": True} if received.retained else {}
            if received.size:
                marks["cut_from_bytes"] = received.size
            return list(payloads.logs(received.topic, received.payload, marks))
        except Refusal as refusal:
            outlet.refuse(str(refusal))
            return []

    def _is_sparkplug(self, topic: str) -> bool:
        if self._table.payload == "sparkplug":
            return True
        return self._table.payload == "auto" and topic.startswith(f"{NAMESPACE}/")

    def _of_sparkplug(self, received: Received, outlet: Outlet) -> list[Heard]:
        missed = self._sparkplug.missed
        try:
            return self._sparkplug.logs(received.topic, received.payload)
        finally:
            if gap := self._sparkplug.missed - missed:
                outlet.refuse("missed, by the numbers of its node", gap)

    def _ask_birth(self, topic: str) -> None:
        if self._connection is not None:
            self._connection.publish(topic, birth_request(time.time_ns() // 1_000_000))

    def _recall(self) -> None:
        """What an earlier run knew of alarms; what cannot be read is as if it were not there."""
        try:
            self._sparkplug.recall(msgspec.json.decode(self._memory.read_bytes(), type=Remembered))
        except FileNotFoundError:
            return
        except (msgspec.DecodeError, OSError) as error:
            log.warning("saved alarm states cannot be read", file=str(self._memory), reason=str(error))

    async def _save(self) -> None:
        self._unsaved.clear()
        if not self._sparkplug.changed:
            return
        self._sparkplug.changed = False
        await asyncio.to_thread(self._write, msgspec.json.encode(self._sparkplug.remembered()))

    def _write(self, data: bytes) -> None:
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with written_whole(self._memory) as file:
                file.write(data)
        except OSError as error:
            log.warning("alarm states cannot be saved", file=str(self._memory), reason=error.strerror)
