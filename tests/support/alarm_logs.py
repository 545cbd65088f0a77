"""Logs of alarms in a store, for tests."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from andon.core.models import LogRecord, utc_text
from andon.core.settings.database_url import Database
from support.store_data import a_log, opened

#: Midnight UTC, a multiple of ten minutes.
T0 = datetime(2025, 1, 15, tzinfo=UTC).timestamp()
KELMARSH = Path(__file__).parents[3] / "shared" / "data" / "factory" / "kelmarsh_1_status_excerpt.csv"
_SEVERITIES = {"Stop": "CRITICAL", "Warning": "WARNING", "Informational": "INFO"}


class Event(NamedTuple):
    """A log at ``at`` seconds after :data:`T0`."""

    at: float
    context: dict[str, Any] | None = None
    severity: str = "ERROR"
    host: str = "press-1"
    message: str = "overcurrent"
    pattern: str = "p1"
    place: dict[str, Any] = {}  # noqa: RUF012 - never changed
    native: str | None = None


def raised(at: float, code: str = "E1", **more: Any) -> Event:
    """The alarm became active."""
    context = {"alarm_code": code, "state": "active", **more.pop("context", {})}
    return Event(at, context, **more)


def cleared(at: float, code: str = "E1", **more: Any) -> Event:
    """It ended; as usual, that is information."""
    context = {"alarm_code": code, "state": "cleared", **more.pop("context", {})}
    return Event(at, context, **{"severity": "INFO", **more})


def record(number: int, event: Event) -> LogRecord:
    """The log of an event."""
    return a_log(
        number,
        event.pattern,
        timestamp=utc_text(datetime.fromtimestamp(T0 + event.at, UTC)),
        context=None if event.context is None else json.dumps(event.context),
        severity=event.severity,
        hostname=event.host,
        message=event.message,
        severity_native=event.native,
        **event.place,
    )


def store_events(path: Database, events: Sequence[Event], chunk: int = 200) -> None:
    """Record the events in their order and index them, ``chunk`` in a transaction."""

    async def work() -> None:
        async with opened(path) as store:
            if events:
                await store.record([record(number, event) for number, event in enumerate(events, 1)], [])
            store._clock = lambda: 4e9
            while (await store.index(chunk))[1]:
                pass

    asyncio.run(work())


def turbine_logs() -> list[dict[str, Any]]:
    """The status log of a wind turbine as a producer would publish it."""
    lines = [line for line in KELMARSH.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [
        {
            "timestamp": row["Timestamp start"].replace(" ", "T") + "Z",
            "hostname": "kelmarsh-1",
            "severity": _SEVERITIES[row["Status"]],
            "service": "turbine",
            "message": row["Message"],
            "context": {
                "code": int(row["Code"]),
                "status": row["Status"],
                "start": row["Timestamp start"],
                "end": row["Timestamp end"],
                "iec_category": row["IEC category"],
            },
        }
        for row in csv.DictReader(lines)
    ]
