"""What an operator does and what happens to a plant: wrong starts, stops, brokers that come and go, strangers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from andon.bus.embedded.binary import find_binary
from andon.store.schema.tables import APPLICATION_ID
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import Andon, connected, listening, log, ollama, running, until

#: What strangers lack.
SECRETS = {"ANDON_NATS_USER": "plant", "ANDON_NATS_PASSWORD": "pX9s3cr3t", "ANDON_HTTP_TOKEN": "t0ken"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Andon]:
    """A service with credentials."""
    with running(tmp_path_factory.mktemp("guarded"), **SECRETS) as andon:
        yield andon


def refusal(andon: Andon, **settings: str) -> str:
    """Why ``andon run`` ends at once: its last line, after checking that there is no more than that."""
    done = andon.cli_as(settings, "run")
    printed = done.stderr.decode()
    assert done.returncode == 1, printed
    assert "Traceback" not in printed
    assert done.stdout == b""
    return printed.splitlines()[-1]


@contextmanager
def broker(place: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A NATS server that is not Andon's, with JetStream in ``place``."""
    command = [str(find_binary(None)), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(place), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: listening(port), "the broker")
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


def test_second_service_on_the_same_directory_is_refused(guarded: Andon) -> None:
    """Whatever ports it is given, a twin ends with status 1 and names the process that is there."""
    assert guarded.process is not None
    nats_port, http_port = free_ports(2)
    twin = {"ANDON_NATS_PORT": str(nats_port), "ANDON_HTTP_PORT": str(http_port)}
    assert f"in use by another Andon (process {guarded.process.pid})" in refusal(guarded, **twin)


def make_directory(path: Path) -> None:
    path.mkdir()


def make_text(path: Path) -> None:
    path.write_text("this is no database\n" * 40)


def make_foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
    connection.commit()
    connection.close()


def make_newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (make_directory, "is a directory"),
        (make_text, "is not an SQLite database"),
        (make_foreign, "belongs to another program (it contains customers)"),
        (make_newer, "has schema revision 9999"),
    ],
)
def test_a_database_that_is_not_ours_is_refused(tmp_path: Path, make: Callable[[Path], None], sentence: str) -> None:
    """DB_PATH may name anything: one sentence says what it is."""
    place = tmp_path / "other.db"
    make(place)
    assert sentence in refusal(Andon(tmp_path, DB_PATH=str(place)))


def test_sigterm_while_the_model_hangs_ends_in_order(tmp_path: Path) -> None:
    """A call that never ends does not hold up the stop, and its problem waits for the next start."""
    with ollama(tmp_path, "--behaviour", "hang") as model:
        with running(tmp_path, PROVIDER="OLLAMA", OLLAMA_HOST=model.url) as andon:
            andon.publish(log("Spindle drive over temperature"))
            until(lambda: model.calls, "the call")
            assert andon.stop(signal.SIGTERM) == 0
            assert "Traceback" not in andon.log()
            assert andon.sql("SELECT status FROM analyses") == [("pending",)]


def test_an_impatient_second_sigterm_while_logs_come_in(tmp_path: Path) -> None:
    """Two signals in the middle of a batch end service and broker in order (for one: ``test_storms_and_crashes.py``)."""
    with running(tmp_path) as andon:
        andon.publish(*[log(f"Oven zone {n} too cold") for n in range(20)])
        assert andon.process is not None
        andon.process.send_signal(signal.SIGTERM)
        assert andon.stop(signal.SIGTERM) == 0
        assert not listening(andon.nats_port)
        assert "Traceback" not in andon.log()


def test_external_broker_comes_and_goes(tmp_path: Path) -> None:
    """With NATS_URL: while that broker is away /readyz says so, back again logs are stored, and no password is shown."""
    port = free_ports(1)[0]
    users = ("--user", "plant", "--pass", "pX9s3cr3t")
    url = f"nats://plant:pX9s3cr3t@127.0.0.1:{port}"
    store = tmp_path / "broker"

    async def publish(message: str) -> None:
        connection = await connected(url)
        await connection.jetstream(timeout=PATIENCE).publish(
            "agent.technical.support", json.dumps(log(message)).encode()
        )
        await connection.close()

    with running(tmp_path, start=False, NATS_URL=url) as andon:
        with broker(store, port, *users):
            andon.start()
            asyncio.run(publish("Conveyor belt torn"))
            until(lambda: andon.count() == 1, "the first log")
        until(lambda: andon.get("/readyz")[0] == 503, "/readyz to notice")
        shown = andon.get("/readyz")[1] + andon.cli("doctor").stdout.decode() + andon.cli("send", "x").stderr.decode()
        with broker(store, port, *users):
            until(lambda: andon.get("/readyz")[0] == 200, "/readyz to be well again")
            asyncio.run(publish("Conveyor motor blocked"))
            until(lambda: andon.count() == 2, "the second log")
            assert andon.stop() == 0
        assert "***@" in shown
        assert "pX9s3cr3t" not in shown + andon.log()


def test_broker_that_freezes_is_survived(tmp_path: Path) -> None:
    """SIGSTOP of the embedded broker shows on /readyz; after SIGCONT logs are stored without a restart."""
    with running(tmp_path) as andon:
        assert andon.process is not None
        children = Path(f"/proc/{andon.process.pid}/task/{andon.process.pid}/children")
        if not children.exists():
            pytest.skip("only Linux lists the children of a process")
        pid = int(children.read_text().split()[0])
        os.kill(pid, signal.SIGSTOP)
        try:
            until(lambda: andon.get("/readyz")[0] == 503, "/readyz to notice")
        finally:
            os.kill(pid, signal.SIGCONT)
        until(lambda: andon.get("/readyz")[0] == 200, "/readyz to be well again")
        andon.publish(log("Gripper lost its part"))
        until(lambda: andon.count() == 1, "the log")
        os.kill(pid, 0)


def stranger(port: int) -> str:
    """What the broker answers to a client that presents nothing."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        lines = connection.makefile("rb")
        assert lines.readline().startswith(b"INFO")
        connection.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        return lines.readline().decode()


def test_credentials_are_demanded(guarded: Andon) -> None:
    """With user, password and token set, strangers are refused; our own commands present what is configured."""
    assert "Authorization Violation" in stranger(guarded.nats_port)
    assert guarded.get("/metrics")[0] == 401
    assert guarded.get("/readyz")[0] == 200
    sent = guarded.cli("send", "Coolant level low", "--wait", "--json")
    assert json.loads(sent.stdout)["original_message"]["message"] == "Coolant level low"
    assert SECRETS["ANDON_NATS_PASSWORD"] not in guarded.log()


def test_exposed_broker_without_credentials_is_refused(tmp_path: Path) -> None:
    """ANDON_NATS_HOST=0.0.0.0 alone does not start."""
    assert "set ANDON_NATS_USER and ANDON_NATS_PASSWORD" in refusal(Andon(tmp_path, ANDON_NATS_HOST="0.0.0.0"))


def test_markup_and_escapes_are_printed_harmlessly(guarded: Andon) -> None:
    """Texts that look like Rich markup are shown literally, and no escape character reaches the terminal."""
    hostile = "[red]x[/red] [link=http://evil]y[/link] \x1b[2J\x1b]0;title\x07 \x00"
    record = json.dumps(log(hostile, hostname=hostile, service=hostile, context={hostile: hostile})).encode()
    sent = guarded.cli("send", "--wait", "--json", stdin=record)
    assert sent.returncode == 0, sent.stderr
    log_id = json.loads(sent.stdout)["log_id"]
    for arguments in (("logs",), ("show", str(log_id))):
        printed = guarded.cli(*arguments).stdout.decode()
        assert "[red]x[/red]" in printed
        assert "\x1b" not in printed
        assert "\x00" not in printed


def test_caller_is_answered_during_a_storm(tmp_path: Path) -> None:
    """While 20,000 logs pour in, a request to agent.analyze gets its analysis; every log is stored once."""
    with running(tmp_path) as andon:

        async def work() -> dict[str, object]:
            async with andon.client() as producer, andon.client() as caller:

                async def storm() -> None:
                    for number in range(20_000):
                        body = json.dumps(log(f"Axis {number % 7} lag error", context={"n": number})).encode()
                        await producer.publish("agent.technical.support", body)
                        if number % 500 == 499:
                            await producer.flush()

                storming = asyncio.create_task(storm())
                await asyncio.to_thread(until, andon.count, "the storm to reach the database")
                request = json.dumps(log("Gearbox G7 howls")).encode()
                answer = await caller.request("agent.analyze", request, timeout=PATIENCE)
                await storming
                return dict(json.loads(answer.data))

        assert asyncio.run(work())["analysis"]
        until(lambda: andon.count() == 20_001, "all logs")
        assert andon.sql("SELECT count(DISTINCT json_extract(context, '$.n')) FROM agent_logs") == [(20_000,)]
