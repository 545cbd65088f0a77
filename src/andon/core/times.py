"""Points in time as people write them, and as they are told."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from andon.core.models import utc_text

_SPAN = re.compile(r"(\d{1,12})\s*(s|m|h|d|w)", re.IGNORECASE)
_SPAN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FIRST = datetime(1, 1, 10, tzinfo=UTC).timestamp()
_LAST = datetime(9999, 12, 20, tzinfo=UTC).timestamp()
HOW = "write 2025-01-15, 2025-01-15T02:00, 2025-01-15T02:00Z or an age like 30m, 8h, 2d"


def read_time(value: str, zone: str, now: datetime | None = None) -> str:
    """A point in time in stored form: ISO 8601 (naive means the clock on the site's wall), or an age like ``2h``.

    A time that the clock shows twice in autumn is the first of the two. Raises ValueError with a sentence for what is
    no time, and for one that the clock skips in spring.

    >>> read_time("2025-01-15T02:14", "Europe/Berlin")
    '2025-01-15T01:14:00.000Z'
    """
    text = value.strip()
    age = span_seconds(text)
    try:
        if age is not None:
            return utc_text((now or datetime.now(UTC)) - timedelta(seconds=age))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = _on_the_wall(moment, ZoneInfo(zone))
        return utc_text(moment)
    except (ValueError, OverflowError) as error:
        if isinstance(error, Skipped):
            raise
        raise ValueError(f"{value!r} is no time; {HOW}") from None


def span_seconds(text: str) -> float | None:
    """Seconds of a duration such as ``30m``, ``8h``, ``2d``; None where ``text`` is none."""
    span = _SPAN.fullmatch(text.strip())
    return None if span is None else float(int(span[1]) * _SPAN_SECONDS[span[2].lower()])


class Skipped(ValueError):
    """A time that no clock of the zone ever shows."""


def _on_the_wall(naive: datetime, zone: ZoneInfo) -> datetime:
    moment = naive.replace(tzinfo=zone)
    back = moment.astimezone(UTC).astimezone(zone)
    if back.replace(tzinfo=None) != naive:
        raise Skipped(
            f"{naive:%Y-%m-%d %H:%M} does not exist in {zone.key}, where the clock is put forward then; "
            f"{back:%H:%M} follows at once, or write the time with its zone, such as {naive:%Y-%m-%dT%H:%M}Z"
        )
    return moment


def seconds(stored: str) -> float:
    """A time in stored form as unix seconds, some days within the calendar at its ends.

    So a span "until 9999-12-31" can be widened to whole days of any zone, and told.
    """
    return min(max(datetime.fromisoformat(stored).timestamp(), _FIRST), _LAST)


def seconds_or(stored: str | None, default: float) -> float:
    """The same, ``default`` where no time is named."""
    return default if stored is None else seconds(stored)


def stored(moment: float) -> str:
    """Unix seconds as a time in stored form. Raises ValueError where no calendar has it."""
    try:
        return utc_text(datetime.fromtimestamp(moment, UTC))
    except (OverflowError, OSError) as error:
        raise ValueError(f"{moment!r} is in no calendar") from error
