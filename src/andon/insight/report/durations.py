"""How long something lasted, and when it was, in words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def lasting(seconds: float | None) -> str:
    """A duration in its two largest units; ``not known`` for None.

    >>> [lasting(s) for s in (0.4, 75, 3660, 155_300, None)]
    ['0 s', '1 min 15 s', '1 h 1 min', '1 d 19 h', 'not known']
    """
    if seconds is None:
        return "not known"
    left = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def at(moment: float, zone: ZoneInfo) -> str:
    """A moment (unix seconds) on the site's clock to the minute, with the zone's name: ``2025-01-15 03:14 CET``."""
    local = datetime.fromtimestamp(moment, zone)
    return f"{local:%Y-%m-%d %H:%M %Z}"
