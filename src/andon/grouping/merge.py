"""Late merging: patterns that differ in one word turn out to be one once enough words stood in its place.

``user alice logged out`` and ``user bob logged out`` have two skeletons; nothing in either says that names vary.
After ``EVIDENCE`` different words in the same place (or a masked value and a word) it is known, and the patterns
are joined: the oldest stays. The evidence goes with the merge, so that people can see and undo it.

A template is all the merger needs: what ``Fingerprint.template`` says can be fed again after a restart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from andon.core.models import Merge
from andon.grouping.mask import ELLIPSIS, FRAMES, HOLE, TAIL, skeleton, words

#: How many different words in one place show that the place holds a value.
EVIDENCE = 5
#: Texts of more tokens than this are left alone: they repeat lists, not sentences.
MAX_TOKENS = 64
# The fewer words are left around the place, the more must have stood in it: "X failed" says little.
_MORE_EVIDENCE = {1: 10, 2: 5}
# Below this a value and a word in one place are no evidence either.
_MIN_CONTEXT = 2
_SEAL = "\x1e"
# A code, an exception or the name of an error number is identity: such a word is never a value.
_IDENTITY = re.compile(r".*\d|.*(?:Exception|Error|Fault)$|E[A-Z]{3,14}$|SIG[A-Z]{2,8}$")
# A dotted name, an address or a path is likelier a value than a word is: each counts twice.
_NAME = re.compile(r"[^.@/$]+[.@/$]")


class _Pattern(msgspec.Struct):
    tokens: tuple[str, ...]
    age: int
    #: What this pattern stands for in the table of exact shapes: its own and wider ones.
    shapes: list[int]


class Merger:
    """Knows every pattern seen and which of them are one.

    Feed each pattern with :meth:`add`, in any order (on start: all stored ones), and tell of the merges that are
    stored with :meth:`unite`. ``never`` are pairs of keys that a person has separated. Of more than ``capacity``
    patterns the ones added first are forgotten: they are not merged any more, nothing else changes.
    """

    def __init__(
        self, *, evidence: int = EVIDENCE, capacity: int = 20_000, never: Iterable[tuple[str, str]] = ()
    ) -> None:
        if evidence < 2:
            raise ValueError(f"evidence must be at least 2 different words, not {evidence}.")
        self._evidence = evidence
        self._capacity = capacity
        self._patterns: dict[str, _Pattern] = {}
        # Both under the hash of a tuple of tokens: 200,000 places of 20,000 patterns would be large as texts.
        self._exact: dict[int, str] = {}
        self._holes: dict[int, str | list[str]] = {}
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

    def add(self, key: str, template: str, age: int | None = None) -> list[Merge]:
        """Take in a pattern; the merges that follow from it, in order (none where it is known already).

        ``age`` orders patterns (the smaller the older: a row id serves); one without it is the youngest.
        """
        if key in self._patterns:
            return []
        age = self._youngest + 1 if age is None else age
        self._youngest = max(self._youngest, age)
        tokens = _mergeable(template)
        self._patterns[key] = _Pattern(tokens, age, [])
        merges: list[Merge] = []
        if tokens:
            self._learn(key, tokens, merges)
        if len(self._patterns) > self._capacity:
            self._forget_first()
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
        context = words(tokens) - (tokens[-1][0] == _SEAL)  # a service says nothing of what a word means in its logs
        if context >= _MIN_CONTEXT:
            for earlier in self._take_from_hole(shape):
                theirs = self._known(earlier).tokens
                position = _difference(tokens, theirs)
                self._join(earlier, key, tokens, position, theirs[position : position + 1], merges)
        for position, token in enumerate(tokens):
            if token != HOLE and token[0] != _SEAL and not _IDENTITY.match(token):
                hole = (*tokens[:position], HOLE, *tokens[position + 1 :])
                self._stand_in(key, hole, position, context - (len(token) > 1), merges)

    def _stand_in(self, key: str, hole: tuple[str, ...], position: int, context: int, merges: list[Merge]) -> None:
        """``key`` has a word where ``hole`` has its hole at ``position``: join where that is enough evidence."""
        if context < 1:
            return
        shape = hash(hole)
        general = self._exact.get(shape)
        if general is not None and context >= _MIN_CONTEXT:
            self._join(general, key, hole, position, self._known(key).tokens[position : position + 1], merges)
            return
        there = self._holes.setdefault(shape, key)
        if isinstance(there, str):
            if there == key:
                return
            there = self._holes[shape] = [there]
        if key not in there:
            there.append(key)
        stood = dict.fromkeys(word for one in there for word in self._known(one).tokens[position : position + 1])
        weight = sum(2 if _NAME.match(word) else 1 for word in stood)
        if weight < self._evidence + _MORE_EVIDENCE.get(context, 0):
            return
        del self._holes[shape]
        for other in there:
            self._join(there[0], other, hole, position, tuple(stood), merges)
        # The group now stands for the wider text, which may differ from other texts in one more place.
        if key in self._patterns:
            self._learn(key, hole, merges)

    def _take_from_hole(self, shape: int) -> list[str]:
        """The patterns that had a word where this shape has a hole; from now on the shape itself answers."""
        there = self._holes.pop(shape, [])
        return [there] if isinstance(there, str) else there

    def _known(self, key: str) -> _Pattern:
        return self._patterns.get(key) or _Pattern((), 0, [])

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
            text = " ".join(token.lstrip(_SEAL) for token in template)
            merges.append(Merge(young, old, position, stood, text))

    def _group(self, key: str) -> list[str]:
        """``key`` and all that was merged into it."""
        found = [key]
        for member in found:  # grows while it is walked
            found += self._members.get(member, ())
        return found

    def _forget_first(self) -> None:
        """Forget the pattern added first; one that others were merged into is kept and goes to the end."""
        for _ in range(len(self._patterns)):
            key = next(iter(self._patterns))
            pattern = self._patterns.pop(key)
            if self._members.get(key):
                self._patterns[key] = pattern
                continue
            self._forget(key, pattern)
            return

    def _forget(self, key: str, pattern: _Pattern) -> None:
        self.forgotten += 1
        for shape in pattern.shapes:
            self._exact.pop(shape, None)
        tokens = pattern.tokens
        for position in range(len(tokens)):
            shape = hash((*tokens[:position], HOLE, *tokens[position + 1 :]))
            there = self._holes.get(shape)
            if there == key:
                del self._holes[shape]
            elif isinstance(there, list) and key in there:
                there.remove(key)
        self._members.pop(key, None)
        parent = self._parent.pop(key, None)
        if parent is not None:
            self._members[parent].remove(key)


def rebuilt(
    known: Sequence[tuple[int, str, str, str | None]], apart: Sequence[tuple[str, str]]
) -> tuple[Merger, list[Merge]]:
    """The merger over the stored patterns (id, fingerprint, template, what it is merged into).

    ``apart`` are pairs that are never joined. The second value are joins that the patterns prove and that are not
    stored yet, as in a database that was written before there was merging. Takes seconds where there are many patterns.
    """
    merger = Merger(never=apart)
    for _, key, _, into in known:  # what is stored comes first: the merger then speaks only of what is new
        if into is not None:
            merger.unite(key, into)
    return merger, [merge for id_, key, template, _ in known for merge in merger.add(key, template, age=id_)]


def _difference(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)


def _mergeable(template: str) -> tuple[str, ...]:
    """The tokens of ``template``, its tail sealed into one; () where it is a trace, cut off, or very long."""
    text, mark, tail = template.rpartition(TAIL)
    if not mark:
        text, tail = template, ""
    if FRAMES in text or text.endswith(ELLIPSIS) or tail.endswith(ELLIPSIS):
        return ()
    tokens = skeleton(text)
    if len(tokens) > MAX_TOKENS:
        return ()
    return (*tokens, _SEAL + tail) if tail else tokens
