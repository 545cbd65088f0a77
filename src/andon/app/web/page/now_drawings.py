"""What of Now changes while a page is open, drawn once for all open pages that show the same."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import Request

from andon.app.web.page import alarm_bars, now_view
from andon.app.web.page.now_view import Asked, View
from andon.app.web.page.rendering import rendered
from andon.app.web.page.shared_answers import SharedAnswers
from andon.app.web.people import Role, person_of
from andon.insight.now.board import Board
from andon.insight.now.problem_row import Row
from andon.insight.shifts.calendar import site_shifts

if TYPE_CHECKING:
    from andon.app.web.page.backend import Backend

#: What a stream keeps up to date, by the ids of elements.
_PARTS = ("flood", "tiles", "counts", "order", "nothing", "shelved", "watch")
#: So many rows are kept as they were drawn.
_KEPT = 1_000


class Drawn(NamedTuple):
    """The elements of a board by their ids; the board is kept as long as they are, so that they stay its own."""

    board: Board
    elements: dict[str, str]


class Drawings:
    """Elements of boards. They show nothing of a person but what their role may do, so a role's pages share them.

    They are drawn in a thread, one after the other: the loop has others to serve.
    """

    def __init__(self) -> None:
        self._drawn: SharedAnswers[Drawn] = SharedAnswers(math.inf)
        self._rows: dict[tuple[Row, int, int, Role], str] = {}
        self._one = asyncio.Lock()

    async def elements(self, request: Request, backend: Backend, board: Board, asked: Asked) -> dict[str, str]:
        """What changes on a page that asks for a part of ``board``."""

        async def draw() -> Drawn:
            async with self._one:
                return Drawn(board, await asyncio.to_thread(self._draw, request, backend, board, asked))

        return (await self._drawn.get((id(board), asked, person_of(request).role), draw)).elements

    def _draw(self, request: Request, backend: Backend, board: Board, asked: Asked) -> dict[str, str]:
        """Rows look otherwise only where they are others: the page lets their ages go on."""
        view = now_view.look(board, asked)
        shared = values_of(view, asked, backend)
        made = {name: rendered(request, backend, f"now/{name}.html", **shared) for name in _PARTS}
        made["now-bars"] = rendered(request, backend, "now/bars.html", **shared)
        made["now-bars-table"] = rendered(request, backend, "now/bars-table.html", **shared)
        for state, words in view.heads.items():
            made[f"head-{state}"] = rendered(request, backend, "now/head.html", state=state, words=words)
        behind = view.followers()
        heads, role = (len(behind), sum(row.count for row in behind)), person_of(request).role
        for row in view.rows:
            key = (row, *(heads if "first-out" in row.flags else (0, 0)), role)
            html = self._rows.pop(key, None) or row_html(request, backend, row, view)
            made[f"row-{row.id}"] = self._rows[key] = html  # the last that is used is the last to go
        for key in list(self._rows)[: max(0, len(self._rows) - _KEPT)]:
            del self._rows[key]
        return made


def values_of(view: View, asked: Asked, backend: Backend) -> dict[str, Any]:
    """What the screen's templates work with."""
    shared = {"view": view, "board": view.board, "asked": asked, "query": query_of(asked)}
    return shared | {"bars": alarm_bars.of(view.board, site_shifts(backend.settings), backend.zone)}


def query_of(asked: Asked) -> str:
    """The filters as they stand in an address, empty where there are none."""
    return urlencode({name: value for name, value in asked.model_dump().items() if value})


def row_html(request: Request, backend: Backend, row: Row, view: View) -> str:
    """A row as the list has it."""
    return rendered(request, backend, "now/row.html", row=row, view=view, board=view.board)
