"""Backups of a real service under load, put back after a kill; and data directories of the version before."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from pathlib import Path

import pytest

from support import kept_databases
from support.patience import PATIENCE
from support.service import SUBJECT, Andon, log, running, until


class _Producer(threading.Thread):
    """Publishes numbered logs one after the other; ``confirmed`` are those that the broker has, in order."""

    def __init__(self, andon: Andon) -> None:
        super().__init__()
        self.andon = andon
        self.confirmed: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        asyncio.run(self._publish())

    async def _publish(self) -> None:
        async with self.andon.client() as connection:
            js = connection.jetstream()
            while not self.enough.is_set():
                text = f"Belt {len(self.confirmed)} slips"
                await js.publish(SUBJECT, json.dumps(log(text)).encode())
                self.confirmed.append(text)

    def reach(self, count: int) -> None:
        until(lambda: len(self.confirmed) >= count or not self.is_alive(), f"{count} logs")
        assert self.is_alive()

    def finish(self) -> None:
        self.enough.set()
        self.join(PATIENCE)


def _messages(database: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return [row[0] for row in connection.execute("SELECT message FROM logs ORDER BY message")]
    finally:
        connection.close()


@pytest.fixture
def loaded(tmp_path: Path) -> Andon:
    """A service that gets logs, was backed up meanwhile to ``b.tar.gz``, and was killed some logs later."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "belt.md").write_text("# Belt\nTighten it.\n")
    andon = Andon(tmp_path)
    try:
        andon.start()
        producer = _Producer(andon)
        producer.start()
        try:
            producer.reach(500)
            before = list(producer.confirmed)
            made = andon.cli("backup", str(tmp_path / "b.tar.gz"), "--json")
            assert made.returncode == 0, made.stderr
            andon.backup, andon.before = json.loads(made.stdout), before  # type: ignore[attr-defined]
            producer.reach(len(producer.confirmed) + 200)
        finally:
            producer.finish()
        andon.kill()
        andon.confirmed = producer.confirmed  # type: ignore[attr-defined]
    except BaseException:
        andon.close()
        raise
    return andon


def test_a_backup_under_load_brings_every_confirmed_log_back_once(loaded: Andon, tmp_path: Path) -> None:
    """Restored over a killed service's data, which is moved aside; new logs are recorded, old sequences or not."""
    made, before, confirmed = loaded.backup, loaded.before, loaded.confirmed  # type: ignore[attr-defined]
    assert made["broker"] == "online"
    assert made["left_out"] == []
    assert made["database"]["logs"] >= len(before), "what was confirmed when it began was not waited for"
    (stream,) = [one for one in made["streams"] if one["name"] == "AGENT_STREAM"]
    with running(tmp_path, start=False) as andon:
        andon.environment, andon.nats_port, andon.http_port = loaded.environment, loaded.nats_port, loaded.http_port
        stopped = andon.cli("backup", str(tmp_path / "stopped.tar.gz"), "--json")
        assert stopped.returncode == 0, stopped.stderr
        assert json.loads(stopped.stdout)["broker"] == "stopped"
        done = andon.cli("restore", str(tmp_path / "b.tar.gz"), "--yes", "--json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["waiting"] == stream["last"] - made["database"]["logs"]
        (aside,) = told["moved_aside_to"]
        andon.start()
        back = stream["last"]  # each log of the producer is one message
        andon.until(lambda: andon.count("logs") >= back, "what was in the stream alone")
        assert _messages(andon.database) == sorted(confirmed[:back])
        andon.publish(*[log(f"Pump {n} hums") for n in range(300)])
        andon.until(lambda: andon.count("logs") >= back + 300, "new logs")
        assert andon.sql("SELECT message FROM logs GROUP BY message HAVING count(*) > 1") == []
        assert set(_messages(Path(aside) / "agent.db")) <= set(confirmed)
        in_use = andon.cli("restore", str(tmp_path / "b.tar.gz"), "--yes")
        assert in_use.returncode == 1
        assert b"in use by another Andon" in in_use.stderr
        assert andon.stop() == 0
    _elsewhere(loaded, tmp_path)


def _elsewhere(loaded: Andon, tmp_path: Path) -> None:
    """The backup of the killed service holds all that was confirmed, and is put back at another place."""
    place = tmp_path / "other"
    place.mkdir()
    with running(place, start=False) as other:
        done = other.cli("restore", str(tmp_path / "stopped.tar.gz"))
        assert done.returncode == 0, done.stderr
        assert (place / "runbooks" / "belt.md").read_text() == "# Belt\nTighten it.\n"
        other.start()
        count = len(loaded.confirmed)  # type: ignore[attr-defined]
        other.until(lambda: other.count("logs") >= count, "all that was confirmed")
        assert _messages(other.database) == sorted(loaded.confirmed)  # type: ignore[attr-defined]
        assert other.stop() == 0


def test_a_data_directory_of_before_goes_on(tmp_path: Path) -> None:
    """Database and broker store of the version before: what is there is shown, and new logs come behind it."""
    kept_databases.unpack_whole(tmp_path)
    with running(tmp_path) as andon:
        rows = andon.count("logs")
        assert rows >= 25
        andon.publish(log("Gripper of cell 4 does not open"))
        andon.until(lambda: andon.count("logs") == rows + 1, "a new log")
        doctor = andon.cli("doctor")
        assert b"was never backed up" in doctor.stdout
        assert andon.stop() == 0


def test_an_upgrade_can_be_taken_back(tmp_path: Path) -> None:
    """The copy that it made is put back, as the version before can use it; and an upgrade from there works again."""
    with running(tmp_path, start=False) as andon:
        andon.data.mkdir()
        kept_databases.restored("0009", andon.data)
        rows = andon.count("logs")
        andon.start()
        andon.publish(log("Gripper of cell 4 does not open"))
        andon.until(lambda: andon.count("logs") == rows + 1, "a new log")
        assert andon.stop() == 0
        (copy,) = andon.data.glob("agent.db.before-*-revision-0009-*.bak")
        assert str(copy) in andon.log()
        done = andon.cli("restore", str(copy), "--yes")
        assert done.returncode == 0, done.stderr
        assert b"Its schema revision is 0009" in done.stdout
        assert andon.sql("SELECT version_num FROM alembic_version") == [("0009",)]
        andon.start()
        andon.until(lambda: andon.count("logs") == rows + 1, "the log that came since, from the stream")
        assert andon.stop() == 0
