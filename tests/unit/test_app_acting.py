"""Connected systems within a service: one that is set up wrongly keeps nothing else from working."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.act.proposals import Wanted
from andon.app.action_entries import target_entries
from andon.app.background.acting import PART, Acting
from andon.app.background.changes import Changes
from andon.core.errors import ActionRefused
from andon.core.models.actions import Message, Origin
from andon.core.telemetry import Health, Metrics
from andon.store import Visitor, prepare
from support.settings import settings_of


def test_a_file_that_is_gone_stops_one_system_alone(tmp_path: Path) -> None:
    """It is told of and refused by name; the others stand, and nothing is unready."""
    gone = tmp_path / "token"
    settings = settings_of(
        data_dir=tmp_path,
        jira=[{"url": "https://jira.example", "token_file": str(gone), "projects": ["OPS"]}],
        webhook=[{"url": "http://127.0.0.1:9/hook"}],
    )
    health = Health()
    problems = dict(health.problems)  # the start itself
    acting = Acting(settings, Metrics(), health, Changes())
    assert list(acting.connectors) == ["webhook"]
    assert str(gone) in acting.broken["jira"]
    acting._remark()
    assert "jira cannot be used" in health.notes[PART]
    assert health.problems == problems
    message = Message(title="Heat", body=(), severity="ERROR", about="one")
    wanted = Wanted(target="jira", arguments=message, origin=Origin.PERSON)
    prepare(settings.database, durability="normal")
    with Visitor(settings.database) as visitor, pytest.raises(ActionRefused, match="jira cannot be used"):
        visitor.read(lambda connection: acting.proposals.propose(connection, wanted, 0.0))
    (webhook, jira) = target_entries(acting.connectors, {}, (), [("jira", "jira", acting.broken["jira"])])
    assert (webhook.trouble, jira.trouble, jira.does) == (None, acting.broken["jira"], [])
