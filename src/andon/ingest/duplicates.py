"""Names that an object has twice: loggers write them where a field is called like one of the logger's own.

pino, slog, zap and zerolog do. JSON's readers keep the last value only, and the log's own level or text is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import takewhile

import msgspec

from andon.ingest.cleaning import short
from andon.ingest.fields import TABLE
from andon.ingest.pieces import Tree

#: Of a level and a time the first is the logger's own, of all else the last, as readers usually take it; but slog and
#: zap write their text behind nothing but these.
_HEAD = frozenset(("time", "ts", "level", "source", "caller", "logger"))
_FIRST = frozenset(
    ("severity", "timestamp", *(alias.name.lower() for alias in TABLE if alias.meaning in ("severity", "timestamp")))
)
_value = json.JSONDecoder(strict=False).raw_decode
_BLANKS = " \t\r\n"


def keep_all(data: bytes, tree: Tree, notes: list[str]) -> None:
    """Add to ``tree``, which ``data`` was read as, the values of names that came twice, as ``name (2)``; note them."""
    size = sum(map(len, tree)) + sum(map(len, tree.values())) + 4 * len(tree) + 1
    if len(data) == size + (2 * len(tree) - 1 if b'": ' in data else 0):
        return  # written close, or as Python does: every byte is accounted for
    try:
        pairs = list(_pairs(data.decode()))
    except (ValueError, IndexError, RecursionError):
        return
    if len(pairs) == len(tree):
        return
    seen: dict[str, list[str]] = {}
    for name, raw in pairs:
        seen.setdefault(name, []).append(raw)
    first = _FIRST | {"msg"} if _HEAD.issuperset(takewhile("msg".__ne__, seen)) else _FIRST
    for name, raws in seen.items():
        own = raws[0 if name.lower() in first else -1]
        others = [raw for raw in dict.fromkeys(raws) if raw != own]
        if name not in tree or not others:
            continue
        tree[name] = msgspec.Raw(own.encode())
        for number, raw in enumerate(others, 2):
            tree.setdefault(f"{name} ({number})", msgspec.Raw(raw.encode()))
        notes.append(f"{short(name)} came twice, the other is {short(f'{name} (2)')}")


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """The names and values of an object, as they were written. Raises ValueError and IndexError where it is none."""
    at = text.index("{") + 1
    while True:
        at = _past(text, at, _BLANKS + ",")
        if text[at] == "}":
            return
        name, at = _value(text, at)
        at = _past(text, at, _BLANKS + ":")
        _, end = _value(text, at)
        yield name, text[at:end]
        at = end


def _past(text: str, at: int, signs: str) -> int:
    while text[at] in signs:
        at += 1
    return at
