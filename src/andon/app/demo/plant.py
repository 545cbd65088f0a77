"""The demo's plant as ``plant.toml`` describes it: its machines, what they say, and what people did about it."""

from __future__ import annotations

from importlib import resources
from typing import Literal, NamedTuple

import msgspec

#: How a producer writes its messages: see :mod:`andon.app.demo.forms`.
Form = Literal["json", "opcua", "opcua-value", "wincc", "wincc-de", "gelf", "journald", "windows"]
#: What one of people's deeds is.
Deed = Literal["acknowledge", "shelve", "resolve", "note", "helpful", "wrong"]
Severity = Literal["INFO", "WARNING", "ERROR", "CRITICAL"]

#: A range of whole numbers (two of them), or what to choose from.
Values = list[int | str]


class Place(NamedTuple):
    """Where a host stands, as the site calls it, and the gateway that speaks for it."""

    area: str
    line: str
    machine: str
    gateway: str | None = None


class Coming(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a problem comes tonight: ``times`` within ``ago`` (minutes before the end, or from–to)."""

    ago: float | tuple[float, float]
    times: int = 1
    lasts: tuple[float, float] | None = None
    stays: bool = False
    even: bool = False


class Problem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that machines say; ``plant.toml`` explains the fields."""

    name: str
    text: str
    severity: Severity
    service: str
    on: list[str]
    form: Form = "json"
    code: str | None = None
    values: dict[str, Values] = {}
    fields: dict[str, Values] = {}
    lasts: tuple[float, float] | None = None
    acked: float = 0.0
    stops: bool = False
    weekly: float = 0.0
    live: int = 0
    fresh: bool = False
    tonight: list[Coming] = []


class Episode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bad quarter of an hour, so many days before the end: how often each problem came."""

    days: float
    alarms: dict[str, int]


class Done(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody did, ``ago`` minutes before the end; shelving is for ``minutes``."""

    do: Deed
    ago: float
    by: str
    problem: str = ""
    text: str = ""
    cause: str | None = None
    minutes: float = 0.0


class Handover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who handed over the shift before the one at work, and to whom."""

    by: str
    to: str


class Plant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    site: str
    weeks: int
    machines: dict[str, Place]
    problems: list[Problem]
    episodes: list[Episode]
    deeds: list[Done]
    handover: Handover

    def hostname(self, host: str) -> str:
        """What calls itself so in messages: the host, or its gateway."""
        return self.machines[host].gateway or host

    def problem(self, name: str) -> Problem:
        """The problem of that name. Raises KeyError."""
        for one in self.problems:
            if one.name == name:
                return one
        raise KeyError(name)


def load() -> Plant:
    """The plant that comes with Andon."""
    return msgspec.toml.decode((resources.files(__package__) / "plant.toml").read_bytes(), type=Plant)
