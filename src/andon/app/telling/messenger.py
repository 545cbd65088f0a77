"""The routes of ``[[notify]]``: what each has to tell now, and the messages that tell it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from zoneinfo import ZoneInfo

import msgspec
import structlog

from andon.act.connectors.connector import Connector
from andon.act.news import OVER, Telling, Thing
from andon.act.notice_decisions import decide
from andon.act.notice_words import Place, message_of
from andon.act.proposals import Proposals, Wanted
from andon.act.quiet_hours import QuietHours
from andon.app.proposing import brief
from andon.app.telling.current_news import window_of
from andon.app.telling.shift_message import shift_body
from andon.core.errors import ActionRefused, NotFound
from andon.core.models.actions import ActionStatus, Arguments, Event, Message, Notice, Operation, Origin
from andon.core.settings.connectors.action_settings import Route
from andon.core.settings.settings import Settings
from andon.insight.shifts.calendar import site_shifts
from andon.store import Connection, actions

log = structlog.get_logger(__name__)

#: What was told and is over is forgotten after so many seconds.
FORGET = 30 * 86_400.0
#: Messages that wait for a system, and are looked through for one that is over.
WAITING_MAX = 500


class Said(msgspec.Struct, frozen=True):
    """A message that is due, and what it tells of."""

    telling: Telling
    message: Message


class Plan(msgspec.Struct, frozen=True):
    """What a route does now: ``read`` are the rows as they were decided on, ``due`` is when to look again."""

    route: Route
    said: tuple[Said, ...]
    changed: tuple[Notice, ...]
    read: tuple[Notice | tuple[str, str], ...]
    due: float | None


class Announcing:
    """All routes of a site."""

    def __init__(self, settings: Settings, proposals: Proposals) -> None:
        self._settings, self._proposals = settings, proposals
        self._zone = ZoneInfo(settings.time_zone)
        self._quiet = {route.known_as: QuietHours(route.quiet, self._zone) for route in settings.notify}

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of news that anybody asks for."""
        return frozenset(kind for route in self._settings.notify for kind in route.about)

    def plan(self, connection: Connection, things: Sequence[Thing], now: float) -> list[Plan]:
        """What each route has to tell; reads only."""
        routes = self._settings.notify
        known = actions.notices.of_routes(connection, [route.known_as for route in routes])
        return [self._plan(connection, route, known[route.known_as], things, now) for route in routes]

    def _plan(
        self, connection: Connection, route: Route, known: dict[str, Notice], things: Sequence[Thing], now: float
    ) -> Plan:
        decision = decide(route, self._quiet[route.known_as], known, things, now)
        said = []
        for telling in decision.tellings:
            message = self._message(connection, route, telling, now)
            if message is not None:
                said.append(Said(telling, message))
        read: list[Notice | tuple[str, str]] = [
            known.get(one.about) or (route.known_as, one.about) for one in decision.changed
        ]
        return Plan(route, tuple(said), decision.changed, tuple(read), decision.due)

    def _message(self, connection: Connection, route: Route, telling: Telling, now: float) -> Message | None:
        """The message; None for the report of a time of which nothing is stored."""
        place = Place(route.where, self._settings.public_url, self._zone)
        one = telling.members[0].notice
        known = None
        if len(telling.members) == 1 and one.problem_id is not None and telling.phase in ("raised", "escalated"):
            try:
                known = brief(connection, one.problem_id, self._settings, now)
            except NotFound:  # retention took it meanwhile
                known = None
        made = message_of(telling, place, now, known)
        if telling.kind != "shift":
            return made
        shifts = site_shifts(self._settings)
        window = window_of(one.about, shifts, self._zone, now)
        body = None if window is None else shift_body(connection, window, shifts, self._zone, now)
        return None if body is None else msgspec.structs.replace(made, body=body)

    def carry_out(self, connection: Connection, plans: Sequence[Plan], now: float) -> int:
        """Store the messages and what was told, in one transaction; how many messages."""
        told = 0
        for plan in plans:
            actions.notices.keep(connection, plan.changed)
            for said in plan.said:
                told += self._propose(connection, plan.route, said, now)
        if any(plan.changed for plan in plans):
            actions.notices.forget(connection, OVER, now - FORGET)
        return told

    def _propose(self, connection: Connection, route: Route, said: Said, now: float) -> int:
        telling, told = said.telling, 0
        ids = [one.notice.problem_id for one in telling.members]
        for target in telling.to:
            connector = self._proposals.connectors.get(target)
            if connector is None:
                continue
            message = said.message
            if telling.phase == "ended" and self._withdrawn(connection, target, route, telling, now):
                message = msgspec.structs.replace(message, phase="told")
            wanted = Wanted(
                target=target,
                arguments=_fitting(connector, message, route, now),
                origin=Origin.NOTICE,
                by=f"route {route.known_as}",
                reason=f"{telling.kind} {telling.phase}",
                problem_id=ids[0] if len(ids) == 1 else None,
                key=f"{route.known_as}/{telling.about}/{telling.phase}/{telling.told:.3f}",
                approved_by=f"route {route.known_as}",
            )
            try:
                made = self._proposals.propose(connection, wanted, now)
            except (ActionRefused, NotFound) as error:
                log.warning("a message could not be made", route=route.known_as, target=target, reason=str(error))
                continue
            told += 1
            if target == telling.to[0]:
                about = [one.notice.about for one in telling.members]
                actions.notices.told_by(connection, route.known_as, about, made.id)
        return told

    def _withdrawn(self, connection: Connection, target: str, route: Route, telling: Telling, now: float) -> bool:
        """Take back what waits for a system that is away and is over by now: its end tells all of it. Whether it did.

        What may have gone out is left as it is.
        """
        found = False
        for one in actions.listing(connection, WAITING_MAX, statuses=(ActionStatus.APPROVED,), target=target):
            arguments = one.order.arguments
            if not isinstance(arguments, Message | Event) or arguments.about != telling.about or one.sent_at:
                continue
            actions.decline(connection, one.id, f"route {route.known_as}", "over before it could be sent", now=now)
            found = True
        return found


def _fitting(connector: Connector, message: Message, route: Route, now: float) -> Arguments:
    """The message, or an event that says the same for a system that takes no messages. A place is the route's own
    first target's: others use their usual one."""
    where = message.where if connector.name in route.to and message.where in connector.places else ""
    if Operation.MESSAGE in connector.abilities or Operation.EVENT not in connector.abilities:
        return msgspec.structs.replace(message, where=where)
    return Event(
        title=message.title,
        body=message.body,
        severity=message.severity,
        about=message.about,
        host=message.host,
        service="andon",
        at=now,
        phase=message.phase,
        where=where,
        link=message.link,
    )
