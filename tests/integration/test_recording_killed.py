"""A recorder that is killed with -9 over a message of several logs: nothing is lost, nothing is stored twice."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import andon
from andon.bus import jetstream_api
from andon.bus.connection import BusConnection
from andon.bus.jetstream_api import ensure_stream
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import SUBJECT
from support.bus import client, recreate_consumer, running_broker, until
from support.patience import PATIENCE
from support.splitting import message

_SCRIPT = Path(__file__).parent.parent / "support" / "recording_process.py"
_PATH = os.pathsep.join((str(Path(andon.__file__).parent.parent), str(_SCRIPT.parent.parent)))


@contextlib.contextmanager
def _recorder(url: str, database: Path, when: str) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [sys.executable, str(_SCRIPT), url, str(database), when]
    process = subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": _PATH}, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    if not database.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
        return connection.execute(sql).fetchall()


async def _publish(nc: BusConnection, *messages: bytes) -> None:
    publisher = JetStreamPublisher(nc, timeout=PATIENCE)
    result = await publisher.store_many((SUBJECT, data, None, f"id-{n}") for n, data in enumerate(messages))
    assert result.stored == len(messages)
    await publisher.close()


async def _floor(nc: BusConnection) -> int:
    return jetstream_api.state_of(*await jetstream_api.infos(nc)).ack_floor


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_split_message_survives_a_recorder_that_is_killed(tmp_path: Path, when: str) -> None:
    """Killed before its commit nothing of it is there, killed between commit and ack all of it: and then it is, once."""
    logs = [{"message": f"Drive fault on axis {n}", "severity": "ERROR"} for n in range(6)]
    messages = [
        message(*logs[:3], 7, *logs[3:]),
        message(7, 8),
        *[message({"message": "Oven door open"}, 9, {"message": f"Pump {n} dry"}) for n in range(40)],
        message(*[{"message": f"Storm {n}"} for n in range(2_000)]),
    ]
    counts = "SELECT (SELECT COUNT(*) FROM logs), (SELECT COUNT(*) FROM rejects), (SELECT SUM(count) FROM patterns)"
    whole = (6 + 80 + 2_000, 1 + 2 + 40, 6 + 80 + 2_000)
    sizes = [7, 2, *[3] * 40, 2_000]
    by_message = "SELECT seq, COUNT(*) FROM (SELECT seq FROM logs UNION ALL SELECT seq FROM rejects) GROUP BY seq"
    database = tmp_path / "agent.db"
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        await recreate_consumer(nc, ack_wait=jetstream_api.SECOND // 2)
        await _publish(nc, *messages)
        with _recorder(broker.url, database, when) as process:
            await until(lambda: process.poll() is not None, "its end")
            assert process.returncode == -signal.SIGKILL
        found = dict(_rows(database, by_message))
        assert (len(found) > 0) == (when == "after")
        assert found.items() <= dict(enumerate(sizes, 1)).items()
        assert await _floor(nc) == 0
        with _recorder(broker.url, database, "never"):

            async def settled() -> bool:
                return await _floor(nc) == len(messages)

            await until(settled, "all acknowledged")
        assert _rows(database, counts) == [whole]
        distinct = "SELECT COUNT(*) FROM (SELECT DISTINCT stream_id, seq, stored_ns, part FROM {})"
        assert _rows(database, distinct.format("logs")) == [(whole[0],)]
        assert _rows(database, distinct.format("rejects")) == [(whole[1],)]
        assert _rows(database, "SELECT part FROM logs WHERE seq = 1 ORDER BY id") == [(n,) for n in (0, 1, 2, 4, 5, 6)]
