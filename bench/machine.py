"""On what a run was measured: what must stand beside every figure of it."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import tempfile
import time
from importlib import metadata
from pathlib import Path

import msgspec

from andon.bus.embedded.binary import find_binary

ROOT = Path(__file__).resolve().parent.parent


class Machine(msgspec.Struct, frozen=True):
    """The machine, what runs on it, and how busy it was (1-minute loads) before and after."""

    day: str
    revision: str
    cores: int
    model: str
    memory_mib: int
    disk: str
    system: str
    python: str
    sqlite: str
    nats_server: str
    nats_py: str
    load_before: float
    load_after: float


def look() -> Machine:
    """The machine now; both loads are that of this moment. What cannot be found out is ``unknown``, or 0."""
    load = round(os.getloadavg()[0], 2)
    return Machine(
        day=time.strftime("%Y-%m-%d", time.gmtime()),
        revision=_revision(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        model=_value("/proc/cpuinfo", "model name") or platform.machine(),
        memory_mib=int((_value("/proc/meminfo", "MemTotal") or "0").split()[0]) // 1024,
        disk=_file_system(Path(tempfile.gettempdir())),  # where measurements write
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        nats_server=_said(find_binary()),
        nats_py=metadata.version("nats-py"),
        load_before=load,
        load_after=load,
    )


def later(before: Machine) -> Machine:
    """The same machine with the load of now as the one after."""
    return msgspec.structs.replace(before, load_after=round(os.getloadavg()[0], 2))


def _value(path: str, name: str) -> str:
    """The first value called ``name`` in a file of ``/proc``; "" where there is none."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _said(program: Path) -> str:
    """What a program says of its version, without the program's name."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return said.strip().rpartition(" ")[2] or "unknown"


def _revision() -> str:
    """The commit, with ``+`` where files differ from it; ``unknown`` outside a checkout."""
    try:
        git = ["git", "-C", str(ROOT)]
        asked = [
            subprocess.run([*git, *what], capture_output=True, text=True, check=True).stdout.strip()
            for what in (["rev-parse", "--short=10", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return asked[0] + ("+" if asked[1] else "")


def _file_system(place: Path) -> str:
    """The kind of file system that ``place`` lies on."""
    found, kind = "", "unknown"
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return kind
    for line in mounts:
        _, where, what, *_ = line.split(" ")
        if place.is_relative_to(where) and len(where) >= len(found):
            found, kind = where, what
    return kind
