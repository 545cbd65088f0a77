"""Databases of earlier versions, one for each schema revision, and how they were made.

Each was written by a program of that revision itself: its `andon run` recorded these logs, and its own commands did
what people do. What neither of them wrote a row into got one by SQL, so that no table is empty. To make one anew::

    git archive COMMIT src | tar x -C THEN
    PYTHONPATH=tests python tests/support/kept_databases.py THEN/src tests/fixtures/databases/REVISION.db.gz

with the last commit of each revision: 98875e4f (0001), f5ba561e (0002), a5da4f50 (0003), faffca2a (0004), 9d972b12
(0005), c789f595 (0006), 9e8262b3 (0007), 45e8bec9 (0008), c6e6f2a0 (0009), 490b10b3 (0010), f55a41c0 (0011), 9dad1253 (0012),
7016e16a (0013), 551e97f7 (0014), 091a90a5 (0015). With a name that ends with ``.tar.gz`` the whole data directory is kept, the broker's store included.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PLACE = Path(__file__).parents[1] / "fixtures" / "databases"
REVISIONS = tuple(sorted(path.name.partition(".")[0] for path in PLACE.glob("*.db.gz")))
#: A data directory of the last version before there were backups.
WHOLE = PLACE / "before.tar.gz"

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="  # a PNG
#: What is typed once the logs are stored; what a version does not know yet is left out.
_DEEDS = (
    "resolve 1 --fix 'Tightened the belt' --cause 'worn out'",
    "patterns merge 2 3",
    "patterns merge 6 7",
    "patterns split 6",
    "verdict 5 helpful",
    "ack 1",
    "shelve 2 --for 8h --note ordered",
    "note 'Press 7 is to be watched'",
    "user add anna --role operator --password-stdin",
    "token add grafana --role viewer",
    "reanalyze 6",
)
_VALUES = {"detail": "{}", "at": "2026-03-01T22:00:00.000Z", "context": "{}", "severity": "ERROR"}


def restored(revision: str, place: Path) -> Path:
    """The database of this revision as its service left it, in the directory ``place``."""
    path = place / "agent.db"
    path.write_bytes(gzip.decompress((PLACE / f"{revision}.db.gz").read_bytes()))
    return path


def unpack_whole(place: Path) -> None:
    """The data directory of the last version before there were backups, as ``data`` in the directory ``place``."""
    with tarfile.open(WHOLE) as archive:
        for member in archive:
            target = place / member.name
            if member.isdir():
                target.mkdir(mode=0o700)
            else:
                target.write_bytes(archive.extractfile(member).read())  # type: ignore[union-attr]
                target.chmod(0o600)


def messages() -> Iterator[bytes]:
    """What was sent: problems that repeat, an alarm that comes and goes, one with a picture, and what is no log."""
    texts = ("Belt slips at the infeed", "Spindle 3 overload", "Coolant pump does not start", "Door 4 open", "SRVO-062")
    for number in range(20):
        yield json.dumps(_log(f"{texts[number % 5]}", number)).encode()
    for state in ("active", "cleared", "active"):
        yield json.dumps(_log("High level", 30, {"alarm_code": "LAH-5", "state": state, "machine": "tank-5"})).encode()
    yield json.dumps(_log("Low level", 31, {"alarm_code": "LAL-5", "state": "active", "machine": "tank-5"})).encode()
    yield json.dumps(
        _log(
            "Camera saw a scratch",
            40,
            {"images": [f"data:image/png;base64,{_PIXEL}", {"bucket": "scratches", "object": "1.png"}]},
        )
    ).encode()
    yield b"{}"
    yield b""


def _log(message: str, second: int, context: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "timestamp": f"2026-03-01T22:00:{second:02d}.000Z",
        "hostname": f"host-{second % 3}",
        "severity": "ERROR",
        "service": "plc",
        "message": message,
        "context": {"line": "L3", **(context or {})},
    }


async def _send(port: int) -> None:
    import nats

    nc = await nats.connect(f"nats://127.0.0.1:{port}")
    for data in messages():
        await nc.jetstream().publish("agent.technical.support.graz.a1.l3.press-7", data)
    await nc.close()


def _make(source: Path, target: Path) -> None:
    import shlex

    from support.service import Andon

    with tempfile.TemporaryDirectory() as directory:
        andon = Andon(Path(directory), PYTHONPATH=str(source))
        andon.start()
        try:
            asyncio.run(_send(andon.nats_port))
            andon.until(lambda: andon.sql("SELECT count(*) FROM logs")[0][0] >= 25, "logs")
            andon.until(lambda: andon.sql("SELECT count(*) FROM rejects")[0][0] >= 1, "the reject")
            known = _typed(andon, "--help").stdout
            for deed in _DEEDS:
                words = shlex.split(deed)
                if re.search(rf"^\W*{words[0]}\b", known, re.MULTILINE):
                    done = _typed(andon, *words)
                    print(done.returncode, deed, (done.stderr or done.stdout).strip()[-300:])
            andon.until(lambda: not andon.sql("SELECT 1 FROM analyses WHERE status = 'leased'"), "rest")
        finally:
            andon.stop()
        if target.name.endswith(".tar.gz"):
            with tarfile.open(target, "w:gz") as archive:
                archive.add(andon.data, "data", filter=_plain)
            return
        with sqlite3.connect(andon.database) as connection:
            print("by SQL:", *_fill(connection))
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("VACUUM")
        connection.close()
        target.write_bytes(gzip.compress(andon.database.read_bytes(), mtime=0))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return None if member.name.startswith("data/run") or member.name.endswith(".lock") else member


def _typed(andon: Any, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "andon", *words], env=andon.environment, cwd=andon.place, capture_output=True, text=True,
        input="correct horse battery\n", check=False,
    )  # fmt: skip


def _fill(connection: sqlite3.Connection) -> list[str]:
    """A row for each table that has none; their names."""
    names: list[str] = []
    for schema, name, kind, *_ in connection.execute("PRAGMA table_list").fetchall():
        if schema != "main" or kind != "table" or name.startswith("sqlite_"):
            continue
        if connection.execute(f"SELECT 1 FROM {name}").fetchone():
            continue
        columns = [row for row in connection.execute(f"PRAGMA table_info({name})") if row[3] or row[5]]
        listed = ", ".join(row[1] for row in columns)
        values = [_value(row[1], row[2]) for row in columns]
        connection.execute(f"INSERT INTO {name} ({listed}) VALUES ({', '.join('?' * len(values))})", values)
        names.append(name)
    return names


def _value(name: str, kind: str) -> object:
    if "INT" in kind.upper() or "BOOL" in kind.upper():
        return 1
    if "BLOB" in kind.upper():
        return base64.b64decode(_PIXEL)
    if kind.upper() in ("FLOAT", "REAL"):
        return 0.5
    return _VALUES.get(name, _VALUES["at"] if name.endswith("_at") else "1")


if __name__ == "__main__":
    _make(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
