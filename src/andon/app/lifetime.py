"""The service as a process: its event loop, and the signals that end it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine

from andon.app.background.tasks import ended, first_error
from andon.app.service import Listen, Service
from andon.app.systemd import Systemd
from andon.core.heap import keep_small
from andon.core.settings.announcing import announced
from andon.core.settings.settings import Settings

#: How long an orderly stop may take before the process ends anyway, in seconds.
STOP_WITHIN = 9.0


#: Says to whoever started a service that it is ready.
Greet = Callable[[Service], Coroutine[None, None, None]]


def run_service(settings: Settings, listen: Listen, greet: Greet | None = None) -> None:
    """Run the service in this process until SIGTERM or SIGINT; ``greet`` is called once it is ready.

    Raises AndonError.
    """
    keep_small()
    systemd = Systemd()
    service = Service(settings, listen)
    try:
        with announced(settings), asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_until_signal(service, systemd, greet))
    except BaseExceptionGroup as group:
        raise first_error(group) from None


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop: uvloop where it exists, else None for the standard one."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:  # not there on every interpreter
        return None
    return uvloop.new_event_loop


async def _until_signal(service: Service, systemd: Systemd, greet: Greet | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    running = asyncio.current_task()
    greetings: list[asyncio.Task[None]] = []

    def ready() -> None:
        systemd.ready()
        if greet is not None:
            greetings.append(loop.create_task(greet(service), name="greeting"))

    def on_signal() -> None:
        starting = "service" in service.health.problems
        if stop.is_set() or starting:
            if running is not None:  # a second signal, or one during start: end now
                running.cancel()
        else:
            loop.call_later(STOP_WITHIN, lambda: running.cancel() if running else None)
        stop.set()
        systemd.stopping()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    with contextlib.suppress(asyncio.CancelledError):
        async with systemd.kept_informed(service.health):
            try:
                await service.run(stop, ready)
            finally:
                await ended(*greetings)
