"""``andon send`` for what comes through a pipe: each line as it comes, for as long as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from andon.app.broker_client import open_feed, watch_broker
from andon.app.cli.output import errors, plain, warn_of_other_broker
from andon.app.cli.patience import waiting
from andon.core.errors import ConfigError
from andon.core.telemetry import Health, Metrics
from andon.core.text import counted
from andon.core.threads import in_daemon_thread
from andon.core.timestamps import TimeReader
from andon.ingest.sources.files.joining import Joined
from andon.ingest.sources.files.line_logs import LineLogs
from andon.ingest.sources.files.raw_lines import LineSplitter, codec_of
from andon.ingest.sources.outlet import Outlet

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings
    from andon.core.settings.sources.file_settings import LineRules

#: Lines that belong together come within so many seconds; a line without an end is a line after so many.
FLUSH, PARTIAL = 0.3, 5.0
#: What was read and is not stored when somebody stops us is waited for so long, in seconds.
LAST_WAIT = 5.0
_CHUNK = 65_536


class SentLines(msgspec.Struct):
    """What became of the lines: ``refused`` by reason, ``unsent`` were read and are not known to be stored.

    ``signal`` is what stopped us, None where the input ended.
    """

    sent: int = 0
    refused: dict[str, int] = {}
    unsent: int = 0
    signal: int | None = None


def begins_document(head: bytes) -> bool:
    """Whether input that begins so is one JSON document over several lines, or an array of logs: not line by line.

    >>> begins_document(b'{"message": "a"}'), begins_document(b'{'), begins_document(b'[{"message": "a"}]')
    (False, True, True)
    >>> begins_document(b"[2026-11-30 09:32:32] ERROR lost"), begins_document(b"[ERROR] lost")
    (False, False)
    """
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0].strip()
    if line[:1] == b"[":
        return line[1:].lstrip()[:1] in (b"", b"{", b"[", b"]")
    if line[:1] != b"{":
        return False
    try:
        msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True
    return False


async def first_bytes() -> bytes:
    """The beginning of standard input: its first line, or what there is of it; empty where it ends at once."""
    head = b""
    while len(head) < _CHUNK and b"\n" not in head.lstrip():
        data = await in_daemon_thread(_read, "stdin")
        if not data:
            break
        head += data
    return head


def _read() -> bytes:
    try:
        return os.read(sys.stdin.fileno(), _CHUNK)
    except OSError as error:
        raise ConfigError(f"standard input cannot be read: {error.strerror}") from None


async def send_lines(settings: Settings, rules: LineRules, head: bytes) -> SentLines:
    """Send what standard input brings until it ends or somebody stops us; a broker that goes away is waited for.

    ``head`` was read already. Raises ConfigError, and BrokerUnavailable where the broker is not there at first.
    """
    times = TimeReader(ZoneInfo(settings.time_zone), settings.day_first)
    told = _Teller()
    async with contextlib.AsyncExitStack() as stack:
        with waiting("Connecting to the broker"):
            feed, connection = await stack.enter_async_context(open_feed(settings, "andon send"))
        warn_of_other_broker(settings)
        outlet = Outlet("send", feed, Metrics(), Health())
        logs = LineLogs(
            rules,
            times,
            most=outlet.max_payload,
            host=rules.host,
            plain_host=socket.gethostname(),
            fallback=settings.encoding,
        )
        lines = _Lines(outlet, logs, head)
        with watch_broker(connection, told.away, told.back):
            stopped = await lines.run()
        done = outlet.counts
        return SentLines(done.taken, done.refused, lines.unsent(), stopped)


class _Teller:
    """Says once that the broker is away, and that it is back."""

    def __init__(self) -> None:
        self._away = False

    def away(self, reason: str) -> None:
        if not self._away:
            errors.print(plain(f"{reason}; waiting for it, nothing that comes meanwhile is lost"))
        self._away = True

    def back(self) -> None:
        if self._away:
            errors.print("the broker is back")
        self._away = False


class _Lines:
    def __init__(self, outlet: Outlet, logs: LineLogs, head: bytes) -> None:
        self._outlet = outlet
        self._logs = logs
        self._head = head
        self._joiner = logs.joiner()
        self._splitter = LineSplitter(codec_of(head, logs.encoding), 0, logs.fallback)
        self._put = 0

    def unsent(self) -> int:
        """How many were read and are not known to be stored."""
        return self._put - self._outlet.counts.taken - self._outlet.counts.refused.get("refused by the broker", 0)

    async def run(self) -> int | None:
        """Send until the end; the signal that stopped us, if one did."""
        stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        with _signals(stopped):
            sending = asyncio.create_task(self._send(), name="send-lines")
            either: set[asyncio.Future[Any]] = {sending, stopped}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                sending.cancel()
                await asyncio.wait({sending})
            else:
                sending.result()
            if stopped.done():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LAST_WAIT):
                        await self._flush()
                        await self._outlet.settled()
                return stopped.result()
            await self._flush()
            await self._outlet.settled()
        return None

    async def _send(self) -> None:
        async with contextlib.aclosing(self._chunks()) as chunks:
            async for data in chunks:
                if data is None:
                    await self._take(self._joiner.flush())
                    continue
                for line in self._splitter.feed(data):
                    await self._take(self._joiner.push(line))

    async def _chunks(self) -> AsyncGenerator[bytes | None]:
        """What comes, None where nothing came for a while and something is held."""
        if self._head:
            yield self._head
        reading = asyncio.create_task(in_daemon_thread(_read, "stdin"), name="stdin")
        came = time.monotonic()
        try:
            while True:
                await asyncio.wait({reading}, timeout=FLUSH if self._joiner.open or self._splitter.pending else None)
                if not reading.done():
                    if self._splitter.pending and time.monotonic() - came >= PARTIAL:
                        await self._end_line()
                    if not self._splitter.pending:
                        yield None
                    continue
                if not (data := reading.result()):
                    return
                came = time.monotonic()
                reading = asyncio.create_task(in_daemon_thread(_read, "stdin"), name="stdin")
                yield data
        finally:
            reading.cancel()

    async def _end_line(self) -> None:
        if (line := self._splitter.flush()) is not None:
            await self._take(self._joiner.push(line))

    async def _flush(self) -> None:
        await self._end_line()
        await self._take(self._joiner.flush())

    async def _take(self, logs: list[Joined]) -> None:
        for log in logs:
            made = self._logs.message(log)
            if made is None:
                continue
            if made.refused:
                self._outlet.refuse(made.refused)
                continue
            self._put += 1
            await self._outlet.put_message(made.subject, made.data)


@contextlib.contextmanager
def _signals(stopped: asyncio.Future[int]) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if not stopped.done():
            stopped.set_result(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def sentence(done: SentLines, subject: str) -> str:
    """What was sent, for people."""
    said = [f"{counted(done.sent, 'log')} sent to {subject}"]
    said += [f"{counted(count, 'line')} left out ({reason})" for reason, count in done.refused.items()]
    return "; ".join(said)
