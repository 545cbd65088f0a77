"""node-opcua's alarm server while Andon is killed twice and while the server itself is started anew.

OPC UA keeps nothing for a client that is away: plain events of that time are lost. What is promised is the state of every
condition once the connection is back, and that nothing comes twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from producers.trial import PARTS, counted, killed_twice, text_of
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import Andon, running

pytestmark = pytest.mark.producers
pytest.importorskip("asyncua", reason="install it with: make setup EXTRAS=opcua")

NODE_OPCUA = "node-opcua@2.182.2"
SERVER = Path(__file__).with_name("opcua_alarm_server.js")
MACHINES = 10


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """node-opcua, as npm installs it; one that is there already is named by NODE_OPCUA_MODULES."""
    if given := os.environ.get("NODE_OPCUA_MODULES"):
        return Path(given)
    place = tmp_path_factory.mktemp("node-opcua")
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", NODE_OPCUA], cwd=place, check=True)
    return place / "node_modules"


class Server:
    """The alarm server as a process of its own."""

    def __init__(self, modules: Path, port: int) -> None:
        self._command = ["node", str(SERVER), str(port), str(MACHINES)]
        self._environment = {**os.environ, "NODE_PATH": str(modules)}
        self.start()

    def start(self) -> None:
        """Come up with every alarm clear."""
        self.process = subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._until("ready")

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def say(self, *lines: str) -> None:
        """Give commands without waiting."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def do(self, line: str) -> list[str]:
        """Give a command and wait until it is done; what the server said."""
        self.say(line)
        return self._until(f"done {line}")

    def states(self) -> list[Any]:
        """Active, acknowledged and comment of each machine's alarm."""
        return list(json.loads(next(line for line in self.do("states") if line.startswith("[["))))

    def _until(self, end: str) -> list[str]:
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            if line.strip() == end:
                return said
            said.append(line)
        raise AssertionError(f"the server ended: {''.join(said)[-2000:]}")


@pytest.fixture
def server(modules: Path) -> Iterator[Server]:
    """One, with ``url``."""
    [port] = free_ports(1)
    made = Server(modules, port)
    made.url = f"opc.tcp://127.0.0.1:{port}/alarms"  # type: ignore[attr-defined]
    yield made
    made.kill()


@contextlib.contextmanager
def heard(place: Path, server: Server) -> Iterator[Andon]:
    """Andon that hears the server."""
    (place / "andon.toml").write_text(
        f'[[opcua]]\nurl = "{server.url}"\nacknowledge = true\nplace = "Plant/{{line}}/{{machine}}/*"\n'  # type: ignore[attr-defined]
    )
    with running(place) as andon:
        andon.until(lambda: connected(andon), "a connection")
        yield andon


def connected(andon: Andon) -> bool:
    """Whether the log of the newest start says so."""
    return '"connected"' in andon.log().rpartition('"ready"')[2]


def active(andon: Andon) -> set[str]:
    """The conditions whose alarms Andon shows as active."""
    items = json.loads(andon.get("/api/alarms?limit=500")[1])["items"]
    return {one["origin"] for one in items if one["state"] == "active"}


def wanted(server: Server) -> set[str]:
    """Those that the server says are active."""
    return {f"ns=1;s=Alarm{number}" for number, (is_active, *_) in enumerate(server.states()) if is_active}


def right(andon: Andon, server: Server) -> Callable[[], bool]:
    """Whether both agree."""
    return lambda: active(andon) == wanted(server)


def test_states_are_right_after_every_outage(tmp_path: Path, server: Server) -> None:
    with heard(tmp_path, server) as andon:
        parts = iter(range(PARTS))

        def send(numbers: range) -> None:
            part = next(parts)
            if part == 20:  # nothing is lost while both are there
                andon.until(lambda: set(range(numbers.start)) <= counted(andon).keys(), "everything before")
            server.do(f"{'clear' if part // MACHINES % 2 else 'raise'} {part % MACHINES}")
            server.say(*(f"event {text_of(number)}" for number in numbers))

        for number in range(0, MACHINES, 2):
            server.do(f"raise {number}")
        outcome = killed_twice(andon, send, pace=0.2, quiet=10.0)
        assert outcome.twice == 0
        assert outcome.stored > outcome.sent / 4
        assert json.loads(andon.get("/api/inputs")[1])["items"][0]["refused"] == {}
        for number in (1, 4, 7):
            server.do(f"raise {number}")
        andon.until(right(andon, server), "the states of the server")
        assert {f"ns=1;s=Alarm{number}" for number in (1, 4, 7)} <= active(andon)

        andon.kill()
        server.do("clear 4")
        server.do("raise 5")
        andon.start()
        andon.until(right(andon, server), "what changed while Andon was away")

        chosen = next(
            one for one in json.loads(andon.get("/api/alarms")[1])["items"] if one["origin"] == "ns=1;s=Alarm7"
        )
        acknowledge = [sys.executable, "-m", "andon", "ack", str(chosen["id"]), "--note", "on my way"]
        subprocess.run(acknowledge, env=andon.environment, cwd=andon.place, check=True, stdout=subprocess.DEVNULL)
        andon.until(lambda: server.states()[7][1], "the acknowledgement at the server")
        assert server.states()[7][2].endswith(": on my way")

        server.kill()
        andon.until(lambda: "cannot be read" in andon.get("/api/inputs")[1], "trouble")
        server.start()  # every alarm is clear then
        server.do("raise 2")
        andon.until(right(andon, server), "the states of a server that was started anew")
        assert active(andon) == {"ns=1;s=Alarm2"}
        assert "Traceback" not in andon.log()
