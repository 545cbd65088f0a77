"""``andon actions``: what is shown before it is approved, what is decided, and how it fails."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
from pathlib import Path

import pytest

from andon.app.cli.output import console
from andon.core.models.actions import ActionStatus
from andon.store import Connection, actions, change
from support.commands import Commands
from support.desk import install_desk
from support.store_data import a_log, opened, query

DESK = [{"kind": "desk", "options": {"url": "http://127.0.0.1:9"}}]


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    """A database with two problems, and a desk that is connected, though nobody is there."""

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            await store.record([a_log(1, "p1", message="[bold]spindle[/] stopped"), a_log(2, "p2")], [])

    asyncio.run(work())
    install_desk(tmp_path / "packages")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    return Commands(tmp_path, capsys, ANDON_CONNECTORS=json.dumps(DESK))


def proposed(andon: Commands, *more: str) -> int:
    """The id of a proposal."""
    made = andon("actions", "propose", "1", "desk", "--json", "--by", "Meier", *more)
    assert made.status == 0, made.err
    return int(made.json["id"])


def unsure(andon: Commands, action_id: int) -> None:
    """As the outbox leaves one that was sent and got no answer."""

    def work(connection: Connection) -> None:
        actions.action_rows.change(connection, action_id, status=ActionStatus.UNSURE, sent_at=time.time())

    change(andon.data / "agent.db", work)


def test_nothing_connected_says_so(andon: Commands) -> None:
    """Where nothing is connected nothing can be proposed, and the list says why it is empty."""
    andon.settings["ANDON_CONNECTORS"] = "[]"
    listed = andon("actions")
    assert listed.out.splitlines() == [
        "Nothing waits for approval.",
        "No system is connected; docs/connectors.md says how to connect one.",
    ]
    refused = andon("actions", "propose", "1", "jira")
    assert (refused.status, "no system is connected; docs/connectors.md says how" in refused.err) == (1, True)
    assert andon("actions", "--json").json == []


def test_a_list_of_what_is_not_there_says_so(andon: Commands) -> None:
    """A slip in a name is not an empty list."""
    refused = andon("actions", "--target", "nope")
    assert (refused.status, "no connected system is called 'nope'; there are: desk" in refused.err) == (1, True)
    refused = andon("actions", "list", "--problem", "77", "--json")
    assert (refused.status, "no problem 77 in" in refused.err) == (1, True)
    assert andon("actions", "--target", "desk", "--problem", "1").out == "No action matches.\n"


def test_a_narrow_terminal_shows_all_of_it(andon: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash is whole, and what is said in words breaks between them."""
    proposed(andon, "--why", "word " * 40)
    digest = andon("actions", "show", "1", "--json").json["digest"]
    andon.settings["COLUMNS"] = "60"
    monkeypatch.setattr(console, "_force_terminal", True)
    shown = andon("actions", "show", "1").out
    words, _, _ = shown.partition("request")
    assert digest in "".join(re.sub(r"\x1b\[[0-9;]*m", "", shown).split())
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip()) for line in words.splitlines()) <= 60


def test_a_proposal_shows_to_the_letter_what_it_would_send(andon: Commands) -> None:
    """The request stands there byte for byte, beside our words, who proposed it, why, and its hash."""
    made = andon("actions", "propose", "1", "desk", "--why", "second time this week", "--by", "Meier")
    assert made.status == 0, made.err
    found = andon("actions", "show", "1", "--json").json
    (request,) = found["requests"]
    assert f"{request['method']} {request['url']}" in made.out
    assert request["body"] in made.out
    assert "[bold]spindle[/] stopped" in made.out
    for words in ("second time this week", "by Meier", "waiting for approval", found["digest"], "Idempotency-Key"):
        assert words in made.out
    assert "`andon actions approve 1` sends exactly this" in made.out
    assert found["status"] == "proposed"
    assert found["expires"] > found["created"]


def test_the_list_has_what_a_person_decides_first(andon: Commands) -> None:
    """Unsure ones before proposals, what is over only when asked for; filters by system and problem hold."""
    first = proposed(andon)
    second = proposed(andon, "--do", "message")
    unsure(andon, first)
    listed = andon("actions")
    assert [row["id"] for row in andon("actions", "--json").json] == [first, second]
    assert "not known whether it was done" in listed.out
    assert "The outcome of some is unknown" in listed.err
    assert andon("actions", "decline", str(second)).status == 0
    assert [row["id"] for row in andon("actions", "list", "--json").json] == [first]
    assert {row["id"] for row in andon("actions", "--all", "--json").json} == {first, second}
    assert [row["id"] for row in andon("actions", "--status", "declined", "--json").json] == [second]
    assert andon("actions", "--status", "gone").status == 2
    assert andon("actions", "--target", "other", "--json").status == 1
    assert [row["id"] for row in andon("actions", "--problem", "1", "--json").json] == [first]


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def test_approving_asks_and_no_answer_changes_nothing(andon: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is shown, then asked about; only yes approves, and without a service nothing is sent yet."""
    one = str(proposed(andon))
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    declined = andon("actions", "approve", one)
    assert (declined.status, "Approve exactly this?" in declined.out) == (1, True)
    assert andon("actions", "show", one, "--json").json["status"] == "proposed"
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    approved = andon("actions", "approve", one, "--by", "Weber")
    assert approved.status == 0, approved.err
    assert (
        approved.out.index("POST http") < approved.out.index("Approve exactly this?") < approved.out.index("Approved.")
    )
    assert "nothing is sent until `andon run` starts one" in approved.out
    assert andon("actions", "show", one, "--json").json["decided_by"] == "Weber"
    assert andon("actions", "decline", one).status == 0
    two = str(proposed(andon))
    andon.settings["ANDON_CONNECTORS"] = "[]"
    assert "These settings connect no system called desk" in andon("actions", "approve", two, "--yes").out
    again = andon("actions", "approve", two, "--yes")
    assert (again.status, "is approved: there is nothing to approve" in again.err) == (1, True)


def test_a_script_is_not_asked(andon: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody types, naming an action approves it: what its number stands for never changes."""
    first, second = str(proposed(andon)), str(proposed(andon, "--do", "message"))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "Approved." in andon("actions", "approve", first).out
    assert andon("actions", "approve", second, "--json").json["status"] == "approved"


def test_a_script_names_the_hash_that_it_saw(andon: Commands) -> None:
    """Another hash approves nothing."""
    one = str(proposed(andon))
    digest = andon("actions", "show", one, "--json").json["digest"]
    assert andon("actions", "approve", one, "--hash", digest[:7]).status == 2
    wrong = andon("actions", "approve", one, "--hash", "0" * 64)
    assert (wrong.status, "has another hash" in wrong.err) == (1, True)
    done = andon("actions", "approve", one, "--hash", digest[:8].upper(), "--json")
    assert done.json["status"] == "approved"


def test_an_unsure_one_is_settled_or_sent_again(andon: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settling a ticket needs its number, and keeps it; sending again asks whether somebody looked."""
    first = str(proposed(andon))
    unsure(andon, int(first))
    assert "Was this ticket opened? Check desk" in andon("actions", "show", first).out
    assert andon("actions", "settle", first).status == 2
    odd = andon("actions", "settle", first, "--ref", "javascript:alert(1)")
    assert (odd.status, "desk has nothing called 'javascript:alert(1)'" in odd.err) == (1, True)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert andon("actions", "retry", first).status == 1
    settled = andon("actions", "settle", first, "--ref", "OPS-7", "--by", "Weber")
    assert settled.out.strip() == "Action 1 is settled: it was carried out as OPS-7."
    assert query(andon.data / "agent.db", "SELECT ref, problem_id FROM tickets") == [("OPS-7", 1)]
    assert "has an open ticket at desk: OPS-7" in andon("actions", "propose", "1", "desk").err
    second = str(proposed(andon, "--do", "message"))
    unsure(andon, int(second))
    assert "is sent again" in andon("actions", "retry", second, "--yes").out
    assert andon("actions", "show", second, "--json").json["status"] == "approved"


def test_what_is_wrong_is_one_sentence(andon: Commands) -> None:
    """Ids that are not there, places that are not allowed, what cannot be done any more."""
    assert "no action 7" in andon("actions", "show", "7").err
    refused = andon("actions", "propose", "1", "desk", "--where", "SECRET")
    assert "desk may not write to 'SECRET'; the settings allow: OPS, LINE3" in refused.err
    assert "takes no events" in andon("actions", "propose", "1", "desk", "--do", "event").err
    one = str(proposed(andon))
    assert "no action 7" in andon("actions", "show", "7").err
    assert "has already been proposed" in andon("actions", "propose", "1", "desk").err
    assert "there is nothing to settle" in andon("actions", "settle", one, "--ref", "X").err
    assert "there is nothing to retry" in andon("actions", "retry", one).err
    declined = andon("actions", "decline", one, "--note", "known", "--by", "Weber")
    assert declined.out.startswith("Action 1 is declined:")
    deeds = query(andon.data / "agent.db", "SELECT actor, action FROM audit WHERE action LIKE 'action.%' ORDER BY id")
    assert deeds == [("Meier", "action.propose"), ("Weber", "action.decline")]


def test_a_call_of_a_tool_is_proposed_like_anything(andon: Commands) -> None:
    """Shown to the letter, without secrets; only what the settings list, and only what is an object."""
    andon.settings["ANDON_MCP_SERVERS"] = json.dumps([{"name": "wiki", "command": ["x"], "write_tools": ["add_page"]}])
    call = ("actions", "call", "wiki", "add_page")
    steps = [f"step {n} of the filter change" for n in range(40)]
    given = json.dumps({"text": "login user=line4 password=Sommer2026! fails", "steps": steps, "long": "x " * 1_000})
    made = andon(*call, given, "--problem", "1", "--why", "so that it is known", "--by", "Meier")
    assert made.status == 0, made.err
    assert "`andon actions approve 1` calls exactly this" in made.out
    found = andon("actions", "show", "1", "--json").json
    (request,) = found["requests"]
    body = json.loads(request["body"])
    assert (body["method"], body["params"]["name"]) == ("tools/call", "add_page")
    assert body["params"]["arguments"]["steps"] == steps
    assert body["params"]["arguments"]["long"] == "x " * 1_000
    assert "Sommer2026" not in made.out + request["body"]
    assert (found["status"], found["target"], found["problem_id"]) == ("proposed", "wiki", 1)
    for wrong, said in [
        (("actions", "call", "wiki", "drop_pages"), "wiki may not call 'drop_pages'; write_tools in its table allows"),
        ((*call, "[1]"), "the arguments are not a JSON object"),
        ((*call, "{"), "the arguments are not JSON"),
        ((*call, '{"n": NaN}'), "NaN is not a number that JSON has"),
        ((*call, '{"n": 1, "n": 2}'), "the name 'n' is used twice"),
        ((*call, '{"a": "\\ud800"}'), "contains a NUL or half a character"),
        ((*call, json.dumps({"a": "x" * 20_001})), "at most 20,000, and none are cut"),
        (("actions", "call", "desk", "add_page"), "desk calls no tools"),
        (("actions", "call", "gone", "add_page"), "no connected system is called 'gone'"),
        ((*call, given, "--problem", "1"), "the same action already exists as action 1"),
    ]:
        refused = andon(*wrong)
        assert refused.status == 1, wrong
        assert said in refused.err
