"""Secrets that stand behind their name: ``password=x``, ``"token": "x"``, ``<pwd>x</pwd>``, ``the password is x``."""

from __future__ import annotations

from collections.abc import Iterator

from andon.core.late_patterns import late
from andon.core.redact import vocabulary
from andon.core.redact.told import CHANGED, PARSED, pin, told
from andon.core.redact.values import QUOTE, Span, kept, value_at

#: Blanks, also those of a text that was escaped.
_B = r"(?:[^\S\n]|\\{1,8}[nrt]){0,8}"
#: What may stand between a name and the sign that says that its value follows: the rest of the name, its quote.
_REST = late(r"[a-z0-9_.\-\[\]\u0430-\u044f]{0,40}")
_BEHIND_SIGN = rf"{_B}(?:(?:[|>][+-]?)?\n\s{{0,12}}(?={QUOTE})|[|>][+-]?\n\s{{1,12}})?"
_SIGN = late(
    rf"(?:{QUOTE}|\])?{_B}(?:\n\s{{0,8}}(?=:))?(?P<sign>:=|={{1,3}}>?|!=|<>|:(?!:)|-{{1,2}}>|→|%(?:25){{0,3}}3[da]"
    rf"|\\{{1,31}}u003[da]"
    rf"|(?<=[\"'])\)?,(?=\s?\\{{0,9}}[\"'])){_BEHIND_SIGN}|{_B}(?P<bar>\|){_B}"
)
_SIGN_AFTER_WORD = late(
    rf"(?:\s?\([^()\n]{{1,30}}\)|\s(?:issued|value|string|generated|received|sent|entered|given|wert|eingegeben"
    rf"|tried|was|is|ist|est|es))\s?(?P<sign>=|:(?!:)){_B}"
)
_ELEMENT = late(r"(?:\s[^<>]{0,200}?)?(?:>|&gt;)(?:\s{0,8}<!\[cdata\[)?")
_ELEMENT_BEGINS = late(r"(?:<|&lt;|\\u003c)(?:[\w.\-]{1,40}:)?[\w.\-]{0,40}\Z")
_ELEMENT_ENDS = late(r"\]\]>|</|<\w|&lt;|\\u003c|\n\n|\Z")
#: The name is itself a value, and the secret stands beside it: ``{"name": "password", "value": "x"}``.
_BESIDE = late(
    rf"{QUOTE}?(?:[\s,;/]{{1,20}}{QUOTE}?(?!val|data|content)[\w.:\-]{{1,30}}{QUOTE}?\s{{0,4}}[=:]\s{{0,4}}"
    rf"(?:{QUOTE}[^\"'\n]{{0,60}}{QUOTE}|[\w.\-]{{1,40}})){{0,4}}"
    rf"[\s,;/]{{1,40}}-?\s{{0,8}}{QUOTE}?(?:values?|val|v|wert|valeur|valor|data|content|text|current|new"
    rf"|default)(?:_?string|_?text)?{QUOTE}?\s{{0,4}}[=:]\s{{0,4}}"
)
_IS_VALUE = late(
    rf"(?:name|key|k|field|param|parameter|property|option|setting|attribute|id|label|variable|var|header"
    rf"|env){QUOTE}?\s{{0,4}}[=:]\s{{0,4}}{QUOTE}?[\w.\-/]{{0,40}}\Z"
)
_BEFORE = late(
    rf"(?:values?|val|v|wert){QUOTE}?\s{{0,4}}[=:]\s{{0,4}}(?P<value>{QUOTE}[^\n]{{1,300}}?{QUOTE}"
    rf"|[^\s,;\"'<>]{{1,200}})"
    rf"(?:[\s,;]{{1,20}}{QUOTE}?[\w.:\-]{{1,30}}{QUOTE}?\s{{0,4}}[=:]\s{{0,4}}{QUOTE}[^\"'\n]{{0,60}}{QUOTE}){{0,3}}"
    rf"[\s,;]{{1,20}}{QUOTE}?(?:name|key|k|field|param|parameter|property|option|setting"
    rf"|id)(?={QUOTE}?\s{{0,4}}[=:]\s{{0,4}}{QUOTE}?[\w.\-/]{{0,40}}\Z)"
)
_TAG_BEHIND = late(
    rf"{QUOTE}(?:\s[^<>]{{0,100}})?>\s{{0,20}}(?:<value>)?|</\w{{1,20}}>\s{{0,20}}<(?:value|val|v|string)>"
)

_PWD_PATH = late(r"(?:[/~]|[a-z]:[\\/]|\.{1,2}/)")


def named(text: str, shadow: str) -> Iterator[Span]:
    """The secrets of ``text`` that its folded form ``shadow`` has a name for."""
    done = 0
    for hit in vocabulary.NAME.finditer(shadow):
        if hit.start() < done:
            continue
        kind = hit.lastgroup or ""
        for span in _of(text, shadow, hit.start(), hit.end(), kind):
            done = max(done, span.end)
            yield _password_of(text, shadow, span) if kind == "credential" else span


#: Between a user and the password behind it.
_SECOND = late(r"\s{1,3}(?:/|and|und|et|y|e|with|mit)\s{1,3}|,\s{0,3}")


def _password_of(text: str, shadow: str, span: Span) -> Span:
    """Of credentials that are a user and a password, the password."""
    second = None if span.quoted else _SECOND.match(shadow, span.end)
    password = None if second is None else value_at(text, second.end())
    return password if password is not None and vocabulary.is_opaque(text[password.start : password.end]) else span


def _of(text: str, shadow: str, start: int, end: int, kind: str) -> Iterator[Span]:
    """The secrets that belong to the name between ``start`` and ``end``."""
    rest = _REST.match(shadow, end)
    behind = rest.end() if rest else end
    if kind in ("pin", "pin_code"):
        place = behind if kind == "pin_code" else end
        yield from pin(text, shadow, start, place, kind, _SIGN.match(shadow, place))
        return
    if (element := _element(text, shadow, start, behind)) is not None:
        yield element
        return
    if vocabulary.is_about(shadow[end : end + 40]) and shadow[end : end + 2] not in ("s ", "s:", "s="):
        # "password policy: x" is about a password; "password: policy" is not looked at here
        if not shadow[end].isspace() or kind in ("token", "secret", "credential"):
            return
        if _SIGN.match(shadow, behind) is None and not CHANGED.match(shadow, end + 1):
            return
    if kind == "token" and shadow[end : end + 1] == "s" and shadow[behind : behind + 1] not in ('"', "'", "\\"):
        return
    window = shadow[max(0, start - 420) : start]
    if (beside := _beside(text, shadow, start, behind, window)) is not None:
        yield beside
        return
    if (signed := _signed(text, shadow, behind, kind, window)) is not None:
        yield signed
        return
    if kind == "sign":
        return
    yield from told(text, shadow, start, end, kind, window)


def _element(text: str, shadow: str, start: int, behind: int) -> Span | None:
    """``<password>x</password>``, also with attributes, prefixes, CDATA and as entities."""
    if not _ELEMENT_BEGINS.search(shadow[max(0, start - 90) : start]):
        return None
    opened = _ELEMENT.match(shadow, behind)
    if opened is None:
        return None
    closing = _ELEMENT_ENDS.search(shadow, opened.end())
    stop = closing.start() if closing else len(text)
    return kept(text, shadow, Span(opened.end(), stop, True))


def _beside(text: str, shadow: str, start: int, behind: int, window: str) -> Span | None:
    """The value of an entry whose name is the one found."""
    if _IS_VALUE.search(window[-80:]) is None:
        tag = _TAG_BEHIND.match(shadow, behind) if shadow[behind : behind + 2] == "</" else None
        return None if tag is None else _to_tag(text, shadow, tag.end())
    after = _BESIDE.match(shadow, behind)
    if after is not None:
        span = value_at(text, after.end())
        return None if span is None else kept(text, shadow, span)
    tag = _TAG_BEHIND.match(shadow, behind)
    if tag is not None:
        return _to_tag(text, shadow, tag.end())
    if "val" in window or 'v"' in window or "wert" in window:
        ahead = _BEFORE.search(window)
        if ahead is not None:
            first = start - len(window)
            span = value_at(text, first + ahead.start("value"))
            return None if span is None else kept(text, shadow, Span(span.start, min(span.end, start), span.quoted))
    return None


def _to_tag(text: str, shadow: str, at: int) -> Span | None:
    closing = shadow.find("<", at)
    return kept(text, shadow, Span(at, len(text) if closing < 0 else closing, True))


def _signed(text: str, shadow: str, behind: int, kind: str, window: str) -> Span | None:
    """The value behind an equals sign, a colon or the like."""
    sign = _SIGN.match(shadow, behind) or _SIGN_AFTER_WORD.match(shadow, behind)
    if sign is None:
        return None
    if kind == "sign" and not _may_be_random(text, sign.end()):
        return None
    span = value_at(text, sign.end())
    if span is None:
        return None
    value = shadow[span.start : span.end].strip()
    mark = sign["sign"] or "|"
    equals = mark.startswith(("=", ":=")) or "3d" in mark
    option = window.endswith("-")
    if (mark in (",", "),") and not option and not vocabulary.is_opaque(value)) or (mark == "|" and kind != "password"):
        return None  # a list of names, or a table's head
    if (
        not span.quoted
        and vocabulary.is_plain(value)
        and not (equals and len(value) > 1 and value not in ("yes", "no", "ok"))
    ):
        return None
    if (
        kind in ("token", "secret", "credential")
        and PARSED.search(window[-40:])
        and not (len(value) >= 8 and vocabulary.is_opaque(value))
    ):
        return None
    if kind == "token" and not equals and (vocabulary.is_short_number(value) or len(value) < 3):
        return None
    if kind in ("secret", "credential", "community") and not equals and not span.quoted and vocabulary.is_formed(value):
        return None
    if kind == "short" and (vocabulary.is_short_number(value) or (not equals and vocabulary.is_formed(value))):
        return None
    if (
        kind == "sign"
        and not vocabulary.is_random(text[span.start : span.end])
        and not (window.endswith(("&", "?")) and len(value) >= 8)
    ):
        return None
    if shadow[behind - 3 : behind] == "pwd" and _PWD_PATH.match(value):
        return None
    return kept(text, shadow, span)


#: The characters of which keys drawn by lot are made, with what may stand before.
_DRAWN = late(r"[\"'\\]{0,8}[\w+/.~\-%=]{12,400}")


def _may_be_random(text: str, at: int) -> bool:
    """Whether what begins at ``at`` is worth a closer look."""
    found = _DRAWN.match(text, at)
    return found is not None and any(c.isdigit() for c in found[0])
