"""Routes about problems: what is known of them and their trends, and what people do with them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Body, HTTPException, Query, Response

from andon.app.web.api import files
from andon.app.web.api.answers import CHANGE_FAILURES, ProblemAnswer, first_of, send, send_list, shows
from andon.app.web.api.bodies import (
    Acknowledging,
    Admin,
    Doing,
    Fixing,
    Judging,
    Merging,
    Noting,
    Operator,
    Shelving,
    Ticking,
    named,
)
from andon.app.web.api.parameters import (
    BreakdownQuestion,
    Nothing,
    PathId,
    ProblemListing,
    SpanLimit,
    TakingBackFix,
    TakingBackVerdict,
    TrendQuestion,
    named_parameters,
    zone_of,
)
from andon.app.web.operations import Operations
from andon.app.web.page.backend import Backend
from andon.core.models import PatternSummary, Resolution
from andon.insight import filters, problem
from andon.insight.shifts.calendar import site_shifts
from andon.insight.trends import breakdown, trends
from andon.insight.trends.trends import DAY, Kind
from andon.store import names, problems, queue
from andon.store.alarms import AlarmEntry
from andon.store.problems import ProblemNote, Tick, Verdict
from andon.store.queue import AnalysisEntry

_DOING = Doing()
_SEEN = Acknowledging()


class TrendListing(msgspec.Struct, frozen=True, kw_only=True):
    """Problems of one time, the most notable first, in the envelope of every list; ``note`` says why there may be none.

    ``logs`` and ``problems`` count all of the time, ``since`` to before ``until``; ``baseline`` is where the time
    before begins, to which it was compared. Times are widened to whole days where only those are counted.
    """

    kind: Kind
    since: str
    until: str
    baseline: str | None
    logs: int
    problems: int
    note: str | None
    items: list[trends.Trend]
    next: str | None = None
    notes: list[str]


class Asked(msgspec.Struct, frozen=True):
    """A problem that is waiting for another explanation, and the pending analysis."""

    pattern_id: int
    analysis_id: int


class Regrouped(msgspec.Struct, frozen=True):
    """A problem and the one it is part of now (merged) or was part of before (split)."""

    pattern_id: int
    problem_id: int


def add(router: APIRouter, backend: Backend) -> None:
    """Add them. Those of one problem also answer under their former name, ``/patterns``, which OpenAPI leaves out."""
    operations = Operations(backend)
    _trends(router, backend)
    for name, shown in (("/problems", True), ("/patterns", False)):
        of_problems = APIRouter(prefix=router.prefix + name, responses=router.responses, include_in_schema=shown)
        _known(of_problems, backend)
        _alarms(of_problems, operations)
        _fixes(of_problems, operations)
        _words(of_problems, operations)
        _grouping(of_problems, operations)
        router.routes.extend(of_problems.routes)


def _known(router: APIRouter, backend: Backend) -> None:
    ask, zone = backend.ask, backend.settings.time_zone
    shifts = site_shifts(backend.settings)

    @router.get("", responses=shows(PatternSummary, several=True), tags=["problems"])
    async def listing(asked: Annotated[ProblemListing, Query()]) -> Response:
        """Problems, each with everything merged into it."""
        with named_parameters():
            since = filters.moment("new", asked.new, zone)
        return first_of(await ask(problems.listing, asked.limit + 1, asked.sort, since), asked.limit)

    @router.get("/{problem_id}", responses=shows(ProblemAnswer), tags=["problems"])
    async def one(problem_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """One problem: what it is, where it occurs, its explanation and its fixes."""
        return send(await ask(files.problem_answer, problem_id))

    @router.get("/{problem_id}/history", responses=shows(AnalysisEntry, several=True), tags=["problems"])
    async def history(problem_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """The analyses of a problem, open ones first, then the newest first."""
        return send_list(await ask(queue.history_of, problem_id))

    @router.get("/{problem_id}/breakdown", responses=shows(breakdown.Breakdown), tags=["problems"])
    async def parts(problem_id: PathId, asked: Annotated[BreakdownQuestion, Query()]) -> Response:
        """A problem by machine, line, host and shift, and the time between occurrences; the last 30 days by default."""
        since, until = asked.seconds(zone, 30 * DAY)
        local = zone_of(asked.zone, zone)
        if until - since > breakdown.SPAN_MAX:
            raise HTTPException(
                400, f"since: more than {breakdown.SPAN_MAX // int(DAY)} days are too many; ask for fewer"
            )
        return send(await ask(breakdown.breakdown, problem_id, since, until, shifts, local))

    @router.get("/{problem_id}/similar", responses=shows(problem.Similar, several=True), tags=["problems"])
    async def similar(problem_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """Problems with similar text."""
        return send_list(await ask(problem.similar_to, problem_id))

    @router.get("/{problem_id}/notes", responses=shows(ProblemNote, several=True), tags=["problems"])
    async def written(problem_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """Notes that people wrote about a problem, newest first."""
        return send_list(await ask(problems.notes_of, problem_id))


def _trends(router: APIRouter, backend: Backend) -> None:
    ask, zone = backend.ask, backend.settings.time_zone

    def add_kind(kind: Kind, described: str) -> None:
        @router.get(f"/trends/{kind}", name=kind, description=described, responses=shows(TrendListing), tags=["trends"])
        async def find(asked: Annotated[TrendQuestion, Query()]) -> Response:
            with named_parameters():
                place = trends.place_of(**asked.places())
                question = trends.ask(
                    asked.since, asked.until, asked.baseline, zone=zone, place=place, limit=asked.limit
                )
            read = await ask(names.read_place, question.place)
            found = await ask(trends.find, kind, question._replace(place=read.query))
            notes = read.notes if found.logs else [*read.notes, *read.empty]
            told = msgspec.structs.asdict(found)
            return send(TrendListing(items=told.pop("rows"), notes=notes, **told), notes)

    add_kind("top", "The most frequent problems, of the last day.")
    add_kind("new", "Problems that were seen for the first time.")
    add_kind("rising", "Problems that come more often than before, beyond chance.")
    add_kind("quiet", "Problems that were regular before and are silent, beyond chance.")

    @router.get("/trends/first-out", responses=shows(trends.FirstOut, several=True), tags=["trends"])
    async def first_out(asked: Annotated[SpanLimit, Query()]) -> Response:
        """The first alarm of each flood, newest flood first; the last day by default."""
        return first_of(await ask(trends.first_out, *asked.seconds(zone, DAY), asked.limit + 1), asked.limit)

    @router.get("/trends/together", responses=shows(trends.Together, several=True), tags=["trends"])
    async def together(asked: Annotated[SpanLimit, Query()]) -> Response:
        """Which problem follows which more often than chance explains; the last day by default."""
        return first_of(await ask(trends.together, *asked.seconds(zone, DAY), asked.limit + 1), asked.limit)


def _alarms(router: APIRouter, operations: Operations) -> None:
    answers = shows(AlarmEntry, several=True, sentence="Done; the alarms as they are now.") | CHANGE_FAILURES

    @router.post("/{problem_id}/acknowledge", responses=answers, tags=["problems"])
    async def acknowledge(
        problem_id: PathId, person: Operator, given: Annotated[Acknowledging, Body()] = _SEEN
    ) -> Response:
        """Acknowledge all alarms of a problem that may be active and are not acknowledged; answers these alarms."""
        return send_list(await operations.acknowledge_problem(problem_id, named(person, given.by), given.note))

    @router.post("/{problem_id}/shelve", responses=answers, tags=["problems"])
    async def shelve(problem_id: PathId, person: Operator, given: Shelving) -> Response:
        """Take all alarms of a problem that may be active off the active list for a time."""
        words = given.seconds, named(person, given.by), given.note
        return send_list(await operations.shelve_problem(problem_id, *words))

    @router.post("/{problem_id}/unshelve", responses=answers, tags=["problems"])
    async def unshelve(problem_id: PathId, person: Operator, given: Annotated[Doing, Body()] = _DOING) -> Response:
        """Put all shelved alarms of a problem back on the active list at once."""
        return send_list(await operations.unshelve_problem(problem_id, named(person, given.by)))


def _fixes(router: APIRouter, operations: Operations) -> None:
    @router.post("/{problem_id}/resolve", responses=shows(Resolution) | CHANGE_FAILURES, tags=["problems"])
    async def resolve(problem_id: PathId, person: Operator, given: Fixing) -> Response:
        """Confirm what fixed a problem: its logs show the fix from now on, including later ones."""
        return send(await operations.resolve(problem_id, given.fix, given.cause, named(person, given.by)))

    @router.delete("/{problem_id}/resolve", responses=shows(Resolution) | CHANGE_FAILURES, tags=["problems"])
    async def revoke(problem_id: PathId, person: Operator, asked: Annotated[TakingBackFix, Query()]) -> Response:
        """Withdraw a confirmed fix, the newest unless ``fix`` names one; the problem is explained again."""
        return send(await operations.revoke_fix(problem_id, asked.fix, named(person, asked.by)))

    @router.post("/{problem_id}/verdict", responses=shows(Verdict) | CHANGE_FAILURES, tags=["problems"])
    async def judge(problem_id: PathId, person: Operator, said: Judging) -> Response:
        """Say whether the explanation of a problem was helpful or wrong; a person's latest verdict counts."""
        by = named(person, said.by or said.author)
        return send(await operations.judge(problem_id, said.verdict, by, said.note, second=said.second))

    @router.delete("/{problem_id}/verdict", responses=shows(Verdict) | CHANGE_FAILURES, tags=["problems"])
    async def take_back(problem_id: PathId, person: Operator, asked: Annotated[TakingBackVerdict, Query()]) -> Response:
        """Withdraw your own verdict on the explanation of a problem."""
        by = named(person, asked.by)
        return send(await operations.take_back_verdict(problem_id, by, second=asked.second))


def _words(router: APIRouter, operations: Operations) -> None:
    @router.post("/{problem_id}/notes", responses=shows(ProblemNote) | CHANGE_FAILURES, tags=["problems"])
    async def note(problem_id: PathId, person: Operator, given: Noting) -> Response:
        """Add a note about a problem, for whoever works on it next."""
        return send(await operations.note_problem(problem_id, given.text, named(person, given.by)))

    ticked = shows(Tick, several=True, sentence="All ticks that stand now.") | CHANGE_FAILURES

    @router.post("/{problem_id}/tick", responses=ticked, tags=["problems"])
    async def tick(problem_id: PathId, person: Operator, given: Ticking) -> Response:
        """Tick off a step of the explanation that the problem shows, or clear the tick."""
        by = named(person, given.by)
        return send_list(await operations.tick(problem_id, given.step, given.done, by))

    @router.post("/{problem_id}/ask", responses=shows(Asked) | CHANGE_FAILURES, tags=["problems"])
    async def ask_again(problem_id: PathId, person: Operator, given: Annotated[Doing, Body()] = _DOING) -> Response:
        """Ask for another explanation of a problem, ahead of others; the present one stays until it arrives."""
        asked = await operations.ask_again(problem_id, named(person, given.by))
        return send(Asked(problem_id, asked))


def _grouping(router: APIRouter, operations: Operations) -> None:
    @router.post("/{problem_id}/merge", responses=shows(Regrouped) | CHANGE_FAILURES, tags=["problems"])
    async def merge(problem_id: PathId, person: Admin, given: Merging) -> Response:
        """Merge a problem into another one: they share counts and explanation from now on."""
        root = await operations.merge(problem_id, given.into, named(person, given.by))
        return send(Regrouped(problem_id, root))

    @router.post("/{problem_id}/split", responses=shows(Regrouped) | CHANGE_FAILURES, tags=["problems"])
    async def split(problem_id: PathId, person: Admin, given: Annotated[Doing, Body()] = _DOING) -> Response:
        """Split a merged problem off again; the two are never merged automatically afterwards."""
        left = await operations.split(problem_id, named(person, given.by))
        return send(Regrouped(problem_id, left))
