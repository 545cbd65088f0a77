"""A bad night of an invented plant as a database, explained by the playbook, without a broker."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path

from andon.core.models import STREAM, SUBJECT, Delivery
from andon.explain.playbook import bundled_playbook
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.store import queue
from support.store_data import NOW, opened

_LOGS = Path(__file__).with_name("bad_shift.jsonl")


def _sent_ns(body: bytes) -> int:
    """When the broker took a log: as it was written."""
    return int(datetime.fromisoformat(json.loads(body)["timestamp"]).timestamp() * 1e9)


def fill(path: Path) -> Path:
    """The night's logs as they are stored, each problem with what the playbook says."""
    playbook = bundled_playbook()
    decode = Decoder(Fingerprinter())
    records = [
        record
        for number, body in enumerate(_LOGS.read_bytes().splitlines(), 1)
        for record in decode(Delivery(body, SUBJECT, STREAM, number, _sent_ns(body), "")).records
    ]

    async def work() -> None:
        async with opened(path) as store:
            await store.record(records, [])
            while job := await store.write(queue.claim, "me", 600, NOW):
                await store.write(queue.finish, job, playbook.explain(job.question), NOW)
            while (await store.index(700))[1]:
                pass

    asyncio.run(work())
    return path
