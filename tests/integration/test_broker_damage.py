"""A damaged store: the broker starts, what was acknowledged is still there, and what was moved is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from andon.bus.embedded import process
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.jetstream_api import ensure_stream, request
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.core.errors import BrokerStartError
from andon.core.models import CONSUMER, STREAM, SUBJECT
from andon.core.telemetry import Health
from support.bus import client, drain, run, running_broker, until
from support.patience import PATIENCE
from support.settings import settings_of

LOGS = 20
STREAMS = Path("jetstream/jetstream/$G/streams")


async def made(place: Path) -> None:
    """A store whose stream holds logs, of which some were acknowledged."""
    async with running_broker(place) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        publisher = JetStreamPublisher(nc)
        for number in range(LOGS):
            await publisher.store(b'{"message": "%d"}' % number, subject=SUBJECT)
        await publisher.close()
        stream = await JetStreamLogStream.open(nc)
        await stream.ack((await drain(stream, LOGS, ack=False))[:5])
        await stream.close()
        await request(nc, "STREAM.CREATE.OTHER", {"name": "OTHER", "subjects": ["other"], "storage": "file"})


async def until_acknowledged(stream: JetStreamLogStream) -> None:
    """The broker takes the acknowledgements of messages that are older than the stream that was made over them."""

    async def settled() -> bool:
        state = await stream.state()
        return not state.ack_pending and state.ack_floor == state.last_sequence

    await until(settled, "the acknowledgements")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory without damage, to be copied."""
    place = tmp_path_factory.mktemp("sound")
    run(made(place))
    return place


def replaced(path: Path, content: bytes | None) -> None:
    """The file or directory with other content; None for none at all."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if content is not None:
        path.write_bytes(content)


def directory(path: Path) -> None:
    """A directory in the place of a file."""
    path.unlink()
    path.mkdir()


def changed(path: Path) -> None:
    """The same JSON with one figure changed, so that only the checksum tells."""
    path.write_bytes(path.read_bytes().replace(b'"max_age":86400', b'"max_age":96400'))


LOG_STREAM = STREAMS / STREAM
OURS = LOG_STREAM / "obs" / CONSUMER

DAMAGES: dict[str, tuple[Path, Callable[[Path], None]]] = {
    "meta empty": (LOG_STREAM / "meta.inf", lambda p: replaced(p, b"")),
    "meta cut off": (LOG_STREAM / "meta.inf", lambda p: p.write_bytes(p.read_bytes()[:100])),
    "meta garbage": (LOG_STREAM / "meta.inf", lambda p: replaced(p, bytes(range(256)))),
    "meta changed": (LOG_STREAM / "meta.inf", changed),
    "meta gone": (LOG_STREAM / "meta.inf", lambda p: replaced(p, None)),
    "meta a directory": (LOG_STREAM / "meta.inf", directory),
    "checksum gone": (LOG_STREAM / "meta.sum", lambda p: replaced(p, None)),
    "checksum empty": (LOG_STREAM / "meta.sum", lambda p: replaced(p, b"")),
    "checksum wrong": (LOG_STREAM / "meta.sum", lambda p: replaced(p, b"0123456789abcdef")),
    "consumer empty": (OURS / "meta.inf", lambda p: replaced(p, b"")),
    "consumer garbage": (OURS / "meta.inf", lambda p: replaced(p, b"\x00\xff{")),
    "consumer's checksum gone": (OURS / "meta.sum", lambda p: replaced(p, None)),
    "acks garbage": (OURS / "o.dat", lambda p: replaced(p, b"\x16\x00garbage")),
    "acks a directory": (OURS / "o.dat", directory),
    "consumer a file": (OURS, lambda p: replaced(p, b"x")),
    "consumers a file": (LOG_STREAM / "obs", lambda p: replaced(p, b"x")),
    "index garbage": (LOG_STREAM / "msgs" / "index.db", lambda p: replaced(p, b"x" * 84)),
    "a foreign file": (STREAMS / "notes.txt", lambda p: p.write_text("x") and None),
    "a foreign directory": (STREAMS / "lost+found", lambda p: p.mkdir()),
    "a foreign account": (STREAMS.parent.parent / "lost+found", lambda p: p.mkdir()),
}
#: What the broker mends by itself.
MENDED = {"index garbage"}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_logs_outlive_the_damage(sound: Path, tmp_path: Path, damage: str) -> None:
    """Each log is delivered, the damaged file is named, and the next start finds nothing to do."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    path, harm = DAMAGES[damage]
    harm(tmp_path / path)
    health = Health()

    async with EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1), health=health) as broker:
        async with client(broker.url) as nc:
            assert (await request(nc, "STREAM.INFO.OTHER"))["config"]["name"] == "OTHER"
            stream = await JetStreamLogStream.open(nc)
            assert (await request(nc, f"STREAM.INFO.{STREAM}"))["state"]["messages"] == LOGS
            if damage.startswith(("meta", "check", "cons", "acks")):  # the consumer is made again
                got = await drain(stream, LOGS)
                await until_acknowledged(stream)
                assert {json.loads(one.data)["message"] for one in got} == {str(number) for number in range(LOGS)}
            await stream.close()
    assert bool(broker.moved) == (damage not in MENDED)
    for moved in broker.moved:
        assert moved.to.parent.is_dir()
        assert str(moved.to) in health.notes["broker"]
        assert path.is_relative_to(moved.path.relative_to(tmp_path).parent)

    async with EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1)) as again, client(again.url) as nc:
        assert again.moved == []
        assert (await request(nc, f"STREAM.INFO.{STREAM}"))["state"]["messages"] == LOGS


async def test_another_stream_is_kept_aside(sound: Path, tmp_path: Path) -> None:
    """Only its owner knows how it was set up: nothing of it is deleted, and the log stream is untouched."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    (tmp_path / STREAMS / "OTHER" / "meta.inf").write_bytes(b"")

    async with EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1)) as broker, client(broker.url) as nc:
        assert (await request(nc, f"STREAM.INFO.{STREAM}"))["state"]["messages"] == LOGS
        (moved,) = broker.moved
        assert moved.path.name == "OTHER"
        assert (moved.to / "msgs").is_dir()


async def test_messages_that_cannot_be_read_are_told(sound: Path, tmp_path: Path) -> None:
    """What the disk lost of the messages themselves nobody brings back; it is not passed over in silence."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    block = tmp_path / LOG_STREAM / "msgs" / "1.blk"
    block.write_bytes(block.read_bytes()[:1500])
    health = Health()

    async with EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1), health=health):
        assert f"stream {STREAM}" in health.notes["broker"]
        assert "9 messages" in health.notes["broker"]


async def test_a_block_that_cannot_be_unpacked_costs_no_other(tmp_path: Path) -> None:
    """nats-server clears the whole stream away for it: what else lies there is kept, the block moved aside."""
    settings, health = settings_of(data_dir=tmp_path, nats_port=-1), Health()
    async with EmbeddedBroker(settings) as broker, client(broker.url) as nc:
        await (await JetStreamLogStream.open(nc)).close()
        for number in range(38):  # three blocks of 8 MB, and some
            await nc.request(SUBJECT, str(number).encode() + bytes(900_000), timeout=PATIENCE)
    messages = tmp_path / LOG_STREAM / "msgs"
    (messages / "index.db").unlink()  # as after a kill
    packed = bytearray((messages / "2.blk").read_bytes())
    packed[1000:1300] = bytes(300)
    (messages / "2.blk").write_bytes(packed)

    async with EmbeddedBroker(settings, health=health) as broker, client(broker.url) as nc:
        state = (await request(nc, f"STREAM.INFO.{STREAM}"))["state"]
        assert (state["first_seq"], state["last_seq"]) == (1, 38)
        assert 20 < state["messages"] < 38
        (moved,) = broker.moved
        assert moved.path == messages / "2.blk"
        assert moved.to.read_bytes() == packed
        assert str(moved.to) in health.notes["broker"]
    assert not (tmp_path / "jetstream" / "kept").exists()
    assert not (tmp_path / "jetstream" / "trial").exists()


async def test_a_start_that_was_interrupted_loses_nothing(sound: Path, tmp_path: Path) -> None:
    """Killed after the server cleared a stream away: the next start puts it back."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    (tmp_path / "jetstream" / "kept").mkdir()
    (tmp_path / LOG_STREAM).rename(tmp_path / "jetstream" / "kept" / STREAM)

    async with EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1)) as broker, client(broker.url) as nc:
        assert (await request(nc, f"STREAM.INFO.{STREAM}"))["state"]["messages"] == LOGS


async def test_a_store_of_somebody_elses_is_not_taken_for_damaged(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that we may not read are left where they are."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    meta = tmp_path / LOG_STREAM / "meta.inf"
    monkeypatch.setattr("os.access", lambda path, _wanted: Path(path) != meta)  # root may read everything

    with pytest.raises(BrokerStartError, match=r"meta\.inf .*make the user"):
        await EmbeddedBroker(settings_of(data_dir=tmp_path, nats_port=-1)).start()
    assert meta.exists()


async def test_a_server_that_hangs_while_it_reads_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that reads its store uses the processor or the disk; one that does neither hangs, whatever it said last."""
    monkeypatch.setattr(process, "STALLED_AFTER", 0.5)
    fake = tmp_path / "nats-server"
    fake.write_text("#!/bin/sh\necho \"[1] [INF] Starting restore for stream 'x'\" >&2\nexec sleep 60\n")
    fake.chmod(0o755)
    health = Health()

    with pytest.raises(BrokerStartError, match="not ready"):
        await EmbeddedBroker(
            settings_of(data_dir=tmp_path, nats_port=-1, nats_server=fake), health=health, watchdog=False
        ).start(2.0)
    assert "reading its store" in health.problems["broker"]
