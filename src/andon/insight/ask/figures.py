"""What a time amounts to: its problems with look-alikes folded, what came first in its floods, what is active."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from andon.core.errors import QueryTooSlow
from andon.core.models import SEVERITY_RANK, SEVERITY_WEIGHT, HistoryQuery, PatternSeen, Period, Severity, StoredLog
from andon.core.models.history import Place
from andon.core.text import unaccented
from andon.core.times import seconds, stored
from andon.grouping.similar import SimilarIndex
from andon.insight.alarms import alarm_report
from andon.store import Ask, agent_history, alarms, counts, period
from andon.store.alarms import AlarmEntry, AlarmFilter

#: Problems that are held against each other, the heaviest; and the likeness from which one is a look-alike.
FOLDED_MAX, LOOK_ALIKE = 300, 0.6
#: Longest time of which floods are told, and how many of them.
FLOODS_WITHIN, FLOODS_TOLD = timedelta(days=31), 3
_ACTIVE_MAX = 10_000


class Group(NamedTuple):
    """A problem, and lighter ones whose texts read alike."""

    head: PatternSeen
    alike: list[PatternSeen]


class FirstOut(NamedTuple):
    """A flood of ``alarms``, and the log that came first in it; ``source`` says what it was where no log is left."""

    start: str
    end: str
    alarms: int
    source: str
    log: StoredLog | None


async def period_of(ask: Ask, scopes: list[HistoryQuery], only: Collection[int] | None, notes: list[str]) -> Period:
    """All that was logged in ``scopes``. Where that is too much to be read it is taken from the counts by minute."""
    try:
        return await ask(period.period, scopes, only)
    except QueryTooSlow:
        scope = scopes[0]
        if len(scopes) > 1 or scope.place or scope.service or scope.severity or scope.since is None:
            raise
    notes.append(
        "Too much was logged then to read every log: it is counted by whole minutes, and each problem is weighted by "
        "its worst severity."
    )
    place = None if scope.host is None else Place("hostname", scope.host)
    until = stored(seconds(scope.until)) if scope.until else stored(seconds(scope.since) + 400 * 86_400)
    found = await ask(counts.activity, seconds(scope.since), seconds(until), place)
    roots = [root for root in found.problems if only is None or root in only]
    known = await ask(counts.known, roots)
    problems = [
        PatternSeen(
            root,
            known[root].template,
            found.problems[root].logs,
            max(known[root].first_seen, scope.since),
            min(known[root].last_seen, until),
            known[root].worst_severity,
            0,
            weight=found.problems[root].logs * SEVERITY_WEIGHT.get(known[root].worst_severity, 1),
        )
        for root in roots
        if root in known
    ]
    problems.sort(key=period.by_weight)
    return Period(sum(one.count for one in problems), {}, problems)


def fold(problems: Sequence[PatternSeen]) -> list[Group]:
    """The problems in their order, each with the later ones that read like it and are about as severe."""
    index = SimilarIndex(capacity=FOLDED_MAX)
    first = problems[:FOLDED_MAX]
    by_key = {str(one.pattern_id): one for one in first}
    for one in first:
        index.add(str(one.pattern_id), one.template)
    groups: list[Group] = []
    for number, one in enumerate(problems):
        key = str(one.pattern_id)
        if number >= FOLDED_MAX:
            groups.append(Group(one, []))
        elif key in by_key:
            del by_key[key]
            index.remove(key)
            like = index.similar(one.template, FOLDED_MAX, LOOK_ALIKE) if one.template else []
            alike = [other for other, _ in like if abs(_rank(by_key[other]) - _rank(one)) < 2]
            groups.append(Group(one, [by_key.pop(other) for other in alike]))
            for other in alike:
                index.remove(other)
    return groups


def _rank(one: PatternSeen) -> int:
    return SEVERITY_RANK.get(one.worst_severity, Severity.INFO.rank)


def worst_kept(groups: list[Group], told: int) -> list[Group]:
    """The first ``told`` groups, and in place of the last the worst one where none of them is so severe."""
    chosen = groups[:told]
    worst = max(groups, key=lambda group: _rank(group.head), default=None)
    if worst is not None and _rank(worst.head) > max(_rank(group.head) for group in chosen):
        chosen[-1] = worst
    return chosen


def with_words(problems: Iterable[PatternSeen], words: Sequence[str]) -> list[PatternSeen]:
    """Those problems that have the most of ``words``, two at least where any has several; a word counts by its
    beginning, so that plurals do."""
    scored = [(score(one.template, words), one) for one in problems]
    best = max((found for found, _ in scored), default=0)
    return [one for found, one in scored if found >= min(best, 2)] if best else []


def score(text: str, words: Sequence[str]) -> int:
    """How many of ``words`` a text has."""
    plain = unaccented(text)
    return sum(bool(re.search(rf"(?<!\w){re.escape(_stem(unaccented(word)))}", plain)) for word in words)


def _stem(word: str) -> str:
    return word[: max(4, len(word) - 2)]


def alarm_filters(scopes: Iterable[HistoryQuery]) -> list[AlarmFilter]:
    """Which alarms belong to ``scopes``."""
    return [AlarmFilter(host=scope.host, place=scope.place) for scope in scopes]


async def first_outs(ask: Ask, scopes: list[HistoryQuery], now: datetime) -> list[FirstOut]:
    """The greatest floods of the time, in its order, and what came first in each."""
    found: list[FirstOut] = []
    for scope, chosen in zip(scopes, alarm_filters(scopes), strict=True):
        begin = seconds(scope.since) if scope.since else 0.0
        end = seconds(scope.until) if scope.until else now.timestamp()
        if scope.service or not 0 < end - begin <= FLOODS_WITHIN.total_seconds():
            continue
        floods = (await ask(alarm_report.find, begin, end, chosen, named=0)).figures.floods
        for flood in sorted(floods, key=lambda one: -one.alarms)[:FLOODS_TOLD]:
            entry = await ask(alarms.first_out, flood.start, flood.end, chosen)
            if entry is not None:
                log = await _first_log(ask, entry, scope, stored(max(flood.start, begin)), stored(flood.end))
                span = (stored(max(flood.start, begin)), stored(min(flood.end, end)))
                found.append(FirstOut(*span, flood.alarms, entry.source, log))
    return sorted(found, key=lambda one: one.start)


async def _first_log(ask: Ask, entry: AlarmEntry, scope: HistoryQuery, since: str, until: str) -> StoredLog | None:
    if entry.pattern_id is None:
        return None
    for host in (entry.hostname, None):
        asked = HistoryQuery(
            since=since,
            until=until,
            pattern_id=entry.pattern_id,
            host=host,
            place=scope.place,
            oldest_first=True,
            limit=1,
        )
        if found := await ask(agent_history.find, asked):
            return found[0]
    return None


async def active_now(
    ask: Ask, scopes: list[HistoryQuery], now: datetime, only: Collection[int] | None
) -> list[AlarmEntry]:
    """The alarms at the places of ``scopes`` that are active now, what nobody has seen first; those of the problems
    ``only`` where any are named."""
    found: dict[int, AlarmEntry] = {}
    for chosen in alarm_filters(scopes):
        for one in await ask(alarms.listing, "active", now.timestamp(), chosen, _ACTIVE_MAX):
            found.setdefault(one.id, one)
    least = max((Severity(scope.severity).rank for scope in scopes if scope.severity), default=0)
    severe = [one for one in found.values() if SEVERITY_RANK.get(one.severity, 1) >= least]
    if only is not None:
        roots = {}
        for problem in {one.pattern_id for one in severe if one.pattern_id is not None} - set(only):
            known = await ask(agent_history.pattern, problem)
            roots[problem] = problem if known is None else known.pattern_id
        severe = [one for one in severe if roots.get(one.pattern_id or 0, one.pattern_id) in only]
    services = {
        name
        for scope in scopes
        for name in ([scope.service] if isinstance(scope.service, str) else scope.service or ())
    }
    if services:
        logs = await ask(agent_history.logs_of, [one.log_id for one in severe if one.log_id is not None])
        said = {one.id for one in logs if one.service in services}
        severe = [one for one in severe if one.log_id in said]
    return severe
