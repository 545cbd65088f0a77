"""The routes that tell who reports and who fell silent, and which ways in there are."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Response

from andon.app.background.source_keeper import IntakeState
from andon.app.web.api.answers import first_of, send_list, shows
from andon.app.web.api.parameters import HostListing, Nothing
from andon.app.web.page.backend import Backend
from andon.insight import sources
from andon.insight.sources import Source


def add(router: APIRouter, backend: Backend) -> None:
    """Add it."""

    @router.get("/sources", name="sources", responses=shows(Source, several=True), tags=["system"])
    async def listing(asked: Annotated[HostListing, Query()]) -> Response:
        """Every host that sent logs in the last 30 days: its last log, and whether it has gone silent."""
        started = None if backend.service is None else backend.service.started
        found = await backend.ask(sources.find, time.time(), None, started)
        return first_of(found, asked.limit, [] if found else ["no log has arrived in the last 30 days"])

    @router.get("/inputs", name="inputs", responses=shows(IntakeState, several=True), tags=["system"])
    async def inputs(_asked: Annotated[Nothing, Query()]) -> Response:
        """Every input that is configured or was used, apart from the broker itself: what it took, what it refused and
        why, and what keeps it from listening."""
        intake = None if backend.service is None else backend.service.intake
        found = [] if intake is None else intake.states()
        return send_list(found, notes=[] if found else ["no source of logs is configured beside the broker"])
