"""The parameters of the API: each bounded and checked, unknown ones refused."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
from collections.abc import Iterator
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from fastapi import HTTPException, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from andon.core.models import ID_MAX, LogQuery
from andon.core.models.actions import ActionStatus
from andon.core.text import is_unfit
from andon.insight import filters
from andon.insight.filters import WrongFilter

LIMIT_MAX = 1_000
#: Hosts that one answer lists.
HOSTS_MAX = 10_000
_CURSOR_MAX = 400


def _printable(value: str) -> str:
    if "\0" in value:
        raise ValueError("it holds a NUL character, which no log does")
    if is_unfit(value):
        raise ValueError("it holds half a character (a lone surrogate), which no text does")
    return value


PrintableText = Annotated[str, AfterValidator(_printable)]
Text = Annotated[PrintableText, Field(max_length=200)]
Time = Annotated[
    str,
    Field(
        max_length=60,
        description="02:00, yesterday 14:00, 2025-01-15, 2025-01-15T02:00Z, or an age such as 8h; "
        "in the site's zone unless it names one.",
    ),
]
Id = Annotated[int, Field(ge=1, le=ID_MAX)]
PathId = Annotated[int, Path(ge=1, le=ID_MAX)]
Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX)]


class Parameters(BaseModel):
    """Base of all: what is not named is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Parameters):
    """No parameters at all."""


class HostListing(Parameters):
    """Hosts by name: more than other lists hold, since all of a site's belong together."""

    limit: Annotated[int, Field(ge=1, le=HOSTS_MAX)] = HOSTS_MAX


class Span(Parameters):
    """A time: from ``since`` to before ``until``, the present unless given."""

    since: Time | None = None
    until: Time | None = None

    def seconds(self, zone: str, length: float) -> tuple[float, float]:
        """The span in unix seconds, the last ``length`` seconds unless given. Raises HTTPException."""
        with named_parameters():
            return filters.window(self.since, self.until, zone, length)


class Part(Parameters):
    """A part of the site."""

    host: Text | None = None
    site: Text | None = None
    area: Text | None = None
    line: Text | None = None
    machine: Text | None = None

    def places(self) -> dict[str, str | None]:
        """What is named, by the kind of place."""
        return {name: getattr(self, name) for name in Part.model_fields}


#: For programs alone: pydantic's own mark would warn wherever the value is read.
_DEPRECATED: dict[str, JsonValue] = {"deprecated": True}
FormerPattern = Annotated[Id | None, Field(json_schema_extra=_DEPRECATED, description="The former name of problem.")]


def problem_of(problem: int | None, pattern: int | None) -> int | None:
    """The problem that is meant, by its parameter or the former name. Raises HTTPException where they differ."""
    if problem is not None and pattern is not None and problem != pattern:
        raise HTTPException(400, "pattern: it is the former name of problem; leave it out")
    return pattern if problem is None else problem


class Place(Part, Span):
    """A time at a part of the site: a host, or one of the others by whole days (UTC)."""


class OverviewQuestion(Place):
    """The same; problems are listed by how often their alarms came, or by how long they lasted."""

    sort: Literal["count", "minutes"] = "count"
    limit: Limit = 10


class LogFilter(Part, Span):
    """Which logs; all that is given must hold. Texts of hosts, services and places know ``*`` and ``?``."""

    severity: Annotated[Text | None, Field(description="This severity and worse.")] = None
    service: Text | None = None
    text: Annotated[
        str | None, Field(max_length=filters.TEXT_MAX, description="Words that must occur; phrases in double quotes.")
    ] = None
    problem: Annotated[Id | None, Field(description="Logs of this problem.")] = None
    pattern: FormerPattern = None
    state: Annotated[
        Literal["raised", "cleared", "acknowledged", "event"] | None,
        Field(description="What the log says of an alarm; event: nothing."),
    ] = None
    field: Annotated[
        list[Annotated[Text, Field(description="name=value of a context field; may be repeated.")]],
        Field(max_length=10),
    ] = []

    def query(self, zone: str, *, limit: int, oldest: bool, after: str | None = None) -> LogQuery:
        """The question to the store. Raises HTTPException."""
        with named_parameters():
            return filters.log_query(
                zone,
                **{name: getattr(self, name) for name in LogFilter.model_fields.keys() - {"problem", "pattern"}},
                pattern_id=problem_of(self.problem, self.pattern),
                limit=limit,
                before=None if after is None else self.place(after, oldest=oldest),
                oldest_first=oldest,
            )

    def cursor(self, timestamp: str, log_id: int, *, oldest: bool) -> str:
        """Where a listing goes on, as an opaque text."""
        value = msgspec.json.encode([timestamp, log_id, self._mark(oldest)])
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    def place(self, cursor: str, *, oldest: bool) -> tuple[str, int]:
        """The (timestamp, id) of a cursor. Raises HTTPException for one that is not of this listing."""
        try:
            value = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            timestamp, log_id, mark = msgspec.json.decode(value, type=tuple[str, int, str])
        except (binascii.Error, ValueError, msgspec.DecodeError):
            raise HTTPException(
                400, "next: this is not a position in a listing; copy it from the previous page, or leave it out"
            ) from None
        if mark != self._mark(oldest) or not 0 <= log_id <= ID_MAX or "\0" in timestamp:
            raise HTTPException(400, "next: this belongs to another listing; keep all other parameters as they were")
        return timestamp, log_id

    def _mark(self, oldest: bool) -> str:
        asked = {name: getattr(self, name) for name in LogFilter.model_fields if name != "problem"}
        asked["pattern"] = problem_of(self.problem, self.pattern)  # a place holds whichever name the problem had
        return hashlib.blake2b(msgspec.json.encode([asked, oldest]), digest_size=6).hexdigest()


class LogListing(LogFilter):
    """A page of logs."""

    limit: Limit = 50
    oldest: Annotated[bool, Field(description="Oldest first.")] = False
    next: Annotated[str | None, Field(max_length=_CURSOR_MAX, description="From the page before.")] = None


class LogExport(LogFilter):
    """A file of logs, oldest first."""

    format: Literal["csv", "jsonl"] = "jsonl"
    limit: Annotated[int | None, Field(ge=1, description="Most logs; all unless given.")] = None
    redact: Annotated[bool, Field(description="[secret 1] and so on for passwords, tokens, keys and the like.")] = False


class ProblemListing(Parameters):
    """A listing of problems."""

    sort: Literal["last", "count", "rate", "first", "severity"] = "last"
    new: Annotated[Time | None, Field(description="Problems first seen since then.")] = None
    limit: Limit = 50


class TrendQuestion(Place):
    """Problems of a time beside the time before, which begins at ``baseline``."""

    baseline: Time | None = None
    limit: Limit = 20


class SpanLimit(Span):
    """A time and how many rows."""

    limit: Limit = 20


class TimelineQuestion(Span):
    """A series of counts."""

    step: Literal["minute", "hour", "day"] = "hour"
    problem: Id | None = None
    pattern: FormerPattern = None
    zone: Annotated[Text | None, Field(description="Zone of days and times, the site's unless given.")] = None


class BreakdownQuestion(Span):
    """One problem by place and shift."""

    zone: Annotated[Text | None, Field(description="Zone of times, the site's unless given.")] = None


class DiffQuestion(Span):
    """What is different: about a problem, or (without one, or with ``baseline``) about a time."""

    problem: Id | None = None
    pattern: FormerPattern = None
    baseline: Time | None = None
    limit: Limit = 20


class AlarmsListed(Part):
    """Alarms of one list."""

    limit: Limit = 50


class AlarmListing(AlarmsListed):
    """A list of alarms."""

    list: Annotated[
        Literal["active", "waiting", "stale", "shelved", "all"],
        Field(
            json_schema_extra=_DEPRECATED, description="The former way to name a list: /api/alarms/active and so on."
        ),
    ] = "active"


class NoteListing(Span):
    """Notes of a time."""

    limit: Limit = 50


class Continued(Parameters):
    """A listing from the newest to the oldest, page by page."""

    limit: Limit = 50
    next: Annotated[Id | None, Field(description="From the page before.")] = None


class RejectListing(Continued):
    """Messages that could not be understood."""

    retried: Annotated[bool, Field(description="Those that were published again, too.")] = False


class AuditListing(Continued):
    """What was done."""

    action: Annotated[Text | None, Field(description="Only deeds that begin so: alarm. or problem.merge")] = None


class ActionListing(Continued):
    """Actions, the newest first."""

    status: Annotated[
        list[ActionStatus], Field(max_length=len(ActionStatus), description="May be repeated; all unless given.")
    ] = []
    target: Annotated[Text | None, Field(description="Name of the connected system.")] = None
    problem: Id | None = None


class Listed(Parameters):
    """How many rows."""

    limit: Limit = 50


class QueueListing(Listed):
    """What waits for an explanation."""

    failed: Annotated[
        bool, Field(json_schema_extra=_DEPRECATED, description="The former way to ask for /api/queue/failed.")
    ] = False


class TakingBack(Parameters):
    """Whose deed is taken back."""

    by: Annotated[Text | None, Field(description="Who takes it back, where nobody is logged in.")] = None


class TakingBackFix(TakingBack):
    """A confirmed fix: the newest, unless an id is given."""

    fix: Id | None = None


class TakingBackVerdict(TakingBack):
    """One's own word on an explanation."""

    second: bool = False


class Deleting(TakingBack):
    """Several at once, all or none."""

    id: Annotated[list[Id], Field(min_length=1, max_length=1_000, description="May be repeated.")]


class ReportQuestion(Parameters):
    """A shift: the one that worked at ``at`` (the present unless given), or the last before it; or that of a day."""

    at: Time | None = None
    shift: Annotated[Text | None, Field(description="Name of a shift, as in the settings.")] = None
    day: Annotated[Text | None, Field(description="The day on which it began, such as 2025-01-15.")] = None


@contextlib.contextmanager
def named_parameters() -> Iterator[None]:
    """A filter that makes no sense becomes the refusal of a request, which names the parameter."""
    try:
        yield
    except WrongFilter as error:
        raise HTTPException(400, f"{error.about}: {error}" if error.about else str(error)) from None


def zone_of(value: str | None, default: str) -> ZoneInfo:
    """A zone by its name. Raises HTTPException."""
    try:
        return ZoneInfo(value or default)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise HTTPException(400, f"zone: {value!r} is not a time zone; write one like Europe/Berlin") from None
