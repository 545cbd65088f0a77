"""JetStream's own API as JSON requests, and the stream and consumer that Andon needs.

Plain JSON instead of nats-py's configuration classes: those drop every field they do not know, so an update through
them would reset what a newer server or an administrator has set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import nats.errors
import structlog

from andon.bus.connection import BusConnection, closed_error
from andon.core.errors import BrokerError, BrokerUnavailable
from andon.core.models import ANALYSIS_SUBJECT, ANALYZE_SUBJECT, CONSUMER, STREAM, SUBJECT, StreamState

log = structlog.get_logger(__name__)

SUBJECTS = (SUBJECT, f"{SUBJECT}.>")
SECOND = 1_000_000_000  # JetStream counts in nanoseconds
ACK_WAIT = 30 * SECOND
MAX_ACK_PENDING = 8192
STREAM_MISSING = 10059  # error codes of the server: server/errors.json in its sources
CONSUMER_MISSING = 10014
MESSAGE_MISSING = 10037
MISSING = (STREAM_MISSING, CONSUMER_MISSING)
EXISTS = (10058, 10148)  # the stream, the consumer
ATTEMPTS = 5  # several processes may create the same things at once


class ApiError(BrokerError):
    """JetStream refused a request; ``code`` is its own error code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Setup(msgspec.Struct, frozen=True):
    """What :func:`ensure_stream` found or made. ``born_ns`` is when the stream was created (ns since 1970)."""

    born_ns: int
    ack_floor: int
    max_ack_pending: int


async def request(
    nc: BusConnection, operation: str, body: Mapping[str, Any] | None = None, *, timeout: float = 5.0
) -> dict[str, Any]:
    """One request to ``$JS.API.<operation>``. Raises ApiError, or BrokerUnavailable where nobody answers."""
    try:
        reply = await nc.request(
            f"$JS.API.{operation}", b"" if body is None else json.dumps(body).encode(), timeout=timeout
        )
    except nats.errors.NoRespondersError:
        raise BrokerUnavailable(
            f"the broker at {nc.address} has no JetStream: enable it, or wait until it has room for its store again"
        ) from None
    except nats.errors.ConnectionClosedError:
        raise closed_error(nc) from None
    except nats.errors.Error as error:
        raise BrokerUnavailable(
            f"the broker at {nc.address} did not answer within {timeout:g} s ({error}): check that it runs"
        ) from None
    answer: dict[str, Any] = json.loads(reply.data)
    if problem := answer.get("error"):
        text = f"the broker at {nc.address} refuses {operation}: {problem.get('description', 'no reason given')}"
        if problem.get("code") == 503:
            raise BrokerUnavailable(f"{text}; try again")
        raise ApiError(f"{text}; check its configuration", int(problem.get("err_code", 0)))
    return answer


async def require_jetstream(nc: BusConnection, timeout: float = 2.0) -> None:
    """Raises BrokerUnavailable where the broker has no JetStream, or takes no log on our subject, for us.

    A broker that does not let us ask gets the benefit of the doubt.
    """
    try:
        streams = await request(nc, "STREAM.NAMES", {"subject": SUBJECT}, timeout=timeout)
    except ApiError:
        return
    except BrokerUnavailable as error:
        if nc.is_connected and "did not answer" in str(error):
            return
        raise
    if not streams.get("streams"):
        raise BrokerUnavailable(
            f"the broker at {nc.address} has no stream that keeps logs sent to {SUBJECT}: start `andon run`, which "
            "makes it, or correct NATS_URL"
        )


async def stream_state(nc: BusConnection) -> tuple[StreamState, int]:
    """Where stream and consumer stand, and when the stream was made (:func:`born`).

    Raises BrokerUnavailable, also where one of them does not exist.
    """
    try:
        # In this order: what was acknowledged lies within the stream, however quickly both move.
        consumer = await request(nc, f"CONSUMER.INFO.{STREAM}.{CONSUMER}")
        stream = await request(nc, f"STREAM.INFO.{STREAM}")
    except ApiError as error:
        raise BrokerUnavailable(f"{error}. Andon makes it again") from None
    kept = stream["state"]
    state = StreamState(
        stream=STREAM,
        first_sequence=kept["first_seq"],
        last_sequence=kept["last_seq"],
        messages=kept["messages"],
        bytes=kept["bytes"],
        ack_floor=consumer["ack_floor"]["stream_seq"],
        delivered=consumer["delivered"]["stream_seq"],
        pending=consumer["num_pending"],
        ack_pending=consumer["num_ack_pending"],
        first_ns=max(0, int(datetime.fromisoformat(kept["first_ts"]).timestamp() * 1_000_000) * 1000),
        born_ns=born(stream),
    )
    return state, born(stream)


async def ensure_stream(nc: BusConnection, *, start: int = 0, timeout: float = 5.0) -> Setup:
    """Create what is missing of the log stream and its durable consumer; messages and limits that are there stay.

    ``start`` is the sequence after which a newly made consumer begins. Raises BrokerUnavailable, or BrokerError where
    the broker's set-up forbids it.
    """
    stream = await _ensure_stream(nc, timeout)
    consumer = await _ensure_consumer(nc, start, timeout, filters(stream["config"]))
    end = await end_below(nc, consumer, timeout)
    if end is not None:
        floor = consumer["ack_floor"]["stream_seq"]
        log.warning("consumer replaced", consumer=CONSUMER, ack_floor=floor, reason=f"the stream ends at {end}")
        await request(nc, f"CONSUMER.DELETE.{STREAM}.{CONSUMER}", timeout=timeout)
        consumer = await _ensure_consumer(nc, end, timeout, filters(stream["config"]))
    return setup_of(stream, consumer)


async def end_below(nc: BusConnection, consumer: Mapping[str, Any], timeout: float) -> int | None:
    """The stream's last sequence where that is below the ack floor of ``consumer``'s INFO answer; None where it is not.

    Such a floor is that of another stream, or of a tail that the broker lost: what comes next would not be delivered.
    """
    floor = consumer["ack_floor"]["stream_seq"]
    if not floor:
        return None
    end: int = (await request(nc, f"STREAM.INFO.{STREAM}", timeout=timeout))["state"]["last_seq"]
    return end if end < floor else None


def setup_of(stream: Mapping[str, Any], consumer: Mapping[str, Any]) -> Setup:
    """The facts we need out of both INFO answers."""
    return Setup(
        born_ns=born(stream),
        ack_floor=consumer["ack_floor"]["stream_seq"],
        max_ack_pending=consumer["config"].get("max_ack_pending", MAX_ACK_PENDING),
    )


async def _ensure_stream(nc: BusConnection, timeout: float) -> dict[str, Any]:
    wanted = {
        "name": STREAM,
        "subjects": list(SUBJECTS),
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_age": 24 * 3600 * SECOND,
        "max_bytes": -1,
        "max_msgs": -1,
        "max_msg_size": -1,
        "compression": "s2",
        "duplicate_window": 120 * SECOND,
        "num_replicas": 1,
    }
    found = await _found_or_made(nc, "stream", STREAM, wanted, timeout, stream=STREAM)
    config = found["config"]
    # A stream without subjects that is fed by other streams is a hub's: taking the subjects would store twice.
    if not config.get("subjects") and (config.get("sources") or config.get("mirror")):
        return found
    subjects = with_subjects(config.get("subjects", []))
    if subjects == config.get("subjects"):
        return found
    log.info("stream gets subjects", stream=STREAM, subjects=subjects)
    return await request(nc, f"STREAM.UPDATE.{STREAM}", {**config, "subjects": subjects}, timeout=timeout)


async def _ensure_consumer(nc: BusConnection, start: int, timeout: float, only: Mapping[str, Any]) -> dict[str, Any]:
    for _ in range(ATTEMPTS):
        config = {
            "name": CONSUMER,
            "durable_name": CONSUMER,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": ACK_WAIT,
            "max_deliver": -1,
            "max_ack_pending": MAX_ACK_PENDING,
            "replay_policy": "instant",
            **only,
        }
        if start > 0:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": start + 1}
        wanted = {"stream_name": STREAM, "config": config, "action": "create"}
        told = {"consumer": CONSUMER, "after_sequence": start}
        found = await _found_or_made(nc, "consumer", f"{STREAM}.{CONSUMER}", wanted, timeout, **told)
        if fits(found["config"]):
            return await _corrected(nc, found, timeout, only)
        floor = found["ack_floor"]["stream_seq"]
        log.warning("consumer replaced", consumer=CONSUMER, ack_floor=floor, reason="not a pull consumer of ours")
        await request(nc, f"CONSUMER.DELETE.{STREAM}.{CONSUMER}", timeout=timeout)
        start = max(start, floor)
    raise _contested("consumer", CONSUMER)


async def _found_or_made(
    nc: BusConnection, kind: str, path: str, wanted: Mapping[str, Any], timeout: float, **told: Any
) -> dict[str, Any]:
    """What INFO says of the stream or consumer at ``path``, which is created as ``wanted`` where it is missing."""
    for _ in range(ATTEMPTS):
        for operation, body, passing in (("INFO", None, MISSING), ("CREATE", wanted, EXISTS)):
            try:
                found = await request(nc, f"{kind.upper()}.{operation}.{path}", body, timeout=timeout)
            except ApiError as error:
                if error.code not in passing:
                    raise
            else:
                if body is not None:
                    log.info(f"{kind} created", **told)
                return found
    raise _contested(kind, path.rpartition(".")[2])


def _contested(kind: str, name: str) -> BrokerError:
    return BrokerError(f"the {kind} {name} keeps changing while Andon sets it up: stop the other program that does it")


def fits(config: Mapping[str, Any]) -> bool:
    """Whether an existing consumer is one we can pull every log from."""
    taken = _filters_of(config)
    return (
        not config.get("deliver_subject")
        and config.get("ack_policy") == "explicit"
        and (not taken or all(any(covers(f, s) for f in taken) for s in SUBJECTS))
    )


def filters(stream_config: Mapping[str, Any]) -> dict[str, Any]:
    """What a consumer's configuration has to filter: logs only, where the stream (``agent.>``) keeps our answers too.

    Else nothing, so that it takes everything: whoever gives the stream another subject wants its messages read.
    """
    answers = (f"{ANALYSIS_SUBJECT}.>", ANALYZE_SUBJECT)
    subjects: list[str] = stream_config.get("subjects") or []
    mixed = any(covers(s, answer) for s in subjects for answer in answers)
    return {"filter_subjects": list(SUBJECTS)} if mixed else {}


def _filters_of(config: Mapping[str, Any]) -> list[str]:
    return [f for f in (config.get("filter_subject"), *(config.get("filter_subjects") or ())) if f]


async def _corrected(
    nc: BusConnection, found: dict[str, Any], timeout: float, only: Mapping[str, Any]
) -> dict[str, Any]:
    """Lift the limits with which an existing consumer would lose logs (max_deliver), stall a batch or read answers."""
    config = found["config"]
    wanted = dict(config)
    if only and not all(any(covers(s, f) for s in SUBJECTS) for f in _filters_of(config) or [">"]):
        wanted.pop("filter_subject", None)
        wanted |= only
    if config.get("max_deliver", -1) > 0:
        wanted["max_deliver"] = -1
        wanted.pop("backoff", None)  # the server wants max_deliver above the number of its steps
    if 0 < config.get("max_ack_pending", 0) < MAX_ACK_PENDING:
        wanted["max_ack_pending"] = MAX_ACK_PENDING
    if wanted == config:
        return found
    body = {"stream_name": STREAM, "config": wanted, "action": "update"}
    try:
        return await request(nc, f"CONSUMER.CREATE.{STREAM}.{CONSUMER}", body, timeout=timeout)
    except ApiError as error:
        log.warning("consumer limits stay", consumer=CONSUMER, reason=str(error))
        return found


def covers(pattern: str, subject: str) -> bool:
    """Whether every subject that ``subject`` (maybe a pattern itself) stands for matches ``pattern``."""
    ours, theirs = pattern.split("."), subject.split(".")
    for index, part in enumerate(ours):
        if part == ">":
            return len(theirs) > index
        if index >= len(theirs) or theirs[index] == ">":
            return False
        if part not in ("*", theirs[index]):
            return False
    return len(ours) == len(theirs)


def with_subjects(existing: list[str]) -> list[str]:
    """``existing`` with what is missing of our subjects, without those that ours include (overlaps are refused)."""
    missing = [s for s in SUBJECTS if not any(covers(e, s) for e in existing)]
    if not missing:
        return existing
    return [e for e in existing if not any(covers(s, e) for s in missing)] + missing


def born(stream: Mapping[str, Any]) -> int:
    """When the stream of an INFO answer was created: ns since 1970, rounded down to milliseconds."""
    return int(datetime.fromisoformat(stream["created"]).timestamp() * 1000) * 1_000_000
