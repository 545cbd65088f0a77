"""The embedded broker: nats-server as a supervised child process.

Andon owns it completely: the store is locked before it starts, its log is drained into ours, it is restarted when it
dies or when its JetStream gave up on a full disk that has room again, and it never outlives us.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from andon.bus.embedded.binary import find_binary
from andon.bus.embedded.config import bracketed, render_config
from andon.bus.embedded.damage import Moved, Store
from andon.bus.embedded.lock import StoreLock
from andon.bus.embedded.login import Login, ensure_login
from andon.bus.embedded.probe import ProbeError
from andon.bus.embedded.process import ServerProcess, port_taken
from andon.core.disk import MEBIBYTE, free_bytes, has_room, no_room
from andon.core.errors import BrokerError, BrokerFull, BrokerStartError, InUseError
from andon.core.models import STREAM
from andon.core.settings.settings import Settings
from andon.core.telemetry import Health

log = structlog.get_logger(__name__)

FIRST_BACKOFF = 0.1
MAX_BACKOFF = 10.0
CHECK_EVERY = 2.0  # seconds between health checks of a server that is doubted …
CHECK_SELDOM = 30.0  # … and of one that is well: whoever sees a sign of trouble says so
CHECK_TIMEOUT = 3.0
CHECKS_BEFORE_RESTART = 4
STEADY = 30.0  # seconds of good health after which a crash counts as the first again
ROOM = 32 * MEBIBYTE  # free bytes below which a sick broker is taken to suffer from a full disk …
REGAINED = 4 * MEBIBYTE  # … until this much more is free than at the worst moment; small disks never have ROOM
LOG_EVERY = 15  # health checks between two log lines about the same trouble
RESTART_TIMEOUT = 120.0  # nobody waits for it, and a box may be busy
COMPARE_TIMEOUT = 30.0
MENDINGS = 3  # starts in a row that may find damage; more would be a store that is damaged while we look


class EmbeddedBroker:
    """A nats-server of our own as the settings describe it, with JetStream in ``jetstream`` of the data directory.

    Port -1 takes a free one, and keeps it over restarts so that clients find it again. ``run`` of the data directory
    gets the generated configuration (mode 0600) and, where the broker is closed, our own login. ``watchdog`` chooses
    how the server is bound to our life; None picks what the platform has. ``health`` is told while a start takes its
    time, and what of the store was damaged.
    """

    def __init__(self, settings: Settings, *, watchdog: bool | None = None, health: Health | None = None) -> None:
        self._settings = settings
        self._health = Health() if health is None else health
        self._store_dir = settings.data_dir / "jetstream"
        self._run_dir = settings.data_dir / "run"
        self._host = settings.nats_host
        self._port = settings.nats_port
        self._mqtt_port = settings.mqtt_port
        self._watchdog = watchdog
        self._lock = StoreLock(self._store_dir)
        self._store = Store(self._store_dir)
        self._server: ServerProcess | None = None
        self._stopped = False
        self._doubted = asyncio.Event()
        self._since = 0.0
        self._backoff = FIRST_BACKOFF
        self.restarts = 0
        #: How to log in, None where nobody needs to; known once it is started.
        self.login: Login | None = None
        #: What of the store was damaged and moved aside in this process's time.
        self.moved: list[Moved] = []
        #: What of the store could not be read and is gone, a sentence for each stream.
        self.lost: list[str] = []
        #: Why the broker does not take or keep messages now, in one sentence; None when it does, as far as we know.
        self.problem: str | None = "the broker is not started"
        #: Whether the problem is that its disk is full.
        self.full = False

    @property
    def url(self) -> str:
        """Where clients on this machine connect."""
        if self._port <= 0:
            raise RuntimeError("the broker has not started, so it has no address yet")
        return f"nats://{bracketed(self._near_host)}:{self._port}"

    @property
    def mqtt_port(self) -> int:
        """The port on which it takes MQTT, kept over restarts; 0 where it takes none."""
        return max(self._mqtt_port, 0)

    @property
    def _near_host(self) -> str:
        """The address by which this machine reaches it."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._host, self._host)  # noqa: S104

    @property
    def pid(self) -> int | None:
        """The server's process id, None while it is not running."""
        return self._server.pid if self._server is not None and self._server.returncode is None else None

    async def start(self, timeout: float = 10.0) -> None:
        """Start the server and return when it takes messages: within ``timeout`` seconds, reading its store apart.

        Raises InUseError when another process has the store or the port, BrokerFull where the disk has no room,
        BrokerStartError for everything else. What of the store is damaged is moved aside; see :mod:`.damage`.
        """
        if self._server is not None:
            raise RuntimeError("the broker has already been started")
        self._stopped = False
        try:
            await self._lock.take()
            self._probe_port()
            await self._launch(timeout)
        except BrokerStartError as error:
            self._lock.release()
            told = isinstance(error, BrokerFull) or no_room(error)
            if not told and await asyncio.to_thread(has_room, self._store_dir):
                raise
            raise BrokerFull(f"no disk space is left for the broker's store {self._store_dir}: free some") from error
        except BaseException:
            self._lock.release()
            raise
        mqtt = {"mqtt_port": self.mqtt_port} if self.mqtt_port else {}
        log.info("broker started", url=self.url, pid=self.pid, store=str(self._store_dir), **mqtt)

    async def stop(self, timeout: float = 5.0) -> None:
        """End the server (SIGTERM, after ``timeout`` seconds SIGKILL) and give the store back. Idempotent."""
        self._stopped = True
        server, self._server = self._server, None
        try:
            if server is not None:
                await server.end(timeout)
                log.info("broker stopped", restarts=self.restarts)
        finally:
            self.problem = "the broker is stopped"
            self._lock.release()

    def doubt(self) -> None:
        """Somebody saw a sign that it has a problem: it is looked at soon, and not in half a minute."""
        self._doubted.set()

    async def supervise(self) -> None:
        """Keep the server running and healthy; returns only by cancellation."""
        while True:
            reason = await self._watch()
            if self._stopped:
                await asyncio.Event().wait()  # stopped on purpose: nothing is left to do but wait for the end
            await self._restart(reason)

    async def __aenter__(self) -> EmbeddedBroker:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    async def _launch(self, timeout: float) -> None:
        """Start a server that has read all of its store; what it cannot read is moved aside first."""
        binary = find_binary(self._settings.nats_server)
        for _ in range(MENDINGS):
            before = await asyncio.to_thread(self._prepare)
            server = await self._ready_server(binary, timeout)
            try:
                missing = await self._passed_over(server, before)
            except BaseException:
                await server.end(2.0)
                raise
            if not missing:
                await asyncio.to_thread(self._store.kept.drop)
                break
            await server.end(5.0)
            self._note(await self._move(missing, functools.partial(self._reads, binary, timeout)))
        else:
            raise BrokerStartError(
                f"the broker cannot read all of its store {self._store_dir}: move away the files that the warnings in "
                "the log name"
            )
        if self._stopped:
            await server.end(2.0)
            raise BrokerStartError("the broker was stopped while it was starting: start it again")
        server.complained = self.doubt
        self._server = server
        self._port = server.port
        self._mqtt_port = server.mqtt_port
        self._since = time.monotonic()
        self.problem = None
        self._health.report("broker", None)

    async def _move(
        self, missing: list[tuple[str, str]], reads: Callable[[Sequence[str]], Awaitable[bool]]
    ) -> list[Moved]:
        """Move aside what keeps the server from reading what is ``missing``. Raises BrokerStartError."""
        try:
            found = await self._store.move_unreadable(reads) if (STREAM, "") in missing else []
            rest = [one for one in missing if one != (STREAM, "")] if found else missing
            found += await asyncio.to_thread(self._store.move_passed_over, rest)
            await asyncio.to_thread(self._store.kept.drop)
        except OSError as error:
            raise self._unusable(error) from error
        return found

    async def _reads(self, binary: Path, timeout: float, blocks: Sequence[str]) -> bool:
        """Whether a server that has only these blocks of the log stream reads them."""
        self._tell(
            "the broker's store is damaged; Andon is finding out what can still be read, and no logs are accepted "
            "until then"
        )
        trial = await asyncio.to_thread(self._store.kept.try_out, STREAM, blocks)
        server = await self._ready_server(binary, timeout, trial)
        try:
            async with asyncio.timeout(COMPARE_TIMEOUT), server.probing() as probe:
                return STREAM in await probe.names("STREAM.NAMES", "streams")
        except (ProbeError, EOFError, ValueError) as error:
            raise BrokerStartError(
                f"the broker does not report what it can read ({error}): start Andon again"
            ) from error
        finally:
            await server.end(2.0)

    async def _ready_server(self, binary: Path, timeout: float, trial: Path | None = None) -> ServerProcess:
        """One on our store, or on that in ``trial``, at a port that nobody knows."""
        try:
            config, ports_dir = await asyncio.to_thread(self._write_config, trial)
        except OSError as error:
            raise BrokerStartError(
                f"{error.filename or self._run_dir} cannot be written by the broker ({error.strerror}): "
                "correct its permissions, or set ANDON_DATA_DIR to another directory"
            ) from error
        server = await ServerProcess.launch(
            binary,
            config,
            ports_dir,
            host=self._near_host,
            login=self.login,
            lock_fd=self._lock.fd,
            watchdog=self._watchdog,
        )
        try:
            await server.ready(self._port, timeout, self._tell, mqtt_port=0 if trial else self._mqtt_port)
        except BaseException:
            await server.end(2.0)
            raise
        return server

    def _tell(self, sentence: str) -> None:
        self.problem = sentence
        self._health.report("broker", sentence)

    def _prepare(self) -> dict[str, set[str]]:
        """Make the store such that a server can read it, and list what it has to read. Raises BrokerStartError."""
        try:
            self._store.clear_probes()
            self._store.require_access()
            self._note(self._store.move_misplaced())
            self._store.kept.take()
            return self._store.listing()
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> BrokerStartError:
        return BrokerStartError(
            f"{error.filename or self._store_dir} in the broker's store cannot be used ({error.strerror}): check the "
            "disk and its permissions, or set ANDON_DATA_DIR to another directory"
        )

    def _note(self, moved: list[Moved]) -> None:
        for one in moved:
            log.error("the broker's store was damaged", what=one.what, path=str(one.path), moved=str(one.to))
        self.moved += moved
        if self.moved or self.lost:
            self._health.notes["broker"] = "; ".join([*map(str, self.moved), *self.lost])

    async def _passed_over(self, server: ServerProcess, before: dict[str, set[str]]) -> list[tuple[str, str]]:
        """What lies in the store and the server did not read."""
        try:
            async with asyncio.timeout(COMPARE_TIMEOUT), server.probing() as probe:
                missing = await self._store.passed_over(probe, before)
                for sentence in [] if missing else await self._store.lost(probe, server.rebuilt):
                    log.error("the broker's store was damaged", problem=sentence)
                    self.lost.append(sentence)
                self._note([])
                return missing
        except (ProbeError, OSError, EOFError, ValueError) as error:
            raise BrokerStartError(
                f"the broker does not report what it stores ({str(error) or 'no answer'}): start Andon again, and see "
                "the broker's log if that does not help"
            ) from error

    def _write_config(self, trial: Path | None) -> tuple[Path, Path]:
        run_dir, store_dir, port, mqtt_port = self._run_dir, self._store_dir, self._port, self._mqtt_port
        if trial is not None:
            run_dir, store_dir, port, mqtt_port = trial, trial, -1, 0
        ports_dir = run_dir / "ports"
        ports_dir.mkdir(parents=True, exist_ok=True)
        for stale in ports_dir.glob("*.ports"):  # a killed server leaves its own behind
            stale.unlink()
        self.login = ensure_login(self._settings)
        config = run_dir / "nats-server.conf"
        text = render_config(self._settings, store_dir, port, self.login, mqtt_port)
        fd = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            os.fchmod(fd, 0o600)
            file.write(text)
        return config, ports_dir

    def _probe_port(self) -> None:
        """Find a taken port before the server opens the store: it binds only afterwards."""
        for host, port, setting, other in (
            (self._host, self._port, "ANDON_NATS_PORT", "NATS server"),
            (self._settings.mqtt_host, self._mqtt_port, "ANDON_MQTT_PORT", "MQTT broker"),
        ):
            if port <= 0:
                continue
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError as error:
                    if error.errno == errno.EADDRINUSE:
                        raise port_taken(port, setting, other) from None
                    raise BrokerStartError(
                        f"the broker cannot listen on {host} port {port} ({error.strerror}): "
                        f"choose an address of this machine and set {setting} to a port above 1023"
                    ) from error

    async def _watch(self) -> str:
        """Wait for a reason to restart the server, and name it."""
        failed, least = 0, 0
        while True:
            server = self._server
            if server is None:
                return "it is not running"
            if not failed:
                await server.wait(CHECK_SELDOM, until=self._doubted)
            self._doubted.clear()
            if await server.wait(CHECK_EVERY):
                return f"it ended with exit status {server.returncode}: {server.last_line}"
            well = await server.healthy(CHECK_TIMEOUT)
            if self._server is not server:
                continue  # stopped meanwhile
            if well:
                if failed:
                    log.info("broker is healthy again")
                failed, self.problem, self.full = 0, None, False
                if time.monotonic() - self._since > STEADY:
                    self._backoff = FIRST_BACKOFF
                continue
            failed += 1
            free = await self._free_bytes()
            least = free if failed == 1 else min(least, free)
            full = self.full = free < min(ROOM, least + REGAINED)
            self.problem = (
                f"no disk space is left for the broker's store {self._store_dir}: free some"
                if full
                else f"the broker's health check fails ({server.trouble}); Andon restarts the broker if this continues"
            )
            if failed % LOG_EVERY == 1:
                log.warning("broker is not healthy", problem=self.problem, checks=failed, free_bytes=free)
            if failed >= CHECKS_BEFORE_RESTART and not full:
                return "its health check failed several times"

    async def _restart(self, reason: str) -> None:
        """Replace the server, with growing pauses, until a new one is ready."""
        full = False
        while not self._stopped:
            self.full = full
            self.problem = f"the broker is being restarted: {reason}"
            log.warning("broker restarts", reason=reason, pause=self._backoff, restarts=self.restarts)
            server, self._server = self._server, None
            if server is not None:
                await server.end(2.0)
            await asyncio.sleep(self._backoff)
            self._backoff = min(self._backoff * 2, MAX_BACKOFF)
            if self._stopped:
                return
            self.restarts += 1
            try:
                await self._launch(RESTART_TIMEOUT)
            except (BrokerError, InUseError) as error:
                reason, full = str(error), isinstance(error, BrokerFull)
            else:
                self.full = False
                log.info("broker is back", pid=self.pid, restarts=self.restarts)
                return

    async def _free_bytes(self) -> int:
        """What is free where the store is; when that cannot be told, it is not what keeps us from a restart."""
        return await asyncio.to_thread(free_bytes, self._store_dir, ROOM)
