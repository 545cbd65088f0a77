"""The words that the whole of Andon shares: names on the wire, severities, and how a moment is written.

Times on the wire and in the database are RFC 3339 text in UTC with at least milliseconds
(``2025-01-15T02:14:23.123Z``), so that text order is time order; see :func:`utc_text`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec

SUBJECT = "agent.technical.support"
STREAM = "AGENT_STREAM"
CONSUMER = "AGENT_CONSUMER"
ANALYZE_SUBJECT = "agent.analyze"
ANALYSIS_SUBJECT = "agent.analysis"
REPLY_TO_HEADER = "Reply-To"

#: Says of a field's type that it is a moment; see :data:`Moment`.
MOMENT_MARK = "moment"
#: Unix seconds (UTC) of a moment, which :func:`andon.core.moments.told` writes as text wherever a value becomes JSON.
#: Durations are plain numbers, whose names say their unit.
Moment = Annotated[float, msgspec.Meta(extra={MOMENT_MARK: True}, extra_json_schema={"format": "date-time"})]
#: What a filter takes for a name: one, or a glob of ``*`` and ``?``; or several names, each exact.
Names = str | tuple[str, ...]
#: The largest id that a database holds.
ID_MAX = 2**63 - 1
#: How long a waiting caller waits at most, in seconds (the reference's limit).
CALLER_PATIENCE = 30.0


#: What is sent to these subjects, or below them, comes back to Andon or means something to those that listen for it.
OWN_SUBJECTS = (SUBJECT, ANALYZE_SUBJECT, ANALYSIS_SUBJECT)


def comes_back(subject: str) -> bool:
    """Whether an answer to ``subject`` would be taken for a log, a question or an announcement, or steer the broker.

    >>> comes_back("agent.analyze"), comes_back("agent.technical.support.graz"), comes_back("agent.analyzer")
    (True, True, False)
    """
    return subject.startswith("$") or any(subject == own or subject.startswith(f"{own}.") for own in OWN_SUBJECTS)


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


#: What one log weighs by its severity, where problems are told by weight.
SEVERITY_WEIGHT = {"CRITICAL": 30, "ERROR": 10, "WARNING": 3, "INFO": 1, "DEBUG": 0}


SEVERITY_RANK: Mapping[str, int] = {s.value: i for i, s in enumerate(Severity)}
#: How the note on a log ends whose severity was neither a word nor a number that is known.
SEVERITY_NOT_UNDERSTOOD = "not understood, taken for WARNING"


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
