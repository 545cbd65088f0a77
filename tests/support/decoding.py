"""Messages decoded as the recorder does it, with the real fingerprints."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from andon.core.models import SUBJECT, Decoded, Delivery, LogRecord
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder

RECEIVED = datetime(2026, 3, 1, 22, 15, 30, tzinfo=UTC)
RECEIVED_TEXT = "2026-03-01T22:15:30.000Z"


def decoded(body: Any, encoding: str = "utf-8", headers: dict[str, str] | None = None) -> Decoded:
    """What a message holds; ``body`` is its bytes, or what is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    delivery = Delivery(data, SUBJECT, "AGENT_STREAM", 7, int(RECEIVED.timestamp()) * 10**9, "", headers)
    return Decoder(Fingerprinter(), encoding=encoding)(delivery)


def one(body: Any, encoding: str = "utf-8") -> LogRecord:
    """The only log of a message."""
    found = decoded(body, encoding)
    assert (len(found.records), found.rejects) == (1, [])
    return found.records[0]


def context_of(record: LogRecord) -> dict[str, Any]:
    """The stored context."""
    context: dict[str, Any] = json.loads(record.context or "{}")
    return context
