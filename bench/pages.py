"""The page on ten million logs: how soon the first byte of each screen is there, beside that of ``/healthz``.

A real service answers over HTTP. Every round asks for each screen and for the yardstick once, so that what the machine
does meanwhile meets all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import math
import os
import sqlite3
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.page_file import page_file
from bench.rows import Row, in_turn
from bench.service_figures import start_service, stop_service

ROWS, QUICK_ROWS = 10_000_000, 300_000
ROUNDS, QUICK_ROUNDS = 15, 5
#: Milliseconds until the first byte that a screen may take.
AIM = 150.0
YARDSTICK = "/healthz"
SCREENS = ("/", "/journal", "/problems/{problem}", "/figures", "/shift", "/ask", "/actions", "/system")


async def measure(*, quick: bool, rows: int | None = None, fresh: bool = False) -> list[Row]:
    """Print milliseconds to the first byte of every screen, and how many times those of the yardstick that is."""
    wanted = rows or (QUICK_ROWS if quick else ROWS)
    print(f"\npage: {wanted:,} logs; the file is made once in some minutes, and again when it is old", flush=True)
    path, count, seconds, cpu = await page_file(wanted, fresh=fresh)
    made = f"made in {seconds:.0f} s ({cpu:.0f} s of them worked)" if seconds else "made before"
    print(f"  {count:,} logs over 90 days, {path.stat().st_size / 2**30:.1f} GiB, {made}", flush=True)
    return await asyncio.to_thread(_measured, path, QUICK_ROUNDS if quick else ROUNDS)


def _measured(database: Path, rounds: int) -> list[Row]:
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as sql:
        (problem,) = sql.execute("SELECT id FROM patterns ORDER BY count DESC LIMIT 1").fetchone()
    asked = [YARDSTICK, *(one.format(problem=problem) for one in SCREENS)]
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        process, ports, _ = start_service(Path(place), DB_PATH=str(database), PROVIDER="PLAYBOOK")
        try:
            taken: dict[str, list[float]] = defaultdict(list)
            status: dict[str, int] = {}
            worked: dict[str, list[float]] = defaultdict(list)
            for _ in range(rounds):
                for one in asked:
                    before = _worked(process.pid)
                    milliseconds, status[one] = first_byte(ports[1], one)
                    taken[one].append(milliseconds)
                    worked[one].append(_worked(process.pid) - before)
        finally:
            stop_service(process)
    yardstick = statistics.median(taken[YARDSTICK])
    print(
        f"\n  first byte, {rounds} rounds, aim {AIM:.0f} ms"
        f"{'first':>14}{'least':>8}{'median':>8}{'p95':>8}{'CPU':>8}   × {YARDSTICK}"
    )
    for one, times in taken.items():
        ordered = sorted(times)
        high, middle = ordered[math.ceil(0.95 * len(ordered)) - 1], statistics.median(times)
        mark = "  over" if middle > AIM else ""
        said = "" if status[one] == 200 else f"  answers {status[one]}"
        print(
            f"    {one:<36}{times[0]:>10.1f}{ordered[0]:>8.1f}{middle:>8.1f}{high:>8.1f}"
            f"{statistics.fmean(worked[one]):>8.1f} ms {middle / yardstick:>6.1f}{mark}{said}"
        )
    beside = taken.pop(YARDSTICK)
    return [
        Row(f"page: {one}", unit="ms", yardstick=YARDSTICK, goal=f"<= {AIM:.0f}", **in_turn(times, beside))
        for one, times in taken.items()
        if status[one] == 200
    ]


def _worked(pid: int) -> float:
    """Milliseconds that a process has worked so far, to a tick of the kernel: its mean over many rounds is to be read.

    On a machine that does other things it says more than how long an answer took. 0 where no ``/proc`` tells it.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def first_byte(port: int, path: str) -> tuple[float, int]:
    """Milliseconds from the question until the answer's first byte, over a connection of its own; the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.connect()
        started = time.perf_counter()
        connection.request("GET", path, headers={"Accept": "text/html"})
        answer = connection.getresponse()
        milliseconds = (time.perf_counter() - started) * 1000
        answer.read()
        return milliseconds, answer.status
    finally:
        connection.close()
