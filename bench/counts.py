"""What a log costs, counted instead of timed: ``python -m bench counts``. It fails where a count grew by a tenth.

Counted are statements, bytes written to the log of the database and bytes in its file, blocks and bytes of memory, and
under cachegrind the instructions of decoding, fingerprinting and storing, and those of indexing; then the calls of an
answer of the built-in rules, and the modules that a command imports. None depends on how busy the machine is.
``bench/counts.json`` holds what they were, by what each depends on. ``--renew`` writes it, on purpose.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from bench.counts_work import BATCH, COUNTED, FIRST
from bench.record_path import messages

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
BASELINE = Path(__file__).with_name("counts.json")
#: By which share a count may grow until this fails, and shrink until the baseline is to be tightened.
ALLOWED = 0.10
#: Seconds after which a counting program hangs; under cachegrind it takes ten on a free machine.
PATIENCE = 600
EVERYWHERE = "everywhere"
RENEW = "`make bench-baseline`"
MISSING = "valgrind is not installed (on Debian: apt install valgrind)"

Baseline = Mapping[str, Mapping[str, float]]


class Count(NamedTuple):
    """What is counted, of what, and what else changes it: of ``python``, ``sqlite``, ``machine``."""

    name: str
    of: str
    depends: tuple[str, ...] = ()


COUNTS = (
    Count("record: statements", "a log"),
    Count("record: bytes written", "a log", ("sqlite",)),
    Count("record: blocks", "a log", ("python",)),
    Count("record: peak bytes", "a log", ("python",)),
    Count("record: instructions", "a log", ("python", "sqlite", "machine")),
    Count("index: statements", "a log", ("sqlite",)),
    Count("index: bytes written", "a log", ("sqlite",)),
    Count("index: instructions", "a log", ("python", "sqlite", "machine")),
    Count("file: bytes", "a log", ("sqlite",)),
    Count("playbook: calls", "an answer", ("python",)),
    Count("andon version: modules", "a start", ("python",)),
)


class CountError(Exception):
    """Why nothing could be counted, with what the counting program said."""


class Verdict(NamedTuple):
    """A count beside its baseline, None where there is none under its ``key``."""

    count_of: Count
    value: float
    key: str
    baseline: float | None

    @property
    def change(self) -> float | None:
        """0.1 where it grew by a tenth."""
        return None if self.baseline is None else self.value / self.baseline - 1

    @property
    def worse(self) -> bool:
        """Whether the gate closes."""
        return self.change is not None and self.change > ALLOWED

    @property
    def better(self) -> bool:
        """Whether the baseline has become too wide to notice anything."""
        return self.change is not None and self.change < -ALLOWED


def main(arguments: Sequence[str]) -> int:
    """Count, print, write where asked; 1 where something grew too much, 2 where it cannot be counted."""
    parser = argparse.ArgumentParser(prog="bench counts", description=__doc__)
    parser.add_argument("--renew", action="store_true", help="take what is counted now for the baseline")
    options = parser.parse_args(arguments)
    try:
        found, untold = count()
    except CountError as error:
        print(f"bench counts: {error}", file=sys.stderr)
        return 2
    here = environment()
    baseline: Baseline = json.loads(BASELINE.read_text())
    print(f"counts: {COUNTED:,} messages in batches of {BATCH} after {FIRST:,} others; {', '.join(here.values())}")
    if options.renew:
        baseline = renewed(found, baseline, here)
        BASELINE.write_text(json.dumps(baseline, indent=2) + "\n")
        print(f"  {BASELINE.relative_to(ROOT)} is written: commit it with the reason")
    verdicts = judged(found, baseline, here)
    for line in told(verdicts, untold):
        print(line)
    return int(any(one.worse for one in verdicts))


def environment() -> dict[str, str]:
    """What counts may depend on, here."""
    return {
        "python": f"{platform.python_implementation()} {'.'.join(platform.python_version_tuple()[:2])}",
        "sqlite": f"SQLite {sqlite3.sqlite_version}",
        "machine": platform.machine(),
    }


def count(source: Path = SOURCE) -> tuple[dict[str, float], str]:
    """What was counted by name of the package in ``source``, and why instructions were not, "" where they were.

    Raises CountError.
    """
    with tempfile.TemporaryDirectory(prefix="andon-counts-") as place:
        empty, given = Path(place) / "empty.db", Path(place) / "messages.jsonl"
        given.write_bytes(b"\n".join(messages(FIRST + COUNTED, 1)))
        _run(_work("prepare", empty, given), source)
        with ThreadPoolExecutor() as both:  # the imports under cachegrind are most of the time, and leave a core free
            plain = both.submit(_run, _work("counts", empty, given), source)
            under_cachegrind = both.submit(_instructions, empty, given, source)
            found: dict[str, float] = json.loads(plain.result()) | under_cachegrind.result()
    if nothing := [name for name, value in found.items() if value <= 0]:
        raise CountError(f"{nothing[0]} came to nothing: what is counted is not what does the work any more")
    return found, "" if shutil.which("valgrind") else MISSING


def _work(kind: str, empty: Path, given: Path) -> list[str]:
    return [sys.executable, "-m", "bench.counts_work", kind, str(empty), str(given)]


def _instructions(empty: Path, given: Path, source: Path) -> dict[str, float]:
    """Those for a log; empty without valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return {}
    files = empty.with_name("cachegrind")
    cachegrind = [valgrind, "-q", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={files}.%p"]
    children = json.loads(_run([*cachegrind, *_work("instructions", empty, given)], source))
    return instructions({name: _summary(Path(f"{files}.{child}").read_text()) for name, child in children.items()})


def instructions(summaries: Mapping[str, int]) -> dict[str, float]:
    """For a log, from what whole processes took: what they took before and while caches were filled is subtracted."""
    record = summaries["all"] - summaries["first"]
    both = summaries["all indexed"] - summaries["first indexed"]
    return {"record: instructions": record / COUNTED, "index: instructions": (both - record) / COUNTED}


def _summary(written: str) -> int:
    found = re.search(r"^summary: (\d+)", written, re.MULTILINE)
    if found is None:
        raise CountError("cachegrind wrote no summary")
    return int(found[1])


def _run(command: Sequence[str], source: Path) -> str:
    """The last line of a counting program over the package in ``source``. Raises CountError where it failed."""
    path, name = os.pathsep.join([str(source), str(ROOT)]), " ".join(command[-5:-2])
    # what was compiled is kept, as in `make test`: compiling it anew takes longer than all that is counted
    variables = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise CountError(f"{name} did not end within {PATIENCE} s") from None
    if done.returncode:
        raise CountError(f"{name} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip().rpartition("\n")[2]  # the store tells what it did before that


def key_of(one: Count, here: Mapping[str, str]) -> str:
    """Under which key of the baseline a count of ``here`` stands."""
    return " ".join(here[name] for name in one.depends) or EVERYWHERE


def judged(found: Mapping[str, float], baseline: Baseline, here: Mapping[str, str]) -> list[Verdict]:
    """What was counted beside what it was."""
    verdicts = []
    for one in COUNTS:
        if one.name in found:
            key = key_of(one, here)
            verdicts.append(Verdict(one, found[one.name], key, baseline.get(one.name, {}).get(key)))
    return verdicts


def renewed(found: Mapping[str, float], baseline: Baseline, here: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """The baseline with what was counted here; what stands there of other environments stays."""
    fresh = {}
    for one in COUNTS:
        fresh[one.name] = dict(baseline.get(one.name, {}))
        if one.name in found:
            fresh[one.name][key_of(one, here)] = float(f"{found[one.name]:.6g}")
    return fresh


def told(verdicts: Sequence[Verdict], untold: str) -> list[str]:
    """A line for each count, then what is to be done, if anything."""
    lines, sentences = [], []
    where = BASELINE.relative_to(ROOT)
    for one in verdicts:
        change = "no baseline" if one.change is None else f"{one.change:+.1%}"
        lines.append(f"  {one.count_of.name:<24}{one.value:>12,.2f} {one.count_of.of:<10}{change:>12}")
        what = f"{one.count_of.name}, {one.value:,.2f} for {one.count_of.of},"
        if one.worse:
            sentences.append(
                f"{what} is {one.change:.0%} more than the {one.baseline:,.2f} in {where}. Take "
                f"out what was added on this path; where it must be, run {RENEW} and commit the file with the reason."
            )
        if one.better:
            sentences.append(
                f"{what} is {-(one.change or 0):.0%} less than the {one.baseline:,.2f} in {where}. "
                f"Run {RENEW} and commit it, so that the gain is kept."
            )
        if one.baseline is None:
            sentences.append(f"{what} is NOT HELD: nobody counted it on {one.key} yet. {RENEW} here adds it.")
    if untold:
        sentences.append(f"INSTRUCTIONS ARE NOT COUNTED: {untold}.")
    return lines + [line for sentence in sentences for line in _marked(sentence)]


def _marked(sentence: str) -> list[str]:
    return textwrap.wrap(
        sentence, 118, initial_indent="*** ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
