"""Changes that other processes make in the database, told to whom they concern: ``andon ack`` in a terminal shows on
open pages, and ``andon approve`` is heard by the outbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from andon.app.background.changes import Changes
from andon.core.errors import StoreError
from andon.core.file_signal import FileSignal
from andon.core.waiting import woken
from andon.store import Elsewhere, Store

log = structlog.get_logger(__name__)

#: Where the kernel does not tell that the database is written: how often it is looked at, in seconds, while anybody
#: waits for changes; it is looked at no more often where the kernel does.
EVERY = 2.0
#: The same where work waits for what people say in a terminal.
OFTEN = 0.5
#: Though the kernel told nothing, it is looked at once in so many seconds.
SELDOM = 60.0


async def tell_of_others(
    store: Store, changes: Changes, every: float = EVERY, *, heard: Callable[[], object] | None = None
) -> None:
    """Tell ``changes`` and the store's news what others did, for ever. ``heard`` is called after each deed, and once at
    first.

    A file is looked at when it was written, where the kernel tells so, and at most every ``every`` seconds; a database
    that services share every so often, without ``heard`` only while somebody watches.

    What happened while nobody looked is told then: a page is rendered before its stream is there, and what falls
    between would be missed. Our own changes are none on SQLite; on PostgreSQL a page may be rendered once more for one,
    which finds nothing that looks otherwise.
    """
    known: Elsewhere | None = None
    with contextlib.ExitStack() as stack:
        signal = None if store.log_file is None else stack.enter_context(FileSignal(store.log_file))
        while True:
            armed = signal is not None and signal.arm()  # before the look: nothing falls between
            try:
                now = await store.elsewhere()
            except StoreError as error:
                log.info("changes by others could not be checked", error=str(error))
                armed = False
            else:
                _tell(store, changes, heard, known, now)
                known = now
            await asyncio.sleep(every)
            if signal is not None and armed:
                await woken(signal.written, SELDOM)
            elif heard is None and store.shared:
                await changes.watched()


def _tell(
    store: Store, changes: Changes, heard: Callable[[], object] | None, known: Elsewhere | None, now: Elsewhere
) -> None:
    """Tell what is another than was ``known``; where nothing was, that whoever looked before is to look again."""
    worked = known is not None and now.work != known.work
    if worked:
        changes.tell("work")
    if known is None or worked:
        store.news.tell()
        if heard is not None:
            heard()
    if known is not None and now.logs != known.logs:
        changes.tell("logs")
