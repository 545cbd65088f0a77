"""OPC UA: alarms, conditions and events of servers, and acknowledgements back to them.

What is promised: after each connection the state of every condition is right, as the server tells all that matters
anew (ConditionRefresh); what is not among them is over. Transitions while Andon or the server was away are not all
seen.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from andon.core.extras import require
from andon.core.settings.settings import Settings
from andon.core.settings.sources.opcua_settings import OpcuaServer
from andon.ingest.sources.acknowledged import Acknowledged
from andon.ingest.sources.alarm_memory import AlarmMemory
from andon.ingest.sources.alarm_tracker import AlarmChange, AlarmTracker
from andon.ingest.sources.opcua_fields import (
    ACTS,
    OVERFLOW,
    REFRESH_END,
    REFRESH_REQUIRED,
    REFRESH_START,
    Condition,
    EventReader,
    text_of,
)
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.standing_place import StandingPlace

if TYPE_CHECKING:
    from andon.ingest.sources.opcua_session import OpcuaSession

log = structlog.get_logger(__name__)

#: Pauses between attempts to connect, in seconds; a connection that lasted :data:`STEADY` begins with the first again.
PAUSE_FIRST, PAUSE_LAST, STEADY = 1.0, 30.0, 30.0
#: Without events the state of things is looked at so often, in seconds.
TICK = 1.0
#: A server has so many seconds to tell all conditions anew.
REFRESH_WITHIN = 60.0
#: Acknowledgements that wait for a server that is away, and the conditions whose newest event is known.
MOST_ACKNOWLEDGED, MOST_CONDITIONS = 1_000, 10_000
#: One that waited longer, in seconds, is not passed on: what it was about is another matter by then.
ACKNOWLEDGED_FOR = 86_400.0

_MISSING = "it was not among the conditions that the server reported again"
_NO_REFRESH = (
    "{} cannot report its conditions again ({}): conditions raised or ended before the connection are not known"
)


def sources(settings: Settings) -> list[OpcuaSource]:
    """One for each ``[[opcua]]``. Raises ConfigError where the library is not installed."""
    require("opcua", "[[opcua]]")
    memory = settings.data_dir / "alarm-sources.db"
    return [OpcuaSource(server, AlarmMemory(memory, f"opcua {server.url}")) for server in settings.opcua]


class OpcuaSource:
    """The alarms and events of one server."""

    def __init__(self, server: OpcuaServer, memory: AlarmMemory) -> None:
        self.address = server.url
        parts = urlsplit(server.url)
        self.name = f"opcua {parts.hostname}:{parts.port or 4840}{parts.path.rstrip('/')}"
        self.acknowledges = server.acknowledge
        self._server = server
        self._memory = memory
        self._reader = EventReader(server, parts.hostname or "", StandingPlace(server))
        self._acks: deque[Acknowledged] = deque(maxlen=MOST_ACKNOWLEDGED)
        # the newest event of each condition and branch: what an acknowledgement names
        self._newest: dict[str, dict[str, Condition]] = {}
        self._told = ""  # why there is no connection
        self._seen: set[str] | None = None  # ids that a refresh named, while one is under way
        self._refresh_by: float | None = None

    async def run(self, outlet: Outlet) -> None:
        tracker = AlarmTracker(outlet, self._memory)
        await tracker.open()
        pause = PAUSE_FIRST
        try:
            while True:
                began = time.monotonic()
                await self._connection(outlet, tracker)
                pause = PAUSE_FIRST if time.monotonic() - began > STEADY else min(pause * 2, PAUSE_LAST)
                await asyncio.sleep(pause)
        finally:
            await tracker.close()

    def acknowledged(self, one: Acknowledged) -> None:
        if self.acknowledges:
            self._acks.append(one)

    async def _connection(self, outlet: Outlet, tracker: AlarmTracker) -> None:
        """One connection from its beginning to its end, which is told as trouble."""
        from andon.ingest.sources.opcua_session import ConnectionLost, OpcuaSession

        self._newest.clear()
        self._seen = self._refresh_by = None
        try:
            async with OpcuaSession(self._server) as session:
                log.info("connected", source=self.name)
                self._told = ""
                refused = await self._refresh(session)
                outlet.trouble(refused and _NO_REFRESH.format(self.address, refused))
                async for batch in session.events(TICK):
                    await self._take(batch, outlet, tracker)
                    await self._tend(session, outlet, tracker)
        except ConnectionLost as error:
            if self._told != (reason := str(error)):  # once for as long as it stays so
                log.warning("connection lost", source=self.name, reason=reason)
                self._told = reason
            outlet.trouble(f"{self.address} cannot be read: {error}; Andon tries again automatically")

    async def _take(self, batch: Sequence[Mapping[str, Any]], outlet: Outlet, tracker: AlarmTracker) -> None:
        changes: list[AlarmChange] = []
        for fields in batch:
            kind = text_of(fields.get("EventType"))
            if kind == REFRESH_START:
                self._seen = set()
            elif kind == REFRESH_END:
                await tracker.take(changes)
                changes.clear()
                await self._refreshed(tracker)
            elif kind in (REFRESH_REQUIRED, OVERFLOW):
                self._refresh_by = 0.0
                if kind == OVERFLOW:
                    outlet.refuse("lost in the server's queue")
            elif (condition := self._reader.condition_of(fields)) is not None:
                self._note(condition)
                if not condition.branch:  # a branch is an earlier state of a condition that was told by itself
                    changes.append(condition.change)
            elif self._server.events and kind not in ACTS:
                await tracker.take(changes)
                changes.clear()
                await outlet.put(self._reader.log_of(fields))
        await tracker.take(changes)

    async def _tend(self, session: OpcuaSession, outlet: Outlet, tracker: AlarmTracker) -> None:
        """What is due between batches: lost events, a late refresh, acknowledgements."""
        if session.lost_events:
            outlet.refuse("too many at once", session.lost_events)
            session.lost_events, self._refresh_by = 0, 0.0
        if self._refresh_by is not None and time.monotonic() >= self._refresh_by:
            if self._refresh_by:
                log.warning("the server did not finish reporting its conditions", source=self.name)
                self._seen = self._refresh_by = None
            else:
                await self._refresh(session)
        await tracker.flush()
        while self._acks and self._seen is None and self._refresh_by is None:
            await self._pass_on(session, self._acks[0])
            self._acks.popleft()

    async def _refresh(self, session: OpcuaSession) -> str | None:
        """Ask for all conditions; what the server says where it does not tell them."""
        refused = await session.refresh()
        self._refresh_by = None if refused else time.monotonic() + REFRESH_WITHIN
        return refused

    async def _refreshed(self, tracker: AlarmTracker) -> None:
        """A refresh is through: what it did not name is over."""
        seen, self._seen, self._refresh_by = self._seen, None, None
        if seen is not None:
            gone = [id_ for id_ in tracker.known if id_ not in seen]
            await tracker.clear(gone, datetime.now(UTC).isoformat(), _MISSING)

    def _note(self, condition: Condition) -> None:
        """Remember the newest event of a condition for who acknowledges it."""
        if self._seen is not None:
            self._seen.add(condition.id)
        branches = self._newest.get(condition.id)
        before = None if branches is None else branches.get(condition.branch)
        condition.heard_at = before.heard_at if before is not None and before.at == condition.at else time.time()
        if before is not None and before.acked is False and condition.acked and condition.at == before.at:
            # servers leave the time of the alarm when it is acknowledged
            condition.change.heard.timestamp = datetime.now(UTC).isoformat()
        if not condition.retained:
            if branches is not None:
                branches.pop(condition.branch, None)
                if not branches:
                    del self._newest[condition.id]
        elif branches is not None:
            branches[condition.branch] = condition
        elif len(self._newest) < MOST_CONDITIONS:
            self._newest[condition.id] = {condition.branch: condition}

    async def _pass_on(self, session: OpcuaSession, one: Acknowledged) -> None:
        """Acknowledge at the server what nobody acknowledged there and was told before the person did so."""
        if time.time() - one.at > ACKNOWLEDGED_FOR:
            return
        comment = f"acknowledged in Andon by {one.by or 'somebody'}" + (f": {one.note}" if one.note else "")
        for condition in list(self._newest.get(one.origin, {}).values()):
            ours = condition.change.heard.hostname == one.hostname
            # by either clock: that of a server may be minutes ahead
            before = min(condition.at, condition.heard_at) <= one.at
            if ours and before and condition.acked is False:
                problem = await session.acknowledge(condition.id, condition.event_id, comment[:500])
                log.info("acknowledged at the server", source=self.name, condition=condition.id, refused=problem)
