"""The night of the demo's plant as a database that ends now, explained by the playbook, without a broker."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from andon.app.demo import hands
from andon.app.demo.forms import message
from andon.app.demo.happenings import NIGHT, happened
from andon.app.demo.plant import load
from andon.core.models import STREAM, Delivery
from andon.explain.playbook import bundled_playbook
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.store import queue
from support.store_data import Clock, opened


def fill(path: Path) -> Path:
    """The last eight hours of the plant, with what people did in them."""
    plant, playbook, decode, end = load(), bundled_playbook(), Decoder(Fingerprinter()), time.time()
    said = [message(plant, one) for one in happened(plant, end) if one.at > end - NIGHT]
    records = [
        record
        for number, one in enumerate(said, 1)
        for record in decode(Delivery(one.data, one.subject, STREAM, number, int(one.at * 1e9), "")).records
    ]

    async def work() -> None:
        clock = Clock()
        clock.now = end
        async with opened(path, clock=clock) as store:
            for start in range(0, len(records), 500):
                await store.record(records[start : start + 500], [])
            while job := await store.write(queue.claim, "me", 600, end):
                await store.write(queue.finish, job, playbook.explain(job.question), end)
            while (await store.index(700))[1]:
                pass
            for one in plant.deeds:
                if one.ago * 60 < NIGHT:
                    await store.write(hands.do, plant, one, end - one.ago * 60)

    asyncio.run(work())
    return path
