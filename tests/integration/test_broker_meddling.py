"""What others do to stream and consumer, on a real server: put right where the broker is ours, told where it is not."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from andon.bus import stream_guard
from andon.bus.connection import BusConnection
from andon.bus.embedded.binary import find_binary
from andon.bus.expectations import compare
from andon.bus.jetstream_api import MAX_AGE, SECOND, SUBJECTS, ApiError, infos, request, when_removed
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.bus.stream_guard import StreamGuard
from andon.core.errors import BrokerError
from andon.core.models import CONSUMER, STREAM, SUBJECT
from support.bus import client, drain, recreate_consumer, until
from support.patience import PATIENCE
from support.ports import free_ports
from support.service import listening
from support.service import until as until_now

#: By the setting that is told: what another client sets on the stream by an update.
STREAM_UPDATES: dict[str, Mapping[str, Any]] = {
    "subjects": {"subjects": ["plant.other"]},
    "sealed": {"sealed": True},
    "max_msgs": {"max_msgs": 1},
    "max_bytes": {"max_bytes": 4000},
    "max_age": {"max_age": 5 * SECOND, "duplicate_window": 5 * SECOND},
    "max_msgs_per_subject": {"max_msgs_per_subject": 1},
    "max_msg_size": {"max_msg_size": 10},
    "discard": {"discard": "new", "max_msgs": 3},
    "discard_new_per_subject": {"discard": "new", "max_msgs_per_subject": 1, "discard_new_per_subject": True},
    "no_ack": {"no_ack": True},
    "republish": {"republish": {"src": SUBJECT, "dest": "agent.analyze"}},
}
#: The same for the consumer.
CONSUMER_UPDATES: dict[str, Mapping[str, Any]] = {
    "filter_subjects": {"filter_subject": f"{SUBJECT}.line7"},
    "headers_only": {"headers_only": True},
    "pause_until": {"pause_until": "2099-01-01T00:00:00Z"},
    "max_deliver": {"max_deliver": 1},
    "max_expires": {"max_expires": SECOND // 1000},
    "max_bytes": {"max_bytes": 100},
    "ack_wait": {"ack_wait": SECOND // 1000},
}
#: What a consumer is that another client made in the place of ours.
CONSUMERS: dict[str, Mapping[str, Any]] = {
    "deliver_subject": {"deliver_subject": "push.there"},
    "ack_policy": {"ack_policy": "all"},
    "replay_policy": {"replay_policy": "original"},
    "priority_policy": {"priority_groups": ["night"], "priority_policy": "pinned_client"},
}
#: What is only worth a note, and what put it there: an update of the stream, one of the consumer, a consumer made anew.
NOTES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "retention": ("stream", {"retention": "interest"}),
    "allow_rollup_hdrs": ("stream", {"allow_rollup_hdrs": True}),
    "max_consumers": ("stream", {"max_consumers": 2}),
    "consumer_limits": ("stream", {"consumer_limits": {"max_ack_pending": 9000}}),
    "duplicate_window": ("stream", {"duplicate_window": SECOND}),
    "subject_transform": ("stream", {"subject_transform": {"src": SUBJECT, "dest": "plant.away"}}),
    "max_ack_pending": ("consumer", {"max_ack_pending": 10}),
    "max_batch": ("consumer", {"max_batch": 7}),
    "inactive_threshold": ("consumer", {"inactive_threshold": 3600 * SECOND}),
    "backoff": ("consumer", {"backoff": [6 * SECOND]}),
    "deliver_policy": ("anew", {"deliver_policy": "new"}),
    "max_waiting": ("anew", {"max_waiting": 2}),
    "mem_storage": ("anew", {"mem_storage": True}),
}
#: Harmless: an administrator's business.
ACCEPTED: dict[str, Mapping[str, Any]] = {
    "older": {"max_age": 7 * MAX_AGE},
    "for ever": {"max_age": 0},
    "another subject": {"subjects": [*SUBJECTS, "plant.logs"]},
    "wider": {"subjects": ["agent.technical.>"]},
    "description": {"description": "the plant's logs", "metadata": {"owner": "it"}},
    "copies": {"republish": {"src": ">", "dest": "copy.>"}},
    "no deleting": {"deny_delete": True, "deny_purge": True},
    "large enough": {"max_msg_size": 2 << 20},
    "other name": {"subject_transform": {"src": SUBJECT, "dest": f"{SUBJECT}.graz"}},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that the tests of this module share, each with a stream of its own."""
    place, port = tmp_path_factory.mktemp("broker"), free_ports(1)[0]
    command = [str(find_binary(None)), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(place)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_now(lambda: listening(port), "the broker")
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(PATIENCE)


@dataclass
class Site:
    """Andon's end of the broker, and that of another client."""

    nc: BusConnection
    other: BusConnection
    guard: StreamGuard
    stream: JetStreamLogStream
    put_back: Counter[str]
    sent: int = 0

    async def send(self, count: int = 1, subject: str = SUBJECT) -> None:
        """Logs from another program."""
        publisher = JetStreamPublisher(self.other, timeout=PATIENCE)
        for _ in range(count):
            self.sent += 1
            await publisher.store(f"log {self.sent}".encode(), subject=subject)
        await publisher.close()

    async def record(self) -> set[str]:
        """Pull and acknowledge until the last log that was sent has come; all that came."""
        got: set[str] = set()
        for _ in range(100):
            got |= {each.data.decode() for each in await drain(self.stream, 1)}
            if f"log {self.sent}" in got:
                break
        return got

    async def acknowledged(self) -> None:
        """Wait until the broker has all the acknowledgements; what it hands out again is acknowledged again."""
        self.stream.compared()  # as the recorder says once the logs of before are recovered

        async def settled() -> bool:
            await self.stream.ack(await self.stream.pull(10, 0.05))
            state = await self.stream.state()
            return state.ack_floor == state.last_sequence

        await until(settled, "the acknowledgements")

    async def update_stream(self, **changes: Any) -> None:
        """As another client does it."""
        stream, _ = await infos(self.other)
        await request(self.other, f"STREAM.UPDATE.{STREAM}", {**stream["config"], **changes})

    async def update_consumer(self, **changes: Any) -> None:
        """The same; a pause is a request of its own."""
        if "pause_until" in changes:
            await request(self.other, f"CONSUMER.PAUSE.{STREAM}.{CONSUMER}", changes)
            return
        _, consumer = await infos(self.other)
        body = {"stream_name": STREAM, "config": {**consumer["config"], **changes}, "action": "update"}
        await request(self.other, f"CONSUMER.CREATE.{STREAM}.{CONSUMER}", body)

    async def settings(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The configurations of stream and consumer."""
        stream, consumer = await infos(self.other)
        return stream["config"], consumer["config"]

    async def differences(self) -> list[str]:
        """The settings that are not as Andon needs them."""
        return [each.setting for each in compare(*await infos(self.nc), self.nc.max_payload)]


async def _remove_stream(other: BusConnection) -> None:
    """That of the test before, and what a busy server finds of it in its files when one of its name is made again."""
    config = {"name": STREAM, "subjects": ["plant.empty"]}
    while True:
        with contextlib.suppress(ApiError):  # the first test
            await request(other, f"STREAM.DELETE.{STREAM}")
        made = await when_removed(other, f"STREAM.CREATE.{STREAM}", config)
        await request(other, f"STREAM.DELETE.{STREAM}")
        if made["state"]["last_seq"] == 0:
            return


@asynccontextmanager
async def site(server: str, *, ours: bool, stream: Mapping[str, Any] | None = None) -> AsyncIterator[Site]:
    """A site whose stream begins empty; ``stream`` is what an administrator made before Andon came."""
    async with client(server) as nc, client(server) as other:
        await _remove_stream(other)
        if stream is not None:
            await when_removed(other, f"STREAM.CREATE.{STREAM}", {"name": STREAM, "subjects": list(SUBJECTS), **stream})
        put_back: Counter[str] = Counter()
        guard = StreamGuard(nc, ours=ours, put_back=lambda setting: put_back.update([setting]))
        opened = await JetStreamLogStream.open(nc, guard=guard)
        try:
            yield Site(nc, other, guard, opened, put_back)
        finally:
            await opened.close()
            await guard.close()


@pytest.mark.parametrize("setting", STREAM_UPDATES)
async def test_our_own_stream_is_put_right(server: str, setting: str) -> None:
    """The next look mends it, counts it, and logs are taken and recorded as before."""
    async with site(server, ours=True) as here:
        await here.send(2)
        await here.record()
        await here.acknowledged()
        await here.update_stream(**STREAM_UPDATES[setting])
        assert await here.guard.check() is None
        assert here.put_back[setting] == 1
        assert await here.differences() == []
        await here.send(4, f"{SUBJECT}.site.hall.line.press")
        assert f"log {here.sent}" in await here.record()


@pytest.mark.parametrize("setting", CONSUMER_UPDATES | CONSUMERS)
async def test_our_own_consumer_is_put_right(server: str, setting: str) -> None:
    """The same, and what it passed over in the meantime comes too."""
    async with site(server, ours=True) as here:
        await here.send(2)
        await here.record()
        await here.acknowledged()
        if setting in CONSUMERS:
            await recreate_consumer(here.other, **CONSUMERS[setting])
        else:
            await here.update_consumer(**CONSUMER_UPDATES[setting])
        await here.send(3)
        assert await here.guard.check() is None
        assert here.put_back[setting] == 1
        assert await here.differences() == []
        assert await here.record() >= {"log 3", "log 4", "log 5"}
        assert here.stream.reader.trouble is None


@pytest.mark.parametrize("setting", STREAM_UPDATES | CONSUMER_UPDATES | CONSUMERS)
async def test_what_is_not_ours_is_told_and_left(server: str, setting: str) -> None:
    """One sentence names what is there; nothing is altered; set right by whoever may, it works again."""
    async with site(server, ours=False) as here:
        before = await here.settings()
        if setting in CONSUMERS:
            await recreate_consumer(here.other, **CONSUMERS[setting])
        elif setting in CONSUMER_UPDATES:
            await here.update_consumer(**CONSUMER_UPDATES[setting])
        else:
            await here.update_stream(**STREAM_UPDATES[setting])
        changed = await here.settings()
        told = await here.guard.check()
        named = {"filter_subjects": "line7", "pause_until": "paused", "subjects": "plant.other"}
        assert told is not None
        assert named.get(setting, setting) in told
        assert STREAM in told or CONSUMER in told
        assert await here.settings() == changed != before
        assert not here.put_back


@pytest.mark.parametrize("setting", NOTES)
async def test_what_loses_no_log_is_a_note(server: str, setting: str) -> None:
    """Elsewhere it is left and ready; our own broker's is put back."""
    kind, change = NOTES[setting]

    async def meddle(here: Site) -> None:
        if kind == "stream":
            await here.update_stream(**change)
        elif kind == "consumer":
            await here.update_consumer(**change)
        else:
            await recreate_consumer(here.other, **{"max_ack_pending": 8192, **change})

    async with site(server, ours=False) as here:
        await meddle(here)
        assert await here.guard.check() is None
        assert setting in await here.differences()
        await here.send(3)
        assert f"log {here.sent}" in await here.record()
    async with site(server, ours=True) as here:
        await meddle(here)
        assert await here.guard.check() is None
        assert await here.differences() == []
        await here.send(3)
        assert f"log {here.sent}" in await here.record()


@pytest.mark.parametrize("change", ACCEPTED)
@pytest.mark.parametrize("ours", [True, False])
async def test_what_is_harmless_stays(server: str, change: str, ours: bool) -> None:
    """Neither told nor altered, whosever the broker is."""
    async with site(server, ours=ours) as here:
        await here.update_stream(**ACCEPTED[change])
        changed = await here.settings()
        assert await here.guard.check() is None
        assert await here.settings() == changed
        assert not here.put_back


@pytest.mark.parametrize(
    ("found", "narrower", "told"),
    [
        ({"max_age": 6 * 3600 * SECOND}, {"max_age": 5 * 3600 * SECOND}, "max_age 5h"),
        ({"max_msgs": 500_000}, {"max_msgs": 400_000}, "max_msgs 400,000"),
        ({"max_bytes": 1 << 30}, {"max_bytes": 1 << 29}, "max_bytes 536,870,912"),
        ({"max_msg_size": 1 << 19}, {"max_msg_size": 1 << 18}, "max_msg_size 262,144"),
    ],
)
async def test_an_administrators_limits_are_accepted_at_start(
    server: str, found: Mapping[str, Any], narrower: Mapping[str, Any], told: str
) -> None:
    """A bounded stream is a site's choice; narrowed under a running Andon it is told until it is as it was."""
    async with site(server, ours=False, stream=found) as here:
        assert await here.guard.check() is None
        await here.update_stream(**narrower)
        assert told in (await here.guard.check() or "")
        await here.update_stream(**found)
        assert await here.guard.check() is None


async def test_a_hub_is_accepted_at_start_only(server: str) -> None:
    """A stream that takes only what others bring is a hub's; one that stops taking logs under us is told."""
    async with client(server) as nc:
        await request(nc, "STREAM.CREATE.EDGE", {"name": "EDGE", "subjects": ["edge.logs"]})
    try:
        fed = {"sources": [{"name": "EDGE"}]}
        async with site(server, ours=False, stream={"subjects": [], **fed}) as here:
            assert await here.guard.check() is None
        async with site(server, ours=False) as here:
            await here.update_stream(subjects=[], **fed)
            assert "no subjects" in (await here.guard.check() or "")
        async with site(server, ours=True) as here:
            await here.update_stream(subjects=[], **fed)
            assert await here.guard.check() is None
            assert (await here.settings())[0]["subjects"] == list(SUBJECTS)
    finally:
        async with client(server) as nc:
            await request(nc, "STREAM.DELETE.EDGE")


@pytest.mark.parametrize("kind", [{"storage": "memory"}, {"retention": "workqueue"}, {"allow_msg_counter": True}])
async def test_a_stream_no_update_can_mend_is_replaced(server: str, kind: Mapping[str, Any]) -> None:
    """Once all in it is recorded, and its sequences go on; until then it stays."""
    async with site(server, ours=True) as here:
        await request(here.other, f"STREAM.DELETE.{STREAM}")
        await when_removed(here.other, f"STREAM.CREATE.{STREAM}", {"name": STREAM, "subjects": list(SUBJECTS), **kind})
        if "allow_msg_counter" not in kind:
            await here.send(3)
            await here.guard.check()
            assert next(iter(kind)) in await here.differences()
            assert await here.record() >= {"log 1", "log 2", "log 3"}
            await here.acknowledged()
        else:
            here.stream.compared()
        assert await here.guard.check() is None
        assert await here.differences() == []
        await here.send(1)
        (next_one,) = await drain(here.stream, 1)
        assert next_one.data.decode() == f"log {here.sent}"
        assert next_one.sequence == here.sent


async def test_a_sealed_stream_is_read_before_it_goes(server: str) -> None:
    """Sealed with logs that nobody has recorded: they come first."""
    async with site(server, ours=True) as here:
        await here.send(3)
        await here.update_stream(sealed=True)
        assert "sealed" in (await here.guard.check() or "")
        assert await here.record() == {"log 1", "log 2", "log 3"}
        await here.acknowledged()
        assert await here.guard.check() is None
        await here.send(1)
        assert [each.sequence for each in await drain(here.stream, 1)] == [4]


@pytest.mark.parametrize("ours", [True, False])
async def test_a_consumer_behind_the_end_is_made_anew(server: str, ours: bool) -> None:
    """Whosever the broker is: it would pass over every log that comes next."""
    async with site(server, ours=ours) as here:
        await here.send(2)
        await here.record()
        await here.acknowledged()
        await recreate_consumer(here.other, deliver_policy="by_start_sequence", opt_start_seq=500)
        assert await here.guard.check() is None
        await here.send(2)
        assert await here.record() >= {"log 3", "log 4"}


async def test_logs_without_content_are_not_recorded_empty(server: str) -> None:
    """While the consumer hands out headers only nothing comes; afterwards everything, whole."""
    async with site(server, ours=False) as here:
        await here.update_consumer(headers_only=True)
        await here.send(2)
        assert await here.stream.pull(10, 0.3) == []
        await here.update_consumer(headers_only=False)
        assert await here.record() == {"log 1", "log 2"}


async def test_requests_keep_within_the_consumers_limits(server: str) -> None:
    """An administrator's bounds on a request are obeyed, whenever they come."""
    async with site(server, ours=False) as here:
        await here.update_consumer(max_batch=5, max_expires=SECOND, max_bytes=2 << 20)
        await here.send(12)
        got = await drain(here.stream, 12)
        assert sorted(each.sequence for each in got) == list(range(1, 13))
        assert here.stream.reader.batch == 5


async def test_whoever_takes_the_logs_subject_is_named(server: str) -> None:
    """Our stream was deleted and another has its subject: it cannot be made, until the other lets go."""
    async with site(server, ours=True) as here:
        await request(here.other, f"STREAM.DELETE.{STREAM}")
        await request(here.other, "STREAM.CREATE.PLANT", {"name": "PLANT", "subjects": [SUBJECT]})
        with pytest.raises(BrokerError, match="go to the stream PLANT"):
            await here.guard.check()
        await request(here.other, "STREAM.DELETE.PLANT")
        assert await here.guard.check() is None
        await here.send(1)
        assert f"log {here.sent}" in await here.record()


async def test_who_changes_it_again_and_again_is_told(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back each time; that somebody is at it is no longer silent, and it is over a minute later."""
    async with site(server, ours=True) as here:
        for _ in range(stream_guard.FIGHT):
            await here.update_stream(max_msgs=7)
            assert await here.guard.check() is None
        await here.update_stream(max_msgs=7)
        assert "within a minute" in (await here.guard.check() or "")
        assert here.put_back["max_msgs"] == stream_guard.FIGHT + 1
        monkeypatch.setattr(stream_guard, "MINUTE", 0.0)
        assert await here.guard.check() is None


async def test_state_makes_again_what_is_missing(server: str) -> None:
    """Whoever asks how the stream stands, as the recorder does when it starts, finds one."""
    async with site(server, ours=False) as here:
        for name in (STREAM, f"{STREAM}.{CONSUMER}", STREAM, STREAM):
            kind = "CONSUMER" if "." in name else "STREAM"
            await request(here.other, f"{kind}.DELETE.{name}")
            assert (await here.stream.state()).ack_pending == 0
            await here.send(2)
            assert f"log {here.sent}" in await here.record()
            await here.acknowledged()


@pytest.mark.parametrize("what", ["stream", "pause", "deleted", "consumer"])
async def test_the_broker_tells_of_changes(server: str, what: str) -> None:
    """Without anybody asking; of an updated consumer our own broker tells.

    Of some hundred events right behind a subscription the server sends one to nobody, so that is tried three times.
    """
    for _ in range(3):
        if await _is_told(server, what):
            return
    pytest.fail(f"the broker tells nobody of a change: {what}")


async def _is_told(server: str, what: str) -> bool:
    async with site(server, ours=True) as here:
        await here.guard.listen()
        await here.nc.flush()
        here.guard.changed.clear()
        if what == "stream":
            await here.update_stream(max_msgs=7)
        elif what == "pause":
            await here.update_consumer(**CONSUMER_UPDATES["pause_until"])
        elif what == "deleted":
            await request(here.other, f"CONSUMER.DELETE.{STREAM}.{CONSUMER}")
        else:
            await here.update_consumer(headers_only=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE / 4):
                await here.guard.changed.wait()
        return here.guard.changed.is_set()


async def test_a_full_store_is_told(server: str) -> None:
    """Every log is refused then, and nothing else says so."""
    async with site(server, ours=True) as here:
        assert await here.guard.check() is None
        tight = StreamGuard(here.nc, ours=True, store_bytes=200_000)
        await here.send(1)
        await JetStreamPublisher(here.other).store(b"x" * 250_000, subject="agent.technical.support.big")
        assert "store is full" in (await tight.check() or "")
