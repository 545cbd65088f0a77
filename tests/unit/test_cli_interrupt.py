"""Ctrl-C while a command loads: the end at once, whatever Python would make of it there."""

from __future__ import annotations

import signal
import subprocess
import sys

from andon.app.cli.interrupt import ends_at_once
from support.patience import PATIENCE

# An interrupt that arrives where Python swallows exceptions, as it does in the callbacks of its import system.
SWALLOWING = """
import os, signal
from andon.app.cli.interrupt import ends_at_once

signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests in the background ignores it, for us too

class Swallows:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(100_000))

with ends_at_once():
    thing = Swallows()
    del thing
print("went on")
"""


def test_an_interrupt_is_not_lost_where_exceptions_are_swallowed() -> None:
    """The process ends by the signal, without a traceback and without going on."""
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWING], capture_output=True, timeout=PATIENCE, check=False, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_afterwards_an_interrupt_is_an_exception_again() -> None:
    """Commands clean up behind themselves."""
    before = signal.getsignal(signal.SIGINT)
    with ends_at_once():
        pass
    assert signal.getsignal(signal.SIGINT) is before
