"""Callers that wait in memory, and the bounded number of places they wait on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import msgspec

from andon.core.models import Severity
from andon.explain.callers import payloads

#: The rank of who named an inbox where it surely waits for the acknowledgement only (see :func:`shared_inbox`).
UNASKED = 0
#: The rank of a plain caller; requests to the endpoint rank above by their severity.
PLAIN = 1
_RANKS = len(Severity) + 2
_NUID = 22


def shared_inbox(reply: str) -> bool:
    """Whether ``reply`` is one of the inboxes that a client keeps for all its requests: its last part is a request's.

    Such a client takes the first message that comes for a request, which is the broker's acknowledgement, and drops the
    second, which is our answer; who waits for an answer subscribes to a subject of its own. Clients make these as
    ``<prefix>.<NUID>.<request>``, with a NUID of 22 letters and digits.

    >>> shared_inbox("_INBOX.JZ0eRjbNqTmTkTqzZaKZAq.3f2a"), shared_inbox("_INBOX.JZ0eRjbNqTmTkTqzZaKZAq")
    (True, False)
    """
    owner = reply.split(".")[-2:-1]
    return bool(owner) and len(owner[0]) == _NUID and owner[0].isalnum()


class Caller(msgspec.Struct, eq=False):
    """One caller in memory.

    ``rank`` above :data:`PLAIN` is that of a caller who asked for exactly one reply, and raises the priority; one of
    :data:`UNASKED` hardly reads an answer.
    ``displaced`` is called where somebody more urgent got the place. ``about`` is the stored log, once there is one.

    ``request`` is the id of the message that a request to the endpoint becomes, ``sequence`` its place in the stream
    once it is there. ``arrived`` is the caller's place among
    what the connection received (0 where nobody counts), ``behind`` how many equal messages that came before it are not
    recorded yet. ``passed`` is a log of the same bytes that was taken for another's, ``passed_at`` since when (the
    desk's clock).
    """

    payload: bytes
    answer: Callable[[bytes], Awaitable[None]]
    deadline: float
    way: str
    rank: int = PLAIN
    displaced: Callable[[], None] | None = None
    about: payloads.Subject | None = None
    request: str | None = None
    sequence: int = 0
    arrived: int = 0
    behind: int = 0
    passed: payloads.Subject | None = None
    passed_at: float = 0.0

    @property
    def asked(self) -> bool:
        """Whether the sender reads an answer, as far as one can tell."""
        return self.rank > UNASKED

    @property
    def urgent(self) -> bool:
        """Whether somebody surely waits for this answer."""
        return self.rank > PLAIN


class Slots:
    """At most ``most`` callers with at most ``most_bytes`` of payload between them, or one with more.

    Those of rank :data:`UNASKED`, every publisher in a flood, hold at most ``unasked_bytes`` of that.
    """

    def __init__(self, most: int, most_bytes: int, unasked_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._unasked_bytes = unasked_bytes
        self._ranks: list[dict[Caller, None]] = [{} for _ in range(_RANKS)]
        self._bytes = [0] * _RANKS

    def __len__(self) -> int:
        return sum(map(len, self._ranks))

    def __contains__(self, caller: Caller) -> bool:
        return caller in self._ranks[caller.rank]

    def __iter__(self) -> Iterator[Caller]:
        """Those who wait now; places may be left meanwhile."""
        return iter([caller for rank in self._ranks for caller in rank])

    def take(self, caller: Caller) -> list[Caller] | None:
        """Give ``caller`` a place; None where there is none.

        Returns those of lower rank who had to give theirs up for it, the least urgent and latest first.
        """
        higher = slice(caller.rank, None)
        if sum(map(len, self._ranks[higher])) >= self._most or self._too_much(sum(self._bytes[higher]), caller):
            return None
        displaced = []
        while len(self) >= self._most or self._too_much(sum(self._bytes), caller):
            lowest = next(rank for rank in self._ranks if rank)
            displaced.append(next(reversed(lowest)))
            self.leave(displaced[-1])
        self._ranks[caller.rank][caller] = None
        self._bytes[caller.rank] += len(caller.payload)
        return displaced

    def _too_much(self, held: int, caller: Caller) -> bool:
        size = len(caller.payload)
        unasked = self._bytes[UNASKED] if caller.rank == UNASKED else 0
        if unasked > 0 and unasked + size > self._unasked_bytes:
            return True
        return held > 0 and held + size > self._most_bytes

    def leave(self, caller: Caller) -> bool:
        """Free the caller's place; False where it had none any more."""
        if caller not in self:
            return False
        del self._ranks[caller.rank][caller]
        self._bytes[caller.rank] -= len(caller.payload)
        return True
