"""Time words in a question: "last night", "since 06:00", "yesterday between 2 and 4 pm", "in the last 8 hours".

English, as people on a shift write it. Pure functions over an aware ``now`` in the site's zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from andon.core.times import COUNT, UNIT, Skipped, local, on_the_wall, span

#: A moment that is named without an end means this much before and after it.
AROUND = timedelta(minutes=30)

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Parts of a day by the hours at which they begin and end; a night belongs to the day on which it begins.
_PARTS = {"morning": (5, 12), "afternoon": (12, 18), "evening": (17, 23), "night": (18, 30)}

_LAST = re.compile(rf"\b(?:last|past|previous|recent)\s{{1,3}}(?:{COUNT}\s{{0,3}})?{UNIT}\b", re.IGNORECASE)
_AGO = re.compile(rf"\b{COUNT}\s{{0,3}}{UNIT}\s{{1,3}}ago\b", re.IGNORECASE)
_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_CLOCK = r"(?:(\d{1,2}):(\d{2})(?::\d{2})?\s?(am|pm)?|(\d{1,2})\s?(am|pm)|(\d{1,2})\s?h\b|(noon|midnight))"
_DAY_AND = re.compile(
    rf"\b(?:(today|yesterday|tonight|overnight|this|last|{'|'.join(_DAYS)})\b[\s']{{0,3}}s?\s{{0,3}})?"
    r"(morning|afternoon|evening|night)?",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    rf"\b(?:between|from)\s{{1,3}}{_CLOCK}\s{{0,3}}(?:and|to|until|till|-|–)\s{{0,3}}{_CLOCK}", re.IGNORECASE
)
_SINCE = re.compile(rf"\b(since|after|before|until|till|at|around|about|by)\s{{1,3}}{_CLOCK}", re.IGNORECASE)
_SINCE_DAY = re.compile(r"\b(?:since|after|from)\s{1,3}\Z", re.IGNORECASE)


class Window(NamedTuple):
    """A stretch of time, aware; ``words`` are what it was read from."""

    since: datetime
    until: datetime
    words: str


def window(question: str, now: datetime) -> Window | None:
    """The stretch of time that a question is about, None where it names none; never in the future.

    Raises Skipped where it names a time that the clock skips in spring.
    """
    text = question[:2_000]
    try:
        found = _ages(text, now) or _clock(text, now) or _day(text, now)
    except Skipped:
        raise
    except (ValueError, OverflowError):  # a date that no calendar has
        return None
    if found is None:
        return None
    until = min(found.until, now)
    return Window(found.since, until, " ".join(found.words.split())) if found.since < until else None


def _ages(text: str, now: datetime) -> Window | None:
    if (found := _LAST.search(text)) is not None:
        return Window(now - span(found[1], found[2]), now, found[0])
    if (found := _AGO.search(text)) is not None:
        age = span(found[1], found[2])
        around = max(AROUND, min(age / 4, timedelta(hours=12)))
        return Window(now - age - around, now - age + around, found[0])
    return None


def _clock(text: str, now: datetime) -> Window | None:
    """What is said with the hands of a clock, on the day that is named, or the last time it was so late."""
    base = _day(text, now)
    start = base.since if base is not None else now
    night = base is not None and base.since.time() >= time(18) and base.until - base.since > timedelta(hours=6)

    def at(groups: tuple[str | None, ...]) -> datetime:
        clock = _time(groups)
        day = start.date() + (timedelta(days=1) if night and clock.hour < 12 else timedelta())
        found = on_the_wall(datetime.combine(day, clock), now.tzinfo or UTC)
        return found - timedelta(days=1) if base is None and found > now else found

    if (two := _BETWEEN.search(text)) is not None:
        first, second = at(two.groups()[:7]), at(two.groups()[7:])
        if second <= first:  # over midnight, or "from 2 to 4 pm" of yesterday
            first, second = (first - timedelta(days=1), second) if base is None else (first, second + timedelta(days=1))
        return Window(first, second, two[0])
    if (one := _SINCE.search(text)) is None:
        return None
    word, there = one[1].lower(), at(one.groups()[1:])
    if word in ("since", "after"):
        return Window(there, max(base.until, there) if base is not None and not night else now, one[0])
    if word in ("before", "until", "till", "by"):
        return Window(base.since if base is not None and base.since < there else there - 8 * 2 * AROUND, there, one[0])
    return Window(there - AROUND, there + AROUND, one[0])


def _time(groups: tuple[str | None, ...]) -> time:
    hour, minute, half, hour_alone, half_alone, hour_h, word = groups
    if word is not None:
        return time(12 if word.lower() == "noon" else 0)
    number = int(hour or hour_alone or hour_h or 0)
    part = (half or half_alone or "").lower()
    if part:
        if not 1 <= number <= 12:
            raise ValueError("no such hour")
        number = number % 12 + (12 if part == "pm" else 0)
    return time(number % 24 if number == 24 else number, int(minute or 0))


def _day(text: str, now: datetime) -> Window | None:
    """A day, or a part of one, that is named."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if (date := _DATE.search(text)) is not None:
        day = midnight.replace(year=int(date[1]), month=int(date[2]), day=int(date[3]))
        part = re.search(r"\b(morning|afternoon|evening|night)\b", text, re.IGNORECASE)
        return _part(day, part[1].lower() if part else None, date[0], text[: date.start()], now)
    for found in _DAY_AND.finditer(text):
        word, part_word = (found[1] or "").lower(), (found[2] or "").lower() or None
        if not word or (word in ("this", "last") and part_word is None and not found[0].strip()):
            continue
        named = _named_day(word, part_word, midnight, now)
        if named is not None:
            part_word = "night" if word in ("overnight", "tonight") else part_word
            return _part(named, part_word, found[0], text[: found.start()], now)
    return None


def _named_day(word: str, part: str | None, midnight: datetime, now: datetime) -> datetime | None:
    if word in ("this", "last") and part is None:
        return None
    if word == "yesterday":
        return midnight - timedelta(days=1)
    if word in _DAYS:
        begun = part is None or now.hour >= _PARTS[part][0]  # so that today's weekday can mean today
        return midnight - timedelta(days=(midnight.weekday() - _DAYS.index(word)) % 7 or (0 if begun else 7))
    if word in ("last", "overnight", "this", "tonight") and part in ("night", None):
        # before the evening comes, "tonight" and "this night" are the one that was
        return midnight - timedelta(days=1) if word != "tonight" or now.hour < 18 else midnight
    if word == "last":  # last evening, last afternoon
        return midnight - timedelta(days=1)
    return midnight


def _part(day: datetime, part: str | None, words: str, before: str, now: datetime) -> Window:
    first, last = _PARTS[part] if part is not None else (0, 24)
    since, until = day + timedelta(hours=first), day + timedelta(hours=last)
    return Window(since, now if _SINCE_DAY.search(before) else until, words.strip())


def shown(stored: str, now: datetime) -> str:
    """A stored time in the zone of ``now``, to the second, with the zone's name; as it is where it is no time."""
    found = local(stored, now.tzinfo or UTC)
    return stored if found is None else f"{found:%Y-%m-%d %H:%M:%S %Z}"
