"""Masking: the values of a text become ``<*>``, its words stay.

Everything here works on *folded* text: each run of ASCII digits is replaced by a single ``0``. A masked form
can depend on where digits stand, never on which they are; that makes a cache over folded text exact.
No expression backtracks over more than the token it stands in, so the work is linear in the text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from andon.core.late_patterns import late
from andon.grouping.http_lines import ROUTE
from andon.grouping.writing import SEAM, SIGNS

#: What stands for a masked value, in templates and in skeletons.
HOLE = "<*>"
#: Ends the message part of a template; what follows (service, code fields) is identity and never a hole.
TAIL = " @ "
#: Stands before the frames of a stack trace in a template.
FRAMES = " | in "
#: Longest template shown and stored, in characters; a longer one ends in an ellipsis.
TEMPLATE_LIMIT = 300
ELLIPSIS = "…"

_DIGITS = late(r"[0-9]+")
_SPACES = late(r"\s+")
# A word, or several joined without space: a name in dots, dashes or underscores is one thing, and varies as one.
_JOINT = r"(?:[._\-/@$~]{1,2}|\+\+-?|==)"
_COMPOUND = rf"[^\W_]+(?:{_JOINT}[^\W_]+)*"
# Signs of scripts without spaces are no part of the Latin words that they touch.
_LETTERS = rf"[^\W_{SIGNS}]+"
# "+ overtravel" is another problem than "- overtravel", and -110 another code than 110; "+ 5" is a value.
_SIGN = rf"(?<!\+)\+(?!\+|\s?[\d<])(?:(?<![^\W_{SIGNS}]\+)|(?![^\W_{SIGNS}]))|(?<![\w.)\]])[+\-](?=\d)"
_TOKEN = late(rf"<\*>|{_COMPOUND}")
_TOKEN_OF_SOME = late(rf"<\*>|{ROUTE}|(?:{_SIGN})?{_COMPOUND}|{_SIGN}")
_MINUS = late(r"-\d")
_TOKEN_OF_SIGNS = late(rf"<\*>|{ROUTE}|(?:{_SIGN})?{_LETTERS}(?:{_JOINT}{_LETTERS})*|[{SIGNS}]+|{_SIGN}")
#: Tokens that are what they are: a sentence of signs, a route, a plus or minus. They never stand for a value.
IDENTITY = late(rf"[{SIGNS}+\-]|{ROUTE}")
_SIGN_RUN = late(f"[{SIGNS}]")
_HOLE_RUN = late(r"<\*>(?:(?:[^\w<]|_){0,40}<\*>)+")
# What is joined to a value without a space belongs to it.
_GLUED = late(rf"<\*>(?:[._\-/@$~+]{{1,2}}{_LETTERS})+")
_LITERAL = late(r"(?<=[=:])(\s?)(?:true|false|null|nil|none|nan|undefined)(?![^\W_])", re.IGNORECASE)
# NUL, other control characters, line ends included, and halves of surrogate pairs: no database takes them all.
_UNPRINTABLE = late("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+")

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sep(?:t|tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_CLOCK = r"0:0(?::0(?:[.,]0)?)?(?:\s?[AaPp][Mm]\b)?"
_UNIT = (
    r"(?:[kKMGTP]i?[Bb](?:ytes?|its?|ps)?(?:/s(?:ec)?)?|[Bb]ytes?|bits?|[nuµm]?s|m(?:illi)?secs?|secs?"
    r"|(?:milli|micro|nano)?seconds?|mins?|minutes?|h|hrs?|hours?|days?|%"
    r"|°?[CFK]|[mkM]?bar|[mckµn]?m|rpm|[mkM]?[VAWN]|[kMG]?Hz|k?Nm|[mk]?g|[kMh]?Pa|psi|dBm?)"
)
# A short word behind a decimal number is its unit, unless it goes on with the sentence.
_ANY_UNIT = r"(?!(?:of|in|on|at|to|is|by|for|and|or|was|not|the|but|out|due|has|no|as|if)\b)[^\W\d_]{1,3}"
_ANY_UNIT = _ANY_UNIT.replace("\\d_", rf"\d_{SIGNS}")

_HAS_MONTH = re.compile(_MONTH).search
# Values that reach over punctuation, each with a test that is cheap and true wherever the expression can match.
_WIDE: tuple[tuple[Callable[[str], bool], str], ...] = (
    # URL
    (lambda t: "://" in t, r"(?<![\w+.\-])[A-Za-z][A-Za-z0+.\-]{1,15}://[^\s\"'<>\])}|,;]+"),
    # package@^1.2.3, e-mail, user@host
    (
        lambda t: "@" in t,
        r"(?<![\w.\-@/])@?[\w.\-]+(?:/[\w.\-]+)?@[\^~<>=v]{0,3}0(?:\.[\w.\-+]*\w)?(?!\w)"
        r"|(?<![\w.+\-])[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){0,4}",
    ),
    # 'user'@'host', as databases write accounts
    (lambda t: "'@'" in t, r"'[^'\s]{0,64}'@'[^'\s]{0,255}'"),
    # a node of an OPC UA server
    (lambda t: "=0;" in t, r"(?<!\w)(?:nsu?|svr)=[\w:/.\-]{1,200};[sigb]=(?:\"[^\"]{0,100}\"|[^\s\"'<>,;)\]}])+"),
    (lambda t: "urn:" in t, r"(?<!\w)urn:[^\s\"'<>\])}|,;]+"),
    # Base64
    (
        lambda t: "+" in t,
        r"(?<![\w+/.\-])(?=[A-Za-z/+]{0,60}0)(?=[A-Z0/+]{0,60}[a-z])(?=[a-z0/+]{0,60}[A-Z])(?=[A-Za-z0/]{0,60}\+)"
        r"(?=[A-Za-z0+/]{16})[A-Za-z0+/]+={0,2}(?![\w+/\-.])",
    ),
    # whose command cron runs: (user) CMD (command)
    (lambda t: ") CMD (" in t, r"(?<=\()[\w.\-]{1,64}(?=\) CMD \()"),
    # UUID
    (lambda t: t.count("-") > 3, r"(?<![\w\-])[0a-fA-F]{1,8}-(?:[0a-fA-F]{1,4}-){3}[0a-fA-F]{1,12}(?![\w\-])"),
    # MAC, IPv6, time of day
    (lambda t: t.count(":") > 1, r"(?<![\w:.])(?=[a-fA-F:]{0,20}0)(?:[0a-fA-F]{0,4}:){2,31}[0a-fA-F]{1,4}(?![\w:])"),
    # PLANT\jane (but not FAILED\nCaused), Windows and UNC paths, in quotes with blanks
    (
        lambda t: "\\" in t,
        r"(?<![\w\\.\-:/])(?!FAIL|ERR|WARN|ABORT|FATAL|ALARM|FAULT|TRIP|STOP)[A-Z][A-Z0\-_]{1,20}\\"
        r"(?![ntrbf](?:[^a-z]|$))[A-Za-z][\w.\-]{1,62}\w\$?(?![\w\\:])"
        r"|(?<=[\"'])[A-Za-z]:\\[^\"'<>|*?\n]{0,255}(?=[\"'])"
        r"|(?<!\w)[A-Za-z]:\\(?:Program Files(?: \(x0\))?|Documents and Settings)?"
        r"[^\s\"'<>|:*?;,)\]]*|\\\\[\w.$\-]{1,64}\\[^\s\"'<>|:*?;,)\]]*",
    ),
    # Unix path of two parts or more, with a host or scheme before it
    (
        lambda t: t.count("/") > 1,
        r"(?<![\w.\-/])(?:[~.]{0,2}|[\w\-]{1,32}:)(?:/{1,2}[\w.@%+~=$\-]+){2,}/?(?:\?[^\s\"'<>)]*)?",
    ),
    # app.name/.Part, and a path in a directory that ends in a file: src/main.rs
    (
        lambda t: "/" in t and "." in t,
        r"(?<![\w.\-/])(?:[\w\-]++(?:\.[\w\-]++)+/[\w.$\-/]*[\w$]"
        r"|[\w\-]++(?:/[\w\-]++)+\.[a-z][a-z0]{0,5}(?![\w/\-]|\.\w))",
    ),
    # libacme-utils:amd64 (1.2.3-4)
    (
        lambda t: " (0" in t,
        r"(?<![\w.\-])[a-z][\w+.]*+(?:-[\w+.]++)+(?::\w+)?\s\((?:0:)?0(?:\.0){2,}[\w.~+\-]*\)",
    ),
    # a path with a query string
    (lambda t: "?" in t, r"(?<![\w.\-/])/[\w.@%+~=$\-]*/?\?[\w.%~\-\[\]]{1,80}=[^\s\"'<>)]*"),
    # host.domain:port
    (lambda t: ":0" in t and "." in t, r"(?<![\w.\-])[A-Za-z0][\w\-]*(?:\.[\w\-]+)+:0(?!\w)"),
    # Mon Jun 1 10:00:00 2025 in any language
    (
        lambda t: " 0:0:0" in t,
        r"(?<![^\W_])(?:[^\W\d_]{2,9}+[.,]{0,2}\s)?[^\W\d_]{3,9}+\.?\s{1,2}0,?\s(?:0\s)?0:0:0(?:[.,]0)?"
        r"(?:\s(?:[A-Z]{3,4}\s)?0(?!\w))?",
    ),
    # Mon Jun 1 10:00; 1 Jun 2025; 1/Jun/2025:10:00:00
    (
        lambda t: _HAS_MONTH(t) is not None,
        rf"(?<![^\W_])(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{{0,6}},?\s)?{_MONTH}\s+0(?:st|nd|rd|th)?,?"
        rf"(?:\s+{_CLOCK})?(?:\s+(?:[A-Z]{{3,4}}\s+)?0(?!\w))?|(?<!\w)0[ \-/]{_MONTH}[ \-/]0(?:[ :]{_CLOCK})?",
    ),
)


@functools.cache
def _wide_pattern(which: tuple[bool, ...]) -> re.Pattern[str]:
    return re.compile("|".join(pattern for (_, pattern), used in zip(_WIDE, which, strict=True) if used))


# What is left: sizes and durations with their unit, and words; those that hold a digit are values. In ASCII text
# a digit is a 0, and words with none ahead are not worth a match.
_SIZE = rf"(?<![^\W_])(?:0(?:[.,]0)*\s?{_UNIT}|0[.,]0\s{_ANY_UNIT})(?![^\W_])"
_NARROW = late(rf"{_SIZE}|{_COMPOUND}")
_NARROW_ASCII = late(rf"{_SIZE}|(?<![^\W_])(?=[^\s0]{{0,200}}+0){_COMPOUND}")


def fold(text: str) -> str:
    """``text`` with each run of ASCII digits as one ``0``.

    >>> fold("axis 3 at 17.25 mm")
    'axis 0 at 0.0 mm'
    """
    return _DIGITS.sub("0", text)


def digit_runs(text: str) -> list[str]:
    """The runs of digits that :func:`fold` replaced, in order."""
    return _DIGITS.findall(text)


def wide_spans(folded: str, start: int) -> list[tuple[int, int]]:
    """Where addresses, paths, dates and other values of several tokens stand, from ``start`` on."""
    which = tuple([test(folded) for test, _ in _WIDE])
    if not any(which):
        return []
    return [match.span() for match in _wide_pattern(which).finditer(folded, start)]


def mask_tokens(folded: str) -> str:
    """``folded`` with each token that holds a digit as a hole. Call it on what stands between wide values.

    >>> mask_tokens("retry 0 of 0 in 0 ms on node0")
    'retry <*> of <*> in <*> on <*>'
    """
    if not folded.isascii():
        masked = _NARROW.sub(_hole_if_digit, folded)
    else:
        masked = _NARROW_ASCII.sub(_hole_if_digit, folded) if "0" in folded else folded
    return _LITERAL.sub(rf"\1{HOLE}", masked) if "=" in masked or ":" in masked else masked


def _hole_if_digit(match: re.Match[str]) -> str:
    text = match[0]
    if "0" in text or (not text.isascii() and any(map(str.isdigit, text))):
        return _reason(text) if "_" in text and text.isupper() else HOLE
    return text


def _reason(text: str) -> str:
    """A name of a reason keeps its words though one holds a digit: X509_V_ERR_CERT_HAS_EXPIRED, ST12_MOTOR_FAULT."""
    parts = text.split("_")
    named = parts[-1].isalpha() and len(parts[-1]) > 2 and sum(map(str.isalpha, parts)) > 1 and len(parts) > 2
    return text.replace("0", "#") if named and "".join(parts).isalnum() else HOLE


def tidy(masked: str) -> str:
    """``masked`` on one line, printable, with runs of holes joined into one.

    >>> tidy("from <*>.<*>.<*>.<*>: <*>\\n retry")
    'from <*> retry'
    """
    text = masked.replace(SEAM, "")
    text = text if text.isprintable() else _UNPRINTABLE.sub(" ", text)
    if "  " in text or not text.isascii():
        text = _SPACES.sub(" ", text)
    text = text.strip()
    return _HOLE_RUN.sub(HOLE, _GLUED.sub(HOLE, text)) if HOLE in text else text


def shorten(template: str, limit: int = TEMPLATE_LIMIT) -> str:
    """``template``, cut behind a word and marked with an ellipsis where it is longer than ``limit``."""
    if len(template) <= limit:
        return template
    cut = template[: limit - 1]
    space = cut.rfind(" ", limit - 60)
    return (cut[:space] if space > 0 else cut) + ELLIPSIS


def skeleton(text: str) -> tuple[str, ...]:
    """The words and holes of a masked text: what the identity of a pattern is made of.

    >>> skeleton("Failed to bind to port <*>: Address in use")
    ('Failed', 'to', 'bind', 'to', 'port', '<*>', 'Address', 'in', 'use')
    """
    if not text.isascii():
        return tuple(_TOKEN_OF_SIGNS.findall(text))
    some = "+" in text or "/" in text or ("-" in text and _MINUS.search(text))
    return tuple((_TOKEN_OF_SOME if some else _TOKEN).findall(text))


def words(tokens: tuple[str, ...]) -> int:
    """How many of ``tokens`` are words: not holes, not single letters."""
    return len([token for token in tokens if len(token) > 1]) - tokens.count(HOLE)


def says(tokens: tuple[str, ...]) -> int:
    """As :func:`words`, but a run of signs counts as the words that it holds: one for two signs."""
    return words(tokens) + sum([len(token) // 2 for token in tokens if token[0] >= "\u0900" and _SIGN_RUN.match(token)])
