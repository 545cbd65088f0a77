"""How records are shown to a model: JSON lines inside a fence that no record can close."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from andon.core.models import PatternFacts, PatternSeen, StoredLog
from andon.core.redact import clean, clean_value
from andon.explain.model.time_phrases import shown

LINE_MAX = 8_192
#: The least bytes a line is worth showing with.
LINE_MIN = 300
_CONTEXT_PARSE_MAX = 32_768
#: Characters of a fix, and half of those of an explanation.
_TEXT_MAX = 600


def fenced(lines: Iterable[str], *, brief: bool = False) -> str:
    """``lines`` of :func:`encode` between two marks with a random word that occurs in none of them.

    ``brief`` takes a shorter word, since a small model reads each digit apart: a log has one guess at it all the same.
    """
    body = "\n".join(lines)
    length = 4 if brief else 8
    nonce = secrets.token_hex(length)
    while nonce in body:
        nonce = secrets.token_hex(length)
    return f"<<<{nonce}\n{body}\n{nonce}>>>"


def encode(value: Any) -> str:
    """JSON on one line in which no text can look like a tag or a chat template's control token."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode())


def fit(text: str, room: int) -> str:
    """``text`` cut so that its encoding takes about ``room`` bytes."""
    for _ in range(4):
        taken = size(encode(text))
        if taken <= room + 2:
            return text
        # The cut is proportional; where what needs escaping is not spread evenly, it takes a few rounds.
        text = text[: max(1, room * len(text) // taken - 1)] + "…"
    return text[: room // 6]


def log_line(log: StoredLog, limit: int) -> str:
    """One log as a line of JSON of about ``limit`` bytes at most; the context gives way before the message."""
    fields: dict[str, Any] = {
        "id": log.id,
        "timestamp": clean(log.timestamp, 40),
        "hostname": clean(log.hostname, 64),
        "severity": clean(log.severity, 20),
        "service": clean(log.service, 64),
    }
    place = "/".join(clean(part, 40) for part in (log.site, log.area, log.line, log.machine) if part)
    if place:
        fields["place"] = place
    room = max(limit - size(encode(fields)) - 32, 80)
    context = _context(log.context, room) if log.context else None
    context_size = size(encode(context)) if context else 0
    # The message may have what the context leaves, and two thirds of the room at least.
    fields["message"] = fit(clean(log.message, LINE_MAX), max(room - context_size, room * 2 // 3))
    if context:
        room -= size(encode(fields["message"]))
        fields["context"] = context if context_size <= room else fit(encode(context), max(room, 40))
    return encode(fields)


def problem_fields(one: PatternSeen, now: datetime) -> dict[str, Any]:
    """A problem of a window, to be encoded."""
    return {
        "pattern_id": one.pattern_id,
        "problem": clean(one.template, 300),
        "logs": one.count,
        "hosts": one.hosts,
        "worst": one.worst_severity,
        "first": shown(one.first_seen, now),
        "last": shown(one.last_seen, now),
        "log_ids": [i for i in dict.fromkeys([one.first_log, one.last_log]) if i is not None],
    }


def facts_fields(
    facts: PatternFacts, now: datetime, *, likeness: float | None = None, opinions: bool = False
) -> dict[str, Any]:
    """What is known of a problem, to be encoded; with ``opinions`` what a model says below its explanation too."""
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
    if opinions and facts.second_opinion is not None:
        fields["second_opinion"] = clean(facts.second_opinion, 2 * _TEXT_MAX)
    return fields


def _context(text: str, spare: int) -> Any:
    """The context as a cleaned JSON value, or as cleaned text where it is too large or deep to take apart."""
    if len(text) <= _CONTEXT_PARSE_MAX:
        try:
            return clean_value(json.loads(text))
        except (ValueError, RecursionError):
            pass  # stored by somebody else's program: shown as the text it is
    return clean(text, max(40, spare))


class Listing(NamedTuple):
    """Lines that fit, how many did not, and the bytes taken."""

    lines: list[str]
    left_out: int
    taken: int


def listing(lines: Iterable[str], room: int) -> Listing:
    """As many of ``lines`` from the first on as fit into ``room`` bytes."""
    kept: list[str] = []
    taken = left_out = 0
    for line in lines:
        if left_out or taken + size(line) + 1 > room:
            left_out += 1
            continue
        kept.append(line)
        taken += size(line) + 1
    return Listing(kept, left_out, taken)
