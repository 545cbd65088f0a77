"""Lengths of time as people write them: ``30m``, ``8 hours``, ``1h 30min``, ``1w``; the only reader of them."""

from __future__ import annotations

import re
from datetime import timedelta

from andon.core.late_patterns import late

NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "six": 6, "eight": 8, "ten": 10, "twelve": 12, "a": 1, "an": 1}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
#: Parts of regular expressions: how many, and of what, for :func:`span`.
COUNT = r"(\d{1,9}|" + "|".join(NUMBERS) + r")"
UNIT = r"(s|sec|secs|seconds?|m|min|mins|minutes?|h|hrs?|hours?|d|days?|w|weeks?)"
_ONE = rf"{COUNT}\s*{UNIT[:-1]}|y|years?)(?![a-z])"
_PART = late(_ONE, re.IGNORECASE)
_WHOLE = late(rf"(?:{_ONE.replace('(', '(?:').replace('(?:?!', '(?!')}\s*)+", re.IGNORECASE)
_NUMBER = late(r"\d+(?:[.,]\d+)?")
_MONTHS = late(rf"{COUNT}\s*(?:mo|months?)", re.IGNORECASE)
#: A hundred years, in seconds: a longer time is a slip of the pen.
LONGEST = 100 * _UNITS["y"]
_SHOWN = 60
HOW = "write 90m, 8h, 2d, 1w or 1y (365 days)"


def read_length(value: str) -> timedelta:
    """A length of time: ``90m``, ``8 hours``, ``1h 30min``, ``1w``, ``1y`` (365 days).

    Raises ValueError with a sentence for what is none, and for what may be several: a number without a unit, months.
    """
    text = value.strip()
    if _WHOLE.fullmatch(text):
        try:
            return sum((span(count, unit) for count, unit in _PART.findall(text)), timedelta())
        except OverflowError:
            raise ValueError(f"{value[:_SHOWN]!r} is out of range: {HOW}, a hundred years at most") from None
    shown = repr(value[:_SHOWN])
    if _NUMBER.fullmatch(text):
        raise ValueError(f"{shown} has no unit: {HOW}")
    if _MONTHS.fullmatch(text):
        raise ValueError(f"{shown}: months differ in length, so write days, such as 30d")
    raise ValueError(f"{shown} is not a length of time: {HOW}")


def read_seconds(value: str) -> float:
    """The same in seconds: more than none, and a hundred years at most. Raises ValueError with a sentence."""
    seconds = read_length(value).total_seconds()
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"{value[:_SHOWN]!r} is out of range: {HOW}, a hundred years at most")
    return seconds


def is_length(value: str) -> bool:
    """Whether a text has the form of a length of time."""
    return _WHOLE.fullmatch(value.strip()) is not None


def span(count: str | None, unit: str) -> timedelta:
    """``count`` (one unless given) of a unit of time, as :data:`COUNT` and :data:`UNIT` find them in a text.

    Raises OverflowError for more than any calendar has.
    """
    number = 1 if count is None else NUMBERS.get(count.lower()) or int(count)
    return timedelta(seconds=number * _UNITS[unit[0].lower()])
