"""Noise: code fields of the context that turn out to be counters and ids which no table knew.

The tail of a template names the codes of the context. A field that has many values in few logs, under one text, says
nothing: the patterns are one. That is learned from what comes and acts in the late merge only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from andon.grouping.mask import HOLE

#: Plain names of fields that are identity, however many values they have. A site's own fields come to them.
PROTECTED = frozenset({"alarmcode", "errorcode", "eventid"})
#: So many different values of a field, with fewer than ``LOGS_EACH`` logs for each, are noise.
VALUES = 20
#: What is called a code is likelier one.
VALUES_OF_CODES = 60
LOGS_EACH = 2
#: So many values go with a merge as its evidence.
SHOWN = 25

_SEAL = "\x1e"
_PIECES = re.compile(r" (?=[^\s=]+=)")
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_CODE = re.compile(r"code$|errno|exception|state$|status$")


class Fields(msgspec.Struct):
    """The patterns that differ in code fields only, and which fields (by their place) are noise."""

    keys: dict[str, None] = {}
    noisy: frozenset[int] = frozenset()
    #: How many patterns there must be before it is worth looking again.
    due: int = VALUES


def protecting(fields: Iterable[str]) -> frozenset[str]:
    """What is never noise where a site names these ``fields`` as codes, in plain names."""
    return PROTECTED.union(map(_plain, fields))


def sealed(tail: str) -> tuple[str, ...]:
    """The service and the fields of a template's tail as a token each."""
    return tuple(_SEAL + piece for piece in _PIECES.split(tail)) if tail else ()


def unsealed(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """``tokens`` without those of the tail."""
    return tuple(token for token in tokens if token[0] != _SEAL)


def shown(tokens: Sequence[str]) -> str:
    """``tokens`` as people read them."""
    return " ".join(token.lstrip(_SEAL) for token in tokens)


def can_be_noise(token: str, protected: Collection[str]) -> bool:
    """Whether a sealed token is a field that may turn out to be noise: a counter or id holds a digit."""
    name, equals, value = token.partition("=")
    return bool(equals) and any(map(str.isdigit, value)) and HOLE not in value and _plain(name) not in protected


def holed(tokens: tuple[str, ...], places: Collection[int]) -> tuple[str, ...]:
    """``tokens`` with holes for the values of the fields at ``places``."""
    return tuple(f"{t.partition('=')[0]}={HOLE}" if at in places else t for at, t in enumerate(tokens))


def noisy(patterns: Mapping[tuple[str, ...], tuple[int, str]], places: Collection[int]) -> frozenset[int]:
    """Which of the fields at ``places`` are noise, given each pattern's tokens with its logs and its root.

    Where patterns that differ in fields of many values are one already, as after a restart, these are noise too.
    """
    values = {at: {tokens[at] for tokens in patterns} for at in places}
    many = {at for at, found in values.items() if len(found) >= _wanted(next(iter(found)))}
    logs = sum(count for count, _ in patterns.values())
    roots: dict[tuple[str, ...], set[str]] = {}
    for tokens, (_, root) in patterns.items():
        roots.setdefault(holed(tokens, many), set()).add(root)
    if VALUES * len(roots) <= len(patterns) and all(len(found) == 1 for found in roots.values()):
        return frozenset(many)
    return frozenset(at for at in many if logs < LOGS_EACH * len(values[at]))


def _wanted(token: str) -> int:
    return VALUES_OF_CODES if _CODE.search(_plain(token.partition("=")[0])) else VALUES


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name.lower())
