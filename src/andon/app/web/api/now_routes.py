"""The route that tells what is wrong at this moment, and who has it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from andon.app.web.api.answers import send, shows
from andon.app.web.api.parameters import Nothing
from andon.app.web.page.backend import Backend
from andon.insight.now.board import Board


def add(router: APIRouter, backend: Backend) -> None:
    """Add it."""

    @router.get("/now", responses=shows(Board), tags=["alarms"])
    async def now(_asked: Annotated[Nothing, Query()]) -> Response:
        """The board as it is now: tiles, the flood, problems by state, what is shelved and what to watch."""
        return send((await backend.boards.newest()).board)
