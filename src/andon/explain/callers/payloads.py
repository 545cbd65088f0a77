"""What callers and listeners are sent: the reference's reply, with more keys beside its three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from andon.core.models import Explanation, Reject, Rung, StoredAnalysis, StoredLog, StoredReject, now_text

_encode = msgspec.json.encode

#: Rejected parts of a message that a reply tells one by one.
_REJECTED_TOLD = 100


class Rest(msgspec.Struct, frozen=True):
    """What else became of a message that held several logs: the ids of all of them, and its parts that are no logs."""

    log_ids: Sequence[int] = ()
    rejected: Sequence[tuple[int, str]] = ()  # place and reason


_NOTHING = Rest()


def rest_of(rejects: Sequence[Reject], log_ids: Sequence[int] = ()) -> Rest:
    """What else became of a message: its parts that are no logs, and the logs that were stored."""
    return Rest(log_ids, [(reject.part, reject.reason) for reject in rejects])


class Subject(msgspec.Struct, frozen=True):
    """The stored log that a reply is about, the first of its message; ``log_id`` None where it is not stored yet."""

    log_id: int | None
    pattern_id: int | None
    severity: str
    rest: Rest = _NOTHING


def subject_of(log: StoredLog, rest: Rest = _NOTHING) -> Subject:
    """What a reply says of a stored log."""
    return Subject(log.id or None, log.pattern_id, log.severity, rest)


def reply(
    payload: bytes,
    about: Subject,
    answer: StoredAnalysis | Explanation,
    *,
    agent: str,
    provisional: bool = True,
    reused: bool = False,
) -> bytes:
    """The answer to a caller: ``original_message``, ``analysis`` and ``timestamp`` as in the reference, and more.

    An Explanation is not stored; it is ``provisional`` where an analysis still comes.
    ``reused`` says that the problem was explained before this log came; ``first_rung`` then says how. ``log_ids`` are
    there where the message held several logs, ``rejected`` and their number where parts of it were no logs.
    """
    body = {
        "original_message": original(payload),
        "analysis": answer.text,
        "timestamp": now_text(),
        "agent": agent,
        "rung": Rung.REUSED.value if reused else answer.rung,
        "provisional": answer.provisional if isinstance(answer, StoredAnalysis) else provisional,
        "severity": about.severity,
        "log_id": about.log_id,
        "pattern_id": about.pattern_id,
        "finding": answer.finding,
        "source": answer.source,
        "provider": answer.provider,
        "model": answer.model,
    }
    if reused:
        body["first_rung"] = answer.rung
    if len(about.rest.log_ids) > 1:
        body["log_ids"] = about.rest.log_ids
    if rejected := about.rest.rejected:
        body["rejected"] = [{"part": part, "reason": reason} for part, reason in rejected[:_REJECTED_TOLD]]
        body["rejected_count"] = len(rejected)
    return _encode(body)


def refusal(payload: bytes, rejects: Sequence[Reject | StoredReject], *, agent: str) -> bytes:
    """The answer to a caller whose message was not understood: ``rejects`` are its parts, one at least."""
    reason = rejects[0].reason
    body = {
        "original_message": original(payload),
        "analysis": f"This message could not be understood: it {reason}. It is kept; see `andon rejects`.",
        "timestamp": now_text(),
        "agent": agent,
        "rung": None,
        "provisional": False,
        "error": reason,
    }
    if len(rejects) > 1:
        body["rejected"] = [{"part": one.part, "reason": one.reason} for one in rejects[:_REJECTED_TOLD]]
        body["rejected_count"] = len(rejects)
    return _encode(body)


def announcement(log: StoredLog, template: str, answer: StoredAnalysis) -> bytes:
    """What ``agent.analysis.<severity>`` carries when a problem got an explanation."""
    return _encode(
        {
            "analysis_id": answer.id,
            "pattern_id": answer.pattern_id,
            "log_id": log.id,
            "timestamp": now_text(),
            "rung": answer.rung,
            "provisional": answer.provisional,
            "analysis": answer.text,
            "finding": answer.finding,
            "source": answer.source,
            "provider": answer.provider,
            "model": answer.model,
            "template": template,
            "log": _as_sent(log),
        }
    )


def original(payload: bytes) -> Any:
    """The caller's message as it was: its JSON where it is JSON, else its text."""
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload.decode("utf-8", "replace")
    return msgspec.Raw(payload)


def payload_of(log: StoredLog) -> bytes:
    """A stored log as the message it came from: what a durable caller is shown as its original."""
    return _encode(
        {
            **_as_sent(log),
            "severity": log.severity_native or log.severity,
            "context": msgspec.Raw(log.context.encode()) if log.context else {},
        }
    )


def _as_sent(log: StoredLog) -> dict[str, Any]:
    return {name: getattr(log, name) for name in ("timestamp", "hostname", "severity", "service", "message")}
