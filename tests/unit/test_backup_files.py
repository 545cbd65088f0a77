"""Backups as files: what is in them, what is refused, and what becomes of what was there before."""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.app.backup import archive, making, restoring
from andon.app.backup.manifest import FORMAT, MANIFEST, Manifest, Part, StreamPart, decoded, encoded
from andon.core.errors import AndonError, BackupError
from andon.core.models import STREAM
from andon.ingest.sources.alarm_memory import AlarmMemory, Remembered
from andon.ingest.sources.heard import Heard
from support import kept_databases
from support.commands import Commands
from support.mounts import small_disk
from support.settings import settings_of

_NOTHING = lambda *_: None  # noqa: E731 - told of progress


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A site in the working directory: a kept database, a broker's store, runbooks and settings, some of them secret."""
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "runbooks", "data/sources", "data/jetstream/jetstream/$G"):
        (tmp_path / folder).mkdir(parents=True)
    kept_databases.restored(kept_databases.REVISIONS[-1], tmp_path / "data")
    (tmp_path / "runbooks" / "belt.md").write_text("# Belt\n")
    (tmp_path / "data" / "sources" / "files.json").write_text("{}")
    (tmp_path / "data" / "sources" / "files.new").write_text("{")
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "sources" / "imports.db")) as connection:
        connection.executescript("CREATE TABLE contents (name TEXT); INSERT INTO contents VALUES ('night.log')")
    (tmp_path / "data" / "mqtt").mkdir()
    (tmp_path / "data" / "mqtt" / "c0ffee.json").write_text('{"press": 1}')
    memory = AlarmMemory(tmp_path / "data" / "alarm-sources.db", "opcua")
    memory.keep([("door", Remembered("active", Heard("Door open"), sure=True))])
    memory.close()
    (tmp_path / ".env").write_text("API_KEY=geheim\n")
    (tmp_path / "andon.toml").write_text('site_name = "Graz"\n')
    return tmp_path


@pytest.fixture
def andon(site: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Commands of the site, whose broker is somebody else's."""
    return Commands(site / "data", capsys, ANDON_CONFIG=str(site / "andon.toml"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup with an SQLite database and nothing else."""
    place = tmp_path_factory.mktemp("whole")
    kept_databases.restored(kept_databases.REVISIONS[-1], place)
    made = making.make(
        settings_of(data_dir=place, nats_url="nats://127.0.0.1:9", runbooks=place / "none", playbook=place / "none"),
        place / "whole.tar.gz",
        keep=None,
        with_secrets=False,
        by="test",
        told=_NOTHING,
    )
    return made.path


def _names(file: Path) -> set[str]:
    with tarfile.open(file) as packed:
        return {entry.name for entry in packed}


def _rows(database: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute("SELECT * FROM logs ORDER BY id").fetchall()
    finally:
        connection.close()


def test_a_backup_holds_the_site_and_no_secret(andon: Commands, site: Path) -> None:
    """For its user alone, in a directory of its own unless named; `doctor` knows of it."""
    assert "never backed up" in andon("doctor").out
    made = andon("backup", "--json")
    assert made.status == 0, made.err
    file = Path(made.json["path"])
    assert file.parent == (site / "data" / "backups").absolute()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)] == [0o600, 0o700]
    assert _names(file) == {
        MANIFEST, "data/agent.db", "data/sources/files.json", "data/sources/imports.db", "data/mqtt/c0ffee.json",
        "data/alarm-sources.db", "site/runbooks/belt.md", "site/settings.json",
        "site/andon.toml",
    }  # fmt: skip
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name], "something stayed behind"
    assert any(".env" in one for one in made.json["left_out"])
    assert any("NATS_URL" in one for one in made.json["left_out"])
    assert f"made today, to {file}" in andon("doctor").out
    with_secrets = andon("backup", str(site / "secret.tar.gz"), "--with-secrets")
    assert with_secrets.status == 0
    assert "site/.env" in _names(site / "secret.tar.gz")


def test_settings_that_may_hold_a_secret_stay_out(andon: Commands, site: Path) -> None:
    """Wherever in the file they stand; what was chosen is in the backup without them."""
    (site / "andon.toml").write_text('site_name = "Graz"\napi_key = "geheim"\n')
    made = andon("backup", str(site / "b.tar.gz"))
    assert made.status == 0, made.err
    assert "andon.toml: it may contain secrets" in made.out
    with tarfile.open(site / "b.tar.gz") as packed:
        texts = b"".join(packed.extractfile(e).read() for e in packed if e.name != "data/agent.db")  # type: ignore[union-attr]
    assert b"geheim" not in texts
    assert b"Graz" in texts


def test_a_backup_is_put_back_at_another_place(andon: Commands, site: Path, tmp_path: Path) -> None:
    """Row by row; settings are laid beside, runbooks where they are read, and nothing of an empty place is in the way."""
    assert andon("backup", str(site / "b.tar.gz")).status == 0
    other = tmp_path / "other"
    settings = settings_of(
        data_dir=other / "data", nats_url="nats://127.0.0.1:9", runbooks=other / "runbooks", playbook=other / "playbook"
    )
    done = restoring.restore(settings, site / "b.tar.gz", database_only=False, agree=pytest.fail, told=_NOTHING)
    assert _rows(other / "data" / "agent.db") == _rows(site / "data" / "agent.db")
    assert (other / "data" / "sources" / "files.json").read_text() == "{}"
    with contextlib.closing(sqlite3.connect(other / "data" / "sources" / "imports.db")) as connection:
        assert connection.execute("SELECT name FROM contents").fetchall() == [("night.log",)]
    assert (other / "data" / "mqtt" / "c0ffee.json").read_text() == '{"press": 1}'
    memory = AlarmMemory(other / "data" / "alarm-sources.db", "opcua")
    assert memory.load()["door"].clear == Heard("Door open")
    memory.close()
    assert (other / "runbooks" / "belt.md").read_text() == "# Belt\n"
    assert (other / "data" / "restored-settings" / "andon.toml").read_text() == 'site_name = "Graz"\n'
    assert stat.S_IMODE((other / "data" / "agent.db").stat().st_mode) == 0o600
    assert done.aside == []
    assert {path.name for path in (other / "data").iterdir()} == {
        "agent.db", "agent.db.lock", "sources", "mqtt", "alarm-sources.db", "restored-settings",
    }  # fmt: skip


def test_what_is_there_is_moved_aside_and_asked_about(andon: Commands, site: Path) -> None:
    """Never deleted; and where nobody answers nothing happens."""
    assert andon("backup", str(site / "b.tar.gz")).status == 0
    connection = sqlite3.connect(site / "data" / "agent.db")
    connection.execute("UPDATE logs SET message = 'later'")
    connection.commit()
    connection.close()
    refused = andon("restore", str(site / "b.tar.gz"))
    assert refused.status == 1
    assert "there is no terminal to ask on: add --yes" in refused.err
    assert "later" in str(_rows(site / "data" / "agent.db"))
    done = andon("restore", str(site / "b.tar.gz"), "--yes", "--json")
    assert done.status == 0, done.err
    (aside,) = map(Path, done.json["moved_aside_to"])
    assert "later" not in str(_rows(site / "data" / "agent.db"))
    assert "later" in str(_rows(aside / "agent.db"))
    assert (aside / "sources" / "files.json").exists()
    assert {"mqtt", "alarm-sources.db"} <= {path.name for path in aside.iterdir()}
    assert (site / "data" / "jetstream" / "jetstream").is_dir(), "the backup had no streams to put in its place"


def test_a_restore_that_fails_half_way_is_undone(andon: Commands, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was moved aside is back where it was."""
    assert andon("backup", str(site / "b.tar.gz")).status == 0
    before = {path: path.read_bytes() for path in sorted((site / "data").rglob("*")) if path.is_file()}
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if ".andon-restore-" in str(path) and path.name == "agent.db":
            raise OSError(5, "Input/output error", str(path))
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing)
        failed = andon("restore", str(site / "b.tar.gz"), "--yes")
    assert failed.status == 1
    assert "Input/output error" in failed.err
    after = {path: path.read_bytes() for path in sorted((site / "data").rglob("*")) if path.is_file()}
    assert {path.name for path in after.keys() - before.keys()} <= {"agent.db.lock", "andon.lock"}
    assert {path: after[path] for path in before} == before
    assert andon("restore", str(site / "b.tar.gz"), "--yes").status == 0


def test_the_database_alone_is_put_back(andon: Commands, site: Path) -> None:
    """Broker's store, positions of sources and settings stay as they are."""
    assert andon("backup", str(site / "b.tar.gz")).status == 0
    (site / "data" / "sources" / "files.json").write_text('{"later": 1}')
    done = andon("restore", str(site / "b.tar.gz"), "--yes", "--database-only", "--json")
    assert done.status == 0, done.err
    assert (site / "data" / "sources" / "files.json").read_text() == '{"later": 1}'
    assert not (site / "data" / "restored-settings").exists()
    assert [path.name for path in Path(done.json["moved_aside_to"][0]).iterdir()] == ["agent.db"]


def test_no_backup_writes_over_a_file_and_old_ones_of_its_own_go(andon: Commands, site: Path) -> None:
    """Others in that directory stay; what a killed backup left there goes, and what one that runs works on does not."""
    place = site / "backups"
    place.mkdir()
    (place / "mine.tar.gz").touch()
    for day in range(1, 5):
        (place / f"andon-2026010{day}T000000Z.tar.gz").touch()
    (place / ".andon-backup-dead").mkdir()
    (place / ".andon-backup-dead" / "lock").touch()
    with making._staging(place) as busy:
        assert not (place / ".andon-backup-dead").exists()
        made = andon("backup", str(place), "--keep", "3", "--json")
        assert made.status == 0, made.err
        assert busy.is_dir()
    assert sorted(path.name for path in place.iterdir()) == [
        "andon-20260103T000000Z.tar.gz", "andon-20260104T000000Z.tar.gz", Path(made.json["path"]).name, "mine.tar.gz",
    ]  # fmt: skip
    assert len(made.json["removed"]) == 2
    again = andon("backup", str(place / "mine.tar.gz"))
    assert again.status == 1
    assert "a backup never overwrites a file" in again.err
    assert (place / "mine.tar.gz").stat().st_size == 0
    assert "create it, or choose another place" in andon("backup", str(place / "none" / "b.tar.gz")).err
    absent = andon("backup", str(place / "none"), "--keep", "3")  # as where a disk is not mounted
    assert absent.status == 1
    assert "is not a directory" in absent.err
    assert not (place / "none").exists()


def test_nothing_stays_of_a_backup_that_finds_no_room(
    andon: Commands, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused at once where that can be foreseen, and where it cannot the half of it goes."""
    with small_disk(site / "small", 200 * 1024) as mounted:
        if not mounted:
            pytest.skip("mounting a small disk takes root")
        refused = andon("backup", str(site / "small"))
        assert "while it is being made, but only 200.0 KiB are free: free some disk space" in refused.err
        with monkeypatch.context() as patch:
            patch.setattr(making, "_require_room", _NOTHING)
            full = andon("backup", str(site / "small"))
        assert (full.status, refused.status) == (1, 1)
        assert "no disk space is left" in full.err
        assert list((site / "small").iterdir()) == []


@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
@settings(max_examples=60)
def test_a_changed_byte_is_noticed(whole: Path, place: float, change: int) -> None:
    """Wherever it stands: what passes is what was made."""
    data = bytearray(whole.read_bytes())
    data[int(place * len(data))] ^= change
    file = whole.with_name("changed.tar.gz")
    file.write_bytes(data)
    try:
        _, manifest = restoring.check(file, _NOTHING)
    except AndonError as error:
        assert str(file) in str(error)  # noqa: PT017 - or it passes
    else:
        assert manifest == restoring.check(whole, _NOTHING)[1]


@given(place=st.floats(0, 1, exclude_max=True))
@settings(max_examples=30)
def test_a_backup_that_was_cut_off_is_noticed(whole: Path, place: float) -> None:
    """Wherever it ends."""
    file = whole.with_name("cut.tar.gz")
    data = whole.read_bytes()
    file.write_bytes(data[: int(place * len(data))])
    try:
        _, manifest = restoring.check(file, _NOTHING)
    except BackupError as error:
        assert "cut.tar.gz" in str(error)  # noqa: PT017 - or it passes
    else:
        assert place > 0.99, "only the packing's own last bytes may be missing"
        assert manifest == restoring.check(whole, _NOTHING)[1]


def _altered(whole: Path, target: Path, *added: Part, **changes: object) -> Path:
    """The same backup with another manifest; what is added lies beside it."""
    with archive.reading(whole) as (manifest, files):
        places = {part.path: target.with_name(Path(part.path).name) for part in [*manifest.files, *added]}
        for part, content in files:
            with places[part.path].open("wb") as file:
                for block in iter(functools.partial(content.read, 1 << 20), b""):
                    file.write(block)
    changed = msgspec.structs.replace(manifest, files=[*manifest.files, *added], **changes)
    archive.write(target, changed, places, _NOTHING)
    return target


def test_a_newer_backup_is_refused_with_both_revisions(whole: Path, andon: Commands, site: Path) -> None:
    """And one of a layout that is not known; nothing is touched."""
    before = (site / "data" / "agent.db").read_bytes()
    with archive.reading(whole) as (manifest, _):
        held = manifest.database
    newer = _altered(whole, site / "newer.tar.gz", database=msgspec.structs.replace(held, revision="0999"), andon="9.1")
    for arguments in (("--check",), ("--yes",)):
        refused = andon("restore", str(newer), *arguments)
        assert refused.status == 1
        assert "made by Andon 9.1 with schema revision 0999" in refused.err
    odd = _altered(whole, site / "odd.tar.gz", format=FORMAT + 1)
    assert "layout 2, but this Andon supports layouts up to 1" in andon("restore", str(odd), "--yes").err
    assert (site / "data" / "agent.db").read_bytes() == before


@pytest.mark.parametrize(
    "path", ["data/../../x", "/data/x", "data", "../data/x", "other/x", "data//x", "data/./../../x"]
)
def test_a_manifest_that_names_a_file_elsewhere_is_refused(path: str, whole: Path) -> None:
    """Before anything is unpacked."""
    with archive.reading(whole) as (manifest, _):
        wrong = msgspec.structs.replace(manifest, files=[Part(path, 1, "0" * 64)])
    with pytest.raises(BackupError, match="does not belong in a backup"):
        decoded(encoded(wrong), whole)


def test_logs_that_came_too_late_are_told(whole: Path, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What only the broker's part holds comes back while the broker keeps it, which is said either way."""
    with archive.reading(whole) as (manifest, _):
        last = manifest.database.sequence + 7
    (site / "meta.inf").write_text("{}")
    description = archive.digested(site / "meta.inf", "data/jetstream/jetstream/$G/streams/AGENT_STREAM/meta.inf")
    streams = [StreamPart(STREAM, 100, 1000, 1, last, "")]
    andon = Commands(site / "new", capsys, NATS_URL="", ANDON_NATS_PORT="9")
    for name, made_at, said in (
        ("old", "2026-01-01T00:00:00Z", "older than the 24 hours for which it keeps logs: they are not restored"),
        ("young", "2099-01-01T00:00:00Z", "7 logs of them will be recorded at the next start"),
    ):
        told = {"made_at": made_at, "streams": streams, "broker": "online"}
        changed = _altered(whole, site / f"{name}.tar.gz", description, **told)
        done = andon("restore", str(changed), "--yes")
        assert done.status == 0, done.err
        assert said in done.out


def test_a_manifest_is_read_as_it_was_written(whole: Path) -> None:
    """By people and programs."""
    with tarfile.open(whole) as packed:
        first = packed.next()
        assert first is not None
        assert first.name == MANIFEST
        data = packed.extractfile(first).read()  # type: ignore[union-attr]
    assert decoded(data, whole) == msgspec.convert(json.loads(data), Manifest)
