"""What an OPC UA server has: its endpoints, who tells of events, its types of conditions, and those that matter now."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit

from andon.core.errors import ConfigError
from andon.core.extras import require
from andon.core.settings.sources.opcua_settings import OpcuaServer
from andon.ingest.sources.browsing import Browse, BrowseFailed, Listed
from andon.ingest.sources.opcua_fields import REFRESH_END, REFRESH_START, EventReader, text_of
from andon.ingest.sources.standing_place import StandingPlace

#: Rows of a list at most, and levels below one that are looked at.
MOST, DEPTH = 500, 8
#: Seconds for all questions to the server that are no events.
PATIENCE = 30.0
_NO_REFRESH = "the server refuses to report its conditions, {}: only changes since then are listed"


async def browse(asked: Browse) -> list[Listed]:
    """Connect as the table for this address says, or as nobody without security."""
    require("opcua", "browsing OPC UA")
    from andon.ingest.sources.opcua_session import ConnectionLost, OpcuaSession, endpoints

    server = next((one for one in asked.settings.opcua if one.url == asked.url), None)
    if server is None:
        try:
            server = OpcuaServer.model_validate({"url": asked.url})
        except ValueError as error:
            raise ConfigError(f"{asked.url!r} cannot be browsed: {error}") from None
    try:
        found = [Listed("endpoints", ("url", "security", "policy", "logins"), await endpoints(server))]
        try:
            async with asyncio.timeout(PATIENCE + asked.seconds), OpcuaSession(server) as session:
                found.append(await _notifiers(session))
                found.append(await _types(session))
                found.append(await _conditions(session, server, asked.seconds))
        except ConnectionLost as error:
            found.append(Listed("conditions", (), [], f"no session: {error}"))
    except ConnectionLost as error:
        raise BrowseFailed(f"{asked.url}: {error}") from error
    except TimeoutError:
        raise BrowseFailed(f"{asked.url}: not everything was answered in time") from None
    return found


async def _notifiers(session: Any) -> Listed:
    """Objects that tell of events, from the Server object down."""
    rows = await session.notifiers(MOST, DEPTH)
    return Listed("event notifiers", ("node", "name", "below"), rows, _cut(rows))


async def _types(session: Any) -> Listed:
    rows = await session.condition_types(MOST, DEPTH)
    return Listed("condition types", ("node", "name", "kind of"), rows, _cut(rows))


def _cut(rows: list[Any]) -> str:
    return f"the first {MOST}" if len(rows) >= MOST else ""


async def _conditions(session: Any, server: OpcuaServer, seconds: float) -> Listed:
    """The conditions that the server retains: active, or not acknowledged."""
    reader = EventReader(server, urlsplit(server.url).hostname or "", StandingPlace(server))
    refused = await session.refresh()
    rows: dict[str, tuple[str, ...]] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for batch in session.events(0.2):
                for fields in batch:
                    _note(reader, fields, rows)
                if any(text_of(fields.get("EventType")) == REFRESH_END for fields in batch):
                    break
    columns = ("condition", "name", "source", "active", "acked", "severity", "message")
    return Listed("conditions now", columns, list(rows.values()), _NO_REFRESH.format(refused) if refused else "")


def _note(reader: EventReader, fields: dict[str, Any], rows: dict[str, tuple[str, ...]]) -> None:
    if text_of(fields.get("EventType")) == REFRESH_START:
        return
    one = reader.condition_of(fields)
    if one is None or (len(rows) >= MOST and one.id not in rows):
        return
    said = one.change.heard
    context = said.context or {}
    acked = "" if one.acked is None else _yes(one.acked)
    source = str(context.get("SourceName", ""))
    rows[one.id] = (one.id, one.name, source, _yes(one.active), acked, str(fields.get("Severity")), said.message)


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"
