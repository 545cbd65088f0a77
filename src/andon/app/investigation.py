"""Joining what answers a person's question about the history: the database, the model, runbooks, and its budget."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from andon.act.connectors.connected import connect
from andon.act.connectors.readers import readers_of
from andon.explain.admission import Budget
from andon.explain.model.history_tools import NAMES, HistoryTools
from andon.explain.providers.registry import build_backends
from andon.explain.runbooks.runbooks import MarkdownRunbooks
from andon.grouping.similar import alike
from andon.insight.ask.investigator import Investigator
from andon.store import Visitor, changer

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings


@contextlib.asynccontextmanager
async def investigator(settings: Settings) -> AsyncIterator[Investigator]:
    """What answers questions as configured, over the database as it is now, beside a running service or without one.

    Its requests to the model are counted in the database and obey the budgets. Raises ConfigError where the provider
    is set up wrongly, StoreUnavailable where there is no database yet.
    """
    backends = build_backends(settings)  # without any, what was found is the answer
    connectors = connect(settings).connectors.values() if backends else ()
    with await asyncio.to_thread(Visitor, settings.database) as visitor:
        budget = Budget(visitor.ask, changer(settings.database), settings)
        readers = readers_of(connectors, NAMES)
        made = Investigator(visitor.ask, backends, settings, await scanned(settings), budget, readers)
        try:
            yield made
        finally:
            await made.close()
            for connector in connectors:
                await connector.close()


@contextlib.asynccontextmanager
async def history_tools(settings: Settings) -> AsyncIterator[HistoryTools]:
    """The reading tools alone, for a client that brings its own model; as many calls as it likes.

    Raises StoreUnavailable where there is no database yet.
    """
    with await asyncio.to_thread(Visitor, settings.database) as visitor:
        runbooks = await scanned(settings)
        yield HistoryTools(visitor.ask, clock=lambda: present(settings), likeness=alike, runbooks=runbooks, calls=None)


async def scanned(settings: Settings) -> MarkdownRunbooks:
    """The site's runbooks as they are now."""
    runbooks = MarkdownRunbooks(settings.runbooks)
    await asyncio.to_thread(runbooks.scan)
    return runbooks


def present(settings: Settings) -> datetime:
    """The present moment in the site's zone."""
    return datetime.now(ZoneInfo(settings.time_zone))
