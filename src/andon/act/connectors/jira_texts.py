"""Texts for Jira: the document of Cloud, the wiki markup of Data Center, and what comes back as plain text. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from andon.act.connectors.outgoing_text import defanged, plain
from andon.core.models.actions import LINE_MAX, Body, Section
from andon.core.redact import visible

#: Lists by whether their items are numbered.
_LISTS = ("bulletList", "orderedList")
#: Characters of a text as it is sent. Jira refuses more than 32,767, unless its administrator chose otherwise.
TEXT_MAX = 30_000
#: Characters of a summary; Jira refuses more than 255.
SUMMARY_MAX = 250
LEFT_OUT = "… the rest is omitted: it is too long for Jira"
#: What is markup wherever it stands, or may be a part of it. What is written as an entity is shown as it is and never
#: read as markup: Jira looks for markup in the text as it was sent, and leaves entities to the browser.
_MARKUP = frozenset("\\{}[]()!|*^~+?#%@&<>")
_BLOCK = re.compile(r"(?:h[1-6]|bq|fn\d{1,9})\.")
#: How deep a document that comes back is read.
_DEPTH_MAX = 40


def summary(text: str) -> str:
    """A title on one line. Jira shows it as it is."""
    return _cut(defanged(_line(text)), SUMMARY_MAX)


def document(body: Body, ours: str = "") -> dict[str, Any]:
    """A body in Atlassian's document format: nothing in it but headings, paragraphs, lists and texts.

    ``ours`` is the address of our own page: a link to a problem there is the only one that can be clicked.
    """
    content: list[dict[str, Any]] = []
    for node in _bounded(body, lambda section: _nodes(section, ours), lambda made: len(json.dumps(made)), _paragraph):
        if node["type"] not in _LISTS:
            content.append(node)
            continue
        (item,) = node["content"]
        if content and content[-1]["type"] == node["type"]:
            content[-1]["content"].append(item)
        else:
            content.append(node)
    return {"version": 1, "type": "doc", "content": content}


def wiki(body: Body, ours: str = "") -> str:
    """The same in wiki markup, in which only our own headings and lists are markup."""
    return "\n".join(_bounded(body, lambda section: _lines(section, ours), lambda made: len(made) + 1, str)).strip()


def plain_text(body: Body, ours: str = "") -> str:
    """The same without any markup, for fields that Jira shows as they are."""
    made = plain(body, ours).encode("utf-8", "replace").decode()
    return made if len(made) <= TEXT_MAX else f"{made[:TEXT_MAX]}\n{LEFT_OUT}"


def escaped(text: str) -> str:
    """One line of text in which Jira's wiki markup finds nothing.

    >>> escaped("[~admin] {code} C:x")
    '&#91;&#126;admin&#93; &#123;code&#125; C&#58;x'
    """
    made = [_escaped(char, text[at - 1 : at], text[at + 1 : at + 2]) for at, char in enumerate(text)]
    if _BLOCK.match(text):
        made[0] = _entity(text[0])
    return "".join(made)


def plain_of(value: Any, most: int = 4_000) -> str:
    """A text that came from Jira, a document or wiki markup, as plain text of at most ``most`` characters."""
    if isinstance(value, str):
        return _cut(value.strip(), most)
    return _cut(re.sub(r"\n{2,}", "\n", "".join(_told(value, 0))).strip(), most)


def _bounded(
    body: Body, made: Callable[[Section], Iterator[Any]], size: Callable[[Any], int], last: Callable[[str], Any]
) -> list[Any]:
    """What is made of a body, as far as it fits."""
    kept: list[Any] = []
    room = TEXT_MAX
    for section in body:
        for piece in made(section):
            room -= size(piece)
            if room < 0:
                return [*kept, last(LEFT_OUT)]
            kept.append(piece)
    return kept


def _nodes(section: Section, ours: str) -> Iterator[dict[str, Any]]:
    if heading := defanged(_line(section.heading)):
        yield {"type": "heading", "attrs": {"level": 3}, "content": [{"type": "text", "text": heading}]}
    for line in map(_line, section.lines):
        if line:
            paragraph = _paragraph(line, ours)
            listed = {"type": "listItem", "content": [paragraph]}
            kind = _LISTS[section.numbered]
            yield {"type": kind, "content": [listed]} if section.listed or section.numbered else paragraph


def _paragraph(line: str, ours: str = "") -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for text, is_link in _pieces(line, ours):
        node: dict[str, Any] = {"type": "text", "text": text}
        if is_link:
            node["marks"] = [{"type": "link", "attrs": {"href": text}}]
        content.append(node)
    return {"type": "paragraph", "content": content}


def _lines(section: Section, ours: str) -> Iterator[str]:
    if heading := defanged(_line(section.heading)):
        yield f"\nh4. {escaped(heading)}"
    else:
        yield ""
    mark = "# " if section.numbered else "* " if section.listed else ""
    for line in map(_line, section.lines):
        if line:
            pieces = (text if is_link else escaped(text) for text, is_link in _pieces(line, ours))
            yield mark + "".join(pieces)


def _line(text: str) -> str:
    """One line without anything that breaks a document: no line ends, nothing invisible, no half characters."""
    return _cut(" ".join(visible(text.encode("utf-8", "replace").decode()).split()), 2 * LINE_MAX)


def _pieces(line: str, ours: str) -> Iterator[tuple[str, bool]]:
    """The line in pieces: (text, whether it is a link to our own page). Other addresses are none any more."""
    shown = defanged(line, ours)
    at = 0
    if ours:
        for found in re.finditer(rf"(?<!\S){re.escape(ours)}/problems/\d{{1,18}}(?!\S)", shown):
            if before := shown[at : found.start()]:
                yield before, False
            yield found[0], True
            at = found.end()
    if rest := shown[at:]:
        yield rest, False


def _escaped(char: str, before: str, behind: str) -> str:
    if char in _MARKUP or ord(char) > 0xFFFF:  # databases under older ones keep no character beyond that
        return _entity(char)
    if char in "-_" and not (_inside(before) and _inside(behind)):
        return _entity(char)
    if char == "-" and behind.isdigit():  # looks like an issue's key
        return _entity(char)
    if char == ":" and behind not in ("", " ") and not (before.isdigit() and behind.isdigit()):  # an address, a face
        return _entity(char)
    return char


def _inside(char: str) -> bool:
    """Whether what stands beside such a character is a part of a word, in which it is no markup."""
    return char.isascii() and char.isalnum()


def _entity(char: str) -> str:
    return "&amp;" if char == "&" else f"&#{ord(char)};"


def _told(node: Any, depth: int) -> Iterator[str]:
    if not isinstance(node, dict) or depth > _DEPTH_MAX:
        return
    kind, text = node.get("type"), node.get("text")
    if isinstance(text, str):
        yield text
    elif kind == "hardBreak":
        yield "\n"
    elif isinstance(attributes := node.get("attrs"), dict):  # a mention, an emoji, a status, a card
        said = next((attributes[name] for name in ("text", "shortName", "url") if name in attributes), "")
        yield said if isinstance(said, str) else ""
    content = node.get("content")
    for child in content if isinstance(content, list) else ():
        yield from _told(child, depth + 1)
    if kind in ("paragraph", "heading", "codeBlock", "tableRow"):
        yield "\n"
    elif kind in ("tableCell", "tableHeader"):
        yield " "


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
