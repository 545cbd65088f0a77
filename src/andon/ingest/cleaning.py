"""Texts of messages made fit to be stored and shown."""

from __future__ import annotations

import json
import re
from typing import Any

UNKNOWN = "unknown"
NAME_LIMIT = 255

# Control characters that would end a text early, move the cursor or colour a terminal; tab and line feed are text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n?")
# What colours a terminal or sets its title.
_STYLE = re.compile("(?:\x1b\\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\\][^\x07\x1b]{0,256}(?:\x07|\x1b\\\\)")


def clean(text: str) -> str:
    """Control characters made visible, line ends made uniform, outer blanks removed."""
    if _CONTROL.search(text):
        text = _CONTROL.sub(_visible, _LINE_ENDS.sub("\n", text))
    return text.strip()


def plain(text: str) -> str:
    """The same without the sequences that colour a terminal."""
    return clean(_STYLE.sub("", text) if "\x1b" in text or "\x9b" in text else text)


def text_of(value: Any, notes: list[str], field: str) -> str:
    """``value`` of a message's ``field`` as clean text; what is no text as its JSON, which is noted."""
    if value is None:
        return ""
    if not isinstance(value, str):
        notes.append(f"{field} was not text")
        value = json.dumps(value, ensure_ascii=False)
    return plain(value)


def name_of(value: Any, notes: list[str], field: str) -> str:
    """A name of a host or program on one line, ``unknown`` where there is none; one too long is cut, and noted."""
    if isinstance(value, str) and 0 < len(value) <= NAME_LIMIT and value.isprintable():
        return value.strip() or UNKNOWN
    text = " ".join(text_of(value, notes, field).split())
    if len(text) > NAME_LIMIT:
        notes.append(f"{field} cut from {len(text)} characters")
        text = text[: NAME_LIMIT - 1] + "…"
    return text or UNKNOWN


def short(text: str, limit: int = 60) -> str:
    """``text`` in quotes for a note, cut where it is long."""
    text = clean(text)
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"
