"""Times as producers write them: one reader for the time of a log and for those in its context.

What is unambiguous is understood, in the site's zone where it names none: ISO 8601; numbers, also as text, of s, ms, µs
or ns since 1970, of 100 ns since 1601 (FILETIME, OPC UA) or since the year 1 (.NET), of WinCC's ``Time_ms`` (millionths
of a day since 1899-12-30), by which of them is a likely time; ``20250115021423`` and its parts; ``/Date(…)/``;
``@1736907263``; RFC 2822 and HTTP dates, ctime, JavaScript's, Go's and Java's printed times; common log format; dates
with the names of months in seven languages; syslog's, klog's and Android's without a year (the latest that is not
ahead); ``15.01.2025``, ``2025年1月15日``; clocks of 12 hours; IEC 61131's ``DT#``; seconds beside nanoseconds as lists
and objects. A leap second is the last one again; 24:00 is the next day.
"""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from andon.core.late_patterns import late

#: What lies before it is the clock of a device that was never set, or seconds since it was switched on.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: So far ahead of its receipt a time may lie: clocks are wrong by zones.
AHEAD = timedelta(days=1)
#: The calendar ends.
_NEAREST = datetime(9999, 12, 30, tzinfo=UTC)
_RECENT = timedelta(days=31)

_CLOCK = (
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,:](?P<fraction>\d{1,12}))?)?"
    r"(?:\s?(?P<half>[ap])\.?\s?m\.?)?"
)
_ZONE = (
    r"(?:\s*(?P<utc>z|utc?|gmt)(?![a-z]))?(?:\s*(?P<sign>[+\-])(?P<offset>\d{1,2}(?::?\d\d){0,2}|\d{3}))?"
    r"(?:\s+(?P<short>[a-z]{2,5}))?(?:\s*\([^()]{1,60}\))?"
    r"(?:\s*\[(?P<region>[\w/+\-:]{1,40})\]|\s+(?P<place>[a-z]+/[a-z_/]{2,40}))?(?:\s+m=[+\-][\d.]+)?"
)
_TIME = rf"(?:\s*[t ,_:\-]\s*{_CLOCK})?{_ZONE}"
_DAY_NAME = r"(?:[a-z]{2,10}\.?,?\s+)?"
_NAME = r"(?P<name>[a-z]{3,10})\.?"
_DAY = r"(?P<day>\d\d?)(?:st|nd|rd|th|\.)?"
_COMPACT = r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
_SHORT = r"(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)"
_SECONDS_TOO = r"(?P<second>\d\d)(?:[.,]?(?P<fraction>\d{1,9}))?"
_DIGITS = r"(?P<hour>\d\d)(?P<minute>\d\d)"
_FORMS = tuple(
    late(form, re.IGNORECASE | re.ASCII)
    for form in (
        rf"{_DAY_NAME}(?P<year>\d{{4}})(?P<mark>[\-/.])\s?(?P<month>\d\d?)(?P=mark)\s?(?P<day>\d\d?)\.?{_TIME}",
        rf"{_DAY_NAME}(?P<one>\d\d?)(?P<mark>[\-/.])(?P<two>\d\d?)(?P=mark)(?P<three>\d{{4}}|\d\d){_TIME}",
        rf"{_DAY_NAME}(?P<one>\d\d?)(?P<mark>[\-/.])(?P<two>\d\d?)\.?\s+{_CLOCK}{_ZONE}",
        rf"{_DAY_NAME}{_DAY}[ \-/]*{_NAME}(?:[ \-/,]*(?P<year>\d{{4}}|\d\d(?=[ ,]|$)))?,?(?:[ :,t]\s*{_CLOCK})?{_ZONE}",
        rf"{_DAY_NAME}{_NAME}\s+{_DAY},?(?:\s+(?P<year>\d{{4}}),?)?(?:[ :,t]\s*{_CLOCK})?{_ZONE}",
        rf"{_DAY_NAME}{_NAME}\s+{_DAY}\s+{_CLOCK}{_ZONE}\s+(?P<year>\d{{4}})",
        rf"{_DAY_NAME}(?P<year>\d{{4}})[ \-/]{_NAME}[ \-/](?P<day>\d\d?){_TIME}",
        rf"{_COMPACT}(?:[t _\-]?{_DIGITS}(?:{_SECONDS_TOO})?)?{_ZONE}",
        rf"{_COMPACT}[t _\-]\s?{_CLOCK}{_ZONE}",
        rf"{_SHORT}[t _\-]?{_DIGITS}{_SECONDS_TOO}{_ZONE}",
        rf"{_SHORT}[t _\-]\s?{_CLOCK}{_ZONE}",
        rf"(?P<month>\d\d)(?P<day>\d\d)\s{_CLOCK}{_ZONE}",
    )
)
_ISO = late(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d[\d:.,]*(?:[Zz]|[+\-]\d\d[\d:.]*)?)?|\d{8}T\d{4}.*|\d{4}-?W.*", re.ASCII)
_NUMBER = late(r"[+\-]?\d{1,30}(?:[.,]\d{1,12})?(?:e\+?\d\d?)?", re.IGNORECASE | re.ASCII)
_WRAPPED = late(r"(?:new\s)?[\\/]?date\((-?\d{1,20})(?:[+\-]\d{4})?\)[\\/]?|@(\d{9,20}(?:\.\d+)?)", re.I | re.ASCII)
_LITERAL = late(r"(?:l?dt|dtl|l?date_and_time)#", re.IGNORECASE)
_CLOCK_FIRST = late(
    r"(\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[ap]\.?m\.?)?(?:\s[a-z]{3,4}(?=\s[a-z]))?),?\s+(\S.*\d{4}|[\d./\-]{8,})",
    re.IGNORECASE | re.ASCII,
)
_FILLING = late(r"\b(?:at|um|uhr|de|del|le|om|kl|a las|a(?=\s\d))\b\.?", re.IGNORECASE)
_HALVES = late("上午|下午|午前|午後|오전|오후|凌晨|晚上")
_AFTERNOON = frozenset({"下午", "午後", "오후", "晚上"})
_CALENDAR = str.maketrans(
    {sign: to for signs, to in (("年月년월", "-"), ("日일", " "), ("时時分시분", ":"), ("秒초", "")) for sign in signs}
)
_SHORTEST, _LONGEST = len("2025-01-15T02:14:23"), 80

# The first three letters without accents, in English, German, French, Spanish, Italian, Portuguese and Dutch.
_MONTHS = {
    "jan": 1, "ene": 1, "gen": 1, "feb": 2, "fev": 2, "mar": 3, "mrz": 3, "mrt": 3, "apr": 4, "avr": 4, "abr": 4,
    "may": 5, "mai": 5, "mei": 5, "mag": 5, "jun": 6, "giu": 6, "juin": 6, "jul": 7, "lug": 7, "juil": 7, "aug": 8,
    "ago": 8, "aou": 8, "sep": 9, "set": 9, "oct": 10, "okt": 10, "ott": 10, "out": 10, "nov": 11, "dec": 12,
    "dez": 12, "dic": 12,
}  # fmt: skip
# Names of zones that mean one offset (in hours) wherever they are used. CST, IST and BST do not.
_ZONES = {
    "est": -5, "edt": -4, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "wet": 0, "west": 1, "cet": 1,
    "cest": 2, "mez": 1, "mesz": 2, "eet": 2, "eest": 3, "msk": 3, "jst": 9, "kst": 9, "hkt": 8, "aest": 10, "aedt": 11,
    "nzst": 12, "nzdt": 13, "brt": -3, "z": 0, "utc": 0, "gmt": 0,
}  # fmt: skip

_EPOCH, _YEAR_1 = datetime(1970, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)
#: Numbers from (2000) to (about 2100), how many microseconds one is as a fraction, and since when.
_UNITS = (
    (9.46e8, 4.2e9, 1_000_000, 1, _EPOCH),
    (9.46e11, 4.2e12, 1_000, 1, _EPOCH),
    (9.46e14, 4.2e15, 1, 1, _EPOCH),
    (9.46e17, 4.2e18, 1, 1_000, _EPOCH),
    (1.255e17, 1.6e17, 1, 10, datetime(1601, 1, 1, tzinfo=UTC)),
    (6.3e17, 6.7e17, 1, 10, _YEAR_1),
    (3.65e10, 7.4e10, 86_400, 1, datetime(1899, 12, 30)),  # noqa: DTZ001 - on the panel's clock
)
#: What Go and .NET write where no time was set, in s, ms and µs since 1970.
_NEVER = frozenset({-62_135_596_800 * 1_000**power for power in range(4)})
_SECONDS = ("seconds", "epochSecond", "_seconds", "sec", "secs", "tv_sec", "secs_since_epoch")
_NANOS = ("nanos", "nanoOfSecond", "_nanoseconds", "nsec", "nsecs", "tv_nsec", "nanos_since_epoch")


class TimeReader:
    """Reads times of one site. ``zone`` is that of times that name none; ``day_first`` says what 02/01/2025 is."""

    def __init__(self, zone: tzinfo = UTC, day_first: bool = True) -> None:
        self.zone = zone
        self.day_first = day_first

    def read(self, value: Any, near: datetime, after: datetime | None = None) -> tuple[datetime | None, str | None]:
        """The moment (in UTC) that ``value`` names, and what is to be noted of it; None where it is no likely time.

        ``near`` (aware) is the time of receipt: it decides the year where there is none, and what lies more than a day
        after it, or before the year 2000, is not believed. A clock's time that occurs twice when summer time ends is
        the first of the two, unless that is before ``after`` (the start of what ends here; aware) and the second is
        not. None has no note. Never raises.
        """
        if value is None:
            return None, None
        near = min(near, _NEAREST)
        quick = self._quick(value, after)
        if quick is not None and EARLIEST <= quick <= near + AHEAD:
            return quick, None
        try:
            plain = _unpacked(value)
            if isinstance(plain, bool) or not isinstance(plain, str | int | float | Decimal | datetime):
                return None, "timestamp of a wrong type, time of receipt used"
            found = list(self._readings(plain, near))
        except (ValueError, ArithmeticError, RecursionError):
            found = []
        shown = _shown(value)
        if not found:
            wrong = "not understood" if isinstance(value, str) else "out of range"
            return None, f"timestamp {shown} {wrong}, time of receipt used"
        moments = [self._moment(one, after) for one in found]
        if 1 in (found[0].year, moments[0].year):
            return None, "timestamp in the year 1 means none, time of receipt used"
        likely = [one for one in moments if EARLIEST <= one <= near + AHEAD]
        if not likely:
            wrong = "before 2000" if moments[0] < EARLIEST else "more than a day ahead"
            return None, f"timestamp {shown} is {wrong}, time of receipt used"
        if len(set(likely)) == 1:
            return likely[0], None
        return self._chosen(likely, shown, near)

    def _quick(self, value: Any, after: datetime | None) -> datetime | None:
        """What most write, ISO 8601 and seconds or milliseconds since 1970, with no other reading of it."""
        try:
            if isinstance(value, str):
                if len(value) >= _SHORTEST and value[4] == value[7] == "-" and value[10] in "T ":
                    return self._moment(datetime.fromisoformat(value), after)
            elif isinstance(value, int | float):
                if 9.46e8 <= value < 4.2e9:
                    return _EPOCH + timedelta(seconds=value)
                if 9.46e11 <= value < 4.2e12:
                    return _EPOCH + timedelta(milliseconds=value)
        except ValueError:
            pass
        return None

    def _chosen(self, likely: list[datetime], shown: str, near: datetime) -> tuple[datetime, str | None]:
        """Of several days that of the latest year (25/01/15), in it that of the site's order, which comes first."""
        days = [one.astimezone(self.zone).date() for one in likely]
        latest = max(day.year for day in days)
        place = next(number for number, day in enumerate(days) if day.year == latest)
        told = f"{days[place]}"
        if sum(day.year == latest for day in set(days)) > 1:
            told = "day first" if self.day_first else "month first"
        elif near - likely[place] < _RECENT:
            return likely[place], None
        return likely[place], f"timestamp {shown} could be two days, read as {told}"

    def _moment(self, found: datetime, after: datetime | None = None) -> datetime:
        """In UTC; within hours of the calendar's ends, where that fails, as it stands."""
        try:
            if found.tzinfo is not None:
                return found.astimezone(UTC)
            first = found.replace(tzinfo=self.zone).astimezone(UTC)
            if after is not None and first < after:
                second = found.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
                return second if second >= after else first
        except OverflowError:
            return found.replace(tzinfo=UTC)
        return first

    def _readings(self, value: str | float | Decimal | datetime, near: datetime) -> Iterator[datetime]:
        """What ``value`` may mean, likelier first; without a zone where it names none. May raise ValueError."""
        if isinstance(value, datetime):
            yield value
            return
        if not isinstance(value, str):
            yield from self._of_number(value, near)
            return
        text = value.strip()
        if len(text) > _LONGEST:
            return
        if _ISO.fullmatch(text):
            with contextlib.suppress(ValueError):
                yield datetime.fromisoformat(text)
                return
        text = _tidy(text)
        if wrapped := _WRAPPED.fullmatch(text):
            yield from self._of_number(Decimal(wrapped[1] or wrapped[2]), near)
        elif _NUMBER.fullmatch(text):
            yield from self._of_number(Decimal(text.replace(",", ".")), near)
        else:
            yield from self._of_form(text, near)

    def _of_number(self, value: float | Decimal, near: datetime) -> Iterator[datetime]:
        if value in _NEVER:
            yield _YEAR_1
            return
        for least, most, times, by, since in _UNITS:
            if least <= value < most:
                exact = value * times / by if isinstance(value, float) else int(value * times) // by
                moment = since + timedelta(microseconds=round(exact))
                yield moment
                if EARLIEST <= self._moment(moment) <= near + AHEAD:
                    return
        if 10**7 < value < 10**21 and value == int(value):
            yield from self._of_form(str(int(value)), near)
        if value < 10**9:
            yield _EPOCH + timedelta(seconds=max(float(value), -6e10))

    def _of_form(self, text: str, near: datetime) -> Iterator[datetime]:
        if swapped := _CLOCK_FIRST.fullmatch(text):
            text = f"{swapped[2]} {swapped[1]}"
        for form in _FORMS:
            if match := form.fullmatch(text):
                part = match.groupdict()
                found = [one for day in self._days(part) if (one := self._put_together(part, *day, near))]
                if found:
                    yield from found
                    return

    def _days(self, part: dict[str, str | None]) -> Iterator[tuple[int | None, int, int]]:
        """(year, month, day) as they may be meant; no year where the text has none."""
        digits = part.get("year") or part.get("three")
        year = int(digits) + (2000 if len(digits) == 2 else 0) if digits else None
        if (one := part.get("one")) is None:
            name = part.get("name")
            yield year, _month(name) if name else int(part["month"] or 0), int(part["day"] or 0)
            return
        first, second, mark = int(one), int(part["two"] or 0), part["mark"]
        if mark == "." or (self.day_first and (digits or mark == "/")):
            yield year, second, first
        if mark != ".":
            yield year, first, second
        if mark != "." and not self.day_first and (digits or mark == "/"):
            yield year, second, first
        if mark != "." and digits and len(digits) == 2:
            yield 2000 + first, second, int(digits)

    def _put_together(
        self, part: dict[str, str | None], year: int | None, month: int, day: int, near: datetime
    ) -> datetime | None:
        """One moment, the latest that is not ahead where it has no year; None where the calendar has no such day."""
        for one in (near.year + 1, near.year, near.year - 1) if year is None else (year,):
            try:
                moment = self._at(part, one, month, day)
            except (ValueError, OverflowError):
                continue
            if year is not None or self._moment(moment) <= near + AHEAD:
                return moment
        return None

    def _at(self, part: dict[str, str | None], year: int, month: int, day: int) -> datetime:
        """One moment. Raises ValueError or OverflowError where the calendar has no such day, the clock no such time."""
        hour, second = int(part.get("hour") or 0), int(part.get("second") or 0)
        if (half := part.get("half")) and hour <= 12:  # 14:02 PM is written too
            hour = hour % 12 + (12 if half.lower() == "p" else 0)
        moment = datetime(  # noqa: DTZ001 - the zone follows
            year,
            month,
            day,
            0 if hour == 24 else hour,
            int(part.get("minute") or 0),
            59 if second == 60 else second,
            int((part.get("fraction") or "0")[:6].ljust(6, "0")),
        )
        if hour == 24:
            if moment.minute or moment.second or moment.microsecond:
                raise ValueError("no such hour")
            moment += timedelta(days=1)
        return moment.replace(tzinfo=self._zone(part, moment))

    def _zone(self, part: dict[str, str | None], moment: datetime) -> tzinfo | None:
        """The zone a text names, None where it names none. Raises ValueError for one that is not known."""
        if part["sign"] is not None:
            return _offset(part["sign"], part["offset"] or "0")
        if part["utc"]:
            return UTC
        if region := part["region"] or part["place"]:
            try:
                return ZoneInfo(region)
            except (KeyError, OSError):
                raise ValueError(f"no zone {region}") from None
        if (short := part["short"]) is None:
            return None
        for local in (moment.replace(tzinfo=self.zone), moment.replace(tzinfo=self.zone, fold=1)):
            if local.tzname() == short.upper():
                return timezone(local.utcoffset() or timedelta())
        if (hours := _ZONES.get(short.lower())) is None:
            raise ValueError(f"no zone {short}")
        return timezone(timedelta(hours=hours))


def _offset(sign: str, digits: str) -> timezone:
    parts = digits.split(":") if ":" in digits else [digits[:2], digits[2:4], digits[4:]]
    if digits.isdecimal() and len(digits) == 3:  # DB2 counts minutes
        parts = ["0", digits]
    hours, minutes, seconds = ([int(one or 0) for one in parts] + [0, 0])[:3]
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-offset if sign == "-" else offset)


def _month(name: str) -> int:
    low = name.lower()
    return _MONTHS.get(low[:4]) or _MONTHS.get(low[:3], 0)


def _tidy(text: str) -> str:
    """What stands around a time taken away, and signs that are no ASCII made such."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        if half := _HALVES.search(text):
            text = text.replace(half[0], " ") + (" PM" if half[0] in _AFTERNOON else " AM")
        text = unicodedata.normalize("NFKD", text.translate(_CALENDAR))
        text = "".join(sign for sign in text if not unicodedata.combining(sign)).replace("\u2212", "-")
        text = re.sub(r":(?=\s|$)|\([^()]\)", "", text)
    if text[:1] == "[" and text[-1:] == "]":
        text = text[1:-1]
    text = _LITERAL.sub("", text.strip(" \t\r\n\"'").lstrip("*.").rstrip(":"), 1)
    return " ".join(_FILLING.sub(" ", text).split())


def _unpacked(value: Any) -> Any:
    """What stands for a time in an object or a list, as MongoDB, protobuf, log4j, loguru and Fluent Bit write them."""
    if isinstance(value, dict):
        for key in ("$date", "$numberLong", "timestamp", "value"):
            if key in value:
                return _unpacked(value[key]) if not isinstance(value[key], list) else None
        seconds = next((value[key] for key in _SECONDS if key in value), None)
        return _joined(seconds, next((value[key] for key in _NANOS if key in value), 0))
    if isinstance(value, list):
        if len(value) == 2:
            return value[0] if isinstance(value[1], dict) else _joined(*value)
        if 3 <= len(value) <= 7 and all(type(one) is int for one in value) and 1970 <= value[0] <= 9999:
            return datetime(*value[:6]) + timedelta(microseconds=sum(value[6:]) // 1000)  # noqa: DTZ001
        return None
    return value


def _joined(seconds: Any, nanos: Any) -> Decimal | None:
    if any(isinstance(one, bool) or not isinstance(one, int | str) for one in (seconds, nanos)):
        return None
    return Decimal(seconds) + Decimal(nanos) / 10**9


def _shown(value: Any, limit: int = 60) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= limit else value[: limit - 1] + "…")
    if isinstance(value, int | float):
        return json.dumps(value) if -1e30 < value < 1e30 else "of a huge number"
    return "of several parts"
