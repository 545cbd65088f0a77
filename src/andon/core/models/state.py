"""How Andon itself stands: the stream, the database, the budget, and what ``andon doctor`` found."""

from __future__ import annotations

import msgspec


class StreamState(msgspec.Struct, frozen=True):
    """Where stream and consumer stand.

    ``ack_floor`` is the last sequence below which all is acknowledged, ``delivered`` the highest handed out.
    ``first_ns`` is when the first message was stored, ``born_ns`` when the stream was made (ns since 1970, 0 where that
    is not known). ``changes`` is another number whenever connection, stream or consumer may be others than before.
    ``in_hand`` counts what was handed to this reader and is not answered, ``answered`` what was. ``unreadable`` are
    sequences (first, last) that the broker could not read when it was asked for them, (0, 0) where there were none.
    ``others`` counts the requests for messages that wait at the consumer beside this reader's.
    ``whole``: all sequences of the stream come to us, so that one that is not there was removed.
    """

    stream: str
    first_sequence: int
    last_sequence: int
    messages: int
    bytes: int
    ack_floor: int
    delivered: int
    pending: int
    ack_pending: int
    first_ns: int = 0
    born_ns: int = 0
    changes: int = 0
    in_hand: int = 0
    answered: int = 0
    whole: bool = False
    unreadable: tuple[int, int] = (0, 0)
    others: int = 0


class StoreCounts(msgspec.Struct, frozen=True):
    """Sizes for ``doctor``, metrics and the demo's summary. ``bytes`` is the size of the database on disk.

    ``lost`` are patterns of an earlier version that no new log can lead to.
    """

    logs: int
    patterns: int
    rejects: int
    pending: int
    failed: int
    analyses_by_rung: dict[str, int]
    bytes: int
    lost: int


class Spent(msgspec.Struct, frozen=True):
    """Model calls and tokens since some moment."""

    calls: int
    tokens: int


class CheckResult(msgspec.Struct, frozen=True):
    """One line of ``doctor``: ``ok`` True, False, or None for a remark; ``remedy`` says what to do."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""
