"""What people can have uploaded, published, applied or saved: from a stored night to what the service holds."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.connected import build_connectors
from andon.act.proposals import Proposals
from andon.app import uploads
from andon.core.errors import ActionRefused, NotFound
from andon.core.models.actions import Action, ActionStatus, Apply, Operation, Origin, Publish, SaveAlert, Upload
from andon.core.settings.settings import Settings
from andon.insight import problem_rows
from andon.store import Visitor, actions, change
from support.api import Client, served
from support.commands import Commands
from support.foundry import ACTION, DATASET, ONTOLOGY, STREAM, TOKEN, Foundry
from support.settings import settings_of
from support.shift import EVIL, MORNING, SERVO, STOP, fill
from support.splunk import HEC_TOKEN, Splunk
from support.splunk import TOKEN as SPLUNK_TOKEN

NOW = MORNING.timestamp()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("night") / "agent.db")


@pytest.fixture
def own(night: Path, tmp_path: Path) -> Path:
    """The night to write to."""
    copy = tmp_path / "agent.db"
    copy.write_bytes(night.read_bytes())
    return copy


def settings(path: Path, foundry: str = "http://127.0.0.1:9", splunk: str = "http://127.0.0.1:9") -> Settings:
    action = {
        "name": ACTION,
        "parameters": {
            "title": "{severity} at {place}: {title}",
            "severity": "{severity}",
            "note": ["{count}", {"id": "{problem_id}"}],
        },
    }
    return settings_of(
        db_path=str(path),
        site_name="north",
        public_url="https://andon.plant.example",
        foundry=[
            {
                "url": foundry,
                "token": TOKEN,
                "datasets": [DATASET],
                "streams": [STREAM],
                "ontology": ONTOLOGY,
                "actions": [action],
            }
        ],
        splunk=[
            {
                "url": splunk,
                "token": SPLUNK_TOKEN,
                "hec_url": splunk,
                "hec_token": HEC_TOKEN,
                "indexes": ["press"],
                "alerts": True,
            }
        ],
    )


def read(path: Path, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with Visitor(settings(path).database) as visitor:
        return visitor.read(partial(work, **kwargs), *args)


def proposed(known: Settings, target: str, what: uploads.What, why: str = "", **more: Any) -> Action:
    proposals = Proposals(build_connectors(known), known)
    with Visitor(known.database) as visitor:
        made = visitor.read(partial(uploads.drawn_up, now=NOW, **more), known, target, what)
    about = {"problem_id": more.get("problem_id"), "by": "kim", "why": why}
    work = partial(uploads.put_up, origin=Origin.PERSON, now=NOW, **about)
    return change(known.database, work, proposals, target, what, made)


def test_the_report_of_a_shift_is_a_file(night: Path) -> None:
    made = read(night, uploads.shift_report, settings(night), NOW)
    assert isinstance(made, Upload)
    assert made.path == "shift-reports/2025-01-14-night.html"
    assert made.text.startswith("<!doctype html>")
    assert "Line stopped after axis fault" in made.text
    assert "hunter2" not in made.text
    assert "<script" not in made.text.lower()
    plain = read(night, uploads.shift_report, settings(night), NOW, shift="night", day="2025-01-14", form="md")
    assert plain.path.endswith("-night.md")
    assert plain.text.startswith("# Shift report: night")
    checked = Proposals({}, settings(night)).checked(made)
    assert checked == made  # nothing of it is a secret, or too long


def test_a_shift_that_nobody_knows(night: Path) -> None:
    for wrong in ({"shift": "siesta"}, {"shift": "night", "day": "2031-01-01"}):
        with pytest.raises(ActionRefused):
            read(night, uploads.shift_report, settings(night), NOW, **wrong)


def test_an_export_of_problems_is_a_file(night: Path) -> None:
    made = read(night, uploads.problem_export, NOW, days=30)
    assert made.path == "problems/2025-01-15.csv"
    listed = list(csv.DictReader(io.StringIO(made.text)))
    assert tuple(listed[0]) == problem_rows.COLUMNS
    assert len(listed) == 6
    by_id = {int(row["problem_id"]): row for row in listed}
    assert (by_id[SERVO]["count"], by_id[SERVO]["line"], by_id[SERVO]["severity"]) == ("6", "line-3", "ERROR")
    assert by_id[SERVO]["first_seen"] == "2025-01-15T02:14:00.000Z"
    assert "hunter2" not in made.text
    lines = read(night, uploads.problem_export, NOW, days=30, form="jsonl")
    assert [json.loads(line)["problem_id"] for line in lines.text.splitlines()] == [
        int(row["problem_id"]) for row in listed
    ]
    with pytest.raises(ActionRefused, match="nothing to export"):
        read(night, uploads.problem_export, NOW + 90 * 86_400)


def test_rows_of_problems(night: Path) -> None:
    (one,) = read(night, uploads.problem_records, STOP).rows
    assert (one["problem_id"], one["host"], one["explained_by"]) == (STOP, "plc-3", "model")
    assert len(read(night, uploads.problem_records).rows) == 6
    assert len(read(night, uploads.problem_records, limit=2).rows) == 2
    with pytest.raises(NotFound):
        read(night, uploads.problem_records, 4_711)


async def test_from_a_proposal_to_what_foundry_holds(own: Path) -> None:
    with Foundry() as foundry:
        known = settings(own, foundry=foundry.url)
        made = [
            proposed(known, "foundry", "report"),
            proposed(known, "foundry", "records", problem_id=SERVO),
            proposed(known, "foundry", "action", problem_id=SERVO, why="twice this week"),
        ]
        connector = build_connectors(known)["foundry"]
        for one in made:
            stored = change(known.database, actions.approve, one.id, "kim", now=NOW, digest=one.digest)
            assert (one.status, stored.status) == (ActionStatus.PROPOSED, ActionStatus.APPROVED)
            assert connector.render(stored.order).digest == stored.digest
            await connector.send(stored.order, stored.rendered)
        await connector.close()
        assert [one.operation for one in made] == [Operation.UPLOAD, Operation.PUBLISH, Operation.APPLY]
        (path,) = foundry.datasets[DATASET].view
        assert path == "andon/shift-reports/2025-01-14-night.html"
        assert foundry.datasets[DATASET].view[path].startswith("<!doctype html>")
        assert foundry.records[0]["title"] == "SV0401 servo overload"
        (applied,) = foundry.applied
        assert applied["title"] == "ERROR at north, line-3: SV0401 servo overload"
        assert applied["note"] == [6, {"id": SERVO}]


async def test_from_a_proposal_to_an_alert_of_splunk(own: Path) -> None:
    with Splunk() as splunk:
        known = settings(own, splunk=splunk.url)
        made = proposed(known, "splunk", "alert", problem_id=SERVO)
        connector = build_connectors(known)["splunk"]
        await connector.send(made.order, made.rendered)
        await connector.close()
        (saved,) = splunk.saved.values()
    assert saved["search"] == 'search index="press" host="press-7" "SV0401" "servo" "overload"'
    assert saved["description"].startswith("ERROR: SV0401 servo overload (andon-")


def test_the_same_report_is_not_proposed_twice(own: Path) -> None:
    known = settings(own)
    first = proposed(known, "foundry", "report")
    with pytest.raises(ActionRefused, match=f"already exists as action {first.id}"):
        proposed(known, "foundry", "report")


@pytest.mark.parametrize(
    ("target", "what", "more", "words"),
    [
        ("foundry", "action", {}, "an action is about a problem"),
        ("foundry", "action", {"problem_id": SERVO, "name": "other"}, f"the settings allow: {ACTION}"),
        ("splunk", "action", {"problem_id": SERVO}, "has no actions of an ontology"),
        ("foundry", "alert", {"problem_id": SERVO}, "saves no alerts"),
        ("splunk", "report", {}, r"splunk takes no files"),
        ("nowhere", "report", {}, "no connected system is called"),
        ("foundry", "report", {"where": "ri.foundry.main.dataset.x"}, "may not write to"),
    ],
)
def test_what_cannot_be(own: Path, target: str, what: uploads.What, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ActionRefused, match=words):
        proposed(settings(own), target, what, **more)


def test_what_a_log_says_is_no_search_and_no_secret(night: Path) -> None:
    known = settings(night)
    for problem_id in (EVIL, STOP):
        made = read(night, uploads.drawn_up, known, "splunk", "alert", now=NOW, problem_id=problem_id)
        assert isinstance(made, SaveAlert)
        assert "hunter2" not in made.search
        assert not set("|[]`\\(){}") & set(made.search)
        applied = read(night, uploads.drawn_up, known, "foundry", "action", now=NOW, problem_id=problem_id)
        assert isinstance(applied, Apply)
        assert "hunter2" not in repr(Proposals({}, known).checked(applied))
        published = read(night, uploads.drawn_up, known, "foundry", "records", now=NOW, problem_id=problem_id)
        assert isinstance(published, Publish)
        assert "hunter2" not in repr(published)


def test_the_command_proposes_what_it_shows(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = settings(own)
    tables = {f"ANDON_{kind.upper()}": json.dumps([table_of(known, kind)]) for kind in ("foundry", "splunk")}
    andon = Commands(tmp_path, capsys, **tables)
    made = andon(
        "actions", "upload", "foundry", "records", "--problem", str(SERVO), "--by", "kim", "--why", "review", "--json"
    )
    assert made.status == 0, made.err
    assert (made.json["operation"], made.json["reason"], made.json["proposed_by"]) == (
        "records.publish",
        "review",
        "kim",
    )
    shown = andon("actions", "upload", "splunk", "alert", "--problem", str(SERVO))
    assert "search index=" in shown.out
    assert "andon actions approve" in shown.out
    refused = andon("actions", "upload", "foundry", "action", "--problem", "4711")
    assert refused.status != 0
    assert "4711" in refused.err


def test_the_api_proposes_and_says_what_is_wrong(own: Path) -> None:
    with served(own, settings=settings(own)) as port, contextlib.closing(Client(port)) as api:
        made = api.post("/api/actions/uploads", {"target": "foundry", "what": "report", "why": "review", "by": "kim"})
        assert made.status == 200, made.json
        assert len(made.json["requests"]) == 3
        made = api.post("/api/actions/uploads", {"target": "foundry", "what": "records", "problem": SERVO, "by": "kim"})
        assert made.status == 200, made.json
        assert made.json["requests"][0]["url"].endswith("/publishRecords")
        for wrong in ({"what": "everything"}, {"what": "action"}, {"what": "alert", "problem": SERVO}):
            assert api.post("/api/actions/uploads", {"target": "foundry", **wrong}).status in (400, 422), wrong


def table_of(known: Settings, kind: str) -> dict[str, Any]:
    """A table as ``andon.toml`` has it, secrets included."""
    table: dict[str, Any] = getattr(known, kind)[0].model_dump(mode="json", exclude_defaults=True)
    secrets = {"foundry": {"token": TOKEN}, "splunk": {"token": SPLUNK_TOKEN, "hec_token": HEC_TOKEN}}
    return {**table, **secrets[kind]}


def test_what_a_system_cannot_do_is_told_before_what_is_stored_is_looked_at(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing is stored, that is not what keeps a file from a system that takes none."""
    table = table_of(settings(own), "splunk")
    andon = Commands(tmp_path, capsys, ANDON_SPLUNK=json.dumps([table]))
    told = andon("actions", "upload", "splunk", "report")
    assert "splunk takes no files; it takes events (--do event), saves alerts" in told.err
