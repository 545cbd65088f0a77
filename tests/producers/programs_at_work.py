"""Programs that log what they are handed and write what they were told is taken."""

from __future__ import annotations

import contextlib
import queue
import re
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

from producers.trial import counted, killed_twice, text_of
from support.service import Andon

#: The programs themselves.
PROGRAMS = Path(__file__).parent / "programs"
_NUMBER = re.compile(r"trial (\d+) ")
#: So long a program may take to send the rest, in seconds.
_LONGEST = 150.0


class Promise(NamedTuple):
    """Logs that were handed to a program, those that it was told are taken, those stored, and how many of them twice."""

    sent: int
    promised: set[int]
    stored: set[int]
    twice: int

    def __repr__(self) -> str:
        return f"sent {self.sent:,}, promised {len(self.promised):,}, stored {len(self.stored):,}, twice {self.twice:,}"


class Program:
    """A program that logs each line of its standard input, and writes the texts that were taken to its output."""

    def __init__(self, command: Sequence[str], told: Path) -> None:
        self._told = told
        with told.open("wb") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output)
        self._parts: queue.Queue[bytes | None] = queue.Queue()
        self._handing = threading.Thread(target=self._hand_over, daemon=True)
        self._handing.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def send(self, numbers: range) -> None:
        """Hand it a part. It may be at work on an earlier one for as long as it likes."""
        self._parts.put("".join(f"{text_of(number)}\n" for number in numbers).encode())

    def finish(self) -> set[int]:
        """Let it send the rest and end; the numbers that it was told are taken."""
        self._parts.put(None)
        self._process.wait(_LONGEST)
        return set(map(int, _NUMBER.findall(self._told.read_text())))

    def _hand_over(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as line:
            while (part := self._parts.get()) is not None:
                line.write(part)
                line.flush()


def promised_and_stored(andon: Andon, program: Program) -> Promise:
    """Let ``program`` send ten thousand logs while ``andon`` is killed twice, and count."""
    outcome = killed_twice(andon, program.send)
    promised = program.finish()
    for _ in range(60):  # what was promised last may still have to be recorded
        if promised <= set(found := counted(andon)):
            break
        time.sleep(0.5)
    found = counted(andon)
    return Promise(outcome.sent, promised, set(found), sum(1 for times in found.values() if times > 1))
