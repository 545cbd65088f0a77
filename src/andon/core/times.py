"""Points in time as they are kept and told; :mod:`andon.core.written_times` reads those that people write."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from andon.core.models import utc_text

_FIRST = datetime(1, 1, 10, tzinfo=UTC).timestamp()
_LAST = datetime(9999, 12, 20, tzinfo=UTC).timestamp()


class Skipped(ValueError):
    """A time that no clock of the zone ever shows."""


def on_the_wall(naive: datetime, zone: tzinfo) -> datetime:
    """The moment at which the clock of ``zone`` shows ``naive``, the first of two in autumn. Raises Skipped."""
    moment = naive.replace(tzinfo=zone)
    back = moment.astimezone(UTC).astimezone(zone)
    if back.replace(tzinfo=None) != naive:
        raise Skipped(
            f"{naive:%Y-%m-%d %H:%M} does not exist in {zone}, where the clock is put forward then; "
            f"{back:%H:%M} follows at once, or write the time with its zone, such as {naive:%Y-%m-%dT%H:%M}Z"
        )
    return moment


@functools.lru_cache(maxsize=4096)
def unix_minute(stored: str) -> int:
    """Minutes since 1970 of a time in stored form, given at least to its minute; 0 for text that is no such time."""
    try:
        return int(datetime.fromisoformat(stored[:16] + ":00+00:00").timestamp()) // 60
    except ValueError:
        return 0


def seconds(stored: str) -> float:
    """A time in stored form as unix seconds, some days within the calendar at its ends.

    So a span "until 9999-12-31" can be widened to whole days of any zone, and told.
    """
    return min(max(datetime.fromisoformat(stored).timestamp(), _FIRST), _LAST)


def seconds_or(stored: str | None, default: float) -> float:
    """The same, ``default`` where no time is named."""
    return default if stored is None else seconds(stored)


def local(stored: str, zone: str | tzinfo) -> datetime | None:
    """A time in stored form on the clock of ``zone``; None for text that is no time, which was taken over as it was."""
    try:
        moment = datetime.fromisoformat(stored)
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return _on_clock(aware, ZoneInfo(zone) if isinstance(zone, str) else zone)


def _on_clock(moment: datetime, zone: tzinfo) -> datetime:
    """``moment`` on the clock of ``zone``; in UTC within hours of the calendar's ends, where that clock has no date."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.astimezone(UTC)


def clock(moment: float, zone: tzinfo) -> datetime:
    """Unix seconds on the clock of ``zone``; in UTC within hours of the calendar's ends."""
    return _on_clock(datetime.fromtimestamp(moment, UTC), zone)


def stored(moment: float) -> str:
    """Unix seconds as a time in stored form. Raises ValueError where no calendar has it."""
    try:
        return utc_text(datetime.fromtimestamp(moment, UTC))
    except (OverflowError, OSError) as error:
        raise ValueError(f"{moment!r} is outside the calendar") from error


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
    return f"{clock(moment, zone):%Y-%m-%d %H:%M %Z}"
