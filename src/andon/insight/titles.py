"""What problems are called wherever they are named, and what their explanations say to look at first."""

from __future__ import annotations

import re

from andon.grouping.mask import TAIL

#: Longer titles are cut: the whole text is one press away.
TITLE_MAX = 240
_HOLES = re.compile(r"<\*>(?:\W{0,3}<\*>)*")


def title_of(template: str, most: int = TITLE_MAX) -> str:
    """The text that a problem's logs share in one line, without the codes behind it, with … for what differs.

    >>> title_of("station <*> failed:  <*>, <*> @ PLC-PL<*> alarm_code=E7")
    'station … failed: …'
    """
    text, _, codes = template.rpartition(TAIL)
    return in_line(_HOLES.sub("…", text if text.strip() and "=" in codes else template), most)


def in_line(text: str, most: int = TITLE_MAX) -> str:
    """A text in one line, cut where it has more than ``most`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def checks_of(finding: object) -> tuple[str, ...]:
    """What an explanation says to look at, the most useful first; nothing where none is written."""
    checks = finding.get("checks") if isinstance(finding, dict) else None
    return tuple(map(str, checks)) if isinstance(checks, list) else ()
