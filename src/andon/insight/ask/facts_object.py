"""Facts that were retrieved, as JSON values for programs: the same that :mod:`facts_text` tells people."""

from __future__ import annotations

from typing import Any

from andon.core.models import PatternFacts, PatternSeen, StoredLog
from andon.core.moments import text_of
from andon.core.redact import clean
from andon.insight.ask.facts_text import plain
from andon.insight.ask.figures import Group
from andon.insight.ask.retrieval import Retrieved, first_of

_TEXT = 20_000


def facts_of(found: Retrieved) -> dict[str, Any]:
    """What was asked for (``route``), the time and place that was looked at, its totals, and every problem that fits,
    the heaviest first; what came first, what is active, and the log that another time was taken for."""
    known = {seen.pattern_id: facts for seen, facts in found.problems}
    first = first_of(found)
    return {
        "route": found.question.route.value,
        "window": _window(found),
        "place": _named(found, "place"),
        "host": _named(found, "host"),
        "service": _named(found, "service"),
        "severity": found.scope.severity,
        "codes": found.codes,
        "words": found.question.words,
        "totals": None
        if found.period is None
        else {
            "logs": found.period.logs,
            "problems": len(found.period.problems),
            "severities": found.period.severities,
        },
        "problems": [_group(group, known.get(group.head.pattern_id)) for group in found.groups],
        "first": None if first is None else _seen(first),
        "first_out": [
            {
                "start": one.start,
                "end": one.end,
                "alarms": one.alarms,
                "source": clean(one.source, 400),
                "log": _log(one.log),
            }
            for one in found.first_outs
        ],
        "active": None
        if found.active is None
        else [
            {
                "id": one.id,
                "severity": one.severity,
                "where": clean(one.where, 200),
                "text": clean(one.text, 400),
                "code": one.code,
                "since": None if one.active_since is None else text_of(one.active_since),
                "acknowledged_by": one.acked_by,
                "pattern_id": one.pattern_id,
            }
            for one in found.active
        ],
        "nearest": _log(found.nearest),
        "told": found.told,
    }


def _window(found: Retrieved) -> dict[str, Any]:
    """The time that was looked at; ``asked`` is the one that was asked about where that is another."""
    asked = found.asked
    return {
        "since": found.scope.since,
        "until": found.scope.until,
        "zone": f"{found.inquiry.now.tzinfo}",
        "asked": None if asked is None else {"since": asked.since, "until": asked.until},
    }


def _named(found: Retrieved, name: str) -> list[str] | None:
    values = [value for one in found.scopes if (value := getattr(one, name)) is not None]
    flat = [name for value in values for name in ([value] if isinstance(value, str) else value)]
    return list(dict.fromkeys(flat)) or None


def _seen(seen: PatternSeen) -> dict[str, Any]:
    return {
        "id": seen.pattern_id,
        "text": plain(seen.template, 400),
        "severity": seen.worst_severity,
        "logs": seen.count,
        "weight": seen.weight,
        "hosts": seen.hosts,
        "first_seen": seen.first_seen,
        "last_seen": seen.last_seen,
        "first_log": seen.first_log,
        "last_log": seen.last_log,
    }


def _group(group: Group, facts: PatternFacts | None) -> dict[str, Any]:
    value = _seen(group.head) | {"look_alikes": [_seen(one) for one in group.alike]}
    if facts is not None:
        value["explanation"] = None if facts.explanation is None else clean(facts.explanation, _TEXT)
        value["rung"] = facts.rung
        value["fixes"] = [
            {"fix": clean(one.fix, _TEXT), "cause": one.cause and clean(one.cause, _TEXT), "author": one.author}
            for one in facts.fixes
        ]
    return value


def _log(log: StoredLog | None) -> dict[str, Any] | None:
    if log is None:
        return None
    return {"id": log.id, "timestamp": log.timestamp, "hostname": log.hostname, "message": plain(log.message, 4_000)}
