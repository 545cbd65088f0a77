"""An answer as HTML: whatever a model or a log writes stays words; lists and citations are made by Andon alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.app.web.page.answer_text import answer_html

NUMBERS = {12: 1, 13: 2}
#: Every tag that Andon writes.
OURS = re.compile(
    r"</?(?:p|ul|li|ol)>|<br>|<ol start=\"\d{1,3}\">|<span class=\"cite\">|</span>|</a>"
    r"|<a class=\"cite\" href=\"records/\d+\" hx-get=\"ask/records/\d+\" hx-target=\"#record\""
    r" hx-swap=\"innerHTML show:top\" aria-label=\"Record \d+\">"
)


def test_paragraphs_lists_and_what_is_cited() -> None:
    """Nested lists keep their numbers, a citation its own, in whichever way a model wrote it."""
    text = "Fell at 02:41 [logs 12, 13].\n\n3. First\n   more (log #12)\n   - inner\n4. Second [log 99]"
    html = re.sub(r" (?:hx-|aria-)[a-z]+=\"[^\"]*\"", "", answer_html(text, NUMBERS))
    one, two = ('<a class="cite" href="records/12">[1]</a>', '<a class="cite" href="records/13">[2]</a>')
    assert html == (
        f'<p>Fell at 02:41 {one} {two}.</p><ol start="3"><li><p>First<br>more {one}</p><ul><li><p>inner</p></li></ul>'
        "</li><li><p>Second [record 99: not found]</p></li></ol>"
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "![x](https://evil.example/x.png) [y](javascript:alert(1))",
        '<a href="https://evil.example" onclick="x()">here</a>',
        "[log 12](https://evil.example)",
        "1. <img src=x onerror=alert(1)>",
        "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07 \u202etxt.exe",
    ],
)
def test_nothing_of_a_hostile_answer_is_markup(text: str) -> None:
    """Without what Andon writes no bracket is left, nor anything that turns the direction of writing."""
    html = answer_html(text, NUMBERS)
    assert "<" not in OURS.sub("", html)
    assert not set(html) & set("\x1b\x07\u202e")


@given(st.text(alphabet="-*1.)[] log12,<>&\"'\n\t#", max_size=200))
def test_any_text_is_shown_safely(text: str) -> None:
    """Whatever mixture of marks, indents and brackets comes: only tags of ours, no failure."""
    assert "<" not in OURS.sub("", answer_html(text, NUMBERS))
    assert "<" not in OURS.sub("", answer_html(text, NUMBERS, linked=False))
