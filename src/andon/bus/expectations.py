"""What Andon needs of its stream and its consumer, compared with what is there. Pure: answers of the broker go in.

Anybody who reaches the broker may change both. Most changes are harmless (a longer ``max_age``, replicas, placement,
one more subject); those listed here keep logs from being taken, from being recorded, or from being read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from andon.bus.jetstream_api import (
    ACK_WAIT,
    MAX_ACK_PENDING,
    MAX_AGE,
    SECOND,
    SUBJECTS,
    covers,
    filters,
    filters_of,
    reads_answers,
    with_subjects,
)
from andon.core.models import ANALYZE_SUBJECT, CONSUMER, STREAM

#: Logs get lost or lie there; a limit that a site may have chosen; worth knowing.
Grade = Literal["loses", "narrows", "note"]
Info = Mapping[str, Any]

RESUME = f"resume it (`nats consumer resume {STREAM} {CONSUMER}`)"
FLOOR = "ack_floor"  # told like a setting, though it is none

OVERHEAD = 64 << 10  # subject, headers and ack subject, which JetStream counts as well
PULL_BYTES = 16 << 20
PULL_EXPIRES = 15 * SECOND
LEAST_EXPIRES = SECOND
LEAST_ACK_WAIT = SECOND
USUAL_ACK_WAIT = 5 * SECOND
USUAL_WAITING = 512
LEAST_DUPLICATE_WINDOW = 30 * SECOND
HOUR = 3600 * SECOND

#: Limits of the stream: setting, what Andon sets (-1: none), what even a bounded site needs, what happens beyond it.
_LIMITS = (
    ("max_msgs", -1, 10_000, "beyond that the oldest logs are removed, whether stored or not"),
    ("max_msgs_per_subject", -1, 10_000, "beyond that the oldest logs are removed, whether stored or not"),
    ("max_bytes", -1, 16 << 20, "beyond that the oldest logs are removed, whether stored or not"),
    ("max_msg_size", -1, 64 << 10, "larger logs are rejected by the broker"),
    ("max_age", MAX_AGE, HOUR, "older logs are removed, whether stored or not"),
)
#: Settings of the stream with one right value: setting, that value, grade, what another does, whether none can undo it.
_STREAM: tuple[tuple[str, Any, Grade, str, bool], ...] = (
    ("sealed", False, "loses", "it accepts no logs", True),
    ("allow_msg_counter", False, "loses", "it accepts counters and refuses logs", True),
    ("no_ack", False, "loses", "it does not confirm logs to their senders", False),
    ("discard_new_per_subject", False, "loses", "logs are refused while older ones of the subject are stored", False),
    ("storage", "file", "note", "its content is lost when the broker stops", True),
    ("persist_mode", "default", "note", "confirmed logs are lost if the broker is killed", True),
    ("retention", "limits", "note", "stored logs cannot be read again", False),
    ("allow_rollup_hdrs", False, "note", "a single message may remove all others", False),
    ("max_consumers", -1, "note", "there may be no room for Andon's consumers", False),
    ("consumer_limits", {}, "note", "they limit Andon's consumer", False),
)
#: The same for the consumer. What no update can undo, or what made it pass logs over, is made anew.
_CONSUMER: tuple[tuple[str, Any, Grade, str, bool], ...] = (
    ("deliver_subject", "", "loses", "it pushes logs to that subject, but Andon pulls them", True),
    ("ack_policy", "explicit", "loses", "logs count as stored before they are", True),
    ("priority_policy", "none", "loses", "it hands out logs only to members of its groups", True),
    ("replay_policy", "instant", "loses", "old logs arrive no faster than they were sent", True),
    ("headers_only", False, "loses", "logs arrive without their content", False),
    ("backoff", [], "note", "the broker decides when logs are handed out again", False),
    ("inactive_threshold", 0, "note", "it is deleted while Andon is away", False),
    ("mem_storage", False, "note", "it starts over when the broker restarts", True),
)


class Difference(msgspec.Struct, frozen=True):
    """One setting that is not as Andon needs it.

    ``found`` says what is there and what comes of it, ``remedy`` what to do. ``room`` is how much a limit leaves: one
    that was accepted may grow. ``change`` puts it right (None removes a setting), unless it must be made ``anew``.
    """

    part: Literal["stream", "consumer"]
    setting: str
    grade: Grade
    found: str
    remedy: str
    room: float = 0.0
    change: Mapping[str, Any] = {}
    anew: bool = False

    def __str__(self) -> str:
        return f"the {self.part} {STREAM if self.part == 'stream' else CONSUMER} {self.found}: {self.remedy}"


def compare(stream: Info, consumer: Info, max_payload: int) -> list[Difference]:
    """What of both INFO answers is not as Andon needs it, the worst first. ``max_payload`` is the broker's."""
    found = [
        *_stands(stream, consumer),
        *_of_stream(stream, consumer["config"], max_payload),
        *_of_consumer(consumer, stream["config"], max_payload),
    ]
    order: tuple[Grade, ...] = ("loses", "narrows", "note")
    return sorted(found, key=lambda each: order.index(each.grade))


def _stands(stream: Info, consumer: Info) -> Iterator[Difference]:
    """A consumer of another stream, or of a tail that is lost. Its answer must be the older of the two."""
    begins, last = consumer["config"].get("opt_start_seq") or 1, stream["state"]["last_seq"]
    floor = max(consumer["ack_floor"]["stream_seq"], begins - 1)
    if floor > last:
        found = f"begins after sequence {floor}, but the stream ends at {last}, so logs are skipped"
        yield Difference("consumer", FLOOR, "loses", found, "delete it, and Andon creates it again", anew=True)


def _of_stream(info: Info, consumer: Info, max_payload: int) -> Iterator[Difference]:
    config, state = info["config"], info["state"]
    yield from _subjects(config)
    for setting, made, least, effect in _LIMITS:
        value = config.get(setting) or -1
        enough = max_payload if setting == "max_msg_size" else made
        if value <= 0 or 0 < enough <= value:
            continue
        shown, right = (_seconds(value), _seconds(made)) if setting == "max_age" else (f"{value:,}", str(made))
        grade: Grade = "loses" if value < least else "narrows"
        yield Difference(
            "stream", setting, grade, f"has {setting} {shown}, {effect}", f"set it to {right}", value, {setting: made}
        )
    for setting, right, grade, effect, anew in _STREAM:
        value = config.get(setting) or (right if not isinstance(right, bool) else False)
        if value != right:
            anew = anew or value == "workqueue"
            yield _fixed("stream", setting, value, right, grade, effect, anew)
    if config.get("discard") == "new" and not config.get("sealed"):
        yield _discards_new(config, state)
    if (config.get("duplicate_window") or 0) < LEAST_DUPLICATE_WINDOW and not config.get("mirror"):
        shown = _seconds(config.get("duplicate_window") or 0)
        effect = "a log that is sent again is stored twice"
        change = {"duplicate_window": 120 * SECOND}
        yield Difference(
            "stream", "duplicate_window", "note", f"has duplicate_window {shown}, {effect}", "set it to 2m", 0, change
        )
    yield from _led_elsewhere(config, consumer)


def _subjects(config: Info) -> Iterator[Difference]:
    there = config.get("subjects") or []
    right = with_subjects(list(there))
    if right == there:
        return
    change = {"subjects": right, "mirror": None}
    if not there and (config.get("sources") or config.get("mirror")):
        found = "has no subjects, so it accepts only messages from other streams"
        yield Difference("stream", "subjects", "narrows", found, f"add {' and '.join(SUBJECTS)}", 0, change)
        return
    missing = [subject for subject in SUBJECTS if not any(covers(each, subject) for each in there)]
    found = f"has the subjects {', '.join(there) or 'none'}, so logs sent to {' and '.join(missing)} are not stored"
    yield Difference("stream", "subjects", "loses", found, f"add {' and '.join(missing)}", 0, change)


def _discards_new(config: Info, state: Info) -> Difference:
    most, room = config.get("max_msgs") or -1, config.get("max_bytes") or -1
    full = 0 < most <= state["messages"] or 0 < room <= state["bytes"] + OVERHEAD
    bounded = most > 0 or room > 0
    grade: Grade = "loses" if full else "narrows" if bounded else "note"
    effect = "so it is full and refuses logs" if full else "so it refuses logs when it is full"
    return Difference(
        "stream", "discard", grade, f"has discard new, {effect}", "set it to old", 0, {"discard": "old"}
    )  # fmt: skip


def _led_elsewhere(config: Info, consumer: Info) -> Iterator[Difference]:
    """Logs that come in under another subject, and those that come round as requests to explain them."""
    if transform := config.get("subject_transform"):
        goal = _pattern(transform.get("dest") or ">")
        taken = filters_of(consumer)
        if not any(covers(subject, goal) or subject == goal for subject in SUBJECTS):
            passed = bool(taken) and not any(covers(each, goal) for each in taken)
            effect = "the consumer skips its logs" if passed else "the logs lose their place in the plant"
            grade: Grade = "loses" if passed else "note"
            found = f"has a subject_transform to {transform.get('dest')}, {effect}"
            change = {"subject_transform": None}
            yield Difference("stream", "subject_transform", grade, found, "remove it", 0, change)
    if republish := config.get("republish"):
        goal = _pattern(republish.get("dest") or ">")
        if any(covers(goal, subject) for subject in (ANALYZE_SUBJECT, *SUBJECTS)):
            found = f"has republish to {republish.get('dest')}, so each log arrives again"
            yield Difference("stream", "republish", "loses", found, "remove it", 0, {"republish": None})


def _of_consumer(info: Info, stream: Info, max_payload: int) -> Iterator[Difference]:
    config = info["config"]
    for setting, right, grade, effect, anew in _CONSUMER:
        value = config.get(setting) or right
        if value == right:
            continue
        fixed = _fixed("consumer", setting, value, right, grade, effect, anew)
        if setting == "backoff":  # its first step became the ack wait
            fixed = msgspec.structs.replace(fixed, change={"backoff": None, "ack_wait": ACK_WAIT})
        yield fixed
    yield from _filter(config, stream)
    if info.get("paused") or _in_future(config.get("pause_until")):
        until = config.get("pause_until") or "later"
        yield Difference(
            "consumer", "pause_until", "loses", f"is paused until {until}, so no logs are handed out", RESUME
        )
    if (most := config.get("max_deliver") or -1) > 0:
        found = f"has max_deliver {most}, so a log that is not stored by then is lost"
        yield Difference("consumer", "max_deliver", "loses", found, "set it to -1", 0, {"max_deliver": -1}, anew=True)
    if config.get("deliver_policy", "all") not in ("all", "by_start_sequence"):
        found = f"has deliver_policy {config['deliver_policy']}, so it started after logs that were already there"
        yield Difference(
            "consumer", "deliver_policy", "note", found, "delete it, and Andon creates it again", anew=True
        )
    yield from _requests(config, max_payload)


def _filter(config: Info, stream: Info) -> Iterator[Difference]:
    taken = filters_of(config)
    if taken and not all(any(covers(each, subject) for each in taken) for subject in SUBJECTS):
        found = f"reads {' and '.join(taken)} only, so other logs are skipped"
        remedy = "delete it, and Andon creates it again where it stands"
        yield Difference("consumer", "filter_subjects", "loses", found, remedy, anew=True)
    elif reads_answers(stream, config):
        found = "hands out Andon's own answers together with the logs"
        change = {"filter_subject": None, **filters(stream)}
        remedy = f"set its filter_subjects to {' and '.join(SUBJECTS)}"
        yield Difference("consumer", "filter_subjects", "note", found, remedy, 0, change)


def _requests(config: Info, max_payload: int) -> Iterator[Difference]:
    """Limits of the consumer on what is asked for at once. Those that Andon can obey are worth a note."""
    rows = (
        ("max_ack_pending", 0, MAX_ACK_PENDING, MAX_ACK_PENDING, "recording is slower"),
        ("max_waiting", 0, USUAL_WAITING, USUAL_WAITING, "only a few recorders can share it"),
        ("max_batch", 0, 1000, 0, "recording is slower"),
        ("max_expires", LEAST_EXPIRES, PULL_EXPIRES, 0, "Andon must ask more often"),
        ("max_bytes", max_payload + OVERHEAD, PULL_BYTES, 0, "recording is slower"),
        ("ack_wait", LEAST_ACK_WAIT, USUAL_ACK_WAIT, ACK_WAIT, "logs arrive again while they are being stored"),
    )
    loses = {
        "max_expires": "it refuses Andon's requests",
        "max_bytes": "it cannot hand out large logs or any log after them",
        "ack_wait": "logs arrive again before they can be stored",
    }
    for setting, least, enough, right, effect in rows:
        value = config.get(setting) or 0
        if value <= 0 or value >= max(enough, least):
            continue
        grade: Grade = "loses" if value < least else "note"
        timed = setting in ("max_expires", "ack_wait")
        shown, goal = (_seconds(value), _seconds(right) if right else "0") if timed else (f"{value:,}", str(right))
        found = f"has {setting} {shown}, {loses[setting] if grade == 'loses' else effect}"
        change = {setting: right}
        yield Difference(
            "consumer", setting, grade, found, f"set it to {goal}", 0, change, anew=setting == "max_waiting"
        )


def _fixed(
    part: Literal["stream", "consumer"], setting: str, value: Any, right: Any, grade: Grade, effect: str, anew: bool
) -> Difference:
    shown = _seconds(value) if setting == "inactive_threshold" else value
    found = f"is {setting}" if value is True else f"has {setting} {shown}"
    if anew:
        safely = "when `andon doctor` shows that all its logs are stored, " if part == "stream" else ""
        remedy = f"{safely}delete it, and Andon creates it again"
    else:
        remedy = f"set it to {right or 'none'}" if not isinstance(right, bool) else "set it to false"
    return Difference(part, setting, grade, f"{found}, {effect}", remedy, 0, {setting: right}, anew)


def _pattern(destination: str) -> str:
    """The subjects that a destination with placeholders (``$1``, ``{{wildcard(1)}}``) may stand for."""
    return ".".join("*" if part.startswith(("$", "{{")) else part for part in destination.split("."))


def _in_future(moment: str | None) -> bool:
    return moment is not None and datetime.fromisoformat(moment) > datetime.now(UTC)


def _seconds(nanoseconds: float) -> str:
    """A duration as people write it.

    >>> [_seconds(n * SECOND) for n in (0.01, 90, 7200)]
    ['0.01s', '90s', '2h']
    """
    seconds = nanoseconds / SECOND
    return f"{seconds / 3600:g}h" if seconds and seconds % 3600 == 0 else f"{seconds:g}s"
