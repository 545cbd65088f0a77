"""Each change of an alarm is told once, whatever ends in between; and the memory of it bears anything on disk."""

from __future__ import annotations

from pathlib import Path

from andon.ingest.sources.alarm_memory import AlarmMemory, Remembered
from andon.ingest.sources.alarm_tracker import AlarmChange, AlarmTracker
from andon.ingest.sources.heard import Heard, Place
from support.intake import KeptFeed, kept_outlet

RAISED = AlarmChange("oil", "active", Heard("Oil low", severity="ERROR"), Heard("Oil low", place=Place(machine="p4")))
ENDED = AlarmChange("oil", "over", Heard("Oil low", severity="INFO"))


async def tracker(place: Path, most: int = 100) -> tuple[AlarmTracker, KeptFeed]:
    """One with its memory, and what it tells."""
    outlet, feed = kept_outlet()
    made = AlarmTracker(outlet, AlarmMemory(place / "alarms.db", "a"), most)
    await made.open()
    return made, feed


def remembered(place: Path) -> dict[str, Remembered]:
    """What lies on disk."""
    memory = AlarmMemory(place / "alarms.db", "a")
    try:
        return memory.load()
    finally:
        memory.close()


async def test_a_change_is_told_once_and_its_end_too(tmp_path: Path) -> None:
    made, feed = await tracker(tmp_path)
    await made.take([ENDED])  # of what nobody heard of
    await made.take([RAISED, RAISED])
    await made.take([RAISED])
    await made.take([ENDED, ENDED])
    assert [log["severity"] for log in feed.logs] == ["ERROR", "INFO"]
    await made.close()
    assert remembered(tmp_path) == {}


async def test_what_the_stream_has_is_not_told_after_a_restart(tmp_path: Path) -> None:
    made, feed = await tracker(tmp_path)
    await made.take([RAISED])
    await made.close()
    assert remembered(tmp_path)["oil"].sure
    made, feed = await tracker(tmp_path)
    await made.take([RAISED])
    assert feed.logs == []
    await made.close()


async def test_what_the_stream_may_not_have_is_told_again_with_the_same_id(tmp_path: Path) -> None:
    """Killed between the two: the stream keeps one of both by that id."""
    made, feed = await tracker(tmp_path)
    feed.hold()
    await made.take([RAISED])
    assert not remembered(tmp_path)["oil"].sure
    feed.release()
    first = feed.kept[0].message_id
    made, feed = await tracker(tmp_path)
    await made.take([RAISED])
    assert [one.message_id for one in feed.kept] == [first]
    assert first
    await made.close()


async def test_an_end_that_was_not_stored_is_not_forgotten(tmp_path: Path) -> None:
    made, feed = await tracker(tmp_path)
    await made.take([RAISED])
    feed.hold()
    await made.take([ENDED])
    await made.flush()
    assert remembered(tmp_path)["oil"].clear is not None
    feed.release()
    await made.close()
    assert remembered(tmp_path) == {}


async def test_what_is_gone_without_a_word_is_cleared_by_the_log_it_had_for_that(tmp_path: Path) -> None:
    made, feed = await tracker(tmp_path)
    await made.take([RAISED])
    await made.close()
    made, feed = await tracker(tmp_path)
    assert await made.clear(["oil"], "2026-11-30T10:00:00Z", "nobody told it again") == 1
    [log] = feed.logs
    assert log["timestamp"] == "2026-11-30T10:00:00Z"
    assert log["context"] == {"machine": "p4", "cleared_because": "nobody told it again"}
    await made.close()
    assert remembered(tmp_path) == {}


async def test_more_than_are_remembered_are_told_each_time(tmp_path: Path) -> None:
    made, feed = await tracker(tmp_path, most=1)
    await made.take([RAISED])
    many = [AlarmChange(f"n{n}", "active", Heard(f"n{n}"), Heard(f"n{n}")) for n in range(3)]
    await made.take(many)
    await made.take(many)
    assert len(feed.logs) == 7
    assert list(made.known) == ["oil"]
    await made.close()


async def test_a_damaged_memory_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "alarms.db").write_bytes(b"no database at all " * 500)
    made, _ = await tracker(tmp_path)
    assert made.known == {}
    await made.take([RAISED])
    await made.close()
    assert list(remembered(tmp_path)) == ["oil"]


async def test_alarms_are_told_where_they_cannot_be_remembered(tmp_path: Path) -> None:
    """A disk that takes nothing keeps nobody from hearing of an alarm."""
    outlet, feed = kept_outlet()
    (tmp_path / "file").write_text("in the way")
    made = AlarmTracker(outlet, AlarmMemory(tmp_path / "file" / "alarms.db", "a"))
    await made.take([RAISED])
    await made.close()
    assert len(feed.logs) == 1


async def test_sources_have_memories_of_their_own(tmp_path: Path) -> None:
    one, other = AlarmMemory(tmp_path / "alarms.db", "a"), AlarmMemory(tmp_path / "alarms.db", "b")
    one.keep([("oil", Remembered("active", None))])
    assert other.load() == {}
    assert list(one.load()) == ["oil"]
    one.close()
    other.close()
