"""Which stored message is a caller's own, though others may have sent the same bytes.

The broker does not say which message a plain request became. But its connection hands over the request before the
stream's delivery of it, and equal messages in the order in which they were sent: so a caller gets the first delivery
that came after it and that no equal message before it accounts for. A request to the endpoint is published by us, and
known by its message id.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Sequence

from msgspec import structs

from andon.bus.inbox import MESSAGE_ID
from andon.core.models import Delivery, LogRecord, Recorded, Reject
from andon.explain.callers import payloads
from andon.explain.callers.slots import Caller
from andon.ingest.recorder import Batch

#: So many different messages that nobody waits for are remembered until they are recorded, the newest.
OTHERS = 16_384
#: How the id of a message begins that a request to the endpoint became.
REQUEST = "andon-request-"


class Expected:
    """Callers whose message is not recorded yet."""

    def __init__(self, others: int = OTHERS) -> None:
        self._plain: dict[bytes, deque[Caller]] = {}
        self._requests: dict[str, Caller] = {}
        self._most = others
        #: By the hash of their payload: messages without a caller that were heard and are not recorded.
        self._others: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._plain or self._requests or self._others)

    def note(self, payload: bytes) -> None:
        """A message was heard for which nobody waits."""
        key = hash(payload)
        self._others[key] = self._others.get(key, 0) + 1
        if len(self._others) > self._most:
            del self._others[next(iter(self._others))]

    def add(self, caller: Caller) -> None:
        """A caller was heard, or is about to publish its request."""
        if caller.request is not None:
            self._requests[caller.request] = caller
            return
        before = self._plain.setdefault(caller.payload, deque())
        known = self._others.get(hash(caller.payload), 0)
        caller.behind = max(0, known - sum(other.behind for other in before))
        before.append(caller)

    def discard(self, caller: Caller) -> None:
        """The caller waits no more."""
        if caller.request is not None:
            self._requests.pop(caller.request, None)
        elif caller in (callers := self._plain.get(caller.payload, ())):
            callers.remove(caller)  # type: ignore[union-attr]  # only a deque holds anything
            if not callers:
                del self._plain[caller.payload]

    def take(self, delivery: Delivery) -> Caller | None:
        """Who waits for this message, and is expected no more; None where nobody does."""
        message_id = (delivery.headers or {}).get(MESSAGE_ID, "")
        if message_id.startswith(REQUEST):
            return self._requests.pop(message_id, None)
        callers = self._plain.get(delivery.data)
        if not callers:
            self._recorded(delivery.data)
            return None
        first = callers[0]
        if first.behind or 0 < delivery.arrived < first.arrived:
            first.behind = max(0, first.behind - 1)
            self._recorded(delivery.data)
            return None
        self.discard(first)
        return first

    def passed(self, delivery: Delivery) -> Caller | None:
        """Who waits for these bytes where the message, which came after it, was taken for another's."""
        callers = self._plain.get(delivery.data)
        return callers[0] if callers and delivery.arrived > callers[0].arrived > 0 else None

    def _recorded(self, payload: bytes) -> None:
        if not self._others:
            return
        key = hash(payload)
        left = self._others.pop(key, 0) - 1
        if left > 0:
            self._others[key] = left


class Stored:
    """A stored batch without its logs as they were understood, which take most of its memory.

    Its index by payload is made when somebody asks, which in a quiet hour nobody does.
    """

    def __init__(self, batch: Batch, recorded: Recorded) -> None:
        self._batch = structs.replace(batch, records=[])
        self._severities = [record.severity for record in batch.records]
        self._recorded = recorded
        #: Sequences of messages that have their caller.
        self.taken: set[int] = set()

    @functools.cached_property
    def _by_payload(self) -> dict[bytes, list[tuple[Delivery, payloads.Subject]]]:
        found: dict[bytes, list[tuple[Delivery, payloads.Subject]]] = {}
        for delivery, places, rejects in self._batch.messages():
            if ids := _stored(places, self._recorded):
                about = _subject(ids, rejects, self._severities[ids[0][0]], self._recorded)
                found.setdefault(delivery.data, []).append((delivery, about))
        return found

    def take(self, caller: Caller) -> payloads.Subject | None:
        """What is stored of the message of a caller who was heard of a moment late."""
        for delivery, about in self._by_payload.get(caller.payload, ()):
            if delivery.sequence not in self.taken and (not caller.arrived or delivery.arrived > caller.arrived):
                self.taken.add(delivery.sequence)
                return about
        return None


def about_of(
    places: range, rejects: Sequence[Reject], batch: Batch, recorded: Recorded
) -> tuple[LogRecord, payloads.Subject] | None:
    """The first log of a message that was stored just now, and what a reply says of it; None where none was.

    Its logs stand at ``places`` of the batch.
    """
    if not (ids := _stored(places, recorded)):
        return None
    record = batch.records[ids[0][0]]
    return record, _subject(ids, rejects, record.severity, recorded)


def _stored(places: range, recorded: Recorded) -> list[tuple[int, int]]:
    """The places of a message's logs that were stored, each with its id."""
    return [(place, log_id) for place in places if (log_id := recorded.log_ids[place]) is not None]


def _subject(
    ids: Sequence[tuple[int, int]], rejects: Sequence[Reject], severity: str, recorded: Recorded
) -> payloads.Subject:
    first, log_id = ids[0]
    return payloads.Subject(
        log_id, recorded.pattern_ids[first], severity, payloads.rest_of(rejects, [one for _, one in ids])
    )
