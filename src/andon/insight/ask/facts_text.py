"""Facts that were retrieved, as lines for a model's prompt and as an answer for people where no model is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from andon.core.models import HistoryQuery, PatternFacts, PatternSeen
from andon.core.names import listed
from andon.core.redact import clean, visible
from andon.core.text import counted
from andon.explain.model.fence import encode, facts_fields, listing, log_line, problem_fields
from andon.explain.model.time_phrases import shown
from andon.insight.ask.retrieval import Retrieved

_LINE = 600
_EXPLAINED, _CUT = 420, 160
#: Shares of the room: the problems with what is known of them, the logs that show them; the rest is for what led up.
_PROBLEMS, _LOGS = 0.5, 0.75


def prompt_lines(found: Retrieved, room: int) -> tuple[list[str], set[int]]:
    """Lines of JSON for a fence, within about ``room`` bytes, and the ids of the logs in them."""
    now = found.inquiry.now
    lines = [encode({"note": clean(note, 300)}) for note in found.notes]
    room -= sum(len(line.encode()) + 1 for line in lines)
    # the worst problem, then what came first: where room is short, these two say most
    order = list(found.problems)
    if len(order) > 2:
        order.insert(1, order.pop(min(range(len(order)), key=lambda at: order[at][0].first_seen)))
    problems = listing((encode(_problem(seen, facts, now)) for seen, facts in order), int(room * _PROBLEMS))
    alike = listing((encode(facts_fields(f, now, likeness=s)) for f, s in found.alike), room // 4)
    ids = {i for seen, _ in order[: len(problems.lines)] for i in (seen.first_log, seen.last_log) if i}
    logs = listing((log_line(one, _LINE) for one in found.logs.values()), int(room * _LOGS) - problems.taken)
    ids.update(list(found.logs)[: len(logs.lines)])
    timeline = [one for one in found.timeline if one.id not in ids]
    rest = listing((log_line(one, _LINE) for one in timeline), room - problems.taken - logs.taken)
    ids.update(one.id for one in timeline[: len(rest.lines)])
    hints = [encode({"runbook": clean(h.source, 80), "text": clean(h.text, 600)}) for h in found.runbooks[:2]]
    return [*lines, *problems.lines, *alike.lines, *logs.lines, *rest.lines, *hints], ids


def _problem(seen: PatternSeen, facts: PatternFacts, now: datetime) -> dict[str, Any]:
    """One problem of the window with its explanation and newest fix."""
    fields = problem_fields(seen, now) | {"logs_ever": facts.count, "usual_logs_per_hour": facts.per_hour}
    if facts.explanation:
        fields["explanation"] = clean(_gist(facts.explanation), _EXPLAINED)
    if facts.fixes:
        fields["confirmed_fix"] = clean(facts.fixes[0].fix, _EXPLAINED)
    return fields


def report(found: Retrieved) -> str:
    """What was found as plain text that cites its logs: the answer without a model."""
    return "\n".join(_report(found, found.inquiry.now)).strip()


def _report(found: Retrieved, now: datetime) -> Iterator[str]:
    yield from (_plain(note) for note in found.notes)
    if found.problems:
        logs = counted(sum(seen.count for seen, _ in found.problems), "log")
        more = f"; {found.more_problems} more in that time" if found.more_problems else ""
        yield f"{scope_words(found.scope, now)}: {logs} of {counted(len(found.problems), 'problem')}{more}."
        first = min(found.problems, key=lambda pair: pair[0].first_seen)[0]
        if len(found.problems) > 1:
            yield f"First came problem {first.pattern_id} at {shown(first.first_seen, now)}{_cited([first.first_log])}."
        for number, (seen, facts) in enumerate(found.problems, 1):
            yield ""
            yield from _told(number, seen, facts, found, now)
    if found.alike:
        yield ""
        yield "Problems of other times that read alike:"
        for facts, _ in found.alike:
            last = f"last at {shown(facts.last_seen, now)}"
            yield f"- problem {facts.pattern_id}, {last}: {_plain(facts.template)}{_cited(facts.newest[:1])}"
            yield from _known(facts)
    if found.timeline:
        host = _plain(found.timeline[0].hostname)
        yield ""
        yield f"What {host} logged around the first error, in order:"
        for log in found.timeline:
            said = f"{_plain(log.service, 40)}: {_plain(log.message)} [log {log.id}]"
            yield f"- {shown(log.timestamp, now)} {log.severity} {said}"
    for hint in found.runbooks:
        yield ""
        yield f"Runbook that may apply: {_plain(hint.title)} ({_plain(hint.source)})"


def _told(number: int, seen: PatternSeen, facts: PatternFacts, found: Retrieved, now: datetime) -> Iterator[str]:
    log = found.logs.get(seen.last_log or 0)
    where = ", ".join(_plain(host) for host, _ in facts.hosts[:3]) if facts.host_count > 1 or log is None else ""
    where = where or (_plain(log.hostname) if log is not None else "")
    said = _plain(log.message if log is not None else seen.template)
    yield f"{number}. {seen.worst_severity}, {counted(seen.count, 'time')} on {where}: {said}"
    until = "" if seen.count == 1 else f" to {shown(seen.last_seen, now)}"
    ids = _cited(dict.fromkeys([seen.first_log, seen.last_log]))
    yield f"   Problem {seen.pattern_id}, {shown(seen.first_seen, now)}{until}{ids}."
    yield from _known(facts)


def _known(facts: PatternFacts) -> Iterator[str]:
    if facts.fixes:
        fix = facts.fixes[0]
        cause = f" (cause: {_plain(fix.cause)})" if fix.cause else ""
        yield f"   Confirmed fix: {_plain(fix.fix, _EXPLAINED)}{cause}"
    elif facts.explanation:
        yield f"   Explained ({facts.rung}): {_plain(_gist(facts.explanation), _EXPLAINED)}"
    else:
        yield "   Not explained yet."


def scope_words(scope: HistoryQuery, now: datetime) -> str:
    """The part of history that was looked at, in words."""
    since, until = (None if one is None else shown(one, now) for one in (scope.since, scope.until))
    if since is not None:
        parts = [f"Since {since}" if until is None else f"From {since} to {until}"]
    else:
        parts = ["In all that is stored" if until is None else f"Before {until}"]
    named = {"host": scope.host, "place": scope.place, "service": scope.service}
    parts += [f"{name} {_plain(listed(value), 80)}" for name, value in named.items() if value is not None]
    if scope.severity is not None:
        parts.append(f"{scope.severity} and worse")
    if scope.text is not None:
        parts.append(f"with {_plain(scope.text, 80)!r}")
    return ", ".join(parts)


def _gist(explanation: str) -> str:
    """The beginning of an explanation, on one line: summary, cause, first checks."""
    return " ".join(re.sub(r"\s*\n\s*", " / ", visible(explanation).strip()).split())


def _cited(ids: Iterable[int | None]) -> str:
    return "".join(f" [log {one}]" for one in ids if one is not None)


def _plain(text: str, limit: int = _CUT) -> str:
    return clean(" ".join(text.split()), limit)
