"""``andon mcp``: the history for any MCP client."""

from __future__ import annotations

import asyncio
import signal

import andon
from andon.app.cli.output import command_settings
from andon.app.investigation import history_tools
from andon.insight.ask.mcp_server import require_extra, serve


def mcp() -> None:
    """Serve the history to an MCP client over standard input and output, read-only.

    The MCP client starts this command itself; it prints nothing for people. Needs the extra `mcp`.

    Example: {"mcpServers": {"andon": {"command": "andon", "args": ["mcp"]}}}
    """
    require_extra()
    settings = command_settings()

    async def work() -> None:
        async with history_tools(settings) as tools:
            # A thread of the library waits for the client's next line and would hold up an orderly end.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            await serve(tools, andon.__version__)

    asyncio.run(work())
