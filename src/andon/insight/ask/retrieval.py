"""Facts for a question without a model's help: the totals of its time and place, its problems by weight, what came
first, what is active, what is known of the heaviest problems.

Models that cannot call tools are shown this in the prompt; without a model it is the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from andon.core.errors import QueryTooSlow, UnknownName
from andon.core.models import (
    SEVERITY_RANK,
    Hint,
    HistoryQuery,
    Names,
    PatternFacts,
    PatternSeen,
    Period,
    Severity,
    StoredLog,
    utc_text,
)
from andon.core.models.explanations import question_of
from andon.core.names import choice, listed, nearest, quoted
from andon.core.redact import clean
from andon.explain.model.history_tools import COMPARED, HistoryTools
from andon.explain.model.time_phrases import shown
from andon.explain.runbooks.runbooks import MarkdownRunbooks
from andon.insight.ask import figures, scope, shift_words, spelling
from andon.insight.ask.figures import FirstOut, Group
from andon.insight.ask.name_filter import Named, find_names
from andon.insight.ask.question import COMMON, Question, Route, read_question
from andon.insight.ask.scope import Time
from andon.insight.shifts.calendar import Shift
from andon.store import Ask, agent_history, names, period
from andon.store.alarms import AlarmEntry

#: Problems that are told with what is known of them.
TOLD = 6
_TIMELINE, _AROUND = 14, 200
_BEFORE, _AFTER = timedelta(minutes=10), timedelta(minutes=5)
_QUOTED = 160
#: Problems that are told where a question of this kind names none.
_SHORTER = {Route.BEFORE: 1, Route.FIX: 3}
#: Problems of which the newest log is looked up, the heaviest and the most frequent.
_SAMPLED = 40
#: Words that are looked for in the logs themselves where no problem's text has any.
_SEARCHED = 6
#: What is asked of all time where no time is named but something that has happened.
_OF_EVER = frozenset({Route.FIX, Route.BEFORE, Route.COUNT, Route.DURATION})
#: What is asked of these is answered by none where nothing reads like the question's words.
_COUNTED = frozenset({Route.COUNT, Route.FREQUENT, Route.NEW, Route.BEFORE, Route.FIX})


class Exchanged(NamedTuple):
    """A question of the same conversation with its answer, the ids that it cites, and the part of history it meant."""

    question: str
    answer: str
    cited: tuple[int, ...] = ()
    scope: HistoryQuery = HistoryQuery()


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """A person's question about the history. ``now`` is aware and in the site's zone; ``since`` and ``until`` are
    stored-form times. Filters that are given go before what the text names. ``earlier`` is what was asked and answered
    before in the same conversation, the newest last."""

    text: str
    now: datetime
    since: str | None = None
    until: str | None = None
    host: Names | None = None
    place: Names | None = None
    service: Names | None = None
    earlier: tuple[Exchanged, ...] = ()


@dataclass
class Retrieved:
    """What was found. ``notes`` say what had to be assumed or left out; ``logs`` are by id.

    ``period`` is all of the time and place, ``groups`` its problems that fit the question, look-alikes folded,
    ``problems`` the first of them with what is known of each. ``nearest`` is the log that another time had to be taken
    for, which ``asked`` had none of; ``against`` is the other time of a comparison. ``timeline`` is what the host of
    the worst log recorded around it, the first log of each problem. ``samples`` are the newest logs of more problems,
    by id. ``told`` is what answers the question itself, in lines; ``unmatched`` says that nothing reads like the
    question's words.
    """

    inquiry: Inquiry
    scope: HistoryQuery = HistoryQuery()  # noqa: RUF009 - immutable
    scopes: list[HistoryQuery] = field(default_factory=list)
    question: Question = Question(Route.OVERVIEW, [], [], None, "machine", [])  # noqa: RUF009 - immutable
    codes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    period: Period | None = None
    groups: list[Group] = field(default_factory=list)
    problems: list[tuple[PatternSeen, PatternFacts]] = field(default_factory=list)
    only: set[int] | None = None
    fits: str = ""
    first_outs: list[FirstOut] = field(default_factory=list)
    active: list[AlarmEntry] | None = None
    asked: Time | None = None
    against: Time | None = None
    nearest: StoredLog | None = None
    logs: dict[int, StoredLog] = field(default_factory=dict)
    samples: dict[int, StoredLog] = field(default_factory=dict)
    timeline: list[StoredLog] = field(default_factory=list)
    alike: list[tuple[PatternFacts, float]] = field(default_factory=list)
    runbooks: list[Hint] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    unmatched: bool = False


async def retrieve(
    inquiry: Inquiry,
    ask: Ask,
    tools: HistoryTools,
    runbooks: MarkdownRunbooks | None = None,
    shifts: Sequence[Shift] = (),
) -> Retrieved:
    """The facts for ``inquiry``. Raises UnknownName for a filter or a question about a place that no log names,
    QueryTooSlow and StoreUnavailable."""
    found = Retrieved(inquiry)
    span = await ask(agent_history.span)
    if span is None:
        found.notes.append("No log is stored yet.")
        return found
    inquiry = found.inquiry = await _read_names(inquiry, ask, found.notes)
    site = await ask(names.of_site)
    text = spelling.with_times(inquiry.text, (*site.hosts, *site.places, *site.services), found.notes)
    inquiry = found.inquiry = replace(inquiry, text=text)
    text = shift_words.without(text, shifts)
    named = find_names(text, site)
    found.question = read_question(text, named.words, [*named.hosts, *named.places, *named.services, *named.unclear])
    await _only(ask, named, found)
    if named.severity != Severity.CRITICAL and (found.only is not None or found.question.words):
        named = named._replace(severity=None)  # "the pump fault" is about the pump, however severe it is
    await _look(ask, named, found, shifts)
    if found.period is None or not found.period.logs:
        oldest, newest = (shown(one, inquiry.now) for one in span)
        found.notes.append(f"Logs are stored from {oldest} to {newest}.")
    else:
        try:
            found.first_outs = await figures.first_outs(ask, found.scopes, inquiry.now)
        except QueryTooSlow:
            found.notes.append("So much was logged then that floods were not looked for.")
    fitting = {one.pattern_id for group in found.groups for one in (group.head, *group.alike)} if found.fits else None
    chosen = fitting if found.only is None else found.only
    found.active = await figures.active_now(ask, found.scopes, inquiry.now, chosen)
    if not found.fits and found.question.route in _SHORTER:
        del found.groups[_SHORTER[found.question.route] :]
    await _tell(ask, found)
    if found.question.words and not found.fits:
        found.alike = await _alike(tools, found)
    if runbooks is not None:
        found.runbooks = _runbooks(runbooks, found)
    return found


async def _read_names(inquiry: Inquiry, ask: Ask, notes: list[str]) -> Inquiry:
    """``inquiry`` with the names that logs carry in its filters."""
    given = HistoryQuery(host=inquiry.host, place=inquiry.place, service=inquiry.service)
    read = await ask(names.read, given)
    notes += [f"{note[0].upper()}{note[1:]}." for note in read.notes]
    return replace(inquiry, host=read.query.host, place=read.query.place, service=read.query.service)


async def _only(ask: Ask, named: Named, found: Retrieved) -> None:
    """The problems that the question names, by a code, their ids or the id of a log; None for all."""
    found.codes, coded = await scope.coded(ask, named, found.inquiry.text, found.notes)
    if found.codes:
        found.only, found.fits = coded, " or ".join(found.codes)
        if not coded:
            said = ", ".join(map(quoted, found.codes))
            near = choice("code", nearest(found.codes[0], await ask(period.codes)))
            found.notes.append(f"No stored log has {said}, in its text or its fields, however it is written.")
            found.notes.append(
                f"Of the codes of alarms {near}." if near.startswith("there") else "No alarm has a code."
            )
    unknown = list(named.unknown)
    for thing, sentence in named.unclear.items():
        if having := await scope.having(ask, thing, found.notes):
            found.only, found.fits = (
                (found.only or set()) | having,
                " or ".join(filter(None, [found.fits, repr(thing)])),
            )
        elif sentence:
            unknown.append(sentence)
        else:
            found.notes.append(f"No log names a place or host {thing!r}, nor has it in its text.")
    inquiry = found.inquiry
    known = named.hosts or named.places or named.services or inquiry.host or inquiry.place or inquiry.service
    if unknown and not (known or found.only):
        raise UnknownName("; ".join(unknown))
    found.notes += [f"{sentence[0].upper()}{sentence[1:]}." for sentence in unknown]
    asked = found.question
    if asked.problem_ids:
        roots = [await ask(agent_history.pattern, one) for one in asked.problem_ids]
        found.only = {one.pattern_id for one in roots if one is not None}
        if not found.only:
            await ask(names.known_problem, asked.problem_ids[0])
        found.fits = "that number"
    elif asked.route == Route.LOG:
        logs = await ask(agent_history.logs_of, asked.log_ids)
        facts = [await ask(agent_history.pattern, one.pattern_id) for one in logs if one.pattern_id is not None]
        found.only = {one.pattern_id for one in facts if one is not None}
        found.logs = {one.id: one for one in logs}
        found.fits = "that number"


async def _look(ask: Ask, named: Named, found: Retrieved, shifts: Sequence[Shift]) -> None:
    """The part of history that is asked about, or the nearest that has logs, and all that was logged there."""
    inquiry, asked = found.inquiry, found.question
    ever = found.only is not None or (bool(asked.words) and asked.route in _OF_EVER)
    text, found.against = scope.compared(inquiry.text, inquiry.now, shifts)
    time = scope.time_of(text, inquiry.now, (inquiry.since, inquiry.until), found.notes, shifts, ever=ever)
    if found.against is not None:
        time, found.against = scope.since_then(time, found.against, inquiry.now)
    base = HistoryQuery(
        since=time.since, until=time.until, host=inquiry.host, place=inquiry.place, service=inquiry.service
    )
    found.scopes = scope.scopes_of(base, named)
    found.scope = found.scopes[0]
    if found.only is not None and not found.only:
        return
    await _read(ask, found)
    if not await _fit(ask, found):
        return
    found.asked, wanted = time, found.fits or None
    for what, left in [("", named), *scope.fewer(named)]:
        scopes = scope.scopes_of(base, left)
        only = found.only
        log = await scope.nearest(ask, scopes, only)
        if log is None:
            continue
        if what:
            found.notes.append(f"No log at all matches everything the question names; this leaves out the {what}.")
        await _move(ask, found, scopes, time, log)
        return
    if wanted is None or found.period is None or not found.period.logs:
        found.notes.append(f"{_searched(found)}: no log, nor at any other time.")


async def _read(ask: Ask, found: Retrieved) -> None:
    found.period = await figures.period_of(ask, found.scopes, found.only, found.notes)
    found.groups = figures.fold(found.period.problems)


async def _fit(ask: Ask, found: Retrieved) -> bool:
    """Keep the problems that have the question's words; whether another time has to be looked at."""
    words, logged = found.question.words, found.period
    if logged is None or not words:
        return logged is not None and not logged.logs
    if found.only is not None:
        found.groups = figures.fold(figures.with_words(logged.problems, words) or logged.problems)
        return not logged.logs
    if fitting := figures.with_words(logged.problems, words):
        found.fits = _either(words)
        found.groups = figures.fold(fitting)
        return False
    known = await ask(agent_history.templates, COMPARED)
    seen = [PatternSeen(id_, text, 0, "", "", Severity.INFO, 0) for id_, text in known]
    roots = {one.pattern_id for one in figures.with_words(seen, words)[:500]}
    if not roots:  # a word that stands in texts only where others have something else, or in fields
        for word in words[:_SEARCHED]:
            roots |= await scope.having(ask, word, found.notes)
    if roots and await scope.nearest(ask, [_timeless(one) for one in found.scopes], roots) is not None:
        found.only, found.fits = roots, _either(words)
        return True
    if respelt := spelling.corrected(words, (text for _, text in known), COMMON):
        found.notes += [f"{word!r} is read as {meant!r}." for word, meant in respelt.items() if meant is not None]
        left = list(dict.fromkeys(meant for word in words if (meant := respelt.get(word, word)) is not None))
        found.question = found.question._replace(words=left)
        return await _fit(ask, found)
    found.notes.append(f"No problem reads like {_either(words)}, then or at any other time.")
    found.unmatched = True
    if found.question.route in _COUNTED:
        found.groups = []
    return not logged.logs


async def _move(ask: Ask, found: Retrieved, scopes: list[HistoryQuery], time: Time, log: StoredLog) -> None:
    """Look at the time nearest to the one that was asked about, in which ``log`` is."""
    found.nearest, now = log, found.inquiry.now
    found.notes.append(f"{_searched(found)}: no log{f' with {found.fits}' if found.fits else ''}.")
    past = time.until is None or log.timestamp < time.until
    said = f"{shown(log.timestamp, now)}, {clean(log.hostname, 80)}: {clean(' '.join(log.message.split()), _QUOTED)}"
    found.notes.append(f"The {'last one before' if past else 'first one after'} is of {said} [log {log.id}].")
    place = scope.moved(time, log, now)
    if place is None:
        return
    other, what = place
    found.scopes = [msgspec.structs.replace(one, since=other.since, until=other.until) for one in scopes]
    found.scope = found.scopes[0]
    found.notes.append(f"What follows is about {what}.")
    await _read(ask, found)


def _searched(found: Retrieved) -> str:
    """What was looked for, in words."""
    return scope_words(found.scopes, found.inquiry.now)


def scope_words(scopes: list[HistoryQuery], now: datetime) -> str:
    """The part of history that was looked at, in words."""
    if not scopes:
        return "In all that is stored"
    first = scopes[0]
    parts = [scope.span_words(first.since, first.until, now)]
    for name in ("host", "place", "service"):
        values = list(dict.fromkeys(value for one in scopes if (value := getattr(one, name)) is not None))
        parts += [f"{name} {' and '.join(clean(listed(value), 120) for value in values)}"] if values else []
    if first.severity is not None:
        parts.append(f"{first.severity} and worse" if first.severity != Severity.CRITICAL else "CRITICAL")
    return ", ".join(parts)


async def _tell(ask: Ask, found: Retrieved) -> None:
    """Fetch what is known of the problems that are told, and the logs that show them."""
    told = figures.worst_kept(found.groups, TOLD)
    for group in told:
        if (facts := await ask(agent_history.pattern, group.head.pattern_id, group.head.last_seen)) is not None:
            found.problems.append((group.head, facts))
    first = first_of(found)
    if first is not None and first not in [seen for seen, _ in found.problems]:
        facts = await ask(agent_history.pattern, first.pattern_id, first.last_seen)
        found.problems += [] if facts is None else [(first, facts)]
    ids = [i for seen, _ in found.problems for i in (seen.first_log, seen.last_log) if i is not None]
    found.logs |= {one.id: one for one in await ask(agent_history.logs_of, ids)}
    every = sorted((one for group in found.groups for one in (group.head, *group.alike)), key=lambda one: -one.count)
    more = [*(group.head for group in found.groups[:_SAMPLED]), *every[:_SAMPLED]]
    samples = await ask(agent_history.logs_of, [one.last_log for one in more if one.last_log is not None])
    found.samples = {one.id: one for one in samples}
    bad = [one for one in found.logs.values() if SEVERITY_RANK.get(one.severity, 1) >= Severity.ERROR.rank]
    if bad:  # the worst, and of those what came first
        begin = min(bad, key=lambda one: (-SEVERITY_RANK[one.severity], one.timestamp, one.id))
        found.timeline = await _timeline(ask, begin)


def first_of(found: Retrieved) -> PatternSeen | None:
    """What came first, of what is a warning or worse if anything is; None where nothing was found."""
    every = [one for group in found.groups for one in (group.head, *group.alike)]
    bad = [one for one in every if SEVERITY_RANK.get(one.worst_severity, 1) >= Severity.WARNING.rank]
    return min(bad or every, key=lambda one: (one.first_seen, one.first_log or 0), default=None)


async def _timeline(ask: Ask, around: StoredLog) -> list[StoredLog]:
    try:
        middle = datetime.fromisoformat(around.timestamp)
    except ValueError:  # taken over as it was
        return []
    if middle.tzinfo is None:
        return []
    since, until = utc_text(middle - _BEFORE), utc_text(middle + _AFTER)
    asked = HistoryQuery(host=around.hostname, since=since, until=until, oldest_first=True, limit=_AROUND)
    around_it = await ask(agent_history.find, asked)
    firsts: dict[tuple[int | None, int], StoredLog] = {}
    for one in around_it:  # of the logs of a problem the first says it all
        firsts.setdefault((one.pattern_id, 0 if one.pattern_id else one.id), one)
    return list(firsts.values())[:_TIMELINE]


async def _alike(tools: HistoryTools, found: Retrieved) -> list[tuple[PatternFacts, float]]:
    told = {seen.pattern_id for seen, _ in found.problems}
    alike = await tools.alike(" ".join([*found.codes, *found.question.words]), None)
    return [(facts, score) for facts, score in alike if facts.pattern_id not in told]


def _runbooks(runbooks: MarkdownRunbooks, found: Retrieved) -> list[Hint]:
    """Runbooks for the worst problems, and for the words of the question."""
    questions = [question_of(found.inquiry.text)]
    for seen, _ in found.problems[:3]:
        log = found.logs.get(seen.last_log or 0) or found.logs.get(seen.first_log or 0)
        if log is not None:
            questions.append(question_of(log.message, log.service, log.hostname))
    hints = {hint.source: hint for question in questions for hint in runbooks.hints(question)}
    return list(hints.values())[:3]


def _either(words: Collection[str]) -> str:
    return " or ".join(repr(clean(word, 60)) for word in words)


def _timeless(one: HistoryQuery) -> HistoryQuery:
    return msgspec.structs.replace(one, since=None, until=None)
