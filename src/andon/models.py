"""The values that travel through Andon. No I/O, no third-party types but msgspec's.

Times on the wire and in the database are RFC 3339 text in UTC with at least milliseconds
(``2025-01-15T02:14:23.123Z``), so that text order is time order; see :func:`utc_text`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

SUBJECT = "agent.technical.support"
STREAM = "AGENT_STREAM"
CONSUMER = "AGENT_CONSUMER"
ANALYZE_SUBJECT = "agent.analyze"
ANALYSIS_SUBJECT = "agent.analysis"
REPLY_TO_HEADER = "Reply-To"

#: How long a waiting caller waits at most, in seconds (the reference's limit).
CALLER_PATIENCE = 30.0


class Severity(enum.StrEnum):
    """The normalised scale; ``rank`` orders it."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """0 (DEBUG) to 4 (CRITICAL)."""
        return SEVERITY_RANK[self]


SEVERITY_RANK: Mapping[str, int] = {s.value: i for i, s in enumerate(Severity)}


class Rung(enum.StrEnum):
    """Where an explanation came from: the ladder of answers, best first; ``reference`` rows were taken over."""

    REUSED = "reused"
    RESOLUTION = "resolution"
    RUNBOOK = "runbook"
    MODEL = "model"
    PLAYBOOK = "playbook"
    REFERENCE = "reference"


class AnalysisStatus(enum.StrEnum):
    """State of a row of ``analyses``. PENDING rows are the queue; a PENDING row may hold a provisional text."""

    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


def utc_text(moment: datetime) -> str:
    """``moment`` (aware) as stored text: milliseconds, or microseconds where it has them.

    >>> utc_text(datetime(2025, 1, 15, 2, 14, 23, 123000, tzinfo=UTC))
    '2025-01-15T02:14:23.123Z'
    """
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds" if utc.microsecond % 1000 else "milliseconds") + "Z"


def now_text() -> str:
    """The present moment as stored text."""
    return utc_text(datetime.now(UTC))


class Delivery(msgspec.Struct, gc=False):
    """One message as the broker handed it over; not yet understood, not yet acknowledged.

    ``stored_ns`` is when the broker stored it (nanoseconds since 1970). Stream, sequence and ``stored_ns``
    together are the identity of a message: sequences alone are used again after a broker lost its tail.
    ``token`` is what the adapter needs to acknowledge it.
    """

    data: bytes
    subject: str
    stream: str
    sequence: int
    stored_ns: int
    token: str
    headers: Mapping[str, str] | None = None


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
    were, ``refused`` counts those that were not kept.
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


class Reject(msgspec.Struct, gc=False):
    """A message that could not be understood: kept with its raw bytes, never retried by itself."""

    stream: str
    sequence: int
    stored_ns: int
    subject: str
    reason: str
    data: bytes


class Fingerprint(msgspec.Struct, frozen=True, gc=False):
    """The identity of a problem. ``key`` is stable across processes and versions of the cache; ``template`` is
    the masked text shown to people."""

    key: str
    template: str


class StoredLog(msgspec.Struct, frozen=True):
    """A row of ``logs`` as readers get it, with the analysis ``agent_logs`` would show for it."""

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


class StoredReject(msgspec.Struct, frozen=True):
    """A row of ``rejects``. ``retried_at`` is when its bytes were last published again."""

    id: int
    received_at: str
    stream: str
    sequence: int
    stored_ns: int
    subject: str
    reason: str
    data: bytes
    retried_at: str | None


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which logs to list, newest first. Every filter is optional and all must hold.

    ``since`` and ``until`` are stored-form times (inclusive, exclusive). ``severity`` is the least severity.
    ``service``, ``host`` and the place (``site`` … ``machine``) are exact or globs (``*``, ``?``). ``text`` is words
    that must occur, each at least as the beginning of a word, and phrases in double quotes; case and accents do not
    matter. ``fields`` are context fields with the values they must have. ``before`` continues a listing: the
    (timestamp, id) of the last row seen. ``oldest_first`` turns the order round.
    """

    since: str | None = None
    until: str | None = None
    severity: str | None = None
    service: str | None = None
    host: str | None = None
    text: str | None = None
    pattern_id: int | None = None
    limit: int = 50
    before: tuple[str, int] | None = None
    site: str | None = None
    area: str | None = None
    line: str | None = None
    machine: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    oldest_first: bool = False


class Hint(msgspec.Struct, frozen=True):
    """What the site knows that may bear on a problem: a confirmed fix of a similar problem, or a runbook.

    ``kind`` is ``resolution`` or ``runbook``; ``source`` names it (``pattern 12``, ``runbooks/oven.md``); ``score`` is
    the similarity from 0 to 1 where there is one.
    """

    kind: str
    source: str
    title: str
    text: str
    score: float | None = None


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


class PictureFetch(msgspec.Struct, frozen=True):
    """A picture that is still to be fetched for log ``log_id``; ``attempts`` counts the tries that failed."""

    id: int
    log_id: int
    position: int
    bucket: str
    name: str
    attempts: int


class Question(msgspec.Struct):
    """What the analyst is asked: one problem, seen through its newest logs (newest first, at least one).

    ``hints`` are what the rungs above know about similar problems; the analyst shows them to the model and says so.
    ``facts`` are short lines from the site's history (counts, what else the host logged around the same time).
    ``pictures`` came with the logs; a model that cannot see is told that they exist.
    """

    pattern_id: int
    template: str
    logs: list[StoredLog]
    count: int
    hosts: list[str]
    first_seen: str
    last_seen: str
    worst_severity: str
    hints: list[Hint] = []
    facts: list[str] = []
    pictures: list[Picture] = []


class Explanation(msgspec.Struct, kw_only=True):
    """An answer to a :class:`Question`. ``text`` is what ``agent_logs.analysis`` shows.

    ``finding`` is the typed finding as plain JSON values, None where the model could only give free text.
    ``source`` says which rule, runbook or resolution it was. ``latency`` is in seconds.
    """

    rung: Rung
    text: str
    finding: dict[str, Any] | None = None
    source: str | None = None
    provider: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency: float | None = None


class PendingAnalysis(msgspec.Struct):
    """A claimed row of the queue: ours until the lease ends."""

    id: int
    pattern_id: int
    fingerprint: str
    log_id: int
    reason: str
    attempts: int
    provisional: bool
    question: Question


class Merge(msgspec.Struct, frozen=True):
    """Two patterns turned out to be one problem: ``child`` joins ``parent`` (fingerprint keys), with the evidence.

    ``words`` are the different words that stood at ``position`` of the template.
    """

    child: str
    parent: str
    position: int
    words: tuple[str, ...]


class Resolution(msgspec.Struct, frozen=True):
    """A fix that a technician confirmed for a pattern (or, through merging, for its whole problem)."""

    id: int
    pattern_id: int
    fix: str
    cause: str | None
    author: str | None
    created_at: str


class Spent(msgspec.Struct, frozen=True):
    """Model calls and tokens since some moment."""

    calls: int
    tokens: int


class PatternSummary(msgspec.Struct, frozen=True):
    """A row of ``andon patterns``: one problem with everything merged into it.

    ``rate`` is logs per hour over the last 24 hours, ``hosts`` the number of hosts, ``rung`` and ``provisional`` those
    of the shown explanation, ``status`` that of the newest analysis. ``merged`` lists the ids merged into it.
    """

    id: int
    fingerprint: str
    template: str
    count: int
    rate: float
    first_seen: str
    last_seen: str
    worst_severity: str
    hosts: int
    rung: str | None
    provisional: bool
    status: str | None
    merged_into: int | None
    merged: list[int]


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the site's history a question is about. Every filter is optional and all must hold.

    ``since`` and ``until`` are stored-form times (inclusive, exclusive). ``severity`` is the least severity. ``host``
    and ``service`` are exact or globs (``*``, ``?``), so is ``place``: a site, area, line or machine. These and
    ``text``, a substring of the message, are compared without regard to case. ``limit`` is the most rows told.
    """

    since: str | None = None
    until: str | None = None
    severity: str | None = None
    host: str | None = None
    service: str | None = None
    place: str | None = None
    text: str | None = None
    pattern_id: int | None = None
    limit: int = 50
    oldest_first: bool = False


class PatternSeen(msgspec.Struct, frozen=True):
    """One problem within a part of history: what of it was logged there.

    ``first_log`` and ``last_log`` are ids of the logs that were stored first and last there, None where not asked for.
    """

    pattern_id: int
    template: str
    count: int
    first_seen: str
    last_seen: str
    worst_severity: str
    hosts: int
    first_log: int | None = None
    last_log: int | None = None


class PatternFacts(msgspec.Struct, frozen=True):
    """One problem with its figures and what is known of it.

    ``last_hour`` and ``last_day`` count its logs before ``at`` (stored form); ``per_hour`` is the average over its
    whole life. ``hosts`` are those with most logs, ``newest`` ids of its newest logs, newest first. ``explanation`` is
    what its logs show, from ``rung``; ``fixes`` are confirmed, newest first. ``merged`` are the ids merged into it.
    """

    pattern_id: int
    template: str
    count: int
    first_seen: str
    last_seen: str
    worst_severity: str
    at: str
    last_hour: int
    last_day: int
    per_hour: float
    hosts: list[tuple[str, int]]
    host_count: int
    newest: list[int]
    explanation: str | None
    rung: str | None
    provisional: bool
    fixes: list[Resolution]
    merged: list[int]


class SiteNames(msgspec.Struct, frozen=True):
    """Names that occur in the records, each list sorted and bounded; places are of all levels of ISA-95."""

    hosts: list[str]
    services: list[str]
    places: list[str]


class Waiter(msgspec.Struct, frozen=True):
    """A durable caller: the subject that gets the analysis of log ``log_id``."""

    id: int
    log_id: int
    reply_to: str


class StoredAnalysis(msgspec.Struct, frozen=True):
    """A row of ``analyses`` that holds a text."""

    id: int
    pattern_id: int | None
    log_id: int | None
    status: str
    rung: str
    provisional: bool
    text: str
    finding: dict[str, Any] | None
    source: str | None
    provider: str | None
    model: str | None
    prompt_version: str | None
    created_at: str
    finished_at: str | None


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


class StoreCounts(msgspec.Struct, frozen=True):
    """Sizes for ``doctor``, metrics and the demo's summary. ``bytes`` is the size of the database on disk."""

    logs: int
    patterns: int
    rejects: int
    pending: int
    failed: int
    analyses_by_rung: dict[str, int]
    bytes: int


class StreamState(msgspec.Struct, frozen=True):
    """Where stream and consumer stand.

    ``ack_floor`` is the last sequence below which all is acknowledged, ``delivered`` the highest handed out.
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


class CheckResult(msgspec.Struct, frozen=True):
    """One line of ``doctor``: ``ok`` True, False, or None for a remark; ``remedy`` says what to do."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""
