"""Files that are followed: what is written comes once, whatever happens to the files and to us."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core.errors import ConfigError
from andon.core.private_files import PRIVATE
from andon.core.settings.sources.file_settings import FollowedFiles
from andon.core.timestamps import TimeReader
from andon.ingest.sources.files import file_positions, file_source, followed_file
from andon.ingest.sources.files.file_source import FileSource
from andon.ingest.sources.files.file_sweep import sweep
from support.intake import KeptFeed, kept_outlet
from support.pipeline import until

MOST = 1_048_576


def source(place: Path, *, start: str = "beginning", paths: str = "app.log*", **rules: object) -> FileSource:
    """A source of the files in ``log`` that keeps its positions in ``data``."""
    table = FollowedFiles.model_validate({"paths": [str(place / "log" / paths)], "start": start, **rules})
    return FileSource([table], place / "data", PRIVATE, TimeReader(), "utf-8")


class Plant:
    """A directory in which a program logs and a rotation works, and a source that reads it by hand, and is killed."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "log").mkdir()
        self.log = place / "log" / "app.log"
        self.written = 0
        self.got: Counter[int] = Counter()
        self.unsaved: set[int] = set()
        self.again: set[int] = set()
        self.rotations = 0
        self.log.touch()
        self.begin()

    def begin(self) -> None:
        """Start as the source does."""
        self.source = source(self.place, multiline=False)
        self.source._book = file_positions.load(self.source._place)
        self.source._known = {one.identity: one for one in self.source._book.files}
        key = file_positions.table_key(self.source._tables[0].paths)
        self.source._new_tables = set() if key in self.source._book.tables else {0}
        self.source._book.tables = [key]

    def write(self, count: int) -> None:
        with self.log.open("a") as file:
            for _ in range(count):
                file.write(f"2026-11-30 09:00:00 line {self.written}\n")
                self.written += 1

    def rename(self) -> None:
        self._make_room()
        self.log.rename(f"{self.log}.1")
        self.log.touch()

    def copy_and_empty(self) -> None:
        self._make_room()
        shutil.copy(self.log, f"{self.log}.1")
        os.truncate(self.log, 0)

    def _make_room(self) -> None:
        self.rotations += 1
        for number in range(self.rotations, 0, -1):
            if (old := Path(f"{self.log}.{number}")).exists():
                old.rename(f"{self.log}.{number + 1}")

    def look(self) -> None:
        """What the source does in a round, with everything stored at once."""
        ready = self.source._take_in(sweep(self.source._tables), MOST)
        self.source._first = False
        while ready:
            file = ready.pop()
            taken = file.read()
            for made, _, generation, end in taken.messages:
                if made is not None:
                    number = int(made.data.split(b"line ")[1].split(b'"')[0])
                    self.got[number] += 1
                    self.unsaved.add(number)
                file.sent(generation, end, None)
            file.settle()
            if taken.more:
                ready.add(file)

    def save(self) -> None:
        self.source._save()
        self.unsaved.clear()

    def kill(self) -> None:
        """Nothing is saved; what came since the last time may come again."""
        for file in self.source._files.values():
            file.close()
        self.again |= self.unsaved
        self.unsaved.clear()
        self.begin()


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 30)),
        st.sampled_from([(name, 0) for name in ("rename", "copy_and_empty", "look", "save", "kill")]),
    ),
    max_size=14,
)


@given(ACTS)
@settings(max_examples=120, deadline=None)
def test_nothing_is_lost_and_nothing_comes_twice_but_what_was_not_saved(acts: list[tuple[str, int]]) -> None:
    """Rotations of both kinds, restarts and kills in any order, against what was written."""
    with tempfile.TemporaryDirectory() as place:
        plant = Plant(Path(place))
        plant.write(5)  # a file that is begun has something in it
        plant.look()
        plant.save()
        for name, count in acts:
            plant.write(count) if name == "write" else getattr(plant, name)()
        plant.look()
        plant.look()
        plant.kill()
        assert set(plant.got) == set(range(plant.written))
        assert {number for number, times in plant.got.items() if times > 1} <= plant.again


async def run_until(source: FileSource, feed: KeptFeed, count: int) -> None:
    """Run the source until so many logs came."""
    outlet, _ = kept_outlet()
    outlet._feed = feed  # type: ignore[assignment]  # one feed for several runs
    running = asyncio.create_task(source.run(outlet))
    try:
        await until(lambda: len(feed.kept) >= count or running.done(), f"{count} logs")
        if running.done():
            running.result()
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_only_what_is_written_from_now_on_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that lay there; the line that is being written is whole, later files are read from their start."""
    monkeypatch.setattr(followed_file, "FLUSH", 0.05)
    logs = tmp_path / "log"
    logs.mkdir()
    (logs / "app.log").write_text("2026-11-30 09:00:00 old\n2026-11-30 09:00:01 half")
    _, feed = kept_outlet()
    one = source(tmp_path, start="end", paths="**/app*.log")
    outlet, _ = kept_outlet()
    outlet._feed = feed  # type: ignore[assignment]
    running = asyncio.create_task(one.run(outlet))
    await until(lambda: one._files, "its being followed")
    with (logs / "app.log").open("a") as file:
        file.write(" and half\nTraceback (most recent call last):\n  File x\nValueError: y\n")
    (logs / "deep").mkdir()
    await until(lambda: feed.kept, "the first")
    (logs / "deep" / "app2.log").write_text("2026-11-30 09:00:02 new file\n")
    await until(lambda: len(feed.kept) == 2, "the second")
    running.cancel()
    await asyncio.wait({running})
    assert [one["message"] for one in feed.logs] == [
        "2026-11-30 09:00:01 half and half\nTraceback (most recent call last):\n  File x\nValueError: y",
        "2026-11-30 09:00:02 new file",
    ]


async def test_a_kill_in_the_first_moment_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a new table begins is on the disk before anything is read: the next start takes it for a known one."""
    monkeypatch.setattr(file_source, "SAVE", 1e9)
    (tmp_path / "log").mkdir()
    log = tmp_path / "log" / "app.log"
    log.write_text("2026-11-30 09:00:00 old\n")
    outlet, feed = kept_outlet()
    saves: list[file_positions.Book] = []
    put = feed.put_many

    async def noted(*given: Any) -> Any:
        saves.append(file_positions.load(tmp_path / "data" / file_positions.PLACE))
        return await put(*given)

    monkeypatch.setattr(feed, "put_many", noted)
    first = source(tmp_path, start="end", multiline=False)
    running = asyncio.create_task(first.run(outlet))
    await until(lambda: first._files, "its being followed")
    with log.open("a") as file:
        file.write("2026-11-30 09:00:01 new\n")
    await until(lambda: feed.kept, "the line")
    running.cancel()
    await asyncio.wait({running})
    assert saves[0].tables == [file_positions.table_key(first._tables[0].paths)]
    assert [one.offset for one in saves[0].files] == [len("2026-11-30 09:00:00 old\n")]


async def test_what_the_stream_does_not_have_is_sent_again(tmp_path: Path) -> None:
    """Positions stand behind what was acknowledged, and ids are the same the second time."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "app.log").write_text("".join(f"2026-11-30 09:00:0{n} line\n" for n in range(5)))
    outlet, feed = kept_outlet()
    feed.hold()
    one = source(tmp_path, multiline=False)
    running = asyncio.create_task(one.run(outlet))
    await until(lambda: feed._held, "their being sent")
    await until(lambda: len(feed._held or ()) == 5, "all of them")
    first = [kept.message_id for kept, _ in feed._held or ()]
    running.cancel()
    await asyncio.wait({running})
    assert file_positions.load(one._place).files[0].offset == 0
    _, again = kept_outlet()
    await run_until(source(tmp_path, multiline=False), again, 5)
    assert [one.message_id for one in again.kept] == first
    assert len(set(first)) == 5


async def test_a_file_that_cannot_be_read_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    """The remark names it and says what to do; positions that cannot be read are never guessed."""
    logs = tmp_path / "log"
    logs.mkdir()
    (logs / "app.log").write_text("2026-11-30 09:00:00 a\n")
    (logs / "app.log.2").write_text("2026-11-30 09:00:00 b\n")
    one = source(tmp_path, multiline=False)
    real = os.open

    def refuse(path: object, *args: int, **more: object) -> int:
        if str(path).endswith("app.log.2"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **more)  # type: ignore[arg-type]

    outlet, feed = kept_outlet()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(followed_file.os, "open", refuse)
        running = asyncio.create_task(one.run(outlet))
        await until(lambda: outlet.counts.trouble and feed.kept, "the remark")
        running.cancel()
        await asyncio.wait({running})
    assert "1 file cannot be read" in (outlet.counts.trouble or "")
    assert "app.log.2: Permission denied" in (outlet.counts.trouble or "")
    (tmp_path / "data" / file_positions.PLACE).write_text("{")
    with pytest.raises(ConfigError, match="repair it, or delete it"):
        await source(tmp_path).run(outlet)


def test_packed_files_are_left_out_and_the_first_table_takes_a_file(tmp_path: Path) -> None:
    """What a rotation packed was read before."""
    for name in ("app.log", "app.log.1.gz", "app.log.2.xz", "app.log-20261130.zst"):
        (tmp_path / name).write_text("x")
    (tmp_path / "again.log").symlink_to(tmp_path / "app.log")
    tables = [FollowedFiles(paths=[str(tmp_path / "app*")]), FollowedFiles(paths=[str(tmp_path / "*")])]
    found = sweep(tables)
    assert [(one.table, os.path.basename(one.path)) for one in found.files] == [(0, "app.log")]
    assert found.directories == [str(tmp_path)]
    missing = sweep([FollowedFiles(paths=[str(tmp_path / "later" / "*" / "x.log")])])
    assert (missing.files, missing.directories) == ([], [str(tmp_path)])
