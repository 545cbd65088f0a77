"""Which logs a person means: what commands and the API are given, read into one question to the store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from andon.core.models import SEVERITY_RANK, LogQuery, Severity
from andon.core.times import read_time

#: Longest text searched for, in characters: no more of it would be looked at.
TEXT_MAX = 1_000


class BadFilter(ValueError):
    """A filter that makes no sense: ``name`` says which, the text why."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


def log_query(
    zone: str,
    *,
    since: str | None,
    until: str | None,
    severity: str | None,
    text: str | None,
    fields: Iterable[str],
    **plain: Any,
) -> LogQuery:
    """The filters as written; ``fields`` are ``name=value``, ``plain`` those that need no reading. Raises BadFilter."""
    begin, end = _time("since", since, zone), _time("until", until, zone)
    if begin is not None and end is not None and begin >= end:
        raise BadFilter("since", "the time must begin before it ends")
    if text is not None and len(text) > TEXT_MAX:
        raise BadFilter("text", f"search for {TEXT_MAX:,} characters at most")
    pairs = tuple(map(_pair, fields))
    return LogQuery(since=begin, until=end, severity=_severity(severity), text=text, fields=pairs, **plain)


def _time(name: str, value: str | None, zone: str) -> str | None:
    try:
        return None if value is None else read_time(value, zone)
    except ValueError as error:
        raise BadFilter(name, str(error)) from None


def _severity(value: str | None) -> str | None:
    if value is not None and value.upper() not in SEVERITY_RANK:
        raise BadFilter("severity", f"{value!r} is no severity; use {', '.join(s.value for s in Severity)}")
    return None if value is None else value.upper()


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not (name.strip() and equals):
        raise BadFilter("field", f"{given!r} is no field; write name=value")
    return name.strip(), value.strip()
