"""MCP servers as connected systems: a real server over HTTP and over pipes, read only unless its tools are listed."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.connected import build_connectors
from andon.act.connectors.connector import Again, Connector
from andon.act.proposals import Proposals, Wanted
from andon.app.doctor.connector_checks import connected
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import Action, ActionStatus, Call, Message, Operation, Order, Origin
from andon.core.settings.connectors.mcp_servers_settings import McpTable
from andon.core.settings.settings import Settings, load_settings
from andon.store import actions
from support.connector_pages import section
from support.mcp_desk import McpDesk
from support.settings import settings_of
from support.store_data import NOW, opened

ORDER = Order("0" * 32, Call(tool="add_note", arguments={"text": "Filter changed", "urgent": True}))


@pytest.fixture
def desk() -> Iterator[McpDesk]:
    with McpDesk() as served:
        yield served


def settings_for(desk: McpDesk, **fields: Any) -> Settings:
    table = {"name": "notes", "url": desk.url, "token": desk.token, "timeout": 10, **fields}
    return settings_of(mcp_servers=[table])


def connector_at(desk: McpDesk, **fields: Any) -> Connector:
    (made,) = build_connectors(settings_for(desk, **fields)).values()
    return made


async def test_a_call_is_what_was_rendered_and_nothing_else(desk: McpDesk) -> None:
    """With its key, which a server may know it by; the token is no part of it."""
    made = connector_at(desk, write_tools=["add_note"])
    ability = made.abilities[Operation.CALL]
    assert (ability.again, await made.find(ORDER)) == (Again.LOOK, None)
    rendered = made.render(ORDER)
    assert rendered == made.render(ORDER)
    (request,) = rendered.requests
    assert (request.method, request.url) == ("POST", desk.url)
    assert json.loads(request.body) == {
        "method": "tools/call",
        "params": {
            "name": "add_note",
            "arguments": {"text": "Filter changed", "urgent": True},
            "_meta": {"andon/key": ORDER.key},
        },
    }
    assert desk.token not in repr(rendered)
    assert desk.asked == []
    receipt = await made.send(ORDER, rendered)
    assert receipt.words == "note 1 is written at once"
    assert desk.notes == ["Filter changed"]
    assert desk.asked.count("tools/call") == 1
    await made.close()


async def test_nothing_that_is_not_listed_is_ever_called(desk: McpDesk) -> None:
    """Neither by an order nor by a look, whatever the server says of its tools and whatever was stored before."""
    made = connector_at(desk, write_tools=["add_note"])
    dropping = Order("1" * 32, Call(tool="drop_notes", arguments={}))
    for refused in (dropping, Order("2", Message(title="x", body=(), severity="INFO", about="x"))):
        with pytest.raises(ActionRefused):
            made.render(refused)
    other = connector_at(desk, write_tools=["drop_notes"])
    with pytest.raises(ActionRefused, match="may not call 'drop_notes'; write_tools in its table allows: add_note"):
        await made.send(dropping, other.render(dropping))
    for tool in ("add_note", "drop_notes", "count_notes", "no_such"):
        with pytest.raises(ActionRefused, match=r"notes has no tool .* for this; there are: search_notes, fail_note"):
            await made.readers()[0].look(tool=tool)
    assert "tools/call" not in desk.asked
    assert connector_at(desk).abilities == {}
    with pytest.raises(ActionRefused, match=r"notes calls no tools: add write_tools .*; it is only read"):
        connector_at(desk).render(ORDER)


async def test_an_order_for_another_address_is_not_sent(desk: McpDesk) -> None:
    """The settings changed between the approval and the call."""
    elsewhere = connector_at(desk, url="http://127.0.0.1:9/mcp", write_tools=["add_note"])
    with pytest.raises(ActionRefused, match="is not the configured address"):
        await connector_at(desk, write_tools=["add_note"]).send(ORDER, elsewhere.render(ORDER))
    assert desk.asked == []


@pytest.mark.parametrize(
    ("fails", "error", "said", "done"),
    [
        (403, ActionRefused, "notes answered 403; the token does not have the right: have it granted", 0),
        (413, ActionRefused, "notes answered 413", 0),
        (503, TargetAway, "notes answered 503", 0),
        (500, OutcomeUnknown, "notes answered 500", 0),
        ("cut", OutcomeUnknown, "notes: peer closed connection", 1),
        ("slow", OutcomeUnknown, "notes: it did not answer within 2 s", 1),
        ("redirect", ActionRefused, "redirects to http://127.0.0.1:9/other, which is not followed", 0),
        ("redirect home", ActionRefused, "which is not followed", 0),
    ],
)
async def test_what_failed_is_of_the_three_kinds(
    desk: McpDesk, fails: int | str, error: type[Exception], said: str, done: int
) -> None:
    """Where an answer is missing the call may have been made, and where it was refused it was not."""
    desk.fails["tools/call"] = fails
    made = connector_at(desk, write_tools=["add_note"], timeout=2 if fails == "slow" else 10)
    with pytest.raises(error) as caught:
        await made.send(ORDER, made.render(ORDER))
    assert said in str(caught.value)
    assert len(desk.notes) <= done
    assert desk.token not in str(caught.value)


@pytest.mark.parametrize("method", ["server/discover", "tools/list"])
async def test_what_fails_before_the_call_is_tried_again(desk: McpDesk, method: str) -> None:
    """Nothing was done; and a call that was done is not taken for one that was not because a listing failed."""
    desk.fails = {method: 503, "initialize": 503}
    made = connector_at(desk, write_tools=["add_note"])
    with pytest.raises(TargetAway, match="notes answered 503"):
        await made.send(ORDER, made.render(ORDER))
    assert desk.notes == []
    desk.fails = {}
    await made.send(ORDER, made.render(ORDER))
    assert desk.asked[-1] in ("tools/call", "stream")
    assert desk.notes == ["Filter changed"]


async def test_a_server_of_before_is_spoken_to_as_it_was_then(desk: McpDesk) -> None:
    """One that knows nothing of the newest version of the protocol."""
    desk.fails["server/discover"] = 400
    made = connector_at(desk, write_tools=["add_note"])
    assert (await made.send(ORDER, made.render(ORDER))).words == "note 1 is written at once"
    assert "initialize" in desk.asked


async def test_nobody_there_and_the_wrong_token(desk: McpDesk) -> None:
    """One is tried again, the other is not; the token is shown by neither."""
    away = connector_at(desk, url="http://127.0.0.1:9/mcp", write_tools=["add_note"])
    with pytest.raises(TargetAway, match="notes cannot be reached"):
        await away.send(ORDER, away.render(ORDER))
    wrong = connector_at(desk, token="s3cret-but-wrong", write_tools=["add_note"])
    with pytest.raises(ActionRefused, match="answered 401; it does not accept the token") as caught:
        await wrong.send(ORDER, wrong.render(ORDER))
    assert "s3cret" not in str(caught.value)


async def test_reading_tools_are_listed_and_called(desk: McpDesk) -> None:
    """Those that the server says only read, or those that the settings name."""
    desk.notes += ["pump P3 was replaced", "fan"]
    (reader,) = connector_at(desk).readers()
    assert reader.name == "notes_look"
    assert "SYSTEM" not in reader.description
    listed = (await reader.look()).splitlines()
    assert [line.partition("(")[0] for line in listed] == ["search_notes", "fail_note"]
    assert listed[0].startswith("search_notes(text: string, most?: integer): Search the notes.")
    assert await reader.look(tool="search_notes", arguments='{"text": "pump"}') == "pump P3 was replaced"
    with pytest.raises(ActionRefused, match=r"notes, tool fail_note: .*there is no field x"):
        await reader.look(tool="fail_note", arguments='{"text": "x"}')
    for wrong in ("[1]", "{", "x" * 10, '{"text": NaN}', '{"most": 1e999}'):
        with pytest.raises(ActionRefused, match=r"notes: (the arguments are not (a )?JSON|a number is inf)"):
            await reader.look(tool="search_notes", arguments=wrong)
    (named,) = connector_at(desk, read_tools=["count_notes"]).readers()
    assert "count_notes" in named.description
    assert await named.look(tool="count_notes") == "2"
    with pytest.raises(ActionRefused, match="no tool 'search_notes' for this; there are: count_notes"):
        await named.look(tool="search_notes", arguments='{"text": "pump"}')


async def test_nothing_is_left_behind(desk: McpDesk) -> None:
    """No thread and no connection while nobody asks."""
    made = connector_at(desk, write_tools=["add_note"])
    threads = threading.active_count()
    assert await made.readers()[0].look(tool="search_notes", arguments='{"text": "x"}') == "no note"
    assert threading.active_count() <= threads + 1  # the loop's own for looking up names


async def test_doctor_sees_what_is_wrong_with_a_table(desk: McpDesk) -> None:
    """Tools that are not there, and those that are said to read and do not say so."""
    found = await connected(settings_for(desk, read_tools=["count_notes", "nope"], write_tools=["add_note"]))
    assert [(one.ok, one.detail) for one in found] == [
        (True, f"answers at {desk.url}; 1 of 5 tools are for look-ups"),
        (False, "it has no tool nope; it has: add_note, count_notes, drop_notes, fail_note, search_notes"),
        (None, "count_notes is listed in read_tools, but the server does not say that it only reads"),
    ]
    (wrong,) = await connected(settings_for(desk, token="s3cret"))
    assert (wrong.ok, "401" in wrong.detail, "s3cret" in repr(wrong)) == (False, True, False)
    assert "tools/call" not in desk.asked
    assert desk.notes == []


def program(notes: Path) -> dict[str, Any]:
    """A table for the same server as a program."""
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    return {
        "name": "notes",
        "command": [sys.executable, "-m", "support.mcp_desk"],
        "environment": {"NOTES": str(notes), "PYTHONPATH": path},
        "write_tools": ["add_note"],
        "timeout": 60,
    }


async def test_a_program_is_started_for_a_call_and_ends_with_it(tmp_path: Path) -> None:
    """Its environment is its own: nothing of ours but what the table names."""
    (made,) = build_connectors(settings_of(mcp_servers=[program(tmp_path / "notes")])).values()
    assert made.address == f"program:{sys.executable}"
    await made.send(ORDER, made.render(ORDER))
    assert (tmp_path / "notes").read_text() == "Filter changed"
    assert await made.readers()[0].look(tool="search_notes", arguments='{"text": "Filter"}') == "Filter changed"


@pytest.mark.parametrize(
    ("command", "said"),
    [(["/no/such/program"], "cannot be reached"), (["/bin/false"], "Connection closed")],
)
async def test_a_program_that_is_none_is_away(command: list[str], said: str) -> None:
    (made,) = build_connectors(settings_of(mcp_servers=[{"command": command, "write_tools": ["add_note"]}])).values()
    with pytest.raises(TargetAway, match=said):
        await made.send(ORDER, made.render(ORDER))


async def test_a_call_waits_for_a_person_like_any_action(tmp_path: Path, desk: McpDesk) -> None:
    """Proposed, not made; its arguments without secrets."""
    config = settings_for(desk, write_tools=["add_note"])
    proposals = Proposals(build_connectors(config), config)
    call = Call(tool="add_note", arguments={"text": "Login user=line4 password=Sommer2026! failed"})
    wanted = Wanted(target="notes", arguments=call, origin=Origin.PERSON, by="ada", reason="so that it is known")

    async with opened(tmp_path / "agent.db") as store:
        made: Action = await store.write(lambda connection: proposals.propose(connection, wanted, NOW))
        assert await store.read(actions.action, made.id) == made
    assert (made.status, made.title, made.operation) == (ActionStatus.PROPOSED, "add_note", Operation.CALL)
    assert "Sommer2026" not in made.rendered.requests[0].body
    assert desk.asked == []


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "an MCP server has either a url or a command"),
        ({"url": "http://x/mcp", "command": ["x"]}, "an MCP server has either a url or a command"),
        ({"command": ["x"], "token": "t"}, "a command takes no token"),
        ({"url": "http://x/mcp", "environment": {"A": "s3cret-value"}}, "environment applies to a command"),
        (
            {"url": "http://x/mcp", "read_tools": ["a"], "write_tools": ["a"]},
            "is listed in read_tools and in write_tools",
        ),
        ({"url": "http://ada:s3cret-value@x/mcp"}, "the address contains credentials"),
        ({"url": "http://x/mcp", "write_tool": ["a"]}, "write_tool"),
        ({"url": "http://x/mcp", "write_tools": ["a b"]}, "write_tools"),
    ],
)
def test_a_table_that_cannot_be_is_told(table: dict[str, Any], said: str) -> None:
    """In a sentence, without what is secret in it."""
    with pytest.raises(ConfigError) as caught:
        load_settings(mcp_servers=[table])
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_without_the_extra_the_table_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"\[\[mcp_servers\]\] notes needs the library mcp, which is not installed"):
        build_connectors(settings_of(mcp_servers=[{"name": "notes", "url": "http://127.0.0.1:9/mcp"}]))


def test_the_documented_tables_are_right(tmp_path: Path) -> None:
    """As they stand in the documentation, but for the place of the file."""
    (example,) = re.findall(r"^```toml\n(.*?)^```$", section("mcp_servers"), re.DOTALL | re.MULTILINE)
    token = tmp_path / "token"
    token.write_text("token-of-the-wiki\n")
    tables = tomllib.loads(example.replace("/run/secrets/wiki-token", str(token)))
    made = build_connectors(load_settings(**tables))
    assert [(one.name, one.address, list(one.abilities)) for one in made.values()] == [
        ("wiki", "https://wiki.plant.local/mcp", []),
        ("maintenance", "program:/opt/maintenance/bin/mcp-server", [Operation.CALL]),
    ]
    for key in McpTable.model_fields:
        assert f"`{key}`" in section("mcp_servers")


#: A server over pipes that says of its tools what our library would not: each of them is one that reads, in a way.
_ODD = """
import json, sys
HINTS = %s
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    answer = {"jsonrpc": "2.0", "id": asked["id"]}
    if asked["method"] == "initialize":
        told = {"name": "odd", "version": "1"}
        answer["result"] = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": told}
    elif asked["method"] == "tools/list":
        tools = [{"name": name, "inputSchema": {"type": "object"}, "annotations": one} for name, one in HINTS.items()]
        answer["result"] = {"tools": tools}
    else:
        answer["error"] = {"code": -32601, "message": "no such method"}
    print(json.dumps(answer), flush=True)
"""


async def test_hints_that_contradict_each_other_or_are_none_are_not_believed() -> None:
    """Only a tool of which the server says plainly that it reads may be looked with; the others stay as they are."""
    hints = {
        "plain": {"readOnlyHint": True},
        "sure": {"readOnlyHint": True, "destructiveHint": False, "title": "true"},
        "both": {"readOnlyHint": True, "destructiveHint": True},
        "text": {"readOnlyHint": "true"},
        "number": {"readOnlyHint": 1},
        "nonsense": {"readOnlyHint": "perhaps"},
        "beside": {"readOnlyHint": True, "destructiveHint": "no"},
        "list": {"readOnlyHint": True, "openWorldHint": []},
        "silent": {},
    }
    table = {"command": [sys.executable, "-c", _ODD % repr(hints)], "timeout": 10}
    (made,) = build_connectors(settings_of(mcp_servers=[table])).values()
    (reader,) = made.readers()
    assert [line.partition("(")[0] for line in (await reader.look()).splitlines()] == ["plain", "sure"]
    with pytest.raises(ActionRefused, match="has no tool 'text' for this; there are: plain, sure"):
        await reader.look(tool="text")
