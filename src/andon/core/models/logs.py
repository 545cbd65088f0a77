"""A log on its way, with its pictures: as the broker hands it over, understood, recorded, and as readers get it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from andon.core.errors import MessageRejected
from andon.core.models.terms import Names

#: A log that was read from a file, and whose own time is so many seconds before it was stored, tells of the past: it is
#: stored and counted, asked about last, and announces nothing.
LATE_AFTER = 3_600
#: What the notes of a log that was imported begin with.
IMPORTED_NOTE = "imported"


class Delivery(msgspec.Struct, gc=False):
    """One message as the broker handed it over; not yet understood, not yet acknowledged.

    ``stored_ns`` is when the broker stored it (nanoseconds since 1970). Stream, sequence and ``stored_ns``
    together are the identity of a message: sequences alone are used again after a broker lost its tail. A row that
    is made of it adds the place in the message, because one message may hold several logs.
    ``token`` is what the adapter needs to acknowledge it. ``arrived`` counts what the connection received, so that a
    larger one came later; 0 where nobody counts.
    """

    data: bytes
    subject: str
    stream: str
    sequence: int
    stored_ns: int
    token: str
    headers: Mapping[str, str] | None = None
    arrived: int = 0


class NewPicture(msgspec.Struct, frozen=True, gc=False):
    """A checked picture to be stored: what its own bytes say it is, and its place in the log's ``context.images``."""

    sha256: str
    media_type: str
    width: int
    height: int
    data: bytes
    position: int = 0

    def described(self) -> dict[str, Any]:
        """What stands for the picture in the stored context."""
        return {
            "picture": f"sha256:{self.sha256}",
            "type": self.media_type,
            "width": self.width,
            "height": self.height,
            "bytes": len(self.data),
        }


class PictureReference(msgspec.Struct, frozen=True, gc=False):
    """A picture that a log names as an object in a bucket of the broker's object store; fetched after recording."""

    bucket: str
    name: str
    position: int = 0


class LogRecord(msgspec.Struct, gc=False):
    """One understood and normalised log, ready to be stored.

    ``context`` is JSON text of an object or None. ``severity_native`` is what the producer wrote where that
    differs from ``severity``. ``notes`` says what normalisation had to change. ``fingerprint`` and
    ``template`` name the pattern. ``reply_to`` is a subject that durably waits for the analysis. ``images`` says that
    the context may hold pictures which are still to be taken out of it; ``pictures`` and ``references`` are those that
    were, ``refused`` counts those that were not kept. ``part`` is the place of the log in its message (0 for the only
    one); ``raw`` are its bytes where they were no UTF-8. ``late`` says that it tells of the past: it was imported, or
    read from a file more than :data:`LATE_AFTER` seconds after its time.
    """

    stream: str
    sequence: int
    stored_ns: int
    timestamp: str
    hostname: str
    severity: str
    service: str
    message: str
    fingerprint: str
    template: str
    context: str | None = None
    severity_native: str | None = None
    site: str | None = None
    area: str | None = None
    line: str | None = None
    machine: str | None = None
    notes: str | None = None
    reply_to: str | None = None
    images: bool = False
    pictures: tuple[NewPicture, ...] = ()
    references: tuple[PictureReference, ...] = ()
    refused: int = 0
    part: int = 0
    raw: bytes | None = None
    late: bool = False


class Reject(msgspec.Struct, gc=False):
    """A message, or the part of it at place ``part``, that could not be understood.

    Kept with its raw bytes, never retried by itself. ``reply_to`` is a subject that durably waits for an answer: the
    first reject of a message that holds no log may have it.
    """

    stream: str
    sequence: int
    stored_ns: int
    subject: str
    reason: str
    data: bytes
    part: int = 0
    reply_to: str | None = None


class Decoded(msgspec.Struct, gc=False):
    """What one delivery holds: its logs, and the parts that are no logs, each with its place in the message.

    There is one or the other at least.
    """

    records: list[LogRecord]
    rejects: list[Reject] = []

    def first(self) -> LogRecord:
        """The first log. Raises MessageRejected with the reason where there is none."""
        if not self.records:
            raise MessageRejected(self.rejects[0].reason)
        return self.records[0]


class Recorded(msgspec.Struct):
    """What one recording transaction did.

    ``log_ids`` and ``pattern_ids`` stand beside the records given; None where a row was there already. The pattern is
    the one that stands for the whole problem. ``queued`` counts the analyses that now wait because of this batch.
    ``explained`` holds the ids of patterns that already show a final explanation. ``moved`` says which patterns that
    stood for a problem were merged into which. ``regrouped`` changes when a person merged or split patterns.
    ``pictures`` counts those stored for the first time, ``references`` those that are to be fetched now, ``unfetched``
    those that will not be because too many wait.
    ``dropped`` counts the records that a rule of retention kept from being stored, by its label; ``left_out`` are their
    places among those given.
    """

    stored: int
    duplicates: int
    rejected: int
    new_patterns: int
    queued: int
    log_ids: list[int | None]
    pattern_ids: list[int | None]
    explained: set[int]
    moved: dict[int, int] = {}
    regrouped: int = 0
    pictures: int = 0
    references: int = 0
    unfetched: int = 0
    dropped: dict[str, int] = {}
    left_out: set[int] = set()


class Retained(msgspec.Struct):
    """What one step of retention did: logs deleted by the label of the rule, and ``seconds`` of the writer's time.

    ``more`` is False at the end of a run; ``over`` then says that the database is larger than it may be all the same.
    """

    deleted: dict[str, int] = {}
    more: bool = True
    seconds: float = 0.0
    over: bool = False


class StoredLog(msgspec.Struct, frozen=True):
    """A row of ``logs`` as readers get it, with the analysis ``agent_logs`` would show for it.

    ``part`` is the log's place in its message, ``raw`` its bytes where they are no UTF-8.
    """

    id: int
    timestamp: str
    hostname: str
    severity: str
    service: str
    message: str
    context: str | None
    analysis: str | None
    created_at: str
    severity_native: str | None
    site: str | None
    area: str | None
    line: str | None
    machine: str | None
    notes: str | None
    stream: str
    sequence: int
    stored_ns: int
    pattern_id: int | None
    analysis_id: int | None
    rung: str | None
    provisional: bool
    analysis_status: str | None
    part: int = 0
    raw: bytes | None = None


class StoredReject(msgspec.Struct, frozen=True):
    """A row of ``rejects``: a message, or the part at this place of one that held several.

    ``retried_at`` is when its bytes were last published again.
    """

    id: int
    received_at: str
    stream: str
    sequence: int
    stored_ns: int
    subject: str
    reason: str
    data: bytes
    retried_at: str | None
    part: int = 0


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which logs a question is about. Every filter is optional and all must hold.

    ``since`` and ``until`` are stored-form times (inclusive, exclusive). ``severity`` is the least severity. ``host``
    and ``service`` are names (``andon.store.names`` reads what people write). ``limit`` is the most rows told, the
    newest unless ``oldest_first``.
    """

    since: str | None = None
    until: str | None = None
    severity: str | None = None
    host: Names | None = None
    service: Names | None = None
    text: str | None = None
    pattern_id: int | None = None
    limit: int = 50
    oldest_first: bool = False


class LogQuery(Filters, frozen=True, kw_only=True):
    """Which logs to list; the place (``site`` … ``machine``) are names too.

    ``text`` is words that must occur, each at least as the beginning of a word, and phrases in double quotes; case and
    accents do not matter. ``fields`` are context fields with the values they must have. ``state`` is what the log says
    of an alarm: one of :data:`andon.store.alarms.RECORD_STATES`. ``before`` continues a listing: the (timestamp, id) of
    the last row seen. ``above`` leaves out logs with this id and smaller ones: what is left is few. ``cut`` is for
    lists: so many characters of each message, no context that is long, and nothing of analyses.
    """

    before: tuple[str, int] | None = None
    above: int | None = None
    state: str | None = None
    cut: int | None = None
    site: Names | None = None
    area: Names | None = None
    line: Names | None = None
    machine: Names | None = None
    fields: tuple[tuple[str, str], ...] = ()


class PictureFetch(msgspec.Struct, frozen=True):
    """A picture that is still to be fetched for log ``log_id``; ``attempts`` counts the tries that failed."""

    id: int
    log_id: int
    position: int
    bucket: str
    name: str
    attempts: int


class Picture(msgspec.Struct, frozen=True):
    """A picture that came with a log, stored once however many logs show it.

    ``sha256`` (hex) names what is stored, ``media_type`` (``image/png``, ``image/jpeg`` …) was read from the bytes.
    ``width`` and ``height`` in pixels, ``size`` in bytes. ``data`` is empty where only the description was asked for.
    """

    id: int
    sha256: str
    media_type: str
    width: int
    height: int
    size: int
    data: bytes = b""
