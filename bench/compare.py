"""Two revisions side by side: ``python -m bench compare REV [--against REV]``; against the working tree unless given.

The same interpreter runs the source of both, in turns, on the same messages. The service is looked at from outside
(``compare_service.py``): ``andon run`` as a process of its own with its broker. Decoding and fingerprinting are
measured in a child (``compare_child.py``), which finds them under the names they have had. ``counts`` is counted once,
by ``counts_work.py``. Machines are shared and noisy: the ratio of neighbouring rounds counts.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import compare_service, counts
from bench.record_path import messages
from bench.table import figure

ROOT = Path(__file__).resolve().parent.parent
CHILD = Path(__file__).with_name("compare_child.py")
#: What a round measures, and its unit; those in MORE are better when they are more.
QUANTITIES = {
    "decoding": "logs/CPU s",
    "fingerprinting": "logs/CPU s",
    "start to /readyz": "s",
    "start to /readyz, CPU": "CPU s",
    "start until warm, CPU": "CPU s",
    "memory, idle": "MiB",
    "idle, share of a core": "%",
    "idle, wake-ups": "a second",
    "record path": "logs/s",
    "record path, CPU": "logs/CPU s",
    "sustained, with indexing": "logs/s",
    "memory, after that": "MiB",
    **{f"asked: {name}": "ms" for name in compare_service.QUESTIONS},
    "asked: all, CPU": "CPU ms",
    "a model call, CPU": "CPU ms",
}
MORE = {name for name, unit in QUANTITIES.items() if unit.startswith("logs/")}
#: Rows of the table that say nothing about two revisions, and why.
NOT_COMPARED = {
    "telegraf and the bare loops": "yardsticks are the same in both; `record path` and `sustained` have the ratio",
    "ten million logs": "a file of that size takes each revision half an hour: `asked` is of the logs of a round; "
    "`python -m bench history` in each worktree",
    "memory over garbage": "half an hour: `python -m bench garbage` in each worktree",
    "the agent layer alone": "it is reached by names inside; `a model call` is of the whole service",
}


class CompareError(Exception):
    """Why two revisions cannot be compared, as a sentence."""


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 2 where a revision cannot be had."""
    parser = argparse.ArgumentParser(prog="bench compare", description=__doc__)
    parser.add_argument("revision", metavar="REV", help="what is compared: a commit as git names it")
    parser.add_argument("--against", metavar="REV", help="what it is compared with; the working tree unless given")
    parser.add_argument("--only", choices=[*PARTS, "counts"], nargs="+", help="parts of it; all unless given")
    parser.add_argument("--quick", action="store_true", help="fewer messages and rounds")
    parser.add_argument("--rounds", type=int, help="how often both are measured; 5 (quick: 3) unless given")
    options = parser.parse_args(arguments)
    count, rounds = (10_000, options.rounds or 3) if options.quick else (40_000, options.rounds or 5)
    wanted = options.only or [*PARTS, "counts"]
    with tempfile.TemporaryDirectory(prefix="andon-compare-") as place:
        try:
            sides = {
                options.revision: checked_out(options.revision, Path(place) / "revision"),
                options.against or "working tree": ROOT / "src"
                if options.against is None
                else checked_out(options.against, Path(place) / "against"),
            }
        except CompareError as error:
            print(f"bench compare: {error}", file=sys.stderr)
            return 2
        if len(sides) < 2:
            print(f"bench compare: {options.revision} is compared with itself; name another one.", file=sys.stderr)
            return 2
        given = Path(place) / "messages.jsonl"
        given.write_bytes(b"\n".join(messages(count, 1)))
        if set(wanted) - {"counts"}:
            measured = in_turns(sides, given, Path(place), rounds, wanted)
            print(
                f"\n{count:,} messages of about 255 bytes, {rounds} rounds in turns; medians, ratios with their spread"
            )
            print(table(measured))
            print("  On a busy machine believe CPU, memory and wake-ups before seconds, and a wide spread not at all.")
        if "counts" in wanted:
            print("\ncounted once, which does not depend on the machine:")
            print(counted({name: _counts(source) for name, source in sides.items()}))
    print("\nnot compared:")
    for what, why in NOT_COMPARED.items():
        print(f"  {what}: {why}")
    return 0


def in_turns(
    sides: Mapping[str, Path], given: Path, place: Path, rounds: int, wanted: Sequence[str]
) -> dict[str, list[dict[str, float]]]:
    """The rounds of both sides, which alternate so that what the machine does meanwhile meets both."""
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for number in range(rounds):
        for side, (name, source) in enumerate(sides.items()):
            found: dict[str, float] = {}
            for part, measure in PARTS.items():
                if part in wanted:
                    found |= measure(source, given, place / f"{number}-{side}-{part}")
            measured[name].append(found)
            print(f"  round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
    return measured


def checked_out(revision: str, place: Path) -> Path:
    """The source directory of ``revision``, unpacked into ``place``. Raises CompareError where there is none."""
    git = ["git", "-C", str(ROOT)]
    try:
        found = subprocess.run(
            [*git, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode:
            raise CompareError(
                f"{revision!r} is no commit of this repository; name one as git does: HEAD~1, a tag, a branch."
            )
        archive = subprocess.run([*git, "archive", found.stdout.strip(), "src"], capture_output=True, check=True)
    except OSError as error:
        raise CompareError(f"git cannot be run ({error}); revisions come from it.") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise CompareError(f"git has no src of {revision!r} ({said}).") from None
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(place, filter="data")
    return place / "src"


def inside(source: Path, given: Path, _: Path) -> dict[str, float]:
    """Decoding and fingerprinting alone, logs for a CPU second."""
    done = subprocess.run(
        [sys.executable, str(CHILD), str(given), str(source)],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the child over {source} failed: {done.stderr[-2000:]}")
    count = len(given.read_bytes().splitlines())
    return {name: count / taken for name, taken in json.loads(done.stdout).items()}


def service(source: Path, given: Path, place: Path) -> dict[str, float]:
    """Start, quiet, a full stream and questions."""
    return compare_service.whole_service(source, given.read_bytes().splitlines(), place)


def calls(source: Path, given: Path, place: Path) -> dict[str, float]:
    """Answers of a model that answers at once."""
    return compare_service.answers(source, given.read_bytes().splitlines()[:210], place)


#: What a round consists of; ``--only`` chooses.
PARTS: dict[str, Callable[[Path, Path, Path], dict[str, float]]] = {
    "inside": inside,
    "service": service,
    "calls": calls,
}


def _counts(source: Path) -> dict[str, float] | str:
    """What ``python -m bench counts`` counts over a revision's source, or why it cannot."""
    try:
        return counts.count(source)[0]
    except counts.CountError as error:
        return str(error)


def counted(found: Mapping[str, dict[str, float] | str]) -> str:
    """Both sides' counts and their ratio; what has none of a name that the counting program uses is said so."""
    (one, first), (other, second) = found.items()
    refused = [f"  {name} cannot be counted: {why}" for name, why in found.items() if isinstance(why, str)]
    if isinstance(first, str) or isinstance(second, str):
        return "\n".join(refused)
    width = max(14, len(one), len(other))
    lines = [f"  {'':<26}{one:>{width}}  {other:>{width}}  {other} / {one}"]
    lines += [
        f"  {name:<26}{first[name]:>{width},.2f}  {second[name]:>{width},.2f}  {second[name] / first[name]:.2f} x"
        for name in first
        if name in second
    ]
    return "\n".join(lines)


def table(measured: dict[str, list[dict[str, float]]]) -> str:
    """Medians of both, and the median and spread of the second beside the first, round by round."""
    (one, ones), (other, others) = measured.items()
    width = max(14, len(one), len(other))
    lines = [f"  {'':<26}{one:>{width}}  {other:>{width}}  {other} / {one}"]
    for name, unit in QUANTITIES.items():
        pairs = [
            (first[name], second[name])
            for first, second in zip(ones, others, strict=True)
            if name in first and name in second
        ]
        if not pairs:
            if any(name in found for found in (*ones, *others)):
                lines.append(f"  {name:<26}only one of the two has it")
            continue
        ratios = [second / first if first else math.nan for first, second in pairs]
        medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        shown = "  ".join(f"{figure(value):>{width}}" for value in medians)
        better = "more" if name in MORE else "less"
        lines.append(f"  {name:<26}{shown}  {statistics.median(ratios):.2f} x ({spread})  {unit}, {better} is better")
    return "\n".join(lines)
