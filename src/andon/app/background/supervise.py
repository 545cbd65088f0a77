"""Keep the parts of the service running: a part that fails is started again, counted, and told on ``/readyz``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from andon.core.errors import AndonError
from andon.core.telemetry import Metrics

log = structlog.get_logger(__name__)

#: Takes the name of a part and what is wrong with it, None where that is over.
Report = Callable[[str, str | None], object]
PAUSE_FIRST, PAUSE_LAST = 0.5, 15.0
#: A part that ran this long before it failed starts with the short pause again, in seconds.
STEADY = 60.0


async def keep_running(name: str, part: Callable[[], Awaitable[None]], metrics: Metrics, report: Report) -> None:
    """Run ``part`` for ever; ``report`` hears what is wrong with it. Ends only by cancellation."""
    pause = PAUSE_FIRST
    while True:
        started = time.monotonic()
        try:
            await part()
            problem = "ended without a reason"
            log.error("part ended", part=name)
        except AndonError as error:
            problem = str(error)
            log.error("part failed", part=name, reason=problem)
        except Exception as error:  # counted, logged with its traceback, and started again: the line must not stop
            problem = f"failed ({type(error).__name__}: {error})"
            log.exception("part failed unexpectedly", part=name)
        metrics.task_restarts.labels(name).inc()
        report(name, f"{problem}; Andon starts it again in {pause:g} s")
        if time.monotonic() - started > STEADY:
            pause = PAUSE_FIRST
        await asyncio.sleep(pause)
        pause = min(pause * 2, PAUSE_LAST)
        report(name, None)
