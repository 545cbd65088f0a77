"""Reading the log that a program we started writes to its standard error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

_CHUNK = 1 << 16


async def lines_of(stream: asyncio.StreamReader | None, longest: int) -> AsyncIterator[bytes]:
    """The lines as they come, without their ends; of one that is longer than ``longest`` bytes, pieces.

    Whoever starts a program must read its log to the end: a full pipe stops the program. Raises RuntimeError where it
    was started without a pipe.
    """
    if stream is None:
        raise RuntimeError("the program was started without a pipe to read its log from")
    rest = b""
    while chunk := await stream.read(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > longest:
            yield rest
            rest = b""
    if rest:
        yield rest
