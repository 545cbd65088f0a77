"""The sections of the page about connected systems."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "connectors.md"
_TITLES = {"mcp_servers": "MCP servers", "outside": "Connectors from outside"}


def section(kind: str) -> str:
    """What the page says of a kind, from its heading to the next. Raises AssertionError where it says nothing."""
    title = re.escape(_TITLES.get(kind, kind))
    found = re.search(rf"^## {title}$.*?(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S | re.I)
    assert found, f"docs/connectors.md has no section about {kind}"
    return found[0]
