"""An answer in words as safe HTML: paragraphs, lists and citations. Nothing in it is a link, or markup of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from andon.core.redact import visible
from andon.core.text import printable

#: ``[log 12]``, ``[logs 12, 13]``, ``(log #12)``, and ``[log 12: not found]``; every repetition is bounded.
_CITED = re.compile(
    r"[\[(]\s{0,3}(?:logs?|ids?)\s{0,3}#?\s{0,3}(?P<ids>\d{1,19}(?:[\s,;&#]{1,4}(?:and\s{1,3})?(?:logs?\s{0,3})?#?\d{1,19}){0,30})"
    r"(?P<lost>: not found)?\s{0,3}[\])]",
    re.IGNORECASE,
)
_ID = re.compile(r"\d{1,19}")
_ITEM = re.compile(r"(?P<indent>[ \t]*)(?P<mark>[-*•]|(?P<number>\d{1,3})[.)])[ \t]+(?P<text>.*)")
#: What some models write although they were asked not to.
_STYLE = re.compile(r"\*\*(.{1,400}?)\*\*|__(.{1,400}?)__")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+")
_DEEPEST = 4
#: Longer answers are cut: the API has them whole.
LONGEST = 40_000


def answer_html(text: str, numbers: Mapping[int, int], *, linked: bool = True) -> Markup:
    """``text`` as blocks. ``numbers`` gives the number of each record that may be cited, by its id.

    Without ``linked`` citations are numbers only, as in an answer that still comes.
    """
    shown = printable(visible(text[:LONGEST])).replace("\r", "")
    lines = [_STYLE.sub(r"\1\2", _HEADING.sub("", line)) for line in shown.expandtabs(4).split("\n")]
    return _blocks(lines, numbers, linked, 0)


def _blocks(lines: Sequence[str], numbers: Mapping[int, int], linked: bool, depth: int) -> Markup:
    made, at = Markup(), 0
    while at < len(lines):
        found = _ITEM.fullmatch(lines[at]) if depth < _DEEPEST else None
        if found is not None:
            block, at = _list(lines, at, found, numbers, linked, depth)
            made += block
        elif lines[at].strip():
            end = at + 1
            while end < len(lines) and lines[end].strip() and not _ITEM.fullmatch(lines[end]):
                end += 1
            words = Markup("<br>").join(_inline(line.strip(), numbers, linked) for line in lines[at:end])
            made += Markup("<p>{}</p>").format(words)
            at = end
        else:
            at += 1
    return made


def _list(
    lines: Sequence[str], at: int, first: re.Match[str], numbers: Mapping[int, int], linked: bool, depth: int
) -> tuple[Markup, int]:
    """The list that begins here, and where it ends: items of the same kind and depth, with what is indented more."""
    indent, ordered, items = len(first["indent"]), first["number"] is not None, Markup()
    while at < len(lines):
        found = _ITEM.fullmatch(lines[at])
        if found is None or len(found["indent"]) != indent or (found["number"] is not None) != ordered:
            break
        body, at = [found["text"]], at + 1
        while at < len(lines) and (_deeper(lines[at], indent) or _blank_before_deeper(lines, at, indent)):
            body.append(lines[at])
            at += 1
        items += Markup("<li>{}</li>").format(_blocks(body, numbers, linked, depth + 1))
        if at + 1 < len(lines) and not lines[at].strip() and _ITEM.fullmatch(lines[at + 1]):
            at += 1  # lists with a blank line between their items are one list
    if ordered:
        return Markup('<ol start="{}">{}</ol>').format(int(first["number"]), items), at
    return Markup("<ul>{}</ul>").format(items), at


def _deeper(line: str, indent: int) -> bool:
    return bool(line.strip()) and len(line) - len(line.lstrip()) > indent


def _blank_before_deeper(lines: Sequence[str], at: int, indent: int) -> bool:
    return not lines[at].strip() and at + 1 < len(lines) and _deeper(lines[at + 1], indent)


def _inline(text: str, numbers: Mapping[int, int], linked: bool) -> Markup:
    made, end = Markup(), 0
    for found in _CITED.finditer(text):
        made += escape(text[end : found.start()])
        ids = [int(one) for one in _ID.findall(found["ids"])]
        made += Markup(" ").join(_citation(one, numbers, linked) for one in ids)
        end = found.end()
    return made + escape(text[end:])


def _citation(log_id: int, numbers: Mapping[int, int], linked: bool) -> Markup:
    number = numbers.get(log_id)
    if number is None and linked:
        return Markup("[record {}: not found]").format(log_id)
    if number is None:
        return Markup('<span class="cite">[…]</span>')
    if not linked:
        return Markup('<span class="cite">[{}]</span>').format(number)
    return Markup(
        '<a class="cite" href="records/{0}" hx-get="ask/records/{0}" hx-target="#record" hx-swap="innerHTML show:top"'
        ' aria-label="Record {1}">[{1}]</a>'
    ).format(log_id, number)
