"""The README's pictures are there, small, and described for those who do not see them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: (what it shows, where it is), as Markdown and as HTML write it.
SHOWN = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", README) + [
    (alt, place) for place, alt in re.findall(r'<img src="([^"]+)" alt="([^"]*)"', README)
]
OTHERS = re.findall(r'srcset="([^"]+)"', README)


def test_every_picture_exists_and_says_what_it_shows() -> None:
    """The four main screens among them, the first of them for dark readers too."""
    assert {Path(place).stem for _, place in SHOWN} >= {"now-light", "problem-light", "journal-light", "figures-light"}
    assert all(len(alt.split()) >= 4 for alt, _ in SHOWN)
    assert all((ROOT / place).is_file() for place in [*OTHERS, *(place for _, place in SHOWN)])
    assert len(README.split("<img ")) - 1 == len(re.findall(r'<img src="[^"]+" alt="[^"]+"', README))


def test_pictures_of_the_page_are_small() -> None:
    """A clone should not be large because of them."""
    pictures = sorted((ROOT / "docs" / "pictures").iterdir())
    assert len(pictures) == 8
    assert all(path.stat().st_size <= 150_000 for path in pictures)
