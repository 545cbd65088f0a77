"""/readyz tells the truth: whatever keeps logs from being taken and stored, and when it is over."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from andon.bus.embedded.binary import find_binary
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import connected, listening, log, running, until


@contextmanager
def server(port: int, *options: str) -> Iterator[None]:
    """A NATS server that is not Andon's."""
    command = [str(find_binary(None)), "-a", "127.0.0.1", "-p", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: listening(port), "the broker")
        yield
    finally:
        process.kill()
        process.wait(PATIENCE)


def test_external_broker_that_lost_jetstream(tmp_path: Path) -> None:
    """It takes connections and stores nothing: 503 and one line in the log; with JetStream again, logs are stored."""
    port = free_ports(1)[0]
    url = f"nats://127.0.0.1:{port}"
    store = ("-js", "-sd", str(tmp_path / "broker"))

    async def publish(message: str) -> None:
        connection = await connected(url)
        await connection.jetstream(timeout=PATIENCE).publish(
            "agent.technical.support", json.dumps(log(message)).encode()
        )
        await connection.close()

    with running(tmp_path, start=False, NATS_URL=url) as andon:
        with server(port, *store):
            andon.start()
        with server(port):
            until(lambda: "has no JetStream" in andon.get("/readyz")[1], "/readyz to notice")
            assert andon.get("/readyz")[0] == 503
        with server(port, *store):
            until(lambda: andon.get("/readyz")[0] == 200, "/readyz to be well again")
            asyncio.run(publish("Conveyor motor blocked"))
            until(lambda: andon.count() == 1, "the log")
        assert andon.log().count("log stream is not readable now") <= 2


def test_a_deleted_database_loses_nothing(tmp_path: Path) -> None:
    """503 says what happened; after a new start everything that was sent is stored again."""
    with running(tmp_path) as andon:
        andon.publish(log("Oven door open"))
        until(lambda: andon.count() == 1, "the first log")
        for file in andon.data.glob("agent.db*"):
            if file.suffix != ".lock":
                file.unlink()
        until(lambda: "was deleted or moved away" in andon.get("/readyz")[1], "/readyz to notice")
        andon.publish(log("Oven too cold"))
        assert andon.stop() == 0
        assert "Traceback" not in andon.log()
        andon.start()
        until(lambda: andon.count() == 2, "both logs")
