"""What a caller is told where no analysis is there yet: the playbook's answer, made on the spot and not stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from andon.core.models import SUBJECT, Decoded, Delivery, LogRecord, StoredAnalysis, StoredLog
from andon.core.models.explanations import question_about
from andon.explain.callers import payloads
from andon.explain.interfaces import Ready, Rules, at_hand


@dataclass(eq=False, repr=False)
class Fallback:
    """Makes replies in the name of ``agent``; ``ready`` loads the rules, and is awaited before."""

    rules: Rules
    understand: Callable[[Delivery], Decoded]
    agent: str
    ready: Ready = at_hand

    def best(
        self, payload: bytes, stored: StoredLog, answer: StoredAnalysis | None, about: payloads.Subject | None = None
    ) -> bytes:
        """The reply about a stored log: what it shows, else the playbook's answer; the last word where none is made."""
        about = about or payloads.subject_of(stored)
        if answer is not None:
            return payloads.reply(payload, about, answer, agent=self.agent, reused=answer.log_id != stored.id)
        return self._made(payload, stored, stored.message, about, provisional=stored.analysis_status is not None)

    def unstored(self, payload: bytes, about: payloads.Subject | None = None) -> bytes:
        """The reply about a log that cannot be looked up now; ``about`` is what is known of it."""
        decoded = _decoded(self.understand, payload)
        if not decoded.records:
            return payloads.refusal(payload, decoded.rejects, agent=self.agent)
        record = decoded.first()
        log = unstored_log(record)
        return self._made(
            payload, log, record.template, about or payloads.subject_of(log, payloads.rest_of(decoded.rejects))
        )

    def _made(
        self,
        payload: bytes,
        log: StoredLog,
        template: str,
        about: payloads.Subject,
        *,
        provisional: bool = True,
    ) -> bytes:
        explanation = self.rules(question_about(log, template))
        return payloads.reply(payload, about, explanation, agent=self.agent, provisional=provisional)


def understood(understand: Callable[[Delivery], Decoded], payload: bytes) -> LogRecord:
    """What the recorder will make of these bytes: their first log. Raises MessageRejected."""
    return _decoded(understand, payload).first()


def _decoded(understand: Callable[[Delivery], Decoded], payload: bytes) -> Decoded:
    return understand(Delivery(payload, SUBJECT, "", 0, time.time_ns(), ""))


def unstored_log(record: LogRecord) -> StoredLog:
    """A record that is not in the database yet, in the form readers get (id 0)."""
    known: dict[str, Any] = {name: getattr(record, name, None) for name in StoredLog.__struct_fields__}
    return StoredLog(**known | {"id": 0, "created_at": record.timestamp, "provisional": False})
