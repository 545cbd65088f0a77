"""Files that are followed: whatever lies or comes to lie at the places that ``[[files]]`` names."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import structlog

from andon.core.private_files import FileAccess
from andon.core.settings.settings import Settings
from andon.core.settings.sources.file_settings import FollowedFiles
from andon.core.text import counted
from andon.core.timestamps import TimeReader
from andon.ingest.sources.files import file_positions, import_ledger
from andon.ingest.sources.files.directory_watch import DirectoryWatch
from andon.ingest.sources.files.file_positions import Book, Position, digest_of, table_key
from andon.ingest.sources.files.file_sweep import (
    FILES_MAX,
    Found,
    Sweep,
    copied_from,
    find_renamed,
    head_of_file,
    last_line_start,
    sweep,
)
from andon.ingest.sources.files.followed_file import FLUSH, FollowedFile, Taken
from andon.ingest.sources.files.import_ledger import Ledger, imported_up_to
from andon.ingest.sources.files.line_logs import LineLogs
from andon.ingest.sources.heard import IF_OLD, IMPORTED_HEADER
from andon.ingest.sources.outlet import Outlet

log = structlog.get_logger(__name__)

#: Seconds between two looks at all places; where the kernel tells nothing, more often.
SWEEP, SWEEP_BLIND = 5.0, 1.0
#: Positions are written this often, in seconds, while they change.
SAVE = 0.5
_IF_OLD = {IMPORTED_HEADER: IF_OLD}
#: A renamed file is let go so many seconds after its last line, an idle one is closed after so many.
LET_GO, CLOSE = 60.0, 300.0
#: Positions of files that are gone are kept so long, in seconds: a disk may come back.
REMEMBERED = 7 * 86_400.0


class FileSource:
    """All tables together: a file that several mean is read once. See :class:`andon.ingest.sources.source.Source`."""

    name = "files"

    def __init__(
        self, tables: Sequence[FollowedFiles], place: Path, access: FileAccess, times: TimeReader, fallback: str
    ) -> None:
        self._tables = tables
        self._place = place / file_positions.PLACE
        self._ledger = place / import_ledger.PLACE
        self._access = access
        self._times = times
        self._fallback = fallback
        self._host = socket.gethostname()
        self._book = Book()
        self._known: dict[tuple[int, int], Position] = {}
        self._files: dict[tuple[int, int], FollowedFile] = {}
        self._new_tables: set[int] = set()
        self._unreadable: dict[str, str] = {}
        self._beyond = 0
        #: Positions of files that were emptied while nobody looked: their copies are begun there.
        self._emptied: list[Position] = []
        #: What was followed and is no more: for whoever imports a copy of it.
        self._past: list[Position] = []
        self._changed = False
        self._first = True
        self._one_at_a_time = asyncio.Lock()

    @property
    def address(self) -> str:
        """The places."""
        return ", ".join(path for table in self._tables for path in table.paths)

    async def run(self, outlet: Outlet) -> None:
        self._book = await asyncio.to_thread(file_positions.load, self._place)
        self._known = {one.identity: one for one in self._book.files}
        keys = [table_key(table.paths) for table in self._tables]
        self._new_tables = {number for number, key in enumerate(keys) if key not in self._book.tables}
        self._book.tables = keys
        self._files, self._first = {}, True
        saving = asyncio.create_task(self._keep_saving(), name="file-positions")
        try:
            with DirectoryWatch() as watch:
                await self._follow(outlet, watch, saving)
        finally:
            saving.cancel()
            await asyncio.wait({saving})
            for file in self._files.values():
                file.settle()
                self._past += file.finished()
                file.close()
            self._save()

    async def _follow(self, outlet: Outlet, watch: DirectoryWatch, saving: asyncio.Task[None]) -> None:
        due, busy = 0.0, set[FollowedFile]()
        while True:
            if saving.done():
                saving.result()
            now = time.monotonic()
            if now >= due or watch.moved:
                watch.moved = False
                found = await asyncio.to_thread(sweep, self._tables)
                watch.watch(found.directories)
                busy |= await asyncio.to_thread(self._take_in, found, outlet.max_payload)
                due = time.monotonic() + (SWEEP_BLIND if watch.problem else SWEEP)
                if self._first:  # before anything is sent: what is read again after a kill must have the same ids
                    self._first = False
                    await self._save_now()
                self._tell(outlet)
            grown, watch.grown = watch.grown, set()
            looked_at = [one for one in self._files.values() if one not in busy and self._wants_look(one, grown)]
            if looked_at:
                busy |= await asyncio.to_thread(self._with_news, looked_at)
            for file in list(busy):
                if not await self._pump(file, outlet):
                    busy.discard(file)
            if not busy and not watch.grown and not watch.moved:
                holding = any(one.holding for one in self._files.values())
                await watch.wait(min(due - time.monotonic(), FLUSH / 2 if holding else SWEEP))

    def _wants_look(self, file: FollowedFile, grown: set[str]) -> bool:
        return file.holding or os.path.dirname(file.position.path) in grown

    async def _pump(self, file: FollowedFile, outlet: Outlet) -> bool:
        """Send the next logs of a file; whether there may be more."""
        try:
            taken = await asyncio.to_thread(file.read)
        except OSError as error:
            self._note_unreadable(file.position.path, error)
            file.close()
            return False
        if taken.note:
            log.info("file is read from its start", note=taken.note)
        await self._send(file, taken, outlet)
        return taken.more

    async def _send(self, file: FollowedFile, taken: Taken, outlet: Outlet) -> None:
        logs = [
            (made.subject, made.data, _IF_OLD, id_) for made, id_, *_ in taken.messages if made and not made.refused
        ]
        futures = iter(await outlet.put_messages(logs))
        for made, _, generation, end in taken.messages:
            if made is not None and made.refused:
                outlet.refuse(made.refused)
            file.sent(generation, end, next(futures) if made is not None and not made.refused else None)
        self._changed = self._changed or bool(taken.messages)

    # In threads.

    def _take_in(self, found: Sweep, most: int) -> set[FollowedFile]:
        """Begin what is new, note what moved or went; the files in which there is something to read."""
        if self._first:
            self._emptied = [old for one in found.files if (old := self._emptied_before(one)) is not None]
        self._beyond = found.beyond
        self._unreadable.clear()
        now, present = time.time(), set[tuple[int, int]]()
        # what was emptied is known before its copies are looked at
        ready = self._with_news([one for one in self._files.values() if not one.gone])
        for one in found.files:
            identity = (one.device, one.inode)
            present.add(identity)
            if (file := self._files.get(identity)) is not None:
                if file.position.path != one.path:
                    file.position.path = one.path
                    self._changed = True
                file.gone = False
                file.position.seen = now
            elif (file := self._begun(one, most, now)) is not None:
                self._files[identity] = file
                ready |= self._with_news([file])
        for identity, position in list(self._known.items()):
            if self._first and identity not in present:
                ready |= self._begin_renamed(position, most)
        for identity, file in list(self._files.items()):
            if identity not in present:
                file.gone = True
                ready |= self._with_news([file])
                self._let_go(identity, file, ready)
            elif file not in ready and file.settled and time.monotonic() - file.grew > CLOSE:
                file.close()
        for identity, position in list(self._known.items()):
            if position.seen < now - REMEMBERED and identity not in self._files:
                self._past.append(self._known.pop(identity))
        return ready

    def _begun(self, one: Found, most: int, now: float) -> FollowedFile | None:
        """A file that is met now: where it was left, or from where its table says."""
        try:
            head = head_of_file(one.path)
            position = self._known.get((one.device, one.inode))
            if position is None or digest_of(head[: position.head_size]) != position.head or one.size < position.offset:
                generation = 0 if position is None else position.generation + 1
                if position is not None:
                    self._past.append(msgspec.structs.replace(position))
                moved = self._moved(one, head) if position is None else None
                offset = self._start(one, head, position) if moved is None else moved.offset
                position = Position(
                    one.path, one.device, one.inode, len(head), digest_of(head), offset, offset, generation
                )
        except OSError as error:
            self._note_unreadable(one.path, error)
            return None
        position.path, position.seen, position.table = one.path, now, self._book.tables[one.table]
        self._known[one.device, one.inode] = position
        self._changed = True
        return self._followed(position, self._tables[one.table], most)

    def _emptied_before(self, one: Found) -> Position | None:
        position = self._known.get((one.device, one.inode))
        if position is None or not position.offset:
            return None
        try:
            same = digest_of(head_of_file(one.path)[: position.head_size]) == position.head
        except OSError:
            return None
        return None if same and one.size >= position.offset else msgspec.structs.replace(position)

    def _start(self, one: Found, head: bytes, before: Position | None) -> int:
        if before is not None:
            return 0
        for old in self._emptied:
            beside = os.path.dirname(old.path) == os.path.dirname(one.path) and one.size >= old.offset
            if beside and old.head_size and digest_of(head[: old.head_size]) == old.head:
                return old.offset
        if imported := imported_up_to(self._ledger, one.path):
            return imported
        if self._first and one.table in self._new_tables:
            return last_line_start(one.path, one.size) if self._tables[one.table].start == "end" else 0
        return copied_from(one.path, self._files.values()) or 0

    def _moved(self, one: Found, head: bytes) -> Position | None:
        """The position of the same path and beginning under another number: restored, or on a disk mounted anew."""
        if not self._first:
            return None
        for position in self._known.values():
            same = position.path == one.path and position.head_size and position.offset <= one.size
            if same and digest_of(head[: position.head_size]) == position.head:
                return position
        return None

    def _begin_renamed(self, position: Position, most: int) -> set[FollowedFile]:
        """A file that was renamed while nobody looked has an end that was not read yet."""
        path = find_renamed(position.path, *position.identity)
        tables = zip(self._book.tables, self._tables, strict=True)
        table = next((table for key, table in tables if key == position.table), None)
        if path is None or table is None:
            return set()
        before, position.path = position.path, path
        try:
            same = digest_of(head_of_file(path)[: position.head_size]) == position.head
        except OSError:
            same = False
        if not same:
            position.path = before
            return set()
        file = self._followed(position, table, most)
        file.gone = True
        self._files[position.identity] = file
        return self._with_news([file])

    def _followed(self, position: Position, table: FollowedFiles, most: int) -> FollowedFile:
        made = LineLogs(table, self._times, position.path, host=self._host, most=most)
        return FollowedFile(position, table, made, self._book.name, self._fallback)

    def _with_news(self, files: Sequence[FollowedFile]) -> set[FollowedFile]:
        found = set()
        for file in files:
            try:
                if file.has_news():
                    found.add(file)
            except FileNotFoundError:
                file.gone = True
            except OSError as error:
                self._note_unreadable(file.position.path, error)
        return found

    def _let_go(self, identity: tuple[int, int], file: FollowedFile, ready: set[FollowedFile]) -> None:
        """A file that is at none of its places any more is let go once it was read to its end and nobody writes."""
        if file not in ready and file.settled and time.monotonic() - file.grew > LET_GO:
            file.close()
            del self._files[identity]

    def _note_unreadable(self, path: str, error: OSError) -> None:
        self._unreadable[path] = error.strerror or str(error)

    def _tell(self, outlet: Outlet) -> None:
        said = []
        if self._unreadable:
            path, why = next(iter(self._unreadable.items()))
            said.append(
                f"{counted(len(self._unreadable), 'file')} cannot be read ({path}: {why}): give the user who runs "
                "Andon read access, with a group such as adm or with setfacl"
            )
        if self._beyond:
            said.append(f"{self._beyond:,} files beyond the first {FILES_MAX:,} are not followed: narrow the paths")
        outlet.trouble("; ".join(said) or None)

    # Positions.

    async def _keep_saving(self) -> None:
        while True:
            await asyncio.sleep(SAVE)
            for file in self._files.values():
                self._changed = file.settle() or self._changed
                self._past += file.finished()
            if self._changed or self._past:
                await self._save_now()

    async def _save_now(self) -> None:
        async with self._one_at_a_time:
            await asyncio.to_thread(self._save)

    def _save(self) -> None:
        self._changed = False
        past = list(self._past)
        if past:
            with Ledger(self._ledger, self._access) as ledger:
                ledger.note_followed(past)
            del self._past[: len(past)]
        self._book.files = list(self._known.values())
        file_positions.save(self._place, self._book, self._access)


def sources(settings: Settings) -> list[FileSource]:
    """The one source of all tables."""
    times = TimeReader(ZoneInfo(settings.time_zone), settings.day_first)
    return [FileSource(settings.files, settings.data_dir, settings.file_access, times, settings.encoding)]
