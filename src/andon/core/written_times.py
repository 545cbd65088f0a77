"""Points in time as people write them: the only reader for commands, the API, the page, settings and questions.

``02:00``, ``yesterday 14:00``, ``monday``, ``8 hours``, ``2025-01-15``, ``15.01.2025 02:00``, ``2025-01-15T02:00Z``,
``now``; German words too. What may be two times is refused with a sentence that names what works.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from andon.core.late_patterns import late
from andon.core.lengths import is_length, read_length
from andon.core.models import utc_text
from andon.core.times import Skipped, on_the_wall

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NUMBERS = dict(zip(_MONTHS, range(1, 13), strict=True)) | {"mär": 3, "mai": 5, "okt": 10, "dez": 12}
_SHOWN = 60
HOW = "write 02:00, yesterday 14:00, 2025-01-15, 2025-01-15T02:00Z or an age such as 30m, 8h, 2d, 1w"


def _re(pattern: str) -> re.Pattern[str]:
    return late(pattern, re.IGNORECASE)


#: Parts of regular expressions: what a clock shows, and a day, as :func:`clock_time` and :func:`midnight_of` read them.
CLOCK = r"(?:\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]m\b)?|\d{1,2}\s?[ap]m\b|\d{1,2}\s?h\b|noon\b|midnight\b)"
DAY = rf"(?:(?:the\s)?day\sbefore\syesterday|yesterday|today|(?:last\s)?(?:{'|'.join(DAYS)})|\d{{4}}-\d{{2}}-\d{{2}})"
_CLOCK_PARTS = _re(r"(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s?(am|pm|h)?")
_AGO = _re(r"\s+ago\Z")
_DAY_CLOCK = _re(rf"(?:(?:on\s)?({DAY})(?:T|,?\s(?:at\s)?|\Z))?(?:at\s)?({CLOCK})?")
_CLOCK_DAY = _re(rf"({CLOCK})\s(?:on\s)?({DAY})")
_DOTTED = late(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2}\b)?(?!\d)")
_SLASHED = late(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b")
_MONTH, _YEAR = rf"({'|'.join(_MONTH_NUMBERS)})[a-zä]{{0,6}}\b", r"(?:,?\s(\d{4})\b)?"
_NAMED = _re(rf"\b(\d{{1,2}})(?:st|nd|rd|th|\.)?\s(?:of\s)?{_MONTH}{_YEAR}")
_NAMED_FIRST = _re(rf"\b(?!may\s\d+\s\w){_MONTH}\.?\s(\d{{1,2}})(?:st|nd|rd|th)?\b(?!:){_YEAR}")
_BARE = late(r"\d{1,3}")
_ZONED = late(r"(.*:\d{2}[\d.,]*)\s?([A-Za-z][A-Za-z_]*(?:/[A-Za-z_+\-0-9]+)*|[+-]\d{2}:?\d{2})")
_SPACES = late(r"\s+")


class Ambiguous(ValueError):
    """A text that may be two times; says in a sentence what to write instead."""


def read_time(value: str, zone: str | tzinfo, now: datetime | None = None, *, after: str | None = None) -> str:
    """A point in time in stored form; without a zone of its own it is the clock on the site's wall (``zone``).

    A clock time alone (``02:00``) is the last time that the clock showed it, or, where that is not after ``after`` (in
    stored form), the next one. A day alone begins at midnight, a weekday is the last one that began. A time that the
    clock shows twice in autumn is the first of the two, unless its zone is written (``02:30 CET``).

    Raises ValueError with a sentence for what is no time, Ambiguous for what may be two, and Skipped for one that the
    clock skips in spring.

    >>> read_time("2025-01-15T02:14", "Europe/Berlin")
    '2025-01-15T01:14:00.000Z'
    """
    site = ZoneInfo(zone) if isinstance(zone, str) else zone
    present = (now or datetime.now(UTC)).astimezone(site)
    text = _SPACES.sub(" ", value.strip())
    try:
        found = _read(text, site, present, after)
        if found is None and (said := _in_english(text)) != text:
            found = _read(said, site, present, after)
        if found is not None:
            return utc_text(found)
    except (Skipped, Ambiguous):
        raise
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{value[:_SHOWN]!r} is not a time: {HOW}")


def read_day(value: str, zone: tzinfo, now: datetime) -> date:
    """A day: ``2025-01-15``, ``15.01.2025``, ``yesterday``, ``monday``. Raises ValueError with a sentence."""
    present = now.astimezone(zone)
    try:
        text = with_dates(_in_english(value), present)
        if re.fullmatch(DAY, text, re.IGNORECASE):
            return midnight_of(text, present).date()
        return date.fromisoformat(text)
    except Ambiguous:
        raise
    except (ValueError, OverflowError):
        raise ValueError(f"{value[:_SHOWN]!r} is not a day: write 2025-01-15, yesterday or monday") from None


def _in_english(text: str) -> str:
    from andon.core.time_words_german import in_english  # thirty expressions, which few times need

    return _SPACES.sub(" ", in_english(text.strip())).strip()


def _read(text: str, zone: tzinfo, now: datetime, after: str | None) -> datetime | None:
    """The moment that a text names, None for none that is known."""
    if text.lower() == "now":
        return now
    if is_length(age := _AGO.sub("", text)):
        return now.astimezone(UTC) - read_length(age)
    if _BARE.fullmatch(text):
        hour = f"{int(text):02}:00, " if int(text) < 24 else ""
        raise Ambiguous(f"{text!r} may be a clock time or an age: write {hour}{text}h or a date such as 2025-01-15")
    text = with_dates(text, now)
    if found := _DAY_CLOCK.fullmatch(text):
        return _on_day(found[1], found[2], zone, now, after)
    if (iso := _iso(text)) is not None:
        return iso if iso.tzinfo is not None else on_the_wall(iso, zone)
    if found := _CLOCK_DAY.fullmatch(text):
        return _on_day(found[2], found[1], zone, now, after)
    return _zoned(text, zone, now, after)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _on_day(day: str | None, clock: str | None, zone: tzinfo, now: datetime, after: str | None) -> datetime | None:
    """What a clock shows on a day; the last time that it did, or the next after ``after``, where no day is named."""
    if clock is None:
        return None if day is None else _begin(midnight_of(day, now), zone)
    shown = clock_time(clock)
    if day is not None:
        last = clock.startswith("24")  # of that day: the midnight at its end
        return wall(midnight_of(day, now) + timedelta(days=last), shown, zone)
    today = wall(now, shown, zone)
    found = today if today <= now else wall(now - timedelta(days=1), shown, zone)
    if after is not None and utc_text(found) <= after:
        found = wall(found.astimezone(zone) + timedelta(days=1), shown, zone)
    return found


def _begin(day: datetime, zone: tzinfo) -> datetime:
    """When a day begins: where the clock is put forward at midnight, an hour later."""
    try:
        return wall(day, time(), zone)
    except Skipped:
        return wall(day, time(1), zone)


def _zoned(text: str, zone: tzinfo, now: datetime, after: str | None) -> datetime | None:
    """A time with its zone behind it: ``2025-01-15 02:00 UTC``, ``02:30 CEST``, ``yesterday 14:00 Europe/Berlin``."""
    found = _ZONED.fullmatch(text)
    if found is None:
        return None
    rest, name = found.groups()
    other = _zone(name)
    if other is not None:
        return _read(rest, other, now.astimezone(other), after)
    moment = _read(rest, zone, now, after)
    if moment is None:
        return None
    local = moment.astimezone(zone)
    for fold in (0, 1):  # in autumn the name of the zone says which of two it is
        if (one := local.replace(fold=fold)).tzname() == name.upper():
            return one
    raise Ambiguous(
        f"{name[:_SHOWN]!r} is not the site's zone then: write it as 2025-01-15T02:00Z, or with +01:00 or Europe/Berlin"
    )


def _zone(name: str) -> tzinfo | None:
    """A zone by a name that is the same everywhere: UTC, an offset, or that of a region."""
    if name.upper() in ("Z", "UTC", "GMT"):
        return UTC
    if name[0] in "+-":
        return datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo
    if "/" not in name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def with_dates(text: str, now: datetime) -> str:
    """``text`` with 15.01.2025, 15 January and Jan 15th as 2025-01-15; without a year the last one that was.

    Raises Ambiguous for 01/02/2025, and ValueError for a date that no calendar has.
    """

    def iso(day: str, month: int, year: str | None) -> str:
        chosen = int(year) + (2000 if len(year) == 2 else 0) if year else now.year
        if not year and date(chosen, month, int(day)) > now.date():
            chosen -= 1
        return date(chosen, month, int(day)).isoformat()

    def slashed(found: re.Match[str]) -> str:
        first, second, year = found.groups()
        if int(first) <= 12 and int(second) <= 12 and first != second:
            raise Ambiguous(f"{found[0]} may be two days: write {year}-{int(first):02}-{int(second):02} or the other")
        return iso(second, int(first), year) if int(second) > 12 else iso(first, int(second), year)

    text = _SLASHED.sub(slashed, text)
    text = _DOTTED.sub(lambda m: iso(m[1], int(m[2]), m[3]), text)
    text = _NAMED.sub(lambda m: iso(m[1], _MONTH_NUMBERS[m[2].lower()], m[3]), text)
    return _NAMED_FIRST.sub(lambda m: iso(m[2], _MONTH_NUMBERS[m[1].lower()], m[3]), text)


def clock_time(clock: str) -> time:
    """What a clock shows, as :data:`CLOCK` found it. Raises ValueError for what none does."""
    if clock.lower() in ("noon", "midnight"):
        return time(12 if clock.lower() == "noon" else 0)
    parts = _CLOCK_PARTS.fullmatch(clock.strip())
    if parts is None:
        raise ValueError("not a time of day")
    number, half = int(parts[1]), (parts[4] or "").lower()
    if half in ("am", "pm"):
        if not 1 <= number <= 12:
            raise ValueError("not an hour")
        number = number % 12 + (12 if half == "pm" else 0)
    return time(number % 24 if number == 24 else number, int(parts[2] or 0), int(parts[3] or 0))


def wall(day: datetime, clock: time, zone: tzinfo) -> datetime:
    """The moment at which the clock of ``zone`` shows ``clock`` on a day. Raises Skipped."""
    return on_the_wall(datetime.combine(day.date(), clock), zone)


def day_start(now: datetime) -> datetime:
    """The midnight at which the day of ``now`` began."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def midnight_of(word: str, now: datetime) -> datetime:
    """The midnight at which a day begins that :data:`DAY` found. Raises ValueError for a date that no calendar has."""
    today, said = day_start(now), word.lower().strip()
    if said[:1].isdigit():
        return today.replace(year=int(said[:4]), month=int(said[5:7]), day=int(said[8:10]))
    if said.endswith("before yesterday"):
        return today - timedelta(days=2)
    if said in ("today", "yesterday"):
        return today - timedelta(days=said == "yesterday")
    past = (today.weekday() - DAYS.index(said.removeprefix("last").strip())) % 7
    return today - timedelta(days=past or (7 if said.startswith("last") else 0))
