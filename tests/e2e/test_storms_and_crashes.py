"""kill -9, restarts, bad input and a model that comes and goes: nothing is lost, nothing is asked twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from pathlib import Path

from andon.bus.connection import connect
from andon.bus.publisher import JetStreamPublisher
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import Andon, listening, log, ollama, running, until


def publish_acknowledged(andon: Andon, count: int, acknowledged: list[int], stop: threading.Event) -> None:
    """Publish numbered logs one after the other and note those the broker confirmed; ends when it is gone."""

    async def work() -> None:
        connection = await connect(f"nats://127.0.0.1:{andon.nats_port}", name="producer")
        publisher = JetStreamPublisher(connection, timeout=PATIENCE)
        try:
            for number in range(count):
                if stop.is_set():
                    return
                body = json.dumps(log(f"Axis {number % 7} lag error", context={"n": number})).encode()
                await publisher.store(body, subject="agent.technical.support")
                acknowledged.append(number)
        finally:
            await publisher.close()
            await connection.close()

    asyncio.run(work())


#: Each kill of the three hits a stream of which hundreds are confirmed and hundreds are to come.
MANY = 1_500


def test_kill_in_mid_stream_loses_nothing_and_stores_nothing_twice(tmp_path: Path) -> None:
    """The service is killed with -9 three times while logs stream in; every confirmed log is stored exactly once.

    Each time its broker is gone within a moment, and the next start works.
    """
    with running(tmp_path) as andon:
        acknowledged: list[int] = []
        stop = threading.Event()
        producer = threading.Thread(target=publish_acknowledged, args=(andon, MANY, acknowledged, stop))
        producer.start()
        try:
            for goal in (200, 500, 800):
                until(lambda goal=goal: len(acknowledged) >= goal, f"{goal} confirmed logs")  # type: ignore[misc]
                andon.kill()
                andon.start()
            until(lambda: len(acknowledged) == MANY, "the rest")
        finally:
            stop.set()
            producer.join(PATIENCE)
        until(lambda: andon.count() >= MANY, "all logs stored")
        numbers = [row[0] for row in andon.sql("SELECT json_extract(context, '$.n') FROM agent_logs")]
        assert sorted(set(numbers)) == list(range(MANY))
        assert len(andon.sql("SELECT DISTINCT stream_id, seq, stored_ns FROM logs")) == len(numbers)
        assert andon.sql("SELECT sum(count) FROM patterns") == [(len(numbers),)]


def test_sigterm_ends_in_order_with_status_0(tmp_path: Path) -> None:
    """SIGTERM stops service and broker; what was published is stored after the next start."""
    with running(tmp_path) as andon:
        andon.publish(*[log(f"Oven zone {n} too cold") for n in range(50)])
        assert andon.stop(signal.SIGTERM) == 0
        assert not listening(andon.nats_port)
        assert "Traceback" not in andon.log()
        andon.start()
        until(lambda: andon.count() == 50, "all logs")


def test_broker_killed_is_started_again(tmp_path: Path) -> None:
    """The embedded broker dies: it is restarted on its port, and logs go on being stored."""
    with running(tmp_path) as andon:
        andon.publish(log("before"))
        until(lambda: andon.count() == 1, "the first log")
        assert andon.process is not None
        children = Path(f"/proc/{andon.process.pid}/task/{andon.process.pid}/children").read_text().split()
        for child in children:
            if b"nats-server" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)
        until(lambda: "andon_broker_restarts 1.0" in andon.get("/metrics")[1], "the restart")
        until(lambda: andon.get("/readyz")[0] == 200, "readiness")
        andon.publish(log("after"))
        until(lambda: andon.count() == 2, "the second log")


BAD: list[bytes] = [
    b"",
    b"[1, 2, 3]",
    b'""',
    b"\xff\xfe\x00\x01",
    b"\x81\xa7message\xacpump stopped",
    b"[" * 10_000,
    b'{"message": "deep", "context": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
]
ODD: list[bytes] = [
    b"pump stopped",
    b'"text"',
    b"{}",
    b'{"message": "cut off',
    b'{"message": "only a message"}',
    b'{"hostname": 7, "severity": 99, "service": null, "message": 12.5, "timestamp": 1736907263}',
    b'{"message": "caf\xe9"}',
    b'{"message": "nul \\u0000 and ansi \\u001b[31m red", "severity": "weird"}',
    b'{"message": "raw \x00 nul and \x1b[31m ansi"}',
    b'{"message": "lone \\ud800 surrogate"}',
    json.dumps({"message": "big", "context": {"dump": "x" * 900_000}}).encode(),
    b'{"severity": "CRITICAL", "hostname": "plc-9"}',
]


def test_bad_input_is_stored_or_kept_and_never_stops_the_stream(tmp_path: Path) -> None:
    """Each odd message becomes a row, each bad one a reject with its bytes, and a good log after them is stored.

    A retried reject is published again byte for byte and marked.
    """
    with running(tmp_path) as andon:
        andon.publish(*BAD, *ODD, log("good"))
        until(lambda: andon.count() == len(ODD) + 1, "the odd logs and the good one")
        assert sorted(row[0] for row in andon.sql("SELECT data FROM rejects")) == sorted(BAD)
        assert all(row[0] for row in andon.sql("SELECT reason FROM rejects"))
        counted = f"andon_logs_rejected_total {len(BAD)}.0"
        until(lambda: counted in andon.get("/metrics")[1], "the count of the bad ones")  # which follows the commit
        until(lambda: "andon_stream_pending 0.0" in andon.get("/metrics")[1], "an empty backlog")
        ((retried, data),) = andon.sql("SELECT id, data FROM rejects WHERE length(data) = 4")
        assert andon.cli("rejects", "--retry", str(retried)).returncode == 0
        until(lambda: andon.count("rejects") == len(BAD) + 1, "the second reject")
        assert andon.sql("SELECT data FROM rejects ORDER BY id DESC LIMIT 1") == [(data,)]
        listed = json.loads(andon.cli("rejects", "--all", "--json").stdout)
        assert [row["id"] for row in listed if row["retried_at"]] == [retried]


def test_model_away_then_back(tmp_path: Path) -> None:
    """While the model is away the playbook answers provisionally; when it is back its answer replaces that."""
    port = free_ports(1)[0]
    with running(tmp_path, PROVIDER="OLLAMA", OLLAMA_HOST=f"http://127.0.0.1:{port}") as andon:
        andon.publish(log("FATAL: could not write to WAL: No space left on device", service="postgresql"))
        until(lambda: andon.count(where="analysis IS NOT NULL") == 1, "the provisional answer")
        until(  # but while it is asked whether it is back
            lambda: andon.sql("SELECT rung, provisional, status FROM analyses") == [("playbook", 1, "pending")],
            "what waits for the model",
        )
        listed = json.loads(andon.cli("logs", "--json").stdout)
        assert (listed[0]["rung"], listed[0]["provisional"]) == ("playbook", True)
        with ollama(tmp_path, port=port) as model:
            until(
                lambda: andon.sql("SELECT rung, provisional, status FROM analyses") == [("model", 0, "done")],
                "the model",
            )
            assert model.calls == 1


def test_a_broken_model_ends_in_a_labelled_answer(tmp_path: Path) -> None:
    """Whatever the model does (``test_ladder_ollama.py`` has more of it), the row ends with an answer that says where it
    comes from, after bounded calls."""
    with ollama(tmp_path, "--behaviour", "only-thinking") as model:
        settings = {"PROVIDER": "OLLAMA", "OLLAMA_HOST": model.url, "ANDON_MODEL_ATTEMPTS": "1"}
        with running(tmp_path, **settings) as andon:
            andon.publish(log("Spindle over temperature"))
            rows = until(
                lambda: andon.sql("SELECT rung, status, text FROM analyses WHERE finished_at IS NOT NULL"),
                "the answer",
            )
            rung, status, text = rows[0]
            assert (rung, status) in {("playbook", "failed"), ("model", "done")}
            assert text
            assert 1 <= model.calls <= 2
