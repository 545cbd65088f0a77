"""Which problems a rule or a route means: the conditions of ``[[action_rules]]`` and ``[[notify]]``. Pure."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from andon.core.models import SEVERITY_RANK
from andon.core.names import glob, meant
from andon.core.settings.connectors.action_settings import Where

_LEVELS = ("site", "area", "line", "machine", "host")


class Spot(NamedTuple):
    """Where something is, as far as it is known."""

    site: str | None = None
    area: str | None = None
    line: str | None = None
    machine: str | None = None
    host: str | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """What conditions are held against: a problem, or what else may be told. ``spots`` is everywhere it is."""

    title: str
    severity: str
    spots: tuple[Spot, ...] = ()
    services: tuple[str, ...] = ()


def fits(where: Where, one: Candidate) -> bool:
    """Whether each condition that is given holds; those of places must hold of one and the same spot.

    >>> press = Candidate(title="Servo overload", severity="ERROR", spots=(Spot(line="Line 3", machine="Press 7"),))
    >>> fits(Where(line="3", severity="WARNING"), press), fits(Where(line="3", machine="robot*"), press)
    (True, False)
    """
    if where.severity is not None and SEVERITY_RANK.get(one.severity, 0) < SEVERITY_RANK[where.severity]:
        return False
    if where.text and not _in_title(where.text, one.title):
        return False
    if where.service and not any(is_named(where.service, name, "service") for name in one.services):
        return False
    return is_there(where, one.spots)


def is_there(where: Where, spots: tuple[Spot, ...]) -> bool:
    """Whether what is given of places holds of one of the spots; without any such condition it holds anywhere."""
    given = [(level, said) for level in _LEVELS if (said := getattr(where, level))]
    if not given:
        return True
    return any(all(is_named(said, getattr(spot, level), level) for level, said in given) for spot in spots)


def is_named(said: str, name: str | None, level: str) -> bool:
    """Whether ``said``, a name or one with the wildcards ``*`` and ``?``, means ``name``."""
    if name is None:
        return False
    if "*" in said or "?" in said:
        return glob(said, any_case=True).match(name) is not None
    return bool(meant(said, [name], level))


def _in_title(said: str, title: str) -> bool:
    """A text with wildcards must fit the whole title, one without must stand in it."""
    if "*" in said or "?" in said:
        return glob(said, any_case=True).match(title) is not None
    return said.casefold() in title.casefold()
