"""The record path (stream → decode → group → one transaction → ack) beside two yardsticks, in the same run.

The bare loop has the same pull, a decode, one ``executemany`` into a table with no index but its key, and the same
acks: the least a recorder does. "Same rows" is that loop filling the tables and indexes that Andon fills, with values
that were worked out before: what is left of the difference is understanding the logs. The third yardstick is the
client's own ``fetch()`` on a connection of its own, the bare loop's insert, one ack each.

Rounds are interleaved and medians compared, because the machines are shared and noisy. CPU is that of this process:
what the broker takes is the same for all.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import nats
from nats.js.errors import NotFoundError

from andon.bus.connection import BusConnection, connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import CONSUMER, STREAM, SUBJECT, Delivery, Recorded
from andon.core.settings.settings import load_settings
from andon.core.telemetry import Health, Metrics
from andon.core.times import unix_minute
from andon.explain.callers.desk import CallerDesk
from andon.explain.playbook import Playbook
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.ingest.recorder import Batch, Recorder
from andon.store import Store, prepare
from bench.rows import Row, in_turns

#: As the service has it.
BATCH = load_settings().record_batch
PROBLEMS = 50
HOSTS = 20
_HOST = "line{:02d}-controller"


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
            "hostname": _HOST.format((problem * 7 + dice.randrange(3)) % HOSTS),
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


Mode = Callable[[BusConnection, Path, int, int], Awaitable[tuple[float, float]]]


async def measure(*, quick: bool) -> list[Row]:
    """Print messages per second, CPU per message and ratios."""
    count, rounds = (10_000, 3) if quick else (40_000, 5)
    modes: dict[str, Mode] = {"andon": _andon, "bare loop": _bare, "same rows": _same_rows, "client fetch()": _fetch}
    speeds: dict[str, list[float]] = {name: [] for name in modes}
    costs: dict[str, list[float]] = {name: [] for name in modes}
    gc.set_threshold(50_000, 20, 20)  # as the service has it
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        async with EmbeddedBroker(load_settings(data_dir=place, nats_port=-1)) as broker:
            connection = await connect(broker.url, name="bench")
            try:
                for number in range(rounds):
                    for name, mode in modes.items():
                        taken, used = await _one(connection, mode, Path(place), count, number)
                        speeds[name].append(count / taken)
                        costs[name].append(used / count * 1e6)
            finally:
                await connection.close()
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    print(f"\nrecord path: {count:,} messages of about 255 bytes, {PROBLEMS} problems, median of {rounds} rounds")
    for name, speed in medians.items():
        ratio, cost = speed / medians["bare loop"], statistics.median(costs[name])
        print(f"  {name:<16}{speed:>10,.0f} msg/s   {ratio:>5.2f} x the bare loop   {cost:>5.1f} us of CPU each")
    for name in ("same rows", "client fetch()"):
        print(f"  andon / {name}: {medians['andon'] / medians[name]:.2f} x")
    yardsticks = {"bare loop": "bare loop", "same rows": "same rows", "client fetch()": "fetch()"}
    return [
        in_turns(f"record: {short}", speeds["andon"], speeds[name], "logs/s", name)
        for name, short in yardsticks.items()
    ]


async def _one(
    connection: BusConnection,
    mode: Mode,
    place: Path,
    count: int,
    number: int,
) -> tuple[float, float]:
    """Fill a fresh stream, drain it with ``mode``; seconds and CPU seconds from the first pull to the last ack."""
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
    taken = await mode(connection, database, count, number)
    stored = sqlite3.connect(database).execute("SELECT count(*) FROM logs").fetchone()[0]
    assert stored == count, f"{mode.__name__} stored {stored} of {count}"
    for leftover in place.glob(f"{database.name}*"):
        leftover.unlink()
    return taken


class _Stopwatch:
    """Seconds and CPU seconds of this process since it was made."""

    def __init__(self) -> None:
        self._started, self._used = time.perf_counter(), time.process_time()

    def __call__(self) -> tuple[float, float]:
        return time.perf_counter() - self._started, time.process_time() - self._used


async def _andon(connection: BusConnection, database: Path, count: int, _number: int) -> tuple[float, float]:
    prepare(database, durability="normal")
    store = await Store.open(database)
    stream = await JetStreamLogStream.open(connection, batch=BATCH)
    publisher = JetStreamPublisher(connection)
    decode, metrics = Decoder(Fingerprinter()), Metrics()
    desk = CallerDesk(store, publisher, Playbook.load().explain, decode, metrics, agent="bench")
    left, all_stored = count, asyncio.Event()

    async def on_stored(batch: Batch, recorded: Recorded) -> None:
        nonlocal left
        await desk.on_stored(batch, recorded)
        left -= recorded.stored
        if left <= 0:
            all_stored.set()

    recorder = Recorder(
        stream,
        store,
        decode,
        metrics,
        Health(),
        batch=BATCH,
        on_stored=on_stored,
        on_stalled=desk.on_stalled,
        queued=lambda: None,
    )
    taken = _Stopwatch()
    running = asyncio.create_task(recorder.run())
    await all_stored.wait()
    await connection.flush()
    figures = taken()
    running.cancel()
    await asyncio.wait({running})
    await stream.close()
    await publisher.close()
    await store.close()
    return figures


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


async def _bare(connection: BusConnection, database: Path, count: int, _number: int) -> tuple[float, float]:
    sql, decode = _open(database), msgspec.json.Decoder().decode
    stream = await JetStreamLogStream.open(connection, batch=BATCH)
    done, taken = 0, _Stopwatch()
    while done < count:
        batch = await stream.pull(BATCH, 1.0)
        rows = [(d.sequence, d.stored_ns, decode(d.data)["hostname"], d.data.decode()) for d in batch]
        await asyncio.to_thread(_insert, sql, rows)
        await stream.ack(batch)
        done += len(batch)
    await connection.flush()
    figures = taken()
    await stream.close()
    sql.close()
    return figures


#: What the same tables are filled with: the values of a log's row behind its place in the stream.
Ready = tuple[str, str, str, str, str, int, int, str | None]
_SAME = (
    "INSERT INTO logs (stream_id, seq, stored_ns, timestamp, hostname, severity, service, message, pattern_id,"
    " created_at, context) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "UPDATE patterns SET count = count + ?, last_seen = max(last_seen, ?) WHERE id = ?",
    "INSERT INTO pattern_hosts (pattern_id, hostname, first_seen, count) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (pattern_id, hostname) DO UPDATE SET count = count + excluded.count",
    "INSERT INTO host_minutes (minute, pattern_id, host_id, count) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (minute, pattern_id, host_id) DO UPDATE SET count = count + excluded.count",
)


async def _same_rows(connection: BusConnection, database: Path, count: int, number: int) -> tuple[float, float]:
    ready = _prepared(database, messages(count, number))
    sql = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    for pragma in ("synchronous=NORMAL", "cache_size=-4096", "wal_autocheckpoint=4000"):  # as Andon's writer has them
        sql.execute(f"PRAGMA {pragma}")
    decode = msgspec.json.Decoder().decode
    stream = await JetStreamLogStream.open(connection, batch=BATCH)
    done, taken = 0, _Stopwatch()
    while done < count:
        batch = await stream.pull(BATCH, 1.0)
        for delivery in batch:
            decode(delivery.data)
        await asyncio.to_thread(_insert_same, sql, ready, batch)
        await stream.ack(batch)
        done += len(batch)
    await connection.flush()
    figures = taken()
    await stream.close()
    sql.close()
    return figures


def _prepared(database: Path, made: list[bytes]) -> list[Ready]:
    """A database as Andon makes it, with the messages' patterns in it, and what their rows hold."""
    prepare(database, durability="normal")
    decode, now = Decoder(Fingerprinter()), int(time.time())
    ids: dict[str, int] = {}
    ready: list[Ready] = []
    with contextlib.closing(sqlite3.connect(database)) as sql:
        sql.execute("INSERT INTO streams (id, name) VALUES (1, ?)", (STREAM,))
        hosts = [(number, _HOST.format(number)) for number in range(HOSTS)]
        sql.executemany("INSERT INTO host_names (id, hostname) VALUES (?, ?)", hosts)
        for data in made:
            log = decode(Delivery(data, SUBJECT, STREAM, 1, now * 10**9, "")).records[0]
            if log.fingerprint not in ids:
                ids[log.fingerprint] = len(ids) + 1
                seen = (log.timestamp, log.timestamp, log.severity, log.timestamp)
                sql.execute(
                    "INSERT INTO patterns (id, fingerprint, template, first_seen, last_seen, count, worst_severity,"
                    " created_at) VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
                    (ids[log.fingerprint], log.fingerprint, log.template, *seen),
                )
            pattern_id = ids[log.fingerprint]
            told = (log.timestamp, log.hostname, log.severity, log.service, log.message)
            ready.append((*told, pattern_id, now, log.context))
        sql.commit()
    return ready


def _insert_same(sql: sqlite3.Connection, ready: list[Ready], batch: list[Delivery]) -> None:
    rows = [(one.sequence, one.stored_ns, *ready[one.sequence - 1]) for one in batch]
    hosts = Counter((row[7], row[3]) for row in rows)
    minutes = Counter((unix_minute(row[2][:16]), row[7], int(row[3][4:6])) for row in rows)
    patterns = Counter(row[7] for row in rows)
    first, last = rows[0][2], rows[-1][2]  # the messages come in the order of time
    sql.execute("BEGIN IMMEDIATE")
    values: tuple[list[tuple[Any, ...]], ...] = (
        rows,
        [(seen, last, pattern) for pattern, seen in patterns.items()],
        [(*key, first, seen) for key, seen in sorted(hosts.items())],
        [(*key, seen) for key, seen in sorted(minutes.items())],
    )
    for statement, given in zip(_SAME, values, strict=True):
        sql.executemany(statement, given)
    sql.execute(
        "INSERT INTO counters (name, value) VALUES ('logs', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (len(rows),),
    )
    sql.execute("COMMIT")


async def _fetch(connection: BusConnection, database: Path, count: int, _number: int) -> tuple[float, float]:
    sql, decode = _open(database), msgspec.json.Decoder().decode
    client = await nats.connect(connection.connected_url.geturl())  # type: ignore[union-attr]  # it is connected
    subscription = await client.jetstream().pull_subscribe_bind(consumer=CONSUMER, stream=STREAM)
    done, taken = 0, _Stopwatch()
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
    await client.flush()
    figures = taken()
    await client.close()
    sql.close()
    return figures
