"""Times as producers write them where they do not write RFC 3339: what is unambiguous is understood.

Understood besides ISO 8601: seconds, milli-, micro- or nanoseconds since 1970 as text; RFC 2822 and HTTP dates, ctime,
syslog's ``Jan 15 02:14:23`` (the year of the receipt, or the one before), common log format, Go's and Java's printed
times, ``2025/01/15``, ``15.01.2025``, ``20250115021423``, and ``1/15/2025 2:14 AM`` (month first only where AM or PM
shows that it is). A leap second is the last one again; 24:00 is the next day. ``01/02/2025`` could be two days: it is
not read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_MONTHS = {name: number for number, name in enumerate(_NAMES.split("|"), 1)}
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,:](?P<fraction>\d{1,9}))?)?"
    r"(?:\s?(?P<half>[ap])\.?m\.?)?"
)
_ZONE = (
    r"(?:\s*(?:(?P<utc>z|utc|gmt)|(?P<sign>[+\-])(?P<zone_hour>\d\d):?(?P<zone_minute>\d\d)?)"
    r"(?:\s+\(?[a-z]{2,5}\)?|\[[\w/+\-]{1,40}\])?)?(?:\s+m=[+\-][\d.]+)?"
)
_DAY_NAME = r"(?:[a-z]{3,9}\.?,?\s+)?"
_MONTH_NAME = rf"(?P<month_name>{_NAMES})[a-z]{{0,6}}\.?"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        rf"(?P<year>\d{{4}})[\-/.](?P<month>\d\d?)[\-/.](?P<day>\d\d?)[t ,_]\s?{_CLOCK}{_ZONE}",
        rf"{_DAY_NAME}(?P<day>\d\d?)[ \-/]{_MONTH_NAME}[ \-/](?P<year>\d{{4}})[ :,t]\s?{_CLOCK}{_ZONE}",
        rf"{_DAY_NAME}{_MONTH_NAME}\s+(?P<day>\d\d?),?(?:\s(?P<year>\d{{4}}),?)?\s+{_CLOCK}{_ZONE}",
        rf"{_DAY_NAME}{_MONTH_NAME}\s+(?P<day>\d\d?)\s+{_CLOCK}{_ZONE}\s+(?P<year>\d{{4}})",
        rf"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{{4}})[t ,]\s?{_CLOCK}{_ZONE}",
        rf"(?P<month>\d\d?)/(?P<day>\d\d?)/(?P<year>\d{{4}}),?\s{_CLOCK}(?<=m|\.){_ZONE}",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)[t _\-]?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)"
        rf"(?:[.,](?P<fraction>\d{{1,9}}))?{_ZONE}",
    )
)
# Ten digits are seconds since 1970, 13 milli-, 16 micro-, 19 nanoseconds: fourteen are a date.
_EPOCH = re.compile(r"(?P<whole>\d{10}|\d{13}|\d{16}|\d{19})(?:\.(?P<rest>\d{1,9})\d*)?", re.ASCII)
_LONGEST = 80


def odd_time(text: str, near: datetime) -> datetime | None:
    """The time that ``text`` names in one of the forms above; without a zone where it names none.

    ``near`` (aware) is the time of receipt, which decides the year where there is none. None where it is no time.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if match := _EPOCH.fullmatch(text):
        return _since_1970(match)
    for form in _FORMS:
        if match := form.fullmatch(text):
            try:
                return _moment(match.groupdict(), near)
            except (ValueError, OverflowError):
                return None
    return None


def _since_1970(match: re.Match[str]) -> datetime:
    digits = match["whole"] + (match["rest"] or "")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(digits[:16].ljust(16, "0")))


def _moment(part: dict[str, str | None], near: datetime) -> datetime:
    """The parts of a date put together. Raises ValueError and OverflowError where the calendar has no such day."""
    hour, second = int(part["hour"] or 0), int(part["second"] or 0)
    if half := part.get("half"):
        if not 1 <= hour <= 12:
            raise ValueError("no such hour")
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    name = part.get("month_name")
    zone = _zone(part)
    moment = datetime(
        int(part["year"] or near.year),
        _MONTHS[name.lower()] if name else int(part["month"] or 0),
        int(part["day"] or 0),
        0 if hour == 24 else hour,
        int(part["minute"] or 0),
        min(second, 59) if second == 60 else second,
        int((part["fraction"] or "0")[:6].ljust(6, "0")),
        tzinfo=zone,
    )
    if hour == 24:
        if moment.minute or moment.second or moment.microsecond:
            raise ValueError("no such hour")
        moment += timedelta(days=1)
    if part["year"] is None and moment.replace(tzinfo=zone or UTC) > near + timedelta(days=2):
        moment = moment.replace(year=moment.year - 1)  # a log of December that came in January
    return moment


def _zone(part: dict[str, str | None]) -> timezone | None:
    if part["utc"]:
        return UTC
    if part["sign"] is None:
        return None
    offset = timedelta(hours=int(part["zone_hour"] or 0), minutes=int(part["zone_minute"] or 0))
    return timezone(-offset if part["sign"] == "-" else offset)
