"""The record path (stream → decode → group → one transaction → ack) beside two yardsticks, in the same run.

The bare loop has the same pull, a decode, one ``executemany`` into a table with no index but its key, and the same
acks: the least a recorder does. The second yardstick is the client's own ``fetch()``, same insert, one ack each.
Rounds are interleaved and medians compared, because the machines are shared and noisy.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from nats.js.errors import NotFoundError

from andon.bus.connection import BusConnection, connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import CONSUMER, STREAM, SUBJECT
from andon.core.settings.settings import load_settings
from andon.core.telemetry import Health, Metrics
from andon.explain.callers.desk import CallerDesk
from andon.explain.playbook import Playbook
from andon.grouping.fingerprint import Fingerprinter
from andon.grouping.stored_merger import rebuilt
from andon.ingest.decode import Decoder
from andon.ingest.recorder import Recorder
from andon.store import Store, prepare

BATCH = 1000
PROBLEMS = 50
HOSTS = 20


def messages(count: int, seed: int) -> list[bytes]:
    """Logs of about 255 bytes: 50 problems with changing numbers, each on three of 20 hosts, one severity mix."""
    dice = random.Random(seed)
    texts = [f"{verb} on {thing} failed after {{}} ms, retry {{}}" for verb in VERBS for thing in THINGS][:PROBLEMS]
    severities = ["INFO", "WARNING", "WARNING", "ERROR", "ERROR", "CRITICAL"]
    made = []
    for number in range(count):
        second = 1_760_000_000 + number // 200
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        problem = dice.randrange(PROBLEMS)
        body = {
            "timestamp": f"{moment}.{number % 1000:03d}Z",
            "hostname": f"line{(problem * 7 + dice.randrange(3)) % HOSTS:02d}-controller",
            "severity": dice.choice(severities),
            "service": dice.choice(["motion", "plc-gateway", "historian"]),
            "message": texts[problem].format(dice.randrange(10_000), dice.randrange(9)),
            "context": {
                "cycle": number,
                "serial": f"SN{dice.randrange(10**8):08d}",
                "temp_c": dice.randrange(900) / 10,
            },
        }
        made.append(json.dumps(body).encode())
    return made


VERBS = ["Reading", "Writing", "Homing", "Clamping", "Indexing", "Dosing", "Sealing", "Verifying"]
THINGS = ["axis servo", "recipe table", "gripper valve", "inlet sensor", "torque record", "label printer", "oven zone"]


async def measure(*, quick: bool) -> None:
    """Print messages per second and ratios."""
    count, rounds = (10_000, 3) if quick else (40_000, 5)
    modes: dict[str, Callable[[BusConnection, Path, int], Awaitable[float]]] = {
        "andon": _andon,
        "bare loop": _bare,
        "client fetch()": _fetch,
    }
    speeds: dict[str, list[float]] = {name: [] for name in modes}
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        async with EmbeddedBroker(load_settings(data_dir=place, nats_port=-1)) as broker:
            connection = await connect(broker.url, name="bench")
            try:
                for number in range(rounds):
                    for name, mode in modes.items():
                        speeds[name].append(await _one(connection, mode, Path(place), count, number))
            finally:
                await connection.close()
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    print(f"\nrecord path: {count:,} messages of about 255 bytes, {PROBLEMS} problems, median of {rounds} rounds")
    for name, speed in medians.items():
        print(f"  {name:<16}{speed:>10,.0f} msg/s   {speed / medians['bare loop']:>5.2f} x the bare loop")
    print(f"  andon / client fetch(): {medians['andon'] / medians['client fetch()']:.2f} x")


async def _one(
    connection: BusConnection,
    mode: Callable[[BusConnection, Path, int], Awaitable[float]],
    place: Path,
    count: int,
    number: int,
) -> float:
    """Fill a fresh stream, drain it with ``mode``; messages per second from the first pull to the last ack."""
    jetstream = connection.jetstream()
    with contextlib.suppress(NotFoundError):
        await jetstream.delete_stream(STREAM)
    stream = await JetStreamLogStream.open(connection)
    await stream.close()
    publisher = JetStreamPublisher(connection)
    done = await publisher.store_many((SUBJECT, data, None, None) for data in messages(count, number))
    assert done.stored == count
    await publisher.close()
    database = place / f"{mode.__name__}-{number}.db"
    taken = await mode(connection, database, count)
    stored = sqlite3.connect(database).execute("SELECT count(*) FROM logs").fetchone()[0]
    assert stored == count, f"{mode.__name__} stored {stored} of {count}"
    for leftover in place.glob(f"{database.name}*"):
        leftover.unlink()
    return count / taken


async def _andon(connection: BusConnection, database: Path, count: int) -> float:
    prepare(database, durability="normal")
    store = await Store.open(database)
    stream = await JetStreamLogStream.open(connection, batch=BATCH)
    publisher = JetStreamPublisher(connection)
    decode, metrics = Decoder(Fingerprinter()), Metrics()
    desk = CallerDesk(store, publisher, Playbook.load().explain, decode, metrics, agent="bench")
    recorder = Recorder(
        stream,
        store,
        decode,
        metrics,
        Health(),
        batch=BATCH,
        on_stored=desk.on_stored,
        on_stalled=desk.on_stalled,
        queued=lambda: None,
        merging=rebuilt,
    )
    started = time.perf_counter()
    running = asyncio.create_task(recorder.run())
    recorded = metrics.registry.get_sample_value
    while (recorded("andon_logs_recorded_total") or 0) < count:
        await asyncio.sleep(0.02)
    await connection.flush()
    taken = time.perf_counter() - started
    running.cancel()
    await asyncio.wait({running})
    await stream.close()
    await publisher.close()
    await store.close()
    return taken


def _open(database: Path) -> sqlite3.Connection:
    sql = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    sql.execute("PRAGMA journal_mode=WAL")
    sql.execute("PRAGMA synchronous=NORMAL")
    sql.execute(
        "CREATE TABLE logs (seq INTEGER, ns INTEGER, host TEXT, body TEXT, PRIMARY KEY (seq, ns)) WITHOUT ROWID"
    )
    return sql


def _insert(sql: sqlite3.Connection, rows: list[tuple[int, int, str, str]]) -> None:
    sql.execute("BEGIN IMMEDIATE")
    sql.executemany("INSERT OR IGNORE INTO logs VALUES (?, ?, ?, ?)", rows)
    sql.execute("COMMIT")


async def _bare(connection: BusConnection, database: Path, count: int) -> float:
    sql, decode = _open(database), msgspec.json.Decoder().decode
    stream = await JetStreamLogStream.open(connection, batch=BATCH)
    done, started = 0, time.perf_counter()
    while done < count:
        batch = await stream.pull(BATCH, 1.0)
        rows = [(d.sequence, d.stored_ns, decode(d.data)["hostname"], d.data.decode()) for d in batch]
        await asyncio.to_thread(_insert, sql, rows)
        await stream.ack(batch)
        done += len(batch)
    await connection.flush()
    taken = time.perf_counter() - started
    await stream.close()
    sql.close()
    return taken


async def _fetch(connection: BusConnection, database: Path, count: int) -> float:
    sql, decode = _open(database), msgspec.json.Decoder().decode
    subscription = await connection.jetstream().pull_subscribe_bind(consumer=CONSUMER, stream=STREAM)
    done, started = 0, time.perf_counter()
    while done < count:
        batch = await subscription.fetch(BATCH, timeout=5)
        rows = []
        for message in batch:
            about = message.metadata
            rows.append(
                (
                    about.sequence.stream,
                    int(about.timestamp.timestamp() * 1e9),
                    decode(message.data)["hostname"],
                    message.data.decode(),
                )
            )
        await asyncio.to_thread(_insert, sql, rows)
        for message in batch:
            await message.ack()
        done += len(batch)
    await connection.flush()
    taken = time.perf_counter() - started
    await subscription.unsubscribe()
    sql.close()
    return taken
