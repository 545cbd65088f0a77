"""One run of the embedded engine: start the child process, tell it what to load, read its log, end it.

It listens on a loopback port that it chooses itself and wants a random key, made anew with each start and told over a
pipe, so that neither the list of processes nor the environment shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import json
import os
import re
import secrets
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from andon.core.child_log import lines_of
from andon.core.errors import ModelMisconfigured, ModelUnavailable

log = structlog.get_logger(__name__)

CHILD = Path(__file__).with_name("child.py")
#: Seconds the engine gets to end by itself.
GRACE = 2.0
#: An engine that ends has said its last words after so many seconds, however busy the machine is.
LAST_WORDS = 10.0
TAIL_LINES = 12
MAX_LOG_LINE = 500
#: Lines of the engine's log that are passed on in any minute.
LINES_A_MINUTE = 30
#: How native code ends that met what it cannot handle.
FAULTS = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
#: What Python and llama.cpp need of our environment; nothing that may hold a secret.
PASSED_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "SYSTEMROOT")
PASSED_PREFIXES = ("LD_", "DYLD_", "GGML_", "CUDA_", "HIP_", "ROCR_", "VK_", "OMP_")

_LOG_LINE = re.compile(r"(?:\d+\.){3}\d+ ([A-Z]) (.*)")


@dataclass(frozen=True)
class EngineSpec:
    """What is loaded, and how: ``options`` are llama.cpp's, by its own names (``n_ctx``, …).

    ``n_threads`` None leaves one processor to the rest of the machine.
    """

    gguf: Path
    mmproj: Path | None
    options: Mapping[str, int | None]


@dataclass(frozen=True)
class Running:
    """An engine that answers: its address without a path, the key it wants, its process."""

    url: str
    key: str = field(repr=False)
    pid: int
    memory: int | None


class EngineProcess:
    """One run of the engine. :meth:`launch` starts one; :meth:`end` must be awaited in any case."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        #: The engine's own complaints, and what was printed past its log: an assertion that failed, say.
        self._complaints: deque[str] = deque(maxlen=TAIL_LINES)
        self._outcries: deque[str] = deque(maxlen=TAIL_LINES)
        self._window = (time.monotonic(), 0)
        self._loaded = False
        self._drain_task = asyncio.create_task(self._drain(), name="engine-log")
        self.pid = process.pid

    @classmethod
    async def launch(cls) -> EngineProcess:
        """Start the child, which then waits to be told what to load. Raises ModelUnavailable."""
        spawning = asyncio.ensure_future(_spawn())
        try:
            # Shielded, because a loop may start the process all the same and then nobody would know of it.
            return cls(await asyncio.shield(spawning))
        except asyncio.CancelledError:
            await cls(await spawning).end()
            raise
        except OSError as error:
            raise ModelUnavailable(
                f"{sys.executable} cannot be started ({error.strerror}): check that it exists and is executable."
            ) from error

    async def load(self, spec: EngineSpec, timeout: float) -> Running:
        """Wait until it answers. Raises ModelMisconfigured for files it refuses, else ModelUnavailable."""
        key = secrets.token_urlsafe(24)
        # The kernel watches the thread that started the child, so the request is right for the main thread only.
        guarded = threading.current_thread() is threading.main_thread()
        files = {"gguf": str(spec.gguf), "mmproj": str(spec.mmproj or "")}
        told = {**spec.options, **files, "key": key, "parent": os.getpid(), "guarded": guarded}
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the engine was started without pipes")
        try:
            async with asyncio.timeout(timeout):
                with contextlib.suppress(ConnectionError):  # it died: its silence says so below
                    stdin.write(json.dumps(told).encode() + b"\n")
                    await stdin.drain()
                line = await stdout.readline()
                if not line:
                    await self._process.wait()
        except TimeoutError:
            raise ModelUnavailable(
                f"{spec.gguf} was not loaded within {timeout:g} s: choose a smaller file, or raise "
                "ANDON_MODEL_COLD_DEADLINE."
            ) from None
        if not line:
            await self._log_is_read()
            if -(self._process.returncode or 0) in FAULTS:  # at every start again, whatever the question
                raise ModelMisconfigured(refusal(spec, f"it crashed, {self.obituary}"))
            raise ModelUnavailable(f"The engine ended while loading {spec.gguf} ({self.obituary}).")
        answer = json.loads(line)  # our own child's: no other program writes there
        if "error" in answer:
            await self._log_is_read()
            # A cause comes first, its consequences follow.
            raise ModelMisconfigured(refusal(spec, next(iter(self._complaints), str(answer["error"]))))
        self._loaded = True
        return Running(answer["url"], key, self.pid, answer.get("memory"))

    async def ended(self) -> None:
        """Wait until it has ended, with its last words read."""
        await self._process.wait()
        await self._log_is_read()

    @property
    def obituary(self) -> str:
        """How it ended, for people: its signal or status, and what it cried out."""
        status = self._process.returncode
        if status is None:
            return "it runs"
        how = f"signal {signal_name(-status)}" if status < 0 else f"exit status {status}"
        if status == -signal.SIGKILL:
            how += "; the system does this when memory runs out"
        return f"{how}; {self._outcries[0]}" if self._outcries else how

    def kill(self) -> None:
        """End it at once, whatever it does; :meth:`ended` tells when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """Close its pipe, after GRACE seconds SIGKILL; returns when it is gone. Idempotent."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await self._process.wait()
        finally:
            # Cancelled or not: nothing of it may stay.
            if self._process.returncode is None:
                self.kill()
                await self._process.wait()
            await self._log_is_read()
            self._drain_task.cancel()

    async def _log_is_read(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await asyncio.shield(self._drain_task)

    async def _drain(self) -> None:
        async for line in lines_of(self._process.stderr, MAX_LOG_LINE):
            self._log(line)

    def _log(self, raw: bytes) -> None:
        line = raw[:MAX_LOG_LINE].decode("utf-8", "replace").strip()
        match = _LOG_LINE.match(line)
        level, text = (match[1], match[2].strip()) if match else ("", line)
        if not text:
            return
        if level == "E":
            self._complaints.append(text)
        elif not level:
            self._outcries.append(text)
        since, count = self._window
        if time.monotonic() - since > 60:
            if count > LINES_A_MINUTE:
                log.warning("engine log truncated", lines=count - LINES_A_MINUTE)
            since, count = time.monotonic(), 0
        self._window = (since, count + 1)
        if count < LINES_A_MINUTE:
            # A file that is refused makes ten of them, and one sentence of ours.
            (log.debug if level in ("W", "I", "D") or not self._loaded else log.warning)("engine log", text=text)


def readable(spec: EngineSpec) -> None:
    """Look at the files before a process is started for them. Blocks shortly. Raises ModelMisconfigured."""
    for setting, path in (("ANDON_GGUF", spec.gguf), ("ANDON_MMPROJ", spec.mmproj)):
        if path is None:
            continue
        try:
            with path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise ModelMisconfigured(
                f"{setting} is {path}, which cannot be read ({error.strerror}): set the path of a GGUF file."
            ) from None
        if magic != b"GGUF":
            raise ModelMisconfigured(
                f"{setting} is {path}, which is not a GGUF file: set a GGUF file, or download it again."
            )


def digest_of(spec: EngineSpec) -> str:
    """SHA-256 of the model file, as hex digits; blocks for as long as reading it takes. Raises ModelMisconfigured."""
    try:
        state = spec.gguf.stat()
        return _digest(spec.gguf, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise ModelMisconfigured(
            f"ANDON_GGUF is {spec.gguf}, which cannot be read ({error.strerror}): set the path of a GGUF file."
        ) from None


@functools.lru_cache(maxsize=8)
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refusal(spec: EngineSpec, reason: str) -> str:
    """One sentence for files that look like GGUF and that the engine cannot load all the same."""
    reason = re.sub(r"/\S*/(?=[\w.-]+:\d)", "", reason)  # where its authors built it
    for path in (spec.gguf, spec.mmproj):  # the sentence names the file already
        reason = reason.replace(f" from {path}", "").replace(str(path), path.name if path else "")
    reason = re.sub(r"\A(?:\w+: )*(?:error(?: loading model)?: )?", "", reason).strip(" .")
    if spec.mmproj is None:
        return (
            f"The engine cannot load {spec.gguf} ({reason}): download the file again, or set ANDON_GGUF to another one."
        )
    return (
        f"The engine cannot load {spec.gguf} with {spec.mmproj} ({reason}): download the files again, or correct "
        "ANDON_GGUF or ANDON_MMPROJ."
    )


def signal_name(number: int) -> str:
    """``11`` → ``SIGSEGV``; the number itself where the system has no name for it."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


async def _spawn() -> asyncio.subprocess.Process:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ENVIRONMENT or name.startswith(PASSED_PREFIXES)
    }
    environment["GGML_NO_BACKTRACE"] = "1"  # it would start a debugger to print its stack
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # the directory of the script is no place to import from
        str(CHILD),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours
        env=environment,
    )
