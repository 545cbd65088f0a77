"""The engine's own process: llama.cpp's HTTP server on a loopback port, for one model file.

Run as a script by :mod:`engine_process`, because a crash in native code must not take the service with it.
Imports the standard library and xllamacpp only, so that it starts at once.

One line of JSON on standard input says what to load (the files and options of :class:`EngineSpec`, and the key that
requests must present); one line of JSON on standard output answers ``{"url": …}`` or ``{"error": …}``. The process ends
when its standard input is closed: whoever started it holds the other end, and dies with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1  # linux/prctl.h
ORPHANED = 127
FAILED = 3
#: llama.cpp's scale: 1 errors, 2 warnings, 3 what it does.
VERBOSITY = 2
#: Recording goes before explaining where both want the processor.
NICENESS = 5
#: Where memory runs out, the kernel is to take this process and not the service.
OOM_SCORE = "600"


def die_with(parent: int) -> bool:
    """Ask the kernel (Linux) to kill us when the parent dies; False where it is dead already.

    The closed pipe says so too, but nobody reads it while native code loads a model.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    return os.getppid() == parent


def stand_back() -> None:
    """Let others go first: in the queue for the processor, and last when memory is short."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int | None:
    """Resident memory of this process in bytes, None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def parameters(spec: dict[str, Any]) -> Any:
    """llama.cpp's parameters for ``spec``."""
    import xllamacpp  # type: ignore[import-untyped]

    params = xllamacpp.CommonParams()
    params.model.path = spec["gguf"]
    if spec["mmproj"]:
        params.mmproj.path = spec["mmproj"]
    params.n_parallel = spec["n_parallel"]
    params.n_ctx = spec["n_ctx"]
    # One processor stays free, for reading a question too: its threads wait for one another by spinning, so that one
    # more of them than there are free processors made it ten times slower (measured with two busy neighbours).
    threads = spec["n_threads"] or max(1, processors() - 1)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    if all(
        device["type"] == xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
        for device in xllamacpp.get_device_info()
    ):
        # On processors it costs a fifth more time at the length of our questions.
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.api_keys = [spec["key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.verbosity = VERBOSITY
    # Its defaults are for a workstation: up to 8 GiB for prompts of earlier talks, and snapshots beside them. The
    # beginning that our questions share stays in the slot all the same.
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    # A model that looks back a short way only (Gemma) can go back to the end of that beginning by a snapshot of it: two
    # are the least that hold it, with one it reads everything anew.
    params.n_ctx_checkpoints = 2
    return params


def serve(spec: dict[str, Any], answer: int) -> int:
    """Load the model, tell where it listens, and stay until standard input is closed; the exit status."""
    try:
        import xllamacpp

        server = xllamacpp.Server(parameters(spec))
    except ImportError as error:
        tell(answer, {"error": f"xllamacpp cannot be imported ({error})"})
        return FAILED
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        tell(answer, {"error": " ".join(str(error).split()) or type(error).__name__})
        return FAILED
    tell(answer, {"url": server.listening_address, "memory": memory()})
    while os.read(0, 4096):
        pass
    # The engine keeps nothing that has to be saved, and its own tidying may wait for a batch to end.
    os._exit(0)


def tell(answer: int, message: dict[str, Any]) -> None:
    """Write ``message`` as a line to the descriptor ``answer``."""
    os.write(answer, json.dumps(message).encode() + b"\n")


def main() -> int:
    """Entry point; see the module's text."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A service manager tells the whole group to stop; the service ends this process when its questions are done.
        signal.signal(number, signal.SIG_IGN)
    # Whatever a library prints must not stand between the lines that the parent reads.
    answer = os.dup(1)
    os.dup2(2, 1)
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return ORPHANED
        line += piece
    spec = json.loads(line)
    if spec["guarded"] and not die_with(spec["parent"]):
        return ORPHANED
    stand_back()
    return serve(spec, answer)


if __name__ == "__main__":
    sys.exit(main())
