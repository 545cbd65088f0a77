"""Connectors of a test's own settings, and orders for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from andon.act.connectors.connected import build_connector
from andon.act.connectors.connector import Connector
from andon.core.models.actions import (
    Arguments,
    Body,
    CloseTicket,
    Comment,
    Event,
    Message,
    OpenTicket,
    Order,
    Receipt,
    Section,
)
from support.settings import settings_of

KEY = "5f2a9c1b7d3e4f60718293a4b5c6d7e8"
PAGE = "https://andon.plant.example"
BODY: Body = (
    Section("What happened", ("The spindle drive of press 4 overheats.",)),
    Section("Check first", ("Is the filter mat clean?", "Does the fan turn?"), listed=True),
    Section("Facts", (f"More: {PAGE}/problems/12",), listed=True),
)


@asynccontextmanager
async def connected(kind: str, *, around: dict[str, Any] | None = None, **table: Any) -> AsyncIterator[Connector]:
    """A connector from one table of settings, closed in the end. ``around`` are settings beside the table."""
    settings = settings_of(**{"public_url": PAGE, **(around or {}), kind: [table]})
    connector = build_connector(settings, settings.targets[0])
    try:
        yield connector
    finally:
        await connector.close()


async def sent(connector: Connector, wanted: Order) -> Receipt:
    """What a service says to an order that is rendered and sent."""
    return await connector.send(wanted, connector.render(wanted))


def order(arguments: Arguments, key: str = KEY) -> Order:
    return Order(key=key, arguments=arguments)


def ticket(**changed: Any) -> OpenTicket:
    held: dict[str, Any] = {"title": "CRITICAL: spindle drive overheats", "body": BODY, "severity": "CRITICAL"}
    return OpenTicket(**{**held, **changed})


def comment(ref: str, *lines: str) -> Comment:
    return Comment(ticket=ref, body=(Section("", lines or ("12 more logs since 14:00",)),))


def closing(ref: str, cause: str = "Filter mat clogged") -> CloseTicket:
    return CloseTicket(ticket=ref, body=(Section("What fixed it", ("The filter mat was cleaned.",)),), cause=cause)


def message(**changed: Any) -> Message:
    held: dict[str, Any] = {
        "title": "CRITICAL: spindle drive overheats",
        "body": BODY,
        "severity": "CRITICAL",
        "about": "problem-12",
        "phase": "raised",
        "host": "press-4",
        "link": f"{PAGE}/problems/12",
    }
    return Message(**{**held, **changed})


def event(**changed: Any) -> Event:
    held: dict[str, Any] = {
        "title": "Spindle drive overheats",
        "body": BODY,
        "severity": "ERROR",
        "about": "problem-12",
        "host": "press-4",
        "service": "drive",
        "at": 1_796_047_200.5,
    }
    return Event(**{**held, **changed})
