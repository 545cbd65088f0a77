"""A few lines from history about a problem that a model is asked to explain: cheap enough for every such question."""

from __future__ import annotations

import asyncio
from datetime import datetime

from andon.core.models import Hint, PatternFacts, PatternSeen, Question, Rung
from andon.core.redact import clean
from andon.grouping.similar import alike
from andon.store import Ask, agent_history

#: How far back the host's other logs are looked at, in minutes.
BEFORE = 15
#: Other problems of the host that are told.
OTHERS = 3
_TEMPLATE = 110
#: Problems seen last that one is compared with, the likeness from which an explanation may bear on it (as for fixes),
#: how many are told, and the characters of each.
COMPARED, LIKE, TOLD, TOLD_MAX = 500, 0.5, 1, 300
#: A rate is worth a word where it differs from the usual one by this factor, and there is enough to have a usual one.
_TELLING, _ENOUGH = 3.0, 20


async def facts_about(ask: Ask, question: Question) -> list[str]:
    """What else the newest log's host had just before, what of it came first, and how the rate is against usual.

    Two short reads of the rollups. Raises QueryTooSlow and StoreUnavailable.
    """
    if not question.logs:
        return []
    newest = question.logs[0]
    seen = await ask(agent_history.around, newest.hostname, newest.timestamp, BEFORE)
    count, minutes = await ask(agent_history.recent, question.pattern_id, newest.timestamp)
    return [*_others(seen, question, newest.hostname), *_rate(question, count, minutes)]


async def explained_alike(read: Ask, question: Question) -> list[Hint]:
    """What a model said of a problem that reads alike, where that stands as its explanation. Raises StoreError.

    The guess of a model that has not proved itself (its standing is the answer's source) is passed on to nobody. What
    rules, runbooks and fixes say of such a problem they say of this one as well.
    """
    known = await read(agent_history.templates, COMPARED)
    others = [(id_, template) for id_, template in known if id_ != question.pattern_id]
    found: list[Hint] = []
    for id_, score in await asyncio.to_thread(alike, question.template, others, TOLD + 2):
        facts = await read(agent_history.pattern, id_) if score >= LIKE and len(found) < TOLD else None
        if facts is not None and facts.explanation and _stands(facts):
            text = clean(facts.explanation, TOLD_MAX)
            found.append(Hint("explained", f"pattern {facts.pattern_id}", _cut(facts.template), text, score))
    return found


def _stands(facts: PatternFacts) -> bool:
    return facts.rung == Rung.MODEL and not facts.provisional and facts.source is None


def _others(seen: list[PatternSeen], question: Question, host: str) -> list[str]:
    """What else the host logged, and whether some of it began before this problem did."""
    own = next((one for one in seen if one.pattern_id == question.pattern_id), None)
    others = [one for one in seen if one.pattern_id != question.pattern_id]
    first = next((one for one in others if own is None or one.first_seen < own.first_seen), None)
    facts = []
    if first is not None:
        facts.append(
            f"Before it {host} logged, from {first.first_seen[:16]}Z on, {_times(first.count)}: {_cut(first.template)}"
        )
        others.remove(first)
    facts += [
        f"In the same {BEFORE} minutes {host} logged {_times(one.count)}: {_cut(one.template)}"
        for one in sorted(others, key=lambda one: (one.first_seen, -one.count))[:OTHERS]
    ]
    return facts


def _rate(question: Question, recent: int, minutes: int) -> list[str]:
    """The rate now against that of the problem's whole life, where that says something."""
    try:
        life = datetime.fromisoformat(question.last_seen) - datetime.fromisoformat(question.first_seen)
    except (ValueError, TypeError):  # taken over as it was
        return []
    windows = life.total_seconds() / 60 / minutes
    if question.count < _ENOUGH or windows < 2 or recent == 0:
        return []
    usual = question.count / windows
    if 1 / _TELLING < recent / usual < _TELLING:
        return []
    return [f"It was logged {_times(recent)} in the last {minutes} minutes, against {usual:.2g} in {minutes} usually"]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _cut(template: str) -> str:
    line = " ".join(template.split())
    return line if len(line) <= _TEMPLATE else line[: _TEMPLATE - 1] + "…"
