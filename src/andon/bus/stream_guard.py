"""Keeps stream and consumer as Andon needs them, whatever others do to them: made again, put right, or told.

With the embedded broker both are Andon's own: what was changed is put back. On a broker of somebody else's only what
is missing is made (and our subjects are added when Andon starts); what keeps logs from being recorded is told.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from andon.bus import jetstream_api
from andon.bus.connection import BusConnection
from andon.bus.expectations import FLOOR, Difference, compare
from andon.bus.jetstream_api import ApiError, Setup, ensure_stream, request
from andon.core.errors import BrokerError
from andon.core.models import CONSUMER, STREAM

log = structlog.get_logger(__name__)

ADVISORY = "$JS.EVENT.ADVISORY"
#: What the broker says of itself when somebody changes stream or consumer. An update of a consumer has no advisory of
#: its own: only the audit tells, which copies every request to JetStream, so it is listened to on our own broker only.
ADVISORIES = (
    *(f"{ADVISORY}.STREAM.{what}.{STREAM}" for what in ("CREATED", "UPDATED", "DELETED")),
    *(f"{ADVISORY}.CONSUMER.{what}.{STREAM}.{CONSUMER}" for what in ("CREATED", "DELETED", "PAUSE")),
)
AUDIT = f"{ADVISORY}.API"
AUDITED = tuple(
    f"$JS.API.CONSUMER.{what}.{STREAM}".encode() for what in ("CREATE", "DURABLE.CREATE", "DELETE", "PAUSE")
)

#: What everybody who reads from our consumer sends, for some hundreds of messages each time.
REQUESTS = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{CONSUMER}"

MINUTE = 60.0
FIGHT = 3  # times within a minute that something may be put back before somebody else is said to be at it
DRAIN_SECONDS, DRAIN_LOOK = 1.0, 0.02
ASIDE = ["andon.replaced"]  # what a stream listens to that is about to be replaced
ACCOUNT_ROOM = 1 << 20  # bytes that must be free in what the broker may store


class StreamGuard:
    """See the module's text. ``ours`` says whose the broker is, ``store_bytes`` how much an own one may store.

    ``put_back(setting)`` is told of each setting that was put back. ``setup`` is what :meth:`settle` found last,
    ``problem`` what keeps logs from being recorded, in one sentence, and ``differences`` all that is not as Andon makes
    it; ``recreated`` counts how often stream or consumer
    had to be made again. ``changed`` is set when somebody may have changed something. ``heard`` is called then,
    with "", and with where the answers go when anybody asks the consumer for messages. ``reading`` says that the logs
    of before have been recovered, so that what is acknowledged is in the database.
    """

    def __init__(
        self,
        nc: BusConnection,
        *,
        ours: bool = False,
        store_bytes: int = 0,
        put_back: Callable[[str], None] = lambda _setting: None,
    ) -> None:
        self._nc = nc
        self.ours = ours
        self._store_bytes = store_bytes
        self._put_back = put_back
        self._lock = asyncio.Lock()
        self._accepted: dict[str, float] | None = None
        self._floor = 0
        self._next = 0  # the first sequence of a stream that was deleted to be replaced
        self._times: deque[float] = deque()
        self._subscriptions: list[Subscription] = []
        self._unwatch: Callable[[], object] = lambda: None
        self.setup: Setup | None = None
        self.problem: str | None = None
        self.differences: Sequence[Difference] = ()
        self.recreated = 0
        self.reading = False
        self.changed = asyncio.Event()
        self.heard: Callable[[str], object] = lambda _: None

    async def listen(self) -> None:
        """Hear of changes from now on; where the broker does not let us, what :meth:`check` sees must do."""
        self._unwatch = self._nc.watch(lambda _up: self.changed.set())
        for subject in (*ADVISORIES, *([AUDIT] if self.ours else ())):
            self._subscriptions.append(await self._nc.subscribe(subject, cb=self._told))
        self._subscriptions.append(await self._nc.subscribe(REQUESTS, cb=self._asked))

    async def close(self) -> None:
        """Hear no more; idempotent."""
        self._unwatch()
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            if not self._nc.is_closed:
                await subscription.unsubscribe()

    async def check(self) -> str | None:
        """Settle, and say what still keeps logs from being taken or recorded. Raises BrokerError."""
        await self.settle()
        return self.problem or await self._no_room()

    async def settle(self, timeout: float = 5.0) -> Setup:
        """Make what is missing, put right what is ours, compare the rest. Raises BrokerError.

        ``timeout`` is for each request to the broker.
        """
        async with self._lock:
            self.changed.clear()
            stream, consumer = await self._found(timeout)
            differences = compare(stream, consumer, self._nc.max_payload)
            # A consumer that stands behind the stream's end is of no use to anybody, whosever the broker is.
            mending = [each for each in differences if self.ours or each.setting == FLOOR]
            if mending:
                await self._mend(stream, consumer, mending, timeout)
                stream, consumer = await jetstream_api.infos(self._nc, timeout)
                differences = compare(stream, consumer, self._nc.max_payload)
            self._known(stream, consumer, differences)
            self.setup = jetstream_api.setup_of(stream, consumer)
            return self.setup

    async def skip(self, last: int) -> None:
        """Replace the consumer by one that goes on after ``last``. Raises BrokerError."""
        async with self._lock:
            log.warning("consumer replaced", consumer=CONSUMER, after_sequence=last, reason="it makes no progress")
            self._floor = max(self._floor, last)
            await request(self._nc, f"CONSUMER.DELETE.{STREAM}.{CONSUMER}")
            await ensure_stream(self._nc, start=last)

    def saw(self, stream: dict[str, Any], consumer: dict[str, Any]) -> None:
        """Somebody else asked for both INFO answers: note what they tell of what is acknowledged."""
        if self.setup is not None and jetstream_api.born(stream) == self._born:
            self._note(stream, consumer, compare(stream, consumer, self._nc.max_payload))

    def _note(self, stream: dict[str, Any], consumer: dict[str, Any], differences: Sequence[Difference]) -> None:
        """Remember up to where all is acknowledged, unless what there is passes logs over."""
        known = self._floor if jetstream_api.born(stream) == self._born else 0
        passes_over = any(each.part == "consumer" and each.anew and each.grade == "loses" for each in differences)
        if self.setup is None or not passes_over:
            known = max(known, consumer["ack_floor"]["stream_seq"])
        self._floor = min(known, stream["state"]["last_seq"])

    @property
    def _born(self) -> int:
        return self.setup.born_ns if self.setup is not None else 0

    async def _found(self, timeout: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both INFO answers, after making what is missing."""
        try:
            stream, consumer = await jetstream_api.infos(self._nc, timeout)
        except ApiError as error:
            if error.code not in jetstream_api.MISSING:
                raise
            await self._make(timeout)
        else:
            if self.setup is not None:
                return stream, consumer
            await ensure_stream(self._nc, timeout=timeout)  # with our subjects
        return await jetstream_api.infos(self._nc, timeout)

    async def _make(self, timeout: float) -> None:
        """Make stream and consumer again: what was acknowledged need not come again, of another stream none was."""
        try:
            same = jetstream_api.born(await request(self._nc, f"STREAM.INFO.{STREAM}", timeout=timeout)) == self._born
        except ApiError:
            same = False
        adopt = self.ours or self.setup is None
        start, first = (self._floor, 0) if same else (max(self._next - 1, 0), self._next)
        await ensure_stream(self._nc, start=start, first=first, adopt=adopt, timeout=timeout)
        self._next = 0
        if self.setup is not None:
            self.recreated += 1
            log.warning("log stream set up again", stream_kept=same, recreated=self.recreated)

    def _known(self, stream: dict[str, Any], consumer: dict[str, Any], differences: Sequence[Difference]) -> None:
        """Remember what there is, and say what is wrong with it."""
        self._note(stream, consumer, differences)
        limits = {each.setting: each.room for each in differences if each.grade == "narrows"}
        if self._accepted is None:
            self._accepted = {} if self.ours else limits
            for each in () if self.ours else differences:
                log.warning("not as Andon creates it", reason=str(each), setting=each.setting)
        self.problem, self.differences = self._sentence(differences), differences

    def _sentence(self, differences: Sequence[Difference]) -> str | None:
        accepted = self._accepted or {}
        told = []
        for each in differences:
            if each.grade == "loses":
                told.append(str(each))
            elif each.grade == "narrows" and each.room < accepted.get(each.setting, float("inf")):
                told.append(f"{each}, or restart Andon if this is intended")
        if told:
            return "; ".join(told)
        while self._times and time.monotonic() - self._times[0] > MINUTE:
            self._times.popleft()
        if len(self._times) > FIGHT:
            return (
                f"somebody changed the stream {STREAM} or its consumer {len(self._times)} times within a minute, and "
                "Andon restored them: logs sent in between may be missing; stop the program that changes them"
            )
        return None

    async def _mend(
        self, stream: dict[str, Any], consumer: dict[str, Any], differences: Sequence[Difference], timeout: float
    ) -> None:
        """Put right what can be; what the broker refuses stays and is told."""
        of_stream = [each for each in differences if each.part == "stream"]
        of_consumer = [each for each in differences if each.part == "consumer"]
        done: list[Difference] = []
        try:
            if not stream["config"].get("sealed") and (changes := _merged(of_stream)):
                config = _changed(stream["config"], changes)
                stream = await request(self._nc, f"STREAM.UPDATE.{STREAM}", config, timeout=timeout)
                done += [each for each in of_stream if not each.anew]
            if of_consumer:
                consumer = await self._mend_consumer(stream, consumer, of_consumer, timeout)
                done += of_consumer
            if any(each.anew for each in of_stream) and await self._stream_anew(stream, consumer, timeout):
                done += [each for each in of_stream if each.anew]
        except ApiError as error:
            log.warning("changed settings could not be restored", reason=str(error))
        for each in done:
            log.warning(
                "restored settings that another program changed", what=each.part, setting=each.setting, found=each.found
            )
            self._put_back(each.setting)
        if done and self.setup is not None:
            self._times.append(time.monotonic())

    async def _mend_consumer(
        self, stream: dict[str, Any], consumer: dict[str, Any], differences: Sequence[Difference], timeout: float
    ) -> dict[str, Any]:
        if any(each.anew for each in differences):
            return await self._consumer_anew(stream, consumer, timeout)
        if any(each.setting == "pause_until" for each in differences):
            await request(self._nc, f"CONSUMER.PAUSE.{STREAM}.{CONSUMER}", {}, timeout=timeout)
        if changes := _merged(differences):
            config = _changed(consumer["config"], {**changes, "pause_until": None})
            body = {"stream_name": STREAM, "config": config, "action": "update"}
            await request(self._nc, f"CONSUMER.CREATE.{STREAM}.{CONSUMER}", body, timeout=timeout)
        return await self._consumer(timeout)

    async def _consumer(self, timeout: float) -> dict[str, Any]:
        return await request(self._nc, f"CONSUMER.INFO.{STREAM}.{CONSUMER}", timeout=timeout)

    async def _consumer_anew(self, stream: dict[str, Any], consumer: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Replace the consumer by ours, which begins after what was acknowledged while it could be trusted."""
        start = self._floor
        if self.setup is None:  # what an earlier one acknowledged is compared with the database when recording begins
            start = consumer["ack_floor"]["stream_seq"]
        elif jetstream_api.born(stream) != self._born:
            start = 0
        start = min(start, stream["state"]["last_seq"])
        log.warning("consumer replaced", consumer=CONSUMER, after_sequence=start)
        await request(self._nc, f"CONSUMER.DELETE.{STREAM}.{CONSUMER}", timeout=timeout)
        _, consumer = await ensure_stream(self._nc, start=start, timeout=timeout)
        return consumer

    async def _stream_anew(self, stream: dict[str, Any], consumer: dict[str, Any], timeout: float) -> bool:
        """Replace a stream that no update can put right, once everything in it is recorded; whether that was so.

        Its sequences go on where they were, so that none stands for two logs.
        """
        config = stream["config"]
        if not self.reading or not _recorded(consumer):
            return False
        if not config.get("sealed"):  # nothing may come in between the last look and the end
            aside = _changed(config, {"subjects": ASIDE})
            await request(self._nc, f"STREAM.UPDATE.{STREAM}", aside, timeout=timeout)
        deadline = time.monotonic() + DRAIN_SECONDS
        while True:
            stream, consumer = await jetstream_api.infos(self._nc, timeout)
            if _recorded(consumer):
                break
            if time.monotonic() > deadline:
                back = _changed(stream["config"], {"subjects": config.get("subjects")})
                await request(self._nc, f"STREAM.UPDATE.{STREAM}", back, timeout=timeout)
                return False
            await asyncio.sleep(DRAIN_LOOK)
        last, messages = stream["state"]["last_seq"], stream["state"]["messages"]
        log.warning("stream replaced", stream=STREAM, messages=messages, next_sequence=last + 1)
        await request(self._nc, f"STREAM.DELETE.{STREAM}", timeout=timeout)
        self._next = last + 1
        await self._make(timeout)
        return True

    async def _no_room(self) -> str | None:
        """What the account or our own broker may store is used up: every log is refused."""
        try:
            account = await request(self._nc, "INFO", timeout=2.0)
        except BrokerError:
            return None  # we may not ask
        most = self._store_bytes if self.ours else int(account.get("limits", {}).get("max_storage", -1))
        used = int(account.get("storage", 0))
        if most <= 0 or used + min(ACCOUNT_ROOM, most // 20) <= most:
            return None
        remedy = "raise ANDON_NATS_MAX_STORE" if self.ours else "raise the account's max_storage, or remove streams"
        return f"the broker's store is full ({used:,} of {most:,} bytes) and refuses logs: {remedy}"

    def suspect(self) -> None:
        """There is a sign that stream, consumer or broker are not as they were."""
        self.changed.set()
        self.heard("")

    async def _asked(self, message: Msg) -> None:
        self.heard(message.reply)

    async def _told(self, message: Msg) -> None:
        if message.subject != AUDIT or any(each in message.data for each in AUDITED):
            self.suspect()


def _merged(differences: Sequence[Difference]) -> dict[str, Any]:
    """The changes that an update can make."""
    return {name: value for each in differences if not each.anew for name, value in each.change.items()}


def _changed(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**config, **changes}.items() if value is not None}


def _recorded(consumer: Mapping[str, Any]) -> bool:
    return not consumer["num_pending"] and not consumer["num_ack_pending"]
