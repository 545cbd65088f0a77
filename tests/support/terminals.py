"""Commands on pseudo-terminals of a width: what a person would see, and what they press."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from support.environment import plain_environment
from support.patience import PATIENCE

_STYLES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, process: subprocess.Popen[bytes], ours: int) -> None:
        self.process = process
        self._ours = ours
        self._raw = b""

    @property
    def raw(self) -> str:
        """All that came so far, its codes for colours and cursor too."""
        return self._raw.decode("utf-8", "replace")

    @property
    def text(self) -> str:
        """The same without these codes, lines ending as usual."""
        return _STYLES.sub("", self.raw).replace("\r\n", "\n")

    def read(self, until: str | None = None) -> str:
        """Wait for ``until``, or for the end of the process, and return all text so far."""
        end = time.monotonic() + PATIENCE
        while until is None or until not in self.text:
            left = end - time.monotonic()
            assert left > 0, f"{until!r} did not come: {self.text}"
            if not select.select([self._ours], [], [], left)[0]:
                continue
            try:
                part = os.read(self._ours, 65_536)
            except OSError:  # the other end is closed: all is read
                part = b""
            self._raw += part
            if not part:
                assert until is None or until in self.text, f"{until!r} did not come: {self.text}"
                break
        return self.text

    def press(self, keys: str) -> None:
        """As from its keyboard; ``\x03`` is Ctrl-C."""
        os.write(self._ours, keys.encode())


@contextmanager
def on_terminal(settings: Mapping[str, str], width: int, *arguments: str, **more: str) -> Iterator[Terminal]:
    """``andon ARGUMENTS`` on a terminal of ``width`` columns; ``more`` are environment variables beside ``settings``."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {**plain_environment(), **settings, "TERM": "xterm-256color", **more}
    environment.pop("COLUMNS", None)

    def own_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        [sys.executable, "-m", "andon", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True, preexec_fn=own_terminal,
    ) as process:  # fmt: skip
        os.close(theirs)
        try:
            yield Terminal(process, ours)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(PATIENCE)
            os.close(ours)
