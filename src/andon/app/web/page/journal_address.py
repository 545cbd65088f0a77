"""The address of the journal: every filter stands in it, so it can be shared, reloaded and changed by a link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from andon.app.web.page.rendering import word
from andon.core.models import ID_MAX, LogQuery
from andon.core.settings.settings import Settings
from andon.core.times import clock, seconds, stored
from andon.insight.filters import TEXT_MAX, WrongFilter, log_query
from andon.insight.journal import PAGE
from andon.insight.shifts.calendar import site_shifts, window_at
from andon.store.alarms import RECORD_STATES

#: Parts of the site as filters name them, with what people call them.
PLACES = {"area": "Area", "line": "Line", "machine": "Machine", "host": "Host", "site": "Site", "service": "Source"}
#: Times that the menu offers, with their words.
TIMES = {
    "15m": "Last 15 min", "1h": "Last 1 h", "8h": "Last 8 h", "shift": "This shift", "24h": "Last 24 h",
    "7d": "Last 7 days", "all": "All records",
}  # fmt: skip
USUAL = "8h"
COLUMNS = {
    "severity": "Severity", "state": "State", "code": "Code", "area": "Area", "machine": "Machine", "source": "Source",
    "problem": "Problem",
}  # fmt: skip
_FILTERS = ("text", "severity", *PLACES, "state", "problem", "field")
_KNOWN = (*_FILTERS, "since", "until", "columns")
_NAME_MAX, _FIELDS_MAX = 200, 10
_SEVERITIES = {
    "CRITICAL": "Critical",
    "ERROR": "Error and above",
    "WARNING": "Warning and above",
    "INFO": "Info and above",
}


class Choice(NamedTuple):
    """A line of a menu: what it says, where it leads, and whether it is what is chosen."""

    words: str
    href: str
    current: bool = False


class Chip(NamedTuple):
    """A filter that is on, and the address without it."""

    words: str
    href: str


class JournalAddress:
    """What an address asks for. ``wrong`` is (parameter, sentence) where it makes no sense: nothing is asked then."""

    def __init__(
        self, parameters: Iterable[tuple[str, str]], settings: Settings, now: float, kept_columns: str = ""
    ) -> None:
        given: dict[str, list[str]] = {}
        for name, value in parameters:
            name = "problem" if name == "pattern" else name
            if name in (*_KNOWN, "record", "before") and value.strip():
                # every link of the page holds what is kept here: an address must not make a page many times its size
                _keep(given.setdefault(name, []), name, value)
        self._given = given
        self._settings, self._now = settings, now
        self._zone = ZoneInfo(settings.time_zone)
        columns = self.many("columns") or kept_columns.split()
        #: The columns that are chosen, by the address or else by what this browser kept; none for the usual ones.
        self.columns = [name for name in COLUMNS if name in columns]
        self.wrong: tuple[str, str] | None = None
        self.query = LogQuery(limit=PAGE)
        try:
            self.record = self._id("record")
            self.query = self._read()
        except WrongFilter as error:
            self.wrong = (error.about, str(error))
            self.record = None
            self._given = {name: [one[: _longest(name)] for one in of[:_FIELDS_MAX]] for name, of in given.items()}

    def one(self, name: str) -> str:
        """The value of a parameter as it was written, empty where there is none."""
        return self._given.get(name, [""])[-1]

    def many(self, name: str) -> list[str]:
        """All values of a parameter."""
        return self._given.get(name, [])

    def link(self, **changes: str | Sequence[str] | None) -> str:
        """The address with some parameters changed (None: left out), from its newest record on."""
        return self.address("journal", **changes)

    def address(self, path: str, **changes: str | Sequence[str] | None) -> str:
        """The same for another path that takes these filters."""
        values: dict[str, Any] = {name: self._given[name] for name in _KNOWN if name in self._given}
        values.update(changes)
        pairs = [(name, one) for name, value in values.items() if value for one in _several(value)]
        return f"{path}?{urlencode(pairs, errors='replace')}" if pairs else path

    def kept(self, *names: str) -> list[tuple[str, str]]:
        """The parameters that a form which asks for ``names`` sends along."""
        return [(name, one) for name in _KNOWN if name not in names for one in self._given.get(name, ())]

    @property
    def since(self) -> str:
        """From when on, as the address or else the usual says it."""
        named = self.one("since") or ("" if self.one("until") or self.one("record") else USUAL)
        return named.lower() if named.lower() in TIMES else named

    @property
    def live(self) -> bool:
        """Whether what is recorded from now on can belong to it."""
        return not (self.wrong or self.one("until") or self.one("before") or self.record)

    @property
    def filters_on(self) -> int:
        """How many filters are on; the time is none."""
        return sum(len(self.many(name)) if name == "field" else 1 for name in _FILTERS if name in self._given)

    @property
    def example(self) -> str:
        """How a time is written, by the present one."""
        return f"{clock(self._now, self._zone):%Y-%m-%dT%H:00}"

    def time_words(self) -> str:
        """What the menu of times says is chosen."""
        if self.since in TIMES and not self.one("until"):
            return TIMES[self.since]
        if self.record and not (self.one("since") or self.one("until")):
            return "Around a record"
        return " – ".join(self._moment(name) for name in ("since", "until") if self.one(name)) or "Any time"

    def _moment(self, name: str) -> str:
        edge = getattr(self.query, name)
        if edge is None:
            return self.one(name)[:30]
        at = clock(seconds(edge), self._zone)
        today = clock(self._now, self._zone).date() == at.date()
        exact = f"{at:%H:%M}" if at.second == 0 else f"{at:%H:%M:%S}"
        shown = exact if today else f"{at.day} {at:%b} {exact}"
        return shown if self.one("since") and self.one("until") else f"{'from' if name == 'since' else 'until'} {shown}"

    def times(self) -> list[Choice]:
        """The menu of times."""
        words = dict(TIMES)
        if not window_at(site_shifts(self._settings), self._now, self._zone):
            del words["shift"]
        none = not self.one("until")
        return [
            Choice(said, self.link(since=value, until=None), none and self.since == value)
            for value, said in words.items()
        ]

    def severities(self) -> list[Choice]:
        """The menu of severities."""
        chosen = self.one("severity").upper()
        found = [Choice("All severities", self.link(severity=None), not chosen)]
        return found + [
            Choice(said, self.link(severity=value.lower()), chosen == value) for value, said in _SEVERITIES.items()
        ]

    def states(self) -> list[Choice]:
        """The menu of states."""
        chosen = self.one("state").lower()
        found = [Choice("All states", self.link(state=None), not chosen)]
        return found + [Choice(word(one), self.link(state=one), chosen == one) for one in RECORD_STATES]

    def chips(self, title: str | None = None) -> list[Chip]:
        """The filters that are on, but for words and time. ``title`` is what the problem is called."""
        found = []
        if severity := self.one("severity"):
            found.append(Chip(_SEVERITIES.get(severity.upper(), word(severity)), self.link(severity=None)))
        found += [
            Chip(f"{said}: {self.one(name)}", self.link(**{name: None}))
            for name, said in PLACES.items()
            if self.one(name)
        ]
        if state := self.one("state"):
            found.append(Chip(f"State: {state.lower()}", self.link(state=None)))
        if problem := self.one("problem"):
            found.append(Chip(f"Problem: {title or problem}", self.link(problem=None)))
        fields = self.many("field")
        return found + [Chip(one, self.link(field=[left for left in fields if left != one])) for one in fields]

    def export(self, form: str) -> str:
        """The address of a file with all that is asked for."""
        query = self.query
        values: Mapping[str, str | None] = {
            "since": query.since, "until": query.until, "problem": None, "columns": None,
            "pattern": str(query.pattern_id) if query.pattern_id else None, "format": form,
        }  # fmt: skip
        return self.address("api/export", **values)

    def older(self, path: str, place: tuple[str, int]) -> str:
        """Where the listing goes on after ``place``."""
        return self.address(path, since=self.since or "all", before=f"{place[0]},{place[1]}")

    def _read(self) -> LogQuery:
        fields = self.many("field")
        if len(fields) > _FIELDS_MAX:
            raise WrongFilter(f"at most {_FIELDS_MAX} fields at a time", "field")
        for name, values in self._given.items():
            longest = _longest(name)
            for value in values:
                if "\0" in value:
                    raise WrongFilter("it contains a NUL character, which no record does", name)
                if len(value) > longest:
                    raise WrongFilter(f"at most {longest:,} characters", name)
        state = self.one("state").lower() or None
        if state is not None and state not in RECORD_STATES:
            raise WrongFilter(f"{state!r} is not a state; use {', '.join(RECORD_STATES)}", "state")
        return log_query(
            self._settings.time_zone,
            since=self._since(),
            until=self.one("until") or None,
            severity=self.one("severity") or None,
            text=self.one("text") or None,
            field=fields,
            state=state,
            pattern_id=self._id("problem"),
            before=self._place(),
            limit=PAGE,
            **{name: self.one(name) or None for name in PLACES},
        )

    def _since(self) -> str | None:
        if self.since in ("", "all"):
            return None
        if self.since == "shift":
            window = window_at(site_shifts(self._settings), self._now, self._zone)
            if window is None:
                raise WrongFilter("no shift is working now; choose a time", "since")
            return stored(window.start)
        return self.since

    def _id(self, name: str) -> int | None:
        value = self.one(name).strip()
        if not value:
            return None
        if not (value.isascii() and value.isdecimal() and 0 < int(value[:20]) <= ID_MAX):
            raise WrongFilter(f"{value[:60]!r} is not the number of a {name}", name)
        return int(value)

    def _place(self) -> tuple[str, int] | None:
        if not (value := self.one("before")):
            return None
        at, comma, log_id = value.rpartition(",")
        if not comma or not (log_id.isascii() and log_id.isdecimal()):
            raise WrongFilter("this is not a place in the journal; start at its newest record", "before")
        return at, min(int(log_id[:20]), ID_MAX)


def whole_minutes(query: LogQuery) -> LogQuery:
    """``query`` from the begin of a minute on: as records are counted."""
    return query if query.since is None else msgspec.structs.replace(query, since=f"{query.since[:16]}:00.000Z")


def _keep(values: list[str], name: str, value: str) -> None:
    """Add a value of a parameter: fields up to one too many, known columns once, of all else the last counts."""
    if name == "field":
        del values[_FIELDS_MAX:]
    elif name == "columns":
        values[:] = [one for one in values if one in COLUMNS and one != value]
    else:
        values.clear()
    values.append(value)


def _longest(name: str) -> int:
    return TEXT_MAX if name == "text" else _NAME_MAX


def _several(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
