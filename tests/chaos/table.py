"""The table of what was survived, and its place in docs/reliability.md."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"


class Row(NamedTuple):
    """One kind of fault: how often it came, how often all was well again, logs confirmed meanwhile, lost, stored twice.

    ``told`` is the longest time (seconds) until /readyz said what was wrong or all worked again, None where there was
    nothing to say.
    """

    name: str
    times: int
    survived: int
    confirmed: int
    lost: int
    twice: int
    told: float | None


def markdown(rows: list[Row], outage: dict[str, int] | None, seconds: float, seed: int, *, whole: bool) -> str:
    """The table, with when and how it was made."""
    command = "make chaos ALL=1" if whole else "make chaos"
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    lines = [
        f"`{command} SEED={seed}`, {day}, {seconds / 60:.0f} minutes:",
        "",
        "| fault | times | survived | logs confirmed | lost | stored twice | reported or repaired within |",
        "|---|---|---|---|---|---|---|",
    ]
    total = Row(
        "all", *(sum(row[i] for row in rows) for i in range(1, 6)), max((r.told or 0.0 for r in rows), default=0.0)
    )  # type: ignore[arg-type]  # counts
    for row in [*rows, total]:
        told = "" if row.told is None else f"{row.told:.1f} s"
        lines.append(
            f"| {row.name} | {row.times} | {row.survived} | {row.confirmed:,} | {row.lost} | {row.twice} | {told} |"
        )
    if outage is not None:
        told = ", ".join(f"{count:,} {name}" for name, count in outage.items())
        lines += ["", f"A day without the model, on a simulated clock: {told}."]
    return "\n".join(lines) + "\n"


def write(text: str, *, whole: bool) -> None:
    """Put the table where the page keeps it."""
    name = "whole" if whole else "short"
    page = PAGE.read_text()
    changed = re.sub(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{text}{m[2]}", page, flags=re.S)
    PAGE.write_text(changed)
