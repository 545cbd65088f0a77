"""The screen Now: what is wrong, and who has it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel, Field

from andon.app.web.operations import Operations
from andon.app.web.page import now_view
from andon.app.web.page.backend import Backend
from andon.app.web.page.bar import bar_elements
from andon.app.web.page.boards import TOPICS
from andon.app.web.page.failures import said
from andon.app.web.page.live import Elements, Shown, digest, partial, stream, updates
from andon.app.web.page.now_drawings import Drawings, row_html, values_of
from andon.app.web.page.now_view import Asked
from andon.app.web.page.rendering import page, page_of_many, rendered
from andon.app.web.people import Role, at_least, person_of
from andon.core.errors import NotFound, StoreError
from andon.core.times import clock, seconds
from andon.insight.now import check_first
from andon.insight.now.problem_row import Row
from andon.store.alarms import AlarmEntry

#: For how long alarms may be shelved, in seconds; beside these, until the shift ends.
SHELVED_FOR = {"900": "15 min", "3600": "1 h", "14400": "4 h"}
_TO_SHIFT_END = "shift"
_AWAY = "this problem is no longer on the board: it was shelved or has cleared; see the list"

Rows = Annotated[list[str], Field(max_length=1_000)]


class Chosen(BaseModel):
    """Rows by their ids, and what a person wrote."""

    row: Rows
    note: str | None = None


class Shelving(Chosen):
    """For how long: one of :data:`SHELVED_FOR`, or until the shift ends."""

    length: str


def add(router: APIRouter, backend: Backend) -> None:
    """Its addresses."""
    _looking(router, backend)
    _asking(router, backend)
    _working(router, backend)


def _looking(router: APIRouter, backend: Backend) -> None:
    drawings = Drawings()

    @router.get("/")
    async def now(request: Request, asked: Annotated[Asked, Query()]) -> HTMLResponse:
        made = await backend.boards.at_hand()
        view = now_view.look(made.board, asked)
        steps = await _steps(backend, view.shown)
        return await page_of_many(
            request,
            backend,
            "now.html",
            **values_of(view, asked, backend),
            digest=digest(await drawings.elements(request, backend, made.board, asked), backend.changes),
            steps=steps,
        )

    @router.get("/now/list")
    async def listed(request: Request, asked: Annotated[Asked, Query()], row: str | None = None) -> HTMLResponse:
        made = await backend.boards.newest()
        steps = await _steps(backend, now_view.look(made.board, asked, row).shown)
        # read last: the page must get nothing that is older than what its stream said meanwhile
        view = now_view.look((await backend.boards.newest()).board, asked, row)
        shared = values_of(view, asked, backend)
        parts = [partial("#list", rendered(request, backend, "now/list.html", **shared))]
        parts += [partial("#order", rendered(request, backend, "now/order.html", **shared))]
        parts += [partial("#panel", rendered(request, backend, "now/panel.html", steps=steps, **shared))]
        return HTMLResponse("".join(parts))

    @router.get("/live/now")
    async def live(request: Request, asked: Annotated[Asked, Query()], shown: Shown = "") -> StreamingResponse:

        async def render() -> Elements:
            board = (await backend.boards.newest(patient=True)).board
            drawn = await drawings.elements(request, backend, board, asked)
            return drawn | dict(await bar_elements(request, backend))

        return stream(updates(request, backend.changes, TOPICS, render, shown=shown))


def _asking(router: APIRouter, backend: Backend) -> None:
    """What menus and dialogs hold, and the panel of a row."""

    async def dialog(request: Request, template: str, rows: Sequence[str], **more: Any) -> HTMLResponse:
        board = (await backend.boards.newest()).board
        found = [one for row in rows if (one := board.row(row)) is not None]
        if not found:
            raise NotFound(_AWAY)
        return page(request, backend, template, rows=found, row=found[0], board=board, **more)

    @router.get("/now/menu")
    async def menu(request: Request, row: str) -> HTMLResponse:
        return await dialog(request, "now/menu.html", [row])

    @router.get("/now/acknowledge")
    async def acknowledging(request: Request, row: Annotated[Rows, Query()]) -> HTMLResponse:
        return await dialog(request, "now/acknowledge.html", row)

    @router.get("/now/shelve")
    async def shelving(request: Request, row: Annotated[Rows, Query()]) -> HTMLResponse:
        board = (await backend.boards.newest()).board
        ends = None if board.shift_ends is None else seconds(board.shift_ends)
        lengths = {name: (words, time.time() + int(name)) for name, words in SHELVED_FOR.items()}
        if ends is not None and ends - time.time() >= 60:
            lengths[_TO_SHIFT_END] = f"Until the shift ends ({clock(ends, backend.zone):%H:%M})", ends
        return await dialog(request, "now/shelve.html", row, lengths=lengths)

    @router.get("/now/note")
    async def noting(request: Request, row: str) -> HTMLResponse:
        return await dialog(request, "now/note.html", [row])

    @router.get("/now/fix")
    async def fix(row: str) -> RedirectResponse:
        """What was it? The problem's own dialog asks that."""
        found = (await backend.boards.newest()).board.row(row)
        if found is None or found.problem_id is None:
            raise NotFound(_AWAY)
        return RedirectResponse(f"../problems/{found.problem_id}/fix", 303)

    @router.get("/now/panel")
    async def panel(request: Request, asked: Annotated[Asked, Query()], row: str) -> HTMLResponse:
        view = now_view.look((await backend.boards.newest()).board, asked, row)
        steps = await _steps(backend, view.shown)
        return page(request, backend, "now/panel.html", steps=steps, **values_of(view, asked, backend))


async def _steps(backend: Backend, row: Row | None) -> check_first.Steps | None:
    if row is None or row.problem_id is None:
        return None
    return await backend.ask(check_first.find, row.problem_id)


def _working(router: APIRouter, backend: Backend) -> None:
    operations = Operations(backend)
    operator = Depends(cast("Callable[..., object]", at_least(Role.OPERATOR)))

    async def found(ids: Sequence[str]) -> list[Row]:
        board = (await backend.boards.newest()).board
        return [one for row in ids if (one := board.row(row)) is not None]

    async def answer(request: Request, ids: Sequence[str], *parts: str) -> HTMLResponse:
        """The rows as they are now, whichever list they are in; what is gone stays as it is until the list is new."""
        board = (await backend.boards.newest()).board
        view = now_view.look(board, Asked())
        rows = [one for row in ids if (one := board.row(row)) is not None]
        drawn = [partial(f"#row-{row.id}", row_html(request, backend, row, view)) for row in rows]
        return HTMLResponse("".join([*drawn, partial("#dialog", "", "innerHTML"), *parts]))

    @router.post("/now/acknowledge", dependencies=[operator])
    async def acknowledge(request: Request, said_: Annotated[Chosen, Form()]) -> HTMLResponse:
        done: list[AlarmEntry] = []
        by = person_of(request).name
        rows = await found(said_.row)
        for row in rows:
            if row.problem_id is None:
                done += [] if row.acknowledged_at else await operations.acknowledge(row.alarm_ids, by, said_.note)
            else:
                done += await operations.acknowledge_problem(row.problem_id, by, said_.note)
        parts = [] if done else [said(_already(request, backend, rows))]
        return await answer(request, said_.row, *parts)

    @router.post("/now/shelve", dependencies=[operator])
    async def shelve(request: Request, said_: Annotated[Shelving, Form()]) -> HTMLResponse:
        length = _length(said_.length, (await backend.boards.newest()).board.shift_ends)
        ids = [alarm for row in await found(said_.row) for alarm in row.alarm_ids]
        if not ids:
            raise NotFound(_AWAY)
        await operations.shelve(ids, length, person_of(request).name, said_.note or "")
        return await answer(request, said_.row)

    @router.post("/now/unshelve", dependencies=[operator])
    async def unshelve(request: Request, said_: Annotated[Chosen, Form()]) -> HTMLResponse:
        board = (await backend.boards.newest()).board
        ids = [alarm for row in board.shelved if row.id in said_.row for alarm in row.alarm_ids]
        if not ids:
            raise NotFound("this is no longer shelved: it came back by itself, or somebody put it back")
        await operations.unshelve(ids, person_of(request).name)
        return await answer(request, said_.row)

    @router.post("/now/note", dependencies=[operator])
    async def note(request: Request, said_: Annotated[Chosen, Form()]) -> HTMLResponse:
        by, text = person_of(request).name, said_.note or ""
        for row in await found(said_.row):
            if row.problem_id is None:
                await operations.note(f"{row.title}: {text}" if text.strip() else "", by)
            else:
                await operations.note_problem(row.problem_id, text, by)
        return await answer(request, said_.row, said("Noted."))


def _length(chosen: str, shift_ends: str | None) -> float:
    """For how long to shelve, in seconds. Raises StoreError for what no dialog offers."""
    if chosen == _TO_SHIFT_END and shift_ends is not None:
        return seconds(shift_ends) - time.time()
    if chosen not in SHELVED_FOR:
        raise StoreError("choose one of the offered times to shelve the problem for")
    return float(chosen)


def _already(request: Request, backend: Backend, rows: Sequence[Row]) -> str:
    """That somebody was quicker, who, and when."""
    seen = [row for row in rows if row.acknowledged_at]
    if not seen:
        return "Nothing to acknowledge: it has cleared in the meantime."
    last = max(seen, key=lambda row: row.acknowledged_at or "")
    at = f"{clock(seconds(last.acknowledged_at or ''), backend.zone):%H:%M}"
    by = "" if last.acknowledged_by is None else f" by {last.acknowledged_by}"
    return f"Already acknowledged {at}{by}."
