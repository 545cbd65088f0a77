"""From an external broker's stream into SQLite, beside Telegraf: ``TELEGRAF=path python -m bench telegraf``.

Telegraf reads the same stream with ``nats_consumer`` and writes with ``outputs.sql``, batches of 1,000, one transaction
a batch, into a table without an index, on the same journal mode. Both run and are idle before anything comes: the
messages lie in another stream, and the broker copies them from there at once. Its work is the same for both and is not
counted. A round ends when the consumer has acknowledged everything. Skipped where no Telegraf is named; one with what
is needed here is built by ``go build -tags custom,inputs.nats_consumer,outputs.sql,parsers.json ./cmd/telegraf``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from nats.js.errors import NotFoundError

from andon.bus.connection import BusConnection, connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.jetstream_api import request
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import CONSUMER, STREAM, SUBJECT
from andon.core.settings.settings import load_settings
from bench.record_path import messages
from bench.rows import Row, in_turns
from bench.service_figures import cpu_seconds, start_service, stop_service

#: The stream that the messages lie in, and their subject there.
SOURCE, SOURCE_SUBJECT = "BENCH", "bench.logs"
#: Seconds that a started program is left alone.
IDLE = 5.0
#: Seconds within which everything is stored, or something is wrong.
PATIENCE = 900.0
TELEGRAF_CONSUMER = "telegraf_consumers"
_CONFIG = """
[agent]
  omit_hostname = true
  quiet = true
  flush_interval = "1s"
  metric_batch_size = 1000
  metric_buffer_limit = 100000
[[inputs.nats_consumer]]
  servers = ["{url}"]
  subjects = []
  jetstream_subjects = ["{subject}"]
  queue_group = "{consumer}"
  max_undelivered_messages = 10000
  data_format = "json"
  json_string_fields = ["hostname", "severity", "service", "message", "context_serial"]
  json_time_key = "timestamp"
  json_time_format = "2006-01-02T15:04:05Z07:00"
  name_override = "logs"
[[outputs.sql]]
  driver = "sqlite"
  data_source_name = "file:{file}?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
  batch_transactions = true
"""


async def measure(*, quick: bool) -> list[Row]:
    """Print logs per second and CPU seconds of both, and the ratios."""
    program = shutil.which(os.environ.get("TELEGRAF", "telegraf"))
    if program is None:
        print("\ntelegraf: skipped, there is no Telegraf here; name its program with TELEGRAF=path")
        return []
    count, rounds = (50_000, 1) if quick else (500_000, 3)
    figures: dict[str, list[tuple[float, float]]] = {"andon": [], "Telegraf": []}
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        async with EmbeddedBroker(load_settings(data_dir=place, nats_port=-1)) as broker:
            connection = await connect(broker.url, name="bench")
            try:
                await _fill(connection, count)
                for number in range(rounds):
                    for name, one in figures.items():
                        directory = Path(place) / f"{name}-{number}"
                        directory.mkdir()
                        started = _andon(connection, broker.url, directory)
                        if name == "Telegraf":
                            started = _telegraf(program, connection, broker.url, directory)
                        one.append(await _round(connection, started, count))
                        shutil.rmtree(directory)
            finally:
                await connection.close()
    print(f"\nfrom a broker's stream into SQLite: {count:,} logs, both idle before, {rounds} round(s) in turn")
    for name, one in figures.items():
        seconds, cpu = (statistics.median(values) for values in zip(*one, strict=True))
        print(f"  {name:<10}{count / seconds:>10,.0f} logs/s   {cpu:>6.1f} CPU s")
    ratios = [(b[0] / a[0], a[1] / b[1]) for a, b in zip(figures["andon"], figures["Telegraf"], strict=True)]
    rate, cpu = (statistics.median(values) for values in zip(*ratios, strict=True))
    print(f"  andon / Telegraf: rate {rate:.2f} x (goal 1.1), CPU {cpu:.2f} x (goal 2 at most)")
    (ours, our_cpu), (theirs, their_cpu) = (list(zip(*figures[name], strict=True)) for name in ("andon", "Telegraf"))
    return [
        in_turns(
            "telegraf: rate", [count / one for one in ours], [count / one for one in theirs], "logs/s", "Telegraf"
        ),
        in_turns("telegraf: CPU", our_cpu, their_cpu, "s", "Telegraf"),
    ]


async def _fill(connection: BusConnection, count: int) -> None:
    jetstream = connection.jetstream()
    await jetstream.add_stream(name=SOURCE, subjects=[SOURCE_SUBJECT])
    publisher = JetStreamPublisher(connection)
    made = messages(min(count, 50_000), 1)
    for _ in range(count // len(made)):
        done = await publisher.store_many((SOURCE_SUBJECT, data, None, None) for data in made)
        assert done.stored == len(made)
    await publisher.close()


@contextlib.asynccontextmanager
async def _andon(connection: BusConnection, url: str, directory: Path) -> AsyncIterator[tuple[int, str, Path, str]]:
    process, _, _ = await asyncio.to_thread(start_service, directory, NATS_URL=url)
    try:
        yield process.pid, CONSUMER, directory / "data" / "agent.db", "logs"
    finally:
        await asyncio.to_thread(stop_service, process)


@contextlib.asynccontextmanager
async def _telegraf(
    program: str, connection: BusConnection, url: str, directory: Path
) -> AsyncIterator[tuple[int, str, Path, str]]:
    await (await JetStreamLogStream.open(connection)).close()  # the stream as Andon makes it
    file, config = directory / "telegraf.db", directory / "telegraf.conf"
    config.write_text(_CONFIG.format(url=url, subject=SUBJECT, consumer=TELEGRAF_CONSUMER, file=file))
    with (directory / "telegraf.log").open("wb") as log:
        process = subprocess.Popen([program, "--config", str(config)], stdout=log, stderr=log)
    try:
        yield process.pid, TELEGRAF_CONSUMER, file, "logs"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)


async def _round(
    connection: BusConnection,
    starting: contextlib.AbstractAsyncContextManager[tuple[int, str, Path, str]],
    count: int,
) -> tuple[float, float]:
    """Seconds until everything is stored and acknowledged, and the CPU seconds of the program for it."""
    with contextlib.suppress(NotFoundError):
        await connection.jetstream().delete_stream(STREAM)
    async with starting as (pid, consumer, file, table):
        await _acknowledged(connection, consumer, 0)
        await asyncio.sleep(IDLE)
        config = (await request(connection, f"STREAM.INFO.{STREAM}"))["config"]
        transform = [{"src": SOURCE_SUBJECT, "dest": SUBJECT}]
        used, started = cpu_seconds(pid), time.perf_counter()
        changed = {**config, "sources": [{"name": SOURCE, "subject_transforms": transform}]}
        await request(connection, f"STREAM.UPDATE.{STREAM}", changed)
        await _acknowledged(connection, consumer, count)
        taken, used = time.perf_counter() - started, cpu_seconds(pid) - used
    with contextlib.closing(sqlite3.connect(file)) as sql:
        [[stored]] = sql.execute(f"SELECT count(*) FROM {table}")
    # Telegraf stores again what is delivered again, which a busy machine makes happen
    assert stored == count or (stored > count and consumer == TELEGRAF_CONSUMER), f"{stored} of {count} in {file}"
    return taken, used


async def _acknowledged(connection: BusConnection, consumer: str, count: int) -> None:
    """Return when so many messages are acknowledged, 0 as soon as there is such a consumer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(NotFoundError):
                about = await connection.jetstream().consumer_info(STREAM, consumer)
                if about.ack_floor is not None and about.ack_floor.stream_seq >= count:
                    return
            await asyncio.sleep(0.05)
