"""A decoder of arrays for the tests of what comes after it: each element a log, or rejected with its place."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from andon.core.models import Decoded, Delivery, Reject
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder

#: Why an element is refused.
NO_LOG = "is no object"


class Splitter:
    """Splits arrays of objects; all else is one log."""

    def __init__(self) -> None:
        self._decode = Decoder(Fingerprinter())

    def __call__(self, delivery: Delivery) -> Decoded:
        """What the delivery holds."""
        try:
            parts: Any = json.loads(delivery.data)
        except ValueError:
            parts = None
        if not isinstance(parts, list):
            return self._decode(delivery)
        found = Decoded([], [])
        for place, part in enumerate(parts):
            data = json.dumps(part).encode()
            if not isinstance(part, dict):
                where = (delivery.stream, delivery.sequence, delivery.stored_ns, delivery.subject)
                found.rejects.append(Reject(*where, NO_LOG, data, place))
                continue
            record = self._decode(msgspec.structs.replace(delivery, data=data)).first()
            record.part = place
            found.records.append(record)
        return found


def message(*parts: object) -> bytes:
    """The parts as one message."""
    return json.dumps(parts).encode()
