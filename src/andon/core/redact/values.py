"""Where a value begins and ends in a text: in quotes of any level of escaping, in brackets, or a run."""

from __future__ import annotations

import re
from typing import NamedTuple

from andon.core.late_patterns import late
from andon.core.redact import vocabulary

PLACEHOLDER = late(r"\[secret \d{1,6}\]")
#: A quotation mark as it is, escaped (JSON in JSON), as an entity (XML), percent-encoded (URL), or as a code point.
QUOTE = r"(?:\\{0,63}[\"'`]|&(?:quot|apos|\#34|\#39|\#x22|\#x27);|%(?:25){0,3}2[27]|\\{1,31}u002[27]|[“”„«»‘’「」『』])"
_OPENER = late(rf"(?:[bnru]{{1,2}}(?=[\"']))?({QUOTE})")
_TYPOGRAPHIC = {"“": "”", "„": "“”", "«": "»", "»": "«", "‘": "’", "「": "」", "『": "』", "”": "”", "’": "’"}
_CLOSERS = {"[": "]", "{": "}", "(": ")"}
_BRACKETS = {one: late(rf"[{re.escape(one + other)}]" if one != "(" else r"[()\n]") for one, other in _CLOSERS.items()}
#: Characters of a value without blanks in between words.
_SCRIPT_MOST = 200
#: Characters of one value, and marks that are looked at as its end.
_LONGEST, _TRIES = 20_000, 64
#: Behind a comma or the like another name begins, and the value has ended.
_NEXT_NAME = late(r"[,;&|]+\s{0,3}(?:amp;)?[\"']?[^\W\d][\w.\- ]{0,40}[\"']?\s{0,2}(?:=|:(?!//))")
_ENDS = late(r"[\s<\"'`,;&|\\%）】」』，。；、]")
_ESCAPE = late(r"\\{1,64}(?:[\"'`]|[nrt](?![\w])|u00)")
_ENCODED_END = late(r"%(?:25){0,3}(?:26|2[27]|7[dD])")
_CLOSED = late(r"[\"'`]{1,8}(?:[\s,;:)\]}>|&.]|\Z)")
_CJK = late("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class Span(NamedTuple):
    """A part of a text, ``end`` excluded; ``quoted`` says that marks stood around it."""

    start: int
    end: int
    quoted: bool = False


def value_at(text: str, at: int) -> Span | None:
    """The value that begins at ``at``, without its quotation marks; None where nothing does."""
    if at >= len(text):
        return None
    opener = _OPENER.match(text, at)
    if opener is not None:
        return _quoted(text, opener.end(), opener[1])
    if text[at] in _CLOSERS and not PLACEHOLDER.match(text, at):
        return _bracketed(text, at)
    return run_at(text, at)


def _quoted(text: str, start: int, mark: str) -> Span | None:
    """Up to the mark that closes ``mark``, else to the end of the line."""
    sign = mark[-1]
    if sign in "\"'`":
        end = _closing(text, start, sign, len(mark) - 1)
    else:
        ends = [found for one in _TYPOGRAPHIC.get(mark, (mark,)) if (found := text.find(one, start)) >= 0]
        end = min(ends, default=-1)
        line = text.find("\n", start)
        if end < 0 or 0 <= line < end:
            end = len(text) if line < 0 else line
    return Span(start, end, True) if end > start else None


def _closing(text: str, start: int, sign: str, level: int) -> int:
    """Where the string that was opened by ``sign`` behind ``level`` backslashes ends.

    A mark closes it where it has as many backslashes (each pair more of this level is a backslash of the content), or
    fewer: then an outer string ends, and the inner one was cut.
    """
    line = text.find("\n", start, start + _LONGEST)
    end = min(len(text), start + _LONGEST) if line < 0 else line
    at = start
    for _ in range(_TRIES):
        found = text.find(sign, at, end)
        if found < 0:
            break
        before = found
        while before > start and text[before - 1] == "\\" and found - before < 128:
            before -= 1
        slashes = found - before
        # an apostrophe within a word is one of the value's own
        inside = sign == "'" and not level and found + 1 < end and text[found + 1].isalnum()
        if not inside and (slashes < level or slashes % (2 * (level + 1)) == level):
            return found - level if slashes >= level else before
        at = found + 1
    return end


def _bracketed(text: str, at: int) -> Span | None:
    """Up to the bracket that closes the one at ``at``, the brackets included; else to the end of the line."""
    opening = text[at]
    depth, end = 0, min(len(text), at + _LONGEST)
    for count, found in enumerate(_BRACKETS[opening].finditer(text, at, end)):
        if found[0] == "\n" or count > _TRIES:
            return Span(at + (opening == "("), found.start(), True)
        depth += 1 if found[0] == opening else -1
        if not depth:
            return Span(at, found.end(), True)
    return Span(at, end, True)


def run_at(text: str, at: int) -> Span | None:
    """The run of characters at ``at``, with what stands behind a comma or a mark where no other name begins there."""
    place = at
    limit = min(len(text), at + _LONGEST)
    own_script = _CJK.match(text, at) is None
    if not own_script:
        limit = min(limit, at + _SCRIPT_MOST)
    while place < limit:
        found = _ENDS.search(text, place, limit)
        stop = limit if found is None else found.start()
        if own_script and (other := _CJK.search(text, place, stop)):
            place = other.start()
            break
        place = stop
        if found is None or PLACEHOLDER.match(text, place):
            break
        sign = found[0]
        if sign in ",;&|":
            if _NEXT_NAME.match(text, place) or place + 1 >= limit or text[place + 1].isspace():
                break
        elif sign == "<":
            if place + 1 < limit and (text[place + 1] in "/!?" or text[place + 1].isalpha()):
                break
        elif sign in "\"'`":
            if place > at and _CLOSED.match(text, place):
                break
        elif sign == "\\":
            if _ESCAPE.match(text, place):
                break
        elif sign == "%":
            if _ENCODED_END.match(text, place):
                break
        else:
            break
        place += 1
    end = place
    while end > at and not text.endswith("<*>", at, end):
        last = text[end - 1]
        trailing = last in ",;:.>|&" and not text[at:end].endswith("==")
        if not trailing and not (last in ")]}" and _unopened(text[at:end], last)):
            break
        end -= 1
    return Span(at, end) if end > at and not PLACEHOLDER.match(text, at) else None


def _unopened(word: str, closing: str) -> bool:
    opening = {")": "(", "]": "[", "}": "{"}[closing]
    return word.count(opening) < word.count(closing)


def kept(text: str, shadow: str, span: Span) -> Span | None:
    """The span without blanks at its ends; None where it holds no value."""
    start, end = span.start, span.end
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end <= start or vocabulary.says_nothing(shadow[start:end]):
        return None
    return Span(start, end, span.quoted)
