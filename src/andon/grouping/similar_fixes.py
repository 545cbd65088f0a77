"""Confirmed fixes of problems that read alike."""

from __future__ import annotations

from collections.abc import Sequence

from andon.core.models import Hint, Question, Resolution
from andon.grouping.similar import SimilarIndex

LIMIT = 3
#: Cosine from which a fix is worth telling: about half of the telling words are shared.
THRESHOLD = 0.5
_TITLE_MAX = 120


class ConfirmedFixes:
    """The site's confirmed fixes by likeness of their problem. Pure memory; used on the loop only."""

    def __init__(self) -> None:
        self._index = SimilarIndex()
        self._known: dict[str, tuple[str, Resolution]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def renew(self, resolved: Sequence[tuple[str, str, Resolution]]) -> None:
        """Replace what is known by ``resolved``: (fingerprint, template, newest resolution) of each pattern.

        Quick where little changed.
        """
        latest = {key: (template, resolution) for key, template, resolution in resolved}
        for key in self._known.keys() - latest.keys():
            self._index.remove(key)
        for key, (template, _) in latest.items():
            if key not in self._known or self._known[key][0] != template:
                self._index.add(key, template)
        self._known = latest

    def hints(self, question: Question) -> list[Hint]:
        """The best few fixes of other patterns, most similar first; [] where none is similar enough."""
        if not self._known:
            return []
        found: list[Hint] = []
        # a pattern's own fix is an answer, not a hint, and one fix may be that of several merged patterns
        told = {r.id for _, r in self._known.values() if r.pattern_id == question.pattern_id}
        for key, score in self._index.similar(question.template, LIMIT + 8, THRESHOLD):
            template, resolution = self._known.get(key, (None, None))
            if template is None or resolution is None or resolution.id in told:
                continue
            told.add(resolution.id)
            cause = f" (cause: {resolution.cause})" if resolution.cause else ""
            found.append(
                Hint(
                    kind="resolution",
                    source=f"problem {resolution.pattern_id}",
                    title=template[:_TITLE_MAX],
                    text=resolution.fix + cause,
                    score=score,
                    cause=resolution.cause or None,
                    checks=[resolution.fix],
                )
            )
        return found[:LIMIT]
