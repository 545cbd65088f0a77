"""Installed packages that bring a provider: real distributions, in a directory of the test's own."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


def install(place: Path, module: str, code: str, *, name: str = "acme-andon", entry: str = "") -> None:
    """Put a package into ``place`` as an installer does: its module, and the metadata with its entry point."""
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{module}.py").write_text(code, encoding="utf-8")
    metadata = place / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    entry = entry or f"acme = {module}:AcmeBackend"
    (metadata / "entry_points.txt").write_text(f"[andon.providers]\n{entry}\n", encoding="utf-8")


def install_the_documented_one(place: Path) -> None:
    """The package that CONTRIBUTING shows, word for word."""
    page = CONTRIBUTING.read_text(encoding="utf-8")
    project = tomllib.loads(next(block for block in _blocks(page, "toml") if "[project]" in block))["project"]
    (code,) = _blocks(page, "python")
    ((name, target),) = project["entry-points"]["andon.providers"].items()
    install(place, target.partition(":")[0], code, name=project["name"], entry=f"{name} = {target}")


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
