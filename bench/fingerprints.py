"""Grouping beside drain3 with generic masks in the same run, and what one hostile line of 64 KB costs.

Lines are the labelled ones of ``../shared/data/loghub`` where that is there, made-up ones otherwise. drain3 is not a
dependency: it is used when this interpreter has it, else from a virtual environment under a temporary directory.
"""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from andon.grouping.evaluation import GroupingMethod

ROOT = Path(__file__).resolve().parent.parent
LABELLED = ROOT.parent / "shared" / "data" / "loghub"
YARDSTICK = Path(__file__).with_name("drain_yardstick.py")
HOSTILE_SIZE = 65_536
#: Pieces that, repeated, make naive expressions backtrack.
HOSTILE = (
    *("a", "a.", "1:", "7", "deadbeef", "a1", "/a", "(", "a@", ".-", " ", "\n", "_", "a_", "a-", "abcd-", "ab:", "::"),
    *("\\", "C:\\a", "\\n", "error 1 ", "E1234 ", "[", '"', "a=1 ", "Jan 1 ", "2025-01-01 ", "<*>", "<", "\0", "😀"),
    *("\ud800", "٣", "٣a ", " ---> ", "\n\tat a.b(c)", "Traceback (most recent call last)\n", "http://", "AB-1 "),
    *("轴3", "１【", "GET /a?b=1 ", "-1 ", "failed (-1", "W#16#8 ", "\n#0 ", "\n  at a", "a++-b"),
    *("0.0 ", "=false ", "abc 1 1:1:1 ", "0x", "2025-01-01 10:00:00 [a] ", "x.y/"),
)


async def measure(*, quick: bool) -> None:
    """Print lines per CPU second of both, their ratio, and the slowest hostile line."""
    systems, origin = lines(quick)
    rounds = 3 if quick else 5
    ours: list[float] = []
    theirs: list[float] = []
    groups = drain_groups = 0
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        python, reason = await asyncio.to_thread(python_with_drain3, Path(place))
        for _ in range(rounds):  # interleaved: the machines are shared and noisy
            seconds, groups = group(systems)
            ours.append(seconds)
            if python is not None:
                seconds, drain_groups = await asyncio.to_thread(drain, python, systems, Path(place))
                theirs.append(seconds)
    count = sum(map(len, systems))
    speed = count / statistics.median(ours)
    print(f"\nfingerprints: {count:,} {origin} lines of {len(systems)} systems, CPU time, median of {rounds} rounds")
    print(f"  andon                 {speed:>10,.0f} lines/s   {groups} groups")
    if theirs:
        other = count / statistics.median(theirs)
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        print(f"  drain3 + 12 masks     {other:>10,.0f} lines/s   {drain_groups} groups")
        spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
        print(f"  andon / drain3        {statistics.median(ratios):>10.1f} x         {spread}")
    else:
        print(f"  drain3 was not measured: {reason}")
    worst, piece = hostile(1 if quick else 3)
    print(f"  hostile lines of {HOSTILE_SIZE:,} characters: {worst * 1000:.2f} ms at worst, {piece[:20]!r} repeated")


def lines(quick: bool) -> tuple[list[list[str]], str]:
    """Lines by system, and what they are called."""
    paths = sorted(LABELLED.glob("*.csv"))
    if not paths:
        return [made_up(2_000, seed) for seed in range(3 if quick else 8)], "made-up"
    systems = []
    for path in paths:
        with path.open(encoding="utf-8-sig", newline="") as file:
            systems.append([row["Content"] for row in csv.DictReader(file)])
    return systems, "labelled"


def made_up(count: int, seed: int) -> list[str]:
    """Lines of a system of made-up words: 60 problems, some far more frequent than others, with varying values.

    Most values are numbers, as in real logs; a line with a varying word or hexadecimal number is in no cache.
    """
    dice = random.Random(seed)
    words = ["".join(dice.choice("bdfklmnprstv") + dice.choice("aeiou") for _ in range(3)) for _ in range(300)]
    values = (
        lambda: str(dice.randrange(100_000)),
        lambda: f"{dice.randrange(9000) / 10} ms",
        lambda: f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}:{dice.randrange(60_000)}",
        lambda: f"blk_{dice.randrange(10**15)}",
        lambda: f"/var/{dice.choice(words)}/{dice.randrange(1000)}.dat",
        lambda: f"0x{dice.randrange(2**32):08x}",
    )
    shares = (6, 2, 2, 1, 1, 1)
    shapes = [
        [
            dice.choice(words) if dice.random() < 0.7 else dice.choices(values, shares)[0]
            for _ in range(dice.randrange(5, 12))
        ]
        for _ in range(60)
    ]
    weights = [1 / (rank + 1) for rank in range(len(shapes))]
    return [
        " ".join(part if isinstance(part, str) else part() for part in shape)
        for shape in dice.choices(shapes, weights, k=count)
    ]


def group(systems: list[list[str]]) -> tuple[float, int]:
    """CPU seconds and groups of the production path: fingerprints and late merging, from nothing for each system."""
    seconds, groups = 0.0, 0
    for system in systems:
        method = GroupingMethod()
        started = time.process_time()
        answers = [method(line) for line in system]
        seconds += time.process_time() - started
        groups += len({method.final(answer) for answer in answers})
    return seconds, groups


def hostile(rounds: int) -> tuple[float, str]:
    """The worst seconds of one hostile line for a fresh method, and what it repeats; the best of ``rounds`` each."""
    worst, which = 0.0, ""
    for piece in HOSTILE:
        text = (piece * (HOSTILE_SIZE // len(piece) + 1))[:HOSTILE_SIZE]
        taken = []
        for _ in range(rounds):
            method = GroupingMethod()
            started = time.perf_counter()
            method(text)
            taken.append(time.perf_counter() - started)
        if min(taken) > worst:
            worst, which = min(taken), piece
    return worst, which


def python_with_drain3(place: Path) -> tuple[str | None, str]:
    """An interpreter that can import drain3, made in ``place`` where needed; None and the reason where none can be."""
    if importlib.util.find_spec("drain3") is not None:
        return sys.executable, ""
    home = place / "drain3"
    steps = (
        [sys.executable, "-m", "venv", str(home)],
        [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "drain3"],
    )
    for step in steps:
        try:
            subprocess.run(step, check=True, capture_output=True, timeout=180)
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
            return None, f"it cannot be installed in a virtual environment ({said[-1][:200]})"
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, f"it cannot be installed in a virtual environment ({error})"
    return str(home / "bin" / "python"), ""


def drain(python: str, systems: list[list[str]], place: Path) -> tuple[float, int]:
    """CPU seconds and groups of the yardstick."""
    given = place / "lines.json"
    given.write_text(json.dumps(systems), encoding="utf-8")
    done = subprocess.run([python, str(YARDSTICK), str(given)], check=True, capture_output=True, timeout=300)
    answer = json.loads(done.stdout)
    return float(answer["seconds"]), int(answer["groups"])
