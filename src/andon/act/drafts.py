"""What tickets and messages say, in plain words made by our own code from what is stored about a problem. Pure."""

from __future__ import annotations

import msgspec

from andon.core.models.actions import Body, Event, Message, OpenTicket, Phase, Section
from andon.core.text import times

#: Where the steps come from, for people; others are called as they are.
_SOURCES = {
    "playbook": "the playbook",
    "model": "the model",
    "runbook": "a runbook",
    "resolution": "a confirmed fix",
    "reused": "an earlier explanation",
}


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """A problem in words: what drafts are made from. Times are texts in the site's zone, with the zone named.

    ``place`` is site, area, line and machine as far as they are known; ``said`` are lines of its newest records.
    ``source`` says whose the explanation is, such as ``the playbook`` or ``the model, not confirmed``.
    """

    problem_id: int
    title: str
    severity: str
    place: tuple[str, ...]
    hosts: tuple[tuple[str, int], ...]
    service: str
    count: int
    first_seen: str
    last_seen: str
    last_moment: float
    summary: str = ""
    cause: str = ""
    safety: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    source: str = ""
    fix: str = ""
    said: tuple[str, ...] = ()
    link: str = ""


def ticket(brief: Brief, where: str = "", why: str = "") -> OpenTicket:
    """The ticket about a problem; ``why`` is the reason that whoever proposed it gives."""
    return OpenTicket(
        title=f"{brief.severity}: {brief.title}",
        body=(*body(brief), *([Section("Why this ticket", (why,))] if why else [])),
        severity=brief.severity,
        where=where,
        place=brief.place,
    )


def message(brief: Brief, phase: Phase = "raised", where: str = "") -> Message:
    """The message that a problem began, or stands otherwise than before."""
    return Message(
        title=f"{brief.severity}: {brief.title}",
        body=body(brief),
        severity=brief.severity,
        about=f"problem-{brief.problem_id}",
        phase=phase,
        where=where,
        link=brief.link,
        host=brief.hosts[0][0] if brief.hosts else "",
    )


def event(brief: Brief, where: str = "", phase: Phase = "raised") -> Event:
    """The event that a problem began, or is over."""
    return Event(
        title=brief.title,
        body=body(brief),
        severity=brief.severity,
        about=f"problem-{brief.problem_id}",
        host=brief.hosts[0][0] if brief.hosts else "",
        service=brief.service,
        at=brief.last_moment,
        phase=phase,
        where=where,
        link=brief.link,
    )


def body(brief: Brief) -> Body:
    """What is known of a problem, the most useful first."""
    where = ", ".join(brief.place) or "place not known"
    hosts = ", ".join(f"{host} ({count:,})" for host, count in brief.hosts) or "host not known"
    facts = [
        f"Where: {where}; {hosts}",
        f"First seen {brief.first_seen}, last seen {brief.last_seen}, {times(brief.count)}",
    ]
    if brief.link:
        facts.append(f"More: {brief.link}")
    made = [Section("What happened", tuple(filter(None, (brief.summary or brief.title, brief.cause))))]
    if brief.fix:
        made.append(Section("What fixed it before", (brief.fix,)))
    if brief.safety:
        made.append(Section("First, for safety", brief.safety))
    if brief.checks:
        heading = f"Check first ({_SOURCES.get(brief.source, brief.source)})" if brief.source else "Check first"
        made.append(Section(heading, brief.checks, listed=True, numbered=True))
    made.append(Section("Facts", tuple(facts), True))
    if brief.said:
        made.append(Section("What was logged", brief.said, True))
    return tuple(made)
