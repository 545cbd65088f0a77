"""What an answer of a real small model costs, two revisions side by side: ``python -m bench models --against REV``.

The same cases are asked of the same model file by both, in turns, each with an engine of its own: seconds, processor
seconds of the engine and its service, tokens written, and tokens read anew, that is beyond what the engine kept of the
question before. The first question of each fills that memory and is left out. Machines are shared and noisy: the ratio
counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.compare import ROOT, CompareError, checked_out

CHILD = Path(__file__).with_name("models_child.py")
#: What is measured of each answer: less is better for all.
QUANTITIES = {"seconds": "s", "processor": "s of processor", "written": "tokens written", "read": "tokens read anew"}


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 2 where a revision or a model cannot be had."""
    parser = argparse.ArgumentParser(prog="bench models", description=__doc__)
    parser.add_argument("--against", metavar="REV", required=True, help="what the working tree is compared with")
    parser.add_argument("--model", default="smollm2", help="smollm2, gemma3, or the path of a GGUF file")
    parser.add_argument("--cases", type=int, default=24, help="cases to ask, of all families in turn")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="andon-models-") as place:
        try:
            gguf = model_file(options.model)
            sides = {options.against: checked_out(options.against, Path(place)), "working tree": ROOT / "src"}
        except CompareError as error:
            print(f"bench models: {error}", file=sys.stderr)
            return 2
        children = [Child(source, gguf, options.cases) for source in sides.values()]
        try:
            rows = [[child.ask(number) for child in children] for number in range(options.cases)][1:]
        finally:
            for child in children:
                child.end()
    print(f"\n{gguf.name}: {len(rows)} cases asked in turns; means of an answer, and the ratio of the means")
    print(table(list(sides), rows))
    return 0


def model_file(name: str) -> Path:
    """The model's file, fetched where it is one that the tests know. Raises CompareError."""
    if Path(name).is_file():
        return Path(name)
    fetch = [sys.executable, str(ROOT / "tools" / "real_models.py"), name]
    done = subprocess.run(fetch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompareError(f"there is no model {name}: {(done.stderr.strip() or 'it said nothing').splitlines()[-1]}")
    return Path(done.stdout.strip().splitlines()[-1])


class Child:
    """One side: its source, and an engine that goes on running between the questions."""

    def __init__(self, source: Path, gguf: Path, cases: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(CHILD), str(gguf), str(cases)],
            env={**os.environ, "PYTHONPATH": str(source)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, number: int) -> dict[str, Any]:
        """What the answer to one case took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the child ended before it answered; it has said why")
        took: dict[str, Any] = json.loads(line)
        return took

    def end(self) -> None:
        """Let it end, with its engine."""
        self._process.communicate()


def table(names: list[str], rows: list[list[dict[str, Any]]]) -> str:
    """Means of both sides, and the second's beside the first's."""
    width = max(14, *map(len, names))
    lines = [f"  {'':<18}{names[0]:>{width}}  {names[1]:>{width}}  {names[1]} / {names[0]}"]
    for name, unit in QUANTITIES.items():
        one, other = (statistics.mean(row[side][name] for row in rows) for side in (0, 1))
        lines.append(f"  {unit:<18}{one:>{width}.2f}  {other:>{width}.2f}  {other / one:.2f} x")
    given = [sum(row[side]["answered"] for row in rows) for side in (0, 1)]
    lines.append(f"  {'findings given':<18}{given[0]:>{width}}  {given[1]:>{width}}")
    return "\n".join(lines)
