"""One run of the broker's program: start it, drain its log, know when it is ready, end it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from andon.bus.embedded.login import Login
from andon.bus.embedded.probe import Probe, ProbeError, probing
from andon.core.child_log import lines_of
from andon.core.errors import BrokerFull, BrokerStartError, InUseError

log = structlog.get_logger(__name__)

GUARD = Path(__file__).with_name("guard.py")
POLL = 0.004  # seconds between looks at a starting server
MAX_POLL = 0.25
#: Seconds after which a server that reads its store hangs, if it neither computed nor read anything meanwhile.
STALLED_AFTER = 60.0
TELL_EVERY = 10.0
TAIL_LINES = 20
MAX_LOG_LINE = 4096
#: Held down by Go's soft limit: the server's page buffers otherwise grow with the store. Lower than this it collects
#: all the time while somebody reads a backlog, of which it keeps two blocks of 8 MiB at hand: at 32 MiB a message costs
#: it five times the processor, more than Andon needs to record it.
MEMORY_LIMIT = "48MiB"
#: What a Python and a Go program need of our environment; nothing that may hold a secret.
PASSED_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")

#: Its configuration holds passwords, and only we read that.
EXPECTED = "Plaintext passwords detected"
#: How lines about a stream's store begin.
STORES = ("Filestore [", "JetStream stream '")
#: What it says when a write to a stream failed: that stream takes no message any more until the next start.
WRITE_FAILED = "critical write error"
REBUILDS = "Recovering stream state from index errored"
#: What a line of it holds where a disk or a quota is full.
NO_ROOM = ("no space left on device", "disk quota exceeded")
#: How its lines begin when it starts to read a stream's store, and when it has.
RESTORES = ("Starting restore for stream", "Restored ")
#: How its line about the MQTT port begins; the ports file does not hold that.
MQTT_LISTENS = "Listening for MQTT clients on "
#: The banner and the routine are noise to whoever runs Andon, so the server's INF is our debug.
LEVELS = {"DBG": "debug", "TRC": "debug", "INF": "debug", "WRN": "warning", "ERR": "error", "FTL": "critical"}
_LOG_LINE = re.compile(r"\[(DBG|TRC|INF|WRN|ERR|FTL)\] ?(.*)")


def parse_log_line(line: str) -> tuple[str, str]:
    """(our level, text) of a line that the server wrote.

    >>> parse_log_line("[17] 2025/01/15 02:14:23.123456 [WRN] Slow consumer")
    ('warning', 'Slow consumer')
    """
    if match := _LOG_LINE.search(line):
        return LEVELS[match[1]], match[2].strip()
    return "info", line.strip()


class ServerProcess:
    """A running nats-server. :meth:`launch` starts one; :meth:`end` must be awaited in any case."""

    def __init__(
        self, process: asyncio.subprocess.Process, ports_dir: Path, lifeline: int | None, host: str, login: Login | None
    ) -> None:
        self._process = process
        self._host = host
        self._login = login
        self._ports_dir = ports_dir
        self._lifeline = lifeline
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._drain_task = asyncio.create_task(self._drain(), name="broker-log")
        self._restoring = False
        self._write_failed = ""
        #: Whether it had to look through all messages of a stream, as its index did not fit them.
        self.rebuilt = False
        self.pid = process.pid
        self.port = 0
        #: Where it takes MQTT; 0 where it does not, or not yet.
        self.mqtt_port = 0
        #: Why the last check failed, in a few words; empty while there was none.
        self.trouble = ""
        #: Called when it says in its log that something is wrong.
        self.complained: Callable[[], object] = lambda: None

    @classmethod
    async def launch(
        cls,
        binary: Path,
        config: Path,
        ports_dir: Path,
        *,
        host: str,
        login: Login | None,
        lock_fd: int,
        watchdog: bool | None,
    ) -> ServerProcess:
        """Start the server; it ends with us whatever happens to us. Raises BrokerStartError.

        ``host`` and ``login`` are how it is reached for checks.
        ``watchdog`` None chooses: the kernel's parent-death signal where there is one. That fires when the *thread*
        that started the process ends, so away from the main thread the watchdog is the safe one too.
        """
        if watchdog is None:
            watchdog = sys.platform != "linux" or threading.current_thread() is not threading.main_thread()
        inherited = [lock_fd]
        lifeline: int | None = None
        if watchdog:
            far_end, lifeline = os.pipe()
            inherited.append(far_end)
            guard = ["watchdog", str(far_end)]
        else:
            guard = ["exec", str(os.getpid())]
        command = [sys.executable, "-I", "-S", str(GUARD), *guard, str(binary)]
        command += ["-c", str(config), "--ports_file_dir", str(ports_dir)]
        spawning = asyncio.ensure_future(_spawn(command, inherited))
        try:
            # Shielded, because a loop may start the process all the same and then nobody would know of it.
            process = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            await cls(await spawning, ports_dir, lifeline, host, login).end(2.0)
            raise
        except OSError as error:
            if lifeline is not None:
                os.close(lifeline)
            raise BrokerStartError(
                f"{sys.executable} cannot be started ({error.strerror}): check that it exists and is executable"
            ) from error
        finally:
            if watchdog:
                os.close(far_end)
        return cls(process, ports_dir, lifeline, host, login)

    @property
    def last_line(self) -> str:
        """The most telling line of its log: the last that complains, else the last."""
        complaints = [line for line in self._tail if "[FTL]" in line or "[ERR]" in line]
        line = (complaints or list(self._tail) or [""])[-1]
        return parse_log_line(line)[1] or "it wrote no output"

    @property
    def returncode(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.returncode

    async def wait(self, timeout: float, until: asyncio.Event | None = None) -> bool:
        """Wait until it ends or ``until`` is set, at most ``timeout`` seconds; whether it ended."""
        ends: list[Coroutine[object, object, object]] = [self._process.wait()]
        if until is not None:
            ends.append(until.wait())
        tasks = {asyncio.ensure_future(one) for one in ends}
        try:
            await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        return self._process.returncode is not None

    async def ready(
        self, port: int, timeout: float, told: Callable[[str], None] = lambda _: None, *, mqtt_port: int = 0
    ) -> None:
        """Wait until it takes messages. Raises InUseError when a port is taken, BrokerStartError otherwise.

        ``mqtt_port`` other than 0 says that it takes MQTT as well. ``timeout`` (seconds) is for what takes no time as
        a rule. A server that reads its store gets as long as that takes, a backlog of days may take minutes, unless it
        does nothing for :data:`STALLED_AFTER`. ``told`` is called now and then with a sentence about that.
        """
        loop = asyncio.get_running_loop()
        started = moved = told_at = loop.time()
        allowed, pause, progress = timeout, POLL, self._progress()
        try:
            async with asyncio.timeout(timeout) as deadline:
                while not self._listens(mqtt_port) or not await self.healthy(timeout):
                    await self._still_starting(port, mqtt_port, pause)
                    if self.port or self._restoring:
                        pause = min(pause * 2, MAX_POLL)
                    now = loop.time()
                    if not self._restoring or deadline.expired():
                        moved = now
                        continue
                    if progress != (progress := self._progress()):
                        moved = now
                    if now - moved > STALLED_AFTER:
                        continue
                    deadline.reschedule(now + timeout)
                    allowed = now + timeout - started
                    if told_at == started or now - told_at > TELL_EVERY:
                        told_at = now
                        self._tell_reading(told, now - started, now - moved)
        except TimeoutError:
            reason = self.trouble or f"its last line: {self.last_line}"
            raise BrokerStartError(
                f"the broker was not ready within {allowed:.3g} s ({reason}): check its log, and check whether the "
                "disk is very slow"
            ) from None

    @staticmethod
    def _tell_reading(told: Callable[[str], None], seconds: float, idle: float) -> None:
        if idle > TELL_EVERY:
            told(f"the broker was reading its store and has made no progress for {idle:.0f} s: the disk may hang")
            log.warning("broker hangs while reading its store", idle_seconds=round(idle))
            return
        told(f"the broker is reading its store, for {seconds:.0f} s so far; it accepts no logs yet")
        if seconds > TELL_EVERY:
            log.info("broker is still reading its store", seconds=round(seconds))

    def _progress(self) -> object:
        """What changes while it works: its use of processor and disk. Where nobody tells, it is taken to work."""
        try:
            if self._lifeline is not None:  # the process that we know is the watchdog
                return time.monotonic()
            used = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            return used, Path(f"/proc/{self.pid}/io").read_text()
        except (OSError, IndexError):
            return time.monotonic()

    async def healthy(self, timeout: float) -> bool:
        """Whether it lets us in and its JetStream answers, within ``timeout`` seconds; else see ``trouble``."""
        try:
            async with asyncio.timeout(timeout), self.probing() as probe:
                await probe.ask("INFO")
        except (ProbeError, OSError, EOFError, ValueError) as error:
            # A timeout is an OSError too.
            self.trouble = str(error) or f"it did not answer within {timeout:g} s"
            return False
        self.trouble = self._write_failed
        return not self._write_failed

    def probing(self) -> AbstractAsyncContextManager[Probe]:
        """A connection to it, of the supervisor's own. Raises as :func:`andon.bus.embedded.probe.probing`."""
        return probing(self._host, self.port, self._login)

    async def end(self, timeout: float) -> None:
        """SIGTERM, after ``timeout`` seconds SIGKILL; returns when it is gone and its log is read. Idempotent."""
        try:
            self._signal(signal.SIGTERM)
            if not await self.wait(timeout):
                log.warning("broker does not stop, it is killed", pid=self.pid)
                self._signal(signal.SIGKILL)
                await self._process.wait()
        finally:
            # Cancelled or not: nothing of it may stay.
            self._signal(signal.SIGKILL)
            if self._lifeline is not None:
                os.close(self._lifeline)
                self._lifeline = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._drain_task

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is not None and self.pid == self._process.pid:
            return
        # The watchdog passes SIGTERM on itself; killing works only on the server, whose end the watchdog then reports.
        for pid in {self.pid} if number is signal.SIGKILL else {self._process.pid, self.pid}:
            if pid == self._process.pid and self._process.returncode is not None:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def _still_starting(self, port: int, mqtt_port: int, pause: float) -> None:
        ended = await self.wait(pause)
        if any(text in line.lower() for line in self._tail for text in NO_ROOM):
            raise BrokerFull(f"the broker found no free disk space: {self.last_line}")
        if not ended:
            return
        await asyncio.wait({self._drain_task}, timeout=1.0)
        if taken := [line for line in self._tail if "address already in use" in line]:
            mqtt = mqtt_port > 0 and taken[-1].rstrip().endswith(f":{mqtt_port}: bind: address already in use")
            raise port_taken(mqtt_port, "ANDON_MQTT_PORT", "MQTT broker") if mqtt else port_taken(port)
        raise BrokerStartError(
            f"the broker ended while it was starting (exit status {self.returncode}): {self.last_line}. Correct what "
            "it names and start Andon again"
        )

    def _listens(self, mqtt_port: int) -> bool:
        return self._read_ports() and bool(self.mqtt_port or not mqtt_port)

    def _read_ports(self) -> bool:
        """Read the file that the server writes once its store is recovered; its name holds the server's own pid."""
        for path in () if self.port else self._ports_dir.glob("*.ports"):
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError):  # still being written
                port = urlsplit(json.loads(path.read_text())["nats"][0]).port or 0
                self.pid = int(path.stem.rpartition("_")[2])
                self.port = port
        return bool(self.port)

    async def _drain(self) -> None:
        async for line in lines_of(self._process.stderr, MAX_LOG_LINE):
            self._log(line)

    def _log(self, raw: bytes) -> None:
        line = raw[:MAX_LOG_LINE].decode("utf-8", "replace").rstrip()
        if not line:
            return
        self._tail.append(line)
        level, text = parse_log_line(line)
        if text.startswith(RESTORES):
            self._restoring = text.startswith(RESTORES[0])
        if text.startswith(STORES):  # a line about a client may hold what that calls itself
            self.rebuilt = self.rebuilt or REBUILDS in text
            self._write_failed = self._write_failed or (text if WRITE_FAILED in text.lower() else "")
        if text.startswith(MQTT_LISTENS):
            self.mqtt_port = int(text.rpartition(":")[2])
        if text.startswith(EXPECTED):
            level = "debug"
        if level not in ("debug", "info"):
            self.complained()
        log.log(logging.getLevelNamesMapping()[level.upper()], "broker log", text=text)


def port_taken(port: int, setting: str = "ANDON_NATS_PORT", other: str = "NATS server") -> InUseError:
    """The error for a port that somebody else listens on."""
    return InUseError(
        f"port {port} is taken by another process: stop that process (another {other} or Andon?), or set {setting} to "
        "a free port",
        port,
    )


async def _spawn(command: Sequence[str], inherited: Sequence[int]) -> asyncio.subprocess.Process:
    environment = {name: os.environ[name] for name in PASSED_ENVIRONMENT if name in os.environ}
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=tuple(inherited),
        start_new_session=True,  # Ctrl-C is ours: the broker goes last, not first
        env={**environment, "GOMEMLIMIT": MEMORY_LIMIT, "GOMAXPROCS": str(processors(os.cpu_count()))},
    )


def processors(cores: int | None) -> int:
    """On how many cores at once the server computes: half of the box's, the others are for who reads from it.

    On one of two it takes no more processor for the work that collecting within :data:`MEMORY_LIMIT` makes.
    """
    return max(1, (cores or 1) // 2)
