"""Exported logs: safe in a spreadsheet, whole or not there, the same rows in every format."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.insight import export
from support.commands import Commands
from support.store_data import a_log, opened

MESSAGES = [
    '=HYPERLINK("http://x")',
    "+49 30 1234",
    "-5 °C",
    "@SUM(A1)",
    "\tindented",
    'a "quote", a comma',
    "line\nbreak",
    "ok",
]


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Commands over eight logs with awkward texts, run in an empty directory."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    async def work() -> None:
        async with opened(tmp_path / "data" / "agent.db") as store:
            batch = [
                a_log(n, message=m, hostname=f"h{n % 2}", context=json.dumps({"n": n}))
                for n, m in enumerate(MESSAGES, 1)
            ]
            await store.record(batch, [])

    asyncio.run(work())
    return Commands(tmp_path / "data", capsys)


def test_a_spreadsheet_runs_nothing(andon: Commands) -> None:
    """No cell begins like a formula, and what was there can still be read."""
    result = andon("export", "logs.csv")
    assert result.status == 0, result.err
    with Path("logs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["message"].removeprefix("'") for row in rows] == MESSAGES
    assert not any(row["message"].startswith(("=", "+", "-", "@", "\t")) for row in rows)
    assert "8 logs" in result.err


def test_all_formats_hold_the_same_rows(andon: Commands) -> None:
    """JSON lines, packed or not, and Parquet: every log once, oldest first; contexts are values in JSON."""
    for name in ("a.jsonl", "a.jsonl.gz", "a.parquet"):
        assert andon("export", name).status == 0
    lines = [json.loads(line) for line in Path("a.jsonl").read_text("utf-8").splitlines()]
    assert [line["message"] for line in lines] == MESSAGES
    assert [line["context"] for line in lines] == [{"n": n} for n in range(1, 9)]
    assert gzip.decompress(Path("a.jsonl.gz").read_bytes()) == Path("a.jsonl").read_bytes()
    table = pyarrow.parquet.read_table("a.parquet").to_pylist()
    assert [row["message"] for row in table] == MESSAGES
    assert list(table[0]) == list(export.COLUMNS)


def test_filters_and_standard_output(andon: Commands) -> None:
    """The filters of the listing hold, and a limit; without a file it is JSON lines."""
    result = andon("export", "--host", "h1", "--limit", "2")
    assert result.status == 0, result.err
    assert [json.loads(line)["id"] for line in result.out.splitlines()] == [1, 3]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["x.txt"], "does not say its format"),
        (["x.parquet.gz"], "compressed"),
        (["--format", "xls"], "is not a format"),
        (["x.csv", "--field", "firmware"], "is not a field"),
        (["x.csv", "--since", "yesterday-ish"], "is not a time"),
    ],
)
def test_mistakes_are_told(andon: Commands, arguments: list[str], sentence: str) -> None:
    """Status 2, one sentence, and no file."""
    result = andon("export", *arguments)
    assert result.status == 2
    assert sentence in " ".join(result.err.replace("│", " ").split())
    assert not list(Path().glob("*x*"))


def test_a_file_that_cannot_be_written(andon: Commands) -> None:
    """One sentence, and nothing half-written stays."""
    result = andon("export", "nowhere/x.csv")
    assert result.status == 1
    assert "cannot be written" in result.err
    assert "Traceback" not in result.err


@given(st.text(max_size=30))
def test_any_text_is_a_safe_cell(text: str) -> None:
    """Whatever it is, it survives CSV and begins no formula."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow([export.safe_cell(text)])
    (cell,) = next(csv.reader(io.StringIO(buffer.getvalue(), newline="")), [""]) or [""]
    assert cell.removeprefix("'") == text.replace("\x00", "").removeprefix("'")
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
