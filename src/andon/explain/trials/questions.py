"""From a case to the question that production would ask: decoded, normalised and grouped by the same code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from andon.core.errors import MessageRejected
from andon.core.models import SEVERITY_RANK, STREAM, SUBJECT, Delivery, Question, utc_text
from andon.explain.callers.fallback_reply import unstored_log
from andon.explain.trials.cases import Case, CaseError
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder

#: Logs of a problem that a question carries, as the store hands them out.
LOGS_IN_QUESTION = 5
#: When the first record of a case was logged, where it does not say.
_START = datetime(2025, 1, 15, 2, 14, tzinfo=UTC)
_APART = timedelta(seconds=7)


class Questions:
    """Makes questions of cases; ``decode`` is the site's decoder. Ids count up over all cases."""

    def __init__(self, decode: Decoder | None = None) -> None:
        self._decode = decode or Decoder(Fingerprinter())
        self._ids = 0

    def __call__(self, case: Case) -> Question:
        """The question of one case. Raises CaseError where a record would be rejected in production."""
        logs = []
        template = ""
        for number, record in enumerate(case.records):
            moment = _START + number * _APART
            wire = {"timestamp": utc_text(moment), **record}
            self._ids += 1
            stored_ns = int(moment.timestamp()) * 10**9
            try:
                delivery = Delivery(msgspec.json.encode(wire), SUBJECT, STREAM, self._ids, stored_ns, "")
                decoded = self._decode(delivery).first()
            except MessageRejected as error:
                raise CaseError(f"{case.id}: record {number + 1} {error}") from None
            template = decoded.template
            logs.append(msgspec.structs.replace(unstored_log(decoded), id=self._ids, pattern_id=1))
        times = sorted(log.timestamp for log in logs)
        return Question(
            pattern_id=1,
            template=template,
            logs=logs[::-1][:LOGS_IN_QUESTION],
            count=case.count,
            hosts=list(dict.fromkeys(log.hostname for log in logs)),
            first_seen=times[0],
            last_seen=times[-1],
            worst_severity=max((log.severity for log in logs), key=SEVERITY_RANK.__getitem__),
        )
