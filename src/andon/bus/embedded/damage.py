"""What is damaged in the broker's store: found, moved aside and named, so that the broker starts and nothing is lost.

nats-server passes over a stream or a consumer whose description it cannot read, and one that it cannot set up it may
clear away together with its messages. So what is plainly wrong is moved before it starts; what it passed over all the
same is found by comparing what it lists with what lies there.

The messages of the log stream stay where they are: they are in files of their own, and the stream, made again, finds
them. A consumer is made again from nothing, as reading a log twice stores it once. Of other streams only their owner
knows how they were set up, so these are moved as they are.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from andon.bus.embedded.probe import Probe
from andon.bus.embedded.salvage import Kept, unreadable
from andon.core.errors import BrokerStartError
from andon.core.models import CONSUMER, STREAM
from andon.core.text import counted

#: Directories of the store that damaged things are moved to begin like this.
ASIDE = "damaged-"
ACCOUNT = "$G"
#: How the streams begin that the broker makes for MQTT by itself, with consumers and gaps of its own.
MQTT = "$MQTT_"
DESCRIPTION = ("meta.inf", "meta.sum")
MESSAGES = "msgs"
CONSUMERS = "obs"


class Moved(NamedTuple):
    """Something that was moved: what it was, where it lay, where it lies now, and what becomes of the logs in it."""

    what: str
    path: Path
    to: Path
    outcome: str

    def __str__(self) -> str:
        return f"{self.path} ({self.what}) was damaged and is now at {self.to}: {self.outcome}"


class Store:
    """The broker's store in ``directory``, as its files are. Blocks on the disk: run it in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._streams = directory / "jetstream" / ACCOUNT / "streams"
        self.kept = Kept(directory, self._streams)

    def listing(self) -> dict[str, set[str]]:
        """The streams that lie there, with their durable consumers."""
        return {stream.name: {one.name for one in _entries(stream / CONSUMERS)} for stream in _entries(self._streams)}

    def moved_before(self) -> list[Path]:
        """The directories that hold what was moved, the oldest first."""
        return sorted(path for path in _entries(self._directory) if path.name.startswith(ASIDE))

    def clear_probes(self) -> None:
        """Remove what a server that was killed while it started left behind. Raises OSError.

        nats-server tries out whether it can write by creating ``_test_<number>``. Ended in that moment, it leaves it
        behind and takes it for an account at the next start. Call this only while the store is locked.
        """
        for probe in (self._directory / "jetstream").glob("_test_*"):
            if re.fullmatch(r"_test_\d+", probe.name):
                with contextlib.suppress(FileNotFoundError):
                    probe.rmdir() if probe.is_dir() else probe.unlink()

    def require_access(self) -> None:
        """Raises BrokerStartError for a file that we may not read and write: it is not damaged, only not ours."""
        for top, directories, files in os.walk(self._directory / "jetstream"):
            for path in (Path(top) / name for name in (*directories, *files)):
                wanted = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
                if not os.access(path, wanted) and path.exists():
                    raise BrokerStartError(
                        f"{path} in the broker's store cannot be read and written: make the user who runs Andon its "
                        "owner, or set ANDON_DATA_DIR to another directory"
                    )

    def move_misplaced(self) -> list[Moved]:
        """Move files that stand where directories belong, the reverse, and what is no part of a store."""
        accounts = self._streams.parent.parent
        strange = [path for path in _entries(accounts) if path.name != ACCOUNT]
        found = [self._move(path, "not part of the broker's store", "it was not used") for path in strange]
        found += [
            self._move(path, "a file where a directory belongs", "it contained no logs")
            for path in (accounts, self._streams.parent, self._streams)
            if _exists(path) and not path.is_dir()
        ]
        for stream in _entries(self._streams):
            found += self._misplaced_in(stream)
        return found

    def _misplaced_in(self, stream: Path) -> list[Moved]:
        if not stream.is_dir():
            return [self._move(stream, "a file where a stream belongs", "it contained no logs")]
        found = []
        for part in (MESSAGES, CONSUMERS):
            path = stream / part
            if _exists(path) and not path.is_dir():
                found.append(self._move(path, "a file where a directory belongs", "the broker creates it again"))
        for consumer in _entries(stream / CONSUMERS):
            parts = [consumer / name for name in (*DESCRIPTION, "o.dat")]
            if not consumer.is_dir() or any(_exists(part) and not part.is_file() for part in parts):
                found.append(self._move_consumer(consumer))
        return found

    async def passed_over(self, probe: Probe, before: dict[str, set[str]]) -> list[tuple[str, str]]:
        """(stream, consumer) of what lay there before the broker started and is not in use; "" for a whole stream."""
        known = await probe.names("STREAM.NAMES", "streams")
        missing = [(stream, "") for stream in before if stream not in known and not self._awaits_making(stream)]
        for stream in sorted(known & before.keys()):
            if stream.startswith(MQTT):
                continue
            if gone := before[stream] - await probe.names(f"CONSUMER.NAMES.{stream}", "consumers"):
                missing += [(stream, consumer) for consumer in sorted(gone)]
        return [
            (stream, consumer)
            for stream, consumer in missing
            if _exists(self._place(stream, consumer)) or (not consumer and self.kept.holds(stream))
        ]

    async def lost(self, probe: Probe, rebuilt: bool) -> list[str]:
        """A sentence for each stream of whose messages the broker could not read some, and cut them off.

        It does not always say so. ``rebuilt``: it had to read all of a stream's messages, so that gaps in their numbers
        may be a loss.
        """
        told = []
        for stream in sorted(await probe.names("STREAM.NAMES", "streams")):
            state = (await probe.ask(f"STREAM.INFO.{stream}", {"deleted_details": True}))["state"]
            lost = state.get("lost") or {}
            gaps = state.get("num_deleted", 0) if rebuilt and not stream.startswith(MQTT) else 0
            missing = max(len(lost.get("msgs") or ()), gaps)
            if not missing and not lost.get("bytes"):
                continue
            what = counted(missing, "message") if missing else f"{lost['bytes']:,} bytes"
            told.append(
                f"{what} of the stream {stream} could not be read from {self._place(stream, '') / MESSAGES}: if nobody "
                "deleted them, the disk lost them; check the disk, and send the most recent logs again"
            )
        return told

    def _awaits_making(self, stream: str) -> bool:
        """Whether only the messages of the log stream are left, which it finds when it is made again."""
        place = self._place(stream, "")
        return stream == STREAM and (place / MESSAGES).is_dir() and not any(_exists(place / one) for one in DESCRIPTION)

    def move_passed_over(self, missing: list[tuple[str, str]]) -> list[Moved]:
        """Move what the broker did not read, while it is not running; what is gone meanwhile was deleted by it."""
        found = []
        for stream, consumer in missing:
            path = self._place(stream, consumer)
            if not _exists(path):
                if consumer:
                    continue
                self.kept.put_back(stream)
            if consumer:
                found.append(self._move_consumer(path))
            elif stream == STREAM and (path / MESSAGES).is_dir():
                found.append(self._move_description(path))
            else:
                kept = "its content is kept there; the program that created the stream must create it again"
                found.append(self._move(path, "a stream of the broker", kept))
        return found

    async def move_unreadable(self, reads: Callable[[Sequence[str]], Awaitable[bool]]) -> list[Moved]:
        """Put the log stream back, which the server cleared away, without the blocks that ``reads`` refuses.

        Nothing where it is there. Raises OSError, BrokerStartError.
        """
        if _exists(self._place(STREAM, "")) or not self.kept.holds(STREAM):
            return []
        if not await reads([]):
            return []  # it is not the messages
        if not (bad := await unreadable(self.kept.blocks(STREAM), reads)):
            return []
        self.kept.put_back(STREAM)
        told = "logs of it that are not in the database are lost"
        place = self._place(STREAM, "") / MESSAGES
        return [self._move(place / name, "messages of the log stream", told) for name in bad]

    def _move_description(self, stream: Path) -> Moved:
        """Leave the messages, which the stream finds when it is made again; so is our consumer of it."""
        kept = "the stream is created again with its messages, which are read once more"
        parts = [stream / name for name in DESCRIPTION] + [stream / CONSUMERS / CONSUMER]
        moved = [self._move(path, "the description of the log stream", kept) for path in parts if _exists(path)]
        return moved[0]

    def _move_consumer(self, path: Path) -> Moved:
        ours = path.name == CONSUMER
        outcome = (
            "it is created again and reads from the beginning"
            if ours
            else "the program that created it must create it again"
        )
        return self._move(path, "the state of a consumer", outcome)

    def _place(self, stream: str, consumer: str) -> Path:
        place = self._streams / stream
        return place / CONSUMERS / consumer if consumer else place

    def _move(self, path: Path, what: str, outcome: str) -> Moved:
        """Within the store, which is one file system: a rename, which takes no room. Raises BrokerStartError."""
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        to = self._directory / f"{ASIDE}{stamp}" / path.relative_to(self._directory)
        number = 1
        while _exists(to):
            number += 1
            to = to.with_name(f"{path.name}.{number}")
        try:
            to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.rename(to)
        except OSError as error:
            raise BrokerStartError(
                f"{path} ({what}) is damaged and cannot be moved to {to} ({error.strerror}): move it away yourself and "
                "start Andon again"
            ) from error
        return Moved(what, path, to, outcome)


def _entries(directory: Path) -> list[Path]:
    """What is in a directory, without what nats-server is deleting; nothing where it is none."""
    try:
        return sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _exists(path: Path) -> bool:
    return os.path.lexists(path)
