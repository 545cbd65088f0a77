"""``andon doctor`` on the site's runbooks: how many there are, and what is wrong with which."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import Commands

GOOD = "---\ntitle: Oven\nmatch:\n  service: oven*\n---\n- Check the fan\n"


def about_runbooks(andon: Commands) -> list[tuple[bool | None, str]]:
    """What doctor says of them."""
    return [(entry["ok"], entry["detail"]) for entry in andon("doctor", "--json").json if entry["name"] == "runbooks"]


def test_a_broken_runbook_is_named_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A note beside the number of those that are read: the file and what to correct."""
    books = tmp_path / "books"
    books.mkdir()
    (books / "oven.md").write_text(GOOD)
    (books / "press.md").write_text("no front matter\n")
    said = about_runbooks(Commands(tmp_path, capsys, ANDON_RUNBOOKS=str(books)))
    assert said[0] == (True, f"{books}: 1 runbook")
    assert said[1][0] is None
    assert said[1][1].startswith("books/press.md cannot be used (it does not begin with front matter")
    assert len(said) == 2


def test_without_runbooks_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A site need not have any."""
    assert about_runbooks(Commands(tmp_path, capsys, ANDON_RUNBOOKS=str(tmp_path / "none"))) == []
