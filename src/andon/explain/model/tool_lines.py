"""How an investigation words things: problems as lines of JSON, arguments for people, words as a question."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from andon.core.models import PatternFacts, PatternSeen, Question, StoredLog, utc_text
from andon.core.redact import clean
from andon.explain.model.fence import encode
from andon.explain.model.time_phrases import shown

_TEXT_MAX = 600


def problem_line(one: PatternSeen, now: datetime, **known: object) -> str:
    """A problem of a window as a line of JSON; ``known`` are further fields."""
    fields = {
        "pattern_id": one.pattern_id,
        "problem": clean(one.template, 300),
        "logs": one.count,
        "hosts": one.hosts,
        "worst": one.worst_severity,
        "first": shown(one.first_seen, now),
        "last": shown(one.last_seen, now),
        "log_ids": [i for i in dict.fromkeys([one.first_log, one.last_log]) if i is not None],
        **known,
    }
    return encode(fields)


def facts_line(facts: PatternFacts, now: datetime, *, likeness: float | None = None) -> str:
    """What is known of a problem as a line of JSON."""
    fields: dict[str, Any] = {
        "pattern_id": facts.pattern_id,
        "problem": clean(facts.template, 300),
        **({} if likeness is None else {"likeness": likeness}),
        "worst": facts.worst_severity,
        "logs": facts.count,
        "first": shown(facts.first_seen, now),
        "last": shown(facts.last_seen, now),
        "logs_in_last_hour": facts.last_hour,
        "logs_in_last_24_hours": facts.last_day,
        "usual_logs_per_hour": facts.per_hour,
        "rates_at": shown(facts.at, now),
        "hosts": {clean(host, 64): count for host, count in facts.hosts},
        "host_count": facts.host_count,
        "newest_log_ids": facts.newest,
    }
    if facts.merged:
        fields["merged"] = facts.merged[:20]
    if facts.fixes:
        fields["confirmed_fixes"] = [
            {"fix": clean(f.fix, _TEXT_MAX), **({"cause": clean(f.cause, _TEXT_MAX)} if f.cause else {})}
            for f in facts.fixes
        ]
    if facts.explanation is not None:
        fields["explanation"] = clean(facts.explanation, 2 * _TEXT_MAX)
        fields["explained_by"] = f"{facts.rung}{' (provisional)' if facts.provisional else ''}"
    return encode(fields)


def in_words(**arguments: object) -> str:
    """The arguments that were given, for people."""
    return ", ".join(f"{name} {clean(str(value), 80)}" for name, value in arguments.items() if value not in (None, ""))


def as_question(text: str, service: str = "", host: str = "") -> Question:
    """Some words as if a log had said them: what runbooks are compared with."""
    now = utc_text(datetime.fromisoformat("1970-01-01T00:00:00+00:00"))
    said = StoredLog(
        id=0, timestamp=now, hostname=host, severity="INFO", service=service, message=text, context=None, analysis=None,
        created_at=now, severity_native=None, site=None, area=None, line=None, machine=None, notes=None, stream="",
        sequence=0, stored_ns=0, pattern_id=None, analysis_id=None, rung=None, provisional=False, analysis_status=None,
    )  # fmt: skip
    return Question(
        pattern_id=0,
        template=text,
        logs=[said],
        count=1,
        hosts=[host] if host else [],
        first_seen=now,
        last_seen=now,
        worst_severity="INFO",
    )
