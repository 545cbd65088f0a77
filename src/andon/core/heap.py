"""Memory that was needed for a moment goes back to the system: how this process asks for it."""

from __future__ import annotations

import ctypes
import sys

#: Bytes from which on a block is a mapping of its own, which is gone once it is freed.
OWN_MAPPING = 128 * 1024
#: Bytes of free memory behind the last block in use that are kept.
_KEPT = 256 * 1024
#: A box with many cores would else get an arena for each of its threads, each as large as that thread's largest moment.
_ARENAS = 2
#: Of glibc's ``malloc.h``.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def keep_small() -> bool:
    """Let large blocks come and go without a trace, from now on; whether this system's library can.

    glibc raises the size from which a block is mapped by itself with each such block that is freed, up to 32 MiB: after
    a few logs with contexts of 900 KB such blocks lie in the heap, whose holes nothing else fills. A size that is set
    stays. Called once, at the start of a process, before other threads are.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl gives large blocks back by itself
        return False
    wanted = ((_M_MMAP_THRESHOLD, OWN_MAPPING), (_M_TRIM_THRESHOLD, _KEPT), (_M_ARENA_MAX, _ARENAS))
    return all(bool(mallopt(name, value)) for name, value in wanted)
