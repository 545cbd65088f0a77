"""``andon mcp`` as a process of its own, spoken to by a real MCP client."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from andon.core.extras import install_command
from support.commands import Commands
from support.patience import PATIENCE
from support.shift import HOSTILE, fill

T = TypeVar("T")


def served(site: Path, work: Callable[[Any], Awaitable[T]]) -> T:
    """What ``work`` finds with a client of the command."""
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters

    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "andon", "mcp"],
        env={"DB_PATH": str(site), "PROVIDER": "PLAYBOOK", "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        cwd=site.parent,
    )

    async def run() -> T:
        async with asyncio.timeout(PATIENCE), Client(command) as client:
            return await work(client)

    return asyncio.run(run())


def test_a_client_finds_reading_tools_alone_and_asks_them(tmp_path: Path) -> None:
    site = fill(tmp_path / "agent.db")
    before = site.read_bytes()

    async def work(client: Any) -> tuple[list[Any], list[str]]:
        tools = (await client.list_tools()).tools
        results = [
            await client.call_tool("search_logs", {"place": "line-3", "severity": "ERROR"}),
            await client.call_tool("problem_statistics", {"pattern_id": 3}),
            await client.call_tool("problem_statistics", {"pattern_id": 99}),
            await client.call_tool("host_timeline", {"host": "press-7", "at": "soon"}),
            await client.call_tool("search_logs", {"severity": "LOUD"}),
        ]
        return tools, [result.content[0].text for result in results]

    tools, (found, figures, missing, late, refused) = served(site, work)
    assert sorted(tool.name for tool in tools) == [
        *("host_timeline", "list_problems", "problem_statistics", "runbooks", "search_logs", "similar_problems"),
    ]
    assert all(tool.annotations.read_only_hint for tool in tools)
    assert all(tool.description and "self" not in tool.input_schema["properties"] for tool in tools)
    assert "SV0401 servo overload" in found
    assert HOSTILE.replace("<", "\\u003c").replace('"', '\\"') in found
    assert "hunter2" not in found
    assert '"logs":6' in figures
    assert missing == "there is no problem 99; there are 6, the nearest: 6, 5, 4, 3, 2"
    assert "is not a time" in late
    assert "LOUD" in refused
    assert "Traceback" not in refused
    assert site.read_bytes() == before


def test_without_the_extra_the_command_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = Commands(tmp_path, capsys)("mcp")
    assert (outcome.status, outcome.out) == (1, "")
    assert "serving MCP clients needs the library mcp" in outcome.err
    assert install_command("mcp") in outcome.err


def test_without_a_database_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Commands(tmp_path, capsys)("mcp")
    assert outcome.status == 1
    assert "start `andon run`" in outcome.err
