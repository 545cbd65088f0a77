"""Ending tasks, and telling of several errors the one that is meant for users."""

from __future__ import annotations

import asyncio

from andon.core.errors import AndonError

#: A part that does not end on being cancelled is cancelled again after these seconds.
CANCEL_AGAIN = 2.0


async def ended(*tasks: asyncio.Task[None]) -> None:
    """Cancel and wait; what a task raises while it ends is the task group's to report.

    Cancels again after a while: a library's ``asyncio.wait_for`` swallows a cancellation (before Python 3.12) where
    what it waits for comes at the same moment.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN)


async def heed(serving: asyncio.Task[None]) -> None:
    """End as ``serving`` does, which somebody else owns."""
    await asyncio.shield(serving)


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in the group that is meant for users; the group itself where there is none."""
    error: BaseException = group.subgroup(AndonError) or group
    while error is not group and isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
