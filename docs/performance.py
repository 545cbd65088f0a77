"""Write the table of docs/performance.md from runs of the measurements.

``python -m bench --json FILE`` makes one; ``python docs/performance.py FILE ...`` takes one or several (the long
measurements are run by name): where a row stands in more than one, the last file counts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # the measurements belong to the checkout and are not installed

from bench.promises import PROMISES  # noqa: E402
from bench.rows import Row  # noqa: E402
from bench.table import Run, cells, figure, read, told  # noqa: E402

PAGE = HERE / "performance.md"
BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
_NAMES = {one.name for one in PROMISES}


def main(arguments: Sequence[str]) -> None:
    """Put the table between its marks."""
    parser = argparse.ArgumentParser(prog="docs/performance.py", description=__doc__)
    parser.add_argument("files", metavar="FILE", nargs="+", help="of a run: python -m bench --json FILE")
    files = parser.parse_args(arguments).files
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{measured([read(Path(one)) for one in files])}{END}{after}", encoding="utf-8")


def measured(runs: Sequence[Run]) -> str:
    """Machines, the promised rows, the others, what is not met, and what a box is chosen by."""
    found = {row.name: row for run in runs for row in run.rows}
    parts = [_machines(runs), _promised(found)]
    if others := [row for name, row in found.items() if name not in _NAMES]:
        lines = ["Measured beside these:", "", "| figure | measured | beside | ratio (spread) |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(cells(row)[:4])} |" for row in others]
        parts.append("\n".join(lines))
    parts += [*_honest(found), *_box(found)]
    if notes := [f"{row.name}: {row.note}" for row in found.values() if row.note]:
        parts.append("Notes on rows: " + "; ".join(notes) + ".")
    return "\n\n".join(parts) + "\n"


def _machines(runs: Sequence[Run]) -> str:
    lines = []
    for run in runs:
        machine, programs = told(run.machine)
        mine = ", ".join(sorted({row.name.partition(":")[0] for row in run.rows}))
        lines.append(f"- {machine}. {programs}." + (f" Rows: {mine}." if len(runs) > 1 else ""))
    return "\n".join(lines)


def _promised(found: Mapping[str, Row]) -> str:
    lines = ["| row | figure | measured | beside | ratio (spread) | goal | met |", "|---|---|---|---|---|---|---|"]
    for promise in PROMISES:
        row = found.get(promise.name)
        if row is None:
            lines.append(f"| `{promise.name}` | {promise.told} | not measured | | | {promise.goal} | |")
            continue
        _, value, beside, ratio, goal, met = cells(row)
        lines.append(f"| `{promise.name}` | {promise.told} | {value} | {beside} | {ratio} | {goal} | {met} |")
    return "\n".join(lines)


def _honest(found: Mapping[str, Row]) -> Iterator[str]:
    judged = {name: row.met for name, row in found.items() if name in _NAMES}
    missed = [f"`{one.name}`" for one in PROMISES if judged.get(one.name) is False]
    unknown = [f"`{one.name}`" for one in PROMISES if judged.get(one.name) is None]
    kept = sum(met is True for met in judged.values())
    yield f"{kept} of {len(PROMISES)} goals are met." + (f" **Not met:** {', '.join(missed)}." if missed else "")
    if unknown:
        yield f"Not measured, or not comparable, in these runs: {', '.join(unknown)}."


def _box(found: Mapping[str, Row]) -> Iterator[str]:
    """What the runs say of logs a second, memory and disk, as far as they were measured."""
    said = []
    if row := found.get("indexer: sustained"):
        said.append(f"{figure(row.value)} logs a second, recorded and searchable")
    elif row := found.get("record: bare loop"):
        said.append(f"{figure(row.value)} logs a second, recorded")
    if row := found.get("memory: 50,000 logs"):
        said.append(f"{figure(row.value)} MiB of memory after 50,000 logs")
    if row := found.get("file: per log"):
        said.append(f"{figure(row.value)} MB of disk for a million logs")
    if said:
        yield f"What this machine does: {'; '.join(said)}."


if __name__ == "__main__":
    main(sys.argv[1:])
