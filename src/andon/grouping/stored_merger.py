"""The merger as the pipeline uses it: rebuilt from what is stored, so that a restart changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from andon.core.models import Merge
from andon.grouping.merge import Merge as Joined
from andon.grouping.merge import Merger


class StoredPatterns:
    """Joins patterns that turn out to be one problem, with evidence. Quick and stateful; used on the loop only."""

    def __init__(self, merger: Merger, age: int) -> None:
        """``age`` is that of the youngest stored pattern: those that come are younger."""
        self._merger = merger
        self._age = age

    def __contains__(self, key: str) -> bool:
        return key in self._merger

    def add(self, key: str, template: str) -> list[Merge]:
        """Take in a new pattern; the joins that this proves, in the order in which they apply."""
        self._age += 1
        return _told(self._merger.add(key, template, age=self._age))


def rebuilt(
    known: Sequence[tuple[int, str, str, str | None]], apart: Sequence[tuple[str, str]]
) -> tuple[StoredPatterns, list[Merge]]:
    """The merger over the stored patterns (id, fingerprint, template, what it is merged into).

    ``apart`` are pairs that are never joined. The second value are joins that the patterns prove and that are not
    stored yet, as in a database that was written before there was merging.
    """
    merger = Merger(never=apart)
    # What is stored comes first: the merger then speaks only of what is new.
    for _, key, _, into in known:
        if into is not None:
            merger.restore(key, into)
    merges: list[Merge] = []
    for id_, key, template, _ in known:
        merges += _told(merger.add(key, template, age=id_))
    return StoredPatterns(merger, known[-1][0] if known else 0), merges


def _told(joined: list[Joined]) -> list[Merge]:
    return [Merge(child=one.key, parent=one.into, position=one.position, words=one.words) for one in joined]
