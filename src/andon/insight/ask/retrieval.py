"""Facts for a question without a model's help: what it names, the problems of that time and place, what led up to them.

Models that cannot call tools are shown this in the prompt; without a model it is the answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from andon.core.errors import UnknownName
from andon.core.models import (
    SEVERITY_RANK,
    Hint,
    HistoryQuery,
    Names,
    PatternFacts,
    PatternSeen,
    Severity,
    StoredLog,
    utc_text,
)
from andon.core.models.explanations import question_of
from andon.core.times import Skipped
from andon.explain.model.history_tools import HistoryTools
from andon.explain.model.time_phrases import shown, window
from andon.explain.runbooks.runbooks import MarkdownRunbooks
from andon.insight.ask.name_filter import Named, find_names
from andon.store import Ask, agent_history, names

TOLD = 6
#: Problems of the window that are looked through for the question's words.
_LISTED = 60
_SCOPES = 3
_TIMELINE, _AROUND = 14, 200
_DEFAULT_SPAN = timedelta(hours=24)
_BEFORE, _AFTER = timedelta(minutes=10), timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """A person's question about the history. ``now`` is aware and in the site's zone; ``since`` and ``until`` are
    stored-form times. Filters that are given go before what the text names."""

    text: str
    now: datetime
    since: str | None = None
    until: str | None = None
    host: Names | None = None
    place: Names | None = None
    service: Names | None = None


@dataclass
class Retrieved:
    """What was found. ``notes`` say what had to be assumed or left out; ``logs`` are by id.

    ``problems`` come with what is known of each, the most telling first; ``timeline`` is what the host of the first bad
    log recorded around it, once for each row of the same problem.
    """

    inquiry: Inquiry
    scope: HistoryQuery = HistoryQuery()  # noqa: RUF009 - immutable
    notes: list[str] = field(default_factory=list)
    problems: list[tuple[PatternSeen, PatternFacts]] = field(default_factory=list)
    more_problems: int = 0
    logs: dict[int, StoredLog] = field(default_factory=dict)
    timeline: list[StoredLog] = field(default_factory=list)
    alike: list[tuple[PatternFacts, float]] = field(default_factory=list)
    runbooks: list[Hint] = field(default_factory=list)


async def retrieve(
    inquiry: Inquiry, ask: Ask, tools: HistoryTools, runbooks: MarkdownRunbooks | None = None
) -> Retrieved:
    """The facts for ``inquiry``. Raises UnknownName for a filter or a question about a place that no log names,
    QueryTooSlow and StoreUnavailable."""
    found = Retrieved(inquiry)
    span = await ask(agent_history.span)
    if span is None:
        found.notes.append("No log is stored yet.")
        return found
    inquiry = found.inquiry = await _read(inquiry, ask, found.notes)
    named = find_names(inquiry.text, await ask(names.of_site))
    if named.unknown and not (named.hosts or named.places or inquiry.host or inquiry.place):
        raise UnknownName("; ".join(named.unknown))
    found.scope = scope = _window(inquiry, span, found.notes)
    found.notes += [f"{sentence[0].upper()}{sentence[1:]}." for sentence in named.unknown]
    found.notes += [f"No log names a place or host {thing!r}." for thing in named.unclear]
    scopes = list(_scopes(inquiry, named, scope))
    problems = await _problems(ask, scopes)
    if not problems and scopes != [scope]:
        problems = await _relaxed(ask, named, found)
    elif scopes:
        found.scope = scopes[0]
    if not problems:
        oldest, newest = (shown(one, inquiry.now) for one in span)
        found.notes.append(f"No log matches in that time; logs are stored from {oldest} to {newest}.")
    await _tell(ask, problems, named, found)
    if not problems or (named.words and not any(_score(seen, named) for seen, _ in found.problems)):
        found.alike = await _alike(tools, named, found)
    if runbooks is not None:
        found.runbooks = _runbooks(runbooks, found)
    return found


async def _read(inquiry: Inquiry, ask: Ask, notes: list[str]) -> Inquiry:
    """``inquiry`` with the names that logs carry in its filters."""
    given = HistoryQuery(host=inquiry.host, place=inquiry.place, service=inquiry.service)
    read = await ask(names.read, given)
    notes += [f"{note[0].upper()}{note[1:]}." for note in read.notes]
    return replace(inquiry, host=read.query.host, place=read.query.place, service=read.query.service)


def _window(inquiry: Inquiry, span: tuple[str, str], notes: list[str]) -> HistoryQuery:
    """The time asked about: as given, as said, or the last 24 hours of which there are logs."""
    if inquiry.since is not None or inquiry.until is not None:
        return HistoryQuery(since=inquiry.since, until=inquiry.until)
    untold = "The question names no time"
    try:
        said = window(inquiry.text, inquiry.now)
    except Skipped as error:
        said, untold = None, f"The time {error}"
    if said is not None:
        return HistoryQuery(since=utc_text(said.since), until=utc_text(said.until))
    since = utc_text(inquiry.now - _DEFAULT_SPAN)
    newest = span[1]
    if newest >= since:
        notes.append(f"{untold}: the last 24 hours were looked at.")
        return HistoryQuery(since=since)
    try:
        end = datetime.fromisoformat(newest)
    except ValueError:  # taken over as it was
        return HistoryQuery()
    notes.append(
        f"{untold} and the newest log is of {shown(newest, inquiry.now)}: the 24 hours before it were looked at."
    )
    return HistoryQuery(since=utc_text(end - _DEFAULT_SPAN))


def _scopes(inquiry: Inquiry, named: Named, base: HistoryQuery) -> Iterator[HistoryQuery]:
    """``base`` with what is named or given; one for each host, or else for each place."""
    service, code = (next(iter(names), None) for names in (named.services, named.codes))
    base = msgspec.structs.replace(base, service=inquiry.service or service, severity=named.severity, text=code)
    if inquiry.host or inquiry.place:
        yield msgspec.structs.replace(base, host=inquiry.host or None, place=inquiry.place or None)
        return
    name = "host" if named.hosts else "place"
    values: list[str | None] = [*(named.hosts or named.places)[:_SCOPES]]
    yield from (msgspec.structs.replace(base, **{name: value}) for value in values or [None])


_ORDERS: tuple[agent_history.Order, ...] = ("severity", "first")


async def _problems(ask: Ask, scopes: list[HistoryQuery]) -> dict[int, PatternSeen]:
    """The problems of all scopes by id: the worst, and those that came first."""
    problems: dict[int, PatternSeen] = {}
    for scope in scopes:
        for order in _ORDERS:
            for seen in await ask(agent_history.problems, msgspec.structs.replace(scope, limit=_LISTED), order):
                problems.setdefault(seen.pattern_id, seen)
    return problems


async def _relaxed(ask: Ask, named: Named, found: Retrieved) -> dict[int, PatternSeen]:
    """Nothing matches all that is named: leave out the code and the severity, then the service, then the place."""
    for what, fewer in (
        ("the code or severity", named._replace(codes=[], severity=None)),
        ("the service", named._replace(codes=[], severity=None, services=[])),
        ("the place or host", named._replace(codes=[], severity=None, services=[], hosts=[], places=[])),
    ):
        scopes = list(_scopes(found.inquiry, fewer, found.scope))
        if problems := await _problems(ask, scopes):
            found.notes.append(f"No log matches everything the question names; this leaves out {what}.")
            found.scope = scopes[0]
            return problems
    return {}


async def _tell(ask: Ask, problems: dict[int, PatternSeen], named: Named, found: Retrieved) -> None:
    """Choose the problems to tell, and fetch what is known of them and the logs that show them."""
    ranked = sorted(
        problems.values(),
        key=lambda seen: (-_score(seen, named), -SEVERITY_RANK.get(seen.worst_severity, 1), seen.first_seen),
    )
    chosen = ranked[:TOLD]
    first = min(ranked, key=lambda seen: (seen.first_seen, seen.first_log or 0), default=None)
    if first is not None and first not in chosen:
        chosen[-1] = first
    found.more_problems = len(ranked) - len(chosen)
    for seen in chosen:
        if (facts := await ask(agent_history.pattern, seen.pattern_id, seen.last_seen)) is not None:
            found.problems.append((seen, facts))
    ids = [i for seen in chosen for i in (seen.first_log, seen.last_log) if i is not None]
    found.logs = {one.id: one for one in await ask(agent_history.logs_of, ids)}
    bad = [one for one in found.logs.values() if SEVERITY_RANK.get(one.severity, 1) >= Severity.ERROR.rank]
    if bad:
        found.timeline = await _timeline(ask, min(bad, key=lambda one: (one.timestamp, one.id)))


async def _timeline(ask: Ask, around: StoredLog) -> list[StoredLog]:
    try:
        middle = datetime.fromisoformat(around.timestamp)
    except ValueError:  # taken over as it was
        return []
    if middle.tzinfo is None:
        return []
    since, until = utc_text(middle - _BEFORE), utc_text(middle + _AFTER)
    scope = HistoryQuery(host=around.hostname, since=since, until=until, oldest_first=True, limit=_AROUND)
    around_it = await ask(agent_history.find, scope)
    # of a row of the same problem the first log says it all
    runs = itertools.groupby(around_it, key=lambda one: one.pattern_id or one.id)
    return [next(run) for _, run in itertools.islice(runs, _TIMELINE)]


def _score(seen: PatternSeen, named: Named) -> int:
    """How many of the question's telling words the problem has; a word counts by its beginning, so that plurals do."""
    template = seen.template.lower()
    return sum(word[: max(4, len(word) - 2)] in template for word in named.words)


async def _alike(tools: HistoryTools, named: Named, found: Retrieved) -> list[tuple[PatternFacts, float]]:
    if not named.words and not named.codes:
        return []
    told = {seen.pattern_id for seen, _ in found.problems}
    alike = await tools.alike(" ".join([*named.codes, *named.words]), None)
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
