"""Heralds as processes that may be killed, run by path: for each line on standard input one looks at that moment.

The argument is the database. Everything is imported once, and each process is forked off this one, which says its number
and, once it has ended, how.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from andon.store import Store
from support.settings import settings_of
from support.told import SITE, Night


async def look(database: Path, moment: float) -> None:
    """Look once, as a service that was just started does."""
    store = await Store.open(database)
    await Night(store, settings_of(**SITE), moment).herald.look()
    await store.close()


def main() -> None:
    """Fork when told to, until standard input ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(look(Path(sys.argv[1]), float(line)))
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
