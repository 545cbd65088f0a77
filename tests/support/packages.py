"""Installed packages that bring a provider or a connector: real distributions, in a directory of the test's own."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


PROVIDERS, CONNECTORS = "andon.providers", "andon.connectors"


def install(
    place: Path, module: str, code: str, *, name: str = "acme-andon", entry: str = "", group: str = PROVIDERS
) -> None:
    """Put a package into ``place`` as an installer does: its module, and the metadata with its entry point."""
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{module}.py").write_text(code, encoding="utf-8")
    metadata = place / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    entry = entry or f"acme = {module}:AcmeBackend"
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{entry}\n", encoding="utf-8")


def install_the_documented_one(place: Path, group: str = PROVIDERS) -> None:
    """The package of that group that CONTRIBUTING shows, word for word."""
    page = CONTRIBUTING.read_text(encoding="utf-8")
    project = tomllib.loads(next(block for block in _blocks(page, "toml") if f'"{group}"' in block))["project"]
    ((name, target),) = project["entry-points"][group].items()
    module, _, made = target.partition(":")
    (code,) = (block for block in _blocks(page, "python") if f"class {made}(" in block)
    install(place, module, code, name=project["name"], entry=f"{name} = {target}", group=group)


def documented_table(kind: str) -> dict[str, Any]:
    """The table of ``andon.toml`` by which CONTRIBUTING connects the kind."""
    page = CONTRIBUTING.read_text(encoding="utf-8")
    block = next(block for block in _blocks(page, "toml") if f'kind = "{kind}"' in block)
    table: dict[str, Any] = tomllib.loads(block)["connectors"][0]
    return table


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
