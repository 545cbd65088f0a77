"""Blocking work beside the loop: its outcome comes back, and the end of the process does not wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading

import pytest

from andon.core.threads import in_daemon_thread
from support.patience import PATIENCE


def test_the_result_comes_back() -> None:
    """From a daemon thread with the name it was given."""

    def work() -> tuple[str, bool]:
        thread = threading.current_thread()
        return thread.name, thread.daemon

    assert asyncio.run(in_daemon_thread(work, "worker")) == ("worker", True)


def test_an_error_comes_back() -> None:
    """As it was raised."""

    def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        asyncio.run(in_daemon_thread(work, "worker"))


async def test_a_cancelled_wait_leaves_the_loop_free_to_end() -> None:
    """The loop ends although the work still runs."""
    release, started, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        release.wait(PATIENCE)
        done.set()

    task = asyncio.create_task(in_daemon_thread(work, "worker"))
    assert await asyncio.to_thread(started.wait, PATIENCE)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert not done.is_set()
    release.set()
    assert done.wait(PATIENCE)


def test_the_process_ends_while_the_work_runs() -> None:
    """A stop in the middle of an import that takes a minute is not held up by it."""
    code = (
        "import asyncio, time\n"
        "from andon.core.threads import in_daemon_thread\n"
        "async def main():\n"
        "    try:\n"
        "        async with asyncio.timeout(0.2):\n"
        "            await in_daemon_thread(lambda: time.sleep(60), 'import')\n"
        "    except TimeoutError:\n"
        "        print('stopped')\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.strip() == "stopped"
