"""A site whose clock a test moves: what happens on it is logged, and what the herald tells of it is collected."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup
from andon.act.proposals import Proposals
from andon.app.background.changes import Changes
from andon.app.known_habits import FRESH
from andon.app.telling.herald import Herald
from andon.app.wellbeing import Room, Signs
from andon.core.models.actions import (
    Action,
    ActionStatus,
    Message,
    Operation,
    Order,
    OutgoingRequest,
    Receipt,
    Rendered,
)
from andon.core.settings.database_url import Database
from andon.core.settings.settings import Settings
from andon.insight import sources
from andon.store import Connection, Store, actions, alarms
from support.alarm_logs import T0, Event, record
from support.settings import settings_of
from support.store_data import opened

UTC_ZONE = ZoneInfo("UTC")
#: Midnight of the site's clock that the tests count from, in unix seconds.
MIDNIGHT = T0
#: What every site has; :data:`SITE` is one with a route that others are told by as well.
COMMON: dict[str, Any] = {
    "connectors": [{"name": name, "kind": "paper"} for name in ("chat", "phone", "desk")],
    "time_zone": "UTC",
    "provider": "PLAYBOOK",
}
SITE = {
    **COMMON,
    "notify": [
        {"name": "shop floor", "to": ["chat"], "severity": "ERROR", "escalate_after": "15m", "escalate_to": ["phone"]}
    ],
    "action_rules": [{"name": "line 3", "line": "3", "target": "desk", "approve": True, "severity": "CRITICAL"}],
}


class Paper(Connector):
    """A system that takes every order: what is stored for it is what these tests look at; nothing is sent."""

    kind = "paper"

    @property
    def address(self) -> str:
        return "http://127.0.0.1"

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        taken = (Operation.OPEN_TICKET, Operation.COMMENT, Operation.CLOSE_TICKET, Operation.MESSAGE, Operation.EVENT)
        return {one: Ability(Again.SAFE) for one in taken}

    def render(self, order: Order) -> Rendered:
        return Rendered((OutgoingRequest("POST", "http://127.0.0.1/", msgspec.json.encode(order).decode()),))

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        return Receipt(ref=order.key)

    async def check(self) -> Sequence[Checked]:
        return ()


class Night:
    """One database, one herald and a clock. :meth:`until` lets time pass: each look comes when it is due, or when
    something happens."""

    def __init__(self, store: Store, settings: Settings, begin: float) -> None:
        self.store, self.settings = store, settings
        self.now = begin
        self.looks = 0
        self.remark: str | None = None  #: what the herald says that people should know of it
        self.woken = 0
        self.own: dict[str, Any] = {}
        self._habits: sources.Habits | None = None
        self.away = False  #: whether the systems that are told are: what is told waits then
        self.hears = False  #: whether sources are looked at
        self._numbers = itertools.count(1)
        self._due = begin
        self.herald: Herald
        self.restart()

    def restart(self) -> None:
        """The process is gone, and another one begins with what is stored."""
        connectors = {one.name: Paper(Setup(self.settings, one)) for one in self.settings.targets}
        self.proposals = Proposals(connectors, self.settings)
        self.herald = Herald(
            self.store, Changes(), self.proposals, self.settings, self._signs,
            wake=self._woke, remark=self._remarked, clock=lambda: self.now,
        )  # fmt: skip
        self._due = self.now

    def _woke(self) -> None:
        self.woken += 1

    def _remarked(self, told: str | None) -> None:
        self.remark = told

    async def _signs(self) -> Signs:
        seen: dict[str, Any] = {"room": Room("/data", 10**11, 10**12), **self.own}
        if self.hears:
            if self._habits is None or self.now - self._habits.made > FRESH:
                self._habits = await self.store.ask(sources.habits, self.now)
            seen["sources"] = await self.store.ask(sources.find, self.now, self._habits, MIDNIGHT - 40 * 86_400)
        return Signs(at=self.now, settings=self.settings, **seen)

    async def until(self, moment: float) -> None:
        """Let time pass up to ``moment`` (seconds after midnight)."""
        end = MIDNIGHT + moment
        while self._due <= end:
            self.now = max(self.now, self._due)
            await self.look(changed=False)
        self.now = end

    async def look(self, *, changed: bool = True) -> None:
        """The herald looks now."""
        self.looks += 1
        before = self.woken
        self._due = max(await self.herald.look(changed=changed), self.now + 0.5)
        if self.woken > before and not self.away:
            await self.store.write(_sent, self.now)

    async def log(self, *events: Event) -> None:
        """Something happens now, and is looked at at once."""
        for event in events:
            await self.until(event.at)
            await self.store.record([record(next(self._numbers), event)], [])
            while (await self.store.index(500))[1]:
                pass
            await self.look()

    async def store_quietly(self, events: Sequence[Event]) -> None:
        """What was logged, without a look."""
        await self.store.record([record(next(self._numbers), event) for event in events], [])
        while (await self.store.index(5_000))[1]:
            pass

    async def do(self, work: Any, *arguments: Any, **named: Any) -> Any:
        """A person does something now."""
        done = await self.store.write(work, *arguments, **named)
        await self.look()
        return done

    async def acknowledge(self, by: str = "Kim", note: str | None = None) -> None:
        """A person acknowledges all that waits."""
        for one in await self.store.ask(alarms.listing, "waiting", self.now):
            await self.store.write(alarms.acknowledge, one.id, by, note, now=self.now)
        await self.look()

    async def stored(self) -> list[Action]:
        """All actions, the oldest first."""
        return (await self.store.ask(actions.listing, 10_000))[::-1]

    async def told(self, target: str = "chat") -> list[tuple[str, str, str]]:
        """What a target was told: time of day, phase and title."""
        return [
            (self.clock(one.created), one.order.arguments.phase, one.order.arguments.title)
            for one in await self.stored()
            if one.target == target and isinstance(one.order.arguments, Message)
        ]

    def clock(self, moment: float) -> str:
        """The time of day."""
        return f"{datetime.fromtimestamp(moment, ZoneInfo(self.settings.time_zone)):%H:%M}"


def _sent(connection: Connection, now: float) -> None:
    """The outbox sent what people are told."""
    for one in actions.listing(connection, 1_000, statuses=(ActionStatus.APPROVED,)):
        if isinstance(one.order.arguments, Message):
            actions.finish(connection, one.id, ActionStatus.DONE, now)


@contextlib.asynccontextmanager
async def night(path: Path | Database, begin: float, *routes: dict[str, Any], **fields: Any) -> AsyncIterator[Night]:
    """A site from ``begin`` (seconds after midnight) on, with these routes."""
    settings = settings_of(**{**COMMON, "notify": list(routes), **fields})
    async with opened(path) as store:
        store._clock = lambda: 4e9
        made = Night(store, settings, MIDNIGHT + begin)
        store._clock = lambda: made.now
        yield made
