"""Ways in beside the record path, in the same run: logs per second into the stream, and until they are stored.

Each way has a sender in a process of its own, which has its bytes ready before the clock starts. ``into the stream``
ends when the broker has acknowledged every log; ``stored`` when the recorder, which works at the same time, has
committed them. The goals are shares of what the record path alone does in the same rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

from nats.js.errors import NotFoundError

from andon.bus.connection import BusConnection, connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.feed import Feed
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import STREAM
from andon.core.settings.settings import Settings, load_settings
from andon.core.telemetry import Health, Metrics
from andon.explain.callers.desk import CallerDesk
from andon.explain.playbook import Playbook
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.ingest.recorder import Recorder
from andon.ingest.sources import syslog
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.source import Source
from andon.store import Store, prepare
from bench.record_path import BATCH, _andon, _one
from bench.rows import Row, in_turn
from bench.service_figures import free_ports
from bench.source_files import FilesSource
from bench.source_otlp import OtlpSource

INTO_STREAM, STORED = 0.7, 0.4


class Way(NamedTuple):
    """A way in: the source, heard at the port that it is given, and the module that sends to that port.

    The module is run with the port and the number of logs. It writes a line once it is ready, starts when it is sent
    one, and ends when all is sent.
    """

    source: Callable[[int], Source]
    sender: str
    listens: bool = True


def _settings(**fields: object) -> Settings:
    return load_settings(**fields)


WAYS = {
    "syslog over TCP": Way(lambda port: syslog.sources_of(_settings(syslog_tcp_port=port))[0], "bench.syslog_sender"),
    "OTLP": Way(OtlpSource, "bench.otlp_sender"),
    "files": Way(FilesSource, "bench.source_files", listens=False),
}


async def measure(*, quick: bool) -> list[Row]:
    """Print logs per second and their share of the record path's, and return them."""
    count, rounds = (10_000, 3) if quick else (40_000, 5)
    gc.collect()
    gc.freeze()  # as the service does once it has started
    speeds: dict[str, list[float]] = {"record path": []}
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        async with EmbeddedBroker(load_settings(data_dir=place, nats_port=-1)) as broker:
            connection = await connect(broker.url, name="bench")
            try:
                for number in range(rounds):
                    taken, _ = await _one(connection, _andon, Path(place), count, number)
                    speeds["record path"].append(count / taken)
                    for name, way in WAYS.items():
                        database = Path(place) / f"{number}.db"
                        into = await _through(connection, way, count, None)
                        stored = await _through(connection, way, count, database)
                        speeds.setdefault(f"{name}, into the stream", []).append(into)
                        speeds.setdefault(f"{name}, stored", []).append(stored)
                        for leftover in Path(place).glob(f"{database.name}*"):
                            leftover.unlink()
            finally:
                await connection.close()
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    print(f"\nsources: {count:,} logs of about 255 bytes, median of {rounds} rounds")
    for name, speed in medians.items():
        goal = INTO_STREAM if name.endswith("stream") else STORED if name.endswith("stored") else None
        aim = "" if goal is None else f" (goal {goal} x)"
        print(f"  {name:<34}{speed:>10,.0f} logs/s   {speed / medians['record path']:>5.2f} x the record path{aim}")
    path = speeds.pop("record path")
    return [
        Row(
            f"sources: {name}",
            unit="logs/s",
            yardstick="record path",
            goal=f">= {INTO_STREAM if name.endswith('stream') else STORED} x",
            **in_turn(values, path),
        )
        for name, values in speeds.items()
    ]


async def _through(connection: BusConnection, way: Way, count: int, database: Path | None) -> float:
    """Logs per second from the first byte until the stream has all, or until ``database`` has where one is given."""
    with contextlib.suppress(NotFoundError):
        await connection.jetstream().delete_stream(STREAM)
    stream = await JetStreamLogStream.open(connection, batch=BATCH)
    feed, metrics = Feed(connection), Metrics()
    [port] = free_ports(1)
    source = way.source(port)
    outlet = Outlet(source.name, feed, metrics, Health())
    work = [asyncio.create_task(feed.run()), asyncio.create_task(source.run(outlet))]
    async with contextlib.AsyncExitStack() as stack:
        if database is not None:
            work.append(
                asyncio.create_task(await stack.enter_async_context(_recording(stream, connection, database, metrics)))
            )
        if way.listens:
            await _listening(port)
        sender = await asyncio.create_subprocess_exec(
            sys.executable, "-m", way.sender, str(port), str(count),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert sender.stdin is not None
        assert sender.stdout is not None
        await sender.stdout.readline()
        started = time.perf_counter()
        sender.stdin.write(b"go\n")
        recorded = metrics.registry.get_sample_value
        while (outlet.counts.taken if database is None else recorded("andon_logs_recorded_total") or 0) < count:
            await asyncio.sleep(0.01)
        taken = time.perf_counter() - started
        await sender.wait()
        for task in work:
            task.cancel()
        await asyncio.wait(work)
        assert not outlet.counts.refused, outlet.counts.refused
    await stream.close()
    await feed.close()
    return count / taken


@contextlib.asynccontextmanager
async def _recording(
    stream: JetStreamLogStream, connection: BusConnection, database: Path, metrics: Metrics
) -> AsyncIterator:
    """What records the stream into a new database, to be run."""
    prepare(database, durability="normal")
    store = await Store.open(database)
    publisher = JetStreamPublisher(connection)
    decode = Decoder(Fingerprinter())
    desk = CallerDesk(store, publisher, Playbook.load().explain, decode, metrics, agent="bench")
    recorder = Recorder(
        stream, store, decode, metrics, Health(), batch=BATCH,
        on_stored=desk.on_stored, on_stalled=desk.on_stalled, queued=lambda: None,
    )  # fmt: skip
    try:
        yield recorder.run()
    finally:
        await publisher.close()
        await store.close()


async def _listening(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.01)
    raise RuntimeError("the source did not come up")
