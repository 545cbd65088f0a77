"""``andon run`` with its database on PostgreSQL: crashes of either, and two services on one broker and one database."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.bus.embedded.binary import find_binary
from andon.core.settings.database_url import PostgresAddress
from support.patience import PATIENCE
from support.ports import free_ports
from support.postgres import PASSWORD, QUOTED, Cluster
from support.service import Andon, listening, log, running, until
from support.store_data import query

pytest_plugins = ["support.databases"]


def stored(address: PostgresAddress) -> int:
    """How many logs the view shows."""
    return int(query(address, "SELECT count(*) FROM agent_logs")[0][0])


def numbers(address: PostgresAddress) -> list[int]:
    """The numbers that the logs carry, in order."""
    return sorted(int(row[0]) for row in query(address, "SELECT context::json->>'n' FROM agent_logs"))


PROBLEMS = (
    "Spindle drive over temperature",
    "Axis lag error too large",
    "Cannot reach the historian database",
    "Coolant level below minimum",
    "Door interlock opened while moving",
    "Tool magazine position lost",
    "Hydraulic pressure not reached",
)


def numbered(first: int, last: int) -> list[bytes | dict[str, object]]:
    """Logs of seven problems with a number each."""
    return [log(PROBLEMS[n % 7], context={"n": n}) for n in range(first, last)]


def test_nothing_is_lost_when_service_or_server_is_killed(server: Cluster, tmp_path: Path) -> None:
    """The service while it records, then the server under the running service; /readyz says so, and it goes on alone."""
    address = server.prepared()
    with running(tmp_path, DB_PATH=address.url) as andon:
        andon.publish(*numbered(0, 500))
        until(lambda: stored(address) > 0, "the first logs")
        andon.kill()
        andon.start()
        until(lambda: stored(address) >= 500, "all logs")
        server.kill()
        andon.publish(*numbered(500, 700))
        until(lambda: "does not answer" in andon.get("/readyz")[1], "the reason on /readyz")
        server.start()
        until(lambda: stored(address) >= 700, "the rest")
        until(lambda: andon.get("/readyz")[0] == 200, "readiness")
        until(lambda: query(address, "SELECT count(*) FROM analyses WHERE finished_at IS NULL") == [(0,)], "answers")
        assert andon.stop() == 0
        assert numbers(address) == list(range(700))
        assert query(address, "SELECT count(DISTINCT pattern_id), count(*) FROM analyses") == [(7, 7)]
        shown = query(address, "SELECT analysis FROM agent_logs WHERE analysis IS NULL")
        assert shown == []
        assert "Traceback" not in andon.log()
        assert str(address) in andon.log()
        assert PASSWORD not in andon.log()
        assert QUOTED not in andon.log()
        assert not (andon.data / "agent.db").exists()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """The port of a NATS server that belongs to nobody here."""
    (port,) = free_ports(1)
    command = [str(find_binary(None)), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(tmp_path / "nats")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: listening(port), "the broker")
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def recorded(andon: Andon) -> float:
    """Logs that this service stored since its start."""
    found = re.search(r"(?m)^andon_logs_recorded_total (\S+)", andon.get("/metrics")[1])
    return float(found[1]) if found else 0.0


def test_two_services_share_a_broker_and_a_database(server: Cluster, tmp_path: Path, broker: int) -> None:
    """Both record, one of them is killed and comes back: every log is there once, each problem is explained once."""
    address = server.empty()
    with contextlib.ExitStack() as stack:
        services = []
        for name in ("one", "two"):
            place = tmp_path / name
            place.mkdir()
            settings = {"DB_PATH": address.url, "NATS_URL": f"nats://127.0.0.1:{broker}", "ANDON_RECORD_BATCH": "20"}
            andon = stack.enter_context(running(place, start=False, **settings))
            andon.nats_port = broker
            services.append(andon)
        threads = [threading.Thread(target=andon.start, kwargs={"ready": False}) for andon in services]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        one, two = services
        for andon in services:
            until(lambda andon=andon: andon.get("/readyz")[0] == 200, "readiness")  # type: ignore[misc]
        sent = 0

        def publish(count: int) -> None:
            nonlocal sent
            two.publish(*numbered(sent, sent + count))
            sent += count

        def both_record() -> bool:
            publish(50)  # who of the two takes a log is chance: more come until each took some
            return sent >= 1000 and recorded(one) > 0 and recorded(two) > 0

        until(both_record, "both record")
        publish(300)
        one.stop(signal.SIGKILL)
        publish(300)
        one.start()
        publish(300)
        until(lambda: stored(address) >= sent, "all logs")
        assert numbers(address) == list(range(sent))
        until(lambda: query(address, "SELECT count(*) FROM analyses WHERE finished_at IS NULL") == [(0,)], "answers")
        assert query(address, "SELECT count(*), sum(count) FROM patterns") == [(7, sent)]
        assert query(address, "SELECT count(DISTINCT pattern_id), count(*) FROM analyses") == [(7, 7)]
        listed = one.cli("logs", "--json", "-n", "3")
        assert len(json.loads(listed.stdout)) == 3
        for andon in services:
            assert andon.stop() == 0
            assert "Traceback" not in andon.log()
