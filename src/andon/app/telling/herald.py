"""The herald: sees what stands now, compares it with what was told, and tells the difference.

It looks when something changed and when something is due, and never else. Every look compares everything, so that
nothing is missed or told twice after whatever happened in between: what is to be told and that it was told is stored in
one transaction, and the outbox sends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec
import structlog

from andon.act.news import Thing
from andon.act.proposals import Proposals
from andon.act.routing import mistakes
from andon.app.background.changes import Changes, Topic
from andon.app.telling import current_news
from andon.app.telling.current_news import Troubles, Wanted
from andon.app.telling.following import Following, FollowUp
from andon.app.telling.messenger import Announcing, Plan
from andon.app.telling.rule_book import RuleBook, RulePlan
from andon.app.wellbeing import Signs, Wellbeing
from andon.core.errors import StoreError
from andon.core.models.actions import Notice
from andon.core.settings.settings import Settings
from andon.insight.shifts.calendar import site_shifts
from andon.store import Connection, Store, actions

if TYPE_CHECKING:
    from andon.app.service import Service

log = structlog.get_logger(__name__)

#: What may change what is to be told.
TOPICS: tuple[Topic, ...] = ("logs", "work", "answers")
#: Between two looks are so many seconds at least, and so many times the CPU time that a look took.
LEAST, REST = 1.0, 20.0
#: A database that is away is asked again after so many seconds.
TROUBLE = 5.0
#: Silence and trouble of Andon's own tell nobody that they began: they are looked for so often, in seconds.
SIGNS_EVERY = 60.0
#: Without anything that is due or changes it looks this often: what leaves the board by its age is seen then.
LONGEST = 600.0


class Work(msgspec.Struct, frozen=True):
    """What one look found to do, and when the next is due (unix seconds)."""

    plans: list[Plan]
    rules: list[RulePlan]
    follow_ups: list[FollowUp]
    due: float

    @property
    def anything(self) -> bool:
        """Whether there is anything to store."""
        return bool(
            self.follow_ups or any(plan.changed for plan in self.plans) or any(plan.changed for plan in self.rules)
        )

    @property
    def read(self) -> list[Notice | tuple[str, str]]:
        """The rows that it was planned on; a pair names a route and a thing of which there was none."""
        return [*(one for plan in self.plans for one in plan.read), *(one for plan in self.rules for one in plan.read)]


class Herald:
    """Belongs to one event loop. ``signs`` tells how Andon itself is, ``wake`` tells the outbox that there is work, and
    ``remark`` is told what people should know of it: None for nothing.

    ``clock`` gives unix seconds; ``here`` names this service where several share a database.
    """

    def __init__(
        self,
        store: Store,
        changes: Changes,
        proposals: Proposals,
        settings: Settings,
        signs: Callable[[], Awaitable[Signs]],
        *,
        wake: Callable[[], object],
        remark: Callable[[str | None], object] = lambda _: None,
        clock: Callable[[], float] = time.time,
        here: str = "",
    ) -> None:
        self._store, self._changes, self._wake = store, changes, wake
        self._signs, self._clock, self._remark = signs, clock, remark
        self._shifts, self._zone = site_shifts(settings), ZoneInfo(settings.time_zone)
        self._announcing = Announcing(settings, proposals)
        self._rule_book = RuleBook(settings, proposals)
        self._following = Following(settings, proposals)
        self._troubles = Troubles(here)
        every = [*settings.notify, *settings.action_rules]
        self._wanted = Wanted(any(one.machine or one.host for one in every), any(one.service for one in every))
        self._services: dict[int, tuple[str, ...]] = {}
        self._own: list[Thing] = []
        self._own_at = float("-inf")
        self._watches_itself = bool(self._announcing.kinds & {"source", "model", "stream"})
        self._looks_at_board = bool(settings.action_rules or self._announcing.kinds & {"problem", "flood"})
        self._due = float("-inf")
        self._cost = 0.0
        self._sick = False

    async def run(self) -> None:
        """Tell what is to be told, for ever."""
        looked_at = -1
        while not self._changes.closed:
            seen = self._changes.seen(TOPICS)
            try:
                due = await self.look(changed=seen != looked_at or self._sick)
                looked_at = seen
                if self._sick:
                    log.info("notifications are up to date again")
                self._sick = False
            except StoreError as error:
                if not self._sick:
                    log.warning("no notifications are sent while the database is away", reason=str(error))
                self._sick, due = True, self._clock() + TROUBLE
            await asyncio.sleep(TROUBLE if self._sick else max(LEAST, REST * self._cost))
            await self._change(seen, due)
        await asyncio.Event().wait()  # the service stops, and ends its parts in its own order

    async def _change(self, seen: int, due: float) -> None:
        """Return once something changed since ``seen``, or at ``due``."""
        beat = min(max(due - self._clock(), 0.0), LONGEST)
        async with contextlib.aclosing(self._changes.watch(TOPICS, seen, beat=beat)) as watching:
            async for _ in watching:
                return

    async def look(self, *, changed: bool = True) -> float:
        """Look once, and store what is to be told; when the next look is due. Raises StoreError.

        Where nothing ``changed`` and nothing is due, only Andon itself is looked at.
        """
        now = self._clock()
        if await self._look_at_ourselves(now) or changed or now >= self._due:
            self._due = await self._compare(now)
        return min(self._due, self._own_at + SIGNS_EVERY) if self._watches_itself else self._due

    async def _compare(self, now: float) -> float:
        while (work := await self._store.read(self._planned, now)).anything:
            told = await self._store.write(self._carried_out, work, now)
            self._remark(self._following.remark())
            if told is None:  # another service was quicker
                await asyncio.sleep(LEAST)
                continue
            if told:
                self._wake()
                self._changes.tell("work")
            return min(work.due, now + LEAST)
        self._remark(self._following.remark())
        return work.due

    async def _look_at_ourselves(self, now: float) -> bool:
        """Look at sources and at Andon itself where that is long enough ago; whether other things are wrong now."""
        if not self._watches_itself or now - self._own_at < SIGNS_EVERY:
            return False
        before = [(one.about, one.state) for one in self._own]
        signs = await self._signs()
        self._own, self._own_at = self._troubles.things(signs, now), now
        return before != [(one.about, one.state) for one in self._own]

    def _planned(self, connection: Connection, now: float) -> Work:
        """What there is to do, in one reading transaction."""
        begun = time.thread_time()
        try:
            return self._compared(connection, now)
        finally:
            self._cost = time.thread_time() - begun

    def _compared(self, connection: Connection, now: float) -> Work:
        due = [now + LONGEST]
        if len(self._services) > 10_000:
            self._services.clear()
        seen = current_news.NOTHING
        if self._looks_at_board:
            seen = current_news.of_board(connection, now, self._shifts, self._zone, self._wanted, self._services)
        things = [*seen.things, *self._own]
        if "shift" in self._announcing.kinds:
            ended, next_end = current_news.of_shifts(self._shifts, self._zone, now)
            things += ended
            due += [] if next_end is None else [next_end]
        plans = self._announcing.plan(connection, things, now)
        rules = self._rule_book.plan(connection, seen, now)
        follow_ups, later = self._following.plan(connection, now)
        due += [one for one in (seen.due, later, *(plan.due for plan in plans), *(one.next for one in rules)) if one]
        return Work(plans, rules, follow_ups, min(due))

    def _carried_out(self, connection: Connection, work: Work, now: float) -> int | None:
        """Do it, in one writing transaction; how many actions were stored.

        None where another service that shares the database did something meanwhile: it has to be planned anew.
        """
        if not actions.notices.unchanged(connection, work.read):
            return None
        return (
            self._announcing.carry_out(connection, work.plans, now)
            + self._rule_book.carry_out(connection, work.rules, now)
            + self._following.carry_out(connection, work.follow_ups, now)
        )


def herald_of(service: Service) -> tuple[str, Callable[[], Awaitable[None]]] | None:
    """What runs the herald of a service, with its name; None where no system is connected: nobody can be told."""
    settings = service.settings
    if not service.connectors:
        return None
    for sentence in mistakes(settings, service.connectors):
        log.warning("a rule or route cannot work as configured", reason=sentence)
    shared = service.store.shared
    herald = Herald(
        service.store,
        service.changes,
        service.proposals,
        settings,
        Wellbeing(settings, service.store.ask, service, service.usual).look,
        wake=service.wake_outbox,
        remark=lambda told: service.health.remark("tickets", told),
        here=f"{settings.agent_name} {service.http_port}" if shared else "",
    )
    return "herald", herald.run
