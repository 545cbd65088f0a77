"""What people cannot see, and the form in which texts are compared: folded letters, one for one."""

from __future__ import annotations

import unicodedata

from andon.core.late_patterns import late

#: CSI, OSC and two-character escapes. Each repetition is bounded, so that no text is scanned twice.
_ANSI = late(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\^_])")
_INVISIBLE = late(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
#: Letters of other scripts that look like Latin ones. Both cases are folded alike, so that words of these scripts stay
#: words; those of the rules are folded too.
_LOOK_ALIKE = {
    **dict(zip("авекмнорстухіѕјԁɡӏԛԝ", "abekmhopctyxisjdglqw", strict=True)),
    **dict(zip("αεικορτυχν", "aeikoptuxv", strict=True)),
    **dict(zip("łøđıħŧ", "lodiht", strict=True)),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
}


def visible(text: str) -> str:
    """``text`` without control characters (but tab and newline), invisible and direction-changing ones.

    Source of the list: OWASP LLM01:2026 (U+E0000-E007F tags, U+FE00-FE0F variation selectors, U+200B-200D,
    U+2060), widened by the bidirectional controls, the byte order mark, the other format characters and lone
    surrogates. Terminal escape sequences go as a whole.
    """
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub("", _ANSI.sub("", text))


class _Letters(dict[int, str]):
    """Each character's folded form, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        form = unicodedata.normalize("NFKC", chr(code))
        apart = unicodedata.normalize("NFD", form if len(form) == 1 else chr(code))
        if len(apart) > 1 and all(unicodedata.combining(mark) for mark in apart[1:]):
            form = apart[0]
        form = form.lower()[:1] if len(form) == 1 else chr(code)
        form = _LOOK_ALIKE.get(form, form)
        if len(self) < 4_096:
            self[code] = form
        return form


_letters = _Letters()


def folded(text: str) -> str:
    """``text`` in small letters without accents, full-width and other compatibility forms, as long as it was.

    >>> folded("ｐａｓｓＷＯＲＴ: Schlüssel")
    'passwort: schlussel'
    """
    return text.lower() if text.isascii() else text.translate(_letters)


#: A letter and its accent as two characters; a heap of accents is no writing.
_ACCENT = late("[\u0300-\u036f\u3099\u309a]")
_HEAP = late("[\u0300-\u036f\u3099\u309a]{4}")


def composed(text: str) -> str:
    """``text`` with each letter and its accent in one character."""
    if text.isascii() or not _ACCENT.search(text) or _HEAP.search(text):
        return text
    return unicodedata.normalize("NFC", text)
