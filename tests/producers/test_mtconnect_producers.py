"""MTConnect while Andon is killed twice. No registry has an agent or an adapter: this one is a stand-in over real TCP.

It does what the protocol asks of an adapter: it tells everything that is active to who connects, and then what changes.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from producers.trial import PARTS, counted, killed_twice, text_of
from support.service import Andon, running

pytestmark = pytest.mark.producers

CODES = 20


def now() -> str:
    """The time as adapters write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Adapter(socketserver.ThreadingTCPServer):
    """An adapter with one condition, which has many native codes."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.lock = threading.Lock()
        self.active: dict[str, str] = {}
        self.open: set[Connection] = set()

    def tell(self, level: str, code: str, text: str = "") -> None:
        """Change the condition, for whoever listens."""
        with self.lock:
            if level == "NORMAL":
                self.active.pop(code, None)
            else:
                self.active[code] = text
            for connection in list(self.open):
                connection.write(f"{now()}|mill:lp|{level}|{code}|||{text}\n")


class Connection(socketserver.StreamRequestHandler):
    """One listener."""

    server: Adapter

    def handle(self) -> None:
        """Tell what is active, then answer pings until the listener leaves."""
        with self.server.lock:
            self.write("* PONG 5000\n")
            if not self.server.active:
                self.write("|mill:lp|NORMAL||||\n")
            for code, text in self.server.active.items():
                self.write(f"{now()}|mill:lp|FAULT|{code}|||{text}\n")
            self.server.open.add(self)
        try:
            while self.rfile.readline():
                self.write("* PONG 5000\n")
        except OSError:
            pass
        finally:
            with self.server.lock:
                self.server.open.discard(self)

    def write(self, text: str) -> None:
        """Send, unless the listener is gone."""
        try:
            self.wfile.write(text.encode())
        except OSError:
            self.server.open.discard(self)


@pytest.fixture
def adapter() -> Iterator[Adapter]:
    """One that runs."""
    made = Adapter()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def active(andon: Andon) -> set[str]:
    """The native codes whose alarms Andon shows as active."""
    items = json.loads(andon.get("/api/alarms?limit=500")[1])["items"]
    return {one["code"] for one in items if one["state"] == "active"}


def test_states_are_right_after_every_outage(tmp_path: Path, adapter: Adapter) -> None:
    (tmp_path / "andon.toml").write_text(f'[[mtconnect]]\nurl = "shdr://127.0.0.1:{adapter.server_address[1]}"\n')
    with running(tmp_path) as andon:
        andon.until(lambda: adapter.open, "a connection")
        parts = iter(range(PARTS))

        def send(numbers: range) -> None:
            """Each fault is over with the next of its code: so many changes as there are numbers, and as many ends."""
            part = next(parts)
            if part == 20:  # nothing is lost while both are there
                andon.until(lambda: set(range(numbers.start)) <= counted(andon).keys(), "everything before")
            for number in numbers:
                adapter.tell("FAULT", str(number % CODES), text_of(number))
            if part % 3 == 0:
                adapter.tell("NORMAL", str(part % CODES))

        outcome = killed_twice(andon, send, pace=0.2, quiet=10.0)
        assert outcome.stored > outcome.sent / 4
        andon.until(lambda: active(andon) == set(adapter.active), f"the states of the adapter: {adapter.active}")
        andon.kill()
        for code in ("3", "4", "5"):
            adapter.tell("NORMAL", code)
        andon.start()
        andon.until(lambda: active(andon) == set(adapter.active), "what ended while Andon was away")
        assert "3" not in active(andon)
        assert "Traceback" not in andon.log()
