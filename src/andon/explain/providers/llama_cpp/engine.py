"""The embedded engine over its restarts: llama.cpp in a child process that is watched and started again.

A child process, because a crash in native code would end the service.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from andon.core.errors import ModelError, ModelMisconfigured, ModelUnavailable
from andon.explain.providers.failures import Place, hidden
from andon.explain.providers.llama_cpp.engine_process import EngineProcess, EngineSpec, Running, readable

log = structlog.get_logger(__name__)

#: Seconds before the engine is started again: after the first crash, and at most.
FIRST_PAUSE = 0.25
LAST_PAUSE = 60.0
#: The same at first for a file that is refused: somebody has to replace it.
REFUSED_PAUSE = 5.0
#: A question waits for a restart that is at most these seconds away.
PATIENCE = 4.0
#: Having run this long, it counts as sound: the next crash is a first one.
STEADY = 60.0
#: Seconds until a process that is gone is known to be.
NOTICED_WITHIN = 1.0


class Engine:
    """The engine over its restarts. Belongs to one event loop; started by the first :meth:`running`.

    ``spec`` is what it loads, for which it has ``timeout`` seconds.
    """

    def __init__(self, spec: EngineSpec, place: Place, *, timeout: float) -> None:
        self.spec = spec
        self._place = place
        self._timeout = timeout
        self._task: asyncio.Task[None] | None = None
        #: What comes of the present start; replaced with each new one.
        self._outcome: asyncio.Future[Running | ModelError]
        self._again_at = 0.0
        self._ready_at: float | None = None
        self._closed = False
        self._gone = asyncio.Event()
        self._last_end = "it was ended"
        self._child: EngineProcess | None = None
        self._hung = False
        self.restarts = 0

    @property
    def is_running(self) -> bool:
        """Whether it answers now, as far as is known."""
        return self._task is not None and self._outcome.done() and isinstance(self._outcome.result(), Running)

    def start(self) -> None:
        """Begin to load the model, where that has not begun yet. Needs a running loop."""
        if not self._closed and (self._task is None or self._task.done()):
            self._outcome = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._supervise(), name="engine")

    async def running(self) -> Running:
        """The engine that answers, started if need be; waits while it loads or is about to be started again.

        Raises ModelMisconfigured for a file it refuses, else ModelUnavailable.
        """
        if self._closed:
            raise ModelUnavailable("The embedded engine is closed.")
        self.start()
        # Shielded: one question that gives up must not take the start away from the others.
        outcome = await asyncio.shield(self._outcome)
        if isinstance(outcome, ModelMisconfigured):
            raise ModelMisconfigured(str(outcome))
        if isinstance(outcome, ModelError):
            left = max(0.0, self._again_at - time.monotonic())
            raise ModelUnavailable(f"{outcome} Andon starts it again in {left:.0f} s.", retry_after=left or None)
        return outcome

    async def lost(self, run: Running) -> str:
        """How ``run`` ended, for people; waits a moment for that to be known. "" where it goes on."""
        if self._outcome.done() and self._outcome.result() is run:
            try:
                async with asyncio.timeout(NOTICED_WITHIN):
                    await self._gone.wait()
            except TimeoutError:
                return ""
        return self._last_end

    def end_hung(self, run: Running) -> None:
        """End ``run``, which lives and does not answer: it is started again like after a crash."""
        if self._child is not None and self._child.pid == run.pid:
            self._hung = True
            self._child.kill()

    async def close(self) -> None:
        """End the process within a few seconds; who waits for it gets ModelUnavailable. Idempotent."""
        self._closed = True
        task = self._task
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        self._settle(ModelUnavailable("The embedded engine is closed."))

    async def _supervise(self) -> None:
        try:
            await self._keep_up()
        except Exception as error:  # not foreseen: whoever waits is told, and the next question starts anew
            self._settle(ModelUnavailable(f"The embedded engine is not supervised ({type(error).__name__})."))
            raise

    async def _keep_up(self) -> None:
        crashes, told = 0, ""
        while True:
            self._ready_at = None
            failure = await self._life()
            steady = self._ready_at is not None and time.monotonic() - self._ready_at > STEADY
            crashes = 1 if steady else crashes + 1
            pause = pause_after(crashes, failure)
            self._again_at = time.monotonic() + pause
            if str(failure) != told:
                log.warning("engine down", reason=str(failure), again_in=pause)
            told = str(failure) if isinstance(failure, ModelMisconfigured) else ""
            if pause > PATIENCE or isinstance(failure, ModelMisconfigured):
                self._settle(failure)
            elif self._outcome.done():
                self._outcome = asyncio.get_running_loop().create_future()
            await asyncio.sleep(pause)
            if self._outcome.done():
                self._outcome = asyncio.get_running_loop().create_future()
            self.restarts += 1

    async def _life(self) -> ModelError:
        """One run from start to end, and why it ended."""
        child: EngineProcess | None = None
        try:
            await asyncio.to_thread(readable, self.spec)
            began = time.monotonic()
            child = self._child = await EngineProcess.launch()
            self._hung = False
            found = await child.load(self.spec, self._timeout)
            mebibytes = round(found.memory / 2**20) if found.memory else None
            seconds = round(time.monotonic() - began, 2)
            log.info("engine ready", file=self.spec.gguf.name, pid=found.pid, memory_mib=mebibytes, seconds=seconds)
            self._gone = asyncio.Event()
            self._ready_at = time.monotonic()
            self._settle(found)
            await child.ended()
            self._last_end = "it hung" if self._hung else hidden(child.obituary, self._place, 300)
            self._outcome = asyncio.get_running_loop().create_future()
            self._gone.set()
            what = "stopped answering" if self._hung else f"crashed ({self._last_end})"
            return ModelUnavailable(f"The embedded engine {what}.")
        except ModelError as error:
            return error
        finally:
            self._child = None
            if child is not None:
                await child.end()

    def _settle(self, outcome: Running | ModelError) -> None:
        if self._outcome.done():
            self._outcome = asyncio.get_running_loop().create_future()
        self._outcome.set_result(outcome)


def pause_after(crashes: int, failure: ModelError) -> float:
    """Seconds until the next start, after ``crashes`` in a row of which ``failure`` is the last.

    >>> [pause_after(n, ModelUnavailable("")) for n in (1, 2, 3, 20)]
    [0.25, 0.5, 1.0, 60.0]
    """
    first = REFUSED_PAUSE if isinstance(failure, ModelMisconfigured) else FIRST_PAUSE
    return min(first * 2.0 ** min(crashes - 1, 16), LAST_PAUSE)
