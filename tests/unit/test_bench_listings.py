"""The measurement of listings: its file of copies holds what the store would, and every listing is one that there is."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sqlite3
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

from andon.app.cli.command_table import load
from andon.core.models import LogQuery
from andon.store import Visitor, search

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurements belong to the checkout and are not installed."""
    monkeypatch.syspath_prepend(str(ROOT))


def module(name: str) -> ModuleType:
    return importlib.import_module(f"bench.{name}")


def small_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three times two days of the plant."""
    for name in ("plant", "plant_file", "page_file"):
        monkeypatch.setattr(module(name), "DAYS", 2)
    monkeypatch.setattr(module("page_file"), "BASE", 1_000)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    base = asyncio.run(module("plant_file").plant_file(1_000, fresh=False))
    made = asyncio.run(module("page_file").page_file(3 * base.made.rows, fresh=False))
    assert made.rows == 3 * base.made.rows
    return Path(made.path)


def test_the_file_of_copies_holds_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_file(tmp_path, monkeypatch)
    with contextlib.closing(sqlite3.connect(path)) as sql:
        [logs] = sql.execute("SELECT count(*) FROM logs").fetchone()
        sums = [
            sql.execute(f"SELECT sum(count) FROM {table}").fetchone()[0]
            for table in ("patterns", "pattern_minutes", "pattern_hours", "log_hours")
        ]
        assert sql.execute("SELECT count(*) FROM rejects").fetchone()[0] > 0
        word, times = "overcurrent", "SELECT count(*) FROM logs WHERE message LIKE '%overcurrent%'"
        [holding] = sql.execute(times).fetchone()
    assert logs > 3_000
    assert sums == [logs] * 4
    with Visitor(path) as visitor:
        assert len(visitor.read(search.find, LogQuery(text=word, limit=10_000))) == min(holding, 10_000) > 0
    asked = module("listings").listings(path)
    taken = module("listings").run(("logs", "--limit", "1"), path, tmp_path)
    assert "message" in taken.line
    assert taken.cpu > 0
    assert not [word for one in asked for word in one if "{" in word]
    with pytest.raises(RuntimeError, match="printed nothing, and ended with 1"):
        module("listings").run(("logs",), tmp_path / "none.db", tmp_path)


def test_every_listing_is_one_that_there_is() -> None:
    """Its command takes the options; a slip here would be measured as a quick refusal."""
    for words in module("listings").LISTINGS:
        name, *rest = [word.format(most=1, least=2, log=3) for word in words]
        command = load(name)
        context = command.make_context(name, rest)
        if left := [*context._protected_args, *context.args]:
            command.commands[left[0]].make_context(left[0], left[1:], parent=context)
