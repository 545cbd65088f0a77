"""The words of the pages that users read: those of the page itself, and no turns of phrase that no writer would use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Their sentences are made from settings and from the help of commands, or they are about how Andon is built.
ELSEWHERE = {"settings.md", "commands.md", "evaluation.md", "performance.md"}
PAGES = sorted(
    [*(page for page in ROOT.glob("docs/*.md") if page.name not in ELSEWHERE), *ROOT.glob("examples/**/*.md")]
)
#: Words of developers.
JARGON = ("rung", "fingerprint", "analyses")
#: Turns that read like translated prose.
TURNS = (
    r"for ever\b",
    r"unless given",
    r"\bin force\b",
    r"\bgo(?:es)? before\b",
    r"\bstands? (?:in(?! for\b)|at|beside|below|above|under|nowhere|elsewhere|there)\b",
    r"\banew\b",
    r"\btells? of\b",
    r"\bis told of\b",
    r"\bnobody is sure\b",
    r"(?<!there )\b(?:is|are) no (?!longer\b)[a-z]+",
    r"\bgive up on nothing\b",
    r"\bthat are no\b",
    r"\bshall\b",
)
_CODE = re.compile(
    r"^```.*?^```|<!-- (\w+):begin -->.*?<!-- \1:end -->|`[^`\n]*`|\]\([^)]*\)", re.DOTALL | re.MULTILINE
)
BANNED = re.compile("|".join([*(rf"\b{word}s?\b" for word in JARGON), *TURNS]), re.IGNORECASE)


def banned(text: str) -> list[str]:
    """What a page should say otherwise: outside of code, of generated tables and of addresses."""
    return [found[0] for found in BANNED.finditer(re.sub(r"\s+", " ", _CODE.sub(" ", text)))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_use_the_words_of_their_readers(page: Path) -> None:
    """A command's or a key's own name may be any word, as code."""
    assert banned(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("The answer's rung stands in the reply.", ["rung", "stands in"]),
        ("`rung` is a key; there is no other. It is no longer sent.", []),
        ("What is no log is kept for ever.", ["is no log", "for ever"]),
    ],
)
def test_what_is_banned_is_found(sentence: str, found: list[str]) -> None:
    """So that the test can fail."""
    assert banned(sentence) == found
