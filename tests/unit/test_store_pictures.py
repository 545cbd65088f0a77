"""Pictures in the store: once each, with the logs that show them, fetched later where a log names an object."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from andon.core.models import LogRecord, NewPicture, PictureReference
from andon.core.settings.database_url import Database
from andon.ingest.pictures.intake import PictureLimits, checked
from andon.store import Visitor, pictures, prepare, search
from andon.store.engine.database import writer_engine
from andon.store.engine.prepare import migrate
from support.pictures import BLUE, picture
from support.store_data import Clock, a_log, opened, query

pytest_plugins = ["support.databases"]

LIMITS = PictureLimits()
PNG, JPEG = picture(), picture("JPEG", colour=BLUE)
CONTEXT = json.dumps({"n": 1, "images": ["x", "nats://shots/1.png"]})


def with_pictures(sequence: int, *files: bytes, **changes: Any) -> LogRecord:
    """A log that brings these files."""
    found: tuple[NewPicture, ...] = tuple(checked(data, LIMITS, at) for at, data in enumerate(files))
    return a_log(sequence, pictures=found, **changes)


def referring(sequence: int, position: int = 1, **changes: Any) -> LogRecord:
    """A log that names one object."""
    reference = PictureReference("shots", "1.png", position)
    return a_log(sequence, references=(reference,), **{"context": CONTEXT, **changes})


def test_a_picture_is_stored_once_however_many_logs_show_it(database: Database) -> None:
    """In one batch and in later ones."""

    async def work() -> None:
        async with opened(database) as store:
            first = await store.record([with_pictures(1, PNG), with_pictures(2, PNG, JPEG), a_log(3)], [])
            again = await store.record([with_pictures(4, JPEG, JPEG)], [])
            assert (first.pictures, again.pictures) == (2, 0)

    asyncio.run(work())
    assert query(database, "SELECT count(*), sum(size) FROM pictures") == [(2, len(PNG) + len(JPEG))]
    assert query(database, "SELECT log_id, position, picture_id FROM log_pictures ORDER BY 1, 2") == [
        (1, 0, 1),
        (2, 0, 1),
        (2, 1, 2),
        (4, 0, 2),
        (4, 1, 2),
    ]
    assert query(database, "SELECT value FROM counters WHERE name = 'pictures'") == [(2,)]
    with Visitor(database) as visitor:
        assert [(one.media_type, one.data) for one in visitor.read(pictures.of_logs, [2], 9, data=True)] == [
            ("image/png", PNG),
            ("image/jpeg", JPEG),
        ]
        assert [one.data for one in visitor.read(pictures.of_logs, [4], 9, data=False)] == [b""]
        assert visitor.read(pictures.of_logs, [3], 9, data=False) == []


def test_a_message_delivered_again_brings_nothing_twice(database: Database) -> None:
    """Neither pictures nor references."""

    async def work() -> None:
        async with opened(database) as store:
            batch = [with_pictures(1, PNG), referring(2)]
            await store.record(batch, [])
            done = await store.record([*batch, with_pictures(3, PNG)], [])
            assert (done.duplicates, done.stored, done.pictures, done.references) == (2, 1, 0, 0)

    asyncio.run(work())
    assert query(database, "SELECT count(*) FROM log_pictures") == [(2,)]
    assert query(database, "SELECT count(*) FROM picture_fetches") == [(1,)]


def test_the_pictures_of_a_question_are_the_newest_ones_each_once(database: Database) -> None:
    """In the order of the logs given."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([with_pictures(1, PNG), with_pictures(2, JPEG, PNG), with_pictures(3, PNG)], [])
            found = await store.read(pictures.of_logs, [3, 2, 1], 2)
            assert [one.data for one in found] == [PNG, JPEG]
            assert [one.data for one in await store.read(pictures.of_logs, [2, 3], 1)] == [JPEG]
            assert await store.read(pictures.of_logs, [], 2) == []

    asyncio.run(work())


def test_what_is_fetched_later_is_stored_the_same_way(database: Database) -> None:
    """The reference in the context becomes the description, and it is due no more."""

    async def work() -> None:
        async with opened(database) as store:
            done = await store.record([referring(1)], [])
            assert done.references == 1
            assert await store.read(pictures.awaited, [1, 5]) == 1
            (fetch,), _ = await store.read(pictures.due, 10, time.time())
            assert (fetch.log_id, fetch.bucket, fetch.name, fetch.attempts) == (1, "shots", "1.png", 0)
            new = checked(PNG, LIMITS, fetch.position)
            assert await store.write(pictures.fetched, fetch, new)
            assert not await store.write(pictures.fetched, fetch, new)
            assert await store.read(pictures.due, 10, time.time()) == ([], None)
            assert await store.read(pictures.awaited, [1]) == 0
            log = await store.read(search.log_or_none, 1)
            assert log is not None
            assert json.loads(log.context or "") == {
                "n": 1,
                "images": ["x", {**new.described(), "object": "shots/1.png"}],
            }

    asyncio.run(work())
    assert query(database, "SELECT log_id, position FROM log_pictures") == [(1, 1)]


def test_a_fetch_waits_for_its_next_try(database: Database) -> None:
    """And only tries that were the reference's fault count."""
    clock = Clock()

    async def work() -> None:
        async with opened(database, clock=clock) as store:
            await store.record([referring(1)], [])
            (fetch,), _ = await store.read(pictures.due, 10, clock.now)
            await store.write(pictures.postpone_fetch, fetch, clock.now + 5.0, counted=False)
            assert await store.read(pictures.due, 10, clock.now) == ([], 5.0)
            assert await store.read(pictures.awaited, [1]) == 1
            clock.now += 5
            (fetch,), _ = await store.read(pictures.due, 10, clock.now)
            assert fetch.attempts == 0
            await store.write(pictures.postpone_fetch, fetch, clock.now + 7.0)
            assert await store.read(pictures.awaited, [1]) == 0  # nobody waits for what failed once
            clock.now += 7
            assert [one.attempts for one in (await store.read(pictures.due, 10, clock.now))[0]] == [1]

    asyncio.run(work())


def test_what_cannot_be_fetched_leaves_a_note(database: Database) -> None:
    """Behind those that the log has already; the context stays."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([referring(1, notes="hostname was not text")], [])
            (fetch,), _ = await store.read(pictures.due, 10, time.time())
            await store.write(pictures.give_up, fetch, "the bucket is gone")
            await store.write(pictures.give_up, fetch, "the bucket is gone")
            log = await store.read(search.log_or_none, 1)
            assert log is not None
            assert log.notes == "hostname was not text; images[1] (shots/1.png) not kept: the bucket is gone"
            assert log.context == CONTEXT
            assert await store.read(pictures.due, 10, time.time()) == ([], None)

    asyncio.run(work())


def test_a_context_that_changed_meanwhile_keeps_its_text(database: Database) -> None:
    """The picture is stored all the same."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([referring(1, context="not JSON"), referring(2, 9), referring(3, context=None)], [])
            due, _ = await store.read(pictures.due, 10, time.time())
            for fetch in due:
                await store.write(pictures.fetched, fetch, checked(PNG, LIMITS, fetch.position))
            assert [(await store.read(search.log_or_none, i)).context for i in (1, 2, 3)] == ["not JSON", CONTEXT, None]  # type: ignore[union-attr]
            assert len(await store.read(pictures.of_logs, [1], 5)) == 1

    asyncio.run(work())


def test_only_so_many_references_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beyond are counted and noted; their logs are stored."""
    monkeypatch.setattr(pictures, "PENDING_MAX", 2)

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            first = await store.record([referring(1)], [])
            second = await store.record([referring(2), referring(3), referring(4)], [])
            assert (first.references, second.references, second.unfetched, second.stored) == (1, 1, 2, 3)
            assert (await store.read(search.log_or_none, 2)).notes is None  # type: ignore[union-attr]
            assert (await store.read(search.log_or_none, 4)).notes == (  # type: ignore[union-attr]
                "images[1] (shots/1.png) not kept: 2 pictures are already waiting to be fetched"
            )

    asyncio.run(work())


def test_a_database_from_before_pictures_takes_them_after_its_upgrade(tmp_path: Path) -> None:
    """What it held stays."""
    path = tmp_path / "agent.db"
    engine = writer_engine(path, "normal")
    with engine.begin() as connection:
        migrate(connection, "0002")
        connection.exec_driver_sql("INSERT INTO streams (name) VALUES ('AGENT_STREAM')")
        connection.exec_driver_sql("INSERT INTO logs (stream_id, seq, stored_ns, message) VALUES (1, 1, 1, 'old')")
    engine.dispose()
    assert prepare(path, durability="normal").migrated_from == "0002"

    async def work() -> None:
        async with opened(path) as store:
            await store.record([with_pictures(2, PNG)], [])
            assert [one.data for one in await store.read(pictures.of_logs, [1, 2], 5)] == [PNG]

    asyncio.run(work())
    assert query(path, "SELECT message FROM agent_logs ORDER BY id") == [("old",), ("fault 2 of p1",)]


def test_pending_references_survive_a_restart(database: Database) -> None:
    """They are rows."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([referring(1)], [])
        async with opened(database) as store:
            assert len((await store.read(pictures.due, 10, time.time()))[0]) == 1

    asyncio.run(work())
