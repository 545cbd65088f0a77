"""What people acknowledge, passed on to sources whose servers want to know, and never in the way of who does it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from andon.app.background.changes import Changes
from andon.core.errors import NotFound, StoreError
from andon.core.times import seconds, stored
from andon.ingest.sources.acknowledged import Acknowledged, Acknowledging
from andon.store import Connection, Store, alarms, audit

log = structlog.get_logger(__name__)

#: What was acknowledged so many seconds before the start is passed on as well: Andon was away meanwhile.
BEFORE = 86_400.0
#: Acknowledgements that are read at once.
MOST = 1_000
_ACTION = "alarm.acknowledge"


async def pass_on(store: Store, changes: Changes, sources: Sequence[Acknowledging]) -> None:
    """Tell ``sources`` of each acknowledgement, for ever: those of the page and of commands alike, by the audit."""
    last, since = 0, stored(time.time() - BEFORE)
    seen = changes.seen(("work",))
    while not changes.closed:
        try:
            found = await store.ask(acknowledgements, last, since)
        except StoreError as error:
            log.info("acknowledgements could not be checked", error=str(error))
        else:
            for id_, at, one in found:
                last, since = max(last, id_), max(since, at)
                if one is not None:
                    for source in sources:
                        source.acknowledged(one)
        async for changed in changes.watch(("work",), seen):
            if changed:
                break
        seen = changes.seen(("work",))
    await asyncio.Event().wait()  # the service stops, and ends its parts in its own order


def acknowledgements(connection: Connection, after: int, since: str) -> list[tuple[int, str, Acknowledged | None]]:
    """The deeds behind audit entry ``after`` and not before ``since`` (stored form), oldest first: id, time and what
    was acknowledged; None where that alarm names no source of its own, or is gone."""
    made: list[tuple[int, str, Acknowledged | None]] = []
    for entry in reversed(audit.recent(connection, _ACTION, since, MOST)):
        number = entry.subject.rpartition(" ")[2]
        if entry.id <= after or not number.isdecimal():
            continue
        try:
            alarm = alarms.alarm(connection, int(number))
        except NotFound:
            made.append((entry.id, entry.at, None))
            continue
        note = entry.detail.get("note")
        by = None if entry.actor == audit.NOBODY else entry.actor
        one = Acknowledged(alarm.origin, alarm.hostname or "", seconds(entry.at), by, note) if alarm.origin else None
        made.append((entry.id, entry.at, one))
    return made
