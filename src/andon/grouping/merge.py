"""Late merging: patterns that differ in one word turn out to be one once enough words stood in its place.

``user alice logged out`` and ``user bob logged out`` have two skeletons; nothing in either says that names vary.
After ``EVIDENCE`` different words in the same place (or a masked value and a word) it is known, and the patterns
are joined: the oldest stays. Not every place holds names (:mod:`andon.grouping.places`): what names the fault never
joins, and where nothing tells, it takes more words. The evidence goes with the merge, so that people can see and
undo it.

A code field of the context that turns out to count up is noise: :mod:`andon.grouping.noise`.

A template is all the merger needs: what ``Fingerprint.template`` says can be fed again after a restart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from andon.core.models import Merge
from andon.grouping import noise
from andon.grouping.codes import CodeRules
from andon.grouping.mask import ELLIPSIS, FRAMES, HOLE, TAIL, skeleton, words
from andon.grouping.places import Place, dotted, may_vary, places, varies_with_others

#: How many different words in one place show that the place holds a value.
EVIDENCE = 5
#: Texts of more tokens than this are left alone: they repeat lists, not sentences.
MAX_TOKENS = 64
# The fewer words are left around the place, the more must have stood in it: "X failed" says little.
_MORE_EVIDENCE = {1: 10, 2: 5}
# The less a place says of what it holds, the more too: a closed class of words is seldom so large.
_UNCERTAIN: dict[int, int] = {Place.SUBJECT: 35, Place.PLAIN: 7}
# So many words is a masked value in such a place worth; where names are announced it is proof.
_VALUE: dict[int, int] = {Place.SUBJECT: 0, Place.PLAIN: 7}
# And so many a dotted name.
_DOTTED = 5
# So many more different names must stand in each of several places that vary together where nothing announces them.
_MARKED = 3
#: Patterns that wait for that under one shape are looked at while there are not more of them.
_WAITING = 400
#: Words that are kept once for all patterns that have them.
_SAME = 8192
# With so many words around it a place where names stood holds a name, whatever else the word means.
_SAID = 3
# Below this a value and a word in one place are no evidence either.
_MIN_CONTEXT = 2
_PINNED = CodeRules().is_pinned


K = TypeVar("K")


class _Pattern(msgspec.Struct):
    tokens: tuple[str, ...]
    places: bytes
    age: int
    #: What this pattern stands for in the table of exact shapes: its own and wider ones.
    shapes: list[int]


_FORGOTTEN = _Pattern((), b"", 0, [])


class Merger:
    """Knows every pattern seen and which of them are one.

    Feed each pattern with :meth:`add`, in any order (on start: all stored ones), and tell of the merges that are
    stored with :meth:`unite` and of each log with :meth:`saw`. ``never`` are pairs of keys that a person has separated,
    ``pinned`` tells which context fields are never noise. Of more than ``capacity`` patterns, or of patterns that take
    more than about ``most`` bytes, the ones added first are forgotten: they are not merged any more, nothing else
    changes.
    """

    def __init__(
        self,
        *,
        evidence: int = EVIDENCE,
        capacity: int = 20_000,
        most: int = 24 * 2**20,
        never: Iterable[tuple[str, str]] = (),
        pinned: Callable[[str], bool] = _PINNED,
    ) -> None:
        if evidence < 2:
            raise ValueError(f"evidence must be at least 2 different words, not {evidence}.")
        self._evidence = evidence
        self._capacity = capacity
        self._most, self._weight = most, 0
        self._pinned = pinned
        self._patterns: dict[str, _Pattern] = {}
        # All under the hash of a tuple of tokens: 200,000 places of 20,000 patterns would be large as texts.
        self._exact: dict[int, str] = {}
        self._holes: dict[int, str | list[str]] = {}
        #: Shapes that words proved to be one pattern (True: values stand there too), and those where words name faults.
        self._proven: dict[int, bool] = {}
        self._closed: dict[int, None] = {}
        #: Patterns that differ in several places where names stand, and how many there must be to look at them again.
        self._pairs: dict[int, list[str]] = {}
        #: Words that turned out to be names; they are likelier names elsewhere too.
        self._names: dict[str, None] = {}
        self._fields: dict[int, noise.Fields] = {}
        #: One text for a word that stands in many patterns, of those that came lately.
        self._same: dict[str, str] = {}
        self._logs: Counter[str] = Counter()
        self._parent: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}
        self._never: dict[str, set[str]] = {}
        self._youngest = 0
        #: How many patterns were dropped because there were more than ``capacity``.
        self.forgotten = 0
        for one, other in never:
            self._never.setdefault(one, set()).add(other)
            self._never.setdefault(other, set()).add(one)

    def __contains__(self, key: str) -> bool:
        return key in self._patterns

    def __len__(self) -> int:
        return len(self._patterns)

    def root(self, key: str) -> str:
        """The pattern that ``key`` is part of now: itself where nothing was merged."""
        while (parent := self._parent.get(key)) is not None:
            key = parent
        return key

    def saw(self, keys: Iterable[str]) -> None:
        """Logs of these patterns came, one for each key; tell it before the new ones among them are added."""
        self._logs.update(keys)

    def unknown(self, keys: Iterable[str]) -> set[str]:
        """Those of ``keys`` that were not added, or are forgotten."""
        return set(keys).difference(self._patterns)

    def add(self, key: str, template: str, age: int | None = None, logs: int = 0) -> list[Merge]:
        """Take in a pattern; the merges that follow from it, in order (none where it is known already).

        ``age`` orders patterns (the smaller the older: a row id serves); one without it is the youngest. ``logs`` are
        those that :meth:`saw` was not told of.
        """
        if key in self._patterns:
            return []
        age = self._youngest + 1 if age is None else age
        self._youngest = max(self._youngest, age)
        tokens, where = _mergeable(template, self._pinned)
        if len(self._same) > _SAME:
            self._same.clear()
        tokens = tuple([self._same.setdefault(token, token) for token in tokens])
        self._patterns[key] = _Pattern(tokens, where, age, [])
        self._weight += _weight(tokens)
        if logs:
            self._logs[key] += logs
        merges: list[Merge] = []
        if tokens:
            self._learn(key, tokens, merges)
            self._stand_together(key, merges)
            if Place.FIELD in where:
                self._watch_fields(key, merges)
        while len(self._patterns) > self._capacity or self._weight > self._most:
            if not self._forget_first():
                break
        return merges

    def unite(self, young: str, old: str) -> bool:
        """Make ``young``'s group part of ``old``'s; False where a person has separated any two of them.

        Told from outside of merges that are stored or that a person wants; the patterns may be added later.
        """
        young, old = self.root(young), self.root(old)
        if young == old:
            return False
        if self._never:
            theirs = set(self._group(old))
            if any(not theirs.isdisjoint(self._never.get(key, ())) for key in self._group(young)):
                return False
        self._parent[young] = old
        self._members.setdefault(old, []).append(young)
        return True

    def _learn(self, key: str, tokens: tuple[str, ...], merges: list[Merge]) -> None:
        """Look for patterns that differ from ``tokens`` in one place; remember the places of ``tokens``."""
        shape = hash(tokens)
        known = self._exact.get(shape)
        if known is None:
            self._exact[shape] = key
            self._patterns[key].shapes.append(shape)
        elif known != key:
            self._join(known, key, tokens, 0, (), merges)
        context = words(noise.unsealed(tokens))  # a service says nothing of what a word means in its logs
        if shape in self._holes and context >= _MIN_CONTEXT and (there := self._standing(shape)):
            self._weigh(tokens, _difference(tokens, self._known(there[0])), context, merges)
        where, never, field = self._known(key).places, int(Place.FIXED), int(Place.FIELD)
        for position, token in enumerate(tokens):
            if token != HOLE and never < where[position] < field:
                hole = (*tokens[:position], HOLE, *tokens[position + 1 :])
                self._stand_in(key, hole, position, context - (len(token) > 1), merges)

    def _stand_together(self, key: str, merges: list[Merge]) -> None:
        """Join what differs from ``key`` in several places that hold names, where enough names stood in each."""
        at, wide = _named(self._known(key))
        if not at or (context := words(noise.unsealed(wide))) < _MIN_CONTEXT:
            return
        shape = hash(wide)
        if shape in self._proven and (general := self._exact.get(shape)) is not None:
            self._join(general, key, wide, at[0], tuple(self._known(key).tokens[position] for position in at), merges)
            return
        waiting = self._pairs.setdefault(shape, [])
        if len(waiting) >= _WAITING:
            return
        waiting.append(key)
        if len(waiting) < self._evidence or (len(waiting) > 40 and len(waiting) % 10):
            return
        for position in at:
            stood = {self._known(one).tokens[position] for one in waiting}
            place = self._known(key).places[position]
            names = sum(may_vary(word, place) for word in stood)
            wanted = self._evidence + (0 if place >= Place.NAME else _MARKED) + _MORE_EVIDENCE.get(context + 1, 0)
            if names < wanted or 4 * names < 3 * len(stood):
                return
        del self._pairs[shape]
        self._proven[shape] = False
        for one in waiting:
            self._join(
                waiting[0], one, wide, at[0], tuple(self._known(one).tokens[position] for position in at), merges
            )
        self._learn(waiting[0], wide, merges)

    def _stand_in(self, key: str, hole: tuple[str, ...], position: int, context: int, merges: list[Merge]) -> None:
        """``key`` has a word where ``hole`` has its hole at ``position``: join where that is enough evidence."""
        shape = hash(hole)
        if context < 1 or shape in self._closed:
            return
        if shape in self._proven and (general := self._exact.get(shape)) is not None:
            pattern = self._known(key)
            word = pattern.tokens[position]
            if may_vary(word, pattern.places[position], sure=self._proven[shape], proven=context >= _SAID):
                _remember(self._names, (word,), self._capacity)
                self._join(general, key, hole, position, (word,), merges)
            return
        there = self._holes.setdefault(shape, key)
        if there == key and shape not in self._exact:
            return
        if isinstance(there, str):
            there = self._holes[shape] = [there]
        if key not in there:
            there.append(key)
        self._weigh(hole, position, context, merges)

    def _weigh(self, hole: tuple[str, ...], position: int, context: int, merges: list[Merge]) -> None:
        """Join the patterns that have a word at ``position`` of ``hole`` where these words are enough evidence."""
        shape = hash(hole)
        stood = {one: self._known(one).tokens[position] for one in self._standing(shape)}
        place = min(self._known(one).places[position] for one in stood)
        words_there = dict.fromkeys(stood.values())
        names = tuple(word for word in words_there if may_vary(word, place))
        others = len(words_there) - len(names)
        uncertain = place < Place.MARKED
        more = _MORE_EVIDENCE.get(context + (place >= Place.NAME), 0)  # what announces names says something too
        wanted = self._evidence + more + _UNCERTAIN.get(place, 0)
        general = self._exact.get(shape) if context >= _MIN_CONTEXT else None
        value = 0 if general is None else _VALUE.get(place, wanted)
        weight = value
        for word in names:
            weight += (_DOTTED if uncertain else 2) if dotted(word) else 2 if word in self._names else 1
        if not names or weight < wanted or (3 if place >= Place.NAME else 6) * others > len(words_there) + value:
            if others >= wanted:
                self._close(shape)
            return
        del self._holes[shape]
        self._proven[shape] = general is not None
        _remember(self._names, names, self._capacity)
        sure, said = general is not None, context >= _SAID
        joining = [one for one, word in stood.items() if may_vary(word, place, sure=sure, proven=said)]
        for one in joining:
            self._join(general or joining[0], one, hole, position, names, merges)
        # The group now stands for the wider text, which may differ from other texts in one more place.
        if general is None:
            self._learn(joining[-1], hole, merges)

    def _standing(self, shape: int) -> list[str]:
        """The patterns that have a word where ``shape`` has its hole."""
        there = self._holes[shape]
        return [one for one in ([there] if isinstance(there, str) else there) if one in self._patterns]

    def _close(self, shape: int) -> None:
        """A word named the fault: patterns never join by this place."""
        self._holes.pop(shape, None)
        _remember(self._closed, (shape,), self._capacity)

    def _watch_fields(self, key: str, merges: list[Merge]) -> None:
        """Look whether code fields of ``key``'s text are noise, and join what differs in these only."""
        fields = self._fields.setdefault(_wide(self._patterns[key]), noise.Fields())
        fields.keys[key] = None
        news: Iterable[str] = (key,)
        if len(fields.keys) >= fields.due:
            fields.due += fields.due // 4
            seen = {self._known(one).tokens: (self._logs[one], self.root(one)) for one in fields.keys}
            found = noise.noisy(seen, _fields(self._patterns[key]))
            if not found <= fields.noisy:
                fields.noisy |= found
                news = tuple(fields.keys)
        if not fields.noisy:
            return
        at = min(fields.noisy)
        values = tuple(dict.fromkeys(noise.shown((self._known(one).tokens[at],)) for one in news))[: noise.SHOWN]
        for one in news:
            narrow = noise.holed(self._known(one).tokens, fields.noisy)
            known = self._exact.get(hash(narrow))
            if known is None:
                self._learn(one, narrow, merges)
            elif known != one:
                self._join(known, one, narrow, at, values, merges)

    def _known(self, key: str) -> _Pattern:
        return self._patterns.get(key) or _FORGOTTEN

    def _join(
        self,
        one: str,
        other: str,
        template: tuple[str, ...],
        position: int,
        stood: tuple[str, ...],
        merges: list[Merge],
    ) -> None:
        old, young = self.root(one), self.root(other)
        if self._known(young).age < self._known(old).age:
            old, young = young, old
        if self.unite(young, old):
            merges.append(Merge(young, old, position, stood, noise.shown(template)))

    def _group(self, key: str) -> list[str]:
        """``key`` and all that was merged into it."""
        found = [key]
        for member in found:  # grows while it is walked
            found += self._members.get(member, ())
        return found

    def _forget_first(self) -> bool:
        """Forget the pattern added first; one that others were merged into is kept and goes to the end.

        Whether there was any to forget.
        """
        for _ in range(len(self._patterns)):
            key = next(iter(self._patterns))
            pattern = self._patterns.pop(key)
            if self._members.get(key):
                self._patterns[key] = pattern
                continue
            self._forget(key, pattern)
            return True
        return False

    def _forget(self, key: str, pattern: _Pattern) -> None:
        self.forgotten += 1
        self._weight -= _weight(pattern.tokens)
        self._logs.pop(key, None)
        for shape in pattern.shapes:
            self._exact.pop(shape, None)
            self._proven.pop(shape, None)
        if (wide := _wide(pattern)) in self._fields:
            self._fields[wide].keys.pop(key, None)
            if not self._fields[wide].keys:
                del self._fields[wide]
        tokens = pattern.tokens
        for position in range(len(tokens)):
            shape = hash((*tokens[:position], HOLE, *tokens[position + 1 :]))
            there = self._holes.get(shape)
            if there == key:
                del self._holes[shape]
            elif isinstance(there, list) and key in there:
                there.remove(key)
                if not there:
                    del self._holes[shape]
        if key in (waiting := self._pairs.get(hash(_named(pattern)[1]), [])):
            waiting.remove(key)
        self._members.pop(key, None)
        parent = self._parent.pop(key, None)
        if parent is not None:
            self._members[parent].remove(key)


def rebuilt(
    known: Sequence[tuple[int, str, str, str | None, int]],
    apart: Sequence[tuple[str, str]],
    pinned: Callable[[str], bool] = _PINNED,
) -> tuple[Merger, list[Merge]]:
    """The merger over the stored patterns (id, fingerprint, template, what it is merged into, how many logs).

    ``apart`` are pairs that are never joined. The second value are joins that the patterns prove and that are not
    stored yet, as in a database that was written before there was merging. Takes seconds where there are many patterns.
    """
    merger = Merger(never=apart, pinned=pinned)
    for _, key, _, into, _ in known:  # what is stored comes first: the merger then speaks only of what is new
        if into is not None:
            merger.unite(key, into)
    return merger, [merge for id_, key, text, _, logs in known for merge in merger.add(key, text, id_, logs)]


def _weight(tokens: Sequence[str]) -> int:
    """About how many bytes a pattern takes: objects and places in dictionaries, for itself and for each word."""
    return 400 + 60 * len(tokens) + sum(map(len, tokens))


def _remember(known: dict[K, None], new: Iterable[K], most: int) -> None:
    """Add to what is known; what was added first is forgotten where that is more than ``most``."""
    known.update(dict.fromkeys(new))
    while len(known) > most:
        del known[next(iter(known))]


def _difference(general: tuple[str, ...], pattern: _Pattern) -> int:
    """Where ``general`` has a hole for a word of ``pattern``; of several places the one that says least of it."""
    there = (at for at, (a, b) in enumerate(zip(general, pattern.tokens, strict=False)) if a != b)
    return min(there, key=pattern.places.__getitem__, default=0)


def _named(pattern: _Pattern) -> tuple[list[int], tuple[str, ...]]:
    """The places of a pattern where names stand that may vary together, and its tokens with holes there."""
    plain = int(Place.PLAIN)
    if max(pattern.places, default=0) <= plain:
        return [], ()
    at = [
        position
        for position, place in enumerate(pattern.places)
        if place > plain and varies_with_others(pattern.tokens[position], place)
    ]
    if len(at) < 2:
        return [], ()
    wide = list(pattern.tokens)
    for position in at:
        wide[position] = HOLE
    return at, tuple(wide)


def _fields(pattern: _Pattern) -> list[int]:
    return [at for at, place in enumerate(pattern.places) if place == Place.FIELD]


def _wide(pattern: _Pattern) -> int:
    """Under what a pattern's text is known apart from its code fields."""
    return hash((Place.FIELD, noise.holed(pattern.tokens, _fields(pattern))))


def _mergeable(template: str, pinned: Callable[[str], bool]) -> tuple[tuple[str, ...], bytes]:
    """The tokens of ``template``, its tail field by field, and their places; none where it is cut off or very long."""
    text, mark, tail = template.rpartition(TAIL)
    if not mark:
        text, tail = template, ""
    if text.endswith(ELLIPSIS) or tail.endswith(ELLIPSIS):
        return (), b""
    tokens, ending = skeleton(text), noise.sealed(tail)
    if len(tokens) > MAX_TOKENS:
        return (), b""
    # What stands in a trace is code, not names.
    where = bytes(len(tokens)) if FRAMES in text else places(tokens, text)
    noisy = words(tokens) >= _MIN_CONTEXT
    fields = bytes(Place.FIELD if noisy and noise.can_be_noise(token, pinned) else Place.FIXED for token in ending)
    return (*tokens, *ending), where + fields
