"""Imports: each content once, whatever it is called, and what was stopped goes on."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import lzma
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core.errors import ConfigError
from andon.core.private_files import PRIVATE
from andon.core.settings.sources.file_settings import FollowedFiles, LineRules
from andon.core.timestamps import TimeReader
from andon.ingest.sources.files import file_positions, import_ledger, importing
from andon.ingest.sources.files.content import NotReadable, paths_of
from andon.ingest.sources.files.file_positions import Position, digest_of
from andon.ingest.sources.files.file_source import FileSource
from andon.ingest.sources.files.import_ledger import Ledger, imported_up_to
from andon.ingest.sources.files.importing import Imported, Importer
from andon.ingest.sources.heard import IMPORTED_HEADER
from support.intake import KeptFeed, kept_outlet
from support.pipeline import until

LINES = [f"2026-10-01 09:00:{number % 60:02} line {number}" for number in range(200)]


async def no_ids(_sequence: int, _until: int, _prefix: str) -> set[str] | None:
    """Nothing is looked for in a stream."""
    raise AssertionError("the stream was asked")


def importer(ledger: Ledger, feed: KeptFeed, **more: object) -> Importer:
    """One that sends into ``feed``."""
    outlet, _ = kept_outlet()
    outlet._feed = feed  # type: ignore[assignment]  # one feed for several imports
    values = {"ids": no_ids, "end": 7, **more}
    return Importer(ledger, outlet, LineRules(), TimeReader(), "utf-8", **values)  # type: ignore[arg-type]


def a_ledger(place: Path) -> Ledger:
    """A ledger in a data directory."""
    return Ledger(place / "data" / import_ledger.PLACE, PRIVATE)


def test_what_an_import_makes_is_open_to_the_data_directorys_owner_alone(tmp_path: Path) -> None:
    """Root may import: then the service's user can import too, so the lock is theirs as well."""
    data = tmp_path / "data"
    data.mkdir()
    if os.geteuid() == 0:
        os.chown(data, 65_534, 65_534)
    with a_ledger(tmp_path) as ledger:
        made = [one.stat() for one in (ledger.path, ledger.lock)]
    assert [(one.st_mode & 0o777, one.st_uid) for one in made] == [(0o600, data.stat().st_uid)] * 2


def told(done: Imported) -> tuple[str, int]:
    """What became of a file."""
    return done.outcome, done.logs


def texts(feed: KeptFeed) -> list[str]:
    """The messages, in their order."""
    return [one["message"] for one in feed.logs]


async def test_a_content_is_imported_once_whatever_it_is_called(tmp_path: Path) -> None:
    """Renamed, copied, packed, and what it has grown by; an older copy of it is known as well."""
    _, feed = kept_outlet()
    text = "".join(f"{line}\n" for line in LINES).encode()
    (tmp_path / "a.log").write_bytes(text)
    with a_ledger(tmp_path) as ledger:
        one = importer(ledger, feed)
        assert told(await one.take(str(tmp_path / "a.log"))) == ("new", 200)
        (tmp_path / "a.log").rename(tmp_path / "b.log")
        packed = {"c.gz": gzip.compress(text), "d.xz": lzma.compress(text), "e.bz2": bz2.compress(text), "f": text}
        for name, data in packed.items():
            (tmp_path / name).write_bytes(data)
        for name in ("b.log", *packed):
            assert told(await one.take(str(tmp_path / name))) == ("known", 0), name
        (tmp_path / "b.log").write_bytes(text + b"2026-10-02 09:00:00 more\n")
        assert told(await one.take(str(tmp_path / "b.log"))) == ("grown", 1)
        assert told(await one.take(str(tmp_path / "f"))) == ("known", 0)
        assert told(await importer(ledger, feed, again=True).take(str(tmp_path / "f"))) == ("new", 200)
    assert texts(feed) == [*LINES, "2026-10-02 09:00:00 more", *LINES]
    assert all(one.headers == {IMPORTED_HEADER: "1"} for one in feed.kept)
    assert len({one.message_id for one in feed.kept}) == len(feed.kept)


async def test_equal_lines_of_one_file_all_count(tmp_path: Path) -> None:
    """And so do the same lines of another file that begins as this one does."""
    _, feed = kept_outlet()
    (tmp_path / "a.log").write_text("no answer\n" * 50)
    (tmp_path / "b.log").write_text("no answer\n" * 20 + "other\n")
    with a_ledger(tmp_path) as ledger:
        one = importer(ledger, feed)
        assert told(await one.take(str(tmp_path / "a.log"))) == ("new", 50)
        assert told(await one.take(str(tmp_path / "b.log"))) == ("new", 21)
    assert len({one.message_id for one in feed.kept}) == 71


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.data())
@settings(max_examples=40, deadline=None)
def test_a_growing_file_is_imported_line_by_line(sizes: list[int], data: st.DataObject) -> None:
    """In any steps, also those that are stopped before the stream has them: each line once."""
    asyncio.run(_grow(sizes, data))


async def _grow(sizes: list[int], data: st.DataObject) -> None:
    _, feed = kept_outlet()
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "CHUNK", data.draw(st.integers(20, 400)))
        path, written = Path(place) / "a.log", 0
        with a_ledger(Path(place)) as ledger:
            for size in sizes:
                with path.open("a") as file:
                    file.write("".join(f"line {number}\n" for number in range(written, written + size)))
                written += size
                stopped = data.draw(st.booleans())
                if stopped:
                    await _stop_midway(importer(ledger, feed), feed, str(path))
                else:
                    await importer(ledger, feed).take(str(path))
            await importer(ledger, feed).take(str(path))
    kept = {one.message_id: one.log["message"] for one in feed.kept}  # the broker knows ids
    assert Counter(kept.values()) == Counter(f"line {number}" for number in range(written))


async def _stop_midway(one: Importer, feed: KeptFeed, path: str) -> None:
    """Let nothing be acknowledged for a while, then stop; what was sent reaches the stream all the same."""
    feed.hold()
    running = asyncio.create_task(one.take(path))
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})
    feed.release()


async def test_what_was_stopped_long_ago_is_looked_up_in_the_stream(tmp_path: Path) -> None:
    """Beyond the time in which the broker knows ids; where nobody can tell any more, that is said."""
    _, feed = kept_outlet()
    path = tmp_path / "a.log"
    path.write_text("".join(f"{line}\n" for line in LINES))
    asked: list[tuple[int, str]] = []
    with a_ledger(tmp_path) as ledger:
        feed.hold()
        running = asyncio.create_task(importer(ledger, feed).take(str(path)))
        await until(lambda: len(feed._held or ()) == 200, "their being sent")
        running.cancel()
        await asyncio.wait({running})
        sent = [kept for kept, _ in feed._held or ()][:150]
        ledger._db.execute("UPDATE contents SET saved = ?", (time.time() - 3_600,))

        async def ids(sequence: int, _until: int, prefix: str) -> set[str] | None:
            asked.append((sequence, prefix))
            return {one.message_id or "" for one in sent}

        _, again = kept_outlet()
        assert told(await importer(ledger, again, ids=ids).take(str(path))) == ("resumed", 50)
        assert texts(again) == LINES[150:]
        assert asked == [(7, (sent[0].message_id or "").partition("-")[0] + "-")]
        assert told(await importer(ledger, again).take(str(path))) == ("known", 0)


async def test_what_is_followed_is_imported_up_to_where_that_began(tmp_path: Path) -> None:
    """And a file that was imported is followed from there on."""
    _, feed = kept_outlet()
    path = tmp_path / "a.log"
    path.write_text("".join(f"{line}\n" for line in LINES))
    status, head = path.stat(), path.read_bytes()[:1024]
    since = len("".join(f"{line}\n" for line in LINES[:120]))
    position = Position(str(path), status.st_dev, status.st_ino, 1024, digest_of(head), status.st_size, since)
    with a_ledger(tmp_path) as ledger:
        one = importer(ledger, feed, followed={position.identity: position})
        assert told(await one.take(str(path))) == ("new", 120)
        assert told(await one.take(str(path))) == ("known", 0)
        position.since = 0
        assert told(await one.take(str(path))) == ("followed", 0)
    assert texts(feed) == LINES[:120]
    assert imported_up_to(tmp_path / "data" / import_ledger.PLACE, str(path)) == since
    other = tmp_path / "b.log"
    other.write_text("another\n")
    assert imported_up_to(tmp_path / "data" / import_ledger.PLACE, str(other)) == 0
    assert imported_up_to(tmp_path / "none.db", str(other)) == 0


async def test_a_copy_of_what_was_followed_is_not_imported_again(tmp_path: Path) -> None:
    """Packed, cut away by a rotation and longer by now; what only begins the same is imported whole."""
    outlet, _ = kept_outlet()
    (tmp_path / "log").mkdir()
    log, old, packed, other = (tmp_path / name for name in ("log/a.log", "old.txt", "old.gz", "other.txt"))
    text = "".join(f"{line}\n" for line in LINES).encode()
    log.write_bytes(text)
    table = FollowedFiles.model_validate({"paths": [str(tmp_path / "log" / "*.log")], "start": "beginning"})
    source = FileSource([table], tmp_path / "data", PRIVATE, TimeReader(), "utf-8")
    running = asyncio.create_task(source.run(outlet))
    book = tmp_path / "data" / file_positions.PLACE

    def saved() -> list[tuple[int, int]]:
        return [(one.generation, one.offset) for one in file_positions.load(book).files]

    await until(lambda: saved() == [(0, len(text))], "the file")
    old.write_bytes(text + b"2026-10-02 09:00:00 only in the copy\n")
    packed.write_bytes(gzip.compress(text))
    other.write_bytes(text[:1500] + text[1500:].replace(b"line", b"mine"))
    os.truncate(log, 0)
    after = "2026-10-03 09:00:00 after the cut\n"
    with log.open("a") as file:
        file.write(after)
    await until(lambda: saved() == [(1, len(after))], "what came after the cut")
    running.cancel()
    await asyncio.wait({running})

    _, feed = kept_outlet()
    positions = {one.identity: one for one in file_positions.load(book).files}
    with a_ledger(tmp_path) as ledger:
        one = importer(ledger, feed, followed=positions)
        assert [(done.logs, done.stored_before) for done in [await one.take(str(packed))]] == [(0, len(LINES))]
        assert told(await one.take(str(packed))) == ("known", 0)
        assert told(await one.take(str(old))) == ("grown", 1)
        assert (await one.take(str(other))).logs == len(LINES)
        assert told(await one.take(str(log))) == ("followed", 0)
        with log.open("a") as file:
            file.write("2026-10-03 09:00:01 when nobody follows it any more\n")
        done = await importer(ledger, feed, released=positions).take(str(log))
        assert (done.logs, done.stored_before) == (1, 1)
        assert (await importer(ledger, feed, again=True).take(str(packed))).logs == len(LINES)
    assert texts(feed)[0] == "2026-10-02 09:00:00 only in the copy"


async def test_what_cannot_be_read_is_told_and_what_is_no_text_is_counted(tmp_path: Path) -> None:
    """A packed file that was cut off brings what it holds."""
    _, feed = kept_outlet()
    packed = gzip.compress(os.urandom(1) + "".join(f"{line}\n" for line in LINES * 500).encode())
    (tmp_path / "cut.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "odd.log").write_bytes(b"\x01\x02\x03\x04\x05\n\0\0\0fine\n\xff\xfe\n" + b"no end")
    (tmp_path / "wide.log").write_bytes("Pumpe läuft\nnicht\n".encode("utf-16"))
    (tmp_path / "empty.log").touch()
    with a_ledger(tmp_path) as ledger:
        one = importer(ledger, feed)
        cut = await one.take(str(tmp_path / "cut.gz"))
        assert cut.outcome == "failed"
        assert "cut.gz cannot be read: " in (cut.reason or "")
        feed.kept.clear()
        odd = await one.take(str(tmp_path / "odd.log"))
        assert (odd.outcome, odd.refused) == ("new", {"binary": 2})
        assert told(await one.take(str(tmp_path / "wide.log"))) == ("new", 2)
        assert texts(feed) == ["fine", "no end", "Pumpe läuft", "nicht"]
        assert told(await one.take(str(tmp_path / "empty.log"))) == ("new", 0)
        assert (await one.take(str(tmp_path / "none.log"))).outcome == "failed"
    with pytest.raises(NotReadable, match="there is no file"):
        paths_of([str(tmp_path / "*.nothing")])
    assert paths_of(["-", str(tmp_path / "o*.log"), str(tmp_path / "odd.log")]) == ["-", str(tmp_path / "odd.log")]
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "sources").touch()
    with pytest.raises(ConfigError, match="cannot be recorded"):
        a_ledger(tmp_path / "closed" / "x").close() or Ledger(tmp_path / "closed" / "sources" / "i.db", PRIVATE)
