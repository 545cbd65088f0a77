"""The client's connection: for ever reconnecting, never printing, never showing credentials."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from andon.bus.address import Server, masked, servers_of
from andon.bus.wire import Sink, WireParser
from andon.core.errors import BrokerUnavailable
from andon.core.settings.broker_users import inbox_prefix

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT = 2  # seconds for one attempt
RECONNECT_PAUSE = 0.25
PING_EVERY = 2  # seconds; two unanswered pings mean the broker is gone
#: The same for a broker of our own: its end closes the connection, and a waiting pull tells sooner that it hangs.
PING_OWN_EVERY = 10
PENDING_BYTES = 4 << 20  # what may wait in memory while the broker is not reachable
FLUSH_TIMEOUT = 10.0
REPEAT_LOG_AFTER = 30.0

T = TypeVar("T")


async def heeding(waiting: Awaitable[T]) -> T:
    """``await waiting``, but a cancellation that comes meanwhile is never lost. Raises what ``waiting`` raises.

    nats-py loses them: its ``_flush_pending`` drops any, and its ``asyncio.wait_for`` (before Python 3.12) one that
    comes together with the answer. The task that was to end would go on, and who waits for its end wait for ever.
    """
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    try:
        return await waiting
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError


class ArrivedMsg(Msg):
    """A message with its place among all that the connection received, from 1: subscriptions are served in no order."""

    arrived = 0


class BusConnection(Client):
    """nats-py's client, which tells any number of watchers when the broker comes and goes.

    ``address`` is for messages: it holds no credentials. ``error_count`` counts what the client reported.
    """

    msg_class = ArrivedMsg

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.error_count = 0
        self._arrived = 0
        #: Who takes messages as they are, by the number of the subscription; see :meth:`subscribe_directly`.
        self._sinks: dict[int, Sink] = {}
        self._ps = WireParser(self, self._sinks, self._hand_over)
        self.refusal = asyncio.get_running_loop().create_future()
        self._watchers: dict[Callable[[bool], None], None] = {}  # in their order
        self._last_logged = ("", 0.0)
        self._listed: list[Server] = []
        self._logins: dict[str, Server] = {}
        self._tried_inbox = ""
        #: Who waits to hear that we may not publish somewhere, by the subject in small letters.
        self._denials: dict[str, set[asyncio.Future[None]]] = {}

    def watch(self, watcher: Callable[[bool], None]) -> Callable[[], None]:
        """Call ``watcher`` with True after each reconnect and False after each loss or the close; returns the undo."""
        self._watchers[watcher] = None
        return lambda: self._watchers.pop(watcher, None)

    async def open(self, url: str, name: str, ping_every: int = PING_EVERY) -> None:
        """Connect, trying for ever; errors go to :meth:`reported`."""
        self._listed = servers_of(url)
        await self.connect(
            servers=[server.address for server in self._listed],
            name=name,
            error_cb=self.reported,
            disconnected_cb=self._lost,
            reconnected_cb=self._regained,
            closed_cb=self._ended,
            max_reconnect_attempts=-1,
            connect_timeout=CONNECT_TIMEOUT,
            reconnect_time_wait=RECONNECT_PAUSE,  # type: ignore[arg-type]  # only slept for: a fraction is fine
            ping_interval=ping_every,
            max_outstanding_pings=2,
            pending_size=PENDING_BYTES,
            flush_timeout=FLUSH_TIMEOUT,
        )

    async def find_inbox(self) -> None:
        """See that we hear answers: as a producer of a closed Andon we may hear inboxes of our user only."""
        user = self._listed[0].user
        if user is None:
            return
        self._tried_inbox = self.new_inbox()
        with contextlib.suppress(nats.errors.Error, TimeoutError):
            subscription = await self.subscribe(self._tried_inbox)
            await heeding(self._flush_pending(force_flush=True))  # else the client's next ping may overtake it
            await self.flush()  # a refusal comes before its answer
            await subscription.unsubscribe()
            if not self._tried_inbox:
                self._inbox_prefix = bytearray(inbox_prefix(user).encode())
        self._tried_inbox = ""

    async def close(self) -> None:
        """Close for good; idempotent. What still waits for a broker that is gone is dropped."""
        if not self.is_connected:  # the client would write it to the connection that is lost, and raise
            self._pending, self._pending_data_size = [], 0
        with contextlib.suppress(OSError):
            await super().close()

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,
        old_style: bool = False,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """As nats-py's, but it can be cancelled at every moment."""
        return await heeding(super().request(subject, payload, timeout, old_style, headers))

    async def subscribe_directly(self, subject: str, sink: Sink) -> Subscription:
        """Hand what comes on ``subject`` to ``sink`` as it is read, without a queue, a task and an object for each.

        What ``sink`` returns is awaited before anything else is read, so it must be short; what it raises is reported.
        """
        number = self._sid + 1  # the one that is given now: nothing is awaited before
        self._sinks[number] = sink
        try:
            return await self.subscribe(subject)
        except BaseException:
            self._sinks.pop(number, None)
            raise

    def _hand_over(
        self, number: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> Awaitable[None] | None:
        """Give a message to the sink of the subscription ``number``; what is to be awaited then, if anything."""
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        self._arrived += 1
        try:
            todo = self._sinks[number](subject, reply, data, headers, self._arrived)
        except Exception as error:  # noqa: BLE001 - must not end the reading; it is counted and logged
            return self.reported(error)
        return None if todo is None else self._awaited(todo)

    async def _awaited(self, todo: Awaitable[None]) -> None:
        try:
            await todo
        except Exception as error:  # noqa: BLE001 - must not end the reading; it is counted and logged
            await self.reported(error)

    async def parsed_headers(self, raw: bytes) -> dict[str, str] | None:
        """Headers as nats-py reads them, with those it makes of a status."""
        return await self._process_headers(raw)

    async def asked(self, subject: str, payload: bytes, timeout: float) -> Msg | None:
        """As :meth:`request`; None at once where the broker does not let us publish on ``subject``."""
        denied = asyncio.get_running_loop().create_future()
        waiting = self._denials.setdefault(subject.lower(), set())
        waiting.add(denied)
        answer = asyncio.create_task(self.request(subject, payload, timeout))
        try:
            await asyncio.wait((answer, denied), return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else None
        finally:
            answer.cancel()
            waiting.discard(denied)
            if not waiting:
                self._denials.pop(subject.lower(), None)
            await asyncio.wait((answer,))

    async def publish(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """As nats-py's, but it can be cancelled at every moment."""
        await heeding(super().publish(subject, payload, reply, headers))

    async def publish_again(self, subject: str, payload: bytes, reply: str, headers: bytes) -> bool:
        """As :meth:`publish` in a third of the time: nothing is checked that was checked before. Whether it was done.

        ``subject`` is one that :meth:`publish` took, ``reply`` one of ours, ``headers`` are as they are sent; together
        they are no longer than a message may be. Without a connection nothing is done.
        """
        queue = self._flush_queue
        if not self.is_connected or queue is None:
            return False
        size = len(headers)
        command = f"HPUB {subject} {reply} {size} {size + len(payload)}\r\n".encode() + headers + payload + b"\r\n"
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += len(payload)
        self._pending.append(command)
        self._pending_data_size += len(command)
        if self._pending_data_size > self._max_pending_size:
            await heeding(self._flush_pending(force_flush=True))
        elif queue.empty():
            await heeding(self._flush_pending())
        return True

    async def flush(self, timeout: int = int(FLUSH_TIMEOUT)) -> None:
        """As nats-py's, but it can be cancelled at every moment."""
        await heeding(super().flush(timeout))

    async def publish_each(self, subjects: Sequence[str], payload: str) -> None:
        """Publish the same short payload on each of ``subjects``, joined into one write.

        For acknowledgements, of which every message needs one: nats-py's ``publish()`` costs more than storing the row.
        ``subjects`` are not validated, so they must be the broker's own. Raises nats.errors as ``publish()`` does.
        """
        if not subjects:
            return
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        end = f" {len(payload)}\r\n{payload}\r\n"
        command = f"PUB {f'{end}PUB '.join(subjects)}{end}".encode()
        if not self.is_connected and len(command) + self.pending_data_size > PENDING_BYTES:
            raise nats.errors.OutboundBufferLimitError
        self.stats["out_msgs"] += len(subjects)
        self.stats["out_bytes"] += len(payload) * len(subjects)
        await self._send_command(command)
        await heeding(self._flush_pending())

    async def publish_many(self, messages: Iterable[tuple[str, str, bytes, bytes]]) -> None:
        """Publish messages (subject, reply, headers as they go over the wire, payload), joined into one write.

        For who sends all day long: nats-py's ``publish()`` costs more than reading a line. Subjects and headers are not
        validated, so they must be our own. Raises nats.errors as ``publish()`` does.
        """
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        parts: list[bytes] = []
        count = size = 0
        for subject, reply, headers, payload in messages:
            lengths = f"HPUB {subject} {reply} {len(headers)} {len(headers) + len(payload)}\r\n".encode()
            parts += (lengths, headers, payload, b"\r\n")
            count += 1
            size += len(payload)
        command = b"".join(parts)
        if not self.is_connected and len(command) + self.pending_data_size > PENDING_BYTES:
            raise nats.errors.OutboundBufferLimitError
        self.stats["out_msgs"] += count
        self.stats["out_bytes"] += size
        await self._send_command(command)
        await heeding(self._flush_pending())

    async def _connect_to_server(self, s: Any) -> None:
        """As nats-py's, but a close or a timeout that comes while it connects, perhaps again, is never lost."""
        await heeding(super()._connect_to_server(s))

    async def _process_connect_init(self) -> None:
        """The same for what follows."""
        await heeding(super()._process_connect_init())

    def _setup_server_pool(self, connect_url: Any) -> None:
        super()._setup_server_pool(connect_url)
        self._logins = {known.uri.netloc: listed for known, listed in zip(self._server_pool, self._listed, strict=True)}

    def _connect_command(self) -> bytes:
        """Log in with what stands beside the server in the URL, at a server it told us of with what comes first."""
        current = self._current_server
        login = self._logins.get(current.uri.netloc) if current is not None else None
        if login is None and self._listed:
            login = self._listed[0]
        if login is not None:
            self.options |= {"user": login.user, "password": login.password, "token": login.token}
            self._auth_configured = login.user is not None or login.token is not None
        return super()._connect_command()

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        super()._remove_sub(sid, max_msgs)
        self._sinks.pop(sid, None)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        """What nats-py's own parser read."""
        if sid not in self._sinks:
            await super()._process_msg(sid, subject, reply, data, headers)
        elif (todo := self._hand_over(sid, subject, reply, data, headers)) is not None:
            await todo

    def _build_message(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Any) -> Any:
        """A subject that is not UTF-8 must not end the read loop, and with it the batch it came in."""
        try:
            message = super()._build_message(sid, subject, reply, data, headers)
        except UnicodeDecodeError:
            message = super()._build_message(sid, text_of(subject).encode(), text_of(reply).encode(), data, headers)
        self._arrived += 1
        message.arrived = self._arrived
        return message

    async def _process_pong(self) -> None:
        """The answer to a ping whose sender gave up (cancelled, timed out) must not end the read loop either."""
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def reported(self, error: Exception) -> None:
        """Count what went wrong and log it, the same thing at most every half minute."""
        text = explained(error)
        if self._tried_inbox and self._tried_inbox.lower() in text.lower():
            self._tried_inbox = ""
            return
        self.error_count += 1
        if "permissions violation for publish" in text.lower():
            for told in self._denials.get(text.rpartition('"')[2].lower(), ()):
                if not told.done():
                    told.set_result(None)
        if _refuses(error) and not self.refusal.done():
            self.refusal.set_result(text)
        now = time.monotonic()
        if text != self._last_logged[0] or now - self._last_logged[1] >= REPEAT_LOG_AFTER:
            self._last_logged = (text, now)
            log.warning("broker connection error", broker=self.address, error=text, count=self.error_count)

    async def _lost(self) -> None:
        if not self.is_closed:
            log.warning("broker connection lost", broker=self.address)
        self._tell(False)

    async def _regained(self) -> None:
        log.info("broker connection is back", broker=self.address)
        self._tell(True)

    async def _ended(self) -> None:
        self._tell(False)

    def _tell(self, up: bool) -> None:
        for watcher in tuple(self._watchers):
            watcher(up)


def text_of(subject: bytes) -> str:
    """A subject as text, whatever its bytes."""
    return subject.decode("utf-8", "backslashreplace")


async def connect(
    url: str,
    *,
    name: str,
    timeout: float = 5.0,
    start: str = "start it, or correct NATS_URL",
    login: str = "check the user and password in NATS_URL",
    ping_every: int = PING_EVERY,
) -> BusConnection:
    """Connect to ``url`` (several may be given, comma separated); from then on reconnecting is automatic.

    Keeps trying for ``timeout`` seconds, then raises BrokerUnavailable; a refusal (wrong credentials) is final at once.
    Credentials in the URL are used and never shown. ``start`` and ``login`` are what the error says to do where the
    broker is not there, or refuses us. Two pings without an answer, ``ping_every`` seconds apart, end the connection.
    """
    connection = BusConnection(masked(url))
    opening = asyncio.ensure_future(connection.open(url, name, ping_every))
    try:
        await asyncio.wait({opening, connection.refusal}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()
            await connection.find_inbox()
            return connection
    except (OSError, ValueError, nats.errors.Error) as error:
        raise BrokerUnavailable(
            f"no connection to the broker at {connection.address} ({explained(error)}): check NATS_URL"
        ) from None
    finally:
        if not opening.done() or opening.cancelled() or opening.exception() is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            with contextlib.suppress(AssertionError):  # a malformed address: the client never began to connect
                await connection.close()
    if connection.refusal.done():
        raise BrokerUnavailable(
            f"the broker at {connection.address} refused the connection ({connection.refusal.result()}): {login}"
        )
    reason = explained(connection.last_error) if connection.last_error is not None else "no answer"
    raise BrokerUnavailable(f"the broker at {connection.address} does not answer ({reason}): {start}")


def closed_error(connection: BusConnection) -> BrokerUnavailable:
    """The error for using a connection that is closed for good."""
    return BrokerUnavailable(
        f"the connection to the broker at {connection.address} is closed: start Andon again when the broker runs"
    )


def explained(error: BaseException) -> str:
    """The error in a few words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.errno and error.errno > 0 else str(error)
    return (str(error).removeprefix("nats: ") or type(error).__name__).strip("'\" ")


def _refuses(error: Exception) -> bool:
    text = str(error).lower()
    told = "authorization violation" in text or "authentication" in text
    return told or isinstance(error, nats.errors.AuthorizationError)
