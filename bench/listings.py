"""What every listing of the terminal costs on ten million logs, to its first line and beyond what ``--help`` costs.

A listing is run as a person runs it, in a process of its own. Seconds are those of the processor until the command has
printed its first line; what it would have printed after that is not read. ``andon --help`` takes turns with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from bench.page_file import page_file
from bench.rows import Row

ROWS, QUICK_ROWS = 10_000_000, 300_000
ROUNDS, QUICK_ROUNDS = 3, 2
#: CPU seconds that a listing may take to its first line beyond ``andon --help``.
AIM = 0.3
HELP = ("--help",)
#: The words behind ``andon``: ``{most}`` the most frequent problem, ``{least}`` the rarest, ``{log}`` the newest log.
LISTINGS: tuple[tuple[str, ...], ...] = (
    ("logs",),
    ("logs", "--oldest"),
    ("logs", "--json"),
    ("logs", "--since", "8h"),
    ("logs", "--since", "30d", "--until", "7d"),
    ("logs", "--severity", "CRITICAL"),
    ("logs", "--severity", "ERROR", "--since", "30d"),
    ("logs", "--severity", "WARNING"),
    ("logs", "--service", "oven-ctl"),
    ("logs", "--host", "plc-01-00"),
    ("logs", "--host", "plc-*"),
    ("logs", "--site", "hamburg"),
    ("logs", "--area", "paint"),
    ("logs", "--line", "line-3"),
    ("logs", "--machine", "machine-07"),
    ("logs", "--pattern", "{most}"),
    ("logs", "--pattern", "{least}"),
    ("logs", "--pattern", "{most}", "--oldest", "--since", "30d"),
    ("logs", "--text", "overcurrent"),
    ("logs", "--text", '"axis servo" overcurrent'),
    ("logs", "--text", '"overcurrent servo"'),
    ("logs", "--text", "nosuchword"),
    ("logs", "--text", "overcurrent", "--since", "30d", "--until", "20d"),
    ("logs", "--field", "firmware=2.1.4"),
    ("logs", "--field", "operator=op07", "--line", "line-3"),
    ("logs", "--field", "firmware=9.9.9"),
    ("logs", "--severity", "CRITICAL", "--host", "plc-01-00", "--text", "interlock"),
    ("show", "{log}"),
    ("patterns",),
    *(("patterns", "--sort", order) for order in ("count", "rate", "first", "severity")),
    ("patterns", "--new", "7d"),
    ("patterns", "show", "{most}"),
    ("patterns", "show", "{least}"),
    ("queue",),
    ("queue", "--failed"),
    ("trends",),
    ("trends", "--since", "7d"),
    ("trends", "--since", "30d"),
    ("trends", "--line", "line-3"),
    ("trends", "--host", "plc-*"),
    ("alarms",),
    ("alarms", "--since", "7d"),
    ("alarms", "--since", "30d"),
    *(("alarms", f"--{which}") for which in ("active", "stale", "shelved", "all", "chattering", "floods")),
    ("rejects",),
    ("rejects", "list", "--all"),
    ("sources",),
    ("report", "--shift"),
    ("report", "--last"),
    ("report", "--since", "24h"),
    ("report", "--since", "7d"),
    ("diff", "{most}"),
    ("diff", "{least}"),
    ("diff", "--since", "24h"),
    ("retention",),
    ("retention", "--dry-run"),
    ("actions",),
    ("actions", "list", "--all"),
    ("export",),
    ("export", "--since", "8h", "--format", "csv"),
    ("export", "--text", "overcurrent"),
    ("user", "list"),
    ("token", "list"),
)


class Taken(NamedTuple):
    """To its first line: seconds of the processor and of the clock; and that line."""

    cpu: float
    clock: float
    line: str


async def measure(*, quick: bool, rows: int | None = None, fresh: bool = False) -> list[Row]:
    """Print CPU and clock seconds of every listing beyond those of ``andon --help``, the least of some rounds."""
    wanted = rows or (QUICK_ROWS if quick else ROWS)
    print(f"\nlistings: {wanted:,} logs; the file is made once in some minutes, and again when it is old", flush=True)
    path, count, _, _ = await page_file(wanted, fresh=fresh)
    return await asyncio.to_thread(_measured, path, count, QUICK_ROUNDS if quick else ROUNDS)


def _measured(database: Path, count: int, rounds: int) -> list[Row]:
    asked = listings(database)
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        run(HELP, database, Path(place))  # what is compiled and read from the disk once
        taken: dict[tuple[str, ...], list[Taken]] = defaultdict(list)
        python = []
        for _ in range(rounds):
            python.append(_bare())
            for one in (HELP, *asked):
                taken[one].append(run(one, database, Path(place)))
    least = {one: Taken(min(x.cpu for x in all_), min(x.clock for x in all_), "") for one, all_ in taken.items()}
    bare = least[HELP]
    help_ = bare.cpu - min(python)
    print(f"  {count:,} logs, {rounds} rounds, the least of each; andon --help: {help_:.2f} CPU s beyond bare Python")
    print(f"\n  {'beyond andon --help, to the first line':<70}CPU s  clock s")
    over = []
    for one in asked:
        beyond = least[one].cpu - bare.cpu
        over += [one] if beyond > AIM else []
        mark = "  over" if beyond > AIM else ""
        print(f"    {' '.join(one):<68}{beyond:5.2f}  {least[one].clock - bare.clock:7.2f}{mark}", flush=True)
    print(f"    {len(asked) - len(over)} of {len(asked)} within {AIM} s")
    worst = max(asked, key=lambda one: least[one].cpu)
    note = f"andon {' '.join(worst)} of {len(asked)}"
    return [
        Row("help: CPU", help_, "CPU s", rounds=rounds, note="the lowest of the rounds"),
        Row("listings: worst", least[worst].cpu - bare.cpu, "CPU s", rounds=rounds, note=note),
    ]


def _bare() -> float:
    """CPU seconds of Python that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def listings(database: Path) -> list[tuple[str, ...]]:
    """What is asked of this database."""
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as sql:
        order = "SELECT id FROM patterns WHERE count > 0 ORDER BY count"
        (least,), (most,) = sql.execute(order).fetchone(), sql.execute(f"{order} DESC").fetchone()
        (newest,) = sql.execute("SELECT max(id) FROM logs").fetchone()
    return [tuple(word.format(most=most, least=least, log=newest) for word in one) for one in LISTINGS]


def run(words: tuple[str, ...], database: Path, place: Path) -> Taken:
    """``andon`` with these words until its first line. Raises RuntimeError where there is none, or it fails."""
    environment = {
        **os.environ,
        "DB_PATH": str(database),
        "ANDON_DATA_DIR": str(place / "data"),
        "PROVIDER": "PLAYBOOK",
        "ANDON_FALLBACK": "",
        "NATS_URL": "nats://127.0.0.1:9",
    }
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "andon", *words],
        env=environment,
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        line = process.stdout.readline()
        while line == b"\n":
            line = process.stdout.readline()
        clock = time.perf_counter() - started
        process.stdout.close()  # what else it has to say nobody reads
        said = b"" if line else process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if not line:
        raise RuntimeError(f"andon {' '.join(words)} printed nothing, and ended with {process.returncode}: {said!r}")
    return Taken(used.ru_utime + used.ru_stime, clock, line.decode(errors="replace").rstrip())
