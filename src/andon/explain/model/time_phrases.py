"""Time words in a question: "last night", "since Monday 06:00", "yesterday between 2 and 4 pm", "in the last 8 hours".

English, as people on a shift write it, and German by way of :mod:`andon.core.time_words_german`; days, dates and clock
times are those of :mod:`andon.core.written_times`. Pure functions over an aware ``now`` in the site's zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from andon.core.lengths import COUNT, UNIT, span
from andon.core.time_words_german import in_english
from andon.core.times import Skipped, local
from andon.core.written_times import CLOCK, DAY, DAYS, Ambiguous, clock_time, day_start, midnight_of, wall, with_dates

#: A moment that is named without an end means this much before and after it.
AROUND = timedelta(minutes=30)

#: Parts of a day by the hours at which they begin and end; a night belongs to the day on which it begins.
_PARTS = {"morning": (5, 12), "afternoon": (12, 18), "evening": (17, 23), "night": (18, 30)}
_QUESTION_MAX = 2_000


def _re(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_MOMENT = rf"(?:on\s)?(?:({DAY})(?:T|\s?,?\s(?:at\s)?))?({CLOCK})"
_FROM, _TO = r"\b(?:between|from|since)\s{1,3}", r"\s{0,3}(?:and|to|until|till|-|–)\s{0,3}"

_LAST = _re(rf"\b(?:last|past|previous|recent)\s{{1,3}}(?:{COUNT}\s{{0,3}})?{UNIT}\b")
_FOR = _re(rf"\b(?:since|for)\s{{1,3}}{COUNT}\s{{0,3}}{UNIT}\b(?!\s{{1,3}}ago)")
_AGO = _re(rf"\b{COUNT}\s{{0,3}}{UNIT}\s{{1,3}}ago\b")
_CALENDAR = _re(r"\b(this|last)\s{1,3}(week|month|year)\b")
_WEEKEND = _re(r"\b(?:(last|past|previous)\s{1,3})?week-?\s?end\b")
_AHEAD = _re(r"\b(?:tomorrow|next\s{1,3}(?:hour|night|day|week|weekend|month|year|\w+day))\b")
_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?=T?\b)")
_DAY_AND = _re(
    rf"\b(?:(day\sbefore\syesterday|today|yesterday|tonight|overnight|this|(?:last\s)?(?:{'|'.join(DAYS)})|last)\b"
    r"[\s']{0,3}s?\s{0,3})?"
    r"(morning|afternoon|evening|night)?"
)
_BETWEEN = _re(rf"{_FROM}{_MOMENT}{_TO}{_MOMENT}")
_BETWEEN_BARE = _re(rf"\b(between|from)\s{{1,3}}(\d{{1,2}}){_TO}(\d{{1,2}}(?::\d{{2}})?\s?(?:[ap]m\b)?)")
_BETWEEN_DAYS = _re(rf"{_FROM}({DAY}){_TO}({DAY})\b")
_SINCE = _re(rf"\b(since|after|from|before|until|till|at|around|about|by)\s{{1,3}}{_MOMENT}")
_SINCE_BARE = _re(r"\b(since|after|before|until)\s{1,3}(\d{1,2})(?=\s*(?:[?!.,]|\Z|on\b|o'?clock))")
_ON = _re(rf"\b({DAY})(?:T|\s?,?\s(?:at\s)?)({CLOCK})")
_SINCE_DAY = _re(r"\b(?:since|after|from)\s{1,3}(?:the\s)?\Z")


class Window(NamedTuple):
    """A stretch of time, aware; ``words`` are what it was read from."""

    since: datetime
    until: datetime
    words: str


class NoWindow(ValueError):
    """A question names a time that no log can be of, or that may be two; says so in a sentence."""


def window(question: str, now: datetime) -> Window | None:
    """The stretch of time that a question is about, None where it names none; never in the future.

    Raises Skipped where it names a time that the clock skips in spring, and NoWindow.
    """
    text = in_english(question[:_QUESTION_MAX])
    try:
        text = with_dates(text, now)
        found = _ages(text, now) or _two(text, now) or _one(text, now) or _calendar(text, now) or _day(text, now)
    except (Skipped, NoWindow):
        raise
    except Ambiguous as error:
        raise NoWindow(str(error)) from None
    except (ValueError, OverflowError):
        raise NoWindow("that the question names is outside the calendar") from None
    if found is None:
        if (ahead := _AHEAD.search(text)) is not None:
            raise NoWindow(f"{ahead[0]!r} is yet to come, and logs tell of the past only")
        return None
    if found.since >= now:
        raise NoWindow(f"{found.since:%Y-%m-%d %H:%M} is yet to come, and logs tell of the past only")
    until = min(found.until, now)
    return Window(found.since, until, " ".join(found.words.split())) if found.since < until else None


def _ages(text: str, now: datetime) -> Window | None:
    if (found := _LAST.search(text) or _FOR.search(text)) is not None:
        return Window(now - span(found[1], found[2]), now, found[0])
    if (found := _AGO.search(text)) is not None:
        age = span(found[1], found[2])
        if _SINCE_DAY.search(text[: found.start()]):
            return Window(now - age, now, found[0])
        around = max(AROUND, min(age / 4, timedelta(hours=12)))
        return Window(now - age - around, now - age + around, found[0])
    return None


class _Base:
    """The day that a question names, on which its clock times are; without one the last time that it was so late."""

    def __init__(self, text: str, now: datetime) -> None:
        self.now = now
        self.day = _day(text, now)
        self._start = now if self.day is None else self.day.since
        #: Whether the day is a night, of which the hours after midnight are the next day's.
        self.night = (
            self.day is not None
            and self.day.since.time() >= time(18)
            and self.day.until - self.day.since > timedelta(hours=6)
        )

    def at(self, day: str | None, clock: str) -> datetime:
        """The moment at which the clock showed this, on the named day or else on the base's."""
        shown, zone = clock_time(clock), self.now.tzinfo or UTC
        if day is not None:
            return wall(midnight_of(day, self.now), shown, zone)
        on = self._start + (timedelta(days=1) if self.night and shown.hour < 12 else timedelta())
        found = wall(on, shown, zone)
        return wall(on - timedelta(days=1), shown, zone) if self.day is None and found > self.now else found


def _two(text: str, now: datetime) -> Window | None:
    """From one moment or day to another."""
    if (days := _BETWEEN_DAYS.search(text)) is not None:
        first, last = midnight_of(days[1], now), midnight_of(days[2], now)
        if last >= first:
            return Window(first, last + timedelta(days=1), days[0])
    base = _Base(text, now)
    if (two := _BETWEEN.search(text)) is not None:
        day, begin, other_day, end = two.groups()
    elif (two := _BETWEEN_BARE.search(text)) is not None:
        half = (re.search(r"[ap]m", two[3], re.IGNORECASE) or [""])[0]
        day, begin, other_day, end = None, f"{two[2]}{half or ':00'}", None, two[3]
        end = end if half or ":" in end else f"{end.strip()}:00"
    else:
        return None
    first = base.at(day, begin)
    second = base.at(other_day or day, end)
    if second <= first:  # over midnight, or "from 2 to 4 pm" of yesterday
        back = base.day is None and day is None
        first, second = (first - timedelta(days=1), second) if back else (first, second + timedelta(days=1))
    return Window(first, second, two[0])


def _one(text: str, now: datetime) -> Window | None:
    """Since, until or around one moment that is said with the hands of a clock."""
    base = _Base(text, now)
    if (one := _SINCE.search(text)) is not None:
        word, day, clock = one[1].lower(), one[2], one[3]
    elif (one := _SINCE_BARE.search(text)) is not None:
        word, day, clock = one[1].lower(), None, f"{one[2]}:00"
    elif (one := _ON.search(text)) is not None:
        word, day, clock = "at", one[1], one[2]
    else:
        return None
    there = base.at(day, clock)
    if word in ("since", "after", "from"):
        bounded = base.day is not None and day is None and not base.night
        return Window(there, max(base.day.until, there) if bounded and base.day else now, one[0])
    if word in ("before", "until", "till", "by"):
        whole = base.day is not None and base.day.since < there
        return Window(base.day.since if whole and base.day else there - 8 * 2 * AROUND, there, one[0])
    return Window(there - AROUND, there + AROUND, one[0])


def _calendar(text: str, now: datetime) -> Window | None:
    """The last weekend that has begun, this week from Monday on, this or the last month and year."""
    midnight = day_start(now)
    if (weekend := _WEEKEND.search(text)) is not None and not _AHEAD.search(text):
        days = (midnight.weekday() - 5) % 7 + (7 if weekend[1] and midnight.weekday() >= 5 else 0)
        saturday = midnight - timedelta(days=days)
        since = _SINCE_DAY.search(text[: weekend.start()]) is not None
        return Window(saturday, now if since else saturday + timedelta(days=2), weekend[0])
    found = _CALENDAR.search(text)
    if found is None:
        return None
    if found[2].lower() == "week":
        return Window(midnight - timedelta(days=midnight.weekday()), now, found[0])
    start = midnight.replace(day=1) if found[2].lower() == "month" else midnight.replace(month=1, day=1)
    if found[1].lower() == "this":
        return Window(start, now, found[0])
    before = (start - timedelta(days=1)).replace(day=1)
    return Window(before if found[2].lower() == "month" else before.replace(month=1), start, found[0])


def _day(text: str, now: datetime) -> Window | None:
    """A day, or a part of one, that is named."""
    midnight = day_start(now)
    if (dated := _DATE.search(text)) is not None:
        part = re.search(r"\b(morning|afternoon|evening|night)\b", text, re.IGNORECASE)
        day = midnight_of(dated[0], now)
        return _part(day, part[1].lower() if part else None, dated[0], text[: dated.start()], now)
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
    if word in ("yesterday", "day before yesterday"):
        return midnight - timedelta(days=1 if word == "yesterday" else 2)
    if word.startswith("last ") and part is None:
        return midnight_of(word, now)
    if (word := word.removeprefix("last ")) in DAYS:
        begun = part is None or now.hour >= _PARTS[part][0]  # so that today's weekday can mean today
        return midnight - timedelta(days=(midnight.weekday() - DAYS.index(word)) % 7 or (0 if begun else 7))
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
