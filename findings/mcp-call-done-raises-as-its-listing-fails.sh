#!/usr/bin/env bash
# call_tool() of MCP's Python client lists the tools behind a call of one that it has not seen listed, to hold the answer
# against its schema; where that listing fails, call_tool() raises although the call was answered. Who then makes the call
# once more has it done twice. Where the tools were listed before the call nothing is listed behind it. Server and client
# are the library's own.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check mcp==2.3.0 uvicorn==0.51.0
"$work/venv/bin/python" - <<'PYTHON'
import asyncio, importlib.metadata, json, logging, socket

import uvicorn
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

logging.disable(logging.CRITICAL)
notes, asked, fails = [], [], set()
desk = MCPServer("desk", log_level="CRITICAL")


@desk.tool(structured_output=False)
def add_note(text: str) -> str:
    notes.append(text)
    return "written"


def guarded(app):
    async def answer(scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "POST":
            return await app(scope, receive, send)
        message = await receive()
        method = json.loads(message["body"]).get("method")
        asked.append(method)
        if method in fails:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            return await send({"type": "http.response.body", "body": b""})
        waiting = [message]

        async def again():
            return waiting.pop() if waiting else await receive()

        await app(scope, again, send)

    return answer


async def call(url, *, listed):
    asked.clear(), fails.clear()
    async with Client(url) as client:
        if listed:
            await client.list_tools()
        fails.add("tools/list")
        try:
            said = (await client.call_tool("add_note", {"text": "filter changed"})).content[0].text
        except MCPError as error:
            said = f"{type(error).__name__}: {error}"
    print(f"listed before: {listed}; call_tool: {said}; notes: {len(notes)}; asked: {', '.join(asked)}")
    return said


async def main():
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    server = uvicorn.Server(uvicorn.Config(guarded(desk.streamable_http_app()), log_level="critical", ws="none"))
    serving = asyncio.create_task(server.serve([listening]))
    print("mcp", importlib.metadata.version("mcp"))
    assert (await call(url, listed=False)).startswith("MCPError") and len(notes) == 1
    assert await call(url, listed=True) == "written" and len(notes) == 2
    server.should_exit = True
    await serving


asyncio.run(main())
PYTHON
