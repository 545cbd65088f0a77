"""The table that measurements end with: goals, what is missing, and the page that is written from it."""

from __future__ import annotations

import importlib
import runpy
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurements belong to the checkout and are not installed."""
    monkeypatch.syspath_prepend(str(ROOT))


def module(name: str) -> ModuleType:
    return importlib.import_module(f"bench.{name}")


def run(*rows: Any) -> Any:
    machine = module("machine").Machine(
        *("2026-11-30", "abc", 2, "a slow core", 2048, "ext4", "Linux", "3.11.7", "3.40.1", "2.15.1", "2.16.0"),
        0.1,
        0.2,
    )
    return module("table").Run(machine, module("promises").with_goals(rows))


@pytest.mark.parametrize(
    ("goal", "met"),
    [("<= 80", True), ("<= 79", False), (">= 80", True), ("<= 1.6 x", True), (">= 1.7 x", False), ("", None)],
)
def test_a_goal_is_of_the_value_or_of_the_ratio(goal: str, met: bool | None) -> None:
    assert module("rows").Row("memory", 80, "MiB", beside=50, goal=goal).met is met


def test_a_goal_that_is_misspelt_is_no_goal_that_is_met() -> None:
    with pytest.raises(ValueError, match="begins with >= or <="):
        _ = module("rows").Row("memory", 80, "MiB", goal="80").met


def test_the_ratio_of_rounds_in_turn_is_that_of_neighbours() -> None:
    rows = module("rows")
    row = rows.Row("record", unit="logs/s", yardstick="a loop", **rows.in_turn([100, 50, 11], [200, 100, 20]))
    assert (row.ratio, row.spread, row.value, row.beside) == (0.5, (0.5, 0.55), 50, 100)


def test_what_was_not_measured_and_what_was_measured_less_of_is_said() -> None:
    row = module("rows").Row
    table = module("table")
    told = table.printed(run(row("idle: share", 0.2, "%"), row("history: diff", 90, "ms", full=False)))
    lines = {line[2:].partition("  ")[0]: line for line in told.splitlines()}
    assert lines["idle: share"].split()[-3:] == ["<=", "0.3", "yes"]
    assert lines["history: diff"].endswith("less was measured")
    assert "not measured: python -m bench start" in lines["start: ready"]


def test_json_holds_the_same(tmp_path: Path) -> None:
    table = module("table")
    made = run(module("rows").Row("idle: share", 0.2, "%", spread=(0.1, 0.3), rounds=3))
    table.write(made, tmp_path / "run.json")
    assert table.read(tmp_path / "run.json") == made
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(msgspec.DecodeError):
        table.read(tmp_path / "none.json")


def test_rows_are_found_in_what_is_printed_and_never_guessed() -> None:
    printed = module("printed")
    text = "  recorded at 40,000 logs/s, indexed at 30,000 logs/s\n"
    [row] = printed.rows_in("history", text)
    assert (row.name, row.value, row.ratio) == ("indexing alone", 30_000, 0.75)
    assert printed.rows_in("history", "something else") == []
    assert printed.rows_in("storm", text) == []


def test_rounds_in_turn_are_compared_round_by_round() -> None:
    """A slow hour slows both: the ratio is that of neighbours, not of the medians."""
    made = module("rows").in_turns("record: bare loop", [10, 30, 100], [20, 40, 50], "logs/s", "bare loop")
    assert (made.value, made.beside, made.ratio, made.spread, made.rounds) == (30, 40, 0.75, (0.5, 2.0), 3)


def test_the_page_is_written_between_its_marks_and_names_what_is_missed(tmp_path: Path) -> None:
    row, table = module("rows").Row, module("table")
    page = runpy.run_path(str(ROOT / "docs" / "performance.py"))
    copy = tmp_path / "performance.md"
    copy.write_text((ROOT / "docs" / "performance.md").read_text())
    page["main"].__globals__["PAGE"] = copy
    for number, share in enumerate((0.2, 0.9)):
        found = run(row("idle: share", share, "%"), row("file: per log", 412, "bytes", yardstick="JSON", beside=362))
        table.write(found, tmp_path / f"{number}.json")
        page["main"]([str(tmp_path / f"{number}.json")])
    text = copy.read_text()
    assert text.count("| `idle: share` |") == 1  # the second run took the place of the first
    assert "1 of 22 goals are met. **Not met:** `idle: share`." in text
    assert "412 MB of disk for a million logs" in text
    assert "| `start: ready` | start to /readyz, empty data directory | not measured |" in text
    assert text.startswith("# Performance")
    assert text.endswith("what is not held.\n")
