"""Installed packages that bring a provider or a connector: real distributions, in a directory of the test's own."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

PROVIDERS, CONNECTORS = "andon.providers", "andon.connectors"
_EXTEND = Path(__file__).parents[2] / "examples" / "extend"
EXAMPLES = {PROVIDERS: _EXTEND / "acme-andon", CONNECTORS: _EXTEND / "acme-desk"}


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
    """The package of that group in examples/extend, which docs/extending.md shows."""
    directory = EXAMPLES[group]
    project = tomllib.loads((directory / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, target),) = project["entry-points"][group].items()
    module = target.partition(":")[0]
    code = (directory / f"{module}.py").read_text(encoding="utf-8")
    install(place, module, code, name=project["name"], entry=f"{name} = {target}", group=group)


def documented_table(kind: str) -> dict[str, Any]:
    """The table of ``andon.toml`` beside the example by which it is connected."""
    tables = tomllib.loads((EXAMPLES[CONNECTORS] / "andon.toml").read_text(encoding="utf-8"))["connectors"]
    (table,) = (one for one in tables if one["kind"] == kind)
    return dict(table)
