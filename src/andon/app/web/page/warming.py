"""What people would wait for is made ready behind the first page: templates, then what screens begin with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from andon.app.system_state import system_state
from andon.app.web.page.backend import Backend
from andon.app.web.page.journal_address import JournalAddress, whole_minutes
from andon.app.web.page.rendering import compile_templates
from andon.app.web.static_files import static_files
from andon.core.errors import AndonError
from andon.insight import journal
from andon.insight.shifts.calendar import site_shifts
from andon.insight.situation import situation

log = structlog.get_logger(__name__)

#: Who asked for the first page looks at it meanwhile: it begins so many seconds after that.
AFTER = 2.0
#: So long may the warming take, in seconds; what is not ready then is made for who asks for it.
WITHIN = 120.0


async def keep_warm(backend: Backend, began: Callable[[], Awaitable[object]]) -> None:
    """Make ready what can be; ``began`` ends when the database can be asked. Runs until it is cancelled.

    What cannot be made ready is made for who asks for it, and says then why it cannot.
    """
    try:
        await began()
        await asyncio.sleep(AFTER)
        async with asyncio.timeout(WITHIN):
            await asyncio.to_thread(_prepare)
        for part in (_board, _bar, _problem, _journal, _system):
            await _made(backend, part)
        await asyncio.Event().wait()
    finally:
        await backend.usual.close()


def _prepare() -> None:
    """Templates are compiled when they are first filled in, files read when one is first asked for."""
    static_files()
    compile_templates()


async def _made(backend: Backend, part: Callable[[Backend], Awaitable[None]]) -> None:
    try:
        async with asyncio.timeout(WITHIN):
            await part(backend)
    except (AndonError, TimeoutError) as error:
        log.info("not made ready beforehand", part=part.__name__.strip("_"), reason=str(error) or "it takes too long")


async def _board(backend: Backend) -> None:
    await backend.boards.newest()


async def _bar(backend: Backend) -> None:
    await backend.pulse.bar()


async def _problem(backend: Backend) -> None:
    """The worst problem on the board: its statements are compiled, and its pages are in memory."""
    board = (await backend.boards.newest()).board
    known = [row.problem_id for row in board.active if row.problem_id is not None]
    if known:
        shifts = site_shifts(backend.settings)
        await backend.ask(situation.read, known[0], time.time(), shifts, backend.zone)


async def _journal(backend: Backend) -> None:
    asked = JournalAddress([], backend.settings, time.time(), "")
    await backend.ask(journal.look, whole_minutes(asked.query), None)


async def _system(backend: Backend) -> None:
    await system_state(backend.settings, backend.ask, backend.service)
