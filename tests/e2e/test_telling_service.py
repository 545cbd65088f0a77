"""People are told by a running service, over real HTTP: once, whatever is killed in between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.core.models import now_text
from support.service import Andon, log, running
from support.ticket_service import TicketService, ticket_service

TESTS = Path(__file__).parent.parent
SETTINGS = """
[[connectors]]
name = "plant"
kind = "tickets"
options = {{ url = "{url}", settled = 0.2 }}

[[notify]]
name = "shop floor"
to = ["plant"]
states = ["raised", "acknowledged", "ended"]
group = "1h"

[[notify]]
name = "reports"
to = ["plant"]
about = ["shift"]

[[notify]]
name = "everything"
to = ["plant"]
severity = "WARNING"
line = "9"
quiet = "22:00-06:00"
escalate_after = "15m"
escalate_to = ["plant"]

[[action_rules]]
name = "line 3"
line = "3"
severity = "CRITICAL"
target = "plant"
do = "ticket"
approve = true
"""


@pytest.fixture
def tickets() -> Iterator[TicketService]:
    """A service that takes tickets and messages."""
    with ticket_service() as made:
        yield made


@pytest.fixture
def andon(tmp_path: Path, tickets: TicketService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Andon]:
    """A service that tells it, not started."""
    packages = tmp_path / "packages" / "tickets-1.0.dist-info"
    packages.mkdir(parents=True)
    (packages / "METADATA").write_text("Metadata-Version: 2.1\nName: tickets\nVersion: 1.0\n")
    (packages / "entry_points.txt").write_text("[andon.connectors]\ntickets = support.ticket_service:TicketConnector\n")
    path = [str(packages.parent), str(TESTS), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    (tmp_path / "andon.toml").write_text(SETTINGS.format(url=tickets.url))
    with running(tmp_path, start=False) as service:
        yield service


def test_people_are_told_once_whatever_is_killed(andon: Andon, tickets: TicketService) -> None:
    """A problem, logged by the hundred, is a message and a ticket; after kill -9 too; who acknowledges it is told."""
    andon.start()
    andon.until(lambda: andon.count("notices", "about = 'begun'") == 4, "the first look")
    fields: dict[str, object] = {"severity": "CRITICAL", "line": "Line 3", "timestamp": now_text()}
    andon.publish(*(log("Spindle drive over temperature", **fields) for _ in range(100)))
    andon.until(lambda: tickets.messages and tickets.tickets, "a message and a ticket")
    andon.kill()
    andon.start()
    andon.publish(log("Spindle drive over temperature", **fields), log("Oil pump stands still", **fields))
    andon.until(lambda: len(tickets.tickets) == 2, "the other ticket")
    assert [one.title for one in tickets.messages] == ["CRITICAL: Spindle drive over temperature"]
    assert sorted(one.title for one in tickets.tickets) == [
        "CRITICAL: Oil pump stands still",
        "CRITICAL: Spindle drive over temperature",
    ]
    (alarm,) = andon.sql("SELECT id FROM alarms WHERE text LIKE 'Spindle%'")[0]
    assert andon.cli("ack", str(alarm), "--by", "Kim").returncode == 0
    andon.until(lambda: len(tickets.messages) == 2, "who has it")
    assert tickets.messages[1].title == "Acknowledged by Kim: Spindle drive over temperature"
    assert andon.stop() == 0
