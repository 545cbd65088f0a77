"""The time of day in which people are told of nothing but what is CRITICAL. Pure; moments are unix seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from andon.core.settings.connectors.action_settings import parse_quiet
from andon.core.times import clock


class QuietHours:
    """Those of a route, on the site's clock, also in the nights when that is changed; none where ``text`` is empty.

    >>> from zoneinfo import ZoneInfo
    >>> night = QuietHours("22:00-06:00", ZoneInfo("Europe/Berlin"))
    >>> noon = datetime(2026, 3, 28, 11, tzinfo=UTC).timestamp()
    >>> night.end(noon), (night.end(noon + 12 * 3600) - noon) / 3600
    (None, 17.0)
    """

    def __init__(self, text: str, zone: tzinfo) -> None:
        self._hours = parse_quiet(text)
        self._zone = zone
        self.text = text

    def end(self, now: float) -> float | None:
        """When the quiet hours end that hold ``now``; None where it is none of theirs."""
        if self._hours is None:
            return None
        begin, end = self._hours
        today = clock(now, self._zone).date()
        for day in (today - timedelta(days=1), today):
            last = day if end > begin else day + timedelta(days=1)
            if self._moment(datetime.combine(day, begin)) <= now < (over := self._moment(datetime.combine(last, end))):
                return over
        return None

    def _moment(self, naive: datetime) -> float:
        return naive.replace(tzinfo=self._zone).astimezone(UTC).timestamp()
