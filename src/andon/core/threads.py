"""Blocking work beside the loop that must not hold up the end of the process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(work: Callable[[], T], name: str) -> T:
    """``work()`` in a thread of its own; raises what it raises.

    Unlike with :func:`asyncio.to_thread`, neither the loop's end nor the interpreter's waits for the thread: a stop
    in the middle of a long import ends at once. When cancelled, the work goes on and its outcome is dropped.
    """
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
    outcome.set_running_or_notify_cancel()  # from here on a cancellation reaches only whoever waits

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as failure:  # noqa: BLE001 - handed on to whoever waits
            outcome.set_exception(failure)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await asyncio.wrap_future(outcome)
