"""Looking things up in connected systems, for a model that explains or answers: read only, as bounded as the history.

What goes out is redacted, and so is what comes back, which stands in the same fence as the site's own records: a ticket
is as much somebody's text as a log.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import typing
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import structlog

from andon.act.connectors.connector import Reader
from andon.core.errors import ActionError
from andon.core.redact import clean, clean_value, one_numbering, redact
from andon.explain.model.fence import encode, fenced, fit, listing

log = structlog.get_logger(__name__)

#: Seconds for one look, connecting included; characters of an answer that are read, of one line, and lines of it.
WITHIN = 18.0
READ, LINE, LINES = 40_000, 1_500, 80
#: Characters of what a model asks with, by argument; and of a description.
ASKED_MAX, DESCRIPTION_MAX = 4_000, 400
_TAIL = re.compile(r"\s+\Z")

#: Counts a call by its name and what was asked, and answers it by the work that is handed to it.
Counted: TypeAlias = Callable[[str, str, Callable[[], Awaitable[str]]], Awaitable[str]]


def tool_of(reader: Reader, counted: Counted, room: Callable[[], int]) -> Callable[..., Awaitable[str]]:
    """``reader`` as a tool for a model; ``room`` are the bytes that an answer may take when it is asked."""

    async def look(**arguments: Any) -> str:
        safe = {name: _redacted(value) for name, value in arguments.items()}
        asked = ", ".join(f"{name} {clean(str(value), 80)}" for name, value in safe.items() if value not in (None, ""))
        with one_numbering() as redactor:
            found = await counted(reader.name, asked, lambda: _looked(reader, safe, room()))
            return redactor.again(found)

    hints = typing.get_type_hints(reader.look, include_extras=True)
    given = inspect.signature(reader.look)
    parameters = [
        each.replace(annotation=hints.get(name, str), kind=inspect.Parameter.KEYWORD_ONLY)
        for name, each in given.parameters.items()
    ]
    look.__name__ = look.__qualname__ = reader.name
    look.__doc__ = clean(" ".join(reader.description.split()), DESCRIPTION_MAX)
    look.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": str}
    look.__signature__ = inspect.Signature(parameters, return_annotation=str)  # type: ignore[attr-defined]
    return look


async def _looked(reader: Reader, arguments: dict[str, Any], room: int) -> str:
    """What the system says, in a fence; what went wrong in its words, as data too."""
    log.info("looked up in a connected system", reader=reader.name, arguments=sorted(arguments))
    try:
        async with asyncio.timeout(WITHIN):
            told = await reader.look(**arguments)
    except TimeoutError:
        told = f"The look-up failed: the system did not answer within {WITHIN:g} s"
    except ActionError as error:
        told = f"The look-up failed: {error}"
    lines = [encode({"said": line}) for line in _lines(told)]
    if not lines:
        return "It has nothing on that."
    kept, left_out, _ = listing(lines, room)
    if not kept:
        kept, left_out = [encode({"said": fit(_lines(told)[0], max(200, room - 20))})], len(lines) - 1
    more = "\nNot all that it said is shown: ask for less." if left_out else ""
    return f"{fenced(kept)}{more}"


def _lines(told: str) -> list[str]:
    shown = clean(told, READ).splitlines()
    return [_TAIL.sub("", line)[:LINE] for line in shown if line.strip()][:LINES]


def _redacted(value: Any) -> Any:
    """An argument without secrets: a model that was talked into telling one does not."""
    if isinstance(value, str):
        return redact(value[:ASKED_MAX])
    return clean_value(value, limit=ASKED_MAX) if isinstance(value, dict | list) else value
