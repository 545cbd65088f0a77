"""``andon run`` as a process of its own, for end-to-end tests: nothing of it is imported into the test."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import nats
from nats.aio.client import Client

from support import forked
from support.environment import plain_environment, without_proxy
from support.forked import Forked, can_fork
from support.patience import LOOK_EVERY, PATIENCE
from support.ports import free_ports

T = TypeVar("T")

SUBJECT = "agent.technical.support"


def until(condition: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """Poll until ``condition`` gives something true, and return it."""
    for _ in range(int(seconds / LOOK_EVERY)):
        if value := condition():
            return value
        time.sleep(LOOK_EVERY)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def log(message: str, **fields: object) -> dict[str, object]:
    """A log in the reference's format."""
    return {
        "timestamp": "2026-03-01T22:00:00Z",
        "hostname": "press-01",
        "severity": "ERROR",
        "service": "plc",
        "message": message,
        "context": {},
        **fields,
    }


class Andon:
    """One installation: a data directory, its ports, and the process when it runs."""

    def __init__(self, place: Path, **settings: str) -> None:
        self.place = place
        self.data = place / "data"
        self.nats_port, self.http_port = free_ports(2)
        self.environment = {
            **plain_environment(),
            "PROVIDER": "PLAYBOOK",
            "ANDON_MODEL_TRUST": "always",
            "NATS_URL": "",
            "DB_PATH": "",
            "ANDON_DATA_DIR": str(self.data),
            "ANDON_NATS_PORT": str(self.nats_port),
            "ANDON_HTTP_PORT": str(self.http_port),
            "PYTHONFAULTHANDLER": "1",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | Forked | None = None
        self.log_path = place / "andon.log"
        #: Constants of modules, by their full names, that are others in the service: deadlines that a busy machine misses.
        self.constants: dict[str, float] = {}

    def start(self, *, ready: bool = True, fresh: bool = False) -> None:
        """Start the service, and wait until it is ready unless told otherwise; ``fresh`` by an interpreter of its own."""
        if fresh or not can_fork(self.environment):
            assert not self.constants, "an interpreter of its own has its own"
            with self.log_path.open("ab") as log:
                command = [sys.executable, "-m", "andon", "run"]
                self.process = subprocess.Popen(command, env=self.environment, cwd=self.place, stdout=log, stderr=log)
        else:
            self.process = forked.start(["run"], self.environment, self.place, self.log_path, constants=self.constants)
        if ready:
            self.until(self._is_up, "readiness")

    def until(self, condition: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
        """Poll as :func:`until` does; where it does not happen, the service's log is shown too."""
        try:
            return until(condition, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; log: {self.log()[-4000:]}") from None

    def _is_up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"andon run ended with {self.process.returncode}: {self.log()[-2000:]}")
        return self.get("/readyz")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of an HTTP request to the service; status 0 where it does not answer."""
        try:
            with without_proxy().open(f"http://127.0.0.1:{self.http_port}{path}", timeout=PATIENCE) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def stop(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """Signal the service and wait for its end; the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """kill -9, and wait until its broker is gone too."""
        self.stop(signal.SIGKILL)
        until(lambda: not listening(self.nats_port), "the broker's end")

    def close(self) -> None:
        """Leave nothing behind, whatever state it is in; a service that does not end when asked to is a failure."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # with PYTHONFAULTHANDLER it says where it stands
            self.process.wait()
            raise AssertionError(f"andon run did not end on SIGTERM; log: {self.log()[-4000:]}") from None

    def log(self) -> str:
        """What the service logged so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def database(self) -> Path:
        """The database file."""
        return self.data / "agent.db"

    def sql(self, query: str, *parameters: object) -> list[Any]:
        """Rows of a query by a reader of its own; [] while there is no database."""
        if not self.database.exists():
            return []
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=PATIENCE)
        try:
            return connection.execute(query, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            connection.close()

    def count(self, table: str = "agent_logs", where: str = "1") -> int:
        """Number of rows."""
        rows = self.sql(f"SELECT count(*) FROM {table} WHERE {where}")
        return int(rows[0][0]) if rows else 0

    def cli(
        self, *arguments: str, stdin: bytes | None = None, seconds: float = PATIENCE
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command against this installation."""
        return self.cli_as({}, *arguments, stdin=stdin, seconds=seconds)

    def cli_as(
        self, settings: dict[str, str], *arguments: str, stdin: bytes | None = None, seconds: float = PATIENCE
    ) -> subprocess.CompletedProcess[bytes]:
        """The same with other settings than the service has."""
        environment = {**self.environment, "COLUMNS": "200", **settings}
        if can_fork(environment):
            return forked.run(list(arguments), environment, self.place, stdin, seconds)
        return subprocess.run(
            [sys.executable, "-m", "andon", *arguments],
            env=environment,
            cwd=self.place,
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
        )

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """A plain NATS client, as a producer would use."""
        connection = await connected(f"nats://127.0.0.1:{self.nats_port}")
        try:
            yield connection
        finally:
            await connection.close()

    def publish(self, *payloads: bytes | dict[str, object], subject: str = SUBJECT) -> None:
        """Publish without waiting for anything but the flush."""

        async def work() -> None:
            async with self.client() as connection:
                for payload in payloads:
                    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
                    await connection.publish(subject, data)
                await connection.flush()

        asyncio.run(work())


async def connected(url: str) -> Client:
    """A plain NATS client, which the caller closes."""
    return await nats.connect(url, connect_timeout=int(PATIENCE), max_reconnect_attempts=-1)


def listening(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(place: Path, *, start: bool = True, fresh: bool = False, **settings: str) -> Iterator[Andon]:
    """An installation that is stopped at the end, come what may."""
    andon = Andon(place, **settings)
    try:
        if start:
            andon.start(fresh=fresh)
        yield andon
    finally:
        andon.close()


@contextmanager
def ollama(place: Path, *arguments: str, port: int = 0) -> Iterator[OllamaProcess]:
    """The stand-in Ollama as a process of its own."""
    stand_in = OllamaProcess(place, arguments, port)
    try:
        yield stand_in
    finally:
        stand_in.stop()


class OllamaProcess:
    """``tests/support/ollama.py`` run by path; ``calls`` is the number of model calls it has counted, ``requests`` what came."""

    def __init__(self, place: Path, arguments: tuple[str, ...] = (), port: int = 0) -> None:
        self._counter = place / f"ollama-calls-{time.monotonic_ns()}"
        self._requests = self._counter.with_suffix(".jsonl")
        self._hold = self._counter.with_suffix(".hold")
        script = Path(__file__).parent / "ollama.py"
        files = ("--counter-file", str(self._counter), "--requests-file", str(self._requests))
        files += ("--hold-file", str(self._hold))
        self._process = subprocess.Popen(
            [sys.executable, str(script), "--port", str(port), *files, *arguments], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def calls(self) -> int:
        """Model calls so far."""
        return len(self._counter.read_text().splitlines()) if self._counter.exists() else 0

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What it was asked, in order: ``at`` (unix seconds) and ``prompt``."""
        whole = self._requests.read_text().rpartition("\n")[0] if self._requests.exists() else ""
        return [json.loads(line) for line in whole.splitlines()]

    def hold(self) -> None:
        """Let calls come in and none be answered."""
        self._hold.touch()

    def release(self) -> None:
        """Answer again, those that wait too."""
        self._hold.unlink(missing_ok=True)

    def stop(self) -> None:
        """End it; idempotent."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(PATIENCE)
        if self._process.stdout is not None:
            self._process.stdout.close()
