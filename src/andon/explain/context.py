"""A few lines from history about a problem that a model is asked to explain: cheap enough for every such question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from andon.core.models import Hint, PatternSeen, Question
from andon.core.redact import clean
from andon.grouping.similar import SimilarIndex
from andon.store import Ask, agent_history, queue

#: How far back the host's other logs are looked at, in minutes.
BEFORE = 15
#: Other problems of the host that are told.
OTHERS = 3
_TEMPLATE = 110
#: Problems seen last that one is compared with, the likeness from which an explanation may bear on it (as for fixes),
#: how many are told, and the characters of each.
COMPARED, LIKE, TOLD, TOLD_MAX = 500, 0.5, 1, 300
#: Characters of a template that are compared.
_COMPARED_MAX = 2_000
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


class Explained:
    """Problems that show what a model said, by likeness: the guess of one that has not proved itself is passed on to
    nobody, and what rules, runbooks and fixes say of such a problem they say of this one as well.

    Used on the loop only; holds the templates of ``COMPARED`` problems at most.
    """

    def __init__(self) -> None:
        self._index = SimilarIndex(capacity=COMPARED)
        self._known: dict[int, str] = {}

    async def alike(self, read: Ask, question: Question) -> list[Hint]:
        """What was said of the problem that reads most like ``question``. Raises StoreError."""
        near = self._index.similar(question.template[:_COMPARED_MAX], TOLD, LIKE, exclude=str(question.pattern_id))
        if not near:
            return []
        shown = await read(queue.shown_for, [int(key) for key, _ in near])
        return [
            Hint("explained", f"problem {key}", _cut(self._known[int(key)]), clean(answer.text, TOLD_MAX), score)
            for key, score in near
            if (answer := shown.get(int(key))) is not None and int(key) in self._known
        ]

    def renew(self, latest: Sequence[tuple[int, str]]) -> None:
        """Hold ``latest``, (id, template) of each, and nothing else; quick where little changed."""
        known = {id_: template[:_COMPARED_MAX] for id_, template in latest}
        for id_ in self._known.keys() - known.keys():
            self._index.remove(str(id_))
        for id_, template in known.items():
            if self._known.get(id_) != template:
                self._index.add(str(id_), template)
        self._known = known


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
