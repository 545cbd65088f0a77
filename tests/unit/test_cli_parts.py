"""What commands, files and the API show of logs that came several in a message, and of bytes that were no UTF-8."""

from __future__ import annotations

import asyncio
import base64
import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet
import pytest

from andon.app.web.api.answers import as_log
from andon.store import Visitor, search
from support.commands import Commands
from support.store_data import a_log, a_reject, opened

ODD = b'{"message": "M\xf6tor hei\xdf"}'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A message of two logs and a reject, and a log of its own, the second with bytes that are no UTF-8."""

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            logs = [a_log(1), a_log(1, part=2, message="Mötor heiß", raw=ODD), a_log(2)]
            await store.record(logs, [a_reject(1, part=1, data=b"7")])

    asyncio.run(work())
    return tmp_path


@pytest.fixture
def andon(data: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Commands over it."""
    return Commands(data, capsys)


def test_a_log_is_shown_with_its_place_and_its_bytes(andon: Commands) -> None:
    """Where there is something to say; JSON has the bytes in base64."""
    shown = " ".join(andon("show", "2").out.split())
    assert "AGENT_STREAM 1, part 2" in shown
    assert f"raw bytes {len(ODD)}, not UTF-8: `andon show 2 --raw` writes them" in shown
    for other in ("1", "3"):
        assert not any(word in andon("show", other).out for word in ("part", "raw bytes"))
    found = andon("show", "2", "--json").json
    assert (found["part"], base64.b64decode(found["raw"])) == (2, ODD)
    listed = andon("logs", "--json", "--oldest").json
    assert [(row["part"], row["raw"] is None) for row in listed] == [(0, True), (2, False), (0, True)]
    refused = andon("show", "1", "--raw")
    assert (refused.status, "no raw bytes of log 1 are kept" in refused.err) == (1, True)


def test_the_bytes_of_a_log_are_written_as_they_came(data: Path, capsysbinary: pytest.CaptureFixture[Any]) -> None:
    """To the letter, and nothing else."""
    assert Commands(data, capsysbinary)("show", "2", "--raw").out == ODD


def test_a_reject_is_shown_with_its_place(andon: Commands, tmp_path: Path) -> None:
    """In a column of its own where any has one."""
    assert "AGENT_STREAM 1, part 1" in andon("rejects", "show", "1").out
    assert andon("rejects", "show", "1", "--json").json["part"] == 1
    assert [row["part"] for row in andon("rejects", "--json").json] == [1]
    assert "part" in andon("rejects").out.splitlines()[0]

    async def whole() -> None:
        async with opened(tmp_path / "other" / "agent.db") as store:
            await store.record([], [a_reject(1)])

    asyncio.run(whole())
    andon.settings["ANDON_DATA_DIR"] = str(tmp_path / "other")
    assert "part" not in andon("rejects").out
    assert "part" not in andon("rejects", "show", "1").out


def test_exported_logs_have_their_bytes(andon: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In base64 for text files, as they are for Parquet."""
    monkeypatch.chdir(tmp_path)
    for name in ("logs.csv", "logs.jsonl", "logs.parquet"):
        assert andon("export", name).status == 0
    with Path("logs.csv").open(newline="", encoding="utf-8") as file:
        assert [base64.b64decode(row["raw"]) for row in csv.DictReader(file)] == [b"", ODD, b""]
    lines = [json.loads(line)["raw"] for line in Path("logs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == [None, base64.b64encode(ODD).decode(), None]
    assert pyarrow.parquet.read_table("logs.parquet")["raw"].to_pylist() == [None, ODD, None]


def test_the_api_answers_with_place_and_bytes(data: Path) -> None:
    """The bytes in base64."""
    with Visitor(data / "agent.db") as visitor:
        found = json.loads(msgspec.json.encode(as_log(visitor.read(search.log, 2))))
    assert (found["part"], base64.b64decode(found["raw"])) == (2, ODD)
