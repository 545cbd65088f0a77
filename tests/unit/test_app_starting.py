"""A start waits for room on the disk, and for nothing else."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from andon.app import starting
from andon.app.starting import Starting
from andon.core import disk
from andon.core.disk import has_room, no_room
from andon.core.errors import BrokerFull, BrokerStartError, InUseError, StoreError, StoreFull, StoreUnavailable
from andon.core.telemetry import Health


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every disk is full, and is looked at without a pause."""
    monkeypatch.setattr(starting, "LOOK_EVERY", 0.001)
    monkeypatch.setattr(starting, "AGAIN_AFTER", 0.002)
    monkeypatch.setattr(starting, "has_room", lambda _directory: False)


@pytest.mark.parametrize("error", [StoreFull("no room"), BrokerFull("no room"), BrokerStartError("it ended")])
@pytest.mark.usefixtures("full")
async def test_a_full_disk_is_waited_for(tmp_path: Path, error: Exception) -> None:
    """Whatever a step says where the disk is full; what is waited for is told until the step is done."""
    health, told = Health(), []

    async def step() -> str:
        told.append(health.problems.get("broker", ""))
        if len(told) < 3:
            raise error
        return "done"

    assert await Starting(health).step("broker", tmp_path, step) == "done"
    assert "waits for room" in told[1]
    assert str(error) in told[2]
    assert "broker" not in health.problems


@pytest.mark.parametrize("error", [InUseError("port 1 is taken"), ValueError("a mistake of ours")])
@pytest.mark.usefixtures("full")
async def test_other_errors_end_the_start(tmp_path: Path, error: Exception) -> None:
    """A port that is taken is told at once, also where the disk is full."""

    async def step() -> None:
        raise error

    with pytest.raises(type(error)):
        await Starting(Health()).step("broker", tmp_path, step)


@pytest.mark.parametrize("error", [StoreUnavailable("no permission"), BrokerStartError("it ended"), StoreError("x")])
async def test_errors_on_a_disk_with_room_end_the_start(tmp_path: Path, error: Exception) -> None:
    """They are what they say."""

    async def step() -> None:
        raise error

    with pytest.raises(type(error)):
        await Starting(Health()).step("broker", tmp_path, step)


@pytest.mark.usefixtures("full")
async def test_a_stop_ends_the_wait(tmp_path: Path) -> None:
    """At once, and without another try."""

    tried = asyncio.Event()

    async def step() -> None:
        tried.set()
        raise StoreFull("no room")

    waiting = asyncio.create_task(Starting(Health()).step("database", tmp_path, step))
    await tried.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_is_full_when_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """On writing, also where the cause is further down; nothing is left behind."""

    def write(*_: object) -> int:
        raise OSError(number, "no room")

    assert has_room(tmp_path / "not" / "made" / "yet")
    monkeypatch.setattr(disk, "_write", write)
    assert not has_room(tmp_path)
    assert os.listdir(tmp_path) == []
    outer = BrokerStartError("it cannot be written")
    outer.__cause__ = OSError(number, "no room")
    assert no_room(outer)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EIO])
def test_another_obstacle_is_no_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A disk that cannot be written at all does not get better by waiting."""

    def refuse(*_: object, **__: object) -> tuple[int, str]:
        raise OSError(number, "refused")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert has_room(tmp_path)


async def test_what_takes_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again as long as it lasts, and nothing once it is over; what is quick is not told."""
    told: list[str] = []
    enough = asyncio.Event()

    class Log:
        def info(self, event: str, **_: object) -> None:
            told.append(event)
            if len(told) == 2:
                enough.set()

    monkeypatch.setattr(starting, "log", Log())
    monkeypatch.setattr(starting, "LONG", 0.001)
    monkeypatch.setattr(starting, "TELL_EVERY", 0.001)
    await Starting(Health()).step("database", tmp_path, enough.wait, "the database is upgraded")
    before = list(told)
    assert set(told) == {"starting: the database is upgraded"}
    await asyncio.sleep(0.01)
    assert told == before
