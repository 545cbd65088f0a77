"""Links between pages lead somewhere: the file is there, and so is the heading that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md"), *ROOT.glob("findings/*.md")]
)
_CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def text(page: Path) -> str:
    """A page without its blocks of code."""
    return _CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(text(page))
    }


def broken(page: Path) -> list[str]:
    """The page's links that lead nowhere."""
    found = []
    for link in _LINK.findall(text(page)):
        place, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = page.parent / place if place else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Relative ones; those to other sites are not followed."""
    assert broken(page) == []


def test_sentences_of_the_program_name_headings_that_are_there() -> None:
    """`docs/connectors.md#foundry` in a message or a comment."""
    for source in (ROOT / "src").rglob("*.py"):
        for name, anchor in re.findall(r"docs/(\w+\.md)#([\w-]+)", source.read_text(encoding="utf-8")):
            assert anchor in anchors(ROOT / "docs" / name), (source.name, name, anchor)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """So that the test can fail."""
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n[there](#one) [gone](#two) [file](none.md) [web](https://example.com/x)\n```\n[code](no)\n```\n"
    )
    assert broken(page) == ["#two", "none.md"]
