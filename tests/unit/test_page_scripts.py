"""Our own JavaScript stays little: whatever can be rendered by the service is."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parents[2] / "src" / "andon" / "app" / "web" / "static"


def test_our_own_javascript_is_at_most_300_lines() -> None:
    """All files together, without those of others in ``vendor``; long lines are no way around it."""
    lines = [line for path in sorted(STATIC.glob("*.js")) for line in path.read_text(encoding="utf-8").splitlines()]
    assert 0 < len(lines) <= 300
    assert [line for line in lines if len(line) > 120] == []
