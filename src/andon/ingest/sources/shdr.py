"""SHDR, the lines that MTConnect adapters send: ``time|item|value|item|value …``, and the conditions among them. Pure.

A condition is ``item|LEVEL|nativeCode[:conditionId]|nativeSeverity|qualifier|text``. A line does not say which of its
items are conditions: what stands behind an item and is the level of one is taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

#: The levels of a condition, as adapters write them.
LEVELS = frozenset({"normal", "warning", "fault", "unavailable"})

#: What a condition has behind its level: native code, native severity, qualifier, text.
_BEHIND = 4
_QUALIFIERS = frozenset({"high", "low"})
_MULTILINE = "--multiline--"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?")
_PONG = re.compile(r"\*\s*PONG\s+(\d{1,8})\s*", re.IGNORECASE)
_SPACE = " \t\r\n\v\f"


class ShdrCondition(msgspec.Struct, frozen=True):
    """A condition as a line tells it: ``level`` in small letters, ``timestamp`` None where the line has none."""

    timestamp: str | None
    item: str
    level: str
    code: str = ""
    condition_id: str = ""
    severity: str = ""
    qualifier: str = ""
    text: str = ""


def pong(line: str) -> float | None:
    """Seconds in which an adapter promises the next sign of life (``* PONG 10000``); None for any other line."""
    found = _PONG.fullmatch(line)
    return int(found[1]) / 1000 if found and int(found[1]) else None


def tokens(line: str) -> list[str]:
    r"""The parts between bars, without blanks around them. In quotes ``\|`` is a bar and no end.

    >>> tokens(r'a|"b\|c"| d |"e|'), tokens('x|')
    (['a', 'b|c', 'd', '"e', ''], ['x', ''])
    """
    found, at, end = [], 0, len(line)
    while at <= end:
        start = at
        while start < end and line[start] in _SPACE:
            start += 1
        quoted = _quoted(line, start) if start < end and line[start] == '"' else None
        if quoted is not None:
            text, at = quoted
        else:
            bar = line.find("|", start)
            at = end if bar < 0 else bar
            text = line[start:at].rstrip(_SPACE)
        found.append(text)
        at += 1
    return found


def _quoted(line: str, start: int) -> tuple[str, int] | None:
    """The text in quotes that begins at ``start`` and where the bar or the end behind it is; None where it has none."""
    made: list[str] = []
    at, end = start + 1, len(line)
    while at < end:
        sign = line[at]
        if sign == "\\" and at + 1 < end:
            made.append(line[at + 1])
            at += 2
            continue
        if sign == "|":
            return None
        if sign == '"':
            behind = at + 1
            while behind < end and line[behind] in _SPACE:
                behind += 1
            return ("".join(made), behind) if behind == end or line[behind] == "|" else None
        made.append(sign)
        at += 1
    return None


def conditions(line: str) -> Iterator[ShdrCondition]:
    """The conditions that a line tells, in order; any text may be given.

    Commands (``*``) and assets (``@``) hold none. A duration behind the time (``time@100``) is left out.
    """
    if not line or line[0] in "*@":
        return
    stamp, *rest = tokens(line)
    if rest and rest[0].startswith("@"):
        return
    found = _TIME.match(stamp)
    timestamp = found[0] if found else None
    at = 0
    while at + 1 < len(rest):
        item, level = rest[at], rest[at + 1].lower()
        if level not in LEVELS or not item or not _is_condition(level, rest, at):
            at += 2
            continue
        behind = rest[at + 2 : at + 2 + _BEHIND]
        at += 2 + _BEHIND
        yield _condition(timestamp, item, level, behind)


def _is_condition(level: str, rest: list[str], at: int) -> bool:
    """``UNAVAILABLE`` is said of any item: it is a condition's where fields of one stand behind it, all empty."""
    behind = rest[at + 2 : at + 2 + _BEHIND]
    return level != "unavailable" or (len(behind) == _BEHIND and not any(behind))


def _condition(timestamp: str | None, item: str, level: str, behind: list[str]) -> ShdrCondition:
    code, severity, qualifier, text = (*behind, "", "", "", "")[:_BEHIND]
    if not text and qualifier and qualifier.lower() not in _QUALIFIERS:
        qualifier, text = "", qualifier  # adapters that leave out a field
    code, _, condition_id = code.partition(":")
    return ShdrCondition(timestamp, item, level, code, condition_id, severity, qualifier, text)


class ShdrLines:
    """Joins what an adapter sends over several lines: a value ``--multiline--TAG`` ends with that line of its own.

    At most ``most`` characters are joined; what is longer is dropped up to its end, and counted in ``dropped``.
    """

    def __init__(self, most: int) -> None:
        self.dropped = 0
        self._most = most
        self._mark = ""
        self._held: list[str] = []
        self._size = 0

    def add(self, line: str) -> str | None:
        """Take a line; the whole that ends with it, or None while more belongs to it."""
        if self._mark:
            return self._more(line)
        head, found, tail = line.partition(_MULTILINE)
        if not found or not head.endswith("|"):
            return line
        tag, _, rest = tail.partition("|")
        self._mark, self._size = _MULTILINE + tag.strip(), len(line)
        self._held = [head, f"|{rest}" if rest else ""]
        return None

    def _more(self, line: str) -> str | None:
        if line.strip() != self._mark:
            self._size += len(line)
            if self._size <= self._most:
                self._held.append(line)
            return None
        (head, tail, *texts), self._mark, self._held = self._held, "", []
        if self._size > self._most:
            self.dropped += 1
            return None
        text = "\n".join(texts).replace("\\", "\\\\").replace('"', '\\"').replace("|", "\\|")
        return f'{head}"{text}"{tail}'
