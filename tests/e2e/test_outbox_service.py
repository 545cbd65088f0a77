"""The outbox of a running service: what others approve goes out, restarts and kills lose and double nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.core.models.actions import ActionStatus
from andon.store import Visitor, actions, change
from support.outbox import added, message, new_action, ticket
from support.patience import PATIENCE
from support.service import Andon, log, running, until
from support.ticket_service import TicketConnector, TicketService, connected, ticket_service

TESTS = Path(__file__).parent.parent


@pytest.fixture
def tickets() -> Iterator[TicketService]:
    """A ticket service."""
    with ticket_service() as made:
        yield made


@pytest.fixture
def andon(tmp_path: Path, tickets: TicketService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Andon]:
    """A service that is connected with it, not started."""
    packages = tmp_path / "packages" / "tickets-1.0.dist-info"
    packages.mkdir(parents=True)
    (packages / "METADATA").write_text("Metadata-Version: 2.1\nName: tickets\nVersion: 1.0\n")
    (packages / "entry_points.txt").write_text("[andon.connectors]\ntickets = support.ticket_service:TicketConnector\n")
    path = [str(packages.parent), str(TESTS), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    table = f'name = "plant"\nkind = "tickets"\ntimeout = 5.0\noptions = {{ url = "{tickets.url}", settled = 0.2 }}\n'
    (tmp_path / "andon.toml").write_text(f"[[connectors]]\n{table}")
    with running(tmp_path, start=False) as service:
        yield service


def _connector(tickets: TicketService) -> TicketConnector:
    return connected("plant", tickets.url, settled=0.2)


def _status(andon: Andon, action_id: int) -> ActionStatus:
    with Visitor(andon.database) as visitor:
        return visitor.read(actions.action, action_id).status


def _remark(andon: Andon) -> str:
    """What the service says of its actions where logs are taken all the same."""
    found: str = json.loads(andon.get("/readyz")[1]).get("notes", {}).get("actions", "")
    return found


def test_what_another_process_approves_is_executed(andon: Andon, tickets: TicketService) -> None:
    """By the outbox of the service (how soon: see the bench), which shows its ticket; a target that is away makes nobody
    unready."""
    andon.start()
    andon.publish(log("Spindle drive over temperature"))
    andon.until(lambda: andon.count("logs"), "the log")
    new = [new_action(_connector(tickets), ticket("Spindle drive"), 1, approved=False)]
    (one,) = change(andon.database, added, new)
    assert _status(andon, one) is ActionStatus.PROPOSED
    change(andon.database, actions.approve, one, "kim", now=time.time())
    andon.until(lambda: _status(andon, one) is ActionStatus.DONE, "done")
    assert [made.title for made in tickets.tickets] == ["Spindle drive"]
    tickets.script.extend(["away"] * 3)
    (two,) = change(andon.database, added, [new_action(_connector(tickets), message("m"), None)])
    remark = "1 action for plant waits: plant answered 503: the service says away"
    andon.until(lambda: remark in _remark(andon), "the remark")  # the trouble is known before it is counted what waits
    assert andon.get("/readyz")[0] == 200
    andon.until(lambda: _status(andon, two) is ActionStatus.DONE, "done after all")
    andon.until(lambda: not _remark(andon), "no remark")
    counted = 'andon_actions_total{outcome="done",target="plant"} 2.0'
    andon.until(lambda: counted in andon.get("/metrics")[1], "the count of both")
    assert andon.stop() == 0


def test_an_answer_that_is_on_its_way_is_waited_for_when_stopping(andon: Andon, tickets: TicketService) -> None:
    """An orderly stop cuts nothing that comes back within its time."""
    tickets.script.append("hang")
    andon.start()
    (one,) = change(andon.database, added, [new_action(_connector(tickets), message("m"), None)])
    until(tickets.reached.is_set, "the request")
    assert andon.process is not None
    andon.process.terminate()
    andon.until(lambda: "stopping" in andon.log(), "the stop")
    tickets.released.set()
    andon.process.wait(PATIENCE)
    assert _status(andon, one) is ActionStatus.DONE
    assert len(tickets.messages) == 1


def test_a_service_that_is_killed_while_it_opens_a_ticket_finds_it_again(andon: Andon, tickets: TicketService) -> None:
    """The ticket was opened, and its answer came to nobody: the next process looks, and opens no second one."""
    tickets.script.append("hang")
    andon.start()
    andon.publish(log("Spindle drive over temperature"))
    andon.until(lambda: andon.count("logs"), "the log")
    (one,) = change(andon.database, added, [new_action(_connector(tickets), ticket("Spindle drive"), 1)])
    until(tickets.reached.is_set, "the request")
    andon.kill()
    tickets.released.set()
    until(lambda: tickets.tickets, "the ticket")
    andon.start()
    andon.until(lambda: _status(andon, one) is ActionStatus.DONE, "found")
    assert [made.title for made in tickets.tickets] == ["Spindle drive"]
    with Visitor(andon.database) as visitor:
        assert [known.ref for known in visitor.read(actions.of_problem, 1)] == ["T-1"]
