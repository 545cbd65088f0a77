"""An outbox as a process that may be killed, run by path: each line on standard input starts another one.

Arguments: the database and the address of the ticket service; a line is the name under which the outbox claims.
Everything is imported once, and each process is forked off this one, which says its number.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import httpx2  # noqa: F401 - imported before the first fork

from andon.act import target_lane
from andon.app.background.others import OFTEN
from andon.core.settings.database_url import Database, parse_database
from andon.store import Store
from support.outbox import working
from support.ticket_service import connected

#: As long as an answer may take, and as long as the service's search may lag behind, in seconds: more than a service
#: on a busy machine takes, for what is done later than that is not looked for.
TIMEOUT, SETTLED = 2.0, 1.0


async def work(path: Database, url: str, owner: str) -> None:
    """Send what is approved, for ever."""
    target_lane.PAUSE_FIRST = target_lane.PAUSE_LAST = 0.02
    store = await Store.open(path)
    plant = connected("plant", url, timeout=TIMEOUT, settled=SETTLED)
    async with working(store, plant, owner=owner) as box:
        while True:  # as a service does where others decide
            await asyncio.sleep(OFTEN)
            box.wake()


def main() -> None:
    """Fork when told to, until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # they are not waited for
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(work(parse_database(sys.argv[1]), sys.argv[2], line.strip()))
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
