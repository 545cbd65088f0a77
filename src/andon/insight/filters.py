"""What people write to choose logs and times, read and checked once for commands and HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple, overload

from andon.core.models import SEVERITY_RANK, LogQuery, Severity
from andon.core.times import seconds_or
from andon.core.written_times import read_time

DAY = 86_400.0
#: Longest text searched for, in characters: no more of it would be looked at.
TEXT_MAX = 1_000


class WrongFilter(ValueError):
    """A filter that makes no sense, with the sentence that says why; ``about`` names it, and is empty for several."""

    def __init__(self, sentence: str, about: str = "") -> None:
        super().__init__(sentence)
        self.about = about


@overload
def moment(about: str, value: str, zone: str, after: str | None = None) -> str: ...
@overload
def moment(about: str, value: str | None, zone: str, after: str | None = None) -> str | None: ...
def moment(about: str, value: str | None, zone: str, after: str | None = None) -> str | None:
    """A point in time in stored form, None where none is named; see :func:`andon.core.written_times.read_time`.

    Raises WrongFilter about ``about``.
    """
    try:
        return None if value is None else read_time(value, zone, after=after)
    except ValueError as error:
        raise WrongFilter(str(error), about) from None


def span(since: str | None, until: str | None, zone: str) -> tuple[str | None, str | None]:
    """A time from ``since`` to before ``until``, each in stored form or None; ``06:00`` to ``14:00`` is of one day.

    Raises WrongFilter.
    """
    begin = moment("since", since, zone)
    end = moment("until", until, zone, begin)
    if begin is not None and end is not None and begin >= end:
        raise WrongFilter("the start must be earlier than the end", "since")
    return begin, end


def window(since: str | None, until: str | None, zone: str, length: float) -> tuple[float, float]:
    """The same in unix seconds: the last ``length`` seconds unless told otherwise. Raises WrongFilter."""
    begin, until = span(since, until, zone)
    end = seconds_or(until, time.time())
    start = seconds_or(begin, end - length)
    if start >= end:
        raise WrongFilter("the start must be earlier than the end", "since")
    return start, end


def baseline(value: str | None, zone: str, start: float, length: float) -> float:
    """When the time before ``start`` begins: ``length`` seconds earlier unless told otherwise. Raises WrongFilter."""
    before = seconds_or(moment("baseline", value, zone), start - length)
    if before >= start:
        raise WrongFilter("it must begin before since, where it ends", "baseline")
    return before


class Compared(NamedTuple):
    """What differences are looked for in: the logs of ``inside``, and where ``by_time`` those of ``before``."""

    inside: tuple[float, float]
    before: tuple[float, float]
    by_time: bool


def compared(pattern: int | None, since: str | None, until: str | None, earlier: str | None, zone: str) -> Compared:
    """The times in question: for a problem beside others 30 days; else the last 8 hours, beside a week at least.

    Raises WrongFilter.
    """
    by_time = pattern is None or earlier is not None
    start, end = window(since, until, zone, DAY / 3 if by_time else 30 * DAY)
    before = baseline(earlier, zone, start, max(7 * DAY, end - start))
    return Compared((start, end), (before, start), by_time)


def log_query(
    zone: str,
    *,
    since: str | None,
    until: str | None,
    severity: str | None,
    text: str | None,
    field: Iterable[str] | None,
    **plain: Any,
) -> LogQuery:
    """The question to the store; ``plain`` are the parts of it that need no reading. Raises WrongFilter."""
    begin, end = span(since, until, zone)
    if text is not None and len(text) > TEXT_MAX:
        raise WrongFilter(f"search for {TEXT_MAX:,} characters at most", "text")
    fields = tuple(_field(one) for one in field or ())
    return LogQuery(since=begin, until=end, severity=_severity(severity), text=text, fields=fields, **plain)


def _severity(value: str | None) -> str | None:
    """A severity by its name, or as systems write it (``warn``, ``fatal``, syslog's ``3``), read as in a log."""
    if value is None or value.upper() in SEVERITY_RANK:
        return None if value is None else value.upper()
    from andon.ingest.severity import SeverityReader  # tables that a known name does not need

    found = SeverityReader()(value)
    if not found.understood or found.said == "nothing":
        raise WrongFilter(f"{value[:60]!r} is not a severity: use {', '.join(Severity)}", "severity")
    return found.severity


def _field(value: str) -> tuple[str, str]:
    name, equals, rest = value.partition("=")
    if not (name.strip() and equals):
        raise WrongFilter(f"{value!r} is not a field: write name=value", "field")
    return name.strip(), rest.strip()
