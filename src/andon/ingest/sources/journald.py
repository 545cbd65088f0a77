"""The journal of systemd, followed with a ``journalctl`` of our own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import msgspec
import structlog

from andon.bus.embedded.process import GUARD, PASSED_ENVIRONMENT
from andon.bus.feed import Stored
from andon.core.child_log import lines_of
from andon.core.errors import AndonError, ConfigError
from andon.core.private_files import written_whole
from andon.core.settings.settings import Settings
from andon.ingest.sources.journal_entries import FIELDS, entry_to_heard, text_of
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.source import Source

log = structlog.get_logger(__name__)

#: Longest entry that is read, in bytes as JSON; and how often at most the place in the journal is written down.
LONGEST_ENTRY, SAVE_EVERY = 4 * 1024 * 1024, 0.5
#: Seconds that journalctl has to end, and to tell where the journal ends.
END_WITHIN, ANSWER_WITHIN = 2.0, 30.0
_CURSOR_MOST = 1_000
_SERVICE = re.compile(r"/([^/]+\.service)(?:/[^/]*)?$")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def sources_of(settings: Settings) -> list[Source]:
    """The one source."""
    return [Journal(settings)]


def own_unit(cgroups: str) -> str | None:
    """The unit of systemd that this process is, by what ``/proc/self/cgroup`` says; None where it is none.

    >>> own_unit("0::/system.slice/andon.service"), own_unit("0::/user.slice/user-1000.slice/session-2.scope")
    ('andon.service', None)
    """
    for line in cgroups.splitlines():
        found = _SERVICE.search(line)
        if found and not found[1].startswith("user@"):
            return found[1]
    return None


class Place:
    """How far the journal was read: the cursor behind which nothing is in the stream yet, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cursor: str | None = None
        self._waiting: deque[tuple[str, asyncio.Future[Stored] | None]] = deque()
        self._saved_at = 0.0

    def read(self) -> str | None:
        """The cursor that was saved, from where reading starts anew; None where there is none."""
        self._waiting.clear()
        self._cursor = None
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = self._path.read_text(encoding="ascii").strip()
            return text if 0 < len(text) <= _CURSOR_MOST and text.startswith("s=") else None
        return None

    def passed(self, cursor: str, stored: asyncio.Future[Stored] | None) -> None:
        """An entry was read, and is in the stream once ``stored`` is done; None where it is not meant to be."""
        self._waiting.append((cursor, stored))

    def advance(self, *, now: bool = False) -> None:
        """Write down how far everything is in the stream, if that was not done a moment ago. Raises ConfigError."""
        while self._waiting and ((future := self._waiting[0][1]) is None or (future.done() and not future.cancelled())):
            self._cursor = self._waiting.popleft()[0]
        if self._cursor is None or not (now or time.monotonic() - self._saved_at > SAVE_EVERY):
            return
        cursor, self._cursor = self._cursor, None
        self.save(cursor)

    def save(self, cursor: str) -> None:
        """Write a cursor down. Raises ConfigError."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with written_whole(self._path) as file:
                file.write(cursor.encode("ascii"))
        except OSError as error:
            raise ConfigError(
                f"{self._path}, which records how far the journal was read, cannot be written ({error.strerror}): "
                "check the permissions and free space of the data directory"
            ) from None
        self._saved_at = time.monotonic()


class Journal:
    """See :class:`andon.ingest.sources.source.Source`."""

    name = "journald"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._place = Place(settings.data_dir / "sources" / "journald.cursor")
        self._encoding = settings.encoding
        with contextlib.suppress(OSError):
            self._own_unit = own_unit(Path("/proc/self/cgroup").read_text())
        self.address = str(settings.journald_directory or settings.journald_namespace or "the journal of this machine")

    async def run(self, outlet: Outlet) -> None:
        program = shutil.which("journalctl")
        if program is None:
            raise ConfigError("ANDON_JOURNALD=on needs journalctl, which this machine does not have: set it to off")
        cursor = self._place.read()
        if cursor is None and (cursor := await self._end_of_journal(program)):
            self._place.save(cursor)  # from here on, whatever happens
        arguments = ["--follow", "--no-tail", f"--output-fields={','.join(FIELDS)}", *self._selection()]
        if cursor:
            arguments.append(f"--after-cursor={cursor}")
        child = await _started(program, arguments)
        try:
            await self._follow(child, outlet)
        finally:
            await _ended(child)
            self._place.advance(now=True)

    def _where(self) -> list[str]:
        settings = self._settings
        where = [f"--directory={settings.journald_directory}"] if settings.journald_directory else []
        return [*where, *([f"--namespace={settings.journald_namespace}"] if settings.journald_namespace else [])]

    def _selection(self) -> list[str]:
        units = [f"--unit={unit}" for unit in self._settings.journald_units]
        return [*self._where(), f"--priority={self._settings.journald_priority}", *units]

    async def _end_of_journal(self, program: str) -> str | None:
        """The cursor of its newest entry; None where it has none, and then all that comes is new."""
        child = await _started(program, ["--lines=1", "--output-fields=PRIORITY", *self._where()])
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                said, complaint = await child.communicate()
        except TimeoutError:
            raise AndonError(f"journalctl did not report the end of the journal within {ANSWER_WITHIN:g} s") from None
        finally:
            await _ended(child)
        if child.returncode:
            raise _failure(child.returncode, complaint.decode(errors="replace"))
        with contextlib.suppress(msgspec.DecodeError):
            return str(_decode(said.splitlines()[-1])["__CURSOR"]) if said.strip() else None
        return None

    async def _follow(self, child: asyncio.subprocess.Process, outlet: Outlet) -> None:
        complaint = asyncio.create_task(_complaint(child.stderr))
        saving = asyncio.create_task(self._save_always())
        try:
            async for line in lines_of(child.stdout, LONGEST_ENTRY):
                await self._take(line, outlet)
                if saving.done():
                    saving.result()
            said = await complaint
        finally:
            complaint.cancel()
            saving.cancel()
            await asyncio.wait((complaint, saving))
        raise _failure(await child.wait(), said)

    async def _save_always(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY)
            self._place.advance(now=True)

    async def _take(self, line: bytes, outlet: Outlet) -> None:
        try:
            entry = _decode(line)
        except (msgspec.DecodeError, RecursionError):
            outlet.refuse("not readable")
            return
        cursor = text_of(entry.get("__CURSOR"), "ascii")
        stored = None
        if not self._is_own(entry):
            heard = entry_to_heard(entry, self._encoding)
            heard.backlog = True
            if heard.message.strip():
                stored = await outlet.put(heard)
            else:
                outlet.refuse("empty")
        if cursor.isascii() and cursor:
            self._place.passed(cursor, stored)

    def _is_own(self, entry: dict[str, Any]) -> bool:
        """Whether Andon itself said it: what it heard would make it say more."""
        return (
            entry.get("_PID") == str(os.getpid())
            or (self._own_unit is not None and entry.get("_SYSTEMD_UNIT") == self._own_unit)
            or entry.get("SYSLOG_IDENTIFIER") == "andon"
        )


async def _started(program: str, arguments: list[str]) -> asyncio.subprocess.Process:
    """A journalctl that ends when we do, however that comes. Raises AndonError."""
    command = [program, "--output=json", "--all", "--no-pager", "--quiet", *arguments]
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", str(GUARD), "exec", str(os.getpid()), *command]
    environment = {name: os.environ[name] for name in PASSED_ENVIRONMENT if name in os.environ}
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
    except OSError as error:
        raise AndonError(
            f"{program} cannot be started ({error.strerror}): check that it exists and is executable"
        ) from None


async def _complaint(stream: asyncio.StreamReader | None) -> str:
    last = b""
    async for line in lines_of(stream, 4_096):
        last = line.strip() or last
    return last.decode(errors="replace")


def _failure(status: int | None, said: str) -> AndonError:
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "without an error message")
    if "permission" in said.lower():
        return ConfigError(
            f"journalctl may not read the journal ({last}): add the user who runs Andon to the group systemd-journal, "
            "and start Andon again"
        )
    return AndonError(f"journalctl ended with status {status} ({last}): check that it works when you run it yourself")


async def _ended(child: asyncio.subprocess.Process) -> None:
    """End a child, if it has not; whoever is cancelled waits for that too."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(END_WITHIN):
                await child.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
