"""Which logs are the same problem, and which problems are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from andon.core.models import Fingerprint, Hint, Merge, Question, Resolution


class Grouper(Protocol):
    """Names the problem a log belongs to. Pure and quick: called for each log on the loop."""

    def __call__(self, message: str, service: str, context: Mapping[str, Any] | None) -> Fingerprint:
        """The fingerprint of a log; never raises, whatever the text."""
        ...


class PatternMerger(Protocol):
    """Joins patterns that turn out to be one problem, with evidence. Quick and stateful; used on the loop only."""

    def __contains__(self, key: str) -> bool:
        """Whether this fingerprint was added before."""
        ...

    def add(self, key: str, template: str) -> list[Merge]:
        """Learn a fingerprint that is new; the joins this proves, in the order in which they apply."""
        ...


class Likeness(Protocol):
    """Finds problems that read like a text. Pure and quick enough for a thread."""

    def __call__(self, text: str, known: Sequence[tuple[int, str]], limit: int) -> list[tuple[int, float]]:
        """At most ``limit`` of ``known`` (id, template) with their likeness from 0 to 1, the most alike first."""
        ...


class SimilarFixes(Protocol):
    """Finds confirmed fixes of problems that read alike."""

    def renew(self, resolved: Sequence[tuple[str, str, Resolution]]) -> None:
        """What is resolved now, as ``LogStore.resolved_patterns`` tells it; quick where little changed."""
        ...

    def hints(self, question: Question) -> list[Hint]:
        """The best few, most similar first; [] where none is similar enough."""
        ...
