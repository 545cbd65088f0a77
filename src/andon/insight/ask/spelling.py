"""Words of a question that are spelt wrong: words of time, and words that no problem has but one much like them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from andon.core.text import unaccented

#: How much alike two words are from which one is the other spelt wrong, and the letters that it takes to tell.
_ALIKE, _LEAST = 0.8, 5
_WORD = re.compile(r"[^\W\d_]+")
#: Words of time that are long enough to be known when a letter is wrong, and what people write on purpose.
_TIMES = """
    yesterday tonight morning afternoon evening overnight weekend minutes hours monday tuesday wednesday thursday friday
    saturday sunday gestern vorgestern stunden minuten wochenende montag dienstag mittwoch donnerstag freitag samstag
    sonntag nachmittag schicht nachtschicht
    """.split()  # noqa: SIM905 - a list of strings would take a page
_SHORT = {"nite": "night", "nigth": "night", "nihgt": "night", "tonite": "tonight", "lst": "last", "gesten": "gestern"}
#: From which likeness a word is one of time, or a common one: "Monaday", but not "money".
_TIME_ALIKE = 0.84
_COMMON_ALIKE = 0.88


def with_times(text: str, names: Iterable[str], notes: list[str]) -> str:
    """``text`` with words of time as they are spelt; what is part of one of ``names`` stays."""
    own = {unaccented(part) for name in names for part in _WORD.findall(name)}

    def right(found: re.Match[str]) -> str:
        word = found[0].lower()
        if word in _TIMES or unaccented(word) in own:
            return found[0]
        meant = _SHORT.get(word)
        if meant is None and len(word) > _LEAST:
            meant = next(iter(get_close_matches(word, _TIMES, 1, _TIME_ALIKE)), None)
            meant = meant if meant is not None and word.rstrip("s") not in (meant.rstrip("s"), *_TIMES) else None
        if meant is None:
            return found[0]
        notes.append(f"{found[0]!r} is read as {meant!r}.")
        return meant

    return _WORD.sub(right, text)


def corrected(words: Iterable[str], texts: Iterable[str], common: Collection[str]) -> dict[str, str | None]:
    """For each word spelt wrong the one of ``texts`` that it seems to be, None where that is a ``common`` one."""
    known = {word for text in texts for word in map(str.lower, _WORD.findall(text)) if len(word) >= _LEAST}
    found: dict[str, str | None] = {}
    for word in words:
        if len(word) < _LEAST or word in known:
            continue
        if get_close_matches(word, common, 1, _COMMON_ALIKE):
            found[word] = None
        elif near := get_close_matches(word, known, 1, _ALIKE):
            found[word] = near[0]
    return found
