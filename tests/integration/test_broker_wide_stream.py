"""A log stream that somebody made wider than ours: it keeps our own answers too, and they are no logs."""

from __future__ import annotations

from pathlib import Path

from andon.bus import jetstream_api
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.bus.stream_guard import StreamGuard
from andon.core.models import ANALYSIS_SUBJECT, CONSUMER, STREAM, SUBJECT
from support.bus import client, drain, recreate_consumer, running_broker, until


async def test_answers_in_a_wide_stream_are_not_read_as_logs(tmp_path: Path) -> None:
    """Of a stream on ``agent.>`` logs are pulled and read back, explanations and requests are left alone."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await jetstream_api.request(nc, f"STREAM.CREATE.{STREAM}", {"name": STREAM, "subjects": ["agent.>"]})
        publisher = JetStreamPublisher(nc)
        for subject in (SUBJECT, f"{ANALYSIS_SUBJECT}.ERROR", f"{SUBJECT}.site1.a.l.m", "agent.analyze", SUBJECT):
            await publisher.store(subject.encode(), subject=subject)
        stream = await JetStreamLogStream.open(nc)
        assert [d.sequence for d in await drain(stream, 3)] == [1, 3, 5]
        assert [d.sequence async for batch in stream.replay(1, 5) for d in batch] == [1, 3, 5]
        assert (await stream.state()).pending == 0
        await stream.close()


async def test_a_consumer_that_reads_answers_is_narrowed(tmp_path: Path) -> None:
    """One that is there without a filter gets it, and keeps its place."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await jetstream_api.request(nc, f"STREAM.CREATE.{STREAM}", {"name": STREAM, "subjects": ["agent.>"]})
        await recreate_consumer(nc)
        await StreamGuard(nc, ours=True).settle()
        config = (await jetstream_api.request(nc, f"CONSUMER.INFO.{STREAM}.{CONSUMER}"))["config"]
        assert config["filter_subjects"] == [SUBJECT, f"{SUBJECT}.>"]


async def test_answers_of_a_consumer_that_is_not_ours_are_left_out(tmp_path: Path) -> None:
    """Its filter is its owner's business; what is no log is not recorded all the same, and does not come again."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await jetstream_api.request(nc, f"STREAM.CREATE.{STREAM}", {"name": STREAM, "subjects": ["agent.>"]})
        await recreate_consumer(nc, max_ack_pending=8192)
        guard = StreamGuard(nc)
        stream = await JetStreamLogStream.open(nc, guard=guard)
        publisher = JetStreamPublisher(nc)
        for subject in (f"{ANALYSIS_SUBJECT}.ERROR", "agent.analyze", SUBJECT, f"{ANALYSIS_SUBJECT}.INFO"):
            await publisher.store(subject.encode(), subject=subject)
        assert await guard.check() is None
        assert [d.sequence for d in await drain(stream, 1)] == [3]

        async def settled() -> bool:
            assert await stream.pull(10, 0.05) == []
            return (await stream.state()).ack_floor == 4

        await until(settled, "the end of all")
        await stream.close()


async def test_a_subject_that_somebody_added_is_read(tmp_path: Path) -> None:
    """A stream with one more subject is read as a whole: it was put there to be read."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await jetstream_api.request(
            nc, f"STREAM.CREATE.{STREAM}", {"name": STREAM, "subjects": [SUBJECT, "plant.logs"]}
        )
        await JetStreamPublisher(nc).store(b"x", subject="plant.logs")
        stream = await JetStreamLogStream.open(nc)
        assert [d.subject for d in await drain(stream, 1)] == ["plant.logs"]
        await stream.close()
