"""Starting where the disk is full or the broker's store is damaged, and a broker that is closed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest

from support import mounts
from support.patience import PATIENCE
from support.service import Andon, log, running

META = "jetstream/jetstream/$G/streams/AGENT_STREAM/meta.inf"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory whose ``data`` is a disk of 24 MiB; skips where we may not mount."""
    with mounts.small_disk(tmp_path / "data", 24 << 20) as mounted:
        if not mounted:
            pytest.skip("mounting a small disk needs root")
        yield tmp_path


def fill(directory: Path) -> Path:
    """Write until there is no room; returns the file that took it."""
    ballast = directory / "ballast"
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


def test_a_start_on_a_full_disk_waits(small_disk: Path) -> None:
    """It says what for, goes on by itself when there is room, and ends at once on SIGTERM: new or not."""
    ballast = fill(small_disk / "data")
    with running(small_disk, start=False) as andon:

        def waits() -> None:
            andon.start(ready=False)
            andon.until(lambda: "waits for room" in andon.get("/readyz")[1], "the reason on /readyz")
            status, body = andon.get("/readyz")
            assert status == 503
            assert str(andon.data) in body
            andon.until(lambda: "no disk space is left" in andon.log(), "the reason in its log")

        waits()
        ballast.unlink()
        andon.until(lambda: andon.get("/readyz")[0] == 200, "readiness")
        andon.publish(log("Coolant low"))
        andon.until(lambda: andon.count() == 1, "the log")
        gets_full_and_free_again(andon)
        assert andon.stop() == 0
        fill(small_disk / "data")
        waits()
        assert andon.stop() == 0


def gets_full_and_free_again(andon: Andon) -> None:
    """The broker gives a stream up on which a write failed: it is started again, and not before there is room."""
    ballast = fill(andon.data)

    def noticed() -> bool:
        andon.publish(log("Coolant low, and nowhere to write that"))
        return "disk space is left for the broker" in andon.get("/readyz")[1]

    andon.until(noticed, "/readyz to notice")
    ballast.unlink()
    andon.until(lambda: andon.get("/readyz")[0] == 200, "readiness")
    andon.publish(log("Coolant is back"))
    andon.until(lambda: andon.count(where="message = 'Coolant is back'") == 1, "the log")


def test_logs_outlive_a_damaged_stream(tmp_path: Path) -> None:
    """Acknowledged by the broker, not recorded, then the stream's description is empty: stored, and told."""
    with running(tmp_path) as andon:
        andon.publish(log("Oven door open"))
        andon.until(lambda: andon.count() == 1, "the log")
        assert andon.stop() == 0
        for file in andon.data.glob("agent.db*"):
            file.unlink()  # as if it had never come to recording them
        (andon.data / META).write_bytes(b"")
        andon.start()
        andon.until(lambda: andon.count() == 1, "the log once more")
        notes = json.loads(andon.get("/readyz")[1])["notes"]
        assert META in notes["broker"]
        checks = {one["name"]: one for one in json.loads(andon.cli("doctor", "--json").stdout)}
        assert "damaged" in checks["broker store"]["detail"]
        assert checks["access"]["detail"].startswith("open")


async def test_a_closed_broker(tmp_path: Path) -> None:
    """Strangers are refused, the user's own commands are not, and a producer sends and is answered."""
    (tmp_path / "andon.toml").write_text('[[nats_users]]\nuser = "line3"\npassword = "pw-3"\n')
    with running(tmp_path, ANDON_NATS_ACCESS="closed") as andon:
        sent = andon.cli("send", "Chiller too warm", "--wait", "--timeout", str(PATIENCE))
        assert sent.returncode == 0, sent.stderr
        assert b"Chiller too warm" in sent.stdout
        answer = await asked(andon)
        assert "analysis" in answer
        assert andon.count() >= 2
        stranger = andon.cli_as({"ANDON_NATS_ACCESS": "open", "ANDON_NATS_USERS": "[]"}, "send", "Not mine")
        assert stranger.returncode == 1
        assert b"refused the connection" in stranger.stderr
        config = (andon.data / "run" / "nats-server.conf").read_text()
        assert "http" not in config


async def asked(andon: Andon) -> dict[str, object]:
    """The answer that a producer gets to a request."""
    address = f"nats://127.0.0.1:{andon.nats_port}"
    nc = await nats.connect(address, user="line3", password="pw-3", inbox_prefix=b"_INBOX_line3")
    try:
        await nc.jetstream(timeout=PATIENCE).publish(
            "agent.technical.support", json.dumps(log("Axis 3 stuck")).encode()
        )
        reply = await nc.request("agent.analyze", json.dumps(log("Axis 4 stuck")).encode(), timeout=PATIENCE)
        return dict(json.loads(reply.data))
    finally:
        await nc.close()
