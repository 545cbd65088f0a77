"""Reading the log of a program that Andon started."""

from __future__ import annotations

import asyncio

import pytest

from andon.core.child_log import lines_of


def read(*chunks: bytes, longest: int = 100) -> list[bytes]:
    """What comes of a log that arrives in these pieces."""

    async def main() -> list[bytes]:
        stream = asyncio.StreamReader()

        async def write() -> None:
            for chunk in chunks:
                stream.feed_data(chunk)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            stream.feed_eof()

        writing = asyncio.create_task(write())
        found = [line async for line in lines_of(stream, longest)]
        await writing
        return found

    return asyncio.run(main())


def test_lines_come_whole_however_they_arrive() -> None:
    """A line that arrives in pieces is one line; the last needs no end."""
    assert read(b"first\nsec", b"ond\n\nthi", b"rd") == [b"first", b"second", b"", b"third"]


def test_a_line_without_end_is_handed_on_in_pieces() -> None:
    """What a program writes without a line's end does not pile up."""
    assert read(b"x" * 60, b"x" * 60, b"y\n", longest=100) == [b"x" * 120, b"y"]


def test_a_program_without_a_pipe_is_a_mistake_of_ours() -> None:
    """It is said at once instead of reading nothing."""

    async def main() -> None:
        async for _ in lines_of(None, 100):
            pass

    with pytest.raises(RuntimeError, match="without a pipe"):
        asyncio.run(main())
