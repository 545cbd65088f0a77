"""Problems that read like one, with what fixed them, and the site's runbooks that fit."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from andon.core.errors import NotFound
from andon.core.models import Hint, Question, Resolution
from andon.insight.problem import similar_to
from andon.store import Connection, problems, queue

_TOLD = 5


class Alike(msgspec.Struct, frozen=True):
    """A problem that reads alike, with its newest confirmed fix where there is one; ``likeness`` is from 0 to 1."""

    id: int
    template: str
    likeness: float
    fix: Resolution | None
    rung: str | None


class Book(msgspec.Struct, frozen=True):
    """A runbook that fits; ``says`` is how it begins."""

    title: str
    source: str
    says: str


def problems_like(connection: Connection, root: int) -> list[Alike]:
    """The problems most like this one, those with a fix first. Raises NotFound."""
    found = []
    for one in similar_to(connection, root):
        try:
            fixes = problems.fixes_of(connection, one.id)
        except NotFound:  # deleted meanwhile
            continue
        found.append(Alike(one.id, one.template, one.score, next(iter(fixes), None), one.rung))
    return sorted(found, key=lambda one: (one.fix is None, -one.likeness))


def books_for(connection: Connection, root: int, hints: Callable[[Question], list[Hint]]) -> list[Book]:
    """The runbooks that fit a problem, most specific first; none where its logs are gone."""
    question = queue.question_about(connection, root)
    if question is None:
        return []
    return [Book(hint.title, hint.source, " ".join(hint.text.split())) for hint in hints(question)[:_TOLD]]
