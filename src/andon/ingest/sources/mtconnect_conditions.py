"""The conditions of one MTConnect adapter or agent: what each item has active, and what a report changes about that."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from andon.ingest.sources.alarm_tracker import AlarmChange, AlarmTracker
from andon.ingest.sources.heard import Heard
from andon.ingest.sources.standing_place import StandingPlace

#: What an item had active before a connection, and does not tell within so many seconds of what else it tells, is over.
SETTLED_AFTER = 5.0

Level = Literal["normal", "warning", "fault", "unavailable"]
_SEVERITIES = {"fault": "ERROR", "warning": "WARNING"}
_TEXT_MAX = 20_000
_NOT_TOLD = "it was not reported again when the connection came back"


class Reported(msgspec.Struct, frozen=True):
    """A condition as it was reported; ``device`` and ``component`` are empty where nobody said them.

    ``key`` tells conditions of one item apart: an id of its own, else the native code.
    """

    item: str
    level: str
    timestamp: str | None = None
    code: str = ""
    condition_id: str = ""
    severity: str = ""
    qualifier: str = ""
    text: str = ""
    device: str = ""
    component: str = ""
    type: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """Empty where it is about the item as a whole."""
        return self.condition_id or self.code

    @property
    def whole(self) -> str:
        """The item, whichever device it is of."""
        return f"{self.device}|{self.item}"


class ConditionBook:
    """Turns reports into logs. ``told`` items of a connection are settled by :meth:`settle`."""

    def __init__(self, tracker: AlarmTracker, places: StandingPlace, host: str) -> None:
        self._tracker = tracker
        self._places = places
        self._host = host
        self._active: dict[str, dict[str, Heard | None]] = {}  # by item: ids, with the log that ends each
        self._unsure: dict[str, set[str]] = {}  # those of before the connection, by item
        self._due: dict[str, float] = {}  # items that began to tell, and when that is settled

    async def open(self) -> None:
        """Read what was active before."""
        await self._tracker.open()
        for id_, one in self._tracker.known.items():
            self._active.setdefault(id_.rpartition("|")[0], {})[id_] = one.clear

    def doubt(self) -> None:
        """A connection begins: what is active has to be told again."""
        self._unsure = {item: set(ids) for item, ids in self._active.items() if ids}
        self._due.clear()

    async def take(self, reports: Iterable[Reported]) -> None:
        """Tell what is new among the reports."""
        changes: list[AlarmChange] = []
        for report in reports:
            changes += self._changes(report)
        await self._tracker.take(changes)

    async def take_all(self, reports: Iterable[Reported]) -> None:
        """The same of a report of everything: what it does not name is over, unless its item is unavailable."""
        named: set[str] = set()
        spared: set[str] = set()
        changes: list[AlarmChange] = []
        for report in reports:
            changes += self._changes(report)
            if report.level == "unavailable":
                spared.add(report.whole)
            elif report.level != "normal":
                named.add(_id(report))
        await self._tracker.take(changes)
        gone = [id_ for item, ids in self._active.items() if item not in spared for id_ in ids if id_ not in named]
        await self._over(gone)
        self._unsure.clear()
        self._due.clear()

    async def settle(self, now: float | None = None) -> None:
        """End what the items that told something since the connection began did not tell again."""
        moment = time.monotonic() if now is None else now
        for item in [item for item, due in self._due.items() if due <= moment]:
            del self._due[item]
            await self._over([id_ for id_ in self._unsure.pop(item, set()) if id_ in self._active.get(item, ())])
        await self._tracker.flush()

    def _changes(self, report: Reported) -> list[AlarmChange]:
        item = report.whole
        if report.level == "unavailable":
            if ids := self._active.get(item):  # what it says next replaces what it said before
                self._unsure[item] = set(ids)
                self._due.pop(item, None)
            return []
        if item in self._unsure:
            self._due.setdefault(item, time.monotonic() + SETTLED_AFTER)
        active = self._active.setdefault(item, {})
        if report.level == "normal":
            ended = sorted(active) if not report.key else [_id(report)]
            made = [self._ended(id_, active.pop(id_), report) for id_ in ended if id_ in active]
        else:
            id_, clear = _id(report), self._log(msgspec.structs.replace(report, level="normal"))
            active[id_] = clear
            self._unsure.get(item, set()).discard(id_)
            said = "|".join((report.level, report.severity, report.qualifier, report.text[:200]))
            made = [AlarmChange(id_, said, self._log(report), clear)]
        if not active:
            del self._active[item]
        return made

    def _ended(self, id_: str, clear: Heard | None, report: Reported) -> AlarmChange:
        """The log that ends a condition, by a report that may name neither its code nor its text."""
        heard = clear or self._log(report)
        return AlarmChange(id_, "over", msgspec.structs.replace(heard, timestamp=report.timestamp or _now()))

    async def _over(self, ids: list[str]) -> None:
        known = [id_ for id_ in ids if id_ in self._tracker.known]
        await self._tracker.clear(known, _now(), _NOT_TOLD)
        for id_ in ids:
            item = id_.rpartition("|")[0]
            if (left := self._active.get(item)) is not None:
                left.pop(id_, None)
                if not left:
                    del self._active[item]

    def _log(self, report: Reported) -> Heard:
        name = report.name or report.item
        # an adapter's item may name its device: device:item
        device = report.device or name.rpartition(":")[0]
        of = self._places.of(
            "/".join(filter(None, (device, report.component, name.rpartition(":")[2]))), f"{device}/{name}", name
        )
        place = of.place if of.place.machine or not device else msgspec.structs.replace(of.place, machine=device)
        told = {
            "condition": report.level.upper(),
            "dataItemId": report.item,
            "nativeCode": report.code,
            "conditionId": report.condition_id,
            "nativeSeverity": report.severity,
            "qualifier": report.qualifier,
            "type": report.type,
            "component": report.component,
            "device": device,
        }
        number = f" {report.code}" if report.code else ""
        return Heard(
            report.text[:_TEXT_MAX] or f"{report.type or name}{number}",
            timestamp=report.timestamp or _now(),
            hostname=of.host or self._host,
            severity=_SEVERITIES.get(report.level, "INFO"),
            service=of.service or "mtconnect",
            context={key: value for key, value in told.items() if value},
            place=place,
        )


def _id(report: Reported) -> str:
    return f"{report.whole}|{report.key.replace('|', '/')}"


def _now() -> str:
    return datetime.now(UTC).isoformat()
