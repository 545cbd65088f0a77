"""The sentences of an answer, in the form in which they are compared: small Latin letters without accents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from andon.core.late_patterns import late
from andon.core.redact import visible

#: Characters of one text that are looked at; a finding has fewer, free text is cut to fewer.
TEXT_MAX = 10_000
#: Letters of other scripts that look like Latin ones.
_LOOKALIKES = str.maketrans("авегкмнорстухіјѕαεικνορτυ", "aberkmhopctyxijsaeikvoptu")
_QUOTED = late(r"“[^”]*”|„[^“”]*[“”]|«[^»]*»|\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|`[^`]*`")
_END = late(r"(?<=[.!?;:])\s+|\n+|\s[–—-]{1,2}\s|(?<=[。！？；：，])|…")
_ABBREVIATION = late(r"\b(e\.g|i\.e|z\.b|d\.h|incl|max|min|approx|ca|nr|no|vs|bzw|usw|etc)\.", re.IGNORECASE)
_APOSTROPHES = late(r"['’ʼ`´]")
_APART = late(r"[^\w\s,.;:!?()%]|_")


class Sentence(NamedTuple):
    """One sentence: as it was written and as it is compared. ``told`` where it tells a state, as a cause does."""

    text: str
    plain: str
    told: bool


def same_letters(text: str) -> str:
    """``text`` without accents, and with Latin letters for those that look like them."""
    apart = unicodedata.normalize("NFD", text.translate(_LOOKALIKES))
    return "".join(c for c in apart if not unicodedata.combining(c))


def plain(text: str) -> str:
    """``text`` in small letters without accents and marks; hyphens are blanks, ``don't`` is ``do not``.

    >>> plain("Don’t bridge the E-Stop; Schütz prüfen!")
    'do not bridge the e stop; schutz prufen!'
    """
    text = same_letters(unicodedata.normalize("NFKC", visible(text)).casefold())
    text = _APOSTROPHES.sub("'", text)
    text = re.sub(r"\bcan(?:'t|not)\b", "can not", text)
    text = re.sub(r"\bwon't\b", "will not", text)
    text = re.sub(r"n't\b", " not", text)
    # written without umlauts
    text = re.sub(r"(?<=[a-z])ue(?=br|ck|ft|ss|tz|rs)|\bue(?=b)", "u", text)
    return " ".join(_APART.sub(" ", text).split())


def sentences(texts: Iterable[tuple[str, bool]]) -> Iterator[Sentence]:
    """The sentences of (text, told), in order. What a telling text quotes is nobody's advice and is left out."""
    for text, told in texts:
        text = text[:TEXT_MAX]
        if told:
            text = _QUOTED.sub(" … ", text)
        for part in _END.split(_ABBREVIATION.sub(lambda found: found[1].replace(".", ""), text)):
            if part and (folded := plain(part)):
                yield Sentence(part.strip(), folded, told)
