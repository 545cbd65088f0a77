"""Record ids in an answer, ``[log 123]``: which are there, which may stand, what people are shown in their place."""

from __future__ import annotations

import re
from collections.abc import Collection

_ID = re.compile(r"\d{1,19}")
#: ``[log 12]``, ``[logs 12, 13 and 14]``, ``(log #12)``, ``[log 12, log 13]``; every repetition is bounded.
_CITED = re.compile(
    r"[\[(]\s{0,3}(?:logs?|ids?)\s{0,3}#?\s{0,3}(\d{1,19}"
    r"(?:\s{0,3}(?:,|;|&|and)\s{0,3}(?:logs?\s{0,3})?#?\d{1,19}){0,30})\s{0,3}[\])]",
    re.IGNORECASE,
)


def cited_ids(text: str) -> list[int]:
    """The ids cited in ``text``, each once, in the order of their first mention."""
    return list(dict.fromkeys(int(one) for found in _CITED.finditer(text) for one in _ID.findall(found[1])))


def checked(text: str, known: Collection[int]) -> str:
    """``text`` with each citation as ``[log 12]``; one that is not ``known`` is marked as not found."""

    def shown(found: re.Match[str]) -> str:
        ids = [int(one) for one in _ID.findall(found[1])]
        return " ".join(f"[log {one}]" if one in known else f"[log {one}: not found]" for one in ids)

    return _CITED.sub(shown, text)
