"""/readyz tells the truth: whatever keeps logs from being taken and stored, and when it is over."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
        assert andon.log().count("log stream cannot be read") <= 2


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


async def change(url: str, stream: Mapping[str, Any], consumer: Mapping[str, Any]) -> None:
    """Another client's update of stream and consumer."""
    connection = await connected(url)

    async def api(operation: str, body: object = None) -> Any:
        answer = await connection.request(f"$JS.API.{operation}", json.dumps(body).encode() if body else b"", PATIENCE)
        return json.loads(answer.data)

    if stream:
        config = (await api("STREAM.INFO.AGENT_STREAM"))["config"]
        assert "error" not in await api("STREAM.UPDATE.AGENT_STREAM", {**config, **stream})
    if consumer:
        config = (await api("CONSUMER.INFO.AGENT_STREAM.AGENT_CONSUMER"))["config"]
        body = {"stream_name": "AGENT_STREAM", "config": {**config, **consumer}, "action": "update"}
        assert "error" not in await api("CONSUMER.CREATE.AGENT_STREAM.AGENT_CONSUMER", body)
    await connection.close()


def test_what_others_do_to_our_own_broker_is_put_right(tmp_path: Path) -> None:
    """Though nobody asks: logs are recorded on, the log and /metrics tell of it."""
    with running(tmp_path) as andon:
        url = f"nats://127.0.0.1:{andon.nats_port}"
        changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"subjects": ["plant.other"]}, {}),
            ({}, {"filter_subject": "agent.technical.support.line7"}),
            ({"sealed": True}, {}),
        ]
        for number, (stream, consumer) in enumerate(changes):
            asyncio.run(change(url, stream, consumer))
            andon.until(lambda number=number: andon.log().count("restored settings") > number, "the mending")  # type: ignore[misc]
            andon.publish(log(f"Conveyor {number} blocked"))
            andon.until(lambda number=number: andon.count() == number + 1, "the log")  # type: ignore[misc]
        assert andon.get("/readyz")[0] == 200
        counted = 'andon_broker_put_back_total{setting="sealed"} 1.0'
        andon.until(lambda: counted in andon.get("/metrics")[1], "the count of it")


def test_what_others_do_to_their_broker_is_told(tmp_path: Path) -> None:
    """503 with the difference, also in `andon doctor`; nothing is altered; put right by them, it is over."""
    port = free_ports(1)[0]
    url = f"nats://127.0.0.1:{port}"
    with server(port, "-js", "-sd", str(tmp_path / "broker")), running(tmp_path, NATS_URL=url) as andon:
        asyncio.run(change(url, {"max_msg_size": 10}, {"max_ack_pending": 500}))
        until(lambda: "max_msg_size 10" in andon.get("/readyz")[1], "/readyz to notice")
        shown = andon.cli("doctor").stdout.decode()
        assert "has max_msg_size 10, larger logs are rejected by the broker" in shown
        assert "set it to -1" in shown
        assert "has max_ack_pending 500" in shown
        assert andon.get("/readyz")[0] == 503
        asyncio.run(change(url, {"max_msg_size": -1}, {}))
        until(lambda: andon.get("/readyz")[0] == 200, "/readyz to be well again")


def test_the_head_of_an_address_is_that_of_its_answer(tmp_path: Path) -> None:
    """Monitoring and link checkers ask by HEAD: status and kind are those of a GET, and no body comes."""

    def asked(method: str, path: str) -> tuple[int, str | None, int]:
        connection = http.client.HTTPConnection("127.0.0.1", andon.http_port, timeout=PATIENCE)
        try:
            connection.request(method, path, headers={"Accept": "text/html"})
            answer = connection.getresponse()
            return answer.status, answer.headers["content-type"], len(answer.read())
        finally:
            connection.close()

    with running(tmp_path) as andon:
        for path in ("/", "/journal", "/readyz", "/healthz", "/metrics", "/api/logs", "/openapi.json", "/nowhere"):
            status, kind, length = asked("GET", path)
            assert length, path
            assert asked("HEAD", path) == (status, kind, 0)
        assert asked("HEAD", "/live/now") == (200, "text/event-stream; charset=utf-8", 0)
        assert asked("HEAD", "/api/export") == (*asked("GET", "/api/export")[:2], 0)
