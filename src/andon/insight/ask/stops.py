"""Why something stopped: what came first in its floods of alarms, what held up production, and logs that say so."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec

from andon.core.errors import QueryTooSlow
from andon.core.models import SEVERITY_RANK, HistoryQuery, PatternSeen, Severity, StoredLog, utc_text
from andon.core.text import counted
from andon.core.times import lasting, local, seconds
from andon.explain.model.time_phrases import shown
from andon.insight.ask import figures
from andon.insight.ask.facts_text import known, plain
from andon.insight.ask.figures import FirstOut
from andon.insight.ask.retrieval import Retrieved
from andon.store import Ask, agent_history, alarms
from andon.store.alarms import Stopping

#: So many floods, stops and logs are told.
_FLOODS, _STOPS, _LOGS = 3, 8, 3
#: What led up to a stop is looked for so long before it, among so many logs, and so many problems of it are told.
_BEFORE, _READ, _LED = timedelta(minutes=10), 200, 6
#: Words of logs by which something stopped.
_SAYS = re.compile(
    r"\b(?:stop|stops|stopped|halted|shut\s?down|tripped|standstill|emergency\s(?:stop|chain)|e-?stop"
    r"|gestoppt|angehalten|stillstand|abgeschaltet|not-?halt|notaus)\b",
    re.IGNORECASE,
)


async def why(ask: Ask, found: Retrieved) -> list[str]:
    """The lines that answer why something stopped, the likely start first. Raises QueryTooSlow, StoreUnavailable."""
    stops = await _held_up(ask, found) or await _said_so(ask, found)
    parts = [part for part in (await _first_outs(ask, found), stops) if part]
    if not parts:
        return ["The logs do not say what stopped: there is no flood, no reported stop, and no log that names one."]
    return [line for part in parts for line in ("", *part)][1:]


async def most_often(ask: Ask, found: Retrieved, top: int) -> list[str]:
    """What held up production, the most frequent first; nothing where no source reports stops."""
    stops = sorted(await _stops(ask, found), key=lambda one: (-one.count, -one.lost, one.alarm.id))
    if not stops:
        return []
    lines = [_stop_line(one, f"{number}.", often_first=True) for number, one in enumerate(stops[:top], 1)]
    return ["Stops of production, the most frequent first:", *lines]


async def _first_outs(ask: Ask, found: Retrieved) -> list[str]:
    """What came first in each flood, the largest first; of the largest also what is known of its start."""
    lines: list[str] = []
    for number, one in enumerate(sorted(found.first_outs, key=lambda one: -one.alarms)[:_FLOODS]):
        lines.append(f"- {_first_line(one, found.inquiry.now)}")
        if not number and one.log is not None and one.log.pattern_id is not None:
            facts = await ask(agent_history.pattern, one.log.pattern_id)
            if facts is not None:
                found.explained.add(facts.pattern_id)
                lines += known(facts)
    return ["First-out, the alarm that began each flood (the largest flood first):", *lines] if lines else []


def _first_line(one: FirstOut, now: datetime) -> str:
    end = local(one.end, now.tzinfo or UTC)
    until = one.end if end is None else f"{end:%H:%M}"
    begun = shown(one.start if one.log is None else one.log.timestamp, now)
    said = plain(one.source) if one.log is None else f"{plain(one.log.hostname, 80)}: {plain(one.log.message)}"
    cited = "" if one.log is None else f" [log {one.log.id}]"
    return f"{begun}, {said}{cited}; {counted(one.alarms, 'alarm')} by {until}"


async def _stops(ask: Ask, found: Retrieved) -> list[Stopping]:
    now, scope = found.inquiry.now, found.scope
    since = seconds(scope.since) if scope.since else 0.0
    until = seconds(scope.until) if scope.until else now.timestamp()
    stops: dict[int, Stopping] = {}
    for chosen in figures.alarm_filters(found.scopes):
        for one in (await ask(alarms.counts, since, until, chosen)).stops:
            if (one.count or one.lost) and (found.only is None or one.alarm.pattern_id in found.only):
                stops[one.alarm.id] = one
    return sorted(stops.values(), key=lambda one: (-one.lost, -one.count, one.alarm.id))


async def _held_up(ask: Ask, found: Retrieved) -> list[str]:
    stops = await _stops(ask, found)
    if not stops:
        return []
    lost, many = sum(one.lost for one in stops), sum(one.count for one in stops)
    head = f"Stops of production in that time: {many:,}, {lasting(lost)} lost. The most time was lost by:"
    more = [f"And {len(stops) - _STOPS:,} other alarms that stopped it."] if len(stops) > _STOPS else []
    return [head, *(_stop_line(one) for one in stops[:_STOPS]), *more]


def _stop_line(one: Stopping, mark: str = "-", *, often_first: bool = False) -> str:
    often = counted(one.count, "stop") if one.count else "a stop that began earlier"
    figures_ = f"{often}, {lasting(one.lost)} lost" if often_first else f"{lasting(one.lost)} in {often}"
    problem = "" if one.alarm.pattern_id is None else f" (problem {one.alarm.pattern_id})"
    still = ", not over yet" if one.open else ""
    return f"{mark} {figures_}{still}: {plain(one.alarm.source)}{problem}"


async def _said_so(ask: Ask, found: Retrieved) -> list[str]:
    """Logs that say that something stopped, one of each problem, and what led up to the worst of them."""
    every = [one for group in found.groups for one in (group.head, *group.alike)]
    saying = [one for one in every if _is_bad(one.worst_severity) and _SAYS.search(one.template)]
    saying.sort(key=lambda one: (-SEVERITY_RANK.get(one.worst_severity, 1), one.count, one.pattern_id))
    if not saying:
        return []
    told = [log for one in saying[:_LOGS] if (log := await _saying(ask, one)) is not None]
    lines = ["Logs that say that something stopped, the worst first:", *(_log_line(one, found) for one in told)]
    led = await _led_up(ask, found, told[0]) if told else []
    return [*lines, *(["In the ten minutes before the first of these, in order:"] if led else []), *led]


def _is_bad(severity: str) -> bool:
    return SEVERITY_RANK.get(severity, 1) >= Severity.WARNING.rank


async def _saying(ask: Ask, one: PatternSeen) -> StoredLog | None:
    """The newest log of a problem at hand that is as bad as it: the last one may tell of its end."""
    ids = [log_id for log_id in (one.last_log, one.first_log) if log_id is not None]
    logs = {log.id: log for log in await ask(agent_history.logs_of, ids)}
    return next((logs[at] for at in ids if at in logs and _is_bad(logs[at].severity)), None)


def _log_line(log: StoredLog, found: Retrieved) -> str:
    at = shown(log.timestamp, found.inquiry.now)
    return f"- {at} {log.severity} {plain(log.hostname, 80)}: {plain(log.message)} [log {log.id}]"


async def _led_up(ask: Ask, found: Retrieved, stop: StoredLog) -> list[str]:
    """The first log of each problem at the same place shortly before, of warnings and worse; of those that came all
    the time only where nothing else did."""
    at = local(stop.timestamp, UTC)
    if at is None:
        return []
    firsts: dict[object, StoredLog] = {}
    for scope in found.scopes:
        asked: HistoryQuery = msgspec.structs.replace(
            scope,
            since=utc_text(at - _BEFORE),
            until=stop.timestamp,
            severity="WARNING",
            oldest_first=True,
            limit=_READ,
        )
        try:
            for one in await ask(agent_history.find, asked):
                firsts.setdefault(one.pattern_id or f"log {one.id}", one)
        except QueryTooSlow:
            return []
    logs = [one for one in firsts.values() if one.pattern_id != stop.pattern_id]
    began = {one.pattern_id: one.first_seen for group in found.groups for one in (group.head, *group.alike)}
    fresh = [one for one in logs if began.get(one.pattern_id or 0, one.timestamp) >= utc_text(at - _BEFORE)]
    told = sorted(fresh or logs, key=lambda one: (one.timestamp, one.id))
    return [_log_line(one, found) for one in told[:_LED]]
