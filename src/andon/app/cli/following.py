"""``andon logs --follow``: new logs as they are stored, told by the running service rather than looked for."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable, Iterator

import msgspec

from andon.app.cli.output import errors, plain
from andon.app.running_service import NotRunning, Waking
from andon.core.models import LogQuery, StoredLog
from andon.core.settings.settings import Settings
from andon.store import Visitor, search

#: Logs that are read at a time.
_PAGE = 500
#: Where the service went away it is asked again after so many seconds, each time twice as many up to the longest.
_AGAIN_FIRST, _AGAIN_LONGEST = 1.0, 15.0


def follow(visitor: Visitor, query: LogQuery, settings: Settings, show: Callable[[list[StoredLog]], None]) -> None:
    """Call ``show`` with what ``query`` finds, the oldest first, then without end with new ones as they are stored.

    A service that stops is waited for, and what was stored meanwhile is shown then. Raises NotRunning or NotAnswered
    where none answers at first, and BrokenPipeError once nobody reads the output any more.
    """
    waking = Waking(settings)
    after = visitor.read(search.newest_id)
    show([row for row in visitor.read(search.find, query) if row.id <= after][::-1])
    while True:
        with waking:
            while waking.wait(_reader_left):
                for rows, last in _arrived(visitor, query, after):
                    after = last
                    if rows:
                        show(rows)
        errors.print(plain("The service stopped. Waiting until it runs again; Ctrl-C ends this."), style="dim")
        waking = _again(settings)


def _arrived(visitor: Visitor, query: LogQuery, after: int) -> Iterator[tuple[list[StoredLog], int]]:
    """The logs that came, page by page, with the id up to which all was told once the page is shown."""
    last = visitor.read(search.newest_id)
    asked = msgspec.structs.replace(query, above=after, oldest_first=True, limit=_PAGE, before=None)
    while last > after:
        rows = visitor.read(search.find, asked)
        whole = len(rows) < _PAGE
        yield [row for row in rows if row.id <= last], last if whole else after
        if whole:
            return
        asked = msgspec.structs.replace(asked, before=(rows[-1].timestamp, rows[-1].id))


def _again(settings: Settings) -> Waking:
    """Another connection to the service, once it is back."""
    pause = _AGAIN_FIRST
    while True:
        try:
            return Waking(settings)
        except NotRunning:
            time.sleep(pause)
            pause = min(2 * pause, _AGAIN_LONGEST)
        _reader_left()


def _reader_left() -> None:
    """Raises BrokenPipeError where the output is a pipe that nobody reads any more: no write would say so before the
    next log."""
    if not hasattr(select, "poll"):
        return
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):  # a test's, or closed
        return
    ways = select.poll()
    ways.register(number, 0)
    if any(what & (select.POLLERR | select.POLLNVAL) for _, what in ways.poll(0)):
        raise BrokenPipeError
