"""Routes about alarms: their lists and figures, and what people do with them, one by one or several at once."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from andon.app.web.api.answers import CHANGE_FAILURES, first_of, send, send_list, shows
from andon.app.web.api.bodies import (
    Acknowledging,
    AcknowledgingSeveral,
    Doing,
    Operator,
    Several,
    Shelving,
    ShelvingSeveral,
    named,
)
from andon.app.web.api.parameters import AlarmListing, AlarmsListed, Nothing, OverviewQuestion, PathId, Place
from andon.app.web.operations import Operations
from andon.app.web.page.backend import Backend
from andon.insight.alarms import alarm_overview, alarm_report
from andon.insight.trends.trends import DAY
from andon.store import Ask, alarms, names
from andon.store.alarms import AlarmEntry, AlarmFilter, AlarmList

_DOING = Doing()
_SEEN = Acknowledging()
_ONE = shows(AlarmEntry, sentence="Done; the alarm as it is now.") | CHANGE_FAILURES
_MANY = shows(AlarmEntry, several=True, sentence="Done; the alarms as they are now.") | CHANGE_FAILURES


def add(router: APIRouter, backend: Backend) -> None:
    """Add them."""
    _known(router, backend)
    _several(router, Operations(backend))
    _one(router, backend.ask, Operations(backend))


def _known(router: APIRouter, backend: Backend) -> None:
    ask, zone = backend.ask, backend.settings.time_zone

    async def listed(which: AlarmList, asked: AlarmsListed) -> Response:
        read = await ask(names.read, AlarmFilter(**asked.places()))
        found = await ask(alarms.listing, which, time.time(), read.query, asked.limit + 1)
        return first_of(found, asked.limit, read.notes if found else [*read.notes, *read.empty])

    def add_list(which: AlarmList, described: str) -> None:
        @router.get(
            f"/alarms/{which}", name=f"{which} alarms", description=described, responses=several, tags=["alarms"]
        )
        async def of_list(asked: Annotated[AlarmsListed, Query()]) -> Response:
            return await listed(which, asked)

    several = shows(AlarmEntry, several=True)

    @router.get("/alarms", responses=several, tags=["alarms"])
    async def listing(asked: Annotated[AlarmListing, Query()]) -> Response:
        """The active alarms, or those of another list."""
        return await listed(asked.list, asked)

    add_list("active", "Alarms that are active, those that nobody acknowledged first.")
    add_list("waiting", "Active alarms that nobody acknowledged and nobody shelved.")
    add_list("stale", "Alarms that have been active for more than a day.")
    add_list("shelved", "Alarms that are shelved, and until when.")
    add_list("all", "Every alarm, the newest first.")

    @router.get("/alarms/figures", responses=shows(alarm_report.AlarmReport), tags=["alarms"])
    async def figures(asked: Annotated[Place, Query()]) -> Response:
        """Alarm figures against the ISA-18.2 targets; the last 30 days by default."""
        span = asked.seconds(zone, 30 * DAY)
        read = await ask(names.read, AlarmFilter(**asked.places()))
        found = await ask(alarm_report.find, *span, read.query)
        return send(found, read.notes if found.figures.judged else [*read.notes, *read.empty])

    @router.get("/alarms/overview", responses=shows(alarm_overview.Overview), tags=["alarms"])
    async def healthy(asked: Annotated[OverviewQuestion, Query()]) -> Response:
        """Everything the screen Figures shows: per ten minutes, by problem, by hour; the last week by default."""
        span = asked.seconds(zone, 7 * DAY)
        read = await ask(names.read, AlarmFilter(**asked.places()))
        found = await ask(alarm_overview.find, *span, backend.zone, read.query, order=asked.sort, limit=asked.limit)
        return send(found, read.notes if found.report.figures.judged else [*read.notes, *read.empty])


def _several(router: APIRouter, operations: Operations) -> None:
    @router.post("/alarms/acknowledge", responses=_MANY, tags=["alarms"])
    async def acknowledge(person: Operator, given: AcknowledgingSeveral) -> Response:
        """Acknowledge several alarms, all or none; an alarm already acknowledged keeps its name and time."""
        return send_list(await operations.acknowledge(given.ids, named(person, given.by), given.note))

    @router.post("/alarms/shelve", responses=_MANY, tags=["alarms"])
    async def shelve(person: Operator, given: ShelvingSeveral) -> Response:
        """Take several alarms off the active list for a time, all or none."""
        return send_list(await operations.shelve(given.ids, given.seconds, named(person, given.by), given.note))

    @router.post("/alarms/unshelve", responses=_MANY, tags=["alarms"])
    async def unshelve(person: Operator, given: Several) -> Response:
        """Put several shelved alarms back at once, all or none."""
        return send_list(await operations.unshelve(given.ids, named(person, given.by)))


def _one(router: APIRouter, ask: Ask, operations: Operations) -> None:
    @router.get("/alarms/{alarm_id}", responses=shows(AlarmEntry), tags=["alarms"])
    async def one(alarm_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """One alarm: its place, its state, and who acknowledged or shelved it."""
        return send(await ask(alarms.alarm, alarm_id))

    @router.post("/alarms/{alarm_id}/acknowledge", responses=_ONE, tags=["alarms"])
    async def acknowledge(
        alarm_id: PathId, person: Operator, given: Annotated[Acknowledging, Body()] = _SEEN
    ) -> Response:
        """Acknowledge an alarm: somebody has seen it. This holds until it becomes active again.

        One that somebody acknowledged before keeps that name and time; a note is kept with its problem then.
        """
        (done,) = await operations.acknowledge([alarm_id], named(person, given.by), given.note)
        return send(done)

    @router.post("/alarms/{alarm_id}/shelve", responses=_ONE, tags=["alarms"])
    async def shelve(alarm_id: PathId, person: Operator, given: Shelving) -> Response:
        """Take an alarm off the active list for a time. It comes back by itself and is still counted."""
        (done,) = await operations.shelve([alarm_id], given.seconds, named(person, given.by), given.note)
        return send(done)

    @router.post("/alarms/{alarm_id}/unshelve", responses=_ONE, tags=["alarms"])
    async def unshelve(alarm_id: PathId, person: Operator, given: Annotated[Doing, Body()] = _DOING) -> Response:
        """Put a shelved alarm back on the active list at once."""
        (done,) = await operations.unshelve([alarm_id], named(person, given.by))
        return send(done)
