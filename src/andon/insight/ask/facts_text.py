"""Facts that were retrieved, as lines for a model's prompt and as an answer for people where no model is asked.

An answer's lines are wrapped where they are shown: the blanks, number or dash in front of a line say how far what is
wrapped is indented. Texts of people and explanations are never cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from andon.core.models import SEVERITY_RANK, SEVERITY_WEIGHT, PatternFacts, PatternSeen, rung_words
from andon.core.redact import clean, visible
from andon.core.text import counted
from andon.explain.model.fence import encode, facts_fields, listing, log_line, problem_fields
from andon.explain.model.time_phrases import shown
from andon.insight.ask.figures import Group
from andon.insight.ask.question import Route
from andon.insight.ask.retrieval import TOLD, Retrieved, first_of, scope_words
from andon.insight.titles import title_of
from andon.store.alarms import AlarmEntry

_LINE = 600
_EXPLAINED, _CUT = 420, 240
#: The longest text of a person or a model that is stored.
_WHOLE = 20_000
#: Problems that are told with what to check, and those that are named at all.
_IN_FULL, _NAMED = 3, 15
_ACTIVE_TOLD = 3
#: Shares of the room: the problems with what is known of them, the logs that show them; the rest is for what led up.
_PROBLEMS, _LOGS = 0.5, 0.75
WEIGHED = ", ".join(f"{name} {weight}" for name, weight in SEVERITY_WEIGHT.items() if weight)
EXAMPLES = (
    'Ask about a time, a place, a problem, a code or a word: "what happened on line 3 since 06:00", '
    '"what is active now", "the most frequent this week", "what is new since yesterday", "what about log 514", '
    '"how do I fix F30004".'
)
#: What is asked in these ways is answered by what is told; the problems are not told one by one as well.
_ANSWERED = frozenset(Route) - {
    Route.OVERVIEW, Route.FIRST, Route.STOP, Route.LOG, Route.PROBLEM, Route.FIX, Route.BEFORE
}  # fmt: skip
#: What is asked in these ways is about a time as a whole.
_SEEN_WHOLE = frozenset({Route.OVERVIEW, Route.FIRST, Route.STOP})


def prompt_lines(found: Retrieved, room: int) -> tuple[list[str], set[int]]:
    """Lines of JSON for a fence, within about ``room`` bytes, the totals first, and the ids of the logs in them."""
    now = found.inquiry.now
    lines = [encode({"totals": clean(one, 400)}) for one in totals(found)]
    lines += [encode({"note": clean(note, 300)}) for note in found.notes]
    lines += [
        encode({"known": clean(one, 400)})
        for one in [*[line for line in found.told if line][:8], *_firsts(found), *_active(found)][:16]
    ]
    while len(lines) > 1 and sum(len(line.encode()) + 1 for line in lines) > room // 3:
        lines.pop()
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
        fields["explanation"] = clean(" / ".join(_lines(facts.explanation)), _EXPLAINED)
    if facts.fixes:
        fields["confirmed_fix"] = clean(facts.fixes[0].fix, _EXPLAINED)
    return fields


def report(found: Retrieved) -> str:
    """What was found as plain text that cites its logs: the answer without a model."""
    return "\n".join(_report(found)).strip()


def _report(found: Retrieved) -> Iterator[str]:
    route = found.question.route
    yield from found.notes
    if route == Route.STOP and found.told:  # it leads with why
        yield from found.told
        yield ""
    yield from totals(found)
    if found.told and route != Route.STOP:
        yield ""
        yield from found.told
    answered = route in _ANSWERED
    if not answered and not (route == Route.STOP and found.first_outs):  # of which it has told
        yield from _firsts(found)
    if route in _SEEN_WHOLE:
        yield from _active(found)
    if found.unmatched and not (found.scope.host or found.scope.place or found.scope.service):
        yield from _heaviest(found)
    elif found.groups and not answered:
        yield from problem_list(found)
    if found.alike:
        yield ""
        yield "Problems of other times with similar text:"
        for facts, _ in found.alike:
            last = f"last at {shown(facts.last_seen, found.inquiry.now)}"
            yield f"- problem {facts.pattern_id}, {last}: {titled(facts.template)}{cited(facts.newest[:1])}"
            yield from known(facts)
    if found.timeline and found.question.route in _SEEN_WHOLE and not found.unmatched:
        host = plain(found.timeline[0].hostname)
        yield ""
        yield f"What {host} logged around its worst log, in order:"
        for log in found.timeline:
            said = f"{plain(log.service, 40)}: {plain(log.message)} [log {log.id}]"
            yield f"- {shown(log.timestamp, found.inquiry.now)} {log.severity} {said}"
    if not answered:
        for hint in found.runbooks:
            yield ""
            yield f"Runbook that may apply: {plain(hint.title)} ({plain(hint.source)})"


def _heaviest(found: Retrieved) -> Iterator[str]:
    """What weighs most by name alone, where nothing is what was asked for."""
    if found.groups:
        yield ""
        yield "The heaviest problems of that time:"
        yield from (problem_line(group.head, found) for group in found.groups[:_IN_FULL])
    yield ""
    yield EXAMPLES


def totals(found: Retrieved) -> list[str]:
    """How much was logged in the time and place that was looked at, in a sentence or two; none where nothing was."""
    period = found.period
    if period is None or not period.logs:
        return []
    of_each = ", ".join(f"{count:,} {plain(name, 20)}" for name, count in period.severities.items())
    those = f" with {found.fits}" if found.fits and found.only is not None and found.fits != "that number" else ""
    where = scope_words(found.scopes, found.inquiry.now)
    logs, problems = counted(period.logs, "log"), counted(len(period.problems), "problem")
    lines = [f"{where}: {logs}{those} of {problems}{f' ({of_each})' if of_each else ''}."]
    if period.ungrouped:
        lines.append(f"{counted(period.ungrouped, 'log')} of them belong{'s' * (period.ungrouped == 1)} to no problem.")
    if found.fits and found.only is None:
        fitting = [one for group in found.groups for one in (group.head, *group.alike)]
        total = sum(one.count for one in fitting)
        logs, problems = counted(total, "log"), counted(len(fitting), "problem")
        lines.append(f"Of these, {logs} of {problems} {'has' if total == 1 else 'have'} {found.fits}.")
    return lines


def _firsts(found: Retrieved) -> list[str]:
    """What came first: in each flood, or else of all problems."""
    now, lines = found.inquiry.now, []
    for one in found.first_outs if not found.fits else []:
        span = f"{shown(one.start, now)} to {shown(one.end, now)}, {counted(one.alarms, 'alarm')}"
        if one.log is None:
            lines.append(f"First-out of the flood from {span}: {plain(one.source)}.")
        else:
            said = f"{plain(one.log.hostname, 80)}: {plain(one.log.message)} [log {one.log.id}]"
            lines.append(f"First-out of the flood from {span}: at {shown(one.log.timestamp, now)}, {said}.")
    first = first_of(found)
    if first is not None and sum(1 + len(group.alike) for group in found.groups) > 1:
        said = f"{first.worst_severity}, {shown(first.first_seen, now)}{cited([first.first_log])}"
        lines.append(f"The earliest was problem {first.pattern_id} ({titled(first.template)}), {said}.")
    return lines


def _active(found: Retrieved) -> list[str]:
    """What is active now at the place, the most urgent by name."""
    if found.active is None or found.question.route == Route.ACTIVE:
        return []
    if not found.active:
        which = "None of these alarms" if found.fits else "No alarm there"
        return [f"{which} is known to be active now."] if found.groups else []
    seen = sum(one.acked_at is not None for one in found.active)
    more = (
        f"; {len(found.active) - _ACTIVE_TOLD} more: `andon alarms --active`"
        if len(found.active) > _ACTIVE_TOLD
        else ""
    )
    named = "; ".join(plain(one.source, 100) for one in found.active[:_ACTIVE_TOLD])
    acked = f", {seen} of them acknowledged" if seen else ""
    return [f"Active now: {counted(len(found.active), 'alarm')}{acked}: {named}{more}."]


def alarm_line(one: AlarmEntry, now: datetime) -> str:
    """An alarm as a line of a list."""
    moment = datetime.fromtimestamp(one.active_since or one.last_seen, now.tzinfo)
    acked = "" if one.acked_at is None else f", acknowledged by {plain(one.acked_by or 'somebody', 60)}"
    problem = "" if one.pattern_id is None else f" (problem {one.pattern_id})"
    return f"- {one.severity} since {moment:%Y-%m-%d %H:%M:%S %Z}{acked}: {plain(one.source)}{problem}"


def problem_list(found: Retrieved) -> Iterator[str]:
    """The problems by weight: the first, the worst and what came first with all there is to check, others by name."""
    groups = {group.head.pattern_id: group for group in found.groups}
    several = len(found.groups) > 1
    first = first_of(found)
    worst = max(
        (seen for seen, _ in found.problems), key=lambda one: SEVERITY_RANK.get(one.worst_severity, 1), default=None
    )
    yield ""
    if several:
        yield f"Problems by weight (logs × severity: {WEIGHED}):"
    said: dict[str, int] = {}
    for number, (seen, facts) in enumerate(found.problems, 1):
        group = groups.get(seen.pattern_id)
        yield from _told(number, seen, facts, found)
        if group is not None and group.alike:
            yield f"   And {_look_alikes(group)}."
        text = facts.fixes[0].fix if facts.fixes else facts.explanation or ""
        if seen.pattern_id in found.explained:
            yield "   Explained above."
        elif text and text in said:
            yield f"   Same explanation as problem {said[text]}."
        else:
            said[text] = seen.pattern_id
            yield from known(facts, whole=number <= _IN_FULL or seen in (first, worst))
        yield ""
    told = {seen.pattern_id for seen, _ in found.problems}
    rest = [group for group in found.groups if group.head.pattern_id not in told]
    for number, group in enumerate(rest[: _NAMED - TOLD], len(found.problems) + 1):
        also = f" (and {_look_alikes(group)})" if group.alike else ""
        yield f"{problem_line(group.head, found, f'{number}.')}{also}"
    if len(rest) > _NAMED - TOLD:
        left = [one for group in rest[_NAMED - TOLD :] for one in (group.head, *group.alike)]
        logs = counted(sum(one.count for one in left), "log")
        yield f"And {counted(len(left), 'more problem')} with {logs}: `andon trends top` lists them."


def _look_alikes(group: Group) -> str:
    ids = " ".join(f"#{one.pattern_id}" for one in group.alike[:20]) + (" …" if len(group.alike) > 20 else "")
    return f"{counted(len(group.alike), 'look-alike')}: {ids} ({counted(sum(one.count for one in group.alike), 'log')})"


def problem_line(one: PatternSeen, found: Retrieved, mark: str = "-") -> str:
    """A problem as a line of a list."""
    log = found.samples.get(one.last_log or 0)
    said = (titled(one.template) if log is None else plain(log.message)) + cited([one.last_log])
    return f"{mark} {one.worst_severity}, {counted(one.count, 'time')}, problem {one.pattern_id}: {said}"


def _told(number: int, seen: PatternSeen, facts: PatternFacts, found: Retrieved) -> Iterator[str]:
    now, log = found.inquiry.now, found.logs.get(seen.last_log or 0)
    where = ", ".join(plain(host, 80) for host, _ in facts.hosts[:3]) if seen.hosts != 1 or log is None else ""
    more = f" and {seen.hosts - 3} more" if where and seen.hosts > 3 else ""
    where = where or (plain(log.hostname, 80) if log is not None else "")
    said = titled(seen.template) if log is None else plain(log.message)
    mark = f"{number}. " if len(found.groups) > 1 else ""
    yield f"{mark}{seen.worst_severity}, {counted(seen.count, 'time')} on {where}{more}: {said}"
    until = "" if seen.count == 1 else f" to {shown(seen.last_seen, now)}"
    ids = cited(dict.fromkeys([seen.first_log, seen.last_log]))
    yield f"   Problem {seen.pattern_id}, {shown(seen.first_seen, now)}{until}{ids}."


def known(facts: PatternFacts, *, whole: bool = True) -> Iterator[str]:
    """What is known of a problem, whole or by its first line: the confirmed fix, or else the explanation it shows."""
    if facts.fixes:
        fix = facts.fixes[0]
        cause = f" (cause: {_text(fix.cause)})" if fix.cause else ""
        yield f"   Confirmed fix: {_text(fix.fix)}{cause}"
    elif facts.explanation:
        provisional = ", provisional" if facts.provisional else ""
        first, *rest = _lines(facts.explanation)
        yield f"   Explained ({rung_words(str(facts.rung))}{provisional}): {first}"
        yield from (f"   {'  ' if line[:1].isdigit() or line[:1] == '-' else ''}{line}" for line in rest if whole)
        if rest and not whole:
            yield f"   `andon problems show {facts.pattern_id}` shows the cause and what to check first."
    else:
        yield "   Not explained yet."


def _lines(explanation: str) -> list[str]:
    """The lines of an explanation, clean and whole."""
    lines = (" ".join(line.split()) for line in clean(visible(explanation), _WHOLE).splitlines())
    return [line for line in lines if line] or [""]


def _text(text: str) -> str:
    return " ".join(clean(text, _WHOLE).split())


def cited(ids: Iterable[int | None]) -> str:
    """Citations of logs, to be put behind a statement."""
    return "".join(f" [log {one}]" for one in ids if one is not None)


def titled(template: str) -> str:
    """What a problem is called where no log of it is at hand: what its logs share, with … for what differs."""
    return plain(title_of(template))


def plain(text: str, limit: int = _CUT) -> str:
    """A log's text on one line, redacted and bounded."""
    return clean(" ".join(text.split()), limit)
