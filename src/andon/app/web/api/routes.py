"""The routes of the API. Each checks its parameters, puts one question, and answers with a typed value."""

from __future__ import annotations

import time
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query, Response

from andon.app import retention_policy
from andon.app.web.api import files
from andon.app.web.api.answers import (
    FAILURES,
    Log,
    LogPage,
    ProblemAnswer,
    RetentionAnswer,
    RetentionRule,
    as_log,
    send,
    shows,
)
from andon.app.web.api.parameters import (
    AlarmListing,
    BreakdownQuestion,
    DiffQuestion,
    LogExport,
    LogListing,
    Nothing,
    PathId,
    PatternListing,
    Place,
    ReportQuestion,
    SpanLimit,
    TimelineQuestion,
    TrendQuestion,
    VerdictGiven,
    named_parameters,
    zone_of,
)
from andon.core.models import PatternSummary
from andon.core.redact import Redactor
from andon.core.settings.settings import Settings
from andon.core.times import seconds
from andon.insight import filters, problem
from andon.insight.alarms import alarm_report
from andon.insight.differences import differences
from andon.insight.report import shift_report as reports
from andon.insight.shifts.calendar import NoShift, site_shifts, working_of
from andon.insight.trends import breakdown, trends
from andon.insight.trends.trends import DAY, Kind
from andon.store import Ask, alarms, names, problems, queue, retention, search, verdicts
from andon.store.alarms import AlarmEntry, AlarmFilter
from andon.store.problems import Verdict
from andon.store.queue import AnalysisEntry


def build_router(ask: Ask, settings: Settings, write: Ask) -> APIRouter:
    """All routes under ``/api``. ``ask`` puts questions to the database, ``write`` changes it."""
    router = APIRouter(prefix="/api", responses=FAILURES)
    _logs(router, ask, settings)
    _problems(router, ask, settings)
    _verdicts(router, write)
    _trends(router, ask, settings)
    _figures(router, ask, settings)
    _alarms(router, ask, settings)
    return router


def _logs(router: APIRouter, ask: Ask, settings: Settings) -> None:
    zone = settings.time_zone

    @router.get("/logs", responses=shows(LogPage), tags=["logs"])
    async def logs(asked: Annotated[LogListing, Query()]) -> Response:
        """Stored logs, newest first, page by page."""
        query = asked.query(zone, limit=asked.limit + 1, oldest=asked.oldest, after=asked.next)
        read = await ask(names.read, query)
        rows = await ask(lambda connection: [as_log(row) for row in search.find(connection, read.query)])
        shown = rows[: asked.limit]
        more = len(rows) > len(shown)
        after = asked.cursor(shown[-1].timestamp, shown[-1].id, oldest=asked.oldest) if more else None
        notes = read.notes if rows else [*read.notes, *read.empty]
        return send(LogPage(shown, after, notes), notes)

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


def _problems(router: APIRouter, ask: Ask, settings: Settings) -> None:
    shifts, zone = site_shifts(settings), settings.time_zone

    @router.get("/patterns", responses=shows(PatternSummary, several=True), tags=["problems"])
    async def patterns(asked: Annotated[PatternListing, Query()]) -> Response:
        """Problems with everything merged into them."""
        with named_parameters():
            since = filters.moment("new", asked.new, zone)
        return send(await ask(problems.listing, asked.limit, asked.sort, since))

    @router.get("/patterns/{pattern_id}", responses=shows(ProblemAnswer), tags=["problems"])
    async def pattern(pattern_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """One problem: what it is, where, how it is explained, what fixed it."""
        return send(await ask(files.problem_answer, pattern_id))

    @router.get("/patterns/{pattern_id}/history", responses=shows(AnalysisEntry, several=True), tags=["problems"])
    async def history(pattern_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """The analyses of a problem, open ones first, then the newest first."""
        return send(await ask(queue.history_of, pattern_id))

    @router.get("/patterns/{pattern_id}/breakdown", responses=shows(breakdown.Breakdown), tags=["problems"])
    async def parts(pattern_id: PathId, asked: Annotated[BreakdownQuestion, Query()]) -> Response:
        """A problem by machine, line, host and shift, and the time between its occurrences; of the last 30 days."""
        since, until = asked.seconds(zone, 30 * DAY)
        local = zone_of(asked.zone, zone)
        if until - since > breakdown.SPAN_MAX:
            raise HTTPException(
                400, f"since: more than {breakdown.SPAN_MAX // int(DAY)} days are too many; ask for fewer"
            )
        return send(await ask(breakdown.breakdown, pattern_id, since, until, shifts, local))

    @router.get("/patterns/{pattern_id}/similar", responses=shows(problem.Similar, several=True), tags=["problems"])
    async def similar(pattern_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """Problems that read alike."""
        return send(await ask(problem.similar_to, pattern_id))


def _verdicts(router: APIRouter, write: Ask) -> None:
    @router.post("/patterns/{pattern_id}/verdict", responses=shows(Verdict), tags=["problems"])
    async def judge(pattern_id: PathId, said: VerdictGiven) -> Response:
        """Say whether the explanation of a problem was helpful or wrong; the last word of a person counts."""
        words = said.verdict, said.author, said.note, time.time()
        return send(await write(verdicts.judge, pattern_id, *words, second=said.second))


def _trends(router: APIRouter, ask: Ask, settings: Settings) -> None:
    zone = settings.time_zone

    def add(kind: Kind, described: str) -> None:
        @router.get(
            f"/trends/{kind}", name=kind, description=described, responses=shows(trends.Trends), tags=["trends"]
        )
        async def find(asked: Annotated[TrendQuestion, Query()]) -> Response:
            with named_parameters():
                place = trends.place_of(**asked.places())
                question = trends.ask(
                    asked.since, asked.until, asked.baseline, zone=zone, place=place, limit=asked.limit
                )
            read = await ask(names.read_place, question.place)
            found = await ask(trends.find, kind, question._replace(place=read.query))
            return send(found, read.notes if found.logs else [*read.notes, *read.empty])

    add("top", "The most frequent problems, of the last day.")
    add("new", "Problems that were seen for the first time.")
    add("rising", "Problems that come more often than before, beyond chance.")
    add("quiet", "Problems that were regular before and are silent, beyond chance.")

    @router.get("/trends/first-out", responses=shows(trends.FirstOut, several=True), tags=["trends"])
    async def first_out(asked: Annotated[SpanLimit, Query()]) -> Response:
        """What came first in each flood of alarms, the newest flood first; of the last day."""
        return send(await ask(trends.first_out, *asked.seconds(zone, DAY), asked.limit))

    @router.get("/trends/together", responses=shows(trends.Together, several=True), tags=["trends"])
    async def together(asked: Annotated[SpanLimit, Query()]) -> Response:
        """Which problem follows which more often than chance explains; of the last day."""
        return send(await ask(trends.together, *asked.seconds(zone, DAY), asked.limit))


def _figures(router: APIRouter, ask: Ask, settings: Settings) -> None:
    shifts, zone = site_shifts(settings), settings.time_zone
    site = ZoneInfo(zone)

    @router.get("/timeline", responses=shows(breakdown.Timeline), tags=["figures"])
    async def timeline(asked: Annotated[TimelineQuestion, Query()]) -> Response:
        """Logs over time, of all problems or of one; by the hour of the last day unless told otherwise."""
        since, until = asked.seconds(zone, DAY)
        local = zone_of(asked.zone, zone)
        try:
            breakdown.check_points(asked.step, since, until)
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        return send(await ask(breakdown.timeline, asked.step, since, until, local, asked.pattern))

    @router.get("/diff", responses=shows(differences.DiffResult), tags=["figures"])
    async def diff(asked: Annotated[DiffQuestion, Query()]) -> Response:
        """What is different about a problem's logs (of 30 days), or about those of a time (8 hours, beside a week)."""
        with named_parameters():
            times = filters.compared(asked.pattern, asked.since, asked.until, asked.baseline, zone)
        if asked.pattern is not None and not times.by_time:
            found = await ask(differences.of_pattern, asked.pattern, *times.inside, shifts, site, limit=asked.limit)
        else:
            spans = times.inside, times.before
            found = await ask(differences.of_windows, *spans, asked.pattern, site, limit=asked.limit)
        return send(found)

    @router.get("/retention", name="retention", responses=shows(RetentionAnswer), tags=["figures"])
    async def deletions(_asked: Annotated[Nothing, Query()]) -> Response:
        """The rules by which logs are deleted, and what was deleted."""
        state = await ask(retention.state)
        rules = map(
            RetentionRule, retention_policy.labels(settings), map(retention_policy.described, settings.retention)
        )
        return send(RetentionAnswer(list(rules), settings.retention_max_bytes, state))


def _alarms(router: APIRouter, ask: Ask, settings: Settings) -> None:
    shifts, zone = site_shifts(settings), settings.time_zone
    site = ZoneInfo(zone)

    @router.get("/alarms", responses=shows(AlarmEntry, several=True), tags=["alarms"])
    async def listing(asked: Annotated[AlarmListing, Query()]) -> Response:
        """Alarms of a list: active, stale, shelved or all."""
        read = await ask(names.read, AlarmFilter(**asked.places()))
        found = await ask(alarms.listing, asked.list, time.time(), read.query, asked.limit)
        return send(found, read.notes if found else [*read.notes, *read.empty])

    @router.get("/alarms/figures", responses=shows(alarm_report.AlarmReport), tags=["alarms"])
    async def figures(asked: Annotated[Place, Query()]) -> Response:
        """How good the alarms are, beside the targets of ISA-18.2; of the last 30 days."""
        span = asked.seconds(zone, 30 * DAY)
        read = await ask(names.read, AlarmFilter(**asked.places()))
        found = await ask(alarm_report.find, *span, read.query)
        return send(found, read.notes if found.figures.judged else [*read.notes, *read.empty])

    @router.get("/report", responses=shows(reports.ShiftReport), tags=["alarms"])
    async def shift_report(asked: Annotated[ReportQuestion, Query()]) -> Response:
        """The report of a shift: the one at work at a time, or the last before it; or that of a day."""
        now = time.time()
        if asked.at is not None and asked.day is not None:
            raise HTTPException(400, "day: name either a day or a moment (at)")
        with named_parameters():
            at = None if asked.at is None else seconds(filters.moment("at", asked.at, zone))
        try:
            window = working_of(shifts, site, now, name=asked.shift, day=asked.day, at=at)
        except NoShift as error:
            about = "at" if at is not None and error.about == "day" else error.about
            raise HTTPException(400, f"{about}: {error}") from None
        found = await ask(reports.report_of, window, shifts, site, now)
        if isinstance(found, str):
            raise HTTPException(404, found)
        return send(found)
