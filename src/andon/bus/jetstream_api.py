"""JetStream's own API as JSON requests, and the stream and consumer that Andon needs.

Plain JSON instead of nats-py's configuration classes: those drop every field they do not know, so an update through
them would reset what a newer server or an administrator has set.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import nats.errors
import structlog

from andon.bus.connection import BusConnection, closed_error
from andon.core.errors import BrokerError, BrokerUnavailable
from andon.core.models import ANALYSIS_SUBJECT, ANALYZE_SUBJECT, CONSUMER, STREAM, SUBJECT, StreamState
from andon.core.settings.whereabouts import start_advice

log = structlog.get_logger(__name__)

SUBJECTS = (SUBJECT, f"{SUBJECT}.>")
ANSWERS = (f"{ANALYSIS_SUBJECT}.>", ANALYZE_SUBJECT)
SECOND = 1_000_000_000  # JetStream counts in nanoseconds
ACK_WAIT = 30 * SECOND
MAX_AGE = 24 * 3600 * SECOND
MAX_ACK_PENDING = 8192
STREAM_MISSING = 10059  # error codes of the server: server/errors.json in its sources
CONSUMER_MISSING = 10014
MESSAGE_MISSING = 10037
MISSING = (STREAM_MISSING, CONSUMER_MISSING)
EXISTS = (10058, 10148)  # the stream, the consumer
SUBJECTS_TAKEN = 10065
STORE_FAILED = 10049
ATTEMPTS = 5  # several processes may create the same things at once
#: A server confirms that a stream is deleted before its files are gone, and makes none of that name until they are.
REMOVAL_SECONDS, REMOVAL_LOOK = 3.0, 0.05


class ApiError(BrokerError):
    """JetStream refused a request; ``code`` is its own error code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Setup(msgspec.Struct, frozen=True):
    """What there is: ``born_ns`` is when the stream was created (ns since 1970), the rest are the consumer's limits.

    0 or less means no limit; ``max_expires`` counts nanoseconds. ``mixed``: our own answers come along. ``oldest_ns``:
    no message was stored before; a stream that was made again over its old messages is younger than they are.
    """

    born_ns: int
    ack_floor: int
    max_ack_pending: int
    max_batch: int = 0
    max_bytes: int = 0
    max_expires: int = 0
    mixed: bool = False
    oldest_ns: int = 0


async def request(
    nc: BusConnection, operation: str, body: Mapping[str, Any] | None = None, *, timeout: float = 5.0
) -> dict[str, Any]:
    """One request to ``$JS.API.<operation>``. Raises ApiError, or BrokerUnavailable where nobody answers."""
    try:
        data = b"" if body is None else json.dumps(body).encode()
        reply = await nc.asked(f"$JS.API.{operation}", data, timeout)
    except nats.errors.NoRespondersError:
        raise BrokerUnavailable(
            f"the broker at {nc.address} has no JetStream: enable it, or wait until its store has disk space again"
        ) from None
    except nats.errors.ConnectionClosedError:
        raise closed_error(nc) from None
    except nats.errors.Error as error:
        raise BrokerUnavailable(
            f"the broker at {nc.address} did not answer within {timeout:g} s ({error}): check that it runs"
        ) from None
    if reply is None:
        raise ApiError(
            f"the broker at {nc.address} does not let this user publish on $JS.API.{operation}: give it the "
            "permission, or set NATS_URL to another user",
            0,
        )
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
            f"the broker at {nc.address} has no stream for logs sent to {SUBJECT}, which Andon creates when it starts: "
            + start_advice("start `andon run`, or correct NATS_URL")
        )


async def infos(nc: BusConnection, timeout: float = 5.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the broker says of stream and consumer. Raises as :func:`request`."""
    # In this order: what was acknowledged lies within the stream, however quickly both move.
    consumer = await request(nc, f"CONSUMER.INFO.{STREAM}.{CONSUMER}", timeout=timeout)
    return await request(nc, f"STREAM.INFO.{STREAM}", timeout=timeout), consumer


def state_of(stream: Mapping[str, Any], consumer: Mapping[str, Any]) -> StreamState:
    """Where stream and consumer stand, out of both INFO answers."""
    kept = stream["state"]
    return StreamState(
        stream=STREAM,
        first_sequence=kept["first_seq"],
        last_sequence=kept["last_seq"],
        messages=kept["messages"],
        bytes=kept["bytes"],
        ack_floor=consumer["ack_floor"]["stream_seq"],
        delivered=consumer["delivered"]["stream_seq"],
        pending=consumer["num_pending"],
        ack_pending=consumer["num_ack_pending"],
        first_ns=_first_ns(stream),
        born_ns=born(stream),
        # A mirror has the gaps of what it mirrors.
        others=consumer.get("num_waiting", 0),
        whole=not (filters_of(consumer["config"]) or filters(stream["config"]) or stream["config"].get("mirror")),
    )


async def ensure_stream(
    nc: BusConnection, *, start: int = 0, first: int = 0, adopt: bool = True, timeout: float = 5.0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Create what is missing of the log stream and its durable consumer, and leave the rest as it is.

    ``start`` is the sequence after which a newly made consumer begins, ``first`` the first one of a newly made stream.
    ``adopt`` adds our subjects to a stream that lacks them.
    Returns both INFO answers. Raises BrokerUnavailable, or BrokerError where the broker's set-up forbids it.
    """
    stream = await _ensure_stream(nc, first, adopt, timeout)
    return stream, await _ensure_consumer(nc, start, timeout, filters(stream["config"]))


def setup_of(stream: Mapping[str, Any], consumer: Mapping[str, Any]) -> Setup:
    """The facts we need out of both INFO answers."""
    config = consumer["config"]
    return Setup(
        born_ns=born(stream),
        oldest_ns=min(born(stream), _first_ns(stream)) if stream["state"]["messages"] else born(stream),
        ack_floor=consumer["ack_floor"]["stream_seq"],
        max_ack_pending=config.get("max_ack_pending", MAX_ACK_PENDING),
        max_batch=config.get("max_batch", 0),
        max_bytes=config.get("max_bytes", 0),
        max_expires=config.get("max_expires", 0),
        mixed=reads_answers(stream["config"], config),
    )


async def _ensure_stream(nc: BusConnection, first: int, adopt: bool, timeout: float) -> dict[str, Any]:
    wanted = {
        "name": STREAM,
        "subjects": list(SUBJECTS),
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_age": MAX_AGE,
        "max_bytes": -1,
        "max_msgs": -1,
        "max_msg_size": -1,
        "compression": "s2",
        "duplicate_window": 120 * SECOND,
        "num_replicas": 1,
        **({"first_seq": first} if first > 1 else {}),
    }
    try:
        found = await _found_or_made(nc, "stream", STREAM, wanted, timeout, stream=STREAM)
        config = found["config"]
        # One without subjects that is fed by other streams is a hub's: taking the subjects would store twice. A sealed
        # one takes nothing.
        fed = not config.get("subjects") and (config.get("sources") or config.get("mirror"))
        subjects = with_subjects(config.get("subjects", []))
        if fed or not adopt or config.get("sealed") or subjects == config.get("subjects"):
            return found
        log.info("stream gets more subjects", stream=STREAM, subjects=subjects)
        return await request(nc, f"STREAM.UPDATE.{STREAM}", {**config, "subjects": subjects}, timeout=timeout)
    except ApiError as error:
        if error.code != SUBJECTS_TAKEN:
            raise
        raise await _taken(nc, timeout) from None


async def _taken(nc: BusConnection, timeout: float) -> BrokerError:
    """The error for log subjects that other streams have."""
    names = {
        name
        for subject in SUBJECTS
        for name in (await request(nc, "STREAM.NAMES", {"subject": subject}, timeout=timeout)).get("streams") or ()
    }
    others = ", ".join(sorted(names - {STREAM})) or "another"
    return BrokerError(
        f"logs sent to {SUBJECT} go to the stream {others}, so {STREAM} cannot take them: remove that subject from it, "
        "and Andon continues automatically"
    )


async def _ensure_consumer(nc: BusConnection, start: int, timeout: float, only: Mapping[str, Any]) -> dict[str, Any]:
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
    return await _found_or_made(nc, "consumer", f"{STREAM}.{CONSUMER}", wanted, timeout, **told)


async def _found_or_made(
    nc: BusConnection, kind: str, path: str, wanted: Mapping[str, Any], timeout: float, **told: Any
) -> dict[str, Any]:
    """What INFO says of the stream or consumer at ``path``, which is created as ``wanted`` where it is missing."""
    for _ in range(ATTEMPTS):
        for operation, body, passing in (("INFO", None, MISSING), ("CREATE", wanted, EXISTS)):
            try:
                found = await when_removed(nc, f"{kind.upper()}.{operation}.{path}", body, timeout)
            except ApiError as error:
                if error.code not in passing:
                    raise
            else:
                if body is not None:
                    log.info(f"{kind} created", **told)
                return found
    raise _contested(kind, path.rpartition(".")[2])


async def when_removed(
    nc: BusConnection, operation: str, body: Mapping[str, Any] | None = None, timeout: float = 5.0
) -> dict[str, Any]:
    """As :func:`request`; one that meets what is left of a deleted stream is made again until that is gone."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        try:
            return await request(nc, operation, body, timeout=timeout)
        except ApiError as error:
            if error.code != STORE_FAILED or time.monotonic() > deadline:
                raise
        await asyncio.sleep(REMOVAL_LOOK)


def _contested(kind: str, name: str) -> BrokerError:
    return BrokerError(
        f"the {kind} {name} keeps changing while Andon sets it up: stop the other program that changes it"
    )


def filters(stream_config: Mapping[str, Any]) -> dict[str, Any]:
    """What a consumer's configuration has to filter: logs only, where the stream (``agent.>``) keeps our answers too.

    Else nothing, so that it takes everything: whoever gives the stream another subject wants its messages read.
    """
    subjects: list[str] = stream_config.get("subjects") or []
    mixed = any(covers(s, answer) for s in subjects for answer in ANSWERS)
    return {"filter_subjects": list(SUBJECTS)} if mixed else {}


def reads_answers(stream_config: Mapping[str, Any], consumer_config: Mapping[str, Any]) -> bool:
    """Whether such a consumer hands out our own answers as if they were logs."""
    taken = filters_of(consumer_config) or [">"]
    return bool(filters(stream_config)) and not all(any(covers(s, f) for s in SUBJECTS) for f in taken)


def is_answer(subject: str) -> bool:
    """Whether a message on ``subject`` is one of our own answers, or a request for one."""
    return any(covers(answer, subject) for answer in ANSWERS)


def filters_of(config: Mapping[str, Any]) -> list[str]:
    """The subjects that a consumer's configuration lets through; [] where it lets through all."""
    return [f for f in (config.get("filter_subject"), *(config.get("filter_subjects") or ())) if f]


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


def _first_ns(stream: Mapping[str, Any]) -> int:
    """When the first message was stored: ns since 1970, rounded down to microseconds; 0 without any."""
    return max(0, int(datetime.fromisoformat(stream["state"]["first_ts"]).timestamp() * 1_000_000) * 1000)


def born(stream: Mapping[str, Any]) -> int:
    """When the stream of an INFO answer was created: ns since 1970, rounded down to milliseconds."""
    return int(datetime.fromisoformat(stream["created"]).timestamp() * 1000) * 1_000_000
