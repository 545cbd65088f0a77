"""After an upgrade: stored patterns get the fingerprints that this version makes, so that what is known stays known.

Without that, the first log of each old problem would be a new problem, with no fix and another question to the model.
What a pattern is now its stored logs say, some of the newest and of the oldest; where none is stored any more, its
template does.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import structlog

from andon.core.models import STREAM, SUBJECT, Decoded, Delivery, LogRecord
from andon.core.telemetry import Health
from andon.grouping import fingerprint
from andon.grouping.mask import ELLIPSIS, TAIL
from andon.ingest.pieces import object_in
from andon.store import Connection, Store, problems

log = structlog.get_logger(__name__)

#: What reads a message as the recorder does.
Decode = Callable[[Delivery], Decoded]

#: Patterns in one transaction, and about how long it takes at most (seconds): whoever else writes waits as long.
_STEP, _STEP_SECONDS = 50, 0.5
#: Logs of a pattern that are looked at; of one that several problems come out of, or that has a fix; of all the latter.
_FEW, _MORE, _FIXED = 16, 1_000, 200_000
#: Characters of a log's text and of its context beyond which it is none of those.
_LONG = 32_000
#: What :meth:`Health.report` calls this, and what it says before the first step.
PART, BEGINS = "grouping", "checking whether stored problems were grouped by an earlier version"
_REFERENCE = frozenset({"timestamp", "hostname", "severity", "service", "message", "context"})


async def regroup(store: Store, decode: Decode, health: Health) -> None:
    """Give all stored patterns their new fingerprints, once for each version; call it before anything is recorded.

    Interrupted, it goes on where it was; where another process is at it, both do their share. ``health`` is not ready
    meanwhile. ``decode`` is used in the store's thread and by nobody else. Raises StoreError.
    """
    health.report(PART, BEGINS)
    told = 0
    while (now := await store.write(_step, decode, int(fingerprint.VERSION), time.time())) is not None:
        what = f"regrouping stored problems for this version: {now.done:,} of {now.total:,} done"
        health.report(PART, f"{what}; new logs wait in the stream")
        if now.done * 10 // now.total >= told:
            log.info(what)
            told = now.done * 10 // now.total + 1
    if told:
        done = await store.read(problems.regrouped_so_far)
        log.info("stored problems are regrouped for this version", **msgspec.structs.asdict(done))
    health.report(PART, None)


def _step(connection: Connection, decode: Decode, version: int, now: float) -> problems.Regrouped | None:
    """The next patterns; None where there is no more."""
    end = time.monotonic() + _STEP_SECONDS
    found = problems.outdated(connection, version, _STEP)
    for pattern in found:
        if time.monotonic() > end and pattern is not found[0]:
            break
        problems.rekey(connection, pattern, _parts(connection, decode, pattern), now)
    return problems.regrouped_so_far(connection) if found else None


def _parts(connection: Connection, decode: Decode, pattern: problems.OldPattern) -> list[problems.Part]:
    """What the logs of a pattern are now, what most of them are (else the newest) first."""
    logs = problems.old_logs(connection, pattern, _FEW)
    parts = _sorted(decode, logs)
    more = min(_MORE, _FIXED // pattern.fixed) if pattern.fixed else _MORE if len(parts) > 1 else 0
    if more > _FEW and 2 * len(logs) >= _FEW:
        deep = {one.id: one for one in (*logs, *problems.old_logs(connection, pattern, more, _LONG))}
        parts = _sorted(decode, sorted(deep.values(), key=lambda one: -one.id))
    if not parts and (found := of_template(decode, pattern.template)) is not None:
        return [problems.Part(found.fingerprint, found.template, [])]
    return parts


def _sorted(decode: Decode, logs: list[problems.OldLog]) -> list[problems.Part]:
    parts: dict[str, problems.Part] = {}
    for one in logs:
        context = msgspec.Raw((one.context or "null").encode("utf-8", "surrogatepass"))
        found = _decoded(decode, one.message, one.service, context)
        if found is not None:
            parts.setdefault(found.fingerprint, problems.Part(found.fingerprint, found.template, [])).logs.append(one)
    return sorted(parts.values(), key=lambda part: -len(part.logs))


def _decoded(decode: Decode, message: str, service: str, context: object) -> LogRecord | None:
    """The log as the recorder understands it when it comes again; None where that would be none."""
    text = "" if message == "(no message)" else message
    data = msgspec.json.encode({"service": service, "message": text, "context": context})
    return next(iter(decode(Delivery(data, SUBJECT, STREAM, 1, 0, "")).records), None)


def as_before(delivery: Delivery) -> Delivery | None:
    """The message as the first version read it: the reference's fields and no others. None where these are all.

    Nor where that version found no text: what it knew was about other logs too.
    """
    fields = object_in(delivery.data)
    if fields is None:
        return None
    kept = {name: value for name, value in fields.items() if name.lower() in _REFERENCE}
    text = bytes(kept.get("message", b""))
    if len(kept) == len(fields) or text[:1] != b'"' or text == b'""':
        return None
    return msgspec.structs.replace(delivery, data=msgspec.json.encode(kept), headers=None)


def of_template(decode: Decode, template: str) -> LogRecord | None:
    """A log that the template stands for; None where it was cut off and says not everything."""
    text, mark, tail = template.rpartition(TAIL)
    if not mark:
        text, tail = template, ""
    if text.endswith(ELLIPSIS) or tail.endswith(ELLIPSIS) or text == "(no text)":
        return None
    words = tail.split()
    codes = dict(word.split("=", 1) for word in words if "=" in word)
    service = " ".join(word for word in words if "=" not in word)
    return _decoded(decode, text, service, codes)
