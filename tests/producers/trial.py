"""One trial: a producer sends numbered logs while Andon is killed twice, and then what is stored is counted."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from support.service import Andon

#: So many logs a producer sends, in so many parts.
LOGS, PARTS = 10_000, 100
#: Before which parts Andon is killed, and before which it is started again.
KILLED, STARTED = (25, 65), (40, 80)
#: Pause between two parts in seconds, so that sending takes as long as the outages do, and when nothing comes any more.
PACE, QUIET = 0.03, 30.0
#: How far Andon may be behind when it is killed: it is not an overload that is tried.
BEHIND = 500
_NUMBER = re.compile(r"trial (\d+) ")


class Outcome(NamedTuple):
    """Logs sent, those of them that are stored, and how many were stored more than once; the numbers that are missing."""

    sent: int
    stored: int
    twice: int
    missing: frozenset[int]

    def lost_in_outages(self) -> list[int]:
        """What is missing of what was sent while Andon was away, but for the part with which its sender noticed."""
        away = [range(one + 1, two) for one, two in zip(KILLED, STARTED, strict=True)]
        return sorted(n for n in self.missing if any(n * PARTS // self.sent in parts for parts in away))


def text_of(number: int) -> str:
    """The text of a log of a trial. It must come through unchanged, wherever in the message it ends up."""
    return f"trial {number} of the press: no answer from drive {number % 7}"


def killed_twice(
    andon: Andon,
    send: Callable[[range], None],
    *,
    logs: int = LOGS,
    pace: float = PACE,
    quiet: float = QUIET,
    orderly: bool = False,
) -> Outcome:
    """Let ``send`` hand :func:`text_of` each number to the producer, part by part, while ``andon`` is killed (-9) twice.

    With ``orderly`` it is stopped in place of that. ``andon`` runs at the start and at the end. Returns once all is stored, or nothing new came for ``quiet`` seconds.
    """
    for part in range(PARTS):
        if part in KILLED:
            andon.until(lambda: max(counted(andon)) >= part * logs // PARTS - BEHIND, "what was sent before the kill")  # noqa: B023
            andon.stop() if orderly else andon.kill()
        if part in STARTED:
            andon.start()
        send(range(part * logs // PARTS, (part + 1) * logs // PARTS))
        if part == 0:
            andon.until(lambda: counted(andon), "the first logs")
        time.sleep(pace)
    found = counted(andon)
    last, changed = len(found), time.monotonic()
    while len(found) < logs and time.monotonic() - changed < quiet:
        time.sleep(0.5)
        found = counted(andon)
        if len(found) != last:
            last, changed = len(found), time.monotonic()
    twice = sum(1 for times in found.values() if times > 1)
    outcome = Outcome(logs, len(found), twice, frozenset(set(range(logs)) - found.keys()))
    print(f"\nsent {outcome.sent:,}, stored {outcome.stored:,}, of these more than once {outcome.twice:,}")
    return outcome


def counted(andon: Andon) -> Counter[int]:
    """How often each number is stored."""
    texts = andon.sql("SELECT message FROM agent_logs WHERE message LIKE '%trial %'")
    return Counter(int(found[1]) for (text,) in texts if (found := _NUMBER.search(text)))
