"""MCP servers that others publish, as npm installs them: read by looks, written to by listed tools alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.connected import build_connectors
from andon.act.connectors.connector import Connector
from andon.core.errors import ActionRefused, TargetAway
from andon.core.models.actions import Call, Order
from support.ports import free_ports
from support.service import listening, until
from support.settings import settings_of

pytestmark = [pytest.mark.producers, pytest.mark.timeout(600)]

VERSION = "2026.8.31"
FILES = f"@modelcontextprotocol/server-filesystem@{VERSION}"
EVERYTHING = f"@modelcontextprotocol/server-everything@{VERSION}"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both servers; where they are installed already MCP_MODULES names it."""
    if given := os.environ.get("MCP_MODULES"):
        return Path(given)
    place = tmp_path_factory.mktemp("mcp")
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", FILES, EVERYTHING], cwd=place, check=True)
    return place / "node_modules"


def connector(**table: Any) -> Connector:
    (made,) = build_connectors(settings_of(mcp_servers=[{"name": "files", "timeout": 60, **table}])).values()
    return made


def order(tool: str, **arguments: Any) -> Order:
    return Order("0" * 32, Call(tool=tool, arguments=arguments))


@contextmanager
def everything(modules: Path) -> Iterator[str]:
    """The server that shows all that the protocol has, over HTTP."""
    (port,) = free_ports(1)
    program = modules / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
    environment = {**os.environ, "PORT": str(port)}
    process = subprocess.Popen(["node", str(program), "streamableHttp"], env=environment, stderr=subprocess.DEVNULL)
    try:
        until(lambda: listening(port), "the server")
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


async def test_files_are_read_and_one_is_written_when_it_is_listed(modules: Path, tmp_path: Path) -> None:
    """The server marks its reading tools; what it refuses comes in its own words."""
    program = str(modules / "@modelcontextprotocol" / "server-filesystem" / "dist" / "index.js")
    place = tmp_path / "shared"
    place.mkdir()
    (place / "oven.md").write_text("Oven 2: change the filter mat.")
    table = {"command": ["node", program, str(place)], "write_tools": ["write_file"]}
    made = connector(**table)
    (reader,) = made.readers()
    listed = [line.partition("(")[0] for line in (await reader.look()).splitlines()]
    assert {"read_text_file", "list_directory", "search_files"} <= set(listed)
    assert not {"write_file", "edit_file", "move_file", "create_directory"} & set(listed)
    read = await reader.look(tool="read_text_file", arguments=f'{{"path": "{place}/oven.md"}}')
    assert read == "Oven 2: change the filter mat."
    for tool in ("write_file", "edit_file"):
        with pytest.raises(ActionRefused, match="has no tool"):
            await reader.look(tool=tool, arguments=f'{{"path": "{place}/x", "content": "x"}}')
    with pytest.raises(ActionRefused, match=r"files, tool read_text_file: .*[Aa]ccess denied"):
        await reader.look(tool="read_text_file", arguments='{"path": "/etc/hostname"}')
    wanted = order("write_file", path=f"{place}/new.md", content="Filter changed.")
    receipt = await made.send(wanted, made.render(wanted))
    assert "new.md" in receipt.words
    assert (place / "new.md").read_text() == "Filter changed."
    checks = await made.check()
    assert [one.ok for one in checks] == [True]


async def test_a_server_over_http(modules: Path) -> None:
    """Sessions and streams as another implementation has them; wrong arguments are refused before anything is done."""
    with everything(modules) as url:
        made = connector(url=url, read_tools=["echo"], write_tools=["get-sum"])
        (reader,) = made.readers()
        assert (await reader.look()).startswith("echo(message: string): ")
        assert "hello" in await reader.look(tool="echo", arguments='{"message": "hello"}')
        wanted = order("get-sum", a=2, b=3)
        assert "5" in (await made.send(wanted, made.render(wanted))).words
        wrong = order("get-sum", a="two")
        with pytest.raises(ActionRefused):
            await made.send(wrong, made.render(wrong))
    with pytest.raises(TargetAway):
        await made.send(wanted, made.render(wanted))
