"""Which alarms a source told of last, kept on disk: what is over by the time Andon is back is then cleared."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from andon.ingest.sources.heard import Heard

log = structlog.get_logger(__name__)

_TABLE = (
    "CREATE TABLE IF NOT EXISTS alarms (source TEXT, id TEXT, said TEXT, sure INTEGER, clear BLOB,"
    " PRIMARY KEY (source, id)) WITHOUT ROWID"
)


class Remembered(msgspec.Struct):
    """An alarm that was told of. ``said`` is what was said last, in a few characters; ``clear`` the log that ends it.

    ``clear`` is None where it is not active any more and is remembered for what is left of it, such as that nobody
    acknowledged it. ``sure``: the stream has the log.
    """

    said: str
    clear: Heard | None
    sure: bool = False


class AlarmMemory:
    """The alarms of one source in a file that all sources share. Nothing here may be called in the event loop.

    A file that is damaged is begun anew: what was active then shows that by itself, and only what ended meanwhile
    stays active.
    """

    def __init__(self, path: Path, source: str) -> None:
        self._path = path
        self._source = source
        self._connection: sqlite3.Connection | None = None

    def load(self) -> dict[str, Remembered]:
        """What was told of, by the alarms' ids."""
        try:
            rows = self._open().execute("SELECT id, said, sure, clear FROM alarms WHERE source = ?", (self._source,))
            return {id_: Remembered(said, _decoded(clear), bool(sure)) for id_, said, sure, clear in rows}
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            log.error(
                "the saved alarm states are damaged, Andon starts with none", path=str(self._path), reason=str(error)
            )
            self.close()
            for ending in ("", "-wal", "-shm"):
                Path(f"{self._path}{ending}").unlink(missing_ok=True)
            return {}

    def keep(self, changed: Iterable[tuple[str, Remembered | None]]) -> None:
        """Write changes down in one transaction; None forgets an alarm. Raises OSError where that fails."""
        try:
            with self._open() as connection:
                for id_, one in changed:
                    if one is None:
                        connection.execute("DELETE FROM alarms WHERE source = ? AND id = ?", (self._source, id_))
                        continue
                    clear = None if one.clear is None else msgspec.msgpack.encode(one.clear)
                    row = (self._source, id_, one.said, one.sure, clear)
                    connection.execute("INSERT OR REPLACE INTO alarms VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            self.close()
            raise OSError(f"{self._path} cannot be written: {error}") from error

    def close(self) -> None:
        """Let go of the file; idempotent."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # always one thread at a time, but not always the same one
            connection = sqlite3.connect(self._path, timeout=10.0, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_size = -256")
            connection.execute(_TABLE)
            self._connection = connection
        return self._connection


def _decoded(clear: bytes | None) -> Heard | None:
    return None if clear is None else msgspec.msgpack.decode(clear, type=Heard)
