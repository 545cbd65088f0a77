"""The shift that a question is about: "last shift", "yesterday's night shift", "since the shift change"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from andon.core.models.history import ShiftWindow
from andon.explain.model.time_phrases import NoWindow, Window, window
from andon.insight.shifts.calendar import NoShift, Shift, last_before, window_at, working_of

_WORD = r"(?:shifts?|schicht(?:en)?)"
#: What a shift is called by the time at which it is at work.
_AT_WORK = {
    "early|morning|first|früh|frueh": time(8),
    "late|afternoon|evening|second|spät|spaet": time(17),
    "night|third|nacht": time(2),
    "day|tag": time(12),
}
_CALLED = "|".join(_AT_WORK)
_WHICH = (
    r"(?:(?P<which>(?:last|previous|past|this|current|our|my)|(?:letzte|vorige|vergangene|diese|aktuelle|laufende"
    r"|unsere)[nrs]?)\s{1,3})"
)
_LAST = ("last", "previous", "past", "letzte", "vorige", "vergangene")
_CHANGE = re.compile(
    r"\b(?:(?:last|latest|the|this|dem|letzte[nmr]?)\s{1,3}){0,2}"
    r"(?:shift[\s-]?change(?:over)?|change\sof\sshifts?|schicht(?:wechsel|beginn|anfang|start)s?"
    rf"|(?:start|beginning|begin|beginn)\s(?:of\s|der\s)?(?:the\s|this\s|our\s|my\s)?{_WORD}"
    rf"|{_WORD}\s(?:began|begun|started|start|angefangen|begonnen))\b",
    re.IGNORECASE,
)
_HANDOVER = re.compile(
    r"\b(?:hand-?\s?over|(?:schicht)?übergabe|(?:next|nächste[nr]?)\s(?:shift|schicht))\b", re.IGNORECASE
)
#: A shift of any name; "shift register" and "gear shift" are none.
_BARE = re.compile(
    rf"\b(?:{_WHICH}|(?:during|in|on|over|since|of|seit|in|während)\s(?:the\s|der\s)?){_WORD}\b(?!\s(?:register|lever|key|fork))",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:the\s|der\s)?(?:last|previous|one\sbefore|letzten|vorigen|davor)(?:\sone)?[\s?!.]{0,3}(?:vergleichen)?\W*",
    re.IGNORECASE,
)
_SINCE = re.compile(r"\b(?:since|from|seit|ab)\s{1,3}(?:the\s|der\s|dem\s)?\Z", re.IGNORECASE)
_DAYS = (
    (re.compile(r"\bgestrige[nrs]?\b", re.IGNORECASE), "yesterday"),
    (re.compile(r"\bheutige[nrs]?\b", re.IGNORECASE), "today"),
)


def hands_over(text: str) -> bool:
    """Whether the question is about what one shift tells the next."""
    return _HANDOVER.search(text) is not None


def without(text: str, shifts: Sequence[Shift]) -> str:
    """``text`` without the words for a shift."""
    for pattern in (_CHANGE, _HANDOVER, _named(shifts), _BARE):
        text = pattern.sub(" ", text)
    return text


def working(text: str, now: datetime, shifts: Sequence[Shift]) -> Window | None:
    """The stretch of time of the shift that a question names, None where it names none; ``words`` say which it is.

    Raises NoWindow where there is no such shift.
    """
    if not shifts:
        return None
    zone = _zone(now)
    try:
        if _CHANGE.search(text) is not None:
            return _since_change(now, shifts, zone)
        found = None if hands_over(text) else _named(shifts).search(text)
        if found is not None:
            return _of_name(text, found, now, shifts, zone)
        bare = _HANDOVER.search(text) or _BARE.search(text)
        return None if bare is None else _of_any(text, bare, now, shifts, zone)
    except NoShift as error:
        raise NoWindow(f"matches no shift: {error}") from error


def one_before(text: str, rest: str, now: datetime, shifts: Sequence[Shift]) -> Window | None:
    """The shift before the one of ``text`` where ``rest`` says "the last", "the one before" or the like."""
    if _BEFORE.fullmatch(rest) is None or (here := working(text, now, shifts)) is None:
        return None
    ended = last_before(shifts, here.since.timestamp(), _zone(now))
    return None if ended is None else Window(_moment(ended.start, now), _moment(ended.end, now), ended.name)


def _zone(now: datetime) -> ZoneInfo:
    return now.tzinfo if isinstance(now.tzinfo, ZoneInfo) else ZoneInfo("UTC")


def _named(shifts: Sequence[Shift]) -> re.Pattern[str]:
    names = "|".join(sorted((re.escape(one.name) for one in shifts), key=len, reverse=True)) or r"(?!)"
    return re.compile(
        rf"\b{_WHICH}?(?:(?P<name>{names}|{_CALLED})[\s-]{{0,2}}{_WORD}|{_WORD}\s{{1,2}}(?P<behind>{names}))\b",
        re.IGNORECASE,
    )


def _since_change(now: datetime, shifts: Sequence[Shift], zone: ZoneInfo) -> Window | None:
    at = now.timestamp()
    if (current := window_at(shifts, at, zone)) is not None:
        return Window(_moment(current.start, now), now, f"Shift {current.name} began at that time")
    ended = last_before(shifts, at, zone)
    return None if ended is None else Window(_moment(ended.end, now), now, f"Shift {ended.name} ended at that time")


def _of_any(text: str, found: re.Match[str], now: datetime, shifts: Sequence[Shift], zone: ZoneInfo) -> Window | None:
    which = (found.groupdict().get("which") or "").lower()
    if window(text[: found.start()] + text[found.end() :], now) is not None:
        return None  # "what did the shift see between 2 and 4"
    return _window(text, found, now, working_of(shifts, zone, now.timestamp(), last=which.startswith(_LAST)))


def _of_name(text: str, found: re.Match[str], now: datetime, shifts: Sequence[Shift], zone: ZoneInfo) -> Window | None:
    rest = f"{text[: found.start()]} {text[found.end() :]}"
    for pattern, day in _DAYS:
        rest = pattern.sub(day, rest)
    said = window(rest, now)
    if said is not None and (said.since.time() != time() or said.until - said.since > timedelta(days=1, hours=1)):
        return None  # hours, or more than a day
    shift = _meant(found["name"] or found["behind"], shifts)
    if shift is None:
        return None
    last = (found["which"] or "").lower().startswith(_LAST)
    day_of = None if said is None else said.since.date().isoformat()
    return _window(text, found, now, working_of(shifts, zone, now.timestamp(), name=shift.name, day=day_of, last=last))


def _meant(name: str, shifts: Sequence[Shift]) -> Shift | None:
    own = next((one for one in shifts if one.name.casefold() == name.casefold()), None)
    if own is not None:
        return own
    at = next(at for words, at in _AT_WORK.items() if name.lower() in words.split("|"))
    return next((one for one in shifts if _holds(one, at)), None)


def _holds(shift: Shift, at: time) -> bool:
    if shift.start < shift.end:
        return shift.start <= at < shift.end
    return at >= shift.start or at < shift.end


def _window(text: str, found: re.Match[str], now: datetime, one: ShiftWindow) -> Window:
    begin, end = _moment(one.start, now), _moment(one.end, now)
    said = f"This is about shift {one.name} of {begin:%Y-%m-%d}, {begin:%H:%M} to {end:%H:%M}"
    open_ = _SINCE.search(text[: found.start()]) or found[0].lower().startswith(("since", "seit"))
    return Window(begin, now if open_ else min(end, now), said)


def _moment(at: float, now: datetime) -> datetime:
    return datetime.fromtimestamp(at, now.tzinfo)
