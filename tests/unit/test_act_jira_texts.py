"""Texts for Jira: valid by Atlassian's own schema, and nothing in them is alive but our own link."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.act.connectors.jira_texts import (
    LEFT_OUT,
    SUMMARY_MAX,
    TEXT_MAX,
    document,
    escaped,
    plain_of,
    plain_text,
    summary,
    wiki,
)
from andon.act.connectors.outgoing_text import defanged
from andon.core.models.actions import Section

OURS = "https://andon.plant.local"
SCHEMA = json.loads((Path(__file__).parents[1] / "vendor" / "adf-schema-57.7.22.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft4Validator(SCHEMA)

#: What logs might hold, and Jira would make something of.
ALIVE = [
    "[~admin] [~accountid:5b10a2844c20165700ede21g] look at this",
    "!https://evil.example/x.png! !x.png|width=1!",
    "[click|https://evil.example] [mailto:a@b.example] [#top] [^file.txt]",
    "{html}<script>alert(1)</script>{html} {code:java}x{code} {quote}{color:red}",
    "h1. Big bq. quoted fn1. note",
    "h1. Big",
    "bq. quoted",
    "* listed",
    "# numbered",
    "- dashed",
    "---- and -- and --- and -gone-",
    "||head||row|cell|",
    "*strong* _slanted_ ??cited?? +new+ ^up^ ~down~ {{mono}}",
    ":) :( :D ;) (!) (/) (x) (on) (*r)",
    "C:\\new\\\\line \\{escaped\\}",
    "irc://x.example file:///etc/passwd \\\\server\\share www.evil.example",
    "OPS-1 and line-3 and a_b",
    "&#91;~admin&#93; &lt;b&gt; &amp;#91;",
    "%x% @x@ $x$",
    "a\u2028* b\x0b# c\rh1. d",
    "half \ud800 and \U0001f600",
]
TEXTS = st.one_of(
    st.text(max_size=80),
    st.sampled_from(ALIVE),
    st.text(alphabet="\\{}[]()!|*^~+?#%@&<>-_:;/ .hbq1Daé😀\n", max_size=40),
)
SECTIONS = st.lists(st.builds(Section, TEXTS, st.lists(TEXTS, max_size=3).map(tuple), st.booleans()), max_size=3).map(
    tuple
)


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("content", ()):
        yield from _nodes(child)


@given(SECTIONS)
def test_a_document_is_what_jira_takes_and_holds_text_alone(body: tuple[Section, ...]) -> None:
    """By the schema that Atlassian publishes; no node that does something, no mark."""
    made = document(body, OURS)
    VALIDATOR.validate(made)
    kinds = {node["type"] for node in _nodes(made)}
    assert kinds <= {"doc", "heading", "paragraph", "bulletList", "orderedList", "listItem", "text"}
    for node in _nodes(made):
        assert "marks" not in node
        if node["type"] == "text":
            assert defanged(node["text"]) == node["text"]
    json.dumps(made).encode()  # and no half characters


@given(SECTIONS)
def test_wiki_markup_holds_no_markup_but_ours(body: tuple[Section, ...]) -> None:
    """Headings and list marks at the beginning of lines; all else is text or an entity."""
    for line in wiki(body, OURS).split("\n"):
        inner = re.sub(r"^(h4\. |\* )", "", line)
        _demand_dead(inner)


@given(TEXTS)
def test_what_is_escaped_is_shown_as_it_was(text: str) -> None:
    """A browser shows the very text, and nothing in it is markup."""
    shown = " ".join(text.split())
    _demand_dead(escaped(shown))
    assert html.unescape(escaped(shown)) == html.unescape(html.escape(shown, quote=False))


def _demand_dead(text: str) -> None:
    """Nothing that Jira's renderer looks for: it reads the text before a browser reads the entities."""
    rest = re.sub(r"&(?:amp|#\d+);", "\N{OBJECT REPLACEMENT CHARACTER}", text)
    assert not set(rest) & set("\\{}[]()!|*^~+?#%@&<>"), text
    assert not re.search(r"(?<![A-Za-z0-9])[-_]|[-_](?![A-Za-z0-9])", rest), text
    assert not re.search(r":(?![\d ]|$)|(?<!\d):\d", rest), text
    assert not re.match(r"(h[1-6]|bq|fn\d+)\.", rest), text
    assert not re.search(r"[A-Z]-\d", rest), text


@pytest.mark.parametrize("make", [document, wiki, plain_text])
def test_our_own_link_is_the_only_one(make: Any) -> None:
    """To a problem on our page, and to nothing else there."""
    lines = (f"More: {OURS}/problems/12", f"{OURS}/problems/12/../../x {OURS}.evil.example/problems/1 {OURS}/logout")
    made = json.dumps(make((Section("Facts", lines, True),), OURS))
    assert made.count(f"{OURS}/problems/12") == (2 if make is document else 1)  # a text and where it leads
    assert made.count("https:") == made.count(f"{OURS}/problems/12")
    if make is document:
        marks = [node["marks"] for node in _nodes(json.loads(made)) if "marks" in node]
        assert marks == [[{"type": "link", "attrs": {"href": f"{OURS}/problems/12"}}]]
        VALIDATOR.validate(json.loads(made))


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("line", ["word " * 150, "|{}" * 300, "ä" * 900, '"\\' * 400])
def test_a_text_fits(line: str, listed: bool) -> None:
    """Whatever it takes in the form in which it is sent; what is left out is said."""
    body = tuple(Section(f"Part {at}", (line,) * 60, listed) for at in range(3))
    sent = json.dumps(document(body))
    assert TEXT_MAX - 15_000 < len(sent) < TEXT_MAX + 400  # as much as fits
    assert LEFT_OUT in plain_of(json.loads(sent), 100_000)
    assert len(wiki(body)) < TEXT_MAX + 200
    assert len(plain_text(body)) < TEXT_MAX + 200
    assert wiki(body).endswith(LEFT_OUT)


@given(TEXTS)
def test_a_summary_is_one_short_line(text: str) -> None:
    """As Jira demands it."""
    made = summary(text * 10)
    assert len(made) <= SUMMARY_MAX
    assert made.splitlines() in ([made], [])


def test_both_forms_read_well() -> None:
    """Headings, lists and paragraphs, as people see them."""
    body = (Section("What happened", ("The drive tripped.",)), Section("Check first", ("Fan", "Load"), True))
    assert wiki(body) == "h4. What happened\nThe drive tripped.\n\nh4. Check first\n* Fan\n* Load"
    assert plain_text(body) == "What happened\nThe drive tripped.\n\nCheck first\n- Fan\n- Load"
    assert plain_of(document(body)) == "What happened\nThe drive tripped.\nCheck first\nFan\nLoad"


JSON = st.recursive(
    st.none() | st.text(max_size=10) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "content", "attrs", "url"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_anything_that_comes_back_is_a_text(value: Any) -> None:
    """Never an error, and bounded."""
    assert len(plain_of(value, 50)) <= 50


def test_documents_of_others_are_read() -> None:
    """Mentions, emojis, cards, tables and breaks; a document without end has one."""
    mention = {"type": "mention", "attrs": {"id": "1", "text": "@Kim"}}
    cell = {"type": "tableCell", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "7"}]}]}
    content = [
        {"type": "paragraph", "content": [mention, {"type": "text", "text": " see"}, {"type": "hardBreak"}]},
        {"type": "paragraph", "content": [{"type": "inlineCard", "attrs": {"url": "https://x.example"}}]},
        {"type": "table", "content": [{"type": "tableRow", "content": [cell, cell]}]},
    ]
    assert plain_of({"type": "doc", "content": content}) == "@Kim see\nhttps://x.example\n7\n 7"
    deep: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(5_000):
        deep = {"type": "blockquote", "content": [deep]}
    assert plain_of(deep) == ""
