"""Changes that other processes make in the database, told to open pages: ``andon ack`` in a terminal shows on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from andon.app.background.changes import Changes
from andon.core.errors import StoreError
from andon.store import Elsewhere, Store

log = structlog.get_logger(__name__)

#: While somebody watches, the database is looked at this often, in seconds.
EVERY = 2.0
#: Where work waits for what people say in a terminal, it is looked at this often whoever watches.
OFTEN = 0.5


async def tell_of_others(
    store: Store, changes: Changes, every: float = EVERY, *, heard: Callable[[], object] | None = None
) -> None:
    """Tell ``changes`` what others did, for ever. Looks once at first, and then only while somebody watches.

    ``heard``, where it is given, is called after each deed of somebody, and once after the first look; then it looks
    whether anybody watches or not.

    What happened while nobody did is told to the next who does: a page is rendered before its stream is there, and
    what falls between would be missed. Our own changes are none on SQLite; on PostgreSQL a page may be rendered once
    more for one, which finds nothing that looks otherwise.
    """
    known: Elsewhere | None = None
    while True:
        try:
            now = await store.elsewhere()
        except StoreError as error:
            log.info("changes by others not looked for", error=str(error))
        else:
            if known is not None and now.work != known.work:
                changes.tell("work")
            if heard is not None and (known is None or now.work != known.work):
                heard()
            if known is not None and now.logs != known.logs:
                changes.tell("logs")
            known = now
        await asyncio.sleep(every)
        if heard is None:
            await changes.watched()
