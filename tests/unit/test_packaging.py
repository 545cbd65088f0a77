"""What is installed: every file of data that the code reads is in the wheel."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_file_of_data_is_packed() -> None:
    """A glob that is missing shows only where Andon is installed from its wheel."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["andon"]
    package = ROOT / "src" / "andon"
    # what Python compiles lies under other names while it is written
    found = (path for path in package.rglob("*") if path.parent.name != "__pycache__" and path.suffix != ".py")
    data = {path for path in found if path.is_file()}
    assert data == {path for glob in packed for path in package.glob(glob)}
