"""What answers a question itself, where it asks for something that Andon has a function for.

That is a log, what is active, what is frequent, new, rising or silent, where, how often, what helped. Each is lines of
text; :mod:`facts_text` tells the rest.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from andon.core.errors import NotFound
from andon.core.models import PatternSeen, Period, utc_text
from andon.core.models.history import Place
from andon.core.names import listed
from andon.core.text import counted
from andon.core.times import lasting, seconds
from andon.explain.model.time_phrases import shown
from andon.insight.ask import figures, scope, stops
from andon.insight.ask.facts_text import EXAMPLES, alarm_line, plain, problem_line, titled
from andon.insight.ask.question import STOPS, UNSEEN, Route
from andon.insight.ask.retrieval import Retrieved
from andon.insight.trends import trends
from andon.insight.trends.rates import between, occurrences
from andon.store import Ask, agent_history, alarms, counts, period, problems
from andon.store.period import CountedField

_LISTED = 10
_TIMES = 5
_WHEN = re.compile(r"\b(?:when|wann)\b", re.IGNORECASE)
_ALARM = re.compile(r"\balarm", re.IGNORECASE)
_PLACES = ("line", "machine", "area", "site", "hostname")


async def told(ask: Ask, found: Retrieved) -> list[str]:
    """The lines that answer what ``found`` was asked for. Raises QueryTooSlow and StoreUnavailable."""
    work = _WORK.get(found.question.route)
    return [] if work is None else await work(ask, found)


async def _help(_ask: Ask, _found: Retrieved) -> list[str]:
    return [EXAMPLES]


async def _log(ask: Ask, found: Retrieved) -> list[str]:
    now, lines = found.inquiry.now, []
    for wanted in found.question.log_ids:
        log = found.logs.get(wanted)
        if log is None:
            ids = await ask(period.log_ids)
            lines.append(f"There is no log {wanted}" + (f": ids go from {ids[0]} to {ids[1]}." if ids else "."))
            continue
        place = "/".join(plain(part, 40) for part in (log.site, log.area, log.line, log.machine) if part)
        where = f"{plain(log.hostname, 80)}{f' ({place})' if place else ''}, {plain(log.service, 60)}"
        lines.append(f"Log {log.id}: {log.severity} at {shown(log.timestamp, now)} on {where}:")
        lines.append(f"  {plain(log.message, 4_000)} [log {log.id}]")
        if log.pattern_id is None:
            lines.append("  It belongs to no problem.")
    return lines


async def _last(ask: Ask, found: Retrieved) -> list[str]:
    scopes = found.scopes
    if _ALARM.search(found.inquiry.text):  # what only informs is none
        scopes = [msgspec.structs.replace(one, severity=one.severity or "WARNING") for one in scopes]
    log = await scope.nearest(ask, scopes, found.only)
    if log is None:
        return []
    where = f"{log.severity} at {shown(log.timestamp, found.inquiry.now)} on {plain(log.hostname, 80)}"
    return [f"The last one is log {log.id}, {where}: {plain(log.message, 4_000)} [log {log.id}]"]


async def _problem(ask: Ask, found: Retrieved) -> list[str]:
    lines = []
    for wanted in found.question.problem_ids:
        facts = await ask(agent_history.pattern, wanted)
        if facts is None:
            sizes = await ask(counts.sizes)
            lines.append(f"There is no problem {wanted}. {sizes.patterns:,} are known: `andon problems` lists them.")
            continue
        if facts.pattern_id != wanted:
            lines.append(f"Problem {wanted} was merged into {facts.pattern_id}.")
        now = found.inquiry.now
        span = f"{shown(facts.first_seen, now)} to {shown(facts.last_seen, now)}"
        lines.append(
            f"Problem {facts.pattern_id} ({facts.worst_severity}): {counted(facts.count, 'log')} from {span}, "
            f"{facts.last_day:,} in its last 24 hours, on {counted(facts.host_count, 'host')}."
        )
    return lines


async def _active(_ask: Ask, found: Retrieved) -> list[str]:
    active, now, unseen = found.active or [], found.inquiry.now, UNSEEN.search(found.inquiry.text) is not None
    if unseen:
        active = [one for one in active if one.acked_at is None]
    what = "active and not acknowledged" if unseen else "active"
    if not active:
        return [f"No alarm is known to be {what} there now."]
    lines = [f"{counted(len(active), 'alarm')} {'is' if len(active) == 1 else 'are'} {what} now:"]
    lines += [alarm_line(one, now) for one in active[:_LISTED]]
    if len(active) > _LISTED:
        lines.append(f"And {len(active) - _LISTED:,} more: `andon alarms --active` lists them.")
    if not any(one.clears for one in active):
        lines.append("No source there reports when an alarm ends, so these may be over.")
    return lines


async def _frequent(ask: Ask, found: Retrieved) -> list[str]:
    top = found.question.top or _LISTED
    if STOPS.search(found.inquiry.text) and (lines := await stops.most_often(ask, found, top)):
        return lines
    every = sorted(_all(found), key=lambda one: (-one.count, -one.weight, one.pattern_id))
    lines = ["Most frequent, by logs:"] if every else []
    total = sum(one.count for one in every)
    lines += [
        f"{problem_line(one, found, f'{number}.')}, {_share(one.count, total)} of the logs"
        for number, one in enumerate(every[:top], 1)
    ]
    return lines


async def _where(ask: Ask, found: Retrieved) -> list[str]:
    wanted = found.question.field
    fields: list[CountedField] = [wanted] if wanted != "machine" else ["machine", "hostname"]  # type: ignore[list-item]
    alarming = [msgspec.structs.replace(one, severity=one.severity or "WARNING") for one in found.scopes]
    for field in fields:
        rows = await ask(period.by_field, alarming, field, found.question.top or _LISTED)
        if rows:
            name = "host" if field == "hostname" else field
            lines = [f"Most logs of WARNING and worse, by {name}:"]
            return lines + [
                f"{number}. {plain(value, 80)}: {counted(count, 'log')} of {counted(kinds, 'problem')}"
                for number, (value, count, kinds) in enumerate(rows, 1)
            ]
    return [f"No log of WARNING or worse names a {' or a '.join(fields)} there."]


async def _count(_ask: Ask, found: Retrieved) -> list[str]:
    every = sorted(_all(found), key=lambda one: (-one.count, one.pattern_id))
    if not every:
        return ["None."]
    now = found.inquiry.now
    lines = [
        f"{problem_line(one, found)}, from {shown(one.first_seen, now)} to {shown(one.last_seen, now)}"
        for one in every[:_LISTED]
    ]
    return lines + ([f"And {counted(len(every) - _LISTED, 'problem')} more."] if len(every) > _LISTED else [])


async def _new(ask: Ask, found: Retrieved) -> list[str]:
    now = found.inquiry.now
    since, until = found.scope.since or "", found.scope.until or utc_text(now + timedelta(minutes=1))
    first = await ask(counts.first_seen_within, since, until)
    new = sorted((one for one in _all(found) if one.pattern_id in first), key=lambda one: first[one.pattern_id])
    if not new:
        return ["No problem was new in that time."] if found.period and found.period.logs else []
    lines = [f"{counted(len(new), 'problem')} seen for the first time then, the newest first:"]
    lines += [
        f"{problem_line(one, found)}, first at {shown(first[one.pattern_id], now)}" for one in new[::-1][:_LISTED]
    ]
    return lines + ([f"And {len(new) - _LISTED:,} more: `andon trends new`."] if len(new) > _LISTED else [])


async def _rising(ask: Ask, found: Retrieved) -> list[str]:
    return [*await _beside(ask, found), *await _trend(ask, found, "rising", "Rising beyond chance")]


async def _quiet(ask: Ask, found: Retrieved) -> list[str]:
    return await _trend(ask, found, "quiet", "Regular before, silent now")


async def _changed(ask: Ask, found: Retrieved) -> list[str]:
    return [
        *await _beside(ask, found),
        *await _new(ask, found),
        *await _trend(ask, found, "rising", "Rising beyond chance"),
        *await _quiet(ask, found),
        "`andon diff` shows how the logs of two times differ.",
    ]


async def _beside(ask: Ask, found: Retrieved) -> list[str]:
    """The places beside each other where several are named, and the logs of the time beside those of another: the one
    that is named, as far as this one has come, or as long a time before."""
    asked, now = found.scope, found.inquiry.now
    if asked.since is None or found.period is None:
        return []
    lines = []
    for one in found.scopes if len(found.scopes) > 1 else []:
        there = await ask(period.period, [one], found.only)
        name = plain(listed(one.host or one.place or ""), 80)
        lines.append(f"{name}: {counted(there.logs, 'log')} of {counted(len(there.problems), 'problem')}.")
    begin = datetime.fromisoformat(asked.since)
    length = (now if asked.until is None else datetime.fromisoformat(asked.until)) - begin
    since, until, times = utc_text(begin - length), asked.since, f"in the {lasting(length.total_seconds())} before"
    other = found.against
    if other is not None and other.since is not None and other.since < asked.since:
        open_ = asked.until is None or datetime.fromisoformat(asked.until) >= now
        end = utc_text(datetime.fromisoformat(other.since) + length) if open_ else asked.since
        since, until = other.since, min(end, other.until or end, asked.since)
        times = f"from {shown(since, now)} to {shown(until, now)}"
    before = [msgspec.structs.replace(one, since=since, until=until) for one in found.scopes]
    earlier = await ask(period.period, before, found.only)
    return [*lines, *_more_or_fewer(found.period, earlier, times)]


def _more_or_fewer(period_: Period, earlier: Period, when: str) -> list[str]:
    logs, then = period_.logs, earlier.logs
    if logs == then:
        return [f"As many as before: {counted(logs, 'log')}, the same number {when}."]
    now_problems, then_problems = (counted(len(one.problems), "problem") for one in (period_, earlier))
    times = f" ({logs / then:.1f} times as many)" if then else ""
    return [
        f"{'More' if logs > then else 'Fewer'} than before: {counted(logs, 'log')} of {now_problems}, against "
        f"{counted(then, 'log')} of {then_problems} {when}{times}."
    ]


async def _trend(ask: Ask, found: Retrieved, kind: trends.Kind, title: str) -> list[str]:
    looked = found.scope
    if looked.since is None:
        return []
    since = seconds(looked.since)
    until = seconds(looked.until) if looked.until else found.inquiry.now.timestamp()
    names = (
        [Place("hostname", looked.host)]
        if looked.host
        else [Place(field, looked.place) for field in _PLACES if looked.place]
    )
    places: list[Place | None] = [*names] or [None]
    for place in places:
        question = trends.Asked(since, until, since - max(7 * trends.DAY, 3 * (until - since)), place, _LISTED)
        try:
            rows = await ask(trends.find, kind, question)
        except NotFound:
            continue
        if not rows.rows:
            return [f"{title}: none{f', {rows.note}' if rows.note else ''}."]
        return [f"{title}:", *(_trend_line(row, found) for row in rows.rows)]
    return []


def _trend_line(row: trends.Trend, found: Retrieved) -> str:
    said = f"- problem {row.pattern_id} ({row.worst_severity}): {titled(row.template)}"
    if row.count:
        before = "none before" if not row.ratio else f"{row.ratio:,.1f} times its usual rate"
        return f"{said}, {counted(row.count, 'log')}, {before}"
    return f"{said}, {row.expected or 0:,.0f} expected, last at {shown(row.last_seen, found.inquiry.now)}"


async def _fix(ask: Ask, found: Retrieved) -> list[str]:
    """Every confirmed fix of the problems that fit; where nothing is named those of last time."""
    lines: list[str] = []
    for seen, facts in found.problems if found.fits else []:
        for fix in facts.fixes:
            by = f" by {plain(fix.author, 60)}" if fix.author else ""
            when = shown(fix.created_at, found.inquiry.now)
            lines.append(f"- problem {seen.pattern_id}, confirmed {when}{by}: {plain(fix.fix, 20_000)}")
    if lines:
        return ["Confirmed fixes:", *lines]
    if found.fits:
        return (
            ["No fix is confirmed for it yet; `andon resolve` records one. What is known follows."]
            if found.problems
            else []
        )
    now = utc_text(found.inquiry.now + timedelta(minutes=1))
    newest = (await ask(problems.fixes_within, "", now))[::-1][:_TIMES]
    if not newest:
        return ["No fix has been confirmed yet; `andon resolve PROBLEM --fix …` records what helped."]
    lines = [f"The newest confirmed fixes{', of any place' if found.scope.place or found.scope.host else ''}:"]
    for fix in newest:
        by = f" by {plain(fix.author, 60)}" if fix.author else ""
        lines.append(
            f"- problem {fix.pattern_id}, {shown(fix.created_at, found.inquiry.now)}{by}: {plain(fix.fix, 20_000)}"
        )
    return lines


async def _before(ask: Ask, found: Retrieved) -> list[str]:
    """How often the problem in question occurred, and when; the heaviest one where none is named."""
    if not found.problems:
        return []
    facts = found.problems[0][1]
    now = found.inquiry.now
    until = now.timestamp() + 60
    minutes = await ask(counts.minutes_of, facts.pattern_id, seconds(facts.first_seen) - 60, until)
    starts = occurrences(sorted(minutes))
    which = "" if found.fits else f"This is about problem {facts.pattern_id}, the heaviest of that time. "
    times = counted(len(starts), "time")
    every = f", one every {lasting((between(starts) or 0) * 60)} on average" if len(starts) > 1 else ""
    said = "Yes: " if len(starts) > 1 else "No: "
    if _WHEN.search(found.inquiry.text):
        said = f"Last at {shown(facts.last_seen, now)}: "
    lines = [f"{which}{said}problem {facts.pattern_id} occurred {times} with {counted(facts.count, 'log')}{every}."]
    for start in starts[::-1][:_TIMES]:
        moment = utc_text(datetime.fromtimestamp(start * 60, now.tzinfo))
        lines.append(f"- {shown(moment, now)}")
    return lines


async def _lasted(ask: Ask, found: Retrieved) -> list[str]:
    """How long the alarms of what was found were active; where none said so, from when to when it was logged."""
    wanted, now = {one.pattern_id for one in _all(found)}, found.inquiry.now
    since = seconds(found.scope.since) if found.scope.since else 0.0
    until = seconds(found.scope.until) if found.scope.until else now.timestamp()
    shares = {}
    for chosen in figures.alarm_filters(found.scopes):
        for one in await ask(alarms.durations, since, until, chosen):
            if one.alarm.pattern_id in wanted:
                shares[one.alarm.id] = one
    if not shares:
        return ["No alarm there reports how long it was active. Its logs:", *await _count(ask, found)] if wanted else []
    lines = ["How long alarms were active in that time, the longest first:"]
    every = sorted(shares.values(), key=lambda one: (-(one.seconds or 0), one.alarm.id))
    for one in every[:_LISTED]:
        still = ", and still is" if one.alarm.state == "active" and one.seconds is not None else ""
        long = "its end was never reported" if one.seconds is None else f"{lasting(one.seconds)}{still}"
        lines.append(
            f"- {plain(one.alarm.source)}: {long} ({counted(one.count, 'time')}, problem {one.alarm.pattern_id})"
        )
    return lines


async def _acknowledged(ask: Ask, found: Retrieved) -> list[str]:
    now = found.inquiry.now
    entries = {}
    for chosen in figures.alarm_filters(found.scopes):
        for one in await ask(alarms.listing, "all", now.timestamp(), chosen, 10_000):
            if one.acked_at is not None:
                entries[one.id] = one
    words, only = found.question.words, found.only
    chosen_ones = [one for one in entries.values() if only is None or one.pattern_id in only]
    fitting = [one for one in chosen_ones if figures.score(f"{one.source} {one.text}", words)] if words else chosen_ones
    fitting.sort(key=lambda one: -(one.acked_at or 0))
    if not fitting:
        return [
            "Nobody has acknowledged such an alarm; `andon ack` does that."
            if entries
            else "No alarm has been acknowledged yet."
        ]
    lines = ["Acknowledged, the last first:"]
    for one in fitting[:_LISTED]:
        at = datetime.fromtimestamp(one.acked_at or 0, now.tzinfo)
        note = f" ({plain(one.ack_note)})" if one.ack_note else ""
        by = plain(one.acked_by or "somebody unknown", 60)
        lines.append(f"- {at:%Y-%m-%d %H:%M:%S %Z} by {by}{note}: {plain(one.source)}")
    return lines


def _share(count: int, total: int) -> str:
    return f"{count / total:.0%}" if count * 100 >= total else "under 1%"


def _all(found: Retrieved) -> list[PatternSeen]:
    return [one for group in found.groups for one in (group.head, *group.alike)]


_WORK: dict[Route, Callable[[Ask, Retrieved], Awaitable[list[str]]]] = {
    Route.HELP: _help,
    Route.LOG: _log,
    Route.LAST: _last,
    Route.PROBLEM: _problem,
    Route.ACTIVE: _active,
    Route.FREQUENT: _frequent,
    Route.WHERE: _where,
    Route.COUNT: _count,
    Route.NEW: _new,
    Route.RISING: _rising,
    Route.QUIET: _quiet,
    Route.CHANGED: _changed,
    Route.FIX: _fix,
    Route.BEFORE: _before,
    Route.ACKNOWLEDGED: _acknowledged,
    Route.DURATION: _lasted,
    Route.STOP: stops.why,
}
