"""Whose fault it is that a question came to nothing: the provider's, or its own.

A provider that fails its check is away, and nobody's question is at fault. Where the check succeeds, a single question
that is refused, broken off or too slow is at fault by itself: something on the way, such as a firewall, may refuse what
stands in it. Several different ones in a row with no answer between them say that the provider refuses everybody,
whatever its check says. An answer to any other question proves the provider well, and what failed before it guilty.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

#: So many different questions in a row without an answer are the provider's fault.
QUESTIONS_IN_A_ROW = 3
#: A question may meet so many outages and full providers; from the next on they count as its own.
OUTAGES_FREE = 2
_REMEMBERED = 512


class _Outages(NamedTuple):
    """How often a provider went away or was full while it had the question, and the answers there had been by then."""

    times: int
    answers: int


class Blame:
    """Remembers what became of questions, which are named by their problem, at one provider."""

    def __init__(self) -> None:
        self._unanswered: dict[int, None] = {}
        self._guilty: OrderedDict[int, None] = OrderedDict()
        self._outages: OrderedDict[int, _Outages] = OrderedDict()
        self._answers = 0

    def answered(self, question: int) -> None:
        """The provider answered it, with an explanation or with nonsense: it is well."""
        self._answers += 1
        self._unanswered.pop(question, None)
        self._guilty.pop(question, None)
        self._outages.pop(question, None)
        for other in self._unanswered:
            self._guilty[other] = None
        self._unanswered.clear()
        _bound(self._guilty)

    def failed(self, question: int) -> bool:
        """It came to nothing although the provider passes its check; whether that is the provider's fault still."""
        if question in self._guilty:
            return False
        if len(self._unanswered) < QUESTIONS_IN_A_ROW:
            self._unanswered[question] = None
        return len(self._unanswered) >= QUESTIONS_IN_A_ROW

    def away(self, question: int, *, busy: bool = False) -> bool:
        """The provider failed its check, or is full (``busy``), after this question; whether the question is at fault.

        One at which a provider falls over each time it has come back is; one for which there is never room too, where
        others were answered in between.
        """
        before = self._outages.get(question, _Outages(0, self._answers))
        others_answered = self._answers > before.answers
        count = before.times + 1 if others_answered or not busy else max(before.times, 1)
        self._outages[question] = _Outages(count, self._answers)
        self._outages.move_to_end(question)
        _bound(self._outages)
        if not busy:
            self._unanswered.clear()  # the outage explains them
        return count > OUTAGES_FREE


def _bound(remembered: OrderedDict[int, Any]) -> None:
    while len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)
