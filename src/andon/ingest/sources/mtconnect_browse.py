"""What an MTConnect adapter or agent tells: devices, data items, and the conditions that are active now."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

from andon.ingest.sources.browsing import Browse, BrowseFailed, Listed
from andon.ingest.sources.mtconnect import SHDR_PORT
from andon.ingest.sources.mtconnect_agent import MtconnectAgent
from andon.ingest.sources.mtconnect_conditions import Reported
from andon.ingest.sources.mtconnect_xml import Document
from andon.ingest.sources.shdr import ShdrCondition, conditions, tokens
from andon.ingest.sources.shdr_adapter import PeerLost, ShdrAdapter

#: Items of an adapter that are listed at most, and rows of an agent's.
MOST = 2_000
_COLUMNS = ("device", "item", "level", "code", "severity", "text", "since")


async def browse_adapter(asked: Browse) -> list[Listed]:
    """Listen for a while: an adapter tells everything when somebody connects, and then only what changes."""
    parts = urlsplit(asked.url)
    adapter = ShdrAdapter(parts.hostname or "", parts.port or SHDR_PORT)
    values: dict[str, str] = {}
    found: dict[tuple[str, str], ShdrCondition] = {}
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(asked.seconds), contextlib.aclosing(adapter.lines(0.2)) as batches:
                async for lines in batches:
                    for line in lines:
                        _note(line, values, found)
    except PeerLost as error:
        raise BrowseFailed(f"{asked.url}: {error}") from error
    told = [
        Reported(one.item, one.level, one.timestamp, one.code, one.condition_id, one.severity, one.qualifier, one.text)
        for one in found.values()
    ]
    heard = f"received within {asked.seconds:g} seconds"
    return [
        Listed("conditions", _COLUMNS, [_row(one) for one in told], heard),
        Listed("other items", ("item", "last value"), list(values.items()), heard),
    ]


async def browse_agent(asked: Browse) -> list[Listed]:
    """Ask for the devices, and for what is current."""
    try:
        async with MtconnectAgent(asked.url, 0) as agent:
            probe, current = await agent.ask("probe"), await agent.ask("current")
    except PeerLost as error:
        raise BrowseFailed(f"{asked.url}: {error}") from error
    for document, wanted in ((probe, "MTConnectDevices"), (current, "MTConnectStreams")):
        if document.root != wanted:
            raise BrowseFailed(f"{asked.url}: the agent answers with {_said(document)}")
    rows: list[tuple[str, ...]] = [
        (one.device, one.component, one.id, one.name, one.category, one.type) for one in probe.items
    ]
    columns = ("device", "component", "item", "name", "category", "type")
    told = [one for one in current.conditions if one.level in ("fault", "warning")]
    more = f"the first {MOST:,} of {len(rows):,}" if len(rows) > MOST else ""
    return [
        Listed("data items", columns, rows[:MOST], more),
        Listed("active conditions", _COLUMNS, [_row(one) for one in told][:MOST]),
    ]


def _note(line: str, values: dict[str, str], found: dict[tuple[str, str], ShdrCondition]) -> None:
    known = list(conditions(line))
    for one in known:
        if len(found) < MOST:
            found[one.item, one.code] = one
    if not known and line[:1] not in ("*", "@"):
        _, *rest = tokens(line)
        for name, value in zip(rest[::2], rest[1::2], strict=False):
            if name in values or len(values) < MOST:
                values[name] = value[:200]


def _row(one: Reported) -> tuple[str, ...]:
    return one.device, one.name or one.item, one.level, one.code, one.severity, one.text, one.timestamp or ""


def _said(document: Document) -> str:
    return "; ".join(f"{code} {text}".strip() for code, text in document.errors[:3]) or document.root
