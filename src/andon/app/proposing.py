"""Problems as they are told to others, and what people, rules and the agent want to leave the house about them."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from andon.act import drafts
from andon.act.drafts import Brief
from andon.act.proposals import Proposals, Wanted
from andon.core.models.actions import Action, Arguments, Origin, Phase
from andon.core.settings.settings import Settings
from andon.core.times import at, seconds_or
from andon.insight.shifts.calendar import site_shifts
from andon.insight.situation import situation
from andon.insight.titles import about, title_in, title_of
from andon.store import Connection, problems

#: Hosts, steps and records that are named.
HOSTS, CHECKS, RECORDS = 5, 8, 3
Do = Literal["ticket", "event", "message"]


def brief(connection: Connection, problem_id: int, settings: Settings, now: float) -> Brief:
    """What is known of a problem, in words for people who do not see the page. Raises NotFound."""
    zone = ZoneInfo(settings.time_zone)
    root = problems.summary(connection, problem_id)
    found = situation.read(connection, root.merged_into or root.id, now, site_shifts(settings), zone)
    whole, advice = found.problem, found.advice
    newest = (found.records or found.newest)[:RECORDS]
    first = newest[0] if newest else None
    host = None if first is None else first.machine or first.hostname
    fix = found.fixes[0].fix if found.fixes else ""
    link = f"{settings.public_url}/problems/{root.id}" if settings.public_url else ""
    return Brief(
        problem_id=root.merged_into or root.id,
        title=title_in(found.state.text, 160) if found.state.text else about(title_of(root.template, 160), host),
        severity=whole.worst_severity,
        place=() if first is None else tuple(filter(None, (first.site, first.area, first.line, first.machine))),
        hosts=tuple((one.hostname, one.count) for one in problems.hosts_of(connection, root.id)[:HOSTS]),
        service="" if first is None else first.service or "",
        count=root.count,
        first_seen=at(seconds_or(root.first_seen, now), zone),
        last_seen=at(seconds_or(root.last_seen, now), zone),
        last_moment=seconds_or(root.last_seen, now),
        summary="" if advice is None else advice.happened,
        cause="" if advice is None else advice.cause,
        safety=() if advice is None else advice.safety,
        checks=() if advice is None else tuple(step.text for step in advice.steps[:CHECKS]),
        source="" if advice is None else advice.rung,
        fix=fix,
        said=tuple(f"{log.hostname}: {log.message}" for log in newest),
        link=link,
    )


def wanted_about(
    connection: Connection,
    settings: Settings,
    problem_id: int,
    target: str,
    do: Do,
    *,
    origin: Origin,
    now: float,
    by: str | None = None,
    why: str = "",
    where: str = "",
    approved_by: str | None = None,
    key: str = "",
    phase: Phase = "raised",
) -> Wanted:
    """A ticket, an event or a message about a problem, drafted by our own code; reads only.

    ``why`` is the reason given, ``phase`` what an event or a message tells of the problem. Raises NotFound.
    """
    told = brief(connection, problem_id, settings, now)
    drafted: Arguments
    if do == "ticket":
        drafted = drafts.ticket(told, where, why)
    elif do == "event":
        drafted = drafts.event(told, where, phase)
    else:
        drafted = drafts.message(told, phase, where)
    return Wanted(
        target=target,
        arguments=drafted,
        origin=origin,
        by=by,
        reason=why,
        problem_id=told.problem_id,
        approved_by=approved_by,
        key=key,
    )


def about_problem(
    connection: Connection,
    proposals: Proposals,
    settings: Settings,
    problem_id: int,
    target: str,
    do: Do,
    *,
    origin: Origin,
    now: float,
    by: str | None = None,
    why: str = "",
    where: str = "",
    approved_by: str | None = None,
    key: str = "",
) -> Action:
    """Propose a ticket, an event or a message about a problem, as :func:`wanted_about` drafts it.

    Raises ActionRefused where it may not be, and NotFound.
    """
    wanted = wanted_about(
        connection,
        settings,
        problem_id,
        target,
        do,
        origin=origin,
        now=now,
        by=by,
        why=why,
        where=where,
        approved_by=approved_by,
        key=key,
    )
    return proposals.propose(connection, wanted, now)
