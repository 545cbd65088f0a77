"""Files of others are named with their version and licence, which lies beside them and goes with them."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENDORED = sorted(ROOT.glob("src/**/vendor/*")) + sorted(ROOT.glob("tests/vendor/*"))


def test_each_file_of_others_is_named() -> None:
    """No file more, none less, and the licences among them."""
    told = (ROOT / "THIRD-PARTY.md").read_text(encoding="utf-8")
    assert len(VENDORED) >= 12
    assert [one.name for one in VENDORED if f"{one.name}`" not in told] == []


def test_the_list_goes_with_the_package() -> None:
    """In the wheel and in the image, where the files of others go too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "THIRD-PARTY.md" in project["project"]["license-files"]
    assert "THIRD-PARTY.md" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "!THIRD-PARTY.md" in (ROOT / ".dockerignore").read_text(encoding="utf-8")
    assert "app/web/static/vendor/*" in project["tool"]["setuptools"]["package-data"]["andon"]
