"""A conversation with an MCP server, and what its failures mean. The one home of the ``mcp`` library as a client.

The server is the configured one alone and no redirect is followed; a program is started for a conversation and ends
with it. Everything is bounded in time and size.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import msgspec

from andon.act.connectors.mcp_hints import with_plain_hints
from andon.act.connectors.renewing import asked, bearer
from andon.core.errors import ActionError, ActionRefused, OutcomeUnknown, TargetAway
from andon.core.outgoing_http import CONNECT_TIMEOUT, ResponseTooLong, bounded_client, is_neighbour
from andon.core.redact import clean
from andon.core.settings.connectors.target import Secret

if TYPE_CHECKING:
    import httpx2
    from mcp import Client
    from mcp_types import CallToolResult

T = TypeVar("T")

#: Pages of a server's list of tools that are read, and tools kept of them.
PAGES, TOOLS = 20, 500
#: Characters of a server's own words, and of what a tool says.
WORDS_MAX, SAID_MAX = 500, 100_000
#: What a server refuses by the rules of JSON-RPC: no such method, wrong arguments.
_REFUSED_CODES = (-32601, -32602)
_REFUSED, _LATER = (400, 401, 403, 404, 405, 413, 422), (429, 503)
_REMEDIES = {
    403: "; the token does not have the right: have it granted",
    404: "; there is no MCP server at this address: correct url",
    405: "; there is no MCP server at this address: correct url",
}
_USUAL = "; correct the tool's arguments, then propose the call again"


class Tool(msgspec.Struct, frozen=True):
    """A tool of a server: ``reads`` where the server itself says that it changes nothing, and nothing else."""

    name: str
    description: str
    schema: dict[str, Any]
    reads: bool


class Said(NamedTuple):
    """What a tool answered; ``failed`` where it says itself that it failed."""

    text: str
    failed: bool


class Way(msgspec.Struct, frozen=True):
    """How a server is reached: a ``url`` with a ``token``, or a ``command`` with what its environment has besides."""

    name: str
    timeout: float
    token: Secret
    url: str = ""
    command: Sequence[str] = ()
    environment: Mapping[str, str] = {}


class Conversation:
    """One session with a server. ``sent`` is set once a tool was called, which may have changed something."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._status = 0
        self._redirect = ""
        self.sent = False

    async def tools(self) -> list[Tool]:
        """What the server offers. Raises TargetAway and ActionRefused."""
        return await asked(self._way.token, lambda: self._within(self._list(), reads=True))

    async def call(
        self, name: str, arguments: dict[str, Any], key: str = "", *, may: Callable[[Tool], bool], reads: bool
    ) -> Said:
        """What a tool answers that ``may`` be called as the server describes it now. ``key`` goes along as
        ``andon/key``, for servers that want to know a call again.

        Raises ActionRefused, TargetAway, and OutcomeUnknown where it may have been done, which what ``reads`` is not.
        """
        return await asked(self._way.token, lambda: self._within(self._call(name, arguments, key, may), reads=reads))

    async def _within(self, work: Coroutine[Any, Any, T], *, reads: bool) -> T:
        import anyio
        import httpx2
        from mcp.shared.exceptions import MCPError

        try:
            async with asyncio.timeout(self._way.timeout + CONNECT_TIMEOUT):
                return await work
        except TimeoutError as error:
            reasons: list[BaseException] = [error]
        except (
            *(MCPError, httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError, ExceptionGroup),
            *(anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream),
        ) as error:
            reasons = list(_leaves(error))
        ours = next((one for one in reasons if isinstance(one, ActionError)), None)
        raise ours or self._failure(reasons, reads=reads) from reasons[0]

    async def _list(self) -> list[Tool]:
        async with self._opened() as client:
            return await self._listed(client)

    async def _listed(self, client: Client) -> list[Tool]:
        self._status = 0  # of how the versions were agreed on
        found: list[Tool] = []
        cursor = None
        for _ in range(PAGES):
            page = await client.list_tools(cursor=cursor)
            found += map(_tool, page.tools)
            cursor = page.next_cursor
            if cursor is None or len(found) >= TOOLS:
                break
        return found[:TOOLS]

    async def _call(self, name: str, arguments: dict[str, Any], key: str, may: Callable[[Tool], bool]) -> Said:
        async with self._opened() as client:
            # The library lists the tools behind a call where it has not before, and tells that listing's failure as the
            # call's, which was done.
            allowed = [one.name for one in await self._listed(client) if may(one)]
            if name not in allowed:
                there = ", ".join(allowed)[:1_000] or "none"
                raise ActionRefused(f"{self._way.name} has no tool {name!r:.80} for this; there are: {there}")
            meta: Any = {"andon/key": key} if key else None
            self._status, self.sent = 0, True
            return _said(await client.call_tool(name, arguments, meta=meta))

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[Client]:
        from mcp import Client, StdioServerParameters
        from mcp.client.stdio import stdio_client
        from mcp.client.streamable_http import streamable_http_client

        way = self._way
        async with contextlib.AsyncExitStack() as stack:
            transport: Any
            if way.command:
                command, *rest = way.command
                started = StdioServerParameters(command=command, args=rest, env=dict(way.environment))
                transport = stdio_client(started, errlog=cast(Any, subprocess.DEVNULL))
            else:
                transport = streamable_http_client(way.url, http_client=await stack.enter_async_context(self._http()))
            yield await stack.enter_async_context(Client(with_plain_hints(transport), cache=None))

    def _http(self) -> httpx2.AsyncClient:
        way = self._way
        made = bounded_client(
            timeout=way.timeout,
            pool=4,
            trust_env=not is_neighbour(way.url),
            headers=bearer(way.token.text) if way.token.text else None,
            look=self._look,
        )
        made.max_redirects = 0  # the library would follow some within the same host
        return made

    async def _look(self, response: httpx2.Response) -> None:
        if response.is_redirect:
            self._redirect = response.headers.get("location", "elsewhere")[:200]
        elif response.status_code >= 400 and response.request.method == "POST":
            self._status = response.status_code

    def _failure(self, reasons: Sequence[BaseException], *, reads: bool) -> ActionError:
        """What became of it, in the server's own words."""
        import httpx2

        timed_out = any(isinstance(one, TimeoutError | httpx2.TimeoutException) for one in reasons)
        name, status = self._way.name, 0 if timed_out else self._status
        told = f"{name} answered {status}" if status else f"{name}: {self._words(reasons)}"
        if status and (words := self._words(reasons)) not in _EMPTY:
            told = f"{told}: {words}"
        if self._redirect:
            return ActionRefused(f"{name} redirects to {self._redirect}, which is not followed: correct its url")
        if status in _REFUSED or any(getattr(one, "code", 0) in _REFUSED_CODES for one in reasons):
            remedy = f"; it does not accept {self._way.token.called}: {self._way.token.renewal}"
            return ActionRefused(f"{told}{remedy if status == 401 else _REMEDIES.get(status, _USUAL)}")
        if any(isinstance(one, httpx2.ConnectError | httpx2.ConnectTimeout | FileNotFoundError) for one in reasons):
            return TargetAway(f"{name} cannot be reached: {self._words(reasons)}")
        if reads or not self.sent or status in _LATER:
            return TargetAway(told)
        return OutcomeUnknown(told)

    def _words(self, reasons: Sequence[BaseException]) -> str:
        import httpx2

        if any(isinstance(one, TimeoutError | httpx2.TimeoutException) for one in reasons):
            return f"it did not answer within {self._way.timeout:g} s"
        if any(isinstance(one, ResponseTooLong) for one in reasons):
            return "it sent an answer that does not end"
        text = " ".join((str(reasons[0]) or type(reasons[0]).__name__).split())
        return clean(text.replace(token, "[redacted]") if (token := self._way.token.text) else text, WORDS_MAX)


#: Words of the library that say less than the status does.
_EMPTY = ("Server returned an error response", "Not Found", "Session terminated")


def _tool(listed: Any) -> Tool:
    notes = listed.annotations
    # a server that says both contradicts itself, whatever the protocol makes of it
    reads = notes is not None and notes.read_only_hint is True and notes.destructive_hint is not True
    return Tool(listed.name, listed.description or "", listed.input_schema, reads)


def _said(result: CallToolResult) -> Said:
    parts = [block.text if block.type == "text" else f"[{block.type}]" for block in result.content]
    text = "\n".join(parts).strip()
    if not text and result.structured_content is not None:
        text = msgspec.json.encode(result.structured_content).decode()
    return Said(text[:SAID_MAX], bool(result.is_error))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group of them, or the one that it is."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
