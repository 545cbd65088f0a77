"""Points in time as people write them, and as they are told."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from andon.core.models import utc_text

NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "six": 6, "eight": 8, "ten": 10, "twelve": 12, "a": 1, "an": 1}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
#: Parts of regular expressions: how many, and of what, for :func:`span`.
COUNT = r"(\d{1,9}|" + "|".join(NUMBERS) + r")"
UNIT = r"(s|sec|seconds?|m|min|mins|minutes?|h|hrs?|hours?|d|days?|w|weeks?)"
_SPAN = re.compile(rf"{COUNT}\s*{UNIT}", re.IGNORECASE)
_AGO = re.compile(r"\s+ago\Z", re.IGNORECASE)
_SHOWN = 60
_FIRST = datetime(1, 1, 10, tzinfo=UTC).timestamp()
_LAST = datetime(9999, 12, 20, tzinfo=UTC).timestamp()
HOW = "write 2025-01-15, 2025-01-15T02:00, 2025-01-15T02:00Z or an age like 30m, 8h, 2d"


def read_time(value: str, zone: str | tzinfo, now: datetime | None = None) -> str:
    """A point in time in stored form: ISO 8601 (naive means the clock on the site's wall), an age like ``2h``, ``now``.

    A time that the clock shows twice in autumn is the first of the two. Raises ValueError with a sentence for what is
    no time, and Skipped for one that the clock skips in spring.

    >>> read_time("2025-01-15T02:14", "Europe/Berlin")
    '2025-01-15T01:14:00.000Z'
    """
    text = value.strip()
    try:
        if text.lower() == "now":
            return utc_text(now or datetime.now(UTC))
        age = _SPAN.fullmatch(_AGO.sub("", text))
        if age is not None:
            return utc_text((now or datetime.now(UTC)) - span(age[1], age[2]))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = on_the_wall(moment, ZoneInfo(zone) if isinstance(zone, str) else zone)
        return utc_text(moment)
    except Skipped:
        raise
    except (ValueError, OverflowError):
        raise ValueError(f"{value[:_SHOWN]!r} is no time; {HOW}") from None


def read_span(value: str) -> timedelta:
    """A duration as people write it: ``30m``, ``8h``, ``2 days``. Raises ValueError with a sentence."""
    found = _SPAN.fullmatch(value.strip())
    try:
        if found is not None:
            return span(found[1], found[2])
    except OverflowError:
        pass
    raise ValueError(f"{value[:_SHOWN]!r} is no duration; write 30m, 8h or 2d")


def span(count: str | None, unit: str) -> timedelta:
    """``count`` (one unless given) of a unit of time, as :data:`COUNT` and :data:`UNIT` find them in a text.

    Raises OverflowError for more than any calendar has.
    """
    number = 1 if count is None else NUMBERS.get(count.lower()) or int(count)
    return timedelta(seconds=number * _UNITS[unit[0].lower()])


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
        raise ValueError(f"{moment!r} is in no calendar") from error


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
