"""Text for people: what would steer a terminal is shown instead of obeyed; numbers with what they count."""

from __future__ import annotations

import html
import re
import unicodedata

# C0 but for tab and newline, DEL, C1; marks and overrides of the writing direction; line and paragraph separators; what
# has no width and hides among letters, but for the joiners that some scripts are written with; halves of surrogate
# pairs, which no terminal can be sent.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


#: What no log and no text for others holds, and not every database takes: NUL, halves of surrogate pairs.
_UNFIT = re.compile("[\0\ud800-\udfff]")


def is_unfit(text: str) -> bool:
    """Whether ``text`` holds a NUL or half a character, which JSON can name and nobody can store or send."""
    return _UNFIT.search(text) is not None


def printable(text: str) -> str:
    r"""``text`` with control characters and writing-direction marks as escapes; tabs and newlines stay.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _STEERING.sub(_escape, text) if not text.isascii() or not text.isprintable() else text


def printable_json(text: str) -> str:
    """The same for JSON text: the escapes are JSON's own, so that the values stay what they are."""
    return _STEERING.sub(lambda found: json_escaped(found[0]), text)


def json_escaped(character: str) -> str:
    """A character as JSON escapes it: one or two UTF-16 units."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def readable(data: bytes) -> str:
    r"""Raw bytes as text that can be read, whatever they are: escapes for what is no text, or steers a terminal.

    >>> readable(b"a\xff\x00\n")
    'a\\xff\\x00\\n'
    """
    text = data.decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def html_text(text: str) -> str:
    """The same as HTML shows it, in an element or an attribute: no markup is read from it."""
    return html.escape(printable(text))


def unaccented(text: str) -> str:
    """``text`` in small letters, without accents and in one width: how names and words of many languages are compared.

    >>> unaccented("Störung"), unaccented("ＡＬＡＲＭ")
    ('storung', 'alarm')
    """
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFC", "".join(sign for sign in apart if not "\u0300" <= sign <= "\u036f"))


def counted(count: int, noun: str) -> str:
    """How many of what, in a regular plural where it is not one.

    >>> counted(1, "log"), counted(1200, "log")
    ('1 log', '1,200 logs')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def times(count: int) -> str:
    """How often: ``once``, ``1,200 times``."""
    return "once" if count == 1 else f"{count:,} times"


def shown_size(size: float) -> str:
    """Bytes in the unit that suits them.

    >>> shown_size(12), shown_size(2_500_000)
    ('12 bytes', '2.4 MiB')
    """
    if size < 1024:
        return f"{size:,.0f} bytes"
    for unit in ("KiB", "MiB"):
        size /= 1024
        if size < 1024:
            return f"{size:,.1f} {unit}"
    return f"{size / 1024:,.1f} GiB"


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
