"""Facts that were retrieved, as lines for a model's prompt and as an answer for people where no model is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from andon.core.models import HistoryQuery, PatternFacts, PatternSeen, StoredLog
from andon.core.redact import clean, visible
from andon.explain.model.fence import encode, listing, log_line
from andon.explain.model.history_tools import HistoryTools
from andon.explain.model.time_phrases import shown
from andon.explain.model.tool_lines import facts_line, problem_line
from andon.insight.ask.retrieval import Retrieved

_LINE = 600
_EXPLAINED, _CUT = 420, 160
#: Shares of the room: the problems with what is known of them, the logs that show them; the rest is for what led up.
_PROBLEMS, _LOGS = 0.5, 0.75


def prompt_lines(found: Retrieved, tools: HistoryTools, room: int) -> tuple[list[str], set[int]]:
    """Lines of JSON for a fence, within about ``room`` bytes, and the ids of the logs in them."""
    lines = [encode({"note": clean(note, 300)}) for note in found.notes]
    room -= sum(len(line.encode()) + 1 for line in lines)
    # the worst problem, then what came first: where room is short, these two say most
    order = list(found.problems)
    if len(order) > 2:
        order.insert(1, order.pop(min(range(len(order)), key=lambda at: order[at][0].first_seen)))
    problems = listing((_problem(seen, facts, tools) for seen, facts in order), int(room * _PROBLEMS))
    told = [*problems.lines, *listing((facts_line(f, tools.now, likeness=s) for f, s in found.alike), room // 4).lines]
    ids = {i for seen, _ in order[: len(problems.lines)] for i in (seen.first_log, seen.last_log) if i}
    logs = listing((log_line(one, _LINE) for one in found.logs.values()), int(room * _LOGS) - problems.taken)
    ids.update(list(found.logs)[: len(logs.lines)])
    timeline = [one for one in found.timeline if one.id not in ids]
    rest = listing((log_line(one, _LINE) for one in timeline), room - problems.taken - logs.taken)
    ids.update(one.id for one in timeline[: len(rest.lines)])
    hints = [encode({"runbook": clean(h.source, 80), "text": clean(h.text, 600)}) for h in found.runbooks[:2]]
    return [*lines, *told, *logs.lines, *rest.lines, *hints], ids


def _problem(seen: PatternSeen, facts: PatternFacts, tools: HistoryTools) -> str:
    """One problem of the window with its explanation and newest fix."""
    known: dict[str, object] = {"logs_ever": facts.count, "usual_logs_per_hour": facts.per_hour}
    if facts.explanation:
        known["explanation"] = clean(_gist(facts.explanation), _EXPLAINED)
    if facts.fixes:
        known["confirmed_fix"] = clean(facts.fixes[0].fix, _EXPLAINED)
    return problem_line(seen, tools.now, **known)


def report(found: Retrieved, now: datetime) -> str:
    """What was found as plain text that cites its logs: the answer without a model."""
    return "\n".join(_report(found, now)).strip()


def _report(found: Retrieved, now: datetime) -> Iterator[str]:
    yield from (_plain(note) for note in found.notes)
    if found.problems:
        count = sum(seen.count for seen, _ in found.problems)
        more = f"; {found.more_problems} more in that time" if found.more_problems else ""
        one = len(found.problems) == 1
        yield (
            f"{scope_words(found.scope, now)}: {count:,} log{'' if count == 1 else 's'} of {len(found.problems)} "
            f"problem{'' if one else 's'}{more}."
        )
        first = min(found.problems, key=lambda pair: pair[0].first_seen)[0]
        if not one:
            yield f"First came problem {first.pattern_id} at {shown(first.first_seen, now)}{_cited([first.first_log])}."
        for number, (seen, facts) in enumerate(found.problems, 1):
            yield ""
            yield from _told(number, seen, facts, found, now)
    if found.alike:
        yield ""
        yield "Problems of other times that read alike:"
        for facts, _ in found.alike:
            yield f"- problem {facts.pattern_id}, last at {shown(facts.last_seen, now)}: {_plain(facts.template)}" + (
                _cited(facts.newest[:1])
            )
            yield from _known(facts)
    if found.timeline:
        host = _plain(found.timeline[0].hostname)
        yield ""
        yield f"What {host} logged around the first error, in order:"
        yield from (_timeline_line(log, now) for log in found.timeline)
    for hint in found.runbooks:
        yield ""
        yield f"Runbook that may apply: {_plain(hint.title)} ({_plain(hint.source)})"


def _told(number: int, seen: PatternSeen, facts: PatternFacts, found: Retrieved, now: datetime) -> Iterator[str]:
    log = found.logs.get(seen.last_log or 0)
    where = ", ".join(_plain(host) for host, _ in facts.hosts[:3]) if facts.host_count > 1 or log is None else ""
    where = where or (_plain(log.hostname) if log is not None else "")
    yield (
        f"{number}. {seen.worst_severity}, {seen.count:,} time{'' if seen.count == 1 else 's'} on {where}: "
        f"{_plain(log.message if log is not None else seen.template)}"
    )
    until = "" if seen.count == 1 else f" to {shown(seen.last_seen, now)}"
    ids = [i for i in dict.fromkeys([seen.first_log, seen.last_log]) if i is not None]
    yield f"   Problem {seen.pattern_id}, {shown(seen.first_seen, now)}{until}{_cited(ids)}."
    yield from _known(facts)


def _known(facts: PatternFacts) -> Iterator[str]:
    if facts.fixes:
        fix = facts.fixes[0]
        yield f"   Confirmed fix: {_plain(fix.fix, _EXPLAINED)}" + (
            f" (cause: {_plain(fix.cause, _CUT)})" if fix.cause else ""
        )
    elif facts.explanation:
        yield f"   Explained ({facts.rung}): {_plain(_gist(facts.explanation), _EXPLAINED)}"
    else:
        yield "   Not explained yet."


def _timeline_line(log: StoredLog, now: datetime) -> str:
    return (
        f"- {shown(log.timestamp, now)} {log.severity} {_plain(log.service, 40)}: {_plain(log.message)} [log {log.id}]"
    )


def scope_words(scope: HistoryQuery, now: datetime) -> str:
    """The part of history that was looked at, in words."""
    parts = []
    if scope.since is not None and scope.until is not None:
        parts.append(f"From {shown(scope.since, now)} to {shown(scope.until, now)}")
    elif scope.since is not None:
        parts.append(f"Since {shown(scope.since, now)}")
    elif scope.until is not None:
        parts.append(f"Before {shown(scope.until, now)}")
    else:
        parts.append("In all that is stored")
    named = {"host": scope.host, "place": scope.place, "service": scope.service}
    parts += [f"{name} {_plain(value, 80)}" for name, value in named.items() if value is not None]
    if scope.severity is not None:
        parts.append(f"{scope.severity} and worse")
    if scope.text is not None:
        parts.append(f"with {_plain(scope.text, 80)!r}")
    return ", ".join(parts)


def _gist(explanation: str) -> str:
    """The beginning of an explanation, on one line: summary, cause, first checks."""
    return " ".join(re.sub(r"\s*\n\s*", " / ", visible(explanation).strip()).split())


def _cited(ids: list[int] | list[int | None]) -> str:
    return "".join(f" [log {one}]" for one in ids if one is not None)


def _plain(text: str, limit: int = _CUT) -> str:
    return clean(" ".join(text.split()), limit)
