"""MTConnect: the conditions of adapters (SHDR) and agents (HTTP), with their native codes.

What is promised: while the connection holds every change of a condition becomes a log; when it comes back, what is
active is told again, and what is not is over.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import structlog

from andon.core.settings.settings import Settings
from andon.core.settings.sources.mtconnect_settings import MtconnectDevice
from andon.ingest.sources.alarm_memory import AlarmMemory
from andon.ingest.sources.alarm_tracker import AlarmTracker
from andon.ingest.sources.heard import Heard
from andon.ingest.sources.mtconnect_agent import MtconnectAgent
from andon.ingest.sources.mtconnect_conditions import ConditionBook, Reported
from andon.ingest.sources.mtconnect_xml import Document, HeardEvent
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.shdr import ShdrCondition, conditions
from andon.ingest.sources.shdr_adapter import PeerLost, ShdrAdapter
from andon.ingest.sources.standing_place import StandingPlace

log = structlog.get_logger(__name__)

#: The usual port of adapters.
SHDR_PORT = 7878
#: Pauses between attempts, in seconds; a connection that lasted :data:`STEADY` begins with the first again.
PAUSE_FIRST, PAUSE_LAST, STEADY = 1.0, 30.0, 30.0
#: Without lines the state of things is looked at so often, in seconds.
TICK = 1.0

_GONE = "lost in the agent's buffer"
_SEVERITIES = {"CRITICAL": "CRITICAL", "ERROR": "ERROR", "WARNING": "WARNING"}


def sources(settings: Settings) -> list[MtconnectSource]:
    """One for each ``[[mtconnect]]``."""
    memory = settings.data_dir / "alarm-sources.db"
    return [MtconnectSource(one, AlarmMemory(memory, f"mtconnect {one.url}")) for one in settings.mtconnect]


class MtconnectSource:
    """The conditions of one adapter or agent."""

    def __init__(self, device: MtconnectDevice, memory: AlarmMemory) -> None:
        parts = urlsplit(device.url)
        self._device = device
        self._memory = memory
        self._host = parts.hostname or ""
        self._port = parts.port or SHDR_PORT
        self._is_adapter = parts.scheme == "shdr"
        self._told = ""  # why there is no connection
        self._places = StandingPlace(device)
        self.name = f"mtconnect {parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self.address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    async def run(self, outlet: Outlet) -> None:
        tracker = AlarmTracker(outlet, self._memory)
        book = ConditionBook(tracker, self._places, self._host)
        await book.open()
        hear = self._adapter if self._is_adapter else self._agent
        pause = PAUSE_FIRST
        try:
            while True:
                began = time.monotonic()
                book.doubt()
                try:
                    await hear(outlet, book)
                except PeerLost as error:
                    if self._told != (reason := str(error)):  # once for as long as it stays so
                        log.warning("connection lost", source=self.name, reason=reason)
                        self._told = reason
                    outlet.trouble(f"{self.address} cannot be read: {error}; Andon tries again automatically")
                pause = PAUSE_FIRST if time.monotonic() - began > STEADY else min(pause * 2, PAUSE_LAST)
                await asyncio.sleep(pause)
        finally:
            await tracker.close()

    def _is_heard(self, outlet: Outlet) -> None:
        outlet.trouble(None)
        self._told = ""

    async def _adapter(self, outlet: Outlet, book: ConditionBook) -> None:
        adapter = ShdrAdapter(self._host, self._port)
        async for lines in adapter.lines(TICK):
            self._is_heard(outlet)
            await book.take([_reported(one) for line in lines for one in conditions(line)])
            for reason, count in adapter.refused.items():
                outlet.refuse(reason, count)
            adapter.refused.clear()
            await book.settle()

    async def _agent(self, outlet: Outlet, book: ConditionBook) -> None:
        """Ask for what is current, then for what is new, and again from the beginning wherever something is missing."""
        async with MtconnectAgent(self._device.url, self._device.interval) as agent:
            while True:
                current = _streams(await agent.ask("current"))
                await book.take_all(current.conditions)
                self._is_heard(outlet)
                instance, start = current.number("instanceId"), current.number("nextSequence")
                if start is None:
                    raise PeerLost("the agent's answer has no next sequence")
                async for document in agent.sample(start):
                    if (missed := _missed(document, instance, start)) is not None:
                        log.warning("asking the agent again", source=self.name, reason=missed[0])
                        if missed[1]:
                            outlet.refuse(_GONE, missed[1])
                        break
                    await book.take(document.conditions)
                    await self._events(document, outlet)
                    await book.settle()
                    start = document.number("nextSequence") or start
                await asyncio.sleep(max(self._device.interval / 1000, TICK))

    async def _events(self, document: Document, outlet: Outlet) -> None:
        for event in document.events:
            if event.kind in self._device.events and event.text != "UNAVAILABLE":
                await outlet.put(self._event(event))

    def _event(self, event: HeardEvent) -> Heard:
        one = event.attributes
        name = one.get("name") or one.get("dataItemId", "")
        of = self._places.of("/".join(filter(None, (event.device, event.component, name))))
        place = of.place.over(type(of.place)(machine=event.device))
        told: dict[str, Any] = {
            "dataItemId": one.get("dataItemId"),
            "nativeCode": one.get("nativeCode"),
            "component": event.component,
            "device": event.device,
        }
        if event.kind == "alarm":
            told |= {"code": one.get("code"), "nativeSeverity": one.get("severity")}
            if (state := one.get("state", "")) in ("ACTIVE", "CLEARED"):
                told["alarm_state"] = state
        return Heard(
            event.text or f"{event.kind} {name}",
            timestamp=one.get("timestamp"),
            hostname=of.host or self._host,
            severity=_SEVERITIES.get(one.get("severity", ""), "INFO"),
            service=of.service or "mtconnect",
            context={key: value for key, value in told.items() if value},
            place=place,
        )


def _streams(document: Document) -> Document:
    """The document, which has to be one of data items. Raises PeerLost with what the agent says instead."""
    if document.root != "MTConnectStreams":
        said = "; ".join(f"{code} {text}".strip() for code, text in document.errors[:3])
        raise PeerLost(f"the agent answers with {said or document.root}")
    return document


def _missed(document: Document, instance: int | None, start: int) -> tuple[str, int] | None:
    """Why what is current has to be asked for anew, and how many observations are lost; None where nothing is."""
    if any(code in ("OUT_OF_RANGE", "OutOfRange") for code, _ in document.errors):
        return "the agent's buffer starts after what Andon last received", 1
    _streams(document)
    if document.number("instanceId") != instance:
        return "the agent was restarted", 0
    first = document.number("firstSequence")
    if first is not None and first > start:
        return "the agent's buffer starts after what Andon last received", first - start
    return None


def _reported(one: ShdrCondition) -> Reported:
    return Reported(
        one.item, one.level, one.timestamp, one.code, one.condition_id, one.severity, one.qualifier, one.text
    )  # fmt: skip
