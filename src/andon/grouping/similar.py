"""Which known problems resemble this one: cosine of TF-IDF vectors over the words of templates.

An inverted index in plain dictionaries: 20,000 patterns take some 40 MB, a query a few milliseconds. Words that
most patterns share cannot find anything and are not followed; the score counts them all the same.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from andon.grouping.mask import HOLE, skeleton

# Lists of patterns longer than this are not followed for candidates, except for the rarest word of the query.
_LONG_POSTING = 500
# This many of the most promising candidates get an exact score.
_CANDIDATES = 300
# Patterns that are imagined beside those that are there, all of other words: among three patterns no word is so
# common that it says nothing.
_IMAGINED = 50
# What the same service adds to likeness: less than a shared rare word, more than nothing.
_SERVICE_WEIGHT = 0.5
_SERVICE = "\x1f"
#: Cosine from which a problem is worth naming: lower than for fixes, since only a reader judges it.
THRESHOLD = 0.3

#: :func:`alike`, or what a test takes for it.
Likeness = Callable[[str, Sequence[tuple[int, str]], int], list[tuple[int, float]]]


class SimilarIndex:
    """Patterns by likeness. Not thread-safe; pure memory, rebuilt from stored templates on start.

    ``capacity`` bounds it: of more patterns the ones added first are dropped.
    """

    def __init__(self, *, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._terms: dict[str, dict[str, float]] = {}
        self._postings: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._terms)

    def __contains__(self, key: str) -> bool:
        return key in self._terms

    def add(self, key: str, template: str, service: str = "") -> None:
        """Take in (or replace) pattern ``key``; ``service`` is where it was first seen."""
        self.remove(key)
        if len(self._terms) >= self._capacity:
            self.remove(next(iter(self._terms)))
        terms = self._terms[key] = _terms(template, service)
        for term in terms:
            self._postings.setdefault(term, set()).add(key)

    def remove(self, key: str) -> None:
        """Forget pattern ``key``; nothing happens where it is unknown."""
        for term in self._terms.pop(key, {}):
            posting = self._postings[term]
            posting.discard(key)
            if not posting:
                del self._postings[term]

    def similar(
        self, template: str, limit: int = 5, threshold: float = 0.5, *, service: str = "", exclude: str | None = None
    ) -> list[tuple[str, float]]:
        """At most ``limit`` patterns of likeness ``threshold`` (0 to 1) or more, the most alike first.

        ``exclude`` is a key to leave out: the pattern asked about.
        """
        query = {term: count * self._rarity(term) for term, count in _terms(template, service).items()}
        length = math.sqrt(sum(weight * weight for weight in query.values()))
        if not length or limit < 1:
            return []
        scored = [(-self._cosine(query, length, key), key) for key in self._candidates(query) if key != exclude]
        return [(key, round(-score, 4)) for score, key in sorted(scored)[:limit] if -score >= threshold]

    def _candidates(self, query: dict[str, float]) -> list[str]:
        """Patterns that share the rarer words with the query, the most promising first."""
        found: defaultdict[str, float] = defaultdict(float)
        known = sorted((len(self._postings[term]), term) for term in query if term in self._postings)
        for number, (size, term) in enumerate(known):
            if number and size > _LONG_POSTING:
                break
            gain = query[term] * self._rarity(term)
            for key in self._postings[term]:
                found[key] += gain
        return heapq.nlargest(_CANDIDATES, found, key=lambda key: (found[key], key))

    def _cosine(self, query: dict[str, float], length: float, key: str) -> float:
        product = squares = 0.0
        for term, count in self._terms[key].items():
            weight = count * self._rarity(term)
            squares += weight * weight
            product += weight * query.get(term, 0.0)
        return product / (length * math.sqrt(squares)) if squares else 0.0

    def _rarity(self, term: str) -> float:
        """The inverse document frequency, at least a little for a word in every pattern."""
        return math.log((1 + _IMAGINED + len(self._terms)) / (1 + len(self._postings.get(term, ())))) + 0.1


def alike(text: str, known: Sequence[tuple[int, str]], limit: int) -> list[tuple[int, float]]:
    """At most ``limit`` of ``known`` (id, template) with their likeness from 0 to 1, the most alike first.

    Builds its index anew (half a second for 5,000 templates on a small box): it belongs in a thread.
    """
    index = SimilarIndex(capacity=max(1, len(known)))
    for id_, template in known:
        index.add(str(id_), template)
    return [(int(key), score) for key, score in index.similar(text, limit, THRESHOLD)]


def _terms(template: str, service: str) -> dict[str, float]:
    """Word → weight of its count. Names in dots or dashes count as themselves and by their parts."""
    counts: Counter[str] = Counter()
    for token in skeleton(template):
        if token != HOLE:
            word = token.lower()
            counts[word] += 1
            parts = word.replace("/", ".").replace("-", ".").replace("_", ".").split(".")
            if len(parts) > 1:
                counts.update(part for part in parts if len(part) > 1)
    terms = {word: 1.0 + math.log(count) for word, count in counts.items()}
    if service:
        terms[_SERVICE + service] = _SERVICE_WEIGHT
    return terms
