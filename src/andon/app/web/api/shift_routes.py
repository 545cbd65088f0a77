"""Routes about shifts: their reports, notes for them, and signing."""

from __future__ import annotations

import time
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query, Response

from andon.app.web.api.answers import CHANGE_FAILURES, first_of, send, shows
from andon.app.web.api.bodies import Noting, Operator, Signing, named
from andon.app.web.api.parameters import NoteListing, ReportQuestion, named_parameters
from andon.app.web.operations import Operations
from andon.app.web.page.backend import Backend
from andon.core.models.history import ShiftWindow
from andon.core.settings.settings import Settings
from andon.core.times import seconds
from andon.insight import filters
from andon.insight.report import shift_report as reports
from andon.insight.shifts.calendar import NoShift, site_shifts, working_of
from andon.insight.trends.trends import DAY
from andon.store import alarms
from andon.store.alarms import ShiftNote


def add(router: APIRouter, backend: Backend) -> None:
    """Add them."""
    _reports(router, backend)
    _notes(router, backend)


def _reports(router: APIRouter, backend: Backend) -> None:
    ask, settings, operations = backend.ask, backend.settings, Operations(backend)
    shifts, site = site_shifts(settings), ZoneInfo(settings.time_zone)

    @router.get("/report", responses=shows(reports.ShiftReport), tags=["shifts"])
    async def shift_report(asked: Annotated[ReportQuestion, Query()]) -> Response:
        """The report of a shift: the one working at a time, or the last one before; or that of a day."""
        now = time.time()
        found = await ask(reports.report_of, working(settings, asked, now), shifts, site, now)
        if isinstance(found, str):
            raise HTTPException(404, found)
        return send(found)

    @router.post("/report/sign", responses=shows(reports.ShiftReport) | CHANGE_FAILURES, tags=["shifts"])
    async def sign(person: Operator, given: Signing) -> Response:
        """Sign for a shift. The first signature keeps the report as it stands; further names can be added."""
        window = working(settings, given, time.time())
        return send(await operations.sign(window, given.name, named(person, given.name)))


def working(settings: Settings, asked: ReportQuestion, now: float) -> ShiftWindow:
    """The working of a shift that is meant. Raises HTTPException."""
    if asked.at is not None and asked.day is not None:
        raise HTTPException(400, "day: name either a day or a moment (at)")
    zone = settings.time_zone
    with named_parameters():
        at = None if asked.at is None else seconds(filters.moment("at", asked.at, zone))
    try:
        return working_of(site_shifts(settings), ZoneInfo(zone), now, name=asked.shift, day=asked.day, at=at)
    except NoShift as error:
        about = "at" if at is not None and error.about == "day" else error.about
        raise HTTPException(400, f"{about}: {error}") from None


def _notes(router: APIRouter, backend: Backend) -> None:
    ask, operations, zone = backend.ask, Operations(backend), backend.settings.time_zone

    @router.get("/notes", responses=shows(ShiftNote, several=True), tags=["shifts"])
    async def notes(asked: Annotated[NoteListing, Query()]) -> Response:
        """Notes for shifts, newest first; the last day by default."""
        found = await ask(alarms.notes, *asked.seconds(zone, DAY))
        return first_of(found[::-1], asked.limit)

    @router.post("/notes", responses=shows(ShiftNote) | CHANGE_FAILURES, tags=["shifts"])
    async def note(person: Operator, given: Noting) -> Response:
        """Add a note to the report of the current shift."""
        return send(await operations.note(given.text, named(person, given.by)))
