"""The table that a run ends with, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.machine import Machine
from bench.promises import PROMISES
from bench.rows import Row

_NAMES = [one.name for one in PROMISES]


class Run(msgspec.Struct, frozen=True):
    """What one run of ``python -m bench`` found, and on what."""

    machine: Machine
    rows: list[Row]


def write(run: Run, path: Path) -> None:
    """The run as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")


def read(path: Path) -> Run:
    """What :func:`write` wrote. Raises OSError, and msgspec.DecodeError where it is no run."""
    return msgspec.json.decode(path.read_bytes(), type=Run)


def printed(run: Run) -> str:
    """Every promised row, measured or not, then the others; above them the machine."""
    found = {row.name: row for row in run.rows}
    lines = [("", "value", "yardstick", "ratio (spread)", "goal", "met")]
    for promise in PROMISES:
        row = found.get(promise.name)
        missing = f"not measured: python -m bench {promise.measurement}"
        lines.append(cells(row) if row else (promise.name, "", missing, "", promise.goal, ""))
    lines += [cells(row) for row in run.rows if row.name not in _NAMES]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) for line in lines]
    notes = [f"{row.name}: {row.note}" for row in run.rows if row.note]
    parts = [*told(run.machine), "", *shown, *(["", *notes] if notes else [])]
    return "\n".join(f"  {part}".rstrip() for part in parts)


def told(machine: Machine) -> Iterator[str]:
    """The machine in two lines."""
    yield (
        f"{machine.day}, revision {machine.revision}: {machine.cores} cores of {machine.model}, "
        f"{machine.memory_mib:,} MiB, {machine.disk}; load {machine.load_before:g} before, {machine.load_after:g} after"
    )
    yield (
        f"{machine.system}, Python {machine.python}, SQLite {machine.sqlite}, nats-server {machine.nats_server}, "
        f"nats-py {machine.nats_py}"
    )


def cells(row: Row) -> tuple[str, str, str, str, str, str]:
    """Name, value, yardstick, ratio with spread, goal, and whether it is met."""
    beside = "" if row.beside is None else f"{figure(row.beside)} {row.yardstick}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f} x"
    if row.spread is not None:
        low, high = (f"{one:.2f}" if row.ratio is not None else figure(one) for one in row.spread)
        ratio = f"{ratio} ({low} to {high}, {row.rounds} rounds)".strip()
    met = "" if row.full or not row.goal else "less was measured"
    if row.met is not None:
        met = "yes" if row.met else "NO"
    return row.name, f"{figure(row.value)} {row.unit}", beside, ratio, row.goal, met


def figure(value: float) -> str:
    """A number with three digits that count, or whole."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
