"""Which part of history a question is about: its time, its places, the problems with its codes.

And where nothing was logged in that part, the nearest one that has logs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from andon.core.errors import QueryTooSlow
from andon.core.models import HistoryQuery, Names, StoredLog, utc_text
from andon.core.names import WORDS, key, level_of
from andon.core.redact import clean
from andon.core.times import Skipped
from andon.explain.model.time_phrases import NoWindow, shown, window
from andon.insight.ask.name_filter import Named
from andon.insight.ask.shift_words import one_before, working
from andon.insight.shifts.calendar import Shift
from andon.store import Ask, agent_history, period

DEFAULT_SPAN = timedelta(hours=24)
_SCOPES = 3
#: Problems of a code that are looked at each for its newest log.
_WALKED = 25
_NUMBER = re.compile(
    r"\b(?:codes?|alarms?|faults?|errors?|fehler(?:code)?|störung|meldung|alarmnummer)\s{1,3}"
    r"(?:code\s|nr\.?\s?|no\.?\s?|number\s)?#?(\d{2,9})\b(?!\s?(?:times|mal|x\b|[:.]\d))",
    re.IGNORECASE,
)


_AGAINST = re.compile(
    r"\b(?:with|compared\s(?:to|with)|against|than|vs\.?|versus|mit|als|gegenüber|gegen)\s{1,3}(?:on\s|in\s|am\s)?(.+)",
    re.IGNORECASE,
)
_COMPARES = re.compile(
    r"\b(?:compar|vergl|than\b|vs\b|versus\b|als\b|gegenüber\b|worse|better|more\b|fewer|schlimmer|besser)",
    re.IGNORECASE,
)
_SHORT_CODE = re.compile(r"(?<![\w-])[A-Za-z]{1,4}-\d{1,3}(?![\w-])")
#: What is so long is no count: an order, a part, a serial number.
_LONG_NUMBER = re.compile(r"(?<![\w.:/-])\d{6,19}(?![\w:/-])")


class Time(NamedTuple):
    """The time that is looked at, in stored form; ``said`` says whether the question or its filters name one."""

    since: str | None
    until: str | None
    said: bool


def time_of(
    text: str,
    now: datetime,
    given: tuple[str | None, str | None],
    notes: list[str],
    shifts: Sequence[Shift] = (),
    *,
    ever: bool,
) -> Time:
    """The time that is asked about: as given, as said, or the last 24 hours; all of it where ``ever`` is meant."""
    if any(given):
        return Time(*given, said=True)
    said = None
    try:
        shift = working(text, now, shifts)
        notes += [f"{shift.words}."] if shift is not None else []
        said = shift or window(text, now)
    except (Skipped, NoWindow) as error:
        notes.append(f"The time {error}.")
    if said is not None:
        return Time(utc_text(said.since), utc_text(said.until), said=True)
    if ever:
        return Time(None, None, said=False)
    return Time(utc_text(now - DEFAULT_SPAN), None, said=False)


def compared(text: str, now: datetime, shifts: Sequence[Shift]) -> tuple[str, Time | None]:
    """What stands before "with", "than" and the like, and the time that is named behind; all of ``text`` where none
    is."""
    found = _AGAINST.search(text) if _COMPARES.search(text) else None
    if found is None:
        return text, None
    try:
        other = one_before(text[: found.start()], found[1], now, shifts)
        other = other or working(found[1], now, shifts) or window(found[1], now)
    except (Skipped, NoWindow):
        other = None
    return (
        (text, None)
        if other is None
        else (text[: found.start()], Time(utc_text(other.since), utc_text(other.until), said=True))
    )


def since_then(time: Time, other: Time, now: datetime) -> tuple[Time, Time | None]:
    """What a comparison with ``other`` alone is about: what came after it, or, where it lasts until now, itself and as
    long a time before."""
    if time.said or other.until is None:
        return time, other
    ends_now = datetime.fromisoformat(other.until) >= now
    return (other, None) if ends_now else (Time(other.until, utc_text(now), said=True), other)


def scopes_of(base: HistoryQuery, named: Named) -> list[HistoryQuery]:
    """``base`` with what is named: one for each host, or else for each place. What is given goes before."""
    service = base.service or next(iter(named.services), None)
    base = msgspec.structs.replace(base, service=service, severity=named.severity)
    if base.host or base.place:
        return [base]
    name = "host" if named.hosts else "place"
    values: list[Names | None] = [*(named.hosts or named.places)[:_SCOPES]]
    return [msgspec.structs.replace(base, **{name: value}) for value in values or [None]]


def fewer(named: Named) -> Iterator[tuple[str, Named]]:
    """What may be left out where nothing ever was logged with all of it, one after the other."""
    for what, left in (
        ("severity", named._replace(severity=None)),
        ("service", named._replace(severity=None, services=[])),
    ):
        if left != named:
            yield what, left


async def coded(ask: Ask, named: Named, text: str, notes: list[str]) -> tuple[list[str], set[int]]:
    """The codes that a question names, and the problems that have one of them."""
    said = dict.fromkeys(
        [*named.codes, *_SHORT_CODE.findall(text), *_NUMBER.findall(text), *_LONG_NUMBER.findall(text)]
    )
    codes = [code for code in said if not _is_name(code, named)][:5]
    found: set[int] = set()
    for code in codes:
        found |= await having(ask, code, notes)
    return codes, found


async def having(ask: Ask, said: str, notes: list[str]) -> set[int]:
    """The problems that have what is said in their text or fields; none where that takes too long, which is noted."""
    try:
        return await ask(period.problems_of_code, said)
    except QueryTooSlow:
        notes.append(f"There are too many logs to look for {clean(said, 60)!r} in all of them.")
        return set()


def _is_name(code: str, named: Named) -> bool:
    """Whether what looks like a code is a place or host: L-3, Line-3."""
    names = (*named.hosts, *named.places, *named.services, *named.unclear)
    return level_of(code) is not None or any(key(code, level) == key(name, level) for name in names for level in WORDS)


async def nearest(ask: Ask, scopes: Iterable[HistoryQuery], only: Collection[int] | None) -> StoredLog | None:
    """The last log before the end of ``scopes``, or else the first after it; None where there never was one."""
    found: list[StoredLog] = []
    later: list[StoredLog] = []
    for scope in scopes:
        for problem in [None] if only is None else sorted(only, reverse=True)[:_WALKED]:
            asked = msgspec.structs.replace(scope, since=None, pattern_id=problem, limit=1)
            found += await ask(agent_history.find, asked)
            if scope.until is not None:
                after = msgspec.structs.replace(asked, since=scope.until, until=None, oldest_first=True)
                later += await ask(agent_history.find, after)
    if found:
        return max(found, key=lambda log: (log.timestamp, log.id))
    return min(later, key=lambda log: (log.timestamp, log.id), default=None)


def moved(time: Time, log: StoredLog, now: datetime) -> tuple[Time, str] | None:
    """The time nearest to ``time`` that has ``log`` in it: the same hours of another day, or the day that ends with it.

    The second value says which it is; None where the log's time is none.
    """
    try:
        at = datetime.fromisoformat(log.timestamp).astimezone(now.tzinfo or UTC)
    except (ValueError, OverflowError):  # taken over as it was
        return None
    if time.said and time.since is not None:
        since, until = (_local(one, now) for one in (time.since, time.until or utc_text(now)))
        # the clock's hands: in the nights when it is changed the hours stay the same
        for days in {math.floor((since - at) / timedelta(days=1)), math.ceil((since - at) / timedelta(days=1))}:
            begin, end = since - timedelta(days=days), until - timedelta(days=days)
            if begin <= at < end and days:
                return Time(utc_text(begin), utc_text(end), said=True), "the same hours of the nearest day with logs"
    end = at + timedelta(seconds=1)
    return Time(utc_text(end - DEFAULT_SPAN), utc_text(end), said=True), "the 24 hours up to it"


def _local(stored: str, now: datetime) -> datetime:
    return datetime.fromisoformat(stored).astimezone(now.tzinfo or UTC)


def span_words(since: str | None, until: str | None, now: datetime) -> str:
    """A stretch of time in words, in the site's zone: ``From 2025-01-14 18:00:00 UTC to …``."""
    begin, end = (None if one is None else shown(one, now) for one in (since, until))
    if begin is None:
        return "In all stored logs" if end is None else f"Before {end}"
    return f"Since {begin}" if end is None else f"From {begin} to {end}"
