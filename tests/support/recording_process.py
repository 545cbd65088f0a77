"""A recorder as a process of its own, run by path, that dies (kill -9) at the moment a test wants.

Arguments: the broker's address, the database, and when: ``before`` its first commit, ``after`` it (and before the ack),
or ``never``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import event

from andon.bus.connection import connect
from andon.bus.log_stream import JetStreamLogStream
from andon.core.models import Delivery, Recorded
from andon.core.telemetry import Health, Metrics
from andon.ingest.recorder import Batch, Recorder
from andon.store import Store, prepare
from support.splitting import Splitter


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, path: Path, when: str) -> None:
    """Record for ever, or until then."""
    prepare(path, durability="normal")
    store = await Store.open(path)
    connection = await connect(url, name="recorder")
    stream = await JetStreamLogStream.open(connection)

    async def dying(_: Sequence[Delivery]) -> None:
        _die()

    async def stored(_batch: Batch, _recorded: Recorded) -> None:
        pass

    if when == "before":
        event.listen(store._writer, "commit", _die)
    elif when == "after":
        stream.ack = stream.terminate = dying  # type: ignore[method-assign]
    await Recorder(
        stream,
        store,
        Splitter(),
        Metrics(),
        Health(),
        batch=500,
        on_stored=stored,
        on_stalled=lambda _: None,
        queued=lambda: None,
    ).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
