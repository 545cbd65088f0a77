"""Problems that read like a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from andon.grouping.similar import SimilarIndex

#: Cosine from which a problem is worth naming: lower than for fixes, since only a reader judges it.
THRESHOLD = 0.3

#: :func:`alike`, or what a test takes for it.
Likeness = Callable[[str, Sequence[tuple[int, str]], int], list[tuple[int, float]]]


def alike(text: str, known: Sequence[tuple[int, str]], limit: int) -> list[tuple[int, float]]:
    """At most ``limit`` of ``known`` (id, template) with their likeness from 0 to 1, the most alike first.

    Builds its index anew (half a second for 5,000 templates on a small box): it belongs in a thread.
    """
    index = SimilarIndex(capacity=max(1, len(known)))
    for id_, template in known:
        index.add(str(id_), template)
    return [(int(key), score) for key, score in index.similar(text, limit, THRESHOLD)]
