"""What an MCP server says of its tools, as it says it: the library takes the text "true" for true.

A hint that is no boolean says nothing that can be relied on, so its tool is none that only reads.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

_READ_ONLY = "readOnlyHint"
_HINTS = (_READ_ONLY, "destructiveHint", "idempotentHint", "openWorldHint")


@contextlib.asynccontextmanager
async def with_plain_hints(transport: AbstractAsyncContextManager[Any]) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of ``transport``, in whose listings of tools every hint is a boolean."""
    async with transport as (reading, writing):
        yield _Listening(reading), writing


class _Listening:
    """A stream that hands on what it reads, with the hints in it made plain."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> _Listening:
        return self

    async def __anext__(self) -> Any:
        return _plain(await self._stream.__anext__())

    async def receive(self) -> Any:
        return _plain(await self._stream.receive())

    async def __aenter__(self) -> _Listening:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return await self._stream.__aexit__(*error)


def _plain(item: Any) -> Any:
    """A message of the server, which may be an error of the transport as well."""
    result = getattr(getattr(item, "message", None), "result", None)
    tools = result.get("tools") if isinstance(result, dict) else None
    for tool in tools if isinstance(tools, list) else ():
        notes = tool.get("annotations") if isinstance(tool, dict) else None
        if isinstance(notes, dict) and (wrong := [name for name in _HINTS if not _is_hint(notes.get(name))]):
            for name in wrong:
                del notes[name]
            notes[_READ_ONLY] = False
    return item


def _is_hint(said: Any) -> bool:
    return said is None or isinstance(said, bool)
