"""Who may read what Andon makes: its user alone, or a group; what is there already keeps its mode."""

from __future__ import annotations

import asyncio
import grp
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.app.doctor.access_checks import permissions
from andon.core.errors import ConfigError
from andon.core.private_files import PRIVATE, FileAccess, access_for, share_sidecars, written_whole
from andon.store import Store, Visitor, counts, lock_database, prepare
from support.settings import settings_of


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """What the process takes away from the modes of new files."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def group() -> grp.struct_group:
    """A group that this user may give files to, other than the one they have anyway."""
    mine = [one for one in grp.getgrall() if os.geteuid() == 0 or one.gr_gid in os.getgroups()]
    others = [one for one in mine if one.gr_gid != os.getegid()]
    if not others:
        pytest.skip("this user is a member of one group only")
    return others[0]


def mode(path: Path) -> str:
    """As ls and chmod write it."""
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


async def made(path: Path, access: FileAccess = PRIVATE) -> dict[str, str]:
    """The mode of everything that a database in use has, by its place below the fourth directory above it."""
    with lock_database(path, access):
        prepare(path, durability="normal", access=access)
        store = await Store.open(path)
        try:
            with Visitor(path) as visitor:
                visitor.read(counts.sizes)
            places = [path.parent, *path.parent.iterdir()]
            assert len(places) == 5, "database, -wal, -shm and lock"
            return {one.name: mode(one) for one in places}
        finally:
            await store.close()


async def test_a_new_database_is_its_users_alone(tmp_path: Path, umask: int) -> None:
    """With everything beside it and the directories it lies in, whatever the process's umask is."""
    found = await made(tmp_path / "new" / "data" / "agent.db")
    assert found.pop("data") == "700"
    assert set(found.values()) == {"600"}
    assert mode(tmp_path / "new") == "700"


async def test_a_new_database_is_open_to_the_group_of_the_settings(
    tmp_path: Path, umask: int, group: grp.struct_group
) -> None:
    """By name and by number; no umask takes that away."""
    access = settings_of(data_group=group.gr_name).file_access
    assert access == access_for(str(group.gr_gid)) == FileAccess(group.gr_gid)
    path = tmp_path / "data" / "agent.db"
    found = await made(path, access)
    assert found.pop("data") == "750"
    assert set(found.values()) == {"640"}
    assert {one.stat().st_gid for one in [path.parent, *path.parent.iterdir()]} == {group.gr_gid}


async def test_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """A directory and a file from before; what comes beside them is new."""
    path = tmp_path / "data" / "agent.db"
    path.parent.mkdir()
    path.touch()
    path.parent.chmod(0o755)
    path.chmod(0o644)
    found = await made(path)
    assert found == {
        "data": "755",
        "agent.db": "644",
        "agent.db-wal": "644",  # SQLite gives them the database's
        "agent.db-shm": "644",
        "agent.db.lock": "600",
    }


def test_the_backup_of_a_database_that_is_taken_over_is_private(tmp_path: Path) -> None:
    """The database itself keeps its mode."""
    path = tmp_path / "agent.db"
    columns = "id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp, hostname, severity, service, message"
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE agent_logs ({columns})")
    connection.close()
    path.chmod(0o664)
    backup = prepare(path, durability="normal").backup
    assert backup is not None
    assert (mode(path), mode(backup)) == ("664", "600")


def test_files_beside_a_database_get_its_group(tmp_path: Path, group: grp.struct_group) -> None:
    """SQLite gives them the group of the process that makes them."""
    path = tmp_path / "agent.db"
    sidecar = tmp_path / "agent.db-wal"
    for one in (path, sidecar):
        one.touch()
    os.chown(path, -1, group.gr_gid)
    share_sidecars(path)
    assert sidecar.stat().st_gid == group.gr_gid


def test_a_group_that_cannot_be_used_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not exist, or the user is not in it."""
    for group in ("no-such-group", "-1", str(2**32 - 1), "9" * 30):
        with pytest.raises(ConfigError, match=f"ANDON_DATA_GROUP={group}: this machine has no such group"):
            access_for(group)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "getgroups", list)
    with pytest.raises(ConfigError, match="is not a member of this group"):
        access_for(str(os.getegid() + 1))
    assert access_for("") == PRIVATE


def test_doctor_tells_what_is_open_and_to_whom(tmp_path: Path, group: grp.struct_group) -> None:
    """With the command that closes it, or opens it to the group of the settings."""
    settings = settings_of(data_dir=tmp_path / "data")
    assert permissions(settings) == []
    prepare(settings.database, durability="normal")  # type: ignore[arg-type]
    (fine,) = permissions(settings)
    assert fine.ok
    path = tmp_path / "data" / "agent.db"
    path.chmod(0o644)
    (found,) = permissions(settings)
    assert found.ok is None
    assert f"every user of this machine can read {path} (0644)" in found.detail
    assert found.remedy == f"chmod 600 {path}"
    path.chmod(0o660)
    os.chown(path, -1, group.gr_gid)
    (found,) = permissions(settings)
    assert f"the group {group.gr_name} can read and change {path} (0660)" in found.detail
    (found,) = permissions(settings_of(data_dir=tmp_path / "data", data_group=group.gr_name))[1:]
    assert f"chgrp {group.gr_name} {path.parent}" in found.remedy
    (found,) = permissions(settings_of(data_dir=tmp_path / "data", data_group="no-such-group"))
    assert found.ok is False


def write(path: Path, data: bytes = b"new") -> None:
    """As exports and reports do."""
    with written_whole(path) as file:
        file.write(data)


def test_a_written_file_is_private_and_one_that_is_there_keeps_its_mode(tmp_path: Path, umask: int) -> None:
    """So does its directory; nothing else is left behind."""
    tmp_path.chmod(0o755)
    new, old, link = tmp_path / "new.csv", tmp_path / "old.csv", tmp_path / "link.csv"
    old.write_bytes(b"a longer one from before")
    old.chmod(0o664)
    link.symlink_to("old.csv")
    write(new)
    write(link)
    assert (mode(new), mode(old), mode(tmp_path)) == ("600", "664", "755")
    assert old.read_bytes() == new.read_bytes() == b"new"
    assert link.is_symlink()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_that_is_not_written_whole_leaves_the_one_from_before(tmp_path: Path) -> None:
    """Under its name there is never a half."""
    path = tmp_path / "old.csv"
    path.write_bytes(b"before")

    def broken(path: Path) -> None:
        with written_whole(path) as file:
            file.write(b"half")
            raise KeyError

    for one in (path, tmp_path / "new.csv"):
        with pytest.raises(KeyError):
            broken(one)
    assert [one.name for one in tmp_path.iterdir()] == ["old.csv"]
    assert path.read_bytes() == b"before"


async def test_what_is_no_file_is_written_as_it_is(tmp_path: Path) -> None:
    """A named pipe, and what the process has open: its mode stays, and nothing takes its place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    await asyncio.to_thread(write, pipe)
    await asyncio.to_thread(reader.join)
    assert got == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    behind = tmp_path / "redirected"
    with behind.open("wb") as file:
        file.write(b"before ")
        file.flush()
        write(Path(f"/dev/fd/{file.fileno()}"))
    assert behind.read_bytes() == b"before new"
