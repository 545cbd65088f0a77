"""Ctrl-C while a command still loads its modules."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Ctrl-C ends the process as the system does it, until something else takes the signal.

    Python's KeyboardInterrupt may be raised inside an import, where it becomes a traceback or is swallowed: then the
    command would go on as if nobody had asked it to stop.
    """
    before = signal.getsignal(signal.SIGINT)
    ours = before is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)
