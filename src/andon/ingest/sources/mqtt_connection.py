"""A connection to an MQTT broker on the event loop, with paho-mqtt doing the protocol.

paho directly rather than aiomqtt on top of it: an acknowledgement must wait until the stream has the log, and reading
must stop while too much is on its way. aiomqtt shows neither, and drops messages where its queue is full.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from andon.core.errors import ConfigError
from andon.core.settings.sources.mqtt_settings import MqttTopics
from andon.core.threads import in_daemon_thread

KEEPALIVE = 30  # seconds
CONNECT_SECONDS = 10.0
LOOK_EVERY = 5.0  # seconds between looks at the keepalive
#: Messages that a broker of MQTT 5 may have unacknowledged with us.
RECEIVE_MAXIMUM = 100
#: Beyond so many messages, or bytes of them, the socket is not read.
QUEUE, QUEUE_BYTES = 1_000, 8 << 20
#: Of a larger packet only the beginning is kept: topic, and so much of its text.
PACKET_KEPT = 2 << 20
CHUNK = 1 << 16
PACKETS_A_TURN = 64
SECONDS_MAX = 0xFFFF_FFFE  # of a session: one more would mean for ever

_PUBLISH, _QOS2 = 0x30, 0x04
_MALFORMED = (ValueError, IndexError, KeyError, UnicodeDecodeError)


class Received(NamedTuple):
    """A message as it came. ``size`` is that of the packet where it was too large to be kept whole, else 0."""

    topic: str
    payload: bytes
    qos: int
    mid: int
    retained: bool
    again: bool
    size: int = 0


class Away(Exception):
    """There is no connection (any more); the text says why, in a sentence. ``version``: another one may be spoken."""

    def __init__(self, sentence: str, *, version: bool = False) -> None:
        super().__init__(sentence)
        self.version = version


class _BrokenProtocol(Exception):
    pass


class _Client(paho.Client):
    """paho's client, which reads what a packet may hold and no more; its ``dry`` says that nothing is left to read."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.dry = False
        self.cut = 0

    def drop(self) -> None:
        """Close the socket, whatever state the connection is in."""
        self._sock_close()

    def _sock_recv(self, bufsize: int) -> bytes:
        try:
            return self._bounded(bufsize)
        except BlockingIOError:
            self.dry = True
            raise

    def _bounded(self, bufsize: int) -> bytes:
        packet = self._in_packet
        if packet["command"] & 0xF4 == _PUBLISH | _QOS2:
            raise _BrokenProtocol("it sends messages with QoS 2, which Andon did not request")
        if not packet["have_remaining"] or packet["remaining_length"] <= PACKET_KEPT:
            return super()._sock_recv(min(bufsize, CHUNK))
        if packet["command"] & 0xF0 != _PUBLISH:
            raise _BrokenProtocol(f"it announces {packet['remaining_length']:,} bytes, which is not a message")
        self.cut = packet["remaining_length"]
        if len(packet["packet"]) < PACKET_KEPT:
            return super()._sock_recv(min(bufsize, CHUNK))
        while packet["to_process"] > CHUNK:  # the rest is read and let go, but for its end
            skipped = super()._sock_recv(CHUNK)
            if not skipped:
                return skipped
            packet["to_process"] -= len(skipped)
        return super()._sock_recv(packet["to_process"])


class MqttConnection:
    """One connection: :meth:`open`, :meth:`subscribe`, then :meth:`next` and :meth:`ack` until :class:`Away` is raised.

    ``session_present`` says that the broker kept the session: what is unacknowledged comes again. Without ``keep`` it
    is asked for none.
    """

    def __init__(
        self,
        table: MqttTopics,
        login: tuple[str, str | None] | None,
        client_id: str,
        version: str,
        *,
        keep: bool = True,
    ) -> None:
        self._table = table
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[bool] = self._loop.create_future()
        self._lost = asyncio.Event()
        self._reason = ""
        self._subscribed: dict[int, asyncio.Future[list[int]]] = {}
        self._queue: deque[Received] = deque()
        self._bytes = 0
        self._came = asyncio.Event()
        self._reading = self._closed = False
        self._sock: Any = None
        self._misc: asyncio.TimerHandle | None = None
        self.session_present = False
        self.five = version == "5"
        self._client = _Client(
            callback_api_version=CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self.five else not keep,
            protocol=MQTTProtocolVersion.MQTTv5 if self.five else MQTTProtocolVersion.MQTTv311,
            transport="websockets" if table.websocket else "tcp",
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._client.connect_timeout = CONNECT_SECONDS / 2
        if login is not None:
            self._client.username_pw_set(*login)
        if table.websocket:
            self._client.ws_set_options(path=urlsplit(table.url).path or "/mqtt")
        self._listen()

    def _listen(self) -> None:
        client = self._client
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_socket_open = lambda _client, _data, sock: self._soon(self._opened, sock)
        client.on_socket_close = lambda _client, _data, sock: self._let_go(sock)
        client.on_socket_register_write = lambda _client, _data, sock: self._soon(self._write_when_able, sock)
        client.on_socket_unregister_write = lambda _client, _data, sock: self._soon(self._write_no_more, sock)

    async def open(self) -> None:
        """Connect and log in. Raises Away, and ConfigError where a certificate or key cannot be used."""
        work = in_daemon_thread(self._connect, f"mqtt {self._table.host_name}")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await work
                self.session_present = await self._connected
        except TimeoutError:
            raise Away(f"{self._table.url} does not answer within {CONNECT_SECONDS:g} s") from None
        except (OSError, paho.WebsocketConnectionError) as error:
            raise Away(f"{self._table.url} cannot be reached ({getattr(error, 'strerror', None) or error})") from None
        except _MALFORMED as error:
            raise Away(f"what answers at {self._table.url} is not an MQTT broker ({error})") from None

    def _connect(self) -> None:
        """Blocks, in a thread of its own."""
        table = self._table
        if table.secure:
            try:
                context = ssl.create_default_context(cafile=None if table.ca is None else str(table.ca))
                if table.cert is not None:
                    context.load_cert_chain(str(table.cert), None if table.key is None else str(table.key))
            except OSError as error:
                raise ConfigError(
                    f"ca, cert or key of {table.url} cannot be used ({error.strerror or error}): correct their paths "
                    "in [[mqtt]], or the files"
                ) from error
            self._client.tls_set_context(context)
        if self.five:
            told = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            told.SessionExpiryInterval = min(int(table.session_hours * 3600), SECONDS_MAX) if self._keep else 0
            told.ReceiveMaximum = RECEIVE_MAXIMUM
            self._client.connect(table.host_name, table.port, KEEPALIVE, clean_start=not self._keep, properties=told)
        else:
            self._client.connect(table.host_name, table.port, KEEPALIVE)
        if self._closed:  # nobody waits any more
            self._client.drop()

    async def subscribe(self, filters: list[str], qos: int) -> list[int]:
        """Ask for topics; what the broker answers for each: the QoS that it grants, 128 or more where it refuses.

        Old state that the broker retained comes once for a new subscription, with MQTT 3.1.1 for each. Raises Away.
        """
        asked: list[Any]
        if self.five:
            once = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
            asked = [(one, SubscribeOptions(qos=qos, retainHandling=once)) for one in filters]
        else:
            asked = [(one, qos) for one in filters]
        result, mid = self._client.subscribe(asked)
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise self._away()
        answer: asyncio.Future[list[int]] = self._loop.create_future()
        self._subscribed[mid] = answer
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await answer
        except TimeoutError:
            self._lose(f"does not answer a subscription within {CONNECT_SECONDS:g} s")
            raise self._away() from None
        finally:
            self._subscribed.pop(mid, None)

    async def next(self) -> Received:
        """The next message. Raises Away once the connection is lost and all that came is handed out."""
        while not self._queue:
            if self._lost.is_set():
                raise self._away()
            self._came.clear()
            await self._came.wait()
        received = self._queue.popleft()
        self._bytes -= len(received.payload)
        if not self._reading and self._has_room():
            self._read_on()
        return received

    @property
    def lost(self) -> bool:
        """Whether nothing goes out any more; what came before may not be handed out yet."""
        return self._lost.is_set() or self._sock is None

    def ack(self, mid: int) -> None:
        """Tell the broker that it may forget this message, at once: what waits to be sent is lost with a connection."""
        self._client.ack(mid, 1)
        self._guarded(self._client.loop_write)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send with QoS 0."""
        if not self._lost.is_set():
            self._client.publish(topic, payload, 0)

    def close(self) -> None:
        """End the connection; the broker keeps the session. Idempotent."""
        self._closed = True
        if not self._lost.is_set():
            self._client.disconnect()
            self._lose("it was closed")
        self._client.drop()

    def _away(self) -> Away:
        return Away(f"{self._table.url} {self._reason}")

    def _lose(self, reason: str) -> None:
        if self._lost.is_set():
            return
        self._reason = reason
        self._lost.set()
        self._came.set()
        if self._misc is not None:
            self._misc.cancel()
        if not self._connected.done():  # some close the connection where they do not speak version 5
            self._connected.set_exception(Away(f"{self._table.url} {reason}", version=True))
            self._connected.exception()  # somebody may have given up waiting: then nobody needs to hear of it
        for waiting in self._subscribed.values():
            if not waiting.done():
                waiting.set_exception(self._away())
                waiting.exception()

    def _soon(self, call: Callable[[Any], None], sock: Any) -> None:
        """paho connects in a thread, and calls from there as well."""
        self._loop.call_soon_threadsafe(call, sock)

    def _opened(self, sock: Any) -> None:
        if self._closed:  # nobody waits for it any more
            self._client.drop()
        if sock.fileno() < 0:
            return
        self._sock = sock
        self._read_on()
        self._misc = self._loop.call_later(LOOK_EVERY, self._look)

    def _let_go(self, sock: Any) -> None:
        """The socket is about to be closed; called from the thread only where nothing reads it yet."""
        if self._sock is sock and sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
            self._reading = False
        self._sock = None

    def _look(self) -> None:
        self._guarded(self._client.loop_misc)
        if not self._lost.is_set():
            self._misc = self._loop.call_later(LOOK_EVERY, self._look)

    def _has_room(self) -> bool:
        return len(self._queue) < QUEUE and self._bytes < QUEUE_BYTES

    def _read_on(self) -> None:
        if self._sock is not None and not self._lost.is_set():
            self._reading = True
            self._loop.add_reader(self._sock.fileno(), self._read)
            self._loop.call_soon(self._read)  # TLS may hold bytes that no event tells of

    def _read(self) -> None:
        if not self._reading:
            return
        client = self._client
        client.dry = False
        for _ in range(PACKETS_A_TURN):
            if not self._guarded(client.loop_read) or client.dry or self._sock is None:
                return
            if not self._has_room():
                self._loop.remove_reader(self._sock.fileno())
                self._reading = False
                return
        self._loop.call_soon(self._read)

    def _write_when_able(self, sock: Any) -> None:
        if self._sock is sock and sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._guarded, self._client.loop_write)

    def _write_no_more(self, sock: Any) -> None:
        if self._sock is sock and sock.fileno() >= 0:
            self._loop.remove_writer(sock.fileno())

    def _guarded(self, work: Callable[[], object]) -> bool:
        """Let paho work; whatever a broker sends ends the connection at worst. Whether it goes on."""
        try:
            work()
        except _BrokenProtocol as error:
            self._lose(f"breaks the protocol: {error}")
        except OSError as error:
            self._lose(f"is lost ({error})")
        except Exception as error:  # noqa: BLE001 - paho's readers raise many kinds; the reason is told on /readyz
            self._lose(f"sends something that is not MQTT ({type(error).__name__}: {error})")
        if self._lost.is_set():
            self._client.drop()
        return not self._lost.is_set()

    def _on_connect(
        self, _client: Any, _data: Any, flags: paho.ConnectFlags, code: ReasonCode, _told: Properties | None
    ) -> None:
        if self._connected.done():
            return
        if not code.is_failure:
            self._connected.set_result(flags.session_present)
            return
        version = "version" in str(code).lower()
        self._connected.set_exception(
            Away(f"{self._table.url} refused the connection: {str(code).lower()}", version=version)
        )

    def _on_disconnect(
        self, _client: Any, _data: Any, flags: paho.DisconnectFlags, code: ReasonCode, _told: Properties | None
    ) -> None:
        who = "closed the connection" if flags.is_disconnect_packet_from_server else "is lost"
        self._loop.call_soon_threadsafe(self._lose, f"{who} ({str(code).lower()})")

    def _on_subscribe(
        self, _client: Any, _data: Any, mid: int, codes: list[ReasonCode], _told: Properties | None
    ) -> None:
        waiting = self._subscribed.get(mid)
        if waiting is not None and not waiting.done():
            waiting.set_result([int(code.value) for code in codes])

    def _on_message(self, client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        size, client.cut = client.cut, 0
        try:
            topic = message.topic
        except UnicodeDecodeError:
            raise _BrokenProtocol("a topic is not UTF-8") from None
        payload = bytes(message.payload)
        self._queue.append(Received(topic, payload, message.qos, message.mid, message.retain, message.dup, size))
        self._bytes += len(payload)
        self._came.set()
