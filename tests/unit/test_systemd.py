"""sd_notify over a real datagram socket: what systemd hears of a service."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.app.systemd import BEAT, Systemd
from andon.core.telemetry import Health
from support.patience import PATIENCE


class Listener:
    """The end that is systemd's."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)

    async def hear(self) -> dict[str, str]:
        """The next message."""
        async with asyncio.timeout(PATIENCE):
            text = (await asyncio.get_running_loop().sock_recv(self.socket, 4096)).decode()
        return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(str(tmp_path / "notify"))
    yield made
    made.socket.close()


async def test_a_start_a_run_and_a_stop(listener: Listener, tmp_path: Path) -> None:
    """More time while it starts, then ready, then a sign of life with each beat, with what keeps it."""
    environment = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "30000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    systemd, health = Systemd(environment), Health()
    assert environment == {}, "children would speak for us"
    async with systemd.kept_informed(health):
        first = await listener.hear()
        assert (first["EXTEND_TIMEOUT_USEC"], first["STATUS"]) == ("90000000", "service: starting")
        assert "WATCHDOG" not in first
        health.report("service", None)
        systemd.ready()
        heard = await listener.hear()
        while "READY" not in heard:
            heard = await listener.hear()
        assert heard == {"READY": "1", "STATUS": "ready"}
        heard = await listener.hear()
        assert heard == {"WATCHDOG": "1", "STATUS": "ready"}
        health.report("recorder", "the disk\nis full")
        while heard["STATUS"] == "ready":
            heard = await listener.hear()
        assert heard == {"WATCHDOG": "1", "STATUS": "recorder: the disk is full"}
        systemd.stopping()
        while "STOPPING" not in heard:
            heard = await listener.hear()


async def test_a_loop_that_does_not_turn_gives_no_sign_of_life(listener: Listener, tmp_path: Path) -> None:
    """What would be told by a thread says nothing about the service."""
    import time

    systemd = Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000"})
    async with systemd.kept_informed(Health()):
        systemd.ready()
        while (await listener.hear()).get("WATCHDOG") is None:
            pass
        time.sleep(0.2)  # noqa: ASYNC251 - twenty beats in which the loop hangs
        waiting = []
        while True:
            try:
                waiting.append(listener.socket.recv(4096))
            except BlockingIOError:
                break
        assert len(waiting) <= 1


def test_an_abstract_socket_and_none_at_all() -> None:
    """Both forms of the address; without one nothing is told, and nothing fails."""
    name = f"andon-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind("\0" + name)
        systemd = Systemd({"NOTIFY_SOCKET": "@" + name, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"})
        assert systemd.beat == BEAT, "the watchdog is another process's"
        assert systemd.tell(status="a\nREADY=1")
        assert heard.recv(100) == b"STATUS=a READY=1", "one value is one line"
    assert not systemd.tell(status="nobody listens")
    systemd.close()
    assert not Systemd({}).tell(ready=1)
