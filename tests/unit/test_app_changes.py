"""What changed, told to whoever watches: in batches, by us and by other processes, and nothing while nobody does."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from andon.app.background.changes import Changes
from andon.app.background.others import tell_of_others
from andon.core.settings.database_url import Database
from andon.core.waiting import News
from andon.store import Connection, Elsewhere, Store, alarms, change
from support.patience import PATIENCE
from support.store_data import NOW, a_log, opened

pytest_plugins = ["support.databases"]
QUICK = 0.01


async def first(changes: Changes, topic: str = "work", since: int | None = None) -> bool:
    """What a watcher is told first."""
    async for told in changes.watch([topic], since, batch=QUICK, beat=PATIENCE):  # type: ignore[list-item]
        return told
    return False


class Looks:
    """Counts the looks at a store, and lets a test wait for them."""

    log_file: Path | None = None
    shared = True

    def __init__(self, store: Store | None = None) -> None:
        self.news = News()
        self.count = 0
        self._store, self._looked = store, asyncio.Condition()

    async def elsewhere(self) -> Elsewhere:
        """As :meth:`andon.store.Store.elsewhere`."""
        found = Elsewhere(0, 0) if self._store is None else await self._store.elsewhere()
        async with self._looked:
            self.count += 1
            self._looked.notify_all()
        return found

    async def after(self, count: int) -> None:
        """Return when there were so many."""
        async with self._looked:
            await self._looked.wait_for(lambda: self.count >= count)


@contextlib.asynccontextmanager
async def looking(looks: Looks, changes: Changes) -> AsyncIterator[None]:
    """The look at what others do, while the block runs."""
    task = asyncio.create_task(tell_of_others(looks, changes, QUICK))  # type: ignore[arg-type]
    try:
        await looks.after(1)
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_watcher_hears_of_what_it_watches() -> None:
    """Of its topics alone, also of what came before it watched; the end ends it."""
    changes = Changes()
    before = changes.seen(["work"])
    changes.tell("logs")
    changes.tell("work")
    async with asyncio.timeout(PATIENCE):
        assert await first(changes, since=before)
        waiting = asyncio.create_task(first(changes))
        await changes.watched()
        changes.tell("logs")
        await asyncio.sleep(0)
        assert not waiting.done()
        changes.close()
        assert await waiting is False


async def test_another_process_is_heard_of(database: Database) -> None:
    """Its note reaches who watches, and who begins to watch after it."""
    changes = Changes()
    async with asyncio.timeout(PATIENCE), opened(database) as store, looking(Looks(store), changes):
        watching = asyncio.create_task(first(changes))
        await changes.watched()
        before = await store.elsewhere()
        await asyncio.to_thread(change, database, alarms.add_note, "from a terminal", None, now=NOW)
        assert (await store.elsewhere()).work != before.work
        assert await watching
        since = changes.seen(["work"])
        await asyncio.to_thread(change, database, alarms.add_note, "and another one", None, now=NOW)
        assert await first(changes, since=since)


async def test_what_we_write_ourselves_is_no_news(tmp_path: Path) -> None:
    """On SQLite: the pages hear of it by whoever wrote it, and are rendered once."""
    async with opened(tmp_path / "agent.db") as store:
        before = await store.elsewhere()
        await store.record([a_log(1)], [])
        await store.write(alarms.add_note, "ours", None, now=NOW)
        assert await store.elsewhere() == before


async def test_nothing_looks_while_nobody_watches() -> None:
    """After one look at the start the database is left alone."""
    changes, looks = Changes(), Looks()
    async with asyncio.timeout(PATIENCE), looking(looks, changes):
        await asyncio.sleep(5 * QUICK)
        assert looks.count == 1
        watching = asyncio.create_task(first(changes))
        await looks.after(3)
        changes.close()
        await watching


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel does not tell, and it is looked at each time")
async def test_a_file_is_looked_at_when_it_was_written(tmp_path: Path) -> None:
    """Not again and again; a deed of another process wakes whoever waits for the database, our own tells that itself."""
    changes, place = Changes(), tmp_path / "agent.db"
    async with asyncio.timeout(PATIENCE), opened(place) as store:
        looks = Looks(store)
        looks.log_file, looks.shared = store.log_file, False
        async with looking(looks, changes):
            await asyncio.sleep(5 * QUICK)
            assert looks.count == 1
            seen = looks.news.count
            await asyncio.to_thread(change, place, alarms.add_note, "from a terminal", None, now=NOW)
            await looks.news.rest(seen, PATIENCE)
            assert looks.news.count == seen + 1
            before = looks.count
            await store.write(alarms.add_note, "ours", None, now=NOW)
            await looks.after(before + 1)
            assert looks.news.count == seen + 1


async def test_the_store_tells_of_what_changed(tmp_path: Path) -> None:
    """After the commit, whether who wrote waits for it or not; what changed nothing is no news."""
    async with asyncio.timeout(PATIENCE), opened(tmp_path / "agent.db") as store:
        seen = store.news.count
        await store.check()
        await asyncio.sleep(0)
        assert store.news.count == seen
        begun, go_on = threading.Event(), threading.Event()

        def slowly(connection: Connection) -> None:
            begun.set()
            go_on.wait(PATIENCE)
            alarms.add_note(connection, "ours", None, now=NOW)

        writing = asyncio.create_task(store.write(slowly))
        await asyncio.to_thread(begun.wait, PATIENCE)
        writing.cancel()
        go_on.set()
        await store.news.rest(seen, PATIENCE)
        assert store.news.count == seen + 1
        await store.record([a_log(1)], [])
        await store.news.rest(seen + 1, PATIENCE)
        assert store.news.count == seen + 2


async def test_where_work_waits_for_a_word_it_is_heard_of_without_watchers(database: Database) -> None:
    """Once at first, for what fell before the first look, and then after each deed of another process."""
    changes, heard = Changes(), asyncio.Queue[None]()
    async with asyncio.timeout(PATIENCE), opened(database) as store:
        looks = Looks(store)
        listening = tell_of_others(looks, changes, QUICK, heard=lambda: heard.put_nowait(None))  # type: ignore[arg-type]
        task = asyncio.create_task(listening)
        await heard.get()
        await looks.after(3)
        assert heard.empty()
        await asyncio.to_thread(change, database, alarms.add_note, "from a terminal", None, now=NOW)
        await heard.get()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
