"""Files that ``andon send`` sent before: noticed by their content, so that nobody stores a shift twice by mistake."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from andon.app.cli.output import errors, plain
from andon.core.errors import AndonError, ConfigError
from andon.core.text import counted
from andon.core.times import clock
from andon.ingest.sources.files.import_ledger import HEAD_MAX, Ledger, digest_of, known, matched

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from andon.core.settings.settings import Settings

#: Where what was sent is noted: in the data directory, or in the state directory of a user who may not write there.
PLACE, OWN = Path("sources") / "sent.db", Path("andon") / "sent.db"


class NotAgain(AndonError):
    """A person said that a file which was sent before is not to be sent again."""


class SentBefore(NamedTuple):
    """How many logs of a content were sent before, when, and whether that was all of it."""

    logs: int
    at: float
    whole: bool


def ledger_place(settings: Settings) -> Path:
    """The file in which what is sent is noted."""
    data = settings.data_dir
    if data.is_dir() and os.access(data, os.W_OK):
        return data / PLACE
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state) / OWN


def sent_before(place: Path, path: Path) -> SentBefore | None:
    """What of a file was sent before, None for nothing. Raises ConfigError where the ledger cannot be read."""
    import sqlite3

    if not place.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=2.0)) as db, path.open("rb") as file:
            candidates = known(db, file.read(HEAD_MAX))
            file.seek(0)
            found, _ = matched(file, candidates) if candidates else (None, None)
            size = file.seek(0, os.SEEK_END)
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(f"{place} cannot be read ({error})") from None
    return None if found is None else SentBefore(found.logs, found.saved, found.offset == size)


def note_sent(place: Path, path: Path, logs: int, settings: Settings) -> None:
    """Note that all ``logs`` of a file are in the stream. Raises ConfigError where that cannot be noted."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from None
    with Ledger(place, settings.file_access) as ledger:
        made = ledger.begin(data[:HEAD_MAX], 0)
        made.offset, made.digest, made.logs, made.whole = len(data), digest_of(data), logs, True
        ledger.save(made)


def demand_new(settings: Settings, path: Path, zone: ZoneInfo, *, asking: bool) -> None:
    """Say that a file was sent before, and ask on a terminal whether it is sent again. Raises NotAgain.

    In a script it is sent all the same: a log that is stored twice is seen, one that is left out is lost.
    """
    try:
        before = sent_before(ledger_place(settings), path)
    except ConfigError as error:
        _tell(f"Whether {path} was sent before is not known: {error}.")
        return
    if before is None:
        return
    when = f"{clock(before.at, zone):%Y-%m-%d %H:%M %Z}"
    what = "" if before.whole else " of its beginning"
    sentence = f"{path} was sent before: {counted(before.logs, 'log')}{what}, {when}."
    if not (asking and sys.stdin.isatty()):
        _tell(f"{sentence} It is sent again; --again says so without this notice.")
        return
    _tell(sentence)
    if not typer.confirm("Send it again?", err=True):
        raise NotAgain("nothing was sent")


def remember(settings: Settings, path: Path, logs: int) -> None:
    """Note a file that was sent whole; where that cannot be noted it is said, for the logs are stored."""
    try:
        note_sent(ledger_place(settings), path, logs, settings)
    except ConfigError as error:
        _tell(f"A second time {path} will not be noticed: {error}.")


def file_is_meant(message: str, *, asking: bool) -> bool:
    """Whether whoever gave the name of a file as the message means the file; asked on a terminal, told without one."""
    if not (asking and sys.stdin.isatty()):
        _tell(
            f"{message} is the name of a file, and only this name is sent as a message. "
            f"To send the logs in the file: andon import {message}"
        )
        return False
    return typer.confirm(f"{message} is a file. Send its lines as logs (no: send the name as a message)?", err=True)


def _tell(sentence: str) -> None:
    errors.print(plain(sentence), soft_wrap=True)
