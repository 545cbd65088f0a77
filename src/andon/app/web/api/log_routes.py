"""Routes about logs: search, one of them, files, how many over time, and what is different about some."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query, Response

from andon.app.web.api import files
from andon.app.web.api.answers import Log, as_log, send, send_list, shows
from andon.app.web.api.parameters import (
    DiffQuestion,
    LogExport,
    LogListing,
    Nothing,
    PathId,
    TimelineQuestion,
    named_parameters,
    problem_of,
    zone_of,
)
from andon.app.web.page.backend import Backend
from andon.core.redact import Redactor
from andon.insight import filters
from andon.insight.differences import differences
from andon.insight.shifts.calendar import site_shifts
from andon.insight.trends import breakdown
from andon.insight.trends.trends import DAY
from andon.store import names, search


def add(router: APIRouter, backend: Backend) -> None:
    """Add them."""
    _logs(router, backend)
    _figures(router, backend)


def _logs(router: APIRouter, backend: Backend) -> None:
    ask, zone = backend.ask, backend.settings.time_zone

    @router.get("/logs", responses=shows(Log, several=True), tags=["logs"])
    async def logs(asked: Annotated[LogListing, Query()]) -> Response:
        """Stored logs, newest first, page by page."""
        query = asked.query(zone, limit=asked.limit + 1, oldest=asked.oldest, after=asked.next)
        read = await ask(names.read, query)
        rows = await ask(lambda connection: [as_log(row) for row in search.find(connection, read.query)])
        shown = rows[: asked.limit]
        more = len(rows) > len(shown)
        after = asked.cursor(shown[-1].timestamp, shown[-1].id, oldest=asked.oldest) if more else None
        return send_list(shown, after, read.notes if rows else [*read.notes, *read.empty])

    @router.get("/logs/{log_id}", responses=shows(Log), tags=["logs"])
    async def log(log_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """One log with its explanation."""
        return send(await ask(files.log_answer, log_id))

    @router.get("/export", responses=files.DESCRIBED, tags=["logs"])
    async def export(asked: Annotated[LogExport, Query()]) -> Response:
        """Stored logs as a file, oldest first: JSON lines, or CSV that is safe in a spreadsheet."""
        query = asked.query(zone, limit=files.PAGE, oldest=True)
        read = await ask(names.read, query)
        redactor = Redactor() if asked.redact else None
        return await files.stream(ask, read.query, asked.format, asked.limit, read.notes, redactor)


def _figures(router: APIRouter, backend: Backend) -> None:
    ask, zone = backend.ask, backend.settings.time_zone
    shifts, site = site_shifts(backend.settings), ZoneInfo(zone)

    @router.get("/timeline", responses=shows(breakdown.Timeline), tags=["logs"])
    async def timeline(asked: Annotated[TimelineQuestion, Query()]) -> Response:
        """Logs over time, of all problems or of one; by hour over the last day by default."""
        since, until = asked.seconds(zone, DAY)
        local = zone_of(asked.zone, zone)
        try:
            breakdown.check_points(asked.step, since, until)
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        problem = problem_of(asked.problem, asked.pattern)
        return send(await ask(breakdown.timeline, asked.step, since, until, local, problem))

    @router.get("/diff", responses=shows(differences.DiffResult), tags=["logs"])
    async def diff(asked: Annotated[DiffQuestion, Query()]) -> Response:
        """What sets a problem's logs apart (30 days), or the logs of a time (8 hours, compared with a week)."""
        problem = problem_of(asked.problem, asked.pattern)
        with named_parameters():
            times = filters.compared(problem, asked.since, asked.until, asked.baseline, zone)
        if problem is not None and not times.by_time:
            found = await ask(differences.of_pattern, problem, *times.inside, shifts, site, limit=asked.limit)
        else:
            spans = times.inside, times.before
            found = await ask(differences.of_windows, *spans, problem, site, limit=asked.limit)
        return send(found)
