"""Connectors as tests make them, and messages for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from andon.act.connectors.connected import build_connector
from andon.act.connectors.connector import Connector
from andon.core.models.actions import Arguments, Event, Message, Order, Receipt, Section
from support.settings import settings_of

#: Where our own page is.
PAGE = "https://andon.plant.example"
KEY = "0123456789abcdef0123456789abcdef"
BODY = (
    Section("What happened", ("The drive of press 4 reports over-temperature.",)),
    Section("Check first (the playbook)", ("Look whether the fan turns", "Clean the filter mat"), True),
    Section("Facts", ("Where: L3, press 4", f"More: {PAGE}/problems/5"), True),
)


def connector_of(kind: str, /, *, settings: dict[str, Any] | None = None, **table: Any) -> Connector:
    """The connector of a table ``[[kind]]``."""
    made = settings_of(**{"public_url": PAGE, kind: [table], **(settings or {})})
    (named,) = made.targets
    return build_connector(made, named)


@asynccontextmanager
async def connected(kind: str, /, **table: Any) -> AsyncIterator[Connector]:
    """The same, closed at the end."""
    connector = connector_of(kind, **table)
    try:
        yield connector
    finally:
        await connector.close()


def message(**changed: Any) -> Message:
    """A message about a problem."""
    usual: dict[str, Any] = {
        "title": "CRITICAL: over-temperature in drive 7",
        "body": BODY,
        "severity": "CRITICAL",
        "about": "problem-5",
        "phase": "raised",
        "link": f"{PAGE}/problems/5",
        "host": "press-4",
    }
    return Message(**{**usual, **changed})


def event(**changed: Any) -> Event:
    """An event about the same."""
    usual: dict[str, Any] = {
        "title": "over-temperature in drive 7",
        "body": BODY,
        "severity": "CRITICAL",
        "about": "problem-5",
        "host": "press-4",
        "service": "drive",
        "at": 1_700_000_000.5,
    }
    return Event(**{**usual, **changed})


def order(arguments: Arguments | None = None, **changed: Any) -> Order:
    """An order of a message, or of ``arguments``."""
    return Order(key=KEY, arguments=arguments or message(**changed))


async def sent(connector: Connector, arguments: Arguments | None = None, **changed: Any) -> Receipt:
    """Render an order and send it."""
    wanted = order(arguments, **changed)
    return await connector.send(wanted, connector.render(wanted))
