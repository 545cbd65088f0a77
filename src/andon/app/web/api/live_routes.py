"""The route that says when something is worth asking for, so that no program has to look again and again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from andon.app.web.api.parameters import Nothing
from andon.app.web.page.backend import Backend
from andon.app.web.page.live import SILENCE, message, stream


def add(router: APIRouter, backend: Backend) -> None:
    """Add it."""

    # Not in the description for programs: OpenAPI 3.1 has no words for events, and clients made from it would wait for
    # the end of an answer that has none.
    @router.get("/live", include_in_schema=False)
    async def live(_asked: Annotated[Nothing, Query()]) -> StreamingResponse:
        """Say when logs were stored: one event `logs` at once, then one after each change, at most two a second.

        An event carries no log: ask `/api/logs` then. Where nothing happens a comment shows every ten seconds that the
        connection lives.
        """
        return stream(_told(backend))


async def _told(backend: Backend) -> AsyncIterator[str]:
    async for changed in backend.changes.watch(("logs",), -1):
        yield message("{}", "logs") if changed else SILENCE
