"""The gate on what a log costs: it closes where a count grows by a tenth, and says what to do."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from andon.core.models import LogRecord
from andon.store import Store, prepare

ROOT = Path(__file__).parents[2]
HERE = {"python": "CPython 3.11", "sqlite": "SQLite 3.40.1", "machine": "x86_64"}


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, which belongs to the checkout and is not installed."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("bench.counts")


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("bench.counts_work")


@pytest.mark.parametrize(("value", "worse", "better"), [(109, False, False), (111, True, False), (89, False, True)])
def test_a_tenth_more_closes_the_gate_and_a_tenth_less_is_told(
    counts: ModuleType, value: float, worse: bool, better: bool
) -> None:
    [verdict] = counts.judged({"record: blocks": value}, {"record: blocks": {"CPython 3.11": 100.0}}, HERE)
    assert (verdict.worse, verdict.better) == (worse, better)
    said = " ".join(counts.told([verdict], ""))
    assert ("`make bench-baseline`" in said) == (worse or better)
    assert ("11% more than the 100.00 in bench/counts.json" in said) == worse
    assert ("11% less" in said) == better


@pytest.mark.parametrize(("found", "status"), [(1.05, 0), (1.2, 1)])
def test_the_exit_status_is_that_of_the_worst_count(
    counts: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: float, status: int
) -> None:
    baseline = json.loads(counts.BASELINE.read_text())["record: statements"]["everywhere"]
    monkeypatch.setattr(counts, "count", lambda: ({"record: statements": baseline * found}, "there is none"))
    assert counts.main([]) == status
    assert "INSTRUCTIONS ARE NOT COUNTED: there is none." in capsys.readouterr().out


def test_what_nobody_counted_on_this_python_is_told_and_closes_nothing(counts: ModuleType) -> None:
    [verdict] = counts.judged({"record: blocks": 100.0}, {"record: blocks": {"CPython 3.12": 1.0}}, HERE)
    assert not verdict.worse
    assert "NOT HELD: nobody counted it on CPython 3.11 yet" in " ".join(counts.told([verdict], ""))


def test_renewing_keeps_what_stands_there_of_other_machines(counts: ModuleType) -> None:
    old = {"record: instructions": {"CPython 3.11 SQLite 3.40.1 x86_64": 1.0, "CPython 3.12 SQLite 3.45.1 arm64": 2.0}}
    fresh = counts.renewed({"record: instructions": 3.0}, old, HERE)
    assert fresh["record: instructions"] == {
        "CPython 3.11 SQLite 3.40.1 x86_64": 3.0,
        "CPython 3.12 SQLite 3.45.1 arm64": 2.0,
    }


def test_what_counts_nothing_is_no_gain(counts: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter(["", json.dumps({"record: statements": 0.0})])
    monkeypatch.setattr(counts, "_run", lambda *_: next(said))
    monkeypatch.setattr(counts.shutil, "which", lambda _: None)
    assert counts.main([]) == 2


def test_what_comes_before_is_subtracted_from_instructions(counts: ModuleType) -> None:
    started, log, indexing = 5_000_000, 130, 380
    first, both = counts.FIRST, counts.FIRST + counts.COUNTED
    assert counts.instructions(
        {
            "first": started + first * log,
            "all": started + both * log,
            "first indexed": started + first * (log + indexing),
            "all indexed": started + both * (log + indexing),
        }
    ) == {"record: instructions": log, "index: instructions": indexing}


def test_the_baseline_holds_every_count(counts: ModuleType) -> None:
    baseline = json.loads(counts.BASELINE.read_text())
    assert {name for name, values in baseline.items() if values} == {one.name for one in counts.COUNTS}
    for one in counts.COUNTS:
        for key in baseline[one.name]:
            assert (key == counts.EVERYWHERE) == (not one.depends)


async def test_one_more_statement_for_a_log_closes_the_gate(
    counts: ModuleType, work: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = deliveries(work, tmp_path)
    before = await work.counted(prepared(tmp_path / "before.db"), given)
    as_before = {
        name: {counts.key_of(one, HERE): before[name]} for one in counts.COUNTS if (name := one.name) in before
    }
    again = await work.counted(prepared(tmp_path / "again.db"), given)
    assert not any(one.worse or one.better for one in counts.judged(again, as_before, HERE))

    plain = Store.record

    async def more(store: Store, records: Sequence[LogRecord], *rest: Any) -> Any:
        done = await plain(store, records, *rest)
        await store.write(lambda connection: [connection.exec_driver_sql("SELECT 1") for _ in records][:0])
        return done

    monkeypatch.setattr(Store, "record", more)
    after = await work.counted(prepared(tmp_path / "after.db"), given)
    assert [one.count_of.name for one in counts.judged(after, as_before, HERE) if one.worse] == ["record: statements"]


def test_one_more_block_for_a_log_closes_the_gate(
    counts: ModuleType, work: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = deliveries(work, tmp_path)
    before = asyncio.run(work.allocated(prepared(tmp_path / "before.db"), given))
    plain = work.decoded

    def more(*given: Any) -> list[LogRecord]:
        records: list[LogRecord] = plain(*given)
        for number, record in enumerate(records):
            record.notes = f"note {number}"
        return records

    monkeypatch.setattr(work, "decoded", more)
    after = asyncio.run(work.allocated(prepared(tmp_path / "after.db"), given))
    [blocks] = counts.judged(
        {"record: blocks": after["record: blocks"]},
        {"record: blocks": {"CPython 3.11": before["record: blocks"]}},
        HERE,
    )
    assert blocks.worse


def prepared(path: Path) -> Path:
    prepare(path, durability="normal")
    return path


def deliveries(work: ModuleType, place: Path) -> Any:
    messages = importlib.import_module("bench.record_path").messages
    (place / "messages").write_bytes(b"\n".join(messages(work.FIRST + work.COUNTED, 1)))
    return work.deliveries(place / "messages")
