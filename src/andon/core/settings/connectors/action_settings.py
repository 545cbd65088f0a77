"""Who approves what leaves the house, by which rules, and who is told of what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from andon.core.lengths import read_seconds
from andon.core.settings.connectors.target import base_url
from andon.core.settings.late_tables import Late
from andon.core.settings.retention import SeverityName


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


Severe = Annotated[SeverityName, BeforeValidator(_upper)]
_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)\Z")
#: What a route may tell: see :class:`Route`.
Kind = Literal["problem", "flood", "source", "model", "stream", "shift"]
#: States of a problem that are told.
Told = Literal["raised", "acknowledged", "ended"]


def parse_quiet(text: str) -> tuple[time, time] | None:
    """Begin and end of ``22:00-06:00``, a time of day; None of an empty text. Raises ValueError with a sentence."""
    if not text.strip():
        return None
    found = _DAY.match(text.strip())
    if found is None:
        raise ValueError('quiet must be a time of day such as "22:00-06:00"')
    begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    if begin == end:
        raise ValueError("quiet begins and ends at the same time: set two different times, or remove quiet")
    return begin, end


def parse_pause(text: str) -> float | None:
    """Seconds of a time such as ``15m``; None of an empty text and of ``never``. Raises ValueError with a sentence."""
    word = text.strip().lower()
    return None if word in ("", "never") else read_seconds(word)


class Where(BaseModel, defer_build=True):
    """Which problems are meant: each that is given must hold. Texts are names with the wildcards * and ?, in any case;
    ``line = "3"`` also means ``line 3`` and ``line-3``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Severe | None = None  # this one and worse
    site: str = Field("", max_length=200)
    area: str = Field("", max_length=200)
    line: str = Field("", max_length=200)
    machine: str = Field("", max_length=200)
    host: str = Field("", max_length=200)
    service: str = Field("", max_length=200)
    text: str = Field("", max_length=200)  # of the problem's title


class ActionRule(Where):
    """A table ``[[action_rules]]``: what is proposed by itself, and whether the rule is the approval as well.

    ``on``: ``new`` a problem that has no open ticket at ``target`` becomes active. ``approve``: the rule approves what
    it proposes; else a person has to. ``every`` is the least time between two of one rule and problem.
    """

    name: str = Field(min_length=1, max_length=60)
    on: Literal["new"] = "new"
    target: str = Field(min_length=1, max_length=40)
    do: Literal["ticket", "event"] = "ticket"
    where: str = Field("", max_length=200)
    approve: bool = False
    every: str = "1h"

    @field_validator("every")
    @classmethod
    def _time(cls, value: str) -> str:
        read_seconds(value)
        return value


class Route(Where):
    """A table ``[[notify]]``: who is told of what.

    ``about`` are the kinds of news; ``severity`` and the other conditions choose problems, those that name a place
    sources and floods as well. ``states`` of a problem are told; that it ended or was acknowledged also goes to
    whoever was told because nobody acknowledged it. ``quiet`` is a time of day, such as ``"22:00-06:00"``, in which
    only what is CRITICAL is told, and the rest together at its end. ``group`` collects what comes within it into one
    message after the first. What nobody acknowledges within ``escalate_after`` is told ``escalate_to`` as well.
    """

    name: str = Field("", max_length=60)
    to: list[str] = Field(min_length=1, max_length=20)
    about: list[Kind] = Field(["problem", "flood", "source", "model", "stream"], min_length=1)
    states: list[Told] = Field(["raised", "ended"], min_length=1)
    where: str = Field("", max_length=200)
    severity: Severe | None = "CRITICAL"
    quiet: str = ""
    group: str = "2m"
    escalate_after: str = ""
    escalate_to: list[str] = Field([], max_length=20)

    @property
    def known_as(self) -> str:
        """What it is called: its name, or the first that it tells."""
        return self.name or self.to[0]

    @field_validator("quiet")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        parse_quiet(value)
        return value

    @field_validator("group", "escalate_after")
    @classmethod
    def _pause(cls, value: str) -> str:
        parse_pause(value)
        return value

    @model_validator(mode="after")
    def _whole(self) -> Route:
        if bool(self.escalate_to) != (parse_pause(self.escalate_after) is not None):
            raise ValueError("escalate_after says when, and escalate_to says who is told then: set both or neither")
        if "raised" not in self.states:
            raise ValueError(
                'states must include "raised": the end of an alarm is reported only to those who were told of its start'
            )
        return self


class ActionSettings(BaseModel, defer_build=True):
    """Rules, routes, and who approves."""

    action_rules: list[Late[ActionRule]] = Field(
        [],
        max_length=100,
        description="Actions that Andon proposes on its own, in `andon.toml`: a table `[[action_rules]]` for each, "
        "such as a "
        "ticket for every new CRITICAL problem of line 3; see [actions](actions.md#rules).",
    )
    notify: list[Late[Route]] = Field(
        [],
        max_length=100,
        description="Who is told about what, in `andon.toml`: a table `[[notify]]` for each route; see "
        "[actions](actions.md#notifications).",
    )
    approve_role: Literal["operator", "admin"] = Field(
        "admin", description="The lowest role that may approve, decline and retry actions. One of `operator`, `admin`."
    )
    agent_proposals: Literal["off", "on"] = Field(
        "on",
        description="`on`: where a system is connected, the model that explains a problem may propose a ticket or a "
        "message, which a person approves. One of `off`, `on`.",
    )
    proposal_expires: str = Field(
        "72h", description="How long a proposal waits for a decision before it expires, such as `24h`."
    )
    action_patience: str = Field(
        "7d", description="How long Andon retries an approved action while its target is unavailable, such as `24h`."
    )
    ticket_comment_every: str = Field(
        "1h",
        description="Shortest time between two comments that add later occurrences of a problem to its ticket, such as "
        "`30m`; `never` adds none.",
    )
    action_retention: str = Field(
        "400d",
        description="How long finished actions are kept, such as `1y`; actions whose ticket is still open are kept "
        "longer.",
    )
    public_url: str = Field(
        "",
        max_length=500,
        description="Address at which people reach the page, such as `https://andon.plant.local`: messages and tickets "
        "link to it; if empty, they contain no link.",
    )

    @field_validator("proposal_expires", "action_patience", "action_retention")
    @classmethod
    def _time(cls, value: str) -> str:
        read_seconds(value)
        return value

    @field_validator("ticket_comment_every")
    @classmethod
    def _pause(cls, value: str) -> str:
        parse_pause(value)
        return value

    @field_validator("public_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return base_url(value) if value.strip() else ""

    def check_rules(self, targets: Mapping[str, str]) -> None:
        """Raises ValueError where a rule or a route names no target, or two are called the same."""
        _distinct([rule.name for rule in self.action_rules], "action_rules")
        _distinct([route.known_as for route in self.notify], "notify")
        for rule in self.action_rules:
            _demand(rule.target, targets, f"[[action_rules]] {rule.name}")
        for route in self.notify:
            for name in (*route.to, *route.escalate_to):
                _demand(name, targets, f"[[notify]] {route.known_as}")


def _distinct(names: list[str], table: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two tables [[{table}]] are called {name}: give each a different name")


def _demand(name: str, targets: Mapping[str, str], who: str) -> None:
    if name not in targets:
        listed = ", ".join(sorted(targets)) or "none"
        raise ValueError(f"{who} names {name}, which is not a connected system; there are: {listed}")
