"""What a backup holds, as it says itself in its first file."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import msgspec

import andon
from andon.core.errors import BackupError, StoreTooNew
from andon.store import HEAD, KNOWN_REVISIONS, Held

#: The name of the manifest in the archive, and the most of it that is read, in bytes.
MANIFEST, MOST = "manifest.json", 64 << 20
#: The layout of backups that this Andon writes, and the newest that it reads.
FORMAT = 1
#: Where in the archive things lie: what belongs into the data directory, and what lies elsewhere at a site.
DATA, SITE = "data", "site"
DATABASE, DUMP = f"{DATA}/agent.db", f"{DATA}/database.dump"
BROKER = f"{DATA}/jetstream"
#: Names below the data directory: how far sources have read, and which alarms they told of last.
SOURCES, ALARMS = ("sources",), ("mqtt", "alarm-sources.db")


class Part(msgspec.Struct, frozen=True):
    """A file in the archive, with its size in bytes and its SHA-256."""

    path: str
    size: int
    sha256: str


class StreamPart(msgspec.Struct, frozen=True):
    """A stream of the broker's: what was in it, with the first and last sequence, and when the last was stored."""

    name: str
    messages: int
    bytes: int
    first: int
    last: int
    last_at: str


class Manifest(msgspec.Struct, frozen=True):
    """The whole of it. ``database`` is an SQLite file, or ``dump`` says that it is PostgreSQL's.

    ``broker`` says how the streams got in: ``online`` beside a running broker, ``stopped`` from its files, ``none``
    where they are not in it. ``left_out`` has a sentence for each thing that is not in the backup.
    """

    format: int
    andon: str
    made_at: str
    host: str
    site: str
    database: Held
    dump: bool
    broker: str
    streams: list[StreamPart]
    waiting: int
    files: list[Part]
    left_out: list[str]

    @property
    def size(self) -> int:
        """Bytes of all files, unpacked."""
        return sum(part.size for part in self.files)

    def part(self, path: str) -> Part | None:
        """The file at this path of the archive, None where it has none."""
        return next((part for part in self.files if part.path == path), None)

    def below(self, folder: str) -> list[Part]:
        """The files in this folder of the archive."""
        return [part for part in self.files if part.path.startswith(f"{folder}/")]


def encoded(manifest: Manifest) -> bytes:
    """As JSON for programs and people."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decoded(data: bytes, file: object) -> Manifest:
    """Read a manifest, and see that this Andon can put its backup back.

    Raises BackupError where it is none or is damaged, StoreTooNew where a newer Andon made it.
    """
    try:
        number = msgspec.json.decode(data, type=_Numbered).format
        if number > FORMAT:
            raise StoreTooNew(
                f"the backup {file} has layout {number}, but this Andon supports layouts up to {FORMAT}: install the "
                "version that made it, or a newer one"
            )
        found = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupError(f"{file} is not an Andon backup, or it is damaged ({error}): name another file") from None
    if found.database.revision not in KNOWN_REVISIONS:
        raise StoreTooNew(
            f"the backup {file} was made by Andon {found.andon} with schema revision {found.database.revision}, but "
            f"this Andon {andon.__version__} supports revisions up to {HEAD}: install that version or a newer one, "
            "then restore"
        )
    if wrong := next((part for part in found.files if not _allowed(part)), None):
        raise BackupError(
            f"the backup {file} names a file that does not belong in a backup ({wrong.path!r}): do not use it"
        )
    return found


class _Numbered(msgspec.Struct):
    format: int


def _allowed(part: Part) -> bool:
    pieces = PurePosixPath(part.path).parts
    return (
        len(pieces) > 1
        and pieces[0] in (DATA, SITE)
        and not {"..", ""} & set(part.path.split("/"))
        and part.size >= 0
        and re.fullmatch(r"[0-9a-f]{64}", part.sha256) is not None
    )
