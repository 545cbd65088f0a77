"""What a command waits for is said on a terminal where it takes more than a moment."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from andon.app.cli.output import errors, plain

#: Seconds after which a wait is told.
LONG = 1.0


@contextlib.contextmanager
def waiting(what: str) -> Iterator[Callable[[], None]]:
    """While this lasts, a terminal is told after :data:`LONG` seconds that the command is at it: a line, once.

    What is given is to be called where the wait ends sooner.
    """
    if not errors.is_terminal:
        yield lambda: None
        return
    timer = threading.Timer(LONG, lambda: errors.print(plain(f"{what} …"), style="dim"))
    timer.daemon = True
    timer.start()
    try:
        yield timer.cancel
    finally:
        timer.cancel()
