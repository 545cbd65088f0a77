"""What worked with the reference system works here to the letter: publish, query, reply, takeover."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from support.patience import PATIENCE
from support.service import SUBJECT, Andon, running, until

# The ten sample logs that the reference system ships for a first try.
SAMPLES: list[dict[str, object]] = [
    {"timestamp": f"2025-01-15T02:{minute}", "hostname": host, "severity": severity, "service": service,
     "message": message, "context": context}
    for minute, host, severity, service, message, context in [
        ("14:23.123Z", "web-server-01", "ERROR", "nginx",
         "Failed to bind to port 80: Address already in use", {"pid": 1234, "user": "www-data"}),
        ("15:01.456Z", "db-server-03", "CRITICAL", "mysql",
         "InnoDB: Error: log sequence numbers 12345678 and 12345679 in ibdata files do not match", {"thread_id": 5678}),
        ("15:45.789Z", "app-server-02", "WARNING", "systemd",
         "Process /usr/bin/app-service (PID 9876) had a non-zero exit code",
         {"exit_code": 1, "unit": "app-service.service"}),
        ("16:12.234Z", "web-server-01", "ERROR", "apache2",
         "AH00058: Error: could not open error log file /var/log/apache2/error.log",
         {"permissions": "0644", "user": "www-data"}),
        ("17:33.567Z", "db-server-03", "CRITICAL", "postgresql",
         "FATAL: could not write to WAL: No space left on device", {"database": "customers_db", "disk_usage": "99.9%"}),
        ("18:01.890Z", "app-server-02", "WARNING", "kernel",
         "CPU temperature above threshold, cpu clock throttled", {"core": 2, "temp": "95C", "freq": "2.1GHz"}),
        ("19:23.123Z", "web-server-01", "ERROR", "fail2ban",
         "Banned IP 192.168.1.100 for multiple failed SSH attempts", {"attempts": 5, "jail": "sshd", "duration": "3600s"}),
        ("20:45.456Z", "db-server-03", "CRITICAL", "redis",
         "MISCONF Redis is configured to save RDB snapshots, but is currently not able to persist on disk",
         {"used_memory": "6.2G", "maxmemory": "8G"}),
        ("21:12.789Z", "app-server-02", "WARNING", "docker",
         "Container e5a3e3d4f6g7 exceeded memory limit",
         {"container_name": "production-api", "limit": "2G", "actual": "2.3G"}),
        ("22:33.234Z", "web-server-01", "ERROR", "certbot",
         "Failed to renew SSL certificate for domain.com", {"error": "DNS validation failed", "attempts": 3}),
    ]
]  # fmt: skip
QUERY = (
    "SELECT timestamp, severity, message, analysis FROM agent_logs "
    "WHERE severity = 'ERROR' ORDER BY timestamp DESC LIMIT 5;"
)


@contextmanager
def explained(place: Path, *, fresh: bool = False) -> Iterator[Andon]:
    """A service that got the ten samples and explained them with the playbook."""
    with running(place, fresh=fresh) as service:
        service.publish(*SAMPLES)
        until(lambda: service.count(where="analysis IS NOT NULL") == 10, "ten explained samples")
        yield service


@pytest.fixture(scope="module")
def andon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Andon]:
    """A service that has the samples, started as a person starts it; for tests that only look."""
    with explained(tmp_path_factory.mktemp("looked-at"), fresh=True) as service:
        yield service


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Andon]:
    """A service that has the samples; for tests that send it more."""
    with explained(tmp_path_factory.mktemp("asked")) as service:
        yield service


def test_samples_are_stored_as_published(andon: Andon) -> None:
    """Every field of the ten samples is in agent_logs as it was sent."""
    rows = andon.sql(
        "SELECT timestamp, hostname, severity, service, message, context FROM agent_logs ORDER BY timestamp"
    )
    sent = [tuple(log[k] for k in ("timestamp", "hostname", "severity", "service", "message")) for log in SAMPLES]
    assert [row[:5] for row in rows] == sent
    assert [json.loads(row[5]) for row in rows] == [log["context"] for log in SAMPLES]


def test_reference_query_in_the_sqlite_shell(andon: Andon) -> None:
    """The reference's own query, typed into the sqlite3 shell, answers with analyses, newest first."""
    shell = shutil.which("sqlite3")
    if shell is None:
        rows = andon.sql(QUERY)
    else:
        printed = subprocess.run(
            [shell, "-json", str(andon.database), QUERY], capture_output=True, check=True, timeout=PATIENCE
        ).stdout
        rows = [tuple(row.values()) for row in json.loads(printed)]
    assert [row[0][11:19] for row in rows] == ["02:22:33", "02:19:23", "02:16:12", "02:14:23"]
    assert {row[1] for row in rows} == {"ERROR"}
    assert all(len(row[3]) > 80 for row in rows)


def test_every_sample_has_a_rule_of_its_own(andon: Andon) -> None:
    """The playbook knows each of the ten problems; none falls to the general answer."""
    sources = [row[0] for row in andon.sql("SELECT source FROM analyses")]
    assert len(sources) == 10
    assert "general" not in sources


def test_view_has_the_reference_columns(andon: Andon) -> None:
    """SELECT * gives the reference's columns in its order."""
    connection = sqlite3.connect(f"file:{andon.database}?mode=ro", uri=True)
    names = [column[0] for column in connection.execute("SELECT * FROM agent_logs LIMIT 1").description]
    connection.close()
    assert names == [
        "id",
        "timestamp",
        "hostname",
        "severity",
        "service",
        "message",
        "context",
        "analysis",
        "created_at",
    ]


def replies_to_a_plain_request(andon: Andon, log: dict[str, object]) -> list[dict[str, object]]:
    """Publish with a reply inbox, as the reference's own clients do; the replies that come, at most two."""

    async def work() -> list[dict[str, object]]:
        async with andon.client() as connection:
            arrived: asyncio.Queue[Msg] = asyncio.Queue()
            inbox = connection.new_inbox()
            await connection.subscribe(inbox, cb=arrived.put)
            await connection.publish(SUBJECT, json.dumps(log).encode(), reply=inbox)
            return [json.loads((await asyncio.wait_for(arrived.get(), PATIENCE)).data) for _ in range(2)]

    return asyncio.run(work())


def test_plain_request_gets_receipt_then_analysis(asked: Andon) -> None:
    """On the log subject the first reply is the broker's receipt, the second has the reference's three keys."""
    log = {**SAMPLES[0], "message": "Hydraulic pump 4 lost pressure on the clamp circuit", "hostname": "press-04"}
    receipt, reply = replies_to_a_plain_request(asked, log)
    assert receipt["stream"] == "AGENT_STREAM"
    assert reply["original_message"] == log
    assert reply["analysis"]
    assert str(reply["timestamp"]).endswith("Z")


def test_plain_request_for_a_known_problem_is_answered_at_once(asked: Andon) -> None:
    """The second occurrence reuses the first one's explanation, and the reply says so."""
    log = {**SAMPLES[4], "hostname": "db-server-09"}
    _, reply = replies_to_a_plain_request(asked, log)
    assert (reply["rung"], reply["first_rung"]) == ("reused", "playbook")
    assert reply["original_message"] == log


def test_analyze_endpoint_answers_with_the_analysis_alone(asked: Andon) -> None:
    """One request to agent.analyze, one reply; the log is stored like any other."""
    log = {**SAMPLES[0], "message": "Vacuum gripper did not reach its pressure within 800 ms", "hostname": "robot-11"}

    async def work() -> dict[str, object]:
        async with asked.client() as connection:
            answer = await connection.request("agent.analyze", json.dumps(log).encode(), timeout=PATIENCE)
            return dict(json.loads(answer.data))

    reply = asyncio.run(work())
    assert reply["original_message"] == log
    assert reply["analysis"]
    assert asked.sql("SELECT id FROM agent_logs WHERE hostname = 'robot-11'") == [(reply["log_id"],)]


def test_analyze_endpoint_refuses_what_is_no_log_and_keeps_it(asked: Andon) -> None:
    """Garbage gets a micro-service error with one sentence, and its bytes are in rejects."""

    async def work() -> Msg:
        async with asked.client() as connection:
            return await connection.request("agent.analyze", b"\x00not a log at all", timeout=PATIENCE)

    answer = asyncio.run(work())
    assert answer.headers is not None
    assert answer.headers["Nats-Service-Error-Code"] == "400"
    assert "neither text nor JSON" in answer.headers["Nats-Service-Error"]
    until(lambda: (b"\x00not a log at all",) in asked.sql("SELECT data FROM rejects"), "the reject")


def test_reply_to_header_survives_a_restart(tmp_path: Path) -> None:
    """A durable caller gets its analysis although the service was killed before it could answer."""
    with running(tmp_path) as andon:
        log = {**SAMPLES[0], "message": "Coolant level low in tank 3"}

        async def work() -> dict[str, object]:
            async with andon.client() as connection:
                arrived: asyncio.Queue[Msg] = asyncio.Queue()
                await connection.subscribe("plant.answers.>", cb=arrived.put)
                await connection.flush()
                jetstream = connection.jetstream(timeout=PATIENCE)
                await jetstream.publish(SUBJECT, json.dumps(log).encode(), headers={"Reply-To": "plant.answers.7"})
                await asyncio.to_thread(andon.kill)
                await asyncio.to_thread(andon.start)
                return dict(json.loads((await asyncio.wait_for(arrived.get(), PATIENCE)).data))

        reply = asyncio.run(work())
        original = reply["original_message"]
        assert isinstance(original, dict)
        assert original["message"] == "Coolant level low in tank 3"
        assert reply["analysis"]


def test_reference_database_is_taken_over_on_first_start(tmp_path: Path) -> None:
    """A file the reference wrote is backed up, every row stays visible, and new logs join them."""
    database = tmp_path / "data" / "agent.db"
    database.parent.mkdir()
    connection = sqlite3.connect(database)
    connection.execute(
        "CREATE TABLE agent_logs (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, hostname TEXT NOT NULL, "
        "severity TEXT NOT NULL, service TEXT NOT NULL, message TEXT NOT NULL, context TEXT, analysis TEXT, "
        "created_at DATETIME DEFAULT CURRENT_TIMESTAMP)"
    )
    rows = [
        (log["timestamp"], log["hostname"], log["severity"], log["service"], log["message"], json.dumps(log["context"]),
         f"analysis {number}")
        for number, log in enumerate(SAMPLES)
    ]  # fmt: skip
    connection.executemany(
        "INSERT INTO agent_logs (timestamp, hostname, severity, service, message, context, analysis) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    connection.commit()
    before = connection.execute("SELECT * FROM agent_logs ORDER BY id").fetchall()
    connection.close()
    with running(tmp_path) as andon:
        assert andon.sql("SELECT * FROM agent_logs ORDER BY id") == before
        assert len(list(database.parent.glob("agent.db.reference-*.bak"))) == 1
        assert "10" in next(line for line in andon.log().splitlines() if "imported" in line)
        andon.publish({**SAMPLES[0], "hostname": "new-host"})
        until(lambda: andon.count(where="hostname = 'new-host' AND analysis IS NOT NULL") == 1, "the new log")
        assert andon.count() == 11
