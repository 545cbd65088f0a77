"""Rows of measurements that print their figures and return none: found in what was printed.

A measurement that returns rows itself needs nothing here. What is not found is no row, and the table says that it was
not measured: nothing is guessed.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bench.rows import Row


class Tee:
    """What is printed meanwhile, shown and kept; a context manager."""

    def __init__(self) -> None:
        self._kept = io.StringIO()
        self._shown = sys.stdout

    @property
    def text(self) -> str:
        """All that was printed so far."""
        return self._kept.getvalue()

    def __enter__(self) -> Self:
        self._shown, sys.stdout = sys.stdout, self  # type: ignore[assignment]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        sys.stdout = self._shown

    def write(self, text: str) -> int:
        """Show and keep."""
        self._kept.write(text)
        return self._shown.write(text)

    def flush(self) -> None:
        """Of what is shown."""
        self._shown.flush()


def rows_in(name: str, text: str) -> list[Row]:
    """The rows that stand in what the measurement called ``name`` printed."""
    reader = _READERS.get(name)
    return [] if reader is None else reader(text)


_NUMBER = r"([\d,]+(?:\.\d+)?)"


def _find(pattern: str, text: str) -> list[float] | None:
    found = re.search(pattern, text, re.MULTILINE)
    return None if found is None else [float(part.replace(",", "")) for part in found.groups()]


def _service(text: str) -> list[Row]:
    rows = []
    if found := _find(rf"cold start to /readyz {_NUMBER} to {_NUMBER} s \({_NUMBER} starts\)", text):
        low, high, starts = found
        rows.append(
            Row("start: ready", low, "s", spread=(low, high), rounds=int(starts), note="the lowest of the rounds")
        )
    if found := _find(rf"service \+ broker: {_NUMBER} MiB .* idle, {_NUMBER} MiB .* after {_NUMBER} logs", text):
        rows.append(Row("memory, idle (default provider)", found[0], "MiB"))
        rows.append(Row(f"memory, after {found[2]:,.0f} logs", found[1], "MiB"))
    if found := _find(rf"live, .*: {_NUMBER} logs/s", text):
        rows.append(Row("live, publish to commit", found[0], "logs/s"))
    return rows


def _history(text: str) -> list[Row]:
    slow = {
        match[1].strip(): float(match[2].replace(",", ""))
        for match in re.finditer(rf"^    (\S.*?) +{_NUMBER.replace('(', '(?:', 1)} +{_NUMBER} ms", text, re.MULTILINE)
    }
    kinds: dict[str, Callable[[str], bool]] = {
        "history: page": lambda name: not name.startswith(("text: ", "diff: ")),
        "history: search": lambda name: name.startswith("text: "),
        "history: diff": lambda name: name.startswith("diff: "),
        "history: alarms": lambda name: name in ("alarm figures, 30 d", "alarm figures, 90 d"),
    }
    rows = []
    for kind, belongs in kinds.items():
        if of_kind := {name: value for name, value in slow.items() if belongs(name)}:
            worst = max(of_kind, key=of_kind.__getitem__)
            rows.append(Row(kind, of_kind[worst], "ms", note=f"{worst} of {len(of_kind)}"))
    if found := _find(rf"longest batch of \d+: {_NUMBER} ms", text):
        rows.append(Row("history: batch", found[0], "ms"))
    if found := _find(rf"recorded at {_NUMBER} logs/s, indexed at {_NUMBER} logs/s", text):
        rows.append(Row("indexing alone", found[1], "logs/s", yardstick="recording alone", beside=found[0]))
    return rows


_READERS: dict[str, Callable[[str], list[Row]]] = {
    "service": _service,
    "history": _history,
}
